/* test_reviews.c - what a person has to look at is there until somebody says what was found, once, and stays on record.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <string.h>

static struct ledgers l;
static struct apis a;

static size_t rows(const char *path)
{
    json_t *answer = apis_ask(&a, "GET", path, NULL);
    assert_int_equal(a.status, 200);
    size_t count = json_array_size(json_object_get(answer, "rows"));
    json_decref(answer);
    return count;
}

TEST(reviews, a_row_is_open_until_somebody_says_what_was_found_and_then_on_record_for_ever)
{
    ledgers_open(&l, "reviews", "", "");
    ledgers_sale(&l, 1, 77, "A 1 10.00", 1); /* nobody has this number */
    apis_begin(&a, l.books);
    apis_user(&a, ROLE_CLERK);
    json_t *answer = apis_ask(&a, "GET", "/api/reviews", NULL);
    json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "answer")), "the member is not known");
    char path[64];
    snprintf(path, sizeof path, "/api/reviews/%s/done", json_string_value(json_object_get(row, "review")));
    json_decref(answer);
    a.language = "zh";
    answer = apis_ask(&a, "GET", "/api/reviews", NULL);
    row = json_array_get(json_object_get(answer, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "answer")), "没有这个会员");
    json_decref(answer);
    a.language = "en";
    apis_expect(&a, 400, "POST", path, "{\"remark\": \"\"}");
    assert_string_equal(a.field, "remark");
    apis_expect(&a, 404, "POST", "/api/reviews/1-99/done", "{\"remark\": \"x\"}");
    apis_expect(&a, 400, "POST", "/api/reviews/all/done", "{\"remark\": \"x\"}");
    apis_expect(&a, 200, "POST", path, "{\"remark\": \"typed wrongly, claimed by M7\"}");
    apis_expect(&a, 409, "POST", path, "{\"remark\": \"again\"}");
    assert_int_equal(rows("/api/reviews"), 0);
    assert_int_equal(rows("/api/reviews?all=1"), 1);
    apis_end(&a);
    ledgers_sound(&l); /* a replay knows nothing of it */
    ledgers_close(&l);
}
