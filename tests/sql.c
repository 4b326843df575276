/* sql.c - see sql.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/sql.h"

#include "tests/test.h"

void sql_run(sqlite3 *db, const char *text)
{
    char *message = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s\n%s", message, text);
}

int64_t sql_number(sqlite3 *db, const char *text)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, text, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        fail_msg("%s\n%s", sqlite3_errmsg(db), text);
    int64_t n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}
