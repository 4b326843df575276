/* diff.c - see diff.h.  A table of the longest common part of each two ends, O(lines x lines): packs have hundreds.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct lines {
    const char *start[DIFF_LINES_MAX];
    size_t size[DIFF_LINES_MAX];
    int count;
};

static bool split(const char *text, struct lines *out)
{
    out->count = 0;
    while (*text) {
        const char *end = strchr(text, '\n');
        size_t size = end ? (size_t)(end - text) : strlen(text);
        if (out->count == DIFF_LINES_MAX)
            return false;
        out->start[out->count] = text;
        out->size[out->count++] = size;
        text += size + (end != NULL);
    }
    return true;
}

static bool same(const struct lines *a, int i, const struct lines *b, int k)
{
    return a->size[i] == b->size[k] && memcmp(a->start[i], b->start[k], a->size[i]) == 0;
}

static void put(json_t *list, const char *sign, const struct lines *from, int i, int before, int after)
{
    json_t *text = json_stringn(from->start[i], from->size[i]);
    json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:o}", "sign", sign, "before", before, "after", after, "text",
                                          text ? text : json_string("?")));
}

json_t *diff_lines(const char *before, const char *after)
{
    struct lines *a = calloc(2, sizeof *a), *b = a + 1;
    uint16_t *common = NULL;
    json_t *list = NULL;
    if (a && split(before, a) && split(after, b))
        common = calloc((size_t)(a->count + 1) * (size_t)(b->count + 1), sizeof *common);
    if (common) {
        int width = b->count + 1, i = 0, k = 0;
        for (int x = a->count; x-- > 0;)
            for (int y = b->count; y-- > 0;) {
                uint16_t down = common[(x + 1) * width + y], right = common[x * width + y + 1];
                common[x * width + y] = same(a, x, b, y) ? (uint16_t)(common[(x + 1) * width + y + 1] + 1)
                                        : down > right   ? down
                                                         : right;
            }
        list = json_array();
        while (i < a->count || k < b->count) {
            if (i < a->count && k < b->count && same(a, i, b, k))
                put(list, " ", a, i, i + 1, k + 1), i++, k++;
            else if (i < a->count && (k == b->count || common[(i + 1) * width + k] >= common[i * width + k + 1]))
                put(list, "-", a, i, i + 1, 0), i++;
            else
                put(list, "+", b, k, 0, k + 1), k++;
        }
    }
    free(common);
    free(a);
    return list;
}
