/* e2e_plain.c - the plain door as a shop has it: patron-terminal with head office, a simulated reader, and curl as the
 * cash register.  Lost answers, a cut line, a till killed in the middle; the books add up at the end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "tests/chain.h"
#include "tests/openapi.h"
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct chain chain;
static char token[100], base[100], line[1024];
static char *log_path, *config_path;

static const char *bin_dir(void)
{
    const char *bin = getenv("PATRON_BIN");
    return bin ? bin : "build";
}

/* ---- the till with its door ---- */

/* Where the door is: the last one the till's log tells of. */
static void find_door(void)
{
    static char text[65536];
    for (int i = 0; i < 400; i++) {
        FILE *f = fopen(log_path, "r");
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        text[n] = 0;
        if (f)
            fclose(f);
        char *last = NULL;
        for (char *p = text; (p = strstr(p, "http listen=\"")) != NULL; p++)
            last = p;
        if (last && strchr(last, '\n')) {
            last += strlen("http listen=\"");
            snprintf(base, sizeof base, "http://%.*s", (int)strcspn(last, "\""), last);
            return;
        }
        usleep(20000);
    }
    die("the till does not say where its door is");
}

/* The till's file: its log, and the door as these lines say. */
static void configure(const char *door)
{
    char text[2000];
    snprintf(text, sizeof text, "[log]\nfile = %s\n[http]\n%s\n", log_path, door);
    write_file(config_path, text);
}

static void start(struct till *t, const char *env)
{
    unlink(log_path);
    till_start(&chain, t, env);
    find_door();
}

static void stop(struct till *t, int signal)
{
    control_close(&t->control);
    proc_end(&t->program, signal);
}

static struct till *open_shop(void)
{
    char *root = path_of("%s/c", test_scratch_dir()), *program;
    chain_open(&chain, bin_dir(), root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    free(root);
    struct till *t = chain_add_till(&chain, "UK");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    chain_issue(&chain, t, "ev2", "anna");
    chain_desk_close(&chain);
    stop(t, SIGTERM);
    program = path_of("%s/patron-terminal", chain.bin);
    if (run(chain.log, NULL, token, sizeof token, ARGS(program, "register", "add", "front", "--home", t->home)))
        die("no register could be added");
    token[strcspn(token, "\n")] = 0;
    if (run(chain.log, NULL, line, sizeof line, ARGS(program, "register", "list", "--home", t->home)) ||
        strcmp(line, "front\n") != 0)
        die("register list says %s", line);
    free(program);
    log_path = path_of("%s/log", t->home);
    t->config = config_path = path_of("%s/door.conf", t->home);
    configure("listen = 127.0.0.1:0");
    start(t, NULL);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    return t;
}

static void close_shop(void)
{
    chain_close(&chain);
    free(log_path);
    free(config_path);
}

/* ---- curl, the register ---- */

/* "STATUS body"; "000" when there was no answer.  A status of 100 and more is held against the document. */
static const char *ask_for(const char *seconds, const char *method, const char *path, const char *body)
{
    static char text[4][65600];
    static int at;
    static char out[65536];
    char auth[150], url[300];
    at = (at + 1) % 4;
    snprintf(auth, sizeof auth, "Authorization: Bearer %s", token);
    snprintf(url, sizeof url, "%s%s", base, path);
    (void)run(chain.log, NULL, out, sizeof out,
              ARGS("/usr/bin/curl", "-sS", "--max-time", seconds, "-X", method, "-H", auth, "-d", body, "-w",
                   "\n%{http_code}", url));
    char *code = strrchr(out, '\n');
    int status = code ? atoi(code + 1) : 0;
    if (code)
        *code = 0;
    if (status)
        openapi_check(method, path, body, status, out);
    snprintf(text[at], sizeof text[at], "%03d %s", status % 1000, out);
    return text[at];
}

static const char *ask(const char *method, const char *path, const char *body)
{
    return ask_for("20", method, path, body);
}

static const char *post(const char *path, const char *body)
{
    return ask("POST", path, body);
}

#define assert_said(answer, what)                                                                  \
    do {                                                                                           \
        const char *answer_ = (answer);                                                            \
        if (!strstr(answer_, what))                                                                \
            fail_msg("'%s' is not in '%s'", what, answer_);                                        \
    } while (0)

/* ---- what it comes to ---- */

static struct {
    int64_t earned, redeemed;
} told;

static const char *note(const char *answer)
{
    if (strncmp(answer, "200", 3) == 0 && strstr(answer, "\"earned\":")) {
        told.earned += atoll(strstr(answer, "\"earned\":") + 9);
        told.redeemed += atoll(strstr(answer, "\"redeemed\":") + 11);
    }
    return answer;
}

static void assert_books(struct till *t)
{
    static char out[65536];
    control_ok(&t->control, line, sizeof line, "sync 15000");
    if (chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "verify")) || strstr(out, "BROKEN"))
        fail_msg("ledger verify says:\n%s", out);
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "points_earned"), told.earned);
    assert_int_equal(json_number_of(out, "points_redeemed"), told.redeemed);
    assert_int_equal(json_number_of(out, "intents_in_doubt"), 0);
    if (chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "replay")))
        fail_msg("ledger replay says:\n%s", out);
}

/* The card has points to redeem: a large sale, and the load at the next tap. */
static void fill_purse(struct till *t)
{
    card_put(t, "anna");
    assert_said(note(post("/v1/award", "{\"ref\":\"FILL\",\"card\":true,\"total\":\"20000.00\"}")), "200 ");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_take(t);
    card_put(t, "anna");
    assert_said(post("/v1/identify", "{\"card\":true}"), "\"online\":true");
    assert_said(ask("DELETE", "/v1/identify", ""), "\"cancelled\":true");
    card_take(t);
    assert_in_range(card_purse(t, "anna"), 5000, 40000);
}

/* Whatever the document says and the day did not bring. */
static void sweep(struct till *t, const char *receipt)
{
    static const char *const posts[] = {"/v1/identify", "/v1/award", "/v1/redeem", "/v1/refund"};
    /* a journal that cannot be read; a full disk: test_plain */
    /* The gift shop has no rewards: test_plain redeems them. */
    static const char *const except[] = {"get /v1/tx/{ref} 422", "post /v1/refund 422", "RedeemRequest.reward",
                                         "RedeemRequest.step", NULL};
    char good[sizeof token], body[300], out[4096], code[200];
    char *large = path_of("%s/large", t->home), *from = path_of("@%s/large", t->home);
    FILE *f = fopen(large, "w");
    for (int i = 0; i < 300000; i++)
        fputc(' ', f);
    fclose(f);
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++) {
        assert_said(post(posts[i], "{"), "400 ");
        assert_said(post(posts[i], from), "413 ");
    }
    memcpy(good, token, sizeof good);
    token[0] = token[0] == 'a' ? 'b' : 'a';
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++)
        assert_said(post(posts[i], "{}"), "401 ");
    assert_said(ask("GET", "/v1/status", ""), "401 ");
    assert_said(ask("DELETE", "/v1/identify", ""), "401 ");
    assert_said(ask("GET", "/v1/tx/R1", ""), "401 ");
    assert_said(ask("GET", "/v1/openapi.json", ""), "200 ");
    memcpy(token, good, sizeof token);

    control_ok(&t->control, line, sizeof line, "line MUG 1 500");
    assert_said(post("/v1/identify", ""), "409 ");
    assert_said(post("/v1/award", "{\"ref\":\"S1\",\"card\":true,\"total\":\"1\"}"), "409 ");
    assert_said(post("/v1/redeem", "{\"ref\":\"S1\",\"card\":true,\"all\":true}"), "409 ");
    snprintf(body, sizeof body, "{\"ref\":\"S1\",\"receipt\":\"%s\",\"money\":\"0.05\",\"wait_s\":5}", receipt);
    assert_said(post("/v1/refund", body), "409 ");
    control_ok(&t->control, line, sizeof line, "cancel");

    assert_said(post("/v1/identify", "{\"wait_s\":1}"), "422 ");
    assert_said(post("/v1/award", "{\"ref\":\"S2\",\"card\":true,\"total\":\"1\",\"wait_s\":1}"), "422 ");
    assert_said(post("/v1/identify", "{\"member\":\"M1\",\"wait_s\":5}"), "200 ");
    assert_said(post("/v1/award", "{\"ref\":\"S3\",\"member\":\"M1\",\"total\":\"1.00\",\"wait_s\":5,\"pin\":\"7391\"}"),
                "200 ");
    assert_said(post("/v1/refund", body), "200 ");
    snprintf(body, sizeof body, "{\"ref\":\"S4\",\"receipt\":\"%s\",\"all\":true}", receipt);
    assert_said(post("/v1/refund", body), "200 ");
    snprintf(body, sizeof body, "{\"ref\":\"S5\",\"receipt\":\"%s\",\"money\":\"9999.00\"}", receipt);
    assert_said(post("/v1/refund", body), "404 ");
    assert_said(post("/v1/refund", "{\"ref\":\"S5\",\"receipt\":\"T0001-999\",\"all\":true}"), "404 ");
    assert_said(ask("GET", "/v1/tx/S9", ""), "404 ");
    control_ok(&t->control, line, sizeof line, "line MUG 1 500");
    control_ok(&t->control, line, sizeof line, "total");
    control_ok(&t->control, line, sizeof line, "pay ref=THEIRS");
    assert_said(ask("GET", "/v1/tx/THEIRS", ""), "409 {\"error\":{\"code\":\"CONFLICT\"");
    assert_said(post("/v1/identify", "{\"member\":\"M999\"}"), "404 ");
    assert_said(post("/v1/award", "{\"ref\":\"S6\",\"phone\":\"+44 20 7946 0999\",\"total\":\"1\"}"), "404 ");
    assert_said(post("/v1/redeem", "{\"ref\":\"S7\",\"member\":\"M999\",\"all\":true}"), "404 ");

    card_put(t, "anna");
    assert_said(post("/v1/identify", "{\"card\":true}"), "\"id\":\"i");
    json_text_of(post("/v1/identify", "{\"card\":true}") + 4, "id", code, sizeof code);
    snprintf(body, sizeof body, "{\"ref\":\"S8\",\"id\":\"%s\",\"money\":\"1.00\",\"wait_s\":5}", code);
    assert_said(post("/v1/redeem", body), "200 ");
    card_take(t);
    card_put(t, "anna");
    assert_said(post("/v1/redeem", "{\"ref\":\"S9\",\"card\":true,\"points\":100}"), "200 ");
    card_take(t);
    assert_said(post("/v1/award", "{\"ref\":\"S10\",\"member\":\"M1\",\"total\":\"900.00\"}"), "200 ");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    assert_said(post("/v1/redeem", "{\"ref\":\"S11\",\"member\":\"M1\",\"points\":100,\"pin\":\"7391\"}"), "200 ");
    for (int i = 0; i < 2; i++) {
        chain_ctl(&chain, out, sizeof out, ARGS("member", "code", "M1"));
        json_text_of(out, "code", code, sizeof code);
        snprintf(body, sizeof body,
                 i ? "{\"ref\":\"S12\",\"code\":\"%s\",\"all\":true,\"pin\":\"7391\"}" : "{\"code\":\"%s\"}", code);
        assert_said(post(i ? "/v1/redeem" : "/v1/identify", body), "200 ");
    }
    assert_said(post("/v1/award", "{\"ref\":\"S13\",\"member\":\"M1\",\"total\":\"10.00\",\"coupons\":[\"TEA-1\"],"
                                  "\"tenders\":[{\"code\":\"giftcard\",\"amount\":\"4.00\"},{\"code\":\"cash\",\"amount\":\"6.00\"}]}"),
                "200 ");
    assert_said(post("/v1/redeem", "{\"ref\":\"S14\",\"member\":\"M1\",\"reward\":\"none\",\"step\":5,\"pin\":\"7391\"}"), "422 ");
    assert_int_equal(openapi_unseen(except), 0);
    free(large);
    free(from);
}

TEST(plain_door, a_day_with_card_telephone_and_code_on_line_and_off_adds_up_and_is_as_documented)
{
    struct till *t = open_shop();
    char out[4096], code[200], body[400], first[4000], id[16];
    memset(&told, 0, sizeof told);
    chain_ctl(&chain, out, sizeof out, ARGS("member", "edit", "M1", "--name", "Anna", "--phone", "+44 20 7946 0000",
                                            "--consent", "yes"));
    chain_ctl(&chain, out, sizeof out, ARGS("member", "pin", "M1", "7391"));
    assert_said(ask("GET", "/v1/status", ""), "\"online\":true");
    fill_purse(t);

    /* the card: who, then a bill with lines paid in part; once more; goods back */
    card_put(t, "anna");
    const char *anna = post("/v1/identify", "");
    assert_said(anna, "\"means\":\"card\",\"member\":\"M1\",\"name\":\"Anna\"");
    json_text_of(anna + 4, "id", id, sizeof id);
    char bill[300];
    snprintf(bill, sizeof bill,
             "{\"ref\":\"R1\",\"id\":\"%s\",\"lines\":[{\"sku\":\"22745\",\"quantity\":2,\"amount\":\"12.75\","
             "\"category\":\"goods\"},{\"sku\":\"22423\",\"amount\":\"20\"}],\"redeem\":{\"money\":\"2.00\"}}", id);
    snprintf(first, sizeof first, "%s", note(post("/v1/award", bill)));
    assert_said(first, "200 {\"ref\":\"R1\"");
    assert_string_equal(post("/v1/award", bill), first);
    card_take(t);
    assert_said(post("/v1/award", "{\"ref\":\"R1\",\"card\":true,\"total\":\"1.00\"}"), "409 ");
    char receipt[40];
    json_text_of(first + 4, "receipt", receipt, sizeof receipt);
    snprintf(body, sizeof body, "{\"ref\":\"F1\",\"receipt\":\"%s\",\"lines\":[{\"sku\":\"22423\",\"amount\":\"20\"}]}",
             receipt);
    snprintf(first, sizeof first, "%s", post("/v1/refund", body));
    assert_said(first, "200 {\"ref\":\"F1\"");
    told.redeemed -= json_number_of(first + 4, "given_back"); /* points_earned counts sales alone */
    assert_string_equal(post("/v1/refund", body), first);
    assert_said(ask("GET", "/v1/tx/F1", ""), "\"state\":\"done\"");

    /* the telephone: earns; redeems on line with the PIN only, from what head office holds */
    control_ok(&t->control, line, sizeof line, "sync 15000");
    assert_said(post("/v1/identify", "{\"phone\":\"+44 20 7946 0000\"}"), "\"means\":\"phone\",\"member\":\"M1\"");
    assert_said(note(post("/v1/award", "{\"ref\":\"R2\",\"phone\":\"+44 20 7946 0000\",\"total\":\"300.00\"}")),
                "\"member\":\"M1\"");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    assert_said(post("/v1/redeem", "{\"ref\":\"P1\",\"phone\":\"+44 20 7946 0000\",\"points\":100}"),
                "422 {\"error\":{\"code\":\"NEEDS_APPROVAL\"");
    assert_said(post("/v1/redeem", "{\"ref\":\"P1\",\"phone\":\"+44 20 7946 0000\",\"points\":100,\"pin\":\"1111\"}"),
                "422 {\"error\":{\"code\":\"REFUSED\"");
    snprintf(first, sizeof first, "%s",
             note(post("/v1/redeem", "{\"ref\":\"P1\",\"phone\":\"+44 20 7946 0000\",\"points\":100,\"pin\":\"7391\"}")));
    assert_said(first, "\"redeemed\":100");
    assert_string_equal(
        post("/v1/redeem", "{\"ref\":\"P1\",\"phone\":\"+44 20 7946 0000\",\"points\":100,\"pin\":\"7391\"}"), first);

    /* a code of the member page, once */
    chain_ctl(&chain, out, sizeof out, ARGS("member", "code", "M1"));
    json_text_of(out, "code", code, sizeof code);
    snprintf(body, sizeof body, "{\"ref\":\"R3\",\"code\":\"%s\",\"total\":\"10.00\"}", code);
    assert_said(note(post("/v1/award", body)), "\"ref\":\"R3\"");
    assert_said(post("/v1/identify", "{\"code\":\"nonsense\"}"), "400 ");

    /* the line is cut */
    control_ok(&t->control, line, sizeof line, "sync 15000");
    till_cut(t);
    assert_said(post("/v1/redeem", "{\"ref\":\"P2\",\"phone\":\"+44 20 7946 0000\",\"points\":100,\"pin\":\"7391\"}"),
                "422 ");
    assert_said(note(post("/v1/award", "{\"ref\":\"R4\",\"phone\":\"+44 20 7946 0000\",\"total\":\"30.00\"}")),
                "\"member\":null");
    card_put(t, "anna");
    assert_said(note(post("/v1/award",
                          "{\"ref\":\"R5\",\"card\":true,\"total\":\"30.00\",\"redeem\":{\"points\":200}}")),
                "\"redeemed\":200");
    card_take(t);
    assert_said(ask("GET", "/v1/status", ""), "\"online\":false");
    till_restore(t);
    control_ok(&t->control, line, sizeof line, "sync 20000");
    assert_books(t);
    sweep(t, receipt);
    close_shop();
}

TEST(plain_door, a_lost_answer_is_found_again_by_the_same_request)
{
    struct till *t = open_shop();
    memset(&told, 0, sizeof told);
    static const char bill[] = "{\"ref\":\"L1\",\"card\":true,\"total\":\"50.00\",\"wait_s\":60}";
    assert_said(ask_for("1", "POST", "/v1/award", bill), "000 "); /* the register gives up, the till does not */
    assert_said(ask("GET", "/v1/tx/L1", ""), "\"state\":\"working\"");
    card_put(t, "anna");
    const char *answer = "";
    for (int i = 0; i < 200 && !strstr(answer, "\"done\""); i++) {
        usleep(20000);
        answer = ask("GET", "/v1/tx/L1", "");
    }
    assert_said(answer, "\"state\":\"done\"");
    assert_said(note(post("/v1/award", bill)), "200 {\"ref\":\"L1\",\"receipt\":\"T0001-1\"");
    card_take(t);
    assert_books(t);
    close_shop();
}

TEST(plain_door, killed_anywhere_in_an_award_the_same_request_ends_it_once)
{
    static const char *const points[] = {
        "before-intent:1", "journal-before-commit:1", "journal-after-commit:1", "after-intent:1",
        "before-commit:1", "after-commit:1",          "before-sale:1",          "journal-before-commit:2",
        "journal-after-commit:2", "after-sale:1",
    };
    struct till *t = open_shop();
    memset(&told, 0, sizeof told);
    fill_purse(t);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char env[80], body[200], path[60], first[2000] = "";
        int64_t before = card_purse(t, "anna");
        snprintf(env, sizeof env, "PATRON_CRASH=%s", points[i]);
        snprintf(body, sizeof body,
                 "{\"ref\":\"K%zu\",\"card\":true,\"total\":\"40.00\",\"redeem\":{\"points\":100},\"wait_s\":10}", i);
        snprintf(path, sizeof path, "/v1/tx/K%zu", i);
        control_ok(&t->control, line, sizeof line, "sync 15000");
        stop(t, SIGTERM);
        till_cut(t); /* nothing else is journalled or loaded meanwhile */
        start(t, env);
        card_put(t, "anna");
        const char *answer = post("/v1/award", body);
        if (strncmp(answer, "000", 3) != 0)
            fail_msg("%s: the till was not killed: %s", points[i], answer);
        if (!WIFSIGNALED(proc_wait(&t->program, 10000)))
            fail_msg("%s: the till did not die", points[i]);
        control_close(&t->control);
        card_take(t);
        start(t, NULL);
        const char *then = ask("GET", path, "");
        card_put(t, "anna");
        for (int n = 0; n < 5 && strncmp(first, "200", 3) != 0; n++) {
            snprintf(first, sizeof first, "%s", post("/v1/award", body));
            card_take(t);
            card_put(t, "anna");
        }
        if (strncmp(first, "200", 3) != 0)
            fail_msg("%s: %s; then %s", points[i], then, first);
        assert_said(first, "\"redeemed\":100,\"in_doubt\":false");
        assert_string_equal(post("/v1/award", body), first);
        assert_said(ask("GET", path, ""), "\"state\":\"done\"");
        note(first);
        card_take(t);
        if (card_purse(t, "anna") != before - 100)
            fail_msg("%s: the purse went from %d to %d", points[i], (int)before, (int)card_purse(t, "anna"));
        till_restore(t);
    }
    assert_books(t);
    close_shop();
}

TEST(plain_door, killed_anywhere_in_a_refund_it_is_given_back_once)
{
    static const char *const points[] = {"before-refund:1", "journal-before-commit:1", "journal-after-commit:1",
                                         "after-refund:1"};
    struct till *t = open_shop();
    memset(&told, 0, sizeof told);
    char receipt[40], body[200];
    const char *sale = note(post("/v1/award", "{\"ref\":\"B1\",\"member\":\"M1\",\"total\":\"100.00\"}"));
    assert_said(sale, "200 ");
    json_text_of(sale + 4, "receipt", receipt, sizeof receipt);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char env[80], path[60], first[2000];
        snprintf(env, sizeof env, "PATRON_CRASH=%s", points[i]);
        snprintf(body, sizeof body, "{\"ref\":\"G%zu\",\"receipt\":\"%s\",\"money\":\"25.00\"}", i, receipt);
        snprintf(path, sizeof path, "/v1/tx/G%zu", i);
        control_ok(&t->control, line, sizeof line, "sync 15000");
        stop(t, SIGTERM);
        start(t, env);
        assert_said(post("/v1/refund", body), "000 ");
        if (!WIFSIGNALED(proc_wait(&t->program, 10000)))
            fail_msg("%s: the till did not die", points[i]);
        control_close(&t->control);
        start(t, NULL);
        assert_said(ask("GET", path, ""), i < 2 ? "404 " : "\"state\":\"done\"");
        snprintf(first, sizeof first, "%s", post("/v1/refund", body));
        assert_said(first, "\"total\":\"25.00\"");
        assert_string_equal(post("/v1/refund", body), first);
    }
    snprintf(body, sizeof body, "{\"ref\":\"G9\",\"receipt\":\"%s\",\"money\":\"0.01\"}", receipt);
    assert_said(post("/v1/refund", body), "404 "); /* all of it is back */
    assert_books(t);
    close_shop();
}

TEST(plain_door, a_hold_that_head_office_did_not_answer_is_asked_for_again_and_taken_once)
{
    struct till *t = open_shop();
    char out[4096], body[300], first[2000] = "", id[16];
    memset(&told, 0, sizeof told);
    chain_ctl(&chain, out, sizeof out, ARGS("member", "edit", "M1", "--phone", "+44 20 7946 0000"));
    chain_ctl(&chain, out, sizeof out, ARGS("member", "pin", "M1", "7391"));
    assert_said(note(post("/v1/award", "{\"ref\":\"H1\",\"phone\":\"+44 20 7946 0000\",\"total\":\"500.00\"}")), "200 ");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    json_text_of(post("/v1/identify", "{\"phone\":\"+44 20 7946 0000\"}") + 4, "id", id, sizeof id);
    relay_hang(&t->relay);
    snprintf(body, sizeof body, "{\"ref\":\"H2\",\"id\":\"%s\",\"points\":100,\"pin\":\"7391\"}", id);
    assert_said(post("/v1/redeem", body), "409 {\"error\":{\"code\":\"NO_ANSWER\"");
    assert_said(post("/v1/award", "{\"ref\":\"H3\",\"card\":true,\"total\":\"1.00\"}"), "409 {\"error\":{\"code\":\"BUSY\"");
    relay_cut(&t->relay);
    (void)relay_restore(&t->relay);
    for (int i = 0; i < 200 && !strstr(ask("GET", "/v1/status", ""), "\"online\":true"); i++)
        usleep(50000);
    snprintf(first, sizeof first, "%s", post("/v1/redeem", body));
    assert_said(first, "200 {\"ref\":\"H2\"");
    assert_string_equal(post("/v1/redeem", body), first);
    note(first);
    assert_said(ask("GET", "/v1/status", ""), "\"free\":true");
    assert_books(t);
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    close_shop();
}

/* ---- TLS ---- */

static void write_pem(const char *path, const char *label, struct bytes der)
{
    uint8_t room[MBED_PEM_MAX];
    struct buf pem = BUF_ON(room);
    assert_int_equal(mbed_pem_write(&pem, label, der, NULL), OK);
    FILE *f = fopen(path, "w");
    assert_int_equal(fwrite(room, 1, pem.size, f), pem.size);
    fclose(f);
}

TEST(plain_door, other_machines_need_tls_and_it_being_switched_on)
{
    struct till *t = open_shop();
    mbedtls_pk_context ca, key;
    uint8_t room[MBED_CERT_DER_MAX];
    struct buf der = BUF_ON(room);
    char *dir = t->home, *program = path_of("%s/patron-terminal", chain.bin);
    char *ca_path = path_of("%s/shop-ca.pem", dir), *crt_path = path_of("%s/door.pem", dir);
    char *key_path = path_of("%s/door.key", dir);
    stop(t, SIGTERM);
    assert_int_equal(mbed_init(NULL), OK);
    assert_int_equal(mbed_key_make(&ca, NULL), OK);
    assert_int_equal(mbed_key_make(&key, NULL), OK);
    struct mbed_cert cert = {.name = "shop", .key = &ca, .issuer = "shop", .issuer_key = &ca, .from_s = 1700000000,
                             .to_s = 4000000000, .serial = {1}, .use = MBED_CA};
    assert_int_equal(mbed_cert_make(&der, &cert, NULL), OK);
    write_pem(ca_path, "CERTIFICATE", buf_bytes(&der));
    cert = (struct mbed_cert){.name = "localhost", .key = &key, .issuer = "shop", .issuer_key = &ca,
                              .from_s = 1700000000, .to_s = 4000000000, .serial = {2}, .use = MBED_SERVER};
    der.size = 0;
    assert_int_equal(mbed_cert_make(&der, &cert, NULL), OK);
    write_pem(crt_path, "CERTIFICATE", buf_bytes(&der));
    der.size = 0;
    assert_int_equal(mbed_key_write(&der, &key, NULL), OK);
    write_pem(key_path, "EC PRIVATE KEY", buf_bytes(&der));

    static const struct {
        bool certificate, anywhere, runs;
    } rows[] = {{false, false, false}, {true, false, false}, {false, true, false}, {true, true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1500];
        snprintf(text, sizeof text, "listen = 0.0.0.0:0\n%s%s%s%s%s%s", rows[i].certificate ? "certificate = " : "",
                 rows[i].certificate ? crt_path : "", rows[i].certificate ? "\nkey = " : "",
                 rows[i].certificate ? key_path : "", rows[i].certificate ? "\n" : "",
                 rows[i].anywhere ? "anywhere = yes\n" : "");
        configure(text);
        if (!rows[i].runs) {
            int status = run(chain.log, "", NULL, 0,
                             ARGS(program, "--home", t->home, "--reader", "none", "--prompt", "--config", config_path));
            if (status != 1 && status != 2)
                fail_msg("row %zu: it ended with %d", i, status);
        }
    }
    start(t, NULL);
    char url[100], auth[150], out[3000];
    snprintf(url, sizeof url, "https://localhost:%s/v1/status", strrchr(base, ':') + 1);
    snprintf(auth, sizeof auth, "Authorization: Bearer %s", token);
    assert_int_equal(run(chain.log, NULL, out, sizeof out, ARGS("/usr/bin/curl", "-sS", "--noproxy", "*", "--cacert",
                                                                ca_path, "-H", auth, url)),
                     0);
    assert_said(out, "{\"terminal\":1,");
    assert_int_equal(run(chain.log, NULL, out, sizeof out, ARGS("/usr/bin/curl", "-sS", "--noproxy", "*", "--tls-max",
                                                                "1.2", "--cacert", ca_path, "-H", auth, url)),
                     0);
    assert_int_not_equal(run(chain.log, NULL, out, sizeof out,
                             ARGS("/usr/bin/curl", "-sS", "--noproxy", "*", "-H", auth, url)), 0); /* not its CA */
    snprintf(url, sizeof url, "http://localhost:%s/v1/status", strrchr(base, ':') + 1);
    assert_int_not_equal(run(chain.log, NULL, out, sizeof out,
                             ARGS("/usr/bin/curl", "-sS", "--noproxy", "*", "-H", auth, url)), 0);
    assert_null(strstr(out, "terminal"));
    mbedtls_pk_free(&ca);
    mbedtls_pk_free(&key);
    close_shop();
    free(program);
    free(ca_path);
    free(crt_path);
    free(key_path);
}
