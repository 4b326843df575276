/* test_tr.c - sentences in the language chosen.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "rules/rules.h"
#include "tests/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

TEST(tr, english_is_the_msgid_itself_and_chinese_is_chosen_and_left_at_run_time)
{
    const char *blocked = "This card is blocked.";
    assert_string_equal(tr_language(), "en");
    assert_ptr_equal(tr(blocked), blocked);
    assert_true(tr_use("zh"));
    assert_string_equal(tr_language(), "zh");
    assert_string_equal(tr(blocked), "此卡已冻结。");
    assert_string_equal(redeem_answer_text(REDEEM_CARD_BLOCKED), "此卡已冻结。");
    assert_true(tr_use("en"));
    assert_ptr_equal(tr(blocked), blocked);
}

TEST(tr, what_has_no_translation_stays_as_it_is)
{
    assert_true(tr_use("zh"));
    assert_string_equal(tr("no such sentence"), "no such sentence");
    assert_string_equal(tr(""), "");
    assert_string_equal(tr("\x01"), "\x01");
    assert_string_equal(tr("\xff\xff"), "\xff\xff");
    assert_true(tr_use("en"));
}

TEST(tr, an_unknown_language_is_english)
{
    assert_true(tr_use("zh"));
    assert_false(tr_use("tlh"));
    assert_string_equal(tr_language(), "en");
    assert_true(tr_use("zh"));
    assert_false(tr_use(NULL));
    assert_string_equal(tr_language(), "en");
}

TEST(tr, a_number_of_64_bits_is_printed_by_the_translated_format)
{
    char text[80];
    assert_true(tr_use("zh"));
    snprintf(text, sizeof text, tr(": %" PRId64 " points"), INT64_MIN);
    assert_string_equal(text, "：-9223372036854775808积分");
    assert_true(tr_use("en"));
}

TEST(tr, a_number_of_32_bits_too)
{
    char text[100];
    assert_true(tr_use("zh"));
    snprintf(text, sizeof text, tr("The printer: %s. Receipts waiting: %" PRIu32 "."), "x", UINT32_MAX);
    assert_string_equal(text, "打印机：x。待打印小票：4294967295张。");
    assert_true(tr_use("en"));
}

TEST(tr, each_answer_to_a_redemption_has_its_own_chinese_sentence)
{
    assert_true(tr_use("zh"));
    for (enum redeem_answer a = 0; a < REDEEM_ANSWERS; a++) {
        assert_true((unsigned char)redeem_answer_text(a)[0] >= 0xe3); /* not English */
        for (enum redeem_answer b = 0; b < a; b++)
            assert_string_not_equal(redeem_answer_text(a), redeem_answer_text(b));
    }
    for (enum means_answer a = 0; a < MEANS_ANSWERS; a++)
        assert_true((unsigned char)means_answer_text(a)[0] >= 0xe3);
    for (enum grant_answer a = 0; a < GRANT_ANSWERS; a++)
        assert_true((unsigned char)grant_answer_text(a)[0] >= 0xe3);
    assert_true(tr_use("en"));
}
