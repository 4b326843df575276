/* e2e_tags.c - members without a full card, through whole programs: NTAG 424, NDEF tag, bare UID, code and telephone
 * number at a till with the real libnfc, on line and with the line cut.  Points that were promised must be the
 * member's in the books, and a copy worth nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "cardproto/sun.h"
#include "office/home.h"
#include "tests/chain.h"
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct chain chain;
static struct till *till;
static char line[1024], out[65536];

#define TILL(...) control_ok(&till->control, line, sizeof line, __VA_ARGS__)
#define SIM(...) control_ok(&till->cards, line, sizeof line, __VA_ARGS__)
#define CTL(...) chain_ctl(&chain, out, sizeof out, ARGS(__VA_ARGS__))

/* Asks the till something that it refuses with this word. */
static void refused(const char *command, const char *word)
{
    char expected[64];
    control_send(&till->control, "%s", command);
    if (!control_read(&till->control, line, sizeof line, 20000))
        fail_msg("the till went away at %s", command);
    snprintf(expected, sizeof expected, "error %s", word);
    if (strncmp(line, expected, strlen(expected)) != 0)
        fail_msg("%s: %s instead of %s", command, line, expected);
}

static void said(const char *what)
{
    if (!strstr(line, what))
        fail_msg("'%s' is not in '%s'", what, line);
}

static int64_t held(const char *member)
{
    CTL("member", "show", member);
    return json_number_of(out, "held");
}

/* The keys an NTAG 424 of this UID gets when it is personalised. */
static void tag_keys(const char *uid_hex, char meta_hex[33], char file_hex[33])
{
    struct home home;
    struct errmsg why;
    struct aes_key class, file;
    struct card_uid uid;
    assert_int_equal(home_open(&home, chain.office_home, &why), OK);
    assert_int_equal(uid_parse(&uid, uid_hex), OK);
    memcpy(class.b, home.known_keys.sun_file, sizeof class.b);
    sun_file_key(&file, &class, &uid);
    hex_encode(meta_hex, home.known_keys.sun_meta, 16);
    hex_encode(file_hex, file.b, sizeof file.b);
    home_finish(&home);
}

/* A shop, and four members: M1 has an NTAG 424, M2 a tag that says M2, M3 a bare UID, M4 nothing. */
static void open_shop(void)
{
    char *root = path_of("%s/c", test_scratch_dir());
    char meta[33], file[33];
    const char *bin = getenv("PATRON_BIN");
    chain_open(&chain, bin ? bin : "build", root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    free(root);
    till = chain_add_till(&chain, "UK");
    for (int i = 0; i < 4; i++)
        CTL("member", "add", "--name", ((const char *const[]){"Ada", "Ben", "Cleo", "Dan"})[i]);
    tag_keys("04aabbccddee01", meta, file);
    SIM("new ntag424 04aabbccddee01 sun %s %s", meta, file);
    SIM("new ntag213 random text M2");
    SIM("new uid 04aabbccddee03 uid");
    SIM("new uid 0badcafe short");
    SIM("new random random phone");
    CTL("tag", "bind", "04aabbccddee01", "M1", "--kind", "sun");
    CTL("tag", "bind", "04aabbccddee03", "M3", "--kind", "uid");
    TILL("sync 15000");
}

static void tap(const char *thing)
{
    SIM("remove");
    SIM("present %s", thing);
    TILL("tap 5000");
}

/* A bill of one line; what it earned. */
static int64_t sell(int pence)
{
    TILL("line 22745 1 %d goods", pence);
    TILL("total");
    TILL("pay");
    return answer_number(line, "earned");
}

static void books_hold(void)
{
    TILL("sync 15000");
    if (chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "verify")) || strstr(out, "BROKEN"))
        fail_msg("ledger verify says:\n%s", out);
    if (chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "replay")))
        fail_msg("ledger replay says:\n%s", out);
}

TEST(tags, each_thing_is_known_for_its_member_and_what_it_earns_is_the_members)
{
    static const struct {
        const char *thing, *means, *member;
    } rows[] = {{"sun", "sun", "M1"}, {"text", "tag", "M2"}, {"uid", "uid", "M3"}};
    open_shop();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char word[64];
        tap(rows[i].thing);
        snprintf(word, sizeof word, "member=%s ", rows[i].member);
        said(word);
        snprintf(word, sizeof word, "means=%s ", rows[i].means);
        said(word);
        said("online=yes");
        int64_t earned = sell(50000);
        assert_true(earned > 0);
        TILL("sync 15000");
        assert_int_equal(held(rows[i].member), earned);
    }
    books_hold();
    chain_close(&chain);
}

TEST(tags, what_names_nobody_is_refused_with_its_own_word_and_the_sale_goes_on)
{
    open_shop();
    SIM("remove");
    SIM("present phone");
    refused("tap 5000", "PHONE");
    SIM("remove");
    SIM("present short");
    refused("tap 5000", "FOREIGN");
    SIM("present uid");
    refused("tap 5000", "TWO_CARDS");
    SIM("remove");
    CTL("tag", "remove", "04aabbccddee03", "--kind", "uid");
    SIM("present uid");
    refused("tap 5000", "NOT_FOUND");
    assert_int_equal(sell(1000), 0);
    books_hold();
    chain_close(&chain);
}

TEST(tags, a_copied_message_of_an_ntag_424_is_refused_on_line)
{
    open_shop();
    tap("sun");
    TILL("cancel");
    tap("sun");
    TILL("cancel");
    SIM("show sun");
    assert_int_equal(answer_number(line, "counter"), 2);
    SIM("remove");
    SIM("rewind sun 1"); /* as a copy would: true in every byte, but seen before */
    SIM("present sun");
    refused("tap 5000", "REFUSED");
    TILL("status");
    said("member=-");
    tap("sun"); /* the next true message is good */
    said("member=M1");
    TILL("cancel");
    books_hold();
    chain_close(&chain);
}

TEST(tags, points_of_a_tag_are_redeemed_from_what_head_office_holds)
{
    open_shop();
    tap("sun");
    int64_t earned = sell(2000000);
    TILL("sync 15000");
    tap("sun");
    TILL("line 22745 1 2000 goods");
    TILL("total");
    TILL("redeem 200");
    said("state=debited");
    TILL("pay");
    assert_int_equal(answer_number(line, "redeemed"), 200);
    earned += answer_number(line, "earned");
    books_hold();
    assert_int_equal(held("M1"), earned - 200);
    /* A tag that can be copied needs the member's PIN. */
    tap("text");
    int64_t more = sell(2000000);
    TILL("sync 15000");
    tap("text");
    TILL("line 22745 1 2000 goods");
    TILL("total");
    refused("redeem 200", "NEEDS_APPROVAL");
    CTL("member", "pin", "M2", "2580");
    refused("redeem 200 pin=1111", "REFUSED");
    TILL("redeem 200 pin=2580");
    said("state=debited");
    TILL("pay");
    more += answer_number(line, "earned");
    books_hold();
    assert_int_equal(held("M2"), more - 200);
    chain_close(&chain);
}

TEST(tags, with_the_line_cut_they_earn_and_redeem_nothing)
{
    static const char *const things[] = {"sun", "text", "uid"};
    int64_t earned[4];
    char code[200];
    open_shop();
    CTL("member", "code", "M4");
    json_text_of(out, "code", code, sizeof code);
    till_cut(till);
    for (int i = 0; i < 3; i++) {
        tap(things[i]);
        said("online=no");
        TILL("line 22745 1 50000 goods");
        TILL("total");
        refused("redeem 100", "REFUSED");
        TILL("pay");
        earned[i] = answer_number(line, "earned");
        assert_true(earned[i] > 0);
    }
    TILL("identify code %s", code); /* its signature is checked here */
    said("member=M4 ");
    said("online=no");
    earned[3] = sell(50000);
    till_clock(till, "2011-03-01T09:30"); /* beyond what the clocks may differ by */
    char command[300];
    snprintf(command, sizeof command, "identify code %s", code);
    refused(command, "FORMAT"); /* it ran out, line or no line */
    till_restore(till);
    books_hold();
    for (int i = 0; i < 4; i++) {
        char member[8];
        snprintf(member, sizeof member, "M%d", i + 1);
        assert_int_equal(held(member), earned[i]);
    }
    chain_close(&chain);
}

TEST(tags, a_member_code_is_good_once_and_a_telephone_number_in_any_spelling)
{
    char code[200];
    open_shop();
    CTL("member", "code", "M4");
    json_text_of(out, "code", code, sizeof code);
    TILL("identify code %s", code);
    said("member=M4");
    int64_t earned = sell(50000);
    refused("identify code P1234", "FORMAT");
    char command[300];
    snprintf(command, sizeof command, "identify code %s", code);
    refused(command, "REFUSED"); /* used */
    CTL("member", "edit", "M4", "--phone", "+49 30 1234567");
    TILL("identify phone 0049 (0)30/123 45 67");
    said("member=M4");
    earned += sell(50000);
    TILL("sync 15000");
    assert_int_equal(held("M4"), earned);
    books_hold();
    chain_close(&chain);
}

TEST(tags, a_member_code_is_good_at_a_till_whose_clock_is_wrong)
{
    static const char *const clocks[] = {"2011-03-01T09:40", "2011-03-01T08:20"};
    char code[200], command[300];
    open_shop();
    for (int i = 0; i < 2; i++) {
        till_clock(till, clocks[i]); /* the programme lets them differ by ten minutes */
        TILL("sync 15000");          /* the clocks are compared */
        CTL("member", "code", "M4");
        json_text_of(out, "code", code, sizeof code);
        TILL("identify code %s", code);
        said("member=M4 ");
        said("online=yes");
        TILL("cancel");
        till_cut(till);
        CTL("member", "code", "M4");
        json_text_of(out, "code", code, sizeof code);
        TILL("identify code %s", code);
        said("online=no");
        TILL("cancel");
        till_clock(till, "2011-03-01T12:00"); /* and since then an hour went by, or more */
        snprintf(command, sizeof command, "identify code %s", code);
        refused(command, "FORMAT");
        till_restore(till);
    }
    chain_close(&chain);
}

TEST(tags, a_pass_in_a_phones_wallet_is_read_when_the_till_has_its_keys)
{
    char key_hex[67], private_hex[65];
    uint8_t key[MBED_POINT_SIZE];
    static const uint8_t private_key[MBED_P256_SIZE] = {0x42, 1, 2, 3};
    char *passes = path_of("%s/passes", test_scratch_dir()), *config = path_of("%s/till.ini", test_scratch_dir());
    char text[400];
    open_shop();
    assert_int_equal(mbed_init(NULL), OK);
    assert_int_equal(mbed_p256_public(key, private_key, NULL), OK);
    hex_encode(key_hex, key, sizeof key);
    hex_encode(private_hex, private_key, sizeof private_key);
    SIM("new phone random iphone pass.example.club %s M4", key_hex);
    SIM("present iphone");
    refused("tap 5000", "PHONE"); /* nobody asked it for a pass */

    snprintf(text, sizeof text, "apple pass.example.club %s\n", private_hex);
    write_file(passes, text);
    assert_int_equal(chmod(passes, 0600), 0);
    snprintf(text, sizeof text, "[reader]\npasses = %s\n", passes);
    write_file(config, text);
    control_close(&till->control);
    proc_end(&till->program, SIGTERM);
    till->config = config;
    till_start(&chain, till, NULL);
    TILL("sync 15000");

    SIM("lock iphone");
    refused("tap 5000", "PHONE The phone is locked");
    SIM("unlock iphone");
    tap("iphone");
    said("member=M4 ");
    said("means=pass ");
    int64_t earned = sell(50000);
    till_cut(till);
    tap("iphone");
    said("means=pass ");
    earned += sell(50000);
    till_restore(till);
    books_hold();
    assert_int_equal(held("M4"), earned);
    /* A full card and a tag are known as before. */
    tap("sun");
    said("member=M1 ");
    TILL("cancel");
    chain_close(&chain);
    free(passes);
    free(config);
}
