/* spoil.c - see spoil.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/spoil.h"

#include "terminal/nexo/nexo_json.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

/* The kind-th way to spoil a value; NULL: to take it away. */
static json_t *spoilt(int kind)
{
    static char huge[100001];
    switch (kind) {
    case 0:
        return NULL;
    case 1:
        return nexo_json_string("");
    case 2:
        memset(huge, 'x', sizeof huge - 1);
        return nexo_json_string(huge);
    case 3:
        return nexo_json_number("-1e308");
    case 4:
        return nexo_json_number("99999999999999999999999999999999.5");
    case 5:
        return json_object();
    case 6:
        return json_pack("[[[]]]");
    case 7:
        return json_true();
    default:
        return nexo_json_string("\x01\"\\\xe7\xa7\xaf T0007-1");
    }
}

struct spoiling {
    json_t *whole;
    spoil_try *attempt;
    void *arg;
    int count;
};

static void spoil_in(struct spoiling *s, json_t *v)
{
    char names[24][100];
    const char *key;
    json_t *value;
    int count = 0;
    if (json_is_array(v))
        for (size_t i = 0; i < json_array_size(v); i++)
            spoil_in(s, json_array_get(v, i));
    json_object_foreach(v, key, value) /* a field that was away comes back as the last */
    {
        assert_true(count < 24);
        snprintf(names[count++], sizeof names[0], "%s", key);
    }
    for (int n = 0; n < count; n++) {
        value = json_incref(json_object_get(v, names[n]));
        for (int kind = s->count % 2; kind < SPOIL_KINDS; kind += 2) {
            json_t *bad = spoilt(kind);
            if (bad)
                json_object_set_new(v, names[n], bad);
            else
                json_object_del(v, names[n]);
            s->attempt(s->arg, s->whole, names[n], kind);
            s->count++;
        }
        json_object_set_new(v, names[n], json_incref(value));
        spoil_in(s, value);
        json_decref(value);
    }
}

int spoil_each(json_t *whole, spoil_try *attempt, void *arg)
{
    struct spoiling s = {.whole = whole, .attempt = attempt, .arg = arg};
    spoil_in(&s, whole);
    return s.count;
}
