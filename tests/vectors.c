/* vectors.c - see vectors.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors.h"

#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static int each(const char *file, const char *op, void (*check)(const json_t *c))
{
    char path[512];
    snprintf(path, sizeof path, "%s/vectors/%s", test_data_dir(), file);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s: %s", path, error.text);
    int count = 0;
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(root, "cases"), i, c)
    {
        if (!json_is_true(json_object_get(c, "verified")))
            continue;
        if (op && strcmp(vector_text(c, "op"), op) != 0)
            continue;
        count++;
        if (check) {
            printf("  %s %s\n", file, vector_text(c, "id"));
            check(c);
        }
    }
    json_decref(root);
    return count;
}

int vectors_run(const char *file, const char *op, void (*check)(const json_t *c))
{
    return each(file, op, check);
}

int vectors_count(const char *file)
{
    return each(file, NULL, NULL);
}

bool vector_has(const json_t *c, const char *field)
{
    return json_object_get(c, field) != NULL;
}

struct bytes vector_hex(const json_t *c, const char *field)
{
    static uint8_t pool[16][VECTOR_BYTES_MAX];
    static unsigned turn;
    uint8_t *b = pool[turn++ % 16];
    size_t size = 0;
    const json_t *v = json_is_string(c) ? c : json_object_get(c, field);
    if (!json_is_string(v))
        fail_msg("field %s is missing", field);
    assert_int_equal(hex_decode(b, VECTOR_BYTES_MAX, &size, json_string_value(v)), OK);
    return bytes_of(b, size);
}

struct bytes vector_hex_or_empty(const json_t *c, const char *field)
{
    return vector_has(c, field) ? vector_hex(c, field) : bytes_of("", 0);
}

struct aes_key vector_key(const json_t *c, const char *field)
{
    struct bytes b = vector_hex(c, field);
    struct aes_key key;
    assert_int_equal(b.size, sizeof key.b);
    memcpy(key.b, b.data, sizeof key.b);
    return key;
}

uint8_t vector_u8(const json_t *c, const char *field)
{
    struct bytes b = vector_hex(c, field);
    assert_int_equal(b.size, 1);
    return b.data[0];
}

const char *vector_text(const json_t *c, const char *field)
{
    const char *text = json_string_value(json_object_get(c, field));
    return text ? text : "";
}

bool vector_refused(const json_t *c)
{
    return json_is_false(json_object_get(c, "expect"));
}

void vector_equal(struct bytes actual, struct bytes expected)
{
    char a[2 * VECTOR_BYTES_MAX + 1], e[2 * VECTOR_BYTES_MAX + 1];
    assert_true(actual.size <= VECTOR_BYTES_MAX);
    hex_encode(a, actual.data, actual.size);
    hex_encode(e, expected.data, expected.size);
    assert_string_equal(a, e);
}
