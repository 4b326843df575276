/* test_shape.c - shapes of what goes into the console's operations and comes out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/shape.h"

#include "office/console/api_serve.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

TEST(shape, values_fit_or_are_refused_by_name)
{
    static const char shape[] = "n:int! p:points m:money d:day! t:time s:text b:bool j:json o:{a:int! b:text}"
                                " l:[x:int!] w:[text]";
    static const struct {
        const char *json, *field; /* field NULL = fits */
    } cases[] = {
        {"{'n':1,'d':'2026-11-22'}", NULL},
        {"{'n':1,'d':null}", NULL}, /* never */
        {"{'n':1,'d':'2026-02-29'}", "d"},
        {"{'d':null}", "n"},
        {"{'n':null,'d':null}", "n"},
        {"{'n':1}", "d"},
        {"{'n':1.0,'d':null}", "n"},
        {"{'n':'1','d':null}", "n"},
        {"{'n':true,'d':null}", "n"},
        {"{'n':1,'d':null,'p':5,'m':-7}", NULL},
        {"{'n':1,'d':null,'p':5.5}", "p"},
        {"{'n':1,'d':null,'t':'2026-11-22T13:05:00'}", NULL},
        {"{'n':1,'d':null,'t':'2026-11-22'}", "t"},
        {"{'n':1,'d':null,'t':'2026-11-22T13:05'}", "t"},
        {"{'n':1,'d':null,'s':5}", "s"},
        {"{'n':1,'d':null,'s':null}", NULL},
        {"{'n':1,'d':null,'b':1}", "b"},
        {"{'n':1,'d':null,'b':false,'j':[1,{}]}", NULL},
        {"{'n':1,'d':null,'o':{'a':1}}", NULL},
        {"{'n':1,'d':null,'o':{}}", "o.a"},
        {"{'n':1,'d':null,'o':[]}", "o"},
        {"{'n':1,'d':null,'o':{'a':1,'z':2}}", "o.z"},
        {"{'n':1,'d':null,'l':[{'x':1},{'x':'1'}]}", "l.1.x"},
        {"{'n':1,'d':null,'l':[1]}", "l.0"},
        {"{'n':1,'d':null,'l':{}}", "l"},
        {"{'n':1,'d':null,'w':['a','b']}", NULL},
        {"{'n':1,'d':null,'w':['a',1]}", "w.1"},
        {"{'n':1,'d':null,'extra':1}", "extra"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200], field[SHAPE_FIELD_SIZE];
        struct errmsg why = {""};
        snprintf(text, sizeof text, "%s", cases[i].json);
        for (char *p = text; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        json_t *j = json_loads(text, 0, NULL);
        enum err e = shape_check(shape, j, field, &why);
        if ((e != OK) != (cases[i].field != NULL) || (e && strcmp(field, cases[i].field) != 0))
            fail_msg("%s: %s %s", text, field, why.text);
        if (e)
            assert_non_null(strstr(why.text, cases[i].field));
        json_decref(j);
    }
}

TEST(shape, a_query_is_held_to_how_its_values_are_written)
{
    static const char shape[] = "n:int d:day b:bool s:text must:text!";
    static const struct {
        const char *name, *value;
        bool good;
    } cases[] = {{"n", "12", true},  {"n", "-12", true}, {"n", "", false},  {"n", "1x", false}, {"n", "1234567890123456789", false},
                 {"d", "2026-11-22", true}, {"d", "22.11.2026", false}, {"b", "1", true}, {"b", "yes", false},
                 {"s", "anything", true}, {"other", "1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char field[SHAPE_FIELD_SIZE];
        struct errmsg why = {""};
        json_t *q = json_pack("{ssss}", "must", "", cases[i].name, cases[i].value);
        enum err e = shape_check_query(shape, q, field, &why);
        if ((e == OK) != cases[i].good)
            fail_msg("%s=%s: %s", cases[i].name, cases[i].value, why.text);
        json_decref(q);
    }
    char field[SHAPE_FIELD_SIZE];
    json_t *none = json_object();
    assert_int_equal(shape_check_query(shape, none, field, NULL), ERR_FORMAT);
    assert_string_equal(field, "must");
    json_decref(none);
}

static void read_all(const char *shape)
{
    struct shape_field f;
    while (shape_next(&shape, &f))
        if (f.type == SHAPE_OBJECT || (f.type == SHAPE_LIST && f.item == SHAPE_OBJECT))
            read_all(f.inside);
}

TEST(shape, every_shape_of_the_table_is_one)
{
    const struct api_op *op;
    for (int i = 0; (op = api_op_at(i)); i++) {
        read_all(op->in);
        read_all(op->query);
        read_all(op->out);
    }
}

TEST(shape, a_schema_says_the_same)
{
    json_t *schema = shape_schema("n:int! rows:[d:day! tags:[text]]!");
    char *text = json_dumps(schema, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text, "{\"additionalProperties\":false,\"properties\":{\"n\":{\"format\":\"int64\",\"type\":\"integer\"},"
              "\"rows\":{\"items\":{\"additionalProperties\":false,\"properties\":{\"d\":{\"format\":\"date\","
              "\"nullable\":true,\"type\":\"string\"},\"tags\":{\"items\":{\"type\":\"string\"},\"nullable\":true,"
              "\"type\":\"array\"}},\"required\":[\"d\"],\"type\":\"object\"},\"type\":\"array\"}},\"required\":"
              "[\"n\",\"rows\"],\"type\":\"object\"}");
    free(text);
    json_decref(schema);
}
