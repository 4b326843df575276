/* test_screen.c - the cashier's screen: every page in both languages and two sizes, every key, and what is typed.
 * The pages are in data/screens: PATRON_GOLDEN=write makes them anew; look at each change as a cashier would.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "terminal/screen/screen_inside.h"
#include "tests/test.h"
#include "tests/views.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct till_view view;
static struct screen screen;
static struct canvas canvas;

static const struct moment *moment(const char *name)
{
    for (int i = 0; i < moment_count; i++)
        if (strcmp(moments[i].name, name) == 0)
            return &moments[i];
    fail_msg("no moment '%s'", name);
    return NULL;
}

static void begin(const char *name)
{
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    assert_true(tr_use("en"));
    moment_make(moment(name), &view, &screen);
}

static void draw(int rows, int columns)
{
    canvas.rows = rows;
    canvas.columns = columns;
    screen_draw(&screen, &view, &canvas);
}

/* A row as text, blanks at its end left out. */
static const char *row_text(int row)
{
    static char text[CANVAS_COLUMNS_MAX * 4 + 1];
    size_t used = 0;
    for (int i = 0; i < canvas.columns; i++) {
        uint32_t c = canvas_at(&canvas, row, i)->character;
        if (c == 0)
            continue;
        if (c < 0x80) {
            text[used++] = (char)c;
        } else if (c < 0x800) {
            text[used++] = (char)(0xc0 | c >> 6);
            text[used++] = (char)(0x80 | (c & 0x3f));
        } else {
            text[used++] = (char)(0xe0 | c >> 12);
            text[used++] = (char)(0x80 | (c >> 6 & 0x3f));
            text[used++] = (char)(0x80 | (c & 0x3f));
        }
    }
    while (used && text[used - 1] == ' ')
        used--;
    text[used] = 0;
    return text;
}

static bool shows(const char *text)
{
    for (int row = 0; row < canvas.rows; row++)
        if (strstr(row_text(row), text))
            return true;
    return false;
}

#define assert_shows(text)                                                                         \
    do {                                                                                           \
        draw(24, 80);                                                                              \
        if (!shows(text))                                                                          \
            fail_msg("the screen does not show '%s'", text);                                       \
    } while (0)

/* ---- keys ---- */

static int64_t now_ms;

static struct screen_effects press(enum key_kind kind)
{
    now_ms += 200;
    return screen_key(&screen, &view, (struct screen_key){.kind = kind, .at_ms = now_ms});
}

static struct screen_effects type_at(const char *text, int64_t each_ms)
{
    struct screen_effects e = {NULL, NULL};
    size_t bytes;
    int width;
    for (; *text; text += bytes) {
        uint32_t c = text_next(text, &bytes, &width);
        now_ms += each_ms;
        e = screen_key(&screen, &view,
                       (struct screen_key){.kind = KEY_IS_TEXT, .character = c, .at_ms = now_ms});
    }
    return e;
}

/* By hand: so slowly that a letter in a menu is a choice before the next comes. */
static struct screen_effects type(const char *text)
{
    struct screen_effects e = {NULL, NULL};
    char one[5];
    size_t bytes;
    int width;
    for (; *text; text += bytes) {
        text_next(text, &bytes, &width);
        snprintf(one, sizeof one, "%.*s", (int)bytes, text);
        e = type_at(one, 150);
        if (screen.held)
            e = screen_tick(&screen, &view, now_ms + SCREEN_HELD_MS);
    }
    return e;
}

/* As a scanner types it, with its Enter; the till looks at its clock in between. */
static struct screen_effects scan(const char *text)
{
    char one[2] = "";
    now_ms += 500;
    for (; *text; text++) {
        *one = *text;
        type_at(one, 8);
        (void)screen_tick(&screen, &view, now_ms);
    }
    now_ms -= 192;
    return press(KEY_IS_ENTER);
}

static struct screen_effects answer(const char *code, const char *say)
{
    enum verb verb = screen.busy;
    return screen_answered(&screen, &view,
                           &(struct answer){.verb = verb, .code = code, .say = say});
}

/* ---- golden pages ---- */

static void golden(const char *language, int rows, int columns)
{
    char path[512], name[64];
    snprintf(name, sizeof name, "%s-%dx%d.txt", language, columns, rows);
    snprintf(path, sizeof path, "%s/screens/%s", test_data_dir(), name);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 0; i < moment_count; i++) {
        begin(moments[i].name);
        assert_true(tr_use(language));
        draw(rows, columns);
        fprintf(out, "== %s\n", moments[i].name);
        for (int row = 0; row < rows; row++)
            fprintf(out, "|%s\n", row_text(row));
    }
    fclose(out);
    assert_true(tr_use("en"));
    const char *mode = getenv("PATRON_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fwrite(text, 1, size, f);
        fclose(f);
    }
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is not there; PATRON_GOLDEN=write makes it", path);
    char expected[400];
    const char *at = text;
    char page[400] = "";
    while (fgets(expected, sizeof expected, f)) {
        size_t length = strlen(expected);
        if (strncmp(expected, "== ", 3) == 0)
            snprintf(page, sizeof page, "%s", expected);
        if (strncmp(at, expected, length) != 0)
            fail_msg("%s, page %sexpected: %sis:       %.*s", name, page, expected,
                     (int)strcspn(at, "\n"), at);
        at += length;
    }
    assert_string_equal(at, "");
    fclose(f);
    free(text);
}

TEST(screen, pages_in_english_at_80x24_are_as_they_were_looked_at)
{
    golden("en", 24, 80);
}
TEST(screen, pages_in_english_at_40x12_are_as_they_were_looked_at)
{
    golden("en", 12, 40);
}
TEST(screen, pages_in_chinese_at_80x24_are_as_they_were_looked_at)
{
    golden("zh", 24, 80);
}
TEST(screen, pages_in_chinese_at_40x12_are_as_they_were_looked_at)
{
    golden("zh", 12, 40);
}

TEST(screen, no_page_at_any_size_puts_one_thing_over_another_or_half_a_wide_character)
{
    for (int i = 0; i < moment_count; i++)
        for (int n = 0; n < 60; n++) {
            begin(moments[i].name);
            assert_true(tr_use(n % 2 ? "zh" : "en"));
            int rows = SCREEN_ROWS_MIN + (int)test_below(CANVAS_ROWS_MAX - SCREEN_ROWS_MIN + 1);
            int columns =
                SCREEN_COLUMNS_MIN + (int)test_below(CANVAS_COLUMNS_MAX - SCREEN_COLUMNS_MIN + 1);
            draw(n < 2 ? 12 : rows, n < 2 ? 40 : columns);
            if (canvas.overlaps)
                fail_msg("'%s' at %dx%d: %d overlaps", moments[i].name, canvas.columns, canvas.rows,
                         canvas.overlaps);
            for (int row = 0; row < canvas.rows; row++)
                for (int column = 0; column < canvas.columns; column++) {
                    uint32_t c = canvas_at(&canvas, row, column)->character;
                    bool wide = c >= 0x1100 && column + 1 < canvas.columns &&
                                canvas_at(&canvas, row, column + 1)->character == 0;
                    assert_true(c != 0 || column > 0);
                    if (c >= 0x4e00 && c < 0xa000)
                        assert_true(wide);
                }
        }
    assert_true(tr_use("en"));
}

TEST(screen, what_must_not_be_missed_is_there_at_both_sizes_and_in_both_languages)
{
    static const struct {
        const char *moment, *english, *chinese;
    } musts[] = {
        {"member", "王芳", "王芳"}, /* all that a tap is to tell, at once */
        {"member", "Silver", "Silver"},
        {"member", "Gold: 487.25 GBP more", "Gold：还差487.25 GBP"},
        {"member", "300 points = 3.00 GBP", "300积分 = 3.00 GBP"},
        {"member", "340 on the card, in steps of 50", "卡上340，按50的整数倍兑换"},
        {"member", "End in 30 days", "30天内到期"},
        {"member", "Birthday", "生日"},
        {"member", "has not come for long", "久未光临"},
        {"member", "Say: Shall we use your 120 points", "可以说：Shall we use your 120 points"},
        {"member", "before they end this month?", "before they end this month?"},
        {"a card comes when the bill is long", "Silver", "Silver"}, /* and over a bill, but for why */
        {"a card comes when the bill is long", "Gold: 487.25 GBP more", "Gold：还差487.25 GBP"},
        {"a card comes when the bill is long", "300 points = 3.00 GBP", "300积分 = 3.00 GBP"},
        {"a card comes when the bill is long", "End in 30 days", "30天内到期"},
        {"a card comes when the bill is long", "Birthday", "生日"},
        {"a card comes when the bill is long", "has not come for long", "久未光临"},
        {"a card comes when the bill is long", "before they end this month?", "before they end this month?"},
        {"a card comes when the bill is long", "Total 226.86 GBP", "合计 226.86 GBP"},
        {"long bill", "1 x 5012345678900", "1 x 5012345678900"}, /* the last line that was scanned */
        {"totalled", "(Christmas): 30 points", "(Christmas): 30 points"}, /* the till's sentence */
        {"shift report", "2500 points = 25.00 GBP", "2500积分 = 25.00 GBP"},
        {"shift report", "1194.26 GBP", "1194.26 GBP"}, /* 1234.56 - 25.00 - 15.30 */
        {"shift report", "5 recommend", "推荐5"},
        {"member, offline", "100 points = 1.00 GBP", "100积分 = 1.00 GBP"},
        {"totalled", "Earns 30 points", "本单可积30积分"},
        {"totalled", "Total 20.40 GBP", "合计 20.40 GBP"},
        {"totalled", "May redeem 300 points", "可兑换300积分"},
        {"debited", "17.40 GBP", "17.40 GBP"},
        {"doubt", "Tap the same card again: M12", "请再刷同一张卡：M12"},
        {"waiting for the card", "Hold the card of M12", "请放好M12的卡"},
        {"paid", "T0007-42", "T0007-42"},
        {"paid", "Paid", "实收"},
        {"long bill", "13 lines", "13行"},
        {"idle, offline, bills parked", "14 entries", "14条"},
        {"idle, offline, bills parked", "offline since 09:12", "09:12起离线"},
        {"idle, a bad morning", "The disk is full", "The disk is full"},
        {"training", "*** TRAINING", "*** 培训模式"},
    };
    for (size_t i = 0; i < sizeof musts / sizeof musts[0]; i++)
        for (int n = 0; n < 4; n++) {
            begin(musts[i].moment);
            assert_true(tr_use(n % 2 ? "zh" : "en"));
            draw(n < 2 ? 12 : 24, n < 2 ? 40 : 80);
            if (!shows(n % 2 ? musts[i].chinese : musts[i].english))
                fail_msg("'%s' at %dx%d does not show '%s'", musts[i].moment, canvas.columns,
                         canvas.rows, n % 2 ? musts[i].chinese : musts[i].english);
        }
    assert_true(tr_use("en"));
}

TEST(screen, training_is_on_every_page)
{
    for (int i = 0; i < moment_count; i++)
        for (int n = 0; n < 2; n++) {
            begin(moments[i].name);
            view.training = true;
            draw(n ? 12 : 24, n ? 40 : 80);
            assert_true(shows("*** TRAINING: nothing counts"));
            assert_int_equal(canvas.overlaps, 0);
            assert_true(canvas_at(&canvas, 1, 0)->look & LOOK_REVERSE);
        }
}

TEST(screen, amounts_end_in_one_column_also_below_chinese)
{
    begin("refund");
    assert_true(tr_use("zh"));
    draw(24, 80);
    for (int row = 2; row <= 4; row++) {
        assert_int_not_equal(canvas_at(&canvas, row, 78)->character, ' ');
        assert_int_equal(canvas_at(&canvas, row, 79)->character, ' ');
    }
    begin("idle");
    assert_true(tr_use("zh"));
    draw(24, 80);
    for (int row = 3; row <= 8; row++) { /* names of 4 to 8 columns, what they are begins in one */
        assert_int_equal(canvas_at(&canvas, row, 18)->character, ' ');
        assert_int_not_equal(canvas_at(&canvas, row, 19)->character, ' ');
    }
    assert_true(tr_use("en"));
}

TEST(screen, a_pin_is_never_shown)
{
    begin("login");
    assert_shows("PIN: ****");
    assert_false(shows("2468"));
    begin("PIN of the member");
    assert_shows("PIN: ****");
    assert_false(shows("1234"));
}

TEST(canvas, text_that_does_not_fit_is_cut_before_a_wide_character_and_marked)
{
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    canvas_clear(&canvas, 1, 10);
    assert_int_equal(canvas_put(&canvas, 0, 0, 6, LOOK_PLAIN, "会员会员"), 5);
    assert_string_equal(row_text(0), "会员~");
    canvas_clear(&canvas, 1, 10);
    assert_int_equal(canvas_put(&canvas, 0, 7, 20, LOOK_PLAIN, "abcdef"), 3);
    assert_string_equal(row_text(0), "       ab~");
    canvas_clear(&canvas, 1, 10);
    assert_int_equal(canvas_put(&canvas, 0, 0, 10, LOOK_PLAIN,
                                "a\x01\xff\xe4\xbc"
                                "b"),
                     6);
    assert_string_equal(row_text(0), "a????b");
    assert_int_equal(canvas_put(&canvas, 1, 0, 10, LOOK_PLAIN, "outside"), 0);
}

TEST(canvas, text_is_broken_after_blanks_or_beside_wide_characters_and_never_before_a_closing_mark)
{
    size_t skip;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    assert_int_equal(text_row("one two three", 8, &skip), 7);
    assert_int_equal(skip, 1);
    assert_int_equal(text_row("会员积分。请刷卡", 8, &skip),
                     9); /* the mark goes with the character before it */
    assert_int_equal(text_row("abcdefghij", 4, &skip), 4);
    assert_int_equal(skip, 0);
    assert_int_equal(text_row("short", 8, &skip), 5);
}

/* ---- every key ---- */

static bool hinted(const struct screen_hint *hints, int count, enum key_kind key)
{
    for (int i = 0; i < count; i++)
        if (hints[i].key == key)
            return true;
    return false;
}

TEST(screen, every_key_that_is_shown_works_and_every_other_does_nothing)
{
    static struct screen before;
    struct screen_hint hints[SCREEN_HINTS_MAX];
    for (int i = 0; i < moment_count; i++) {
        begin(moments[i].name);
        int count = screen_keys(&screen, &view, hints);
        assert_true(count > 0);
        draw(12, 40);
        for (int k = 0; k < count; k++) {
            bool found = false;
            for (int row = 0; row < canvas.rows; row++)
                found = found || strstr(row_text(row), hints[k].label);
            if (!found)
                fail_msg("'%s': the key for '%s' is not on the small screen", moments[i].name,
                         hints[k].label);
            for (int other = 0; other < k; other++)
                assert_int_not_equal(hints[k].key, hints[other].key);
        }
        for (enum key_kind key = KEY_IS_ENTER; key < KEY_KINDS; key++) {
            begin(moments[i].name);
            if (key == KEY_IS_BACK) /* of a field, like the letters */
                continue;
            before = screen;
            struct screen_effects e = press(key);
            bool did = e.ask || e.language || memcmp(&before, &screen, sizeof before) != 0;
            if (did != hinted(hints, count, key))
                fail_msg("'%s': key %d is %s, but does %s", moments[i].name, (int)key,
                         hinted(hints, count, key) ? "shown" : "not shown",
                         did ? "something" : "nothing");
        }
    }
}

/* The same on a screen as somebody has come to it: each key on a copy. */
static void assert_keys_are_as_shown(const char *where)
{
    static struct screen here, before;
    struct screen_hint hints[SCREEN_HINTS_MAX];
    const struct field_kind *kind;
    here = screen;
    here.message[0] = 0; /* the same complaint again is something too */
    here.held = 0;
    int count = screen_keys(&here, &view, hints), fields = screen_fields(&here, &view, &kind);
    enum screen_page page = screen_page_now(&here, &view);
    for (enum key_kind key = KEY_IS_ENTER; key < KEY_KINDS; key++) {
        screen = before = here;
        if (key == KEY_IS_BACK)
            continue;
        struct screen_effects e = press(key);
        bool did = e.ask || e.language || memcmp(&before, &screen, sizeof before) != 0;
        if (did != hinted(hints, count, key))
            fail_msg("%s, page %d: key %d is %s, but does %s", where, (int)page, (int)key,
                     hinted(hints, count, key) ? "shown" : "not shown", did ? "something" : "nothing");
    }
    for (char letter = '0'; fields == 0 && letter <= 'z'; letter++) { /* nor does a letter where none is asked for */
        char text[2] = {letter, 0};
        screen = here;
        struct screen_effects e = type(text);
        bool did = e.ask || e.language || screen.page != here.page, chosen = false;
        char small = letter >= 'A' && letter <= 'Z' ? (char)(letter + 'a' - 'A') : letter;
        for (enum action a = ACT_NONE; page == PAGE_MENU && a < ACTIONS; a++)
            chosen = chosen || screen_menu_letter(&here, &view, a) == small;
        if (page == PAGE_PARKED)
            chosen = here.busy == VERB_NONE && letter >= '1' && letter < '1' + view.parked_count;
        if (did != chosen)
            fail_msg("%s, page %d: the letter %c does %s", where, (int)page, letter, did ? "something" : "nothing");
    }
    screen = here;
}

TEST(screen, wherever_a_cashier_comes_to_the_keys_that_are_shown_work_and_no_others)
{
    static const char *const codes[] = {NULL, NULL, NULL, "STATE", "NOT_FOUND", "NEEDS_APPROVAL", "DOUBT"};
    static const char text[] = "0123456789.x MTy";
    bool seen[SCREEN_PAGES] = {false};
    for (int i = 0; i < moment_count; i++) {
        begin(moments[i].name);
        for (int steps = 0; steps < 60; steps++) {
            struct screen_hint hints[SCREEN_HINTS_MAX];
            int count = screen_keys(&screen, &view, hints);
            seen[screen_page_now(&screen, &view)] = true;
            assert_keys_are_as_shown(moments[i].name);
            if (screen.busy && test_below(2)) {
                answer(codes[test_below(sizeof codes / sizeof codes[0])], "A sentence.");
            } else if (screen_page_now(&screen, &view) == PAGE_MENU) {
                char letter[2] = {(char)('a' + test_below(26)), 0};
                type(letter);
            } else if (test_below(3) == 0) {
                char letter[2] = {text[test_below(sizeof text - 1)], 0};
                type(letter);
            } else if (count) {
                press(hints[test_below((uint32_t)count)].key);
            }
        }
    }
    for (int page = 0; page < SCREEN_PAGES; page++)
        if (!seen[page])
            fail_msg("nobody came to page %d", page);
}

TEST(screen, the_menu_shows_what_is_possible_and_its_letters_do_it)
{
    static const char *const names[] = {"menu", "menu, idle"};
    for (int n = 0; n < 2; n++) {
        begin(names[n]);
        draw(12, 40);
        assert_int_equal(canvas.overlaps, 0);
        int shown = 0;
        for (char letter = '0'; letter <= 'z'; letter++) {
            begin(names[n]);
            bool possible = false;
            for (enum action a = ACT_NONE; a < ACTIONS; a++)
                possible = possible || screen_menu_letter(&screen, &view, a) == letter;
            if (letter >= 'A' && letter <= 'Z') /* as small ones */
                continue;
            char text[2] = {letter, 0};
            struct screen_effects e = type(text);
            assert_int_equal(e.ask || e.language || screen.page != PAGE_MENU, possible);
            shown += possible;
        }
        assert_true(shown >= 8);
    }
}

/* ---- what is typed ---- */

TEST(screen, a_price_is_a_line_and_enter_on_nothing_is_the_total)
{
    begin("member");
    type("4.25");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_LINE);
    assert_string_equal(e.ask->line->sku, "ITEM");
    assert_int_equal(e.ask->line->quantity, 1);
    assert_int_equal(money_minor(e.ask->line->amount), 425);
    assert_null(press(KEY_IS_ENTER).ask); /* one question at a time */
    answer(NULL, "");
    assert_string_equal(screen.field[0], "");

    begin("long bill");
    e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_TOTAL);
    assert_int_equal(money_minor(e.ask->money), 0);
    begin("member");
    assert_null(press(KEY_IS_ENTER).ask); /* no line, no total */
}

TEST(screen, what_is_typed_means_what_the_help_says)
{
    static const struct {
        const char *typed, *sku;
        int quantity, minor; /* quantity 0: refused */
    } cases[] = {
        {"4", "ITEM", 1, 400},
        {"4.2", "ITEM", 1, 420},
        {"4,25", "ITEM", 1, 425},
        {"3x4.25", "ITEM", 3, 1275},
        {"3 * 4.25", "ITEM", 3, 1275},
        {"12X1", "ITEM", 12, 1200},
        {"22423 4.25", "22423", 1, 425},
        {"85123A 3x2.55", "85123A", 3, 765},
        {"0", "ITEM", 1, 0},
        {"999999.99", "ITEM", 1, 99999999},
        {"4.255", NULL, 0, 0},
        {"0x4", NULL, 0, 0},
        {"x4", NULL, 0, 0},
        {"10000x1", NULL, 0, 0},
        {"22423", NULL, -1, 0},
        {"22423 abc", NULL, 0, 0},
        {"-4", NULL, -1, 0},
        {"85123A", NULL, -1, 0},
        {"5012345678900", NULL, -1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin("member");
        type(cases[i].typed);
        struct screen_effects e = press(KEY_IS_ENTER);
        if (cases[i].quantity > 0) {
            if (!e.ask)
                fail_msg("'%s' was refused", cases[i].typed);
            assert_string_equal(e.ask->line->sku, cases[i].sku);
            assert_int_equal(e.ask->line->quantity, cases[i].quantity);
            assert_int_equal(money_minor(e.ask->line->amount), cases[i].minor);
        } else {
            assert_null(e.ask);
            assert_int_equal(screen.page, cases[i].quantity ? PAGE_PRICE : PAGE_SALE);
            assert_int_equal(*screen.message == 0, cases[i].quantity != 0);
        }
    }
}

TEST(screen, fast_digits_are_an_article_and_slow_ones_a_price)
{
    begin("member");
    type_at("4225", 5);
    press(KEY_IS_ENTER);
    assert_int_equal(screen.page, PAGE_PRICE);
    assert_shows("Article           4225");
    type("2x4.25");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_string_equal(e.ask->line->sku, "4225");
    assert_int_equal(money_minor(e.ask->line->amount), 850);
    answer(NULL, "");
    assert_int_equal(screen.page, PAGE_SALE);

    begin("member");
    type_at("4225", 120);
    e = press(KEY_IS_ENTER);
    assert_string_equal(e.ask->line->sku, "ITEM");
    assert_int_equal(money_minor(e.ask->line->amount), 422500);
}

TEST(screen, a_scanned_member_code_asks_who_it_is_and_a_scanned_receipt_leads_to_its_refund)
{
    begin("idle");
    type_at("P10C4R8ABCDEFGH", 2);
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_IDENTIFY);
    assert_int_equal(e.ask->means, MEANS_CODE);
    assert_string_equal(e.ask->value, "P10C4R8ABCDEFGH");

    begin("idle"); /* a scanner behind a keyboard whose capitals are locked */
    type_at("p10c4r8abcdefgh", 2);
    e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_IDENTIFY);
    assert_int_equal(e.ask->means, MEANS_CODE);

    begin("idle");
    type_at("T0007-42", 2);
    e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_RECEIPT);
    assert_int_equal(e.ask->receipt.seq, 42);
    answer(NULL, "");
    assert_int_equal(screen.page, PAGE_REFUND);

    begin("long bill"); /* goods come back when no bill is open */
    type_at("T0007-42", 2);
    assert_null(press(KEY_IS_ENTER).ask);
    assert_shows("Finish or park this bill first");
}

TEST(screen, a_typed_total_is_a_bill_without_lines)
{
    begin("idle");
    type("45.00");
    struct screen_effects e = press(KEY_IS_F1 + 1);
    assert_int_equal(e.ask->verb, VERB_TOTAL);
    assert_int_equal(money_minor(e.ask->money), 4500);
}

TEST(screen, backspace_takes_whole_characters_and_escape_clears)
{
    begin("person");
    press(KEY_IS_BACK);
    assert_string_equal(screen.field[1], "王");
    press(KEY_IS_BACK);
    press(KEY_IS_BACK);
    assert_string_equal(screen.field[1], "");
    type("é芳\xf0\x9f\x98\x80");
    press(KEY_IS_BACK);
    assert_string_equal(screen.field[1], "é芳");
    begin("member");
    type("12");
    press(KEY_IS_ESCAPE);
    assert_string_equal(screen.field[0], "");
}

/* ---- redeeming, refunds, members ---- */

TEST(screen, redeeming_is_all_that_is_allowed_or_points_or_money)
{
    begin("totalled");
    press(KEY_IS_F1 + 3);
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_REDEEM);
    assert_true(e.ask->all);

    begin("totalled");
    press(KEY_IS_F1 + 3);
    type("200");
    e = press(KEY_IS_ENTER);
    assert_int_equal(points_n(e.ask->points), 200);
    assert_false(e.ask->all);

    begin("totalled");
    press(KEY_IS_F1 + 3);
    press(KEY_IS_TAB);
    type("2.50");
    e = press(KEY_IS_ENTER);
    assert_int_equal(money_minor(e.ask->money), 250);
    assert_int_equal(points_n(e.ask->points), 0);
    answer("GONE", "The card left too early; nothing was taken off it. Hold it there again.");
    assert_int_equal(screen.page, PAGE_SALE);
    assert_shows("The card left too early");
}

TEST(screen, lines_of_a_receipt_come_back_by_quantity_with_their_share_of_the_amount)
{
    begin("refund");
    screen.back_count = 0;
    screen.field[0][0] = 0;
    type("2"); /* of 3 pieces at 7.65, one is back already */
    press(KEY_IS_ENTER);
    assert_int_equal(screen.back_count, 1);
    assert_string_equal(screen.back[0].sku, "85123A");
    assert_int_equal(screen.back[0].quantity, 2);
    assert_int_equal(money_minor(screen.back[0].amount), 510);
    type("3");
    press(KEY_IS_ENTER); /* more than are left */
    assert_int_equal(screen.back[0].quantity, 2);
    assert_shows("So many were not bought");
    screen.field[0][0] = 0;
    type("1");
    press(KEY_IS_ENTER); /* thought better of it */
    assert_int_equal(screen.back_count, 1);
    assert_int_equal(money_minor(screen.back[0].amount), 255);
    press(KEY_IS_UP);
    press(KEY_IS_ENTER); /* all of that line */
    struct screen_effects e = press(KEY_IS_F1 + 4);
    assert_int_equal(e.ask->verb, VERB_REFUND);
    assert_int_equal(e.ask->receipt.seq, 42);
    assert_int_equal(e.ask->back_count, 2);
    assert_int_equal(money_minor(e.ask->back[1].amount), 1275);
    assert_false(e.ask->all);
}

TEST(screen, a_receipt_comes_back_whole_or_as_money)
{
    begin("refund");
    struct screen_effects e = press(KEY_IS_F1 + 1);
    assert_int_equal(e.ask->verb, VERB_REFUND);
    assert_true(e.ask->all);
    assert_int_equal(e.ask->back_count, 0);
    begin("refund");
    press(KEY_IS_F1 + 2);
    type("5.00");
    e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_REFUND);
    assert_int_equal(money_minor(e.ask->money), 500);
    assert_false(e.ask->all);
    assert_int_equal(e.ask->receipt.seq, 42);
}

TEST(screen, a_receipt_of_another_till_is_typed_line_by_line)
{
    begin("which receipt");
    screen.field[0][0] = 0;
    type("T0009-1234");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_RECEIPT);
    answer("NOT_FOUND", "There is no sale with receipt T0009-1234 at this till.");
    assert_int_equal(screen.page, PAGE_REFUND);
    type("5.00");
    press(KEY_IS_ENTER);
    assert_int_equal(screen.back_count, 0); /* it needs the article */
    screen.field[0][0] = 0;
    type("22423 2x4.25");
    press(KEY_IS_ENTER);
    e = press(KEY_IS_F1 + 4);
    assert_int_equal(e.ask->receipt.terminal, 9);
    assert_int_equal(e.ask->back_count, 1);
    assert_int_equal(money_minor(e.ask->back[0].amount), 850);

    begin("which receipt"); /* a mistyped one of this till */
    press(KEY_IS_ENTER);
    answer("NOT_FOUND", "There is no sale with receipt T0007-42 at this till.");
    assert_int_equal(screen.page, PAGE_RECEIPT);
}

TEST(screen, an_anonymous_card_is_enrolled_in_three_keys_or_fewer)
{
    begin("idle");
    view.fresh_card = true;
    screen_answered(&screen, &view,
                    &(struct answer){.verb = VERB_TAP,
                                     .code = "UNBOUND",
                                     .say = "This card belongs to nobody yet."});
    assert_int_equal(screen.page, PAGE_JOIN);
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_JOIN);
    /* and later, from the menu */
    begin("idle");
    view.fresh_card = true;
    press(KEY_IS_TAB);
    type("j");
    assert_int_equal(press(KEY_IS_ENTER).ask->verb, VERB_JOIN);
}

TEST(screen, what_needs_a_supervisor_is_asked_again_as_it_was_when_one_has_allowed_it)
{
    begin("goodwill");
    type("2");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_GRANT);
    assert_string_equal(e.ask->text, "goods were faulty");
    answer("NEEDS_APPROVAL", "More than 50 points in one gift need a supervisor.");
    assert_int_equal(screen.page, PAGE_APPROVE);
    type("9");
    press(KEY_IS_ENTER);
    type("1357");
    e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_APPROVE);
    assert_int_equal(e.ask->staff, 9);
    assert_string_equal(e.ask->pin, "1357");
    e = answer("REFUSED", "Wrong PIN.");
    assert_null(e.ask);
    assert_int_equal(screen.page, PAGE_APPROVE);
    for (size_t i = 0; i < sizeof screen.pin; i++)
        assert_int_equal(screen.pin[i], 0);
    type("9");
    press(KEY_IS_ENTER);
    type("1358");
    press(KEY_IS_ENTER);
    e = answer(NULL, "Allowed.");
    assert_int_equal(e.ask->verb, VERB_GRANT);
    assert_int_equal(points_n(e.ask->points), 200);
    assert_string_equal(e.ask->text, "goods were faulty");
    answer(NULL, "200 points given.");
    for (size_t i = 0; i < sizeof screen.pin; i++)
        assert_int_equal(screen.pin[i], 0);
}

TEST(screen, a_supervisor_may_stand_in_for_the_member_s_pin)
{
    begin("PIN of the member");
    screen.command.verb = VERB_REDEEM;
    press(KEY_IS_F1 + 8);
    assert_int_equal(screen.page, PAGE_APPROVE);
    type("9");
    press(KEY_IS_ENTER);
    type("1357");
    press(KEY_IS_ENTER);
    assert_int_equal(answer(NULL, "Allowed.").ask->verb, VERB_REDEEM);
}

TEST(screen, a_badge_on_the_reader_logs_in_or_approves_without_a_key)
{
    begin("login");
    struct screen_effects e = screen_answered(
        &screen, &view, &(struct answer){.verb = VERB_TAP, .code = "BADGE", .say = "Li Hua"});
    assert_int_equal(e.ask->verb, VERB_LOGIN);
    assert_int_equal(e.ask->staff, 0);
    begin("approval");
    e = screen_answered(&screen, &view,
                        &(struct answer){.verb = VERB_TAP, .code = "BADGE", .say = "Wu Min"});
    assert_int_equal(e.ask->verb, VERB_APPROVE);
    assert_int_equal(e.ask->staff, 0);
    begin("idle"); /* elsewhere it is only told */
    e = screen_answered(&screen, &view,
                        &(struct answer){.verb = VERB_TAP, .code = "BADGE", .say = "Li Hua"});
    assert_null(e.ask);
    assert_shows("Li Hua");
}

TEST(screen, any_line_is_taken_off_the_bill)
{
    begin("bill without a member, a line being typed");
    press(KEY_IS_ESCAPE);
    press(KEY_IS_F1 + 8);
    assert_shows("Take which line off?");
    press(KEY_IS_UP);
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_LINE);
    assert_null(e.ask->line);
    assert_int_equal(e.ask->number, 2);
}

TEST(screen, an_approval_that_is_given_up_is_forgotten)
{
    begin("approval");
    screen.command.verb = VERB_GRANT;
    press(KEY_IS_ESCAPE);
    assert_int_equal(screen.page, PAGE_SALE);
    screen.busy = VERB_APPROVE;
    assert_null(answer(NULL, "Allowed.").ask);
}

TEST(screen, a_member_s_pin_goes_with_the_same_redemption_and_is_wiped)
{
    begin("totalled");
    view.means = MEANS_PHONE;
    press(KEY_IS_F1 + 3);
    type("250");
    press(KEY_IS_ENTER);
    answer("NEEDS_APPROVAL",
           "Redeeming so many points like this needs the member's PIN, or a supervisor.");
    assert_int_equal(screen.page, PAGE_PIN);
    type("4321");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_REDEEM);
    assert_int_equal(points_n(e.ask->points), 250);
    assert_string_equal(e.ask->pin, "4321");
    answer(NULL, "250 points pay 2.50 GBP.");
    for (size_t i = 0; i < sizeof screen.pin; i++)
        assert_int_equal(screen.pin[i], 0);
    for (size_t i = 0; i < sizeof screen.field; i++)
        assert_int_equal(((const char *)screen.field)[i], 0);
}

TEST(screen, a_cashier_logs_in_by_number_and_pin_or_by_badge)
{
    begin("login");
    memset(screen.field, 0, sizeof screen.field);
    screen.focus = 0;
    struct screen_effects badge = press(KEY_IS_ENTER);
    assert_int_equal(badge.ask->verb, VERB_LOGIN);
    assert_int_equal(badge.ask->staff, 0);
    begin("login");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_LOGIN);
    assert_int_equal(e.ask->staff, 3);
    assert_string_equal(e.ask->pin, "2468");
    view.cashier = 3;
    answer(NULL, "Good morning.");
    assert_int_equal(screen_page_now(&screen, &view), PAGE_SALE);

    begin("idle");
    view.cashier = 0; /* without a cashier every page is the login */
    for (enum screen_page p = PAGE_SALE; p < SCREEN_PAGES; p++) {
        screen.page = p;
        if (p != PAGE_HELP)
            assert_int_equal(screen_page_now(&screen, &view), PAGE_LOGIN);
    }
}

TEST(screen, a_sale_is_rated_with_one_key_and_once)
{
    for (int n = 1; n <= 3; n++) {
        begin("paid");
        struct screen_effects e = press((enum key_kind)(KEY_IS_F1 + n));
        assert_int_equal(e.ask->verb, VERB_RATE);
        assert_int_equal(e.ask->number, n);
        assert_int_equal(e.ask->receipt.seq, 42);
        answer(NULL, "Thank you for the rating.");
        assert_null(press((enum key_kind)(KEY_IS_F1 + n)).ask);
        assert_shows("Thank you for the rating.");
    }
}

TEST(screen, the_receipt_stays_until_enter_or_the_next_price)
{
    begin("paid");
    assert_shows("Receipt T0007-42");
    press(KEY_IS_ENTER);
    draw(24, 80);
    assert_false(shows("Receipt T0007-42"));
    assert_true(shows("Hold a card to the reader"));
    begin("paid");
    type("4.25");
    assert_int_equal(press(KEY_IS_ENTER).ask->verb, VERB_LINE);
}

TEST(screen, a_card_that_comes_by_interrupts_no_typing_but_is_shown_at_once)
{
    begin("menu, idle");
    view.means = MEANS_CARD;
    view.state = SALE_IDENTIFIED;
    view.member = 12;
    screen_answered(
        &screen, &view,
        &(struct answer){.verb = VERB_TAP, .say = "M12, Silver, 340 points on the card."});
    assert_int_equal(screen.page, PAGE_SALE);
    assert_shows("M12");
    begin("bill without a member, a line being typed");
    screen_answered(&screen, &view, &(struct answer){.verb = VERB_TAP, .say = "M12"});
    assert_string_equal(screen.field[0], "3x4.25");
    begin("approval");
    screen_answered(&screen, &view,
                    &(struct answer){.verb = VERB_TAP, .code = "FOREIGN", .say = "Not ours."});
    assert_int_equal(screen.page, PAGE_APPROVE);
    begin("idle"); /* the standing tap gives way without a word */
    screen_answered(
        &screen, &view,
        &(struct answer){.verb = VERB_TAP, .code = "YIELD", .say = "Somebody else waits."});
    assert_string_equal(screen.message, "");
}

TEST(screen, what_is_typed_of_one_member_is_not_kept_for_the_next_who_taps)
{
    static const char *const pages[] = {"person", "goodwill", "replace a card", "redeem", "which reward"};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        begin(pages[i]);
        view.member = 13;
        screen_answered(&screen, &view, &(struct answer){.verb = VERB_TAP, .say = "M13"});
        assert_int_equal(screen.page, PAGE_SALE);
        assert_string_equal(screen.field[0], "");
    }
    begin("member"); /* who has just joined has no number yet */
    view.member = 0;
    assert_int_equal(screen_menu_letter(&screen, &view, ACT_PERSON), 0);
}

TEST(screen, a_person_is_not_stored_without_consent)
{
    begin("person");
    press(KEY_IS_TAB);
    assert_null(press(KEY_IS_ENTER).ask);
    type("n");
    assert_null(press(KEY_IS_ENTER).ask);
    assert_shows("Without the member's consent nothing is stored.");
    press(KEY_IS_BACK);
    type("y");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_PERSON);
    assert_string_equal(e.ask->value, "+44 113 496 0000");
    assert_string_equal(e.ask->text, "王芳");
    assert_true(e.ask->all);
}

TEST(screen, while_the_card_is_waited_for_the_sale_goes_on_without_points_or_is_cancelled)
{
    begin("waiting for the card");
    struct screen_hint hints[SCREEN_HINTS_MAX];
    int count = screen_keys(&screen, &view, hints);
    assert_int_equal(count, 2);
    assert_int_equal(hints[0].action, ACT_VOID);
    assert_int_equal(hints[1].action, ACT_GIVE_UP);
    assert_int_equal(press(KEY_IS_F1 + 8).ask->verb, VERB_GIVE_UP);
    begin("waiting for the card");
    assert_null(press(KEY_IS_F1 + 7).ask);
    assert_int_equal(press(KEY_IS_F1 + 7).ask->verb, VERB_CANCEL);
}

TEST(screen, a_bill_is_cancelled_by_two_keys_and_a_member_without_one_by_one)
{
    begin("long bill");
    assert_null(press(KEY_IS_F1 + 7).ask);
    assert_shows("Cancel this sale?");
    assert_shows("Total 226.86 GBP");
    press(KEY_IS_ESCAPE);
    assert_int_equal(screen.page, PAGE_SALE);
    press(KEY_IS_F1 + 7);
    assert_int_equal(press(KEY_IS_F1 + 7).ask->verb, VERB_CANCEL);
    begin("debited");
    press(KEY_IS_F1 + 7);
    assert_shows("Points that were taken go back to the member.");
    begin("member");
    static struct txn none;
    view.bill = &none;
    assert_int_equal(press(KEY_IS_F1 + 7).ask->verb, VERB_CANCEL);
}

TEST(screen, what_is_typed_and_not_on_the_bill_yet_is_neither_paid_nor_lost)
{
    static const char *const states[] = {"member", "totalled", "idle", "paid", "totalled, with rewards"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        begin(states[i]);
        memset(screen.field, 0, sizeof screen.field);
        type("5.55");
        for (enum key_kind key = KEY_IS_F1; key <= KEY_IS_F10; key++)
            if (key != KEY_IS_F1 + 1)
                assert_null(press(key).ask);
        press(KEY_IS_TAB);
        assert_int_equal(screen.page, PAGE_SALE);
        assert_string_equal(screen.field[0], "5.55");
    }
    begin("totalled"); /* and F2 is for a bill without lines: it would put its total in their place */
    type("5.55");
    assert_null(press(KEY_IS_F1 + 1).ask);
    begin("member");
    static struct txn none;
    view.bill = &none;
    type("22423 5.55"); /* nor does it forget an article */
    assert_null(press(KEY_IS_F1 + 1).ask);
    press(KEY_IS_ESCAPE);
    type("5.55");
    assert_int_equal(press(KEY_IS_F1 + 1).ask->verb, VERB_TOTAL);
}

TEST(screen, what_is_typed_while_head_office_is_asked_is_the_next_thing_and_what_was_refused_comes_back)
{
    begin("member");
    assert_int_equal(scan("P1K7MQ2ZX9AAAA").ask->verb, VERB_IDENTIFY);
    type("4.2");
    answer(NULL, "");
    assert_string_equal(screen.field[0], "4.2");
    begin("member");
    type("4.25");
    press(KEY_IS_ENTER);
    answer("FULL", "This bill has no room for more lines.");
    assert_string_equal(screen.field[0], "4.25");
    assert_shows("This bill has no room for more lines.");
    begin("member");
    type("4.25");
    press(KEY_IS_ENTER);
    type("3");
    answer("FULL", "This bill has no room for more lines.");
    assert_string_equal(screen.field[0], "3");
}

/* ---- a scanner, whatever is open ---- */

TEST(screen, a_scan_over_a_page_without_a_field_is_for_the_sale_and_chooses_nothing)
{
    static const struct {
        const char *moment, *code;
    } cases[] = {
        {"menu", "v123456789"},          {"menu", "85123A"},    {"menu, idle", "qtsl4012345"},
        {"parked bills", "12345670"},    {"help", "5012345678900"}, {"take a line off", "5012345678900"},
        {"which reward", "4012345678901"}, {"enrol", "5012345678900"}, {"shift report", "5012345678900"},
        {"replace a card", "5012345678900"}, {"cancelling a long bill", "5012345678900"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].moment);
        struct screen_effects e = scan(cases[i].code);
        if (e.ask || e.language || screen.page != PAGE_PRICE || strcmp(screen.line.sku, cases[i].code) != 0)
            fail_msg("'%s': %s was scanned, page %d, article '%s'", cases[i].moment, cases[i].code,
                     (int)screen.page, screen.line.sku);
    }
    begin("replacing a card"); /* busy: it is left where it is */
    assert_null(scan("5012345678900").ask);
    assert_int_equal(screen.page, PAGE_REPLACE);
    begin("menu"); /* nothing can be added to the bill: the scan is for nobody, its letters too */
    view.state = SALE_DEBITED;
    assert_null(scan("v123456789v").ask);
    assert_int_equal(screen.page, PAGE_MENU);
    now_ms += 1000;
    type_at("v123456789v", 8); /* without an Enter its last letter is none either */
    assert_null(screen_tick(&screen, &view, now_ms + 1000).ask);
    assert_int_equal(screen.page, PAGE_MENU);
    type("v");
    assert_int_equal(screen.page, PAGE_VOID);
}

TEST(screen, an_article_scanned_into_a_price_an_amount_or_points_is_refused)
{
    static const struct {
        const char *moment;
        enum screen_page page;
    } cases[] = {{"price of a scanned article", PAGE_PRICE}, {"redeem", PAGE_REDEEM},
                 {"money back", PAGE_AMOUNT},                {"goodwill", PAGE_GRANT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int n = 0; n < 6; n++) {
            static const char *const codes[] = {"40123455", "5012345678900",  "85123A",
                                                "TEA-7K2",  "P1K7MQ2ZX9AAAA", "TEATIME"};
            begin(cases[i].moment);
            memset(screen.field, 0, sizeof screen.field);
            screen.focus = 0;
            assert_null(scan(codes[n]).ask);
            assert_int_equal(screen.page, cases[i].page);
            assert_int_equal(screen.focus, 0);
            assert_string_equal(screen.field[0], ""); /* it is not in the way of what is typed now */
            assert_string_not_equal(screen.message, "");
        }
    begin("price of a scanned article"); /* by hand it is a price, be it large */
    memset(screen.field, 0, sizeof screen.field);
    type("40123455");
    assert_int_equal(money_minor(press(KEY_IS_ENTER).ask->line->amount), 4012345500);
    begin("price of a scanned article"); /* nor does a slip of the finger spoil one */
    memset(screen.field, 0, sizeof screen.field);
    type("4q.25w");
    assert_int_equal(money_minor(press(KEY_IS_ENTER).ask->line->amount), 425);
}

TEST(screen, goods_that_come_back_are_scanned)
{
    static struct txn two;
    static const int32_t left[] = {2, 1, 1};
    begin("refund");
    memset(screen.field, 0, sizeof screen.field);
    screen.back_count = 0;
    two = *view.receipt;
    two.line_count = 3;
    for (int i = 0; i < 3; i++)
        snprintf(two.lines[i].sku, sizeof two.lines[i].sku, "%s", i == 1 ? "22423" : "5012345678900");
    two.lines[0].quantity = 2;
    two.lines[0].amount = money_of(800);
    two.lines[2].quantity = 1;
    two.lines[2].amount = money_of(500);
    view.receipt = &two;
    view.left = left;
    for (int i = 0; i < 3; i++)
        scan("5012345678900");
    assert_int_equal(screen.selected, 2);
    assert_int_equal(screen.back_count, 2);
    assert_int_equal(screen.back[0].quantity, 2);
    assert_int_equal(money_minor(screen.back[0].amount), 800);
    assert_int_equal(money_minor(screen.back[1].amount), 500);
    scan("5012345678900"); /* there are no more */
    assert_shows("So many were not bought");
    scan("999999");
    assert_shows("no article of this receipt");
    struct screen_effects e = press(KEY_IS_F1 + 4);
    assert_int_equal(e.ask->back_count, 2);
}

TEST(screen, two_lines_without_an_article_come_back_each_for_itself)
{
    static struct txn two;
    static const int32_t left[] = {3, 1};
    begin("refund");
    memset(screen.field, 0, sizeof screen.field);
    screen.back_count = screen.selected = 0;
    two = *view.receipt;
    two.line_count = 2;
    for (int i = 0; i < 2; i++)
        snprintf(two.lines[i].sku, sizeof two.lines[i].sku, "ITEM");
    two.lines[0].quantity = 3;
    two.lines[0].amount = money_of(1275);
    two.lines[1].quantity = 1;
    two.lines[1].amount = money_of(1000);
    view.receipt = &two;
    view.left = left;
    press(KEY_IS_ENTER);
    assert_shows("back 3   12.75");
    assert_false(shows("back 3   10.00"));
    press(KEY_IS_DOWN);
    press(KEY_IS_ENTER);
    assert_shows("back 3   12.75");
    assert_shows("back 1   10.00");
    for (int i = 0; i < 2; i++) { /* not that one */
        if (i)
            type("0");
        press(KEY_IS_ENTER);
        assert_int_equal(screen.back_count, 1);
        press(KEY_IS_ENTER);
        assert_int_equal(screen.back_count, 2);
    }
    type("0");
    press(KEY_IS_ENTER);
    press(KEY_IS_ENTER);
    struct screen_effects e = press(KEY_IS_F1 + 4);
    assert_int_equal(e.ask->back_count, 2);
    assert_int_equal(money_minor(e.ask->back[0].amount) + money_minor(e.ask->back[1].amount), 2275);
}

/* ---- at random ---- */

TEST(screen, a_hundred_thousand_random_keys_and_answers_leave_it_sound)
{
    static const char *const codes[] = {
        NULL,      NULL,      NULL,    "STATE",     "DOUBT",          "GONE",
        "UNBOUND", "TIMEOUT", "YIELD", "NOT_FOUND", "NEEDS_APPROVAL", "BADGE"};
    static const char text[] = "0123456789.,x *PTM-yabcdefghijklmnopqrstuvw";
    static struct screen kept;
    begin("idle");
    for (int i = 0; i < 100000; i++) {
        if (test_below(20) == 0) { /* the till moved on: another moment, the same screen */
            kept = screen;
            moment_make(&moments[test_below((uint32_t)moment_count)], &view, &screen);
            screen = kept;
        }
        struct screen_effects e = {NULL, NULL};
        if (screen.busy && test_below(3) == 0) {
            e = answer(codes[test_below(sizeof codes / sizeof codes[0])], "A sentence.");
        } else if (test_below(30) == 0) {
            enum verb busy = screen.busy;
            const char *code = codes[test_below(sizeof codes / sizeof codes[0])];
            e = screen_answered(&screen, &view,
                                &(struct answer){.verb = VERB_TAP, .code = code, .say = "Tapped."});
            assert_true(screen.busy == busy || (e.ask && busy == VERB_NONE)); /* a badge logs in */
        } else {
            enum key_kind kind = test_below(2) ? KEY_IS_TEXT : (enum key_kind)test_below(KEY_KINDS);
            uint32_t c =
                test_below(20) ? (uint32_t)text[test_below(sizeof text - 1)] : test_below(0x120000);
            now_ms += test_below(100);
            e = screen_key(&screen, &view,
                           (struct screen_key){.kind = kind, .character = c, .at_ms = now_ms});
        }
        const struct field_kind *kinds;
        int fields = screen_fields(&screen, &view, &kinds);
        assert_true(screen.page < SCREEN_PAGES);
        assert_true(screen.focus == 0 || screen.focus < SCREEN_FIELDS_MAX);
        assert_true(screen.back_count >= 0 && screen.back_count <= SCREEN_BACK_MAX);
        assert_non_null(memchr(screen.message, 0, sizeof screen.message));
        for (int f = 0; f < fields; f++)
            assert_true(strlen(screen.field[f]) <= (size_t)SCREEN_FIELD_SIZE - 1);
        if (e.ask) {
            assert_int_equal(e.ask->verb, screen.busy);
            assert_true(e.ask == &screen.command || e.ask == &screen.approval);
        }
        if (i % 16 == 0) {
            bool small = test_below(2);
            draw(small ? 12 : 24, small ? 40 : 80);
            for (int row = 0; canvas.overlaps && row < canvas.rows; row++)
                print_message("|%s\n", row_text(row));
            assert_int_equal(canvas.overlaps, 0);
            assert_true(canvas.cursor_column <= canvas.columns);
        }
    }
}

TEST(screen, a_reward_is_chosen_from_those_that_are_the_members_now)
{
    begin("totalled, with rewards");
    assert_non_null(press(KEY_IS_F10).ask ? NULL : &screen);
    assert_int_equal(screen.page, PAGE_REWARDS);
    assert_null(press(KEY_IS_UP).ask);
    assert_int_equal(screen.selected, 0);
    for (int i = 0; i < 5; i++)
        (void)press(KEY_IS_DOWN);
    assert_int_equal(screen.selected, 3); /* not those of last year, of Gold */
    view.told = false; /* the line was cut at the tap: not those of few either, and why */
    (void)press(KEY_IS_UP);
    assert_shows("Line cut: no limited rewards for now.");
    begin("totalled, with rewards");
    view.online = false; /* or is since */
    (void)press(KEY_IS_F10);
    for (int i = 0; i < 5; i++)
        (void)press(KEY_IS_DOWN);
    assert_int_equal(screen.selected, 2);
    (void)press(KEY_IS_UP);
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_REDEEM);
    assert_string_equal(e.ask->reward, "tin");
    assert_false(e.ask->all);
    assert_int_equal(screen.page, PAGE_SALE);
    begin("totalled");
    assert_null(press(KEY_IS_F10).ask);
    assert_int_equal(screen.page, PAGE_SALE); /* the programme has none */
    assert_int_equal(screen_menu_letter(&screen, &view, ACT_REWARD), 0);
    assert_int_equal(screen_menu_letter(&screen, &view, ACT_COUPON), 0);
}

TEST(screen, a_coupon_is_typed_or_scanned_where_the_programme_asks_for_one)
{
    begin("totalled, with rewards");
    (void)press(KEY_IS_TAB);
    (void)type("i");
    assert_int_equal(screen.page, PAGE_COUPON);
    assert_null(press(KEY_IS_ENTER).ask);
    assert_non_null(strstr(screen.message, "Scan the coupon"));
    (void)type("TEA-7K2");
    struct screen_effects e = press(KEY_IS_ENTER);
    assert_int_equal(e.ask->verb, VERB_COUPON);
    assert_string_equal(e.ask->value, "TEA-7K2");
}

TEST(screen, a_coupon_before_anything_else_is_seen_and_can_be_cancelled)
{
    static struct txn bill;
    begin("idle");
    bill = (struct txn){.coupon_count = 1, .coupons = {"TEA-7K2"}};
    view.state = SALE_IDLE;
    view.bill = &bill;
    assert_shows("TEA-7K2");
    assert_int_equal(press(KEY_IS_F1 + 7).ask->verb, VERB_CANCEL);
}
