/* test_code.c - enrolment codes: typed by people, so every slip must be told.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/code.h"
#include "tests/test.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct code a_code(uint32_t terminal)
{
    struct code code = {.terminal = terminal};
    for (int i = 0; i < CODE_SECRET_SIZE; i++)
        code.secret[i] = (uint8_t)test_random();
    for (int i = 0; i < CODE_PRINT_SIZE; i++)
        code.print[i] = (uint8_t)test_random();
    return code;
}

static void assert_same(const struct code *a, const struct code *b)
{
    assert_int_equal(a->terminal, b->terminal);
    assert_memory_equal(a->secret, b->secret, CODE_SECRET_SIZE);
    assert_memory_equal(a->print, b->print, CODE_PRINT_SIZE);
}

TEST(code, reads_back_as_written_for_any_terminal)
{
    for (uint32_t terminal = 1; terminal <= 9999; terminal += 101) {
        struct code code = a_code(terminal), back;
        char text[CODE_TEXT_SIZE];
        struct errmsg why;
        code_text(text, &code);
        assert_int_equal(strlen(text), CODE_TEXT_SIZE - 2);
        assert_int_equal(code_parse(&back, text, &why), OK);
        assert_same(&code, &back);
    }
}

TEST(code, small_letters_blanks_and_look_alikes_are_read)
{
    struct code code = a_code(10), back;
    char text[CODE_TEXT_SIZE], typed[2 * CODE_TEXT_SIZE];
    struct errmsg why;
    code_text(text, &code);
    size_t n = 0;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '-')
            typed[n++] = ' ';
        else if (text[i] == '0')
            typed[n++] = 'o';
        else if (text[i] == '1')
            typed[n++] = i % 2 ? 'l' : 'I';
        else
            typed[n++] = (char)tolower(text[i]);
    }
    typed[n++] = '\n';
    typed[n] = 0;
    assert_int_equal(code_parse(&back, typed, &why), OK);
    assert_same(&code, &back);
}

TEST(code, every_single_wrong_character_is_refused_and_its_group_named)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    struct code code = a_code(7), back = {0};
    char text[CODE_TEXT_SIZE];
    code_text(text, &code);
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '-')
            continue;
        char right = text[i], said[32];
        for (const char *c = alphabet; *c; c++) {
            if (*c == right)
                continue;
            struct errmsg why;
            text[i] = *c;
            assert_int_equal(code_parse(&back, text, &why), ERR_FORMAT);
            if (i >= 5) {
                snprintf(said, sizeof said, "group %d", (int)(i - 5) / 7 + 1);
                assert_non_null(strstr(why.text, said));
            }
        }
        text[i] = right;
    }
    assert_int_equal(back.terminal, 0);
}

TEST(code, exchanged_characters_and_exchanged_groups_are_refused)
{
    for (int round = 0; round < 20; round++) {
        struct code code = a_code(1 + test_below(9999)), back;
        char text[CODE_TEXT_SIZE];
        code_text(text, &code);
        for (size_t i = 0; text[i + 1]; i++) {
            size_t j = text[i + 1] == '-' ? i + 2 : i + 1;
            if (text[i] == '-' || text[i] == text[j])
                continue;
            /* across two groups both must be wrong or it would be another code */
            char a = text[i];
            text[i] = text[j];
            text[j] = a;
            assert_int_equal(code_parse(&back, text, NULL), ERR_FORMAT);
            text[j] = text[i];
            text[i] = a;
        }
        char swapped[CODE_TEXT_SIZE];
        memcpy(swapped, text, sizeof text);
        memcpy(swapped + 5, text + 12, 6);
        memcpy(swapped + 12, text + 5, 6);
        assert_int_equal(code_parse(&back, swapped, NULL), ERR_FORMAT);
    }
}

TEST(code, short_long_and_foreign_texts_are_refused)
{
    struct code code = a_code(42), back;
    char text[2 * CODE_TEXT_SIZE];
    code_text(text, &code);
    text[strlen(text) - 1] = 0;
    assert_int_equal(code_parse(&back, text, NULL), ERR_FORMAT);
    code_text(text, &code);
    strcat(text, "0");
    assert_int_equal(code_parse(&back, text, NULL), ERR_FORMAT);
    for (const char *const *bad = (const char *const[]){"", "0007", "U", "0007-\xc3\xa4", NULL};
         *bad; bad++)
        assert_int_equal(code_parse(&back, *bad, NULL), ERR_FORMAT);
}

TEST(code, the_hash_depends_on_terminal_and_secret_and_not_on_the_print)
{
    struct code a = a_code(7), b = a;
    uint8_t x[CODE_HASH_SIZE], y[CODE_HASH_SIZE];
    code_hash(x, &a);
    b.print[0] ^= 1;
    code_hash(y, &b);
    assert_memory_equal(x, y, sizeof x);
    b.secret[9] ^= 1;
    code_hash(y, &b);
    assert_memory_not_equal(x, y, sizeof x);
    b = a;
    b.terminal = 8;
    code_hash(y, &b);
    assert_memory_not_equal(x, y, sizeof x);
}

TEST(code, another_ca_is_noticed)
{
    static const uint8_t ca[] = "a certificate", other[] = "a certificat3";
    struct code code = a_code(7);
    code_print(code.print, bytes_of(ca, sizeof ca));
    assert_true(code_is_of_ca(&code, bytes_of(ca, sizeof ca)));
    assert_false(code_is_of_ca(&code, bytes_of(other, sizeof other)));
}
