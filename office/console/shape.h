/* shape.h - what goes into an operation of the console and what comes out, as a text (office/console/api.h):
 *
 *     "member:int! name:text tags:[text] rows:[day:day points:points]! where:{shop:text}"
 *
 *     field = NAME ":" type ["!"]       "!" = always there
 *     type  = int | points | money | day | time | text | bool | json | "{" fields "}" | "[" fields "]" | "[" type "]"
 *
 * A day is "2026-11-22" or null (never), a time "2026-11-22T13:05:00" or null; null stands for what is not there.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_SHAPE_H
#define PATRON_OFFICE_SHAPE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum shape_type {
    SHAPE_INT, SHAPE_POINTS, SHAPE_MONEY, SHAPE_DAY, SHAPE_TIME, SHAPE_TEXT, SHAPE_BOOL, SHAPE_JSON,
    SHAPE_OBJECT, SHAPE_LIST
};

struct shape_field {
    char name[48];
    enum shape_type type;  /* OBJECT, LIST: of inside */
    enum shape_type item;  /* LIST: SHAPE_OBJECT, else of its items */
    bool required;
    char inside[1400];     /* fields of the object, or of the list's objects */
};

/* The next field of a shape; *at moves on.  False at the end.  Asserts that the text is a shape: ours are constants,
 * and the tests read them all. */
bool shape_next(const char **at, struct shape_field *f);
/* Has it a list of objects "rows"?  f: that field. */
bool shape_has_rows(const char *shape, struct shape_field *f);

enum { SHAPE_FIELD_SIZE = 96 };
/* Does the object have the shape (NULL = nothing)?  field: which value does not, "rows.3.points".
 * Errors: ERR_FORMAT, with a sentence in the language in use. */
MUST_CHECK enum err shape_check(const char *shape, const json_t *object, char field[SHAPE_FIELD_SIZE],
                                struct errmsg *why);
/* The same for a query, whose values are texts: numbers, days and yes/no (1, 0) by how they are written. */
MUST_CHECK enum err shape_check_query(const char *shape, const json_t *query, char field[SHAPE_FIELD_SIZE],
                                      struct errmsg *why);
/* A schema of OpenAPI 3.0 for it; a new reference.  NULL: no memory. */
json_t *shape_schema(const char *shape);
/* Of one type, for a parameter. */
json_t *shape_type_schema(enum shape_type type);

#endif
