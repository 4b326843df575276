/* openapi.h - the table of operations as a document of OpenAPI 3.0, for who writes a program against the console.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_OPENAPI_H
#define PATRON_OFFICE_OPENAPI_H

#include <jansson.h>

/* A new reference; NULL: no memory. */
json_t *openapi_document(void);

#endif
