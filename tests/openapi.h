/* openapi.h - holds real answers against docs/openapi.json: a small checker of the part of JSON Schema that the
 * document uses; what it does not know it fails on.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_OPENAPI_H
#define PATRON_TESTS_OPENAPI_H

/* The answer to this request has a documented status, and every field is as documented, no more and no less.  A
 * body that was taken (200) is as documented too; NULL = none.  Ends the process (harness.h's die) otherwise. */
void openapi_check(const char *method, const char *path, const char *body, int status, const char *answer);
/* Is this error code in the document, for this status?  And how many has the document? */
int openapi_has_code(const char *code, int status);
int openapi_code_count(void);
/* How many of the document's answers (method, path, status) and fields, of requests and answers, were never seen
 * but for these (up to NULL); each is printed. */
int openapi_unseen(const char *const except[]);

#endif
