/* test_plan.c - drafts, proposals and publishing: nobody overwrites another's draft, nobody decides on what they
 * wrote, and what was approved is what comes into force.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"
#include "office/plan/drafts.h"
#include "office/plan/proposal.h"
#include "office/plan/publish.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANN = 11, BOB = 12, EVE = 13 };

static struct ledgers l;
static struct home home;
static struct head_office office;
static struct errmsg why;
static int64_t now_s;

static void set_up(void)
{
    char dir[300];
    snprintf(dir, sizeof dir, "%s/office", test_scratch_dir());
    assert_int_equal(home_create(&home, dir, time(NULL), &why), OK);
    ledgers_open(&l, "plan", "", "");
    office = (struct head_office){&home, l.books, NULL};
    now_s = ledgers_day(10);
}

static void tear_down(void)
{
    ledgers_sound(&l);
    ledgers_close(&l);
    home_finish(&home);
}

static int in_one(void)
{
    assert_int_equal(books_begin(l.books, &why), OK);
    return 0;
}
static enum err in_one_end(int begun, enum err e)
{
    (void)begun;
    if (e)
        books_rollback(l.books);
    else
        assert_int_equal(books_commit(l.books, &why), OK);
    return e;
}

/* ---- drafts ---- */

TEST(drafts, somebody_elses_change_is_not_overwritten)
{
    static struct draft d;
    int64_t id = 0;
    enum err e;
    set_up();
    in_one();
    e = draft_add(l.books, "Gold for more", "{ not yet", 1, ANN, now_s, &id, &why);
    assert_int_equal(in_one_end(0, e), OK);
    in_one();
    e = draft_save(l.books, id, 1, "Gold for more", "{\"a\": 1}", BOB, now_s + 60, &why);
    assert_int_equal(in_one_end(0, e), OK);
    in_one();
    e = draft_save(l.books, id, 1, "Gold for more", "{\"a\": 2}", ANN, now_s + 70, &why);
    assert_int_equal(in_one_end(0, e), ERR_CONFLICT);
    assert_non_null(strstr(why.text, "somebody saved"));
    assert_int_equal(draft_get(l.books, id, &d, &why), OK);
    assert_string_equal(d.text, "{\"a\": 1}");
    assert_int_equal(d.revision, 2);
    assert_int_equal(d.author, ANN);
    assert_int_equal(d.changed_by, BOB);
    assert_int_equal(d.changed_s - d.created_s, 60);
    in_one();
    e = draft_drop(l.books, id, 1, &why);
    assert_int_equal(in_one_end(0, e), ERR_CONFLICT);
    in_one();
    e = draft_drop(l.books, id, 2, &why);
    assert_int_equal(in_one_end(0, e), OK);
    assert_int_equal(draft_get(l.books, id, &d, &why), ERR_NOT_FOUND);
    in_one();
    e = draft_save(l.books, id, 2, "Gold", "{}", ANN, now_s, &why);
    assert_int_equal(in_one_end(0, e), ERR_NOT_FOUND);
    tear_down();
}

TEST(drafts, a_name_and_a_text_that_do_not_fit_are_refused)
{
    static char long_text[PACK_JSON_MAX + 2];
    int64_t id;
    memset(long_text, ' ', PACK_JSON_MAX + 1);
    set_up();
    in_one();
    assert_int_equal(draft_add(l.books, "", "{}", 1, ANN, now_s, &id, &why), ERR_FORMAT);
    assert_int_equal(draft_add(l.books, "x", "\xff", 1, ANN, now_s, &id, &why), ERR_FORMAT);
    assert_int_equal(draft_add(l.books, "x", long_text, 1, ANN, now_s, &id, &why), ERR_FULL);
    assert_int_equal(draft_add(l.books, "x", long_text + 1, 1, ANN, now_s, &id, &why), OK);
    in_one_end(0, OK);
    tear_down();
}

/* ---- proposals ---- */

static const char next_pack[] = "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"Twice\", \"currency\": "
                                "\"GBP\", \"earn\": {\"rate\": \"2/100\"}}";

static json_t *subject_of(const char *text, const char *effective, int follows)
{
    return json_pack("{s:s, s:s, s:i}", "text", text, "effective", effective, "follows", follows);
}

static enum err propose(const char *text, const char *effective, int follows, int64_t *id)
{
    json_t *subject = subject_of(text, effective, follows);
    in_one();
    enum err e = in_one_end(0, proposal_add(&office, "publish", subject, ANN, "more for all", now_s, id, &why));
    json_decref(subject);
    return e;
}

static enum err decide(int64_t id, bool approve, uint32_t user, const char *remark)
{
    in_one();
    return in_one_end(0, proposal_decide(&office, id, approve, user, remark, now_s + 5, &why));
}

static const char *state_of(int64_t id)
{
    static struct proposal p;
    proposal_finish(&p);
    assert_int_equal(proposal_get(l.books, id, &p, &why), OK);
    const char *text = proposal_state_text(p.state);
    proposal_finish(&p);
    return text;
}

TEST(proposals, rules_come_into_force_by_a_second_person_and_as_they_were_shown)
{
    int64_t id = 0;
    struct proposal p;
    uint8_t hash[MBED_HASH_SIZE];
    struct pack_text *t = pack_text_create();
    set_up();
    assert_int_equal(propose(next_pack, "2011-01-20", 1, &id), OK);
    assert_int_equal(decide(id, true, ANN, ""), ERR_REFUSED); /* the author */
    assert_int_equal(decide(id, true, 0, ""), ERR_REFUSED);   /* nobody */
    assert_string_equal(state_of(id), "open");
    assert_int_equal(decide(id, true, BOB, "looks right"), OK);
    assert_int_equal(proposal_get(l.books, id, &p, &why), OK);
    assert_int_equal(p.state, PROPOSAL_DONE);
    assert_int_equal(p.decided_by, BOB);
    assert_string_equal(p.result, "version 2 from 2011-01-20");
    proposal_finish(&p);
    assert_int_equal(pack_text_newest(t, l.books, &why), OK);
    assert_int_equal(t->pack.version, 2);
    assert_string_equal(t->pack.name, "Twice");
    assert_int_equal(t->pack.earn.num * 100, t->pack.earn.den * 2);
    mbed_sha256(hash, bytes_of(t->json, t->size));
    assert_int_equal(mbed_verify(&home.pack_key, hash, bytes_of(t->signature, t->signature_size), &why), OK);
    assert_int_equal(decide(id, false, EVE, "too late"), ERR_STATE);
    /* the pack before is still the one of the days before */
    assert_int_equal(books_pack_on(l.books, LEDGERS_DAY_0 + 18)->version, 1);
    assert_int_equal(books_pack_on(l.books, LEDGERS_DAY_0 + 19)->version, 2);
    free(t);
    tear_down();
}

TEST(proposals, what_cannot_be_published_is_not_even_proposed)
{
    static const struct { const char *text, *effective; int follows; enum err e; const char *sentence; } cases[] = {
        {next_pack, "2011-01-10", 1, ERR_RANGE, "past"},
        {next_pack, "soon", 1, ERR_FORMAT, "day"},
        {next_pack, "2011-02-01", 7, ERR_STATE, "version 1 was published"},
        {"{}", "2011-02-01", 1, ERR_FORMAT, ""},
        {"[", "2011-02-01", 1, ERR_FORMAT, ""},
        {"{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"T\", \"currency\": \"EUR\", \"earn\": {\"rate\": 1}}",
         "2011-02-01", 1, ERR_CONFLICT, "another currency"},
        {"{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"T\", \"currency\": \"GBP\", \"earn\": {\"rate\": 1},"
         " \"tiers\": {\"levels\": [{\"code\": \"Platinum1\", \"name\": \"P\"}]}}",
         "2011-02-01", 1, ERR_RANGE, "card"},
    };
    int64_t id = 0;
    set_up();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        why.text[0] = 0;
        enum err e = propose(cases[i].text, cases[i].effective, cases[i].follows, &id);
        if (e != cases[i].e || !strstr(why.text, cases[i].sentence))
            fail_msg("case %zu: %s: %s", i, err_text(e), why.text);
    }
    in_one();
    json_t *subject = subject_of(next_pack, "2011-02-01", 1);
    assert_int_equal(proposal_add(&office, "publish", subject, ANN, "  ", now_s, &id, &why), ERR_FORMAT);
    assert_int_equal(proposal_add(&office, "abdicate", subject, ANN, "why not", now_s, &id, &why), ERR_FORMAT);
    in_one_end(0, OK);
    json_decref(subject);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM proposal"), 0);
    tear_down();
}

TEST(proposals, who_wrote_into_it_does_not_decide_on_it)
{
    int64_t id = 0;
    set_up();
    assert_int_equal(propose(next_pack, "2011-01-20", 1, &id), OK);
    in_one();
    assert_int_equal(proposal_add_writer(&office, id, EVE, &why), OK);
    in_one_end(0, OK);
    assert_int_equal(decide(id, true, EVE, ""), ERR_REFUSED);
    assert_int_equal(decide(id, false, EVE, "no"), ERR_REFUSED);
    assert_int_equal(decide(id, false, BOB, ""), ERR_FORMAT); /* a refusal says why */
    assert_int_equal(decide(id, false, BOB, "too dear"), OK);
    assert_string_equal(state_of(id), "refused");
    assert_int_equal(books_pack_on(l.books, LEDGERS_DAY_0 + 99)->version, 1);
    tear_down();
}

TEST(proposals, only_the_author_takes_one_back_and_only_while_it_is_open)
{
    int64_t id = 0;
    set_up();
    assert_int_equal(propose(next_pack, "2011-01-20", 1, &id), OK);
    in_one();
    assert_int_equal(in_one_end(0, proposal_withdraw(&office, id, BOB, now_s, &why)), ERR_REFUSED);
    in_one();
    assert_int_equal(in_one_end(0, proposal_withdraw(&office, id, ANN, now_s, &why)), OK);
    assert_string_equal(state_of(id), "withdrawn");
    assert_int_equal(decide(id, true, BOB, ""), ERR_STATE);
    in_one();
    assert_int_equal(in_one_end(0, proposal_withdraw(&office, id, ANN, now_s, &why)), ERR_STATE);
    tear_down();
}

/* Two were proposed; the second was written against rules that are not the newest any more. */
TEST(proposals, one_that_was_overtaken_is_proposed_anew)
{
    int64_t first = 0, second = 0;
    set_up();
    assert_int_equal(propose(next_pack, "2011-01-20", 1, &first), OK);
    assert_int_equal(propose(next_pack, "2011-01-25", 1, &second), OK);
    assert_int_equal(decide(first, true, BOB, ""), OK);
    assert_int_equal(decide(second, true, BOB, ""), ERR_STATE);
    assert_non_null(strstr(why.text, "version 2 was published since"));
    assert_string_equal(state_of(second), "open");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM pack"), 2);
    tear_down();
}

/* A day later than it was proposed for nothing is published for the day before. */
TEST(proposals, one_that_waited_too_long_is_refused)
{
    int64_t id = 0;
    set_up();
    assert_int_equal(propose(next_pack, "2011-01-11", 1, &id), OK); /* today */
    now_s += SECONDS_PER_DAY;
    assert_int_equal(decide(id, true, BOB, ""), ERR_RANGE);
    assert_string_equal(state_of(id), "open");
    tear_down();
}

/* The database holds to it, whatever the program says. */
TEST(proposals, the_tables_refuse_what_the_program_should)
{
    static const char *const wrong[] = {
        "UPDATE proposal SET state = 'done', decided_by = author, decided_s = 1",
        "UPDATE proposal SET state = 'done', decided_by = 13, decided_s = 1", /* EVE wrote into it */
        "UPDATE proposal SET state = 'refused'",
        "UPDATE proposal SET state = 'withdrawn', decided_by = 12, decided_s = 1",
        "UPDATE proposal SET subject = '{}'",
        "UPDATE proposal SET author = 12",
        "DELETE FROM proposal",
        "INSERT INTO proposal (kind, subject, author, reason, created_s) VALUES ('x', '{', 1, 'r', 1)",
    };
    int64_t id = 0;
    set_up();
    assert_int_equal(propose(next_pack, "2011-01-20", 1, &id), OK);
    in_one();
    assert_int_equal(proposal_add_writer(&office, id, EVE, &why), OK);
    in_one_end(0, OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        in_one();
        struct query q = query_text_of(l.books->store, wrong[i]);
        if (query_run(&q, &why) != ERR_CORRUPT)
            fail_msg("%s", wrong[i]);
        books_rollback(l.books);
    }
    assert_int_equal(decide(id, false, BOB, "no"), OK);
    in_one();
    struct query q = query_text_of(l.books->store, "UPDATE proposal SET state = 'done'");
    assert_int_equal(query_run(&q, &why), ERR_CORRUPT);
    books_rollback(l.books);
    tear_down();
}
