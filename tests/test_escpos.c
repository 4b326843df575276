/* test_escpos.c - what a receipt printer is sent.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/escpos.h"
#include "tests/paper.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static uint8_t room[20000];

static struct buf doc(void)
{
    return BUF_ON(room);
}

TEST(escpos, a_line_is_ascii_as_it_is_and_chinese_as_gb18030_between_its_two_switches)
{
    struct buf out = doc();
    static const char expected[] = "A1\x1c&\xbb\xe1\xd4\xb1\x1c. 7\n";
    escpos_line(&out, "A1会员 7", 0);
    assert_int_equal(out.size, sizeof expected - 1);
    assert_memory_equal(out.data, expected, sizeof expected - 1);
    out = doc();
    escpos_line(&out, "会员", 0);
    assert_int_equal(out.size, 9);
    assert_memory_equal(out.data, "\x1c&\xbb\xe1\xd4\xb1\x1c.\n",
                        9); /* also at the end of a line */
}

TEST(escpos, styles_are_switched_off_again)
{
    struct buf out = doc();
    escpos_begin(&out);
    assert_int_equal(out.size, ESCPOS_BEGIN_SIZE);
    escpos_line(&out, "COPY", ESCPOS_BIG | ESCPOS_CENTRED);
    escpos_line(&out, "shop", ESCPOS_BOLD | ESCPOS_CENTRED);
    escpos_line(&out, "plain", 0);
    escpos_drawer(&out);
    escpos_cut(&out);
    assert_string_equal(paper_read(buf_bytes(&out), 32), "            ##COPY\n"
                                                         "              **shop\n"
                                                         "plain\n"
                                                         "(drawer)\n"
                                                         "=====\n");
}

TEST(escpos, no_text_can_be_a_command_and_what_the_font_lacks_is_a_wide_question_mark)
{
    struct buf out = doc();
    escpos_line(&out, "a\x1b@b\x1dV\x7f\n", 0);
    escpos_line(&out, "caf\xc3\xa9 \xc3\xb6 \xf0\x9f\x98\x80 \xff \xe4\xbc x", 0); /* ö, a smile, broken UTF-8 */
    escpos_line(&out, "\xc2\xa3" "5 \xc2\xa5" "6 \xe2\x82\xac" "7", 0); /* pound, yen, euro */
    assert_string_equal(paper_read(buf_bytes(&out), 48), "a?@b?V??\n"
                                                         "café ？ ？ ？ ？？ x\n"
                                                         "￡5 ￥6 €7\n");
}

TEST(escpos, between_which_bytes_a_command_may_come_is_known)
{
    struct buf out = doc();
    struct errmsg why;
    escpos_begin(&out);
    escpos_line(&out, "会a", ESCPOS_CENTRED | ESCPOS_BIG);
    char found[64] = "";
    for (size_t n = 0; n <= out.size; n++)
        found[n] = escpos_is_whole(bytes_of(out.data, n)) ? '|' : '.';
    assert_string_equal(found, "|.|..|..|.|.|.|||..|..|");
    size_t text = out.size;
    assert_int_equal(escpos_qr(&out, "T0001-2", 4, &why), OK);
    for (size_t n = text + 1; n < out.size; n++) /* centred, the picture, no more centred */
        assert_int_equal(escpos_is_whole(bytes_of(out.data, n)), n == text + 3 || n == out.size - 3);
    escpos_cut(&out);
    escpos_drawer(&out);
    assert_true(escpos_is_whole(buf_bytes(&out)));
    assert_true(escpos_is_whole(bytes_of(out.data, out.size - 5)));
    assert_true(escpos_is_whole(bytes_of(out.data, out.size - 9)));
    for (size_t less = 1; less < 9; less++)
        assert_int_equal(escpos_is_whole(bytes_of(out.data, out.size - less)), less == 5);
}

TEST(escpos, a_qr_code_of_any_receipt_number_is_read_by_another_program)
{
    static const char *const numbers[] = {"T0001-1", "T0007-42", "T9999-4294967295"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (int module = 3; module <= 8; module += i == 1 ? 1 : 5) {
            struct buf out = doc();
            char expected[60];
            struct errmsg why;
            assert_int_equal(escpos_qr(&out, numbers[i], module, &why), OK);
            assert_false(out.full);
            snprintf(expected, sizeof expected, "[QR %s]", numbers[i]);
            assert_non_null(strstr(paper_read(buf_bytes(&out), 48), expected));
        }
}

TEST(escpos, a_qr_code_of_nothing_or_too_much_is_refused)
{
    struct buf out = doc();
    struct errmsg why;
    char longest[102];
    memset(longest, 'a', 101);
    longest[101] = 0;
    assert_int_equal(escpos_qr(&out, "", 4, &why), ERR_RANGE);
    assert_int_equal(escpos_qr(&out, longest, 4, &why), ERR_RANGE);
    assert_int_equal(out.size, 0);
    longest[100] = 0;
    assert_int_equal(escpos_qr(&out, longest, 4, &why), OK);
}
