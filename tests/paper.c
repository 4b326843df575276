/* paper.c - see paper.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/paper.h"

#include "tests/test.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char text[200000], line[1000];
    bool bold, big, centred, chinese;
    int columns, used; /* of the paper, of the line */
    size_t size, line_size;
} paper;

static void end_line(const char *end)
{
    int width = paper.big ? 2 * paper.used : paper.used;
    int left =
        paper.centred && paper.used && width < paper.columns ? (paper.columns - width) / 2 : 0;
    assert_true(width <= paper.columns);
    while (paper.line_size && paper.line[paper.line_size - 1] == ' ')
        paper.line_size--;
    assert_true(paper.size + paper.line_size + 100 < sizeof paper.text);
    paper.size +=
        (size_t)sprintf(paper.text + paper.size, "%*s%s%s%.*s%s\n", left, "", paper.big ? "##" : "",
                        paper.bold ? "**" : "", (int)paper.line_size, paper.line, end);
    paper.line_size = 0;
    paper.used = 0;
}

static void put(const char *bytes, size_t size, int columns)
{
    assert_true(paper.line_size + size < sizeof paper.line);
    memcpy(paper.line + paper.line_size, bytes, size);
    paper.line_size += size;
    paper.used += columns;
}

static void put_chinese(const uint8_t *two)
{
    char in[2], out[8], *from = in, *to = out;
    size_t in_left = 2, out_left = sizeof out;
    iconv_t gb = iconv_open("UTF-8", "GB18030");
    memcpy(in, two, 2);
    if (iconv(gb, &from, &in_left, &to, &out_left) == (size_t)-1)
        fail_msg("%02x%02x is no character", two[0], two[1]);
    iconv_close(gb);
    put(out, (size_t)(to - out), 2);
}

/* Read by zbarimg, a reader that is not ours. */
static void put_code(const uint8_t *rows, size_t bytes, size_t count)
{
    char path[500], command[600], text[200] = "";
    snprintf(path, sizeof path, "%s/code.pbm", test_scratch_dir());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "P4\n%zu %zu\n", bytes * 8, count);
    fwrite(rows, bytes, count, f);
    fclose(f);
    snprintf(command, sizeof command, "env -u LD_PRELOAD zbarimg -q --raw %s 2>/dev/null", path);
    FILE *z = popen(command, "r");
    assert_non_null(z);
    if (!fgets(text, sizeof text, z))
        fail_msg("the QR code cannot be read");
    pclose(z);
    text[strcspn(text, "\n")] = 0;
    put("[QR ", 4, 4);
    put(text, strlen(text), (int)strlen(text));
    put("]", 1, 1);
    end_line("");
}

/* One command or character at p, of at most left bytes; returns its size, 0 when it is broken off. */
static size_t take(const uint8_t *p, size_t left)
{
#define IS(bytes) (left >= sizeof(bytes) - 1 && memcmp(p, bytes, sizeof(bytes) - 1) == 0)
    if (paper.chinese && *p >= 0x80) {
        if (left < 2)
            return 0;
        put_chinese(p);
        return 2;
    }
    if (*p == '\n') {
        end_line("");
        return 1;
    }
    if (*p >= ' ' && *p < 0x7f) {
        put((const char *)p, 1, 1);
        return 1;
    }
    if (IS("\x1b@")) {
        if (paper.line_size)
            end_line("~");
        paper.bold = paper.big = paper.centred = paper.chinese = false;
        return 2;
    }
    if (IS("\x1b\x61\0") || IS("\x1b\x61\1"))
        return paper.centred = p[2], 3;
    if (IS("\x1b\x45\0") || IS("\x1b\x45\1"))
        return paper.bold = p[2], 3;
    if (IS("\x1d\x21\0") || IS("\x1d\x21\x11"))
        return paper.big = p[2], 3;
    if (IS("\x1c&") || IS("\x1c."))
        return paper.chinese = p[1] == '&', 2;
    if (IS("\x1dVB\0")) {
        put("=====", 5, 5);
        end_line("");
        return 4;
    }
    if (IS("\x1bp\0\x19\xfa")) {
        put("(drawer)", 8, 8);
        end_line("");
        return 5;
    }
    if (IS("\x1dv0\0") && left >= 8) {
        size_t bytes = get_le(p + 4, 2), rows = get_le(p + 6, 2);
        if (left < 8 + bytes * rows)
            return 0;
        put_code(p + 8, bytes, rows);
        return 8 + bytes * rows;
    }
    if (left < 8 && (*p == 0x1b || *p == 0x1c || *p == 0x1d))
        return 0;
    fail_msg("no printer of ours is sent %02x %02x", p[0], left > 1 ? p[1] : 0);
    return 0;
}

const char *paper_read(struct bytes printed, int columns)
{
    memset(&paper, 0, sizeof paper);
    paper.columns = columns;
    for (size_t at = 0, n; at < printed.size; at += n) {
        n = take(printed.data + at, printed.size - at);
        if (n == 0)
            break;
    }
    if (paper.line_size)
        end_line("~");
    return paper.text;
}
