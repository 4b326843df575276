/* test_api.c - the table of the console's operations: who may do what, what is refused, done once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledgers l;
static struct apis a;

static void begin(void)
{
    ledgers_open(&l, "api", "", "");
    apis_begin(&a, l.books);
}

static void end(void)
{
    apis_end(&a);
    ledgers_close(&l);
}

TEST(api, without_a_session_there_is_only_logging_in)
{
    const struct api_op *op;
    begin();
    for (int i = 0; (op = api_op_at(i)); i++) {
        char path[200];
        snprintf(path, sizeof path, "%s", op->path);
        json_decref(apis_ask(&a, op->method, path, NULL));
        if (!(op->roles & ROLE_NOBODY) && a.status != 401)
            fail_msg("%s: %d", op->name, a.status);
    }
    end();
}

TEST(api, unknown_paths_and_methods_are_refused)
{
    begin();
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 404, "GET", "/api/nothing", NULL);
    apis_expect(&a, 404, "GET", "/api/session/", NULL);
    apis_expect(&a, 405, "PUT", "/api/session", NULL);
    apis_expect(&a, 200, "GET", "/api/session", NULL);
    apis_expect(&a, 400, "GET", "/api/session", "{}");
    apis_expect(&a, 400, "GET", "/api/session?x=1", NULL);
    assert_string_equal(a.field, "x");
    apis_expect(&a, 400, "GET", "/api/session?format=csv", NULL);
    end();
}
