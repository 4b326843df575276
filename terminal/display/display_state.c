/* display_state.c - see display_state.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/display/display_state.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- from the view ---- */

static void text(char *out, size_t size, const char *from)
{
    memset(out, 0, size);
    memcpy(out, from, strnlen(from, size - 1));
}

static void tier_text(char out[DISPLAY_TEXT_SIZE], const struct pack *pack, const char *code)
{
    const struct pack_tier *tier = pack ? pack_find_tier(pack, code) : NULL;
    text(out, DISPLAY_TEXT_SIZE, tier && tier->name[0] ? tier->name : code);
}

static void money_text(char out[PACK_MONEY_SIZE], const struct pack *pack, struct money m)
{
    char room[PACK_MONEY_SIZE];
    text(out, PACK_MONEY_SIZE, pack_money_text(room, pack, m));
}

/* All that the member owns, as far as it is known here; -1: it is not. */
static int64_t owned(const struct till_view *v)
{
    bool card = v->means == MEANS_CARD;
    struct points sum;
    if (!card && !v->told)
        return -1;
    if (!points_add(&sum, card ? v->purse : v->on_cards, v->held) || !points_add(&sum, sum, v->pending))
        return -1;
    return points_n(sum);
}

static bool is_rated(enum sale_state state)
{
    return state != SALE_IDLE && state != SALE_IDENTIFIED;
}

/* A card's purse is less by the redemption from DEBITED on; what is earned is never on it yet. */
static void put_points(struct display_state *s, const struct till_view *v)
{
    bool done = v->state == SALE_DONE;
    int64_t now = owned(v);
    s->earns = done ? points_n(v->last.earned) : is_rated(v->state) ? points_n(v->earns) : 0;
    s->redeems = points_n(done ? v->last.redeemed : v->redeemed);
    s->before = s->after = -1;
    if (now < 0)
        return;
    bool taken =
        v->means == MEANS_CARD && (done || v->state == SALE_DEBITED || v->state == SALE_CLOSING);
    s->before = taken ? now + s->redeems : now;
    s->after = s->before - s->redeems + s->earns;
}

static void put_bill(struct display_state *s, const struct till_view *v)
{
    bool done = v->state == SALE_DONE;
    struct money total = done ? v->last.total : v->bill ? v->bill->total : money_of(0);
    if (money_minor(total) == 0)
        return;
    money_text(s->total, v->pack, total);
    if (s->redeems == 0)
        return;
    money_text(s->redeems_value, v->pack, done ? v->last.by_points : v->redeemed_value);
    money_text(s->due, v->pack, done ? v->last.due : v->due);
}

/* What this sale adds is taken off what was missing at the tap. */
static void put_progress(struct display_state *s, const struct till_view *v)
{
    if (!v->told || !v->next_tier[0] || !v->pack)
        return;
    int64_t by = v->pack->metric == METRIC_SPEND    ? money_minor(v->counted)
                 : v->pack->metric == METRIC_POINTS ? s->earns
                 : v->pack->metric == METRIC_VISITS ? (s->earns > 0)
                                                    : 0; /* weighed together with what was before: not known here */
    tier_text(s->next_tier, v->pack, v->next_tier);
    s->metric = v->pack->metric;
    s->missing = v->missing > by ? v->missing - by : 0;
    if (s->metric == METRIC_SPEND)
        money_text(s->missing_value, v->pack, money_of(s->missing));
}

static void put_stamps(struct display_state *s, const struct till_view *v)
{
    const struct rules_stamp *of = NULL;
    for (int32_t i = 0; i < v->stamp_count; i++)
        if (v->stamps[i].have >= 0 && (!of || (v->stamps[i].now && !of->now)))
            of = &v->stamps[i];
    if (!of)
        return;
    text(s->stamp, sizeof s->stamp, of->name);
    s->stamps = of->have + of->now - of->full * of->every;
    s->stamps_every = of->every;
    s->stamps_full = of->full * points_n(of->points);
}

static enum display_page page_of(const struct till_view *v, int64_t still_s)
{
    bool member = v->means != MEANS_NONE;
    bool bill = v->bill && v->bill->line_count > 0;
    switch (v->state) {
    case SALE_DONE:
        return still_s < DISPLAY_THANKS_S && v->last.kind == TXN_SALE ? DISPLAY_THANKS
                                                                      : DISPLAY_IDLE;
    case SALE_PREPARING:
    case SALE_DOUBT:
        return DISPLAY_CONFIRM;
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_TOTALLED:
    case SALE_HOLDING:
    case SALE_INTENDING:
    case SALE_COMMITTING:
    case SALE_DEBITED:
    case SALE_CLOSING:
    case SALE_STATES:
        break;
    }
    if (member)
        return still_s < DISPLAY_MEMBER_S ? DISPLAY_MEMBER : DISPLAY_IDLE;
    return bill ? DISPLAY_BILL : DISPLAY_IDLE;
}

void display_state_of(struct display_state *s, const struct till_view *v, int64_t still_s)
{
    memset(s, 0, sizeof *s);
    s->page = page_of(v, still_s);
    s->training = v->training;
    s->before = s->after = -1;
    text(s->language, sizeof s->language, v->language);
    text(s->shop, sizeof s->shop, v->shop);
    text(s->programme, sizeof s->programme, v->pack ? v->pack->name : "");
    if (s->page == DISPLAY_IDLE)
        return;
    if (s->page == DISPLAY_BILL || v->means == MEANS_NONE) {
        put_bill(s, v);
        return;
    }
    if (v->member_language[0])
        text(s->language, sizeof s->language, v->member_language);
    text(s->name, sizeof s->name, v->name);
    tier_text(s->tier, v->pack, v->tier);
    s->again = v->state == SALE_DOUBT || v->second_tap;
    put_points(s, v);
    put_bill(s, v);
    put_stamps(s, v);
    if (s->page == DISPLAY_THANKS)
        put_progress(s, v);
}

bool display_state_equal(const struct display_state *a, const struct display_state *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* both were cleared before they were filled */
}

/* ---- as JSON ---- */

static const char *const page_names[DISPLAY_PAGES] = {
    [DISPLAY_IDLE] = "idle",       [DISPLAY_BILL] = "bill",     [DISPLAY_MEMBER] = "member",
    [DISPLAY_CONFIRM] = "confirm", [DISPLAY_THANKS] = "thanks", [DISPLAY_LINES] = "lines",
    [DISPLAY_YES_NO] = "yes_no",   [DISPLAY_PIN] = "pin",       [DISPLAY_NO_TILL] = "no_till",
};
static const char *const metric_names[] = {
    [METRIC_SPEND] = "spend", [METRIC_POINTS] = "points", [METRIC_VISITS] = "visits",
                                        [METRIC_MIX] = "mix"};

/* Every text of a state by its name, so that both directions have the same ones. */
struct text_field {
    const char *name;
    char *at;
    size_t size;
};
enum { TEXT_FIELDS = 11 };

static void text_fields(struct text_field out[TEXT_FIELDS], struct display_state *s)
{
    const struct text_field fields[TEXT_FIELDS] = {
        {"language", s->language, sizeof s->language},
        {"shop", s->shop, sizeof s->shop},
        {"programme", s->programme, sizeof s->programme},
        {"total", s->total, sizeof s->total},
        {"name", s->name, sizeof s->name},
        {"tier", s->tier, sizeof s->tier},
        {"redeems_value", s->redeems_value, sizeof s->redeems_value},
        {"due", s->due, sizeof s->due},
        {"next_tier", s->next_tier, sizeof s->next_tier},
        {"missing_value", s->missing_value, sizeof s->missing_value},
        {"stamp", s->stamp, sizeof s->stamp},
    };
    memcpy(out, fields, sizeof fields);
}

struct number_field {
    const char *name;
    int64_t *at;
};
enum { NUMBER_FIELDS = 8 };

static void number_fields(struct number_field out[NUMBER_FIELDS], struct display_state *s)
{
    const struct number_field fields[NUMBER_FIELDS] = {{"before", &s->before},
                                                       {"after", &s->after},
                                                       {"earns", &s->earns},
                                                       {"redeems", &s->redeems},
                                                       {"missing", &s->missing},
                                                       {"stamps", &s->stamps},
                                                       {"stamps_every", &s->stamps_every},
                                                       {"stamps_full", &s->stamps_full}};
    memcpy(out, fields, sizeof fields);
}

/* Texts that are no UTF-8 (a name cut in the middle of a character) are sent without their end. */
static json_t *json_text(const char *from)
{
    size_t size = strlen(from);
    json_t *j = NULL;
    while (!(j = json_stringn(from, size)) && size > 0)
        size--;
    return j;
}

enum err display_encode(char out[DISPLAY_JSON_MAX], const struct display_state *state,
                        struct errmsg *why)
{
    struct display_state s = *state;
    struct text_field texts[TEXT_FIELDS];
    struct number_field numbers[NUMBER_FIELDS];
    text_fields(texts, &s);
    number_fields(numbers, &s);
    json_t *root = json_object(), *lines = json_array();
    int bad = json_object_set_new(root, "page", json_string(page_names[s.page]));
    bad |= json_object_set_new(root, "ask", json_integer(s.ask));
    bad |= json_object_set_new(root, "training", json_boolean(s.training));
    bad |= json_object_set_new(root, "again", json_boolean(s.again));
    bad |= json_object_set_new(root, "metric", json_string(metric_names[s.metric]));
    for (int i = 0; i < TEXT_FIELDS; i++)
        bad |= json_object_set_new(root, texts[i].name, json_text(texts[i].at));
    for (int i = 0; i < NUMBER_FIELDS; i++)
        bad |= json_object_set_new(root, numbers[i].name, json_integer(*numbers[i].at));
    for (int i = 0; i < s.line_count; i++)
        bad |= json_array_append_new(lines, json_text(s.lines[i]));
    bad |= json_object_set_new(root, "lines", lines);
    size_t size = bad ? 0 : json_dumpb(root, out, DISPLAY_JSON_MAX - 2, JSON_COMPACT);
    json_decref(root);
    if (size == 0 || size > DISPLAY_JSON_MAX - 2)
        return err_set(why, ERR_FULL, "the display's state is too long");
    out[size] = '\n';
    out[size + 1] = 0;
    return OK;
}

static int find(const char *const *names, int count, const json_t *name)
{
    const char *wanted = json_string_value(name);
    for (int i = 0; wanted && i < count; i++)
        if (strcmp(names[i], wanted) == 0)
            return i;
    return -1;
}

static bool take_lines(struct display_state *s, const json_t *lines)
{
    if (!json_is_array(lines) || json_array_size(lines) > DISPLAY_LINES_MAX)
        return false;
    s->line_count = (int)json_array_size(lines);
    for (int i = 0; i < s->line_count; i++) {
        const char *line = json_string_value(json_array_get(lines, (size_t)i));
        if (!line)
            return false;
        text(s->lines[i], sizeof s->lines[i], line);
    }
    return true;
}

enum err display_decode(struct display_state *s, const char *line, struct errmsg *why)
{
    struct text_field texts[TEXT_FIELDS];
    struct number_field numbers[NUMBER_FIELDS];
    memset(s, 0, sizeof *s);
    text_fields(texts, s);
    number_fields(numbers, s);
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    int page = find(page_names, DISPLAY_PAGES, json_object_get(root, "page"));
    int metric = find(metric_names, 4, json_object_get(root, "metric"));
    bool good = page >= 0 && metric >= 0 && take_lines(s, json_object_get(root, "lines"));
    for (int i = 0; good && i < TEXT_FIELDS; i++) {
        const char *value = json_string_value(json_object_get(root, texts[i].name));
        good = value != NULL;
        if (good)
            text(texts[i].at, texts[i].size, value);
    }
    for (int i = 0; good && i < NUMBER_FIELDS; i++) {
        const json_t *value = json_object_get(root, numbers[i].name);
        good = json_is_integer(value);
        *numbers[i].at = json_integer_value(value);
    }
    s->page = (enum display_page)(good ? page : 0);
    s->metric = (enum pack_metric)(good ? metric : 0);
    s->ask = (uint32_t)json_integer_value(json_object_get(root, "ask"));
    s->training = json_is_true(json_object_get(root, "training"));
    s->again = json_is_true(json_object_get(root, "again"));
    json_decref(root);
    return good ? OK : err_set(why, ERR_FORMAT, "this is no state of a till");
}
