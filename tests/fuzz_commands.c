/* fuzz_commands.c - fuzz target: the text commands of a register, with a whole till behind them: a journal on disk, a
 * programme, a card on the reader.  Whatever is said, each line gets one answer, and what the journal holds is sound.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "db/journal.h"
#include "hw/reader_sim.h"
#include "terminal/till.h"
#include "tests/cards.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TERMINAL = 7, PURSE = 1000000, INPUTS_A_JOURNAL = 200 };

static const char pack_json[] =
    "{\"version\": 1, \"effective\": \"2010-01-01\", \"name\": \"Test\", \"currency\": \"GBP\",\n"
    "\"earn\": {\"rate\": \"1/100\"},\n"
    "\"tiers\": {\"metric\": \"spend\", \"window\": \"lifetime\", \"levels\": [\n"
    "  {\"code\": \"base\", \"name\": \"Base\", \"offline_per_tap\": 300, \"offline_per_day\": "
    "500}]},\n"
    "\"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10, \"max_share\": \"1/2\", "
    "\"offline_days\": 30}}";

static char folder[] = "/tmp/patron-fuzz-XXXXXX", path[64];
static struct identity identity;
static struct vcard issued, card;
static struct reader_sim reader;
static struct journal *journal;
static struct till *till;
static int inputs;

static void must_be(enum err e, const struct errmsg *why)
{
    if (e) {
        fprintf(stderr, "%s\n", why->text);
        abort();
    }
}

static void forget_files(void)
{
    static const char *const tails[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
}

static void clean_up(void)
{
    forget_files();
    rmdir(folder);
}

static void make_card(void)
{
    struct card_uid uid = {{4, 1, 2, 3, 4, 5, 6}};
    struct card_office_keys keys = cards_keys(1);
    struct card_profile p = {.member = 12, .tier = "base", .tier_valid_day = 20000, .layout = CARD_LAYOUT};
    cards_issue(&issued, VCARD_EV2, &uid, &keys, &p);
    cards_load(&issued, &keys, PURSE, (struct entry_id){0, 1}, 1291192440);
}

static void open_till(void)
{
    struct errmsg why = {""};
    uint8_t hash[MBED_HASH_SIZE], room[MBED_SIGNATURE_MAX];
    struct buf signature = BUF_ON(room);
    if (!path[0]) {
        if (!mkdtemp(folder))
            abort();
        snprintf(path, sizeof path, "%s/till.db", folder);
        atexit(clean_up);
        must_be(mbed_init(&why), &why);
        identity.terminal = TERMINAL;
        snprintf(identity.shop, sizeof identity.shop, "london");
        identity.card = cards_till_keys(1);
        must_be(mbed_key_make(&identity.pack_key, &why), &why);
        make_card();
        reader_sim_init(&reader);
    }
    forget_files();
    must_be(journal_open(&journal, path, TERMINAL, &why), &why);
    struct till_parts parts = {.identity = &identity, .journal = journal, .reader = &reader.reader, .home = folder};
    must_be(till_create(&till, &parts, &why), &why);
    mbed_sha256(hash, bytes_of(pack_json, strlen(pack_json)));
    must_be(mbed_sign(&signature, &identity.pack_key, hash, &why), &why);
    must_be(packs_take(till, bytes_of(pack_json, strlen(pack_json)), buf_bytes(&signature), &why), &why);
}

static void close_till(void)
{
    struct errmsg why = {""};
    uint32_t count = 0;
    must_be(journal_verify(journal, &count, &why), &why);
    till_destroy(till);
    journal_close(journal);
    till = NULL;
}

/* What comes back is lines that begin with ok or error. */
static void check(const char *text, size_t size)
{
    bool begins = true;
    for (size_t i = 0; i < size; i++) {
        if (begins)
            assert((size - i >= 2 && memcmp(text + i, "ok", 2) == 0) ||
                   (size - i >= 6 && memcmp(text + i, "error ", 6) == 0) || size - i < 6);
        begins = text[i] == '\n';
    }
}

static void say(const void *data, size_t size)
{
    static char got[TILL_OUTPUT_MAX + 1];
    struct errmsg why = {""};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        abort();
    must_be(till_attach(till, ends[1], ends[1], false, &why), &why);
    (void)!send(ends[0], data, size, MSG_NOSIGNAL);
    shutdown(ends[0], SHUT_WR);
    for (int i = 0; i < 60; i++) {
        till->quit = false;
        (void)!till_turn(till, 0);
    }
    ssize_t n = recv(ends[0], got, sizeof got, 0);
    if (n > 0)
        check(got, (size_t)n);
    close(ends[0]);
    for (int i = 0; i < 3; i++)
        (void)!till_turn(till, 0);
    till->quit = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!till || ++inputs % INPUTS_A_JOURNAL == 0) {
        if (till)
            close_till();
        open_till();
    }
    card = issued; /* whatever the last input did to it */
    reader_sim_present(&reader, NULL);
    (void)!till_turn(till, 0);
    reader_sim_present(&reader, &card.target);
    say(data, size < TILL_INPUT_MAX ? size : TILL_INPUT_MAX);
    say("giveup\ncancel\n", 14);
    say("cancel\n", 7);
    return 0;
}
