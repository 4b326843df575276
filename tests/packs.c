/* packs.c - see packs.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/packs.h"

#include "tests/test.h"

#include <stdio.h>
#include <string.h>

const char *packs_file(const char *path, size_t *size)
{
    static char text[256 * 1024];
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: cannot be opened", path);
    *size = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[*size] = 0;
    return text;
}

void packs_load(struct pack *out, const char *name)
{
    char path[512];
    size_t size;
    struct errmsg why;
    snprintf(path, sizeof path, "%s/packs/%s.json", test_data_dir(), name);
    const char *json = packs_file(path, &size);
    if (pack_read(out, json, size, path, &why))
        fail_msg("%s", why.text);
}

void packs_make(struct pack *out, const char *earn, const char *top)
{
    char json[16384];
    struct errmsg why;
    int size = snprintf(json, sizeof json,
                        "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"Test\",\n"
                        "\"currency\": \"GBP\", \"earn\": {\"rate\": \"1/100\"%s%s}%s%s}",
                        *earn ? ",\n" : "", earn, *top ? ",\n" : "", top);
    assert_in_range(size, 1, sizeof json - 1);
    if (pack_read(out, json, (size_t)size, "test.json", &why))
        fail_msg("%s\n%s", why.text, json);
}

int32_t packs_lines(struct txn_line *out, const char *text)
{
    int32_t count = 0;
    while (*text) {
        struct txn_line line = {.sku = ""};
        char code[64];
        int quantity, used = 0;
        long long whole, cents;
        if (sscanf(text, " %63s %d %lld.%2lld%n", code, &quantity, &whole, &cents, &used) != 4)
            fail_msg("no line: %s", text);
        char *slash = strchr(code, '/');
        if (slash) {
            *slash = 0;
            snprintf(line.category, sizeof line.category, "%.15s", slash + 1);
        }
        snprintf(line.sku, sizeof line.sku, "%.19s", code);
        line.quantity = quantity;
        line.amount = money_of(whole * 100 + cents);
        assert_in_range(count, 0, TXN_LINES_MAX - 1);
        out[count++] = line;
        text += used;
        text += *text == ',';
    }
    return count;
}

int64_t lots_left(const struct lot *lots, int32_t count)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < count; i++)
        sum += points_n(lots[i].left);
    return sum;
}
