/* segment_read.c - a segment's rule from JSON, or all that is wrong with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "office/care/segment_core.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct reading {
    struct segment *out;
    struct segment_faults *faults;
};

static void fault(struct reading *r, const char *where, const char *what, const char *name)
{
    int32_t i = r->faults->count++;
    if (i >= SEGMENT_FAULTS_MAX)
        return;
    snprintf(r->faults->faults[i].where, sizeof r->faults->faults[i].where, "%s", *where ? where : "rule");
    snprintf(r->faults->faults[i].what, sizeof r->faults->faults[i].what, "%s%s%s", tr(what),
             *name ? ": " : "", name);
}

static struct segment_node *add_node(struct reading *r, const char *where)
{
    if (r->out->node_count == SEGMENT_NODES_MAX) {
        fault(r, where, TR_LATER("more conditions than fit"), "");
        return NULL;
    }
    struct segment_node *n = &r->out->nodes[r->out->node_count++];
    memset(n, 0, sizeof *n);
    n->least = INT64_MIN;
    n->most = INT64_MAX;
    n->size = 1;
    return n;
}

static void read_texts(struct reading *r, const json_t *list, const char *where, struct segment_node *n)
{
    size_t i;
    const json_t *text;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        fault(r, where, TR_LATER("\"in\" is a list of texts"), "");
        return;
    }
    json_array_foreach(list, i, text) {
        const char *s = json_string_value(text);
        if (!s || !*s || strlen(s) >= SEGMENT_TEXT_SIZE || strchr(s, '\n'))
            fault(r, where, TR_LATER("\"in\" has something that is no text of 1 to 40 bytes"), "");
        else if (n->text_count == SEGMENT_TEXTS_MAX)
            fault(r, where, TR_LATER("\"in\" has more texts than fit"), "");
        else
            memcpy(n->texts[n->text_count++], s, strlen(s) + 1);
    }
}

static void read_window(struct reading *r, const json_t *days, const char *where, struct segment_node *n)
{
    json_int_t d = json_integer_value(days);
    int32_t i = 0;
    if (!json_is_integer(days) || d < 1 || d > SEGMENT_DAYS_MAX) {
        fault(r, where, TR_LATER("\"days\" is 1 to 3660"), "");
        return;
    }
    while (i < r->out->window_count && r->out->windows[i] != d)
        i++;
    if (i == SEGMENT_WINDOWS_MAX) {
        fault(r, where, TR_LATER("more different \"days\" than fit"), "");
        return;
    }
    if (i == r->out->window_count)
        r->out->windows[r->out->window_count++] = (int32_t)d;
    n->window = i;
}

static void read_range(struct reading *r, const json_t *o, const char *where, struct segment_node *n)
{
    const json_t *least = json_object_get(o, "least"), *most = json_object_get(o, "most");
    if (!least && !most)
        fault(r, where, TR_LATER("\"least\" or \"most\" is missing"), "");
    if ((least && !json_is_integer(least)) || (most && !json_is_integer(most)))
        fault(r, where, TR_LATER("\"least\" and \"most\" are whole numbers"), "");
    if (least)
        n->least = json_integer_value(least);
    if (most)
        n->most = json_integer_value(most);
    if (n->least > n->most)
        fault(r, where, TR_LATER("\"least\" is more than \"most\""), "");
}

static void check_names(struct reading *r, const json_t *o, const char *where, bool texts, bool window)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, name, value) {
        bool range = strcmp(name, "least") == 0 || strcmp(name, "most") == 0;
        if (strcmp(name, "fact") != 0 && !(texts && strcmp(name, "in") == 0) && !(!texts && range) &&
            !(window && strcmp(name, "days") == 0))
            fault(r, where, TR_LATER("this is not known here"), name);
    }
}

static void read_fact(struct reading *r, const json_t *o, const char *where, struct segment_node *n)
{
    const char *name = json_string_value(json_object_get(o, "fact"));
    int f = 0;
    while (f < SEGMENT_FACTS && (!name || strcmp(segment_fact_names[f], name) != 0))
        f++;
    if (f == SEGMENT_FACTS) {
        fault(r, where, TR_LATER("there is no such fact about a member"), name ? name : "");
        return;
    }
    bool texts = f <= FACT_TAG, window = f == FACT_SPEND || f == FACT_VISITS;
    n->kind = SEGMENT_FACT;
    n->fact = (enum segment_fact)f;
    check_names(r, o, where, texts, window);
    if (texts)
        read_texts(r, json_object_get(o, "in"), where, n);
    else
        read_range(r, o, where, n);
    if (window)
        read_window(r, json_object_get(o, "days"), where, n);
}

static void read_node(struct reading *r, const json_t *o, const char *where, int depth)
{
    static const char *const joins[] = {"all", "any", "not"};
    char inner[64];
    int kind = 0;
    int32_t at = r->out->node_count;
    if (!json_is_object(o)) {
        fault(r, where, TR_LATER("a condition is an object"), "");
        return;
    }
    struct segment_node *n = add_node(r, where);
    if (!n)
        return;
    while (kind < 3 && !json_object_get(o, joins[kind]))
        kind++;
    if (kind == 3) {
        read_fact(r, o, where, n);
        return;
    }
    const json_t *list = json_object_get(o, joins[kind]);
    n->kind = (enum segment_kind)kind;
    if (json_object_size(o) != 1)
        fault(r, where, TR_LATER("this stands alone"), joins[kind]);
    if (depth == SEGMENT_DEPTH_MAX) {
        fault(r, where, TR_LATER("conditions are nested too deep"), "");
    } else if (kind == SEGMENT_NOT) {
        snprintf(inner, sizeof inner, "%.40s%snot", where, *where ? "." : "");
        read_node(r, list, inner, depth + 1);
    } else if (!json_is_array(list) || json_array_size(list) == 0) {
        fault(r, where, TR_LATER("this is a list of conditions"), joins[kind]);
    } else {
        for (size_t i = 0; i < json_array_size(list); i++) {
            snprintf(inner, sizeof inner, "%.40s%s%s[%zu]", where, *where ? "." : "", joins[kind], i);
            read_node(r, json_array_get(list, i), inner, depth + 1);
        }
    }
    r->out->nodes[at].size = r->out->node_count - at;
}

enum err segment_read(struct segment *out, const char *json, struct segment_faults *faults, struct errmsg *why)
{
    struct reading r = {out, faults};
    json_error_t error;
    memset(faults, 0, sizeof *faults);
    out->node_count = out->window_count = 0;
    json_t *o = strlen(json) > 16000 ? NULL : json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!o)
        fault(&r, "", TR_LATER("this is no JSON"), "");
    else
        read_node(&r, o, "", 0);
    json_decref(o);
    if (faults->count)
        return err_set(why, ERR_FORMAT, "%s: %s", faults->faults[0].where, faults->faults[0].what);
    return OK;
}
