/* sql.h - SQL in tests; what fails there fails the test with the statement.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_SQL_H
#define PATRON_TESTS_SQL_H

#include <sqlite3.h>
#include <stdint.h>

/* One or more statements without rows. */
void sql_run(sqlite3 *db, const char *text);
/* The first column of the first row; there must be one. */
int64_t sql_number(sqlite3 *db, const char *text);

#endif
