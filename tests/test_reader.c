/* test_reader.c - one contract for every reader: what hw/reader.h promises, tried on the simulated reader in
 * this process and on the real libnfc with patron-cardsim, which is found in $PATRON_BIN or beside this
 * program's folder.  Then what only a real one does: dying, hanging, being unplugged.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"
#include "cardproto/kind.h"
#include "cardproto/sun.h"
#include "hw/reader_sim.h"
#include "hw/vcard.h"
#include "hw/vtag.h"
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Long enough for a reader to have looked more than once, and to have noticed that a card is gone. */
enum { LOOKS_MS = 120, LEAVES_MS = 600 };

/* A reader and the hands that move cards over it.  Card 0 and 1 are there; -1 is none. */
enum { FIRST_TAG = 2, TAGS = 4 }; /* behind two full cards: NTAG213, NTAG 424, UID of 4 bytes, random UID */

struct bench {
    struct reader *reader;
    void (*present)(struct bench *b, int card);
    void (*add)(struct bench *b, int card); /* beside the one that lies there */
    void (*tear)(struct bench *b, int n, bool after);
    void (*plug)(struct bench *b, bool in);
    void (*finish)(struct bench *b);
    struct reader_sim sim;
    struct vcard *cards;
    struct vtag tags[TAGS];
    pid_t cardsim;
    int control;
    char dir[200], connstring[400];
};

static const struct aes_key tag_key = {{0x10, 0x11, 0x12}};
static const char meta_hex[] = "10111200000000000000000000000000";

static const struct card_uid uids[2] = {{{0x04, 0x51, 0x12, 0x8a, 0x01, 0x02, 0x03}},
                                        {{0x04, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22}}};

/* Waits at most ms for a card. */
static enum err wait_card(struct bench *b, struct reader_card *card, int ms)
{
    int64_t end = clock_tick_ms() + ms;
    struct errmsg why = {""};
    for (;;) {
        enum err e = b->reader->ops->take(b->reader, card, &why);
        int64_t left = end - clock_tick_ms();
        int fd = b->reader->ops->fd(b->reader);
        if (e == OK || left <= 0 || fd < 0)
            return e;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        poll(&p, 1, (int)left);
    }
}

static void arm(struct bench *b, bool fresh)
{
    struct errmsg why = {""};
    assert_int_equal(b->reader->ops->arm(b->reader, fresh, &why), OK);
}

static enum err exchange(struct bench *b, struct bytes tx, struct buf *rx)
{
    struct errmsg why = {""};
    enum err e = b->reader->ops->exchange(b->reader, tx, rx, READER_TIMEOUT_MS, &why);
    assert_int_equal(e == OK, why.text[0] == 0); /* every error has a sentence */
    return e;
}

static enum err apdu(struct bench *b, uint8_t command, struct buf *rx)
{
    uint8_t tx[] = {0x90, command, 0, 0, 0};
    return exchange(b, bytes_of(tx, sizeof tx), rx);
}

/* GetVersion, three frames; the last one begins with the UID. */
static void assert_talks_to(struct bench *b, int card)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    assert_int_equal(apdu(b, 0x60, &rx), OK);
    assert_int_equal(rx.size, 9);
    assert_memory_equal(room + 7, "\x91\xaf", 2);
    assert_int_equal(apdu(b, 0xaf, &rx), OK);
    assert_int_equal(apdu(b, 0xaf, &rx), OK);
    assert_int_equal(rx.size, 16);
    assert_memory_equal(room, uids[card].b, 7);
    assert_memory_equal(room + 14, "\x91\x00", 2);
}

static void assert_found(struct bench *b, int card)
{
    struct reader_card c;
    assert_int_equal(wait_card(b, &c, 10000), OK); /* at most: a busy machine */
    assert_int_equal(c.uid_size, 7);
    assert_memory_equal(c.uid.b, uids[card].b, 7);
    assert_memory_equal(c.atqa, "\x03\x44", 2);
    assert_int_equal(c.sak, 0x20);
    assert_int_equal(c.ats_size, 5);
    assert_memory_equal(c.ats, "\x75\x77\x81\x02\x80", 5);
    assert_false(c.several);
}

static void assert_none(struct bench *b, int ms)
{
    struct reader_card c;
    assert_int_equal(wait_card(b, &c, ms), ERR_NO_CARD);
}

static void found_and_answers(struct bench *b)
{
    arm(b, false);
    assert_none(b, 50);
    b->present(b, 0);
    assert_found(b, 0);
    assert_talks_to(b, 0);
    b->present(b, -1);
    arm(b, false);
    assert_none(b, 50);
    b->present(b, 1);
    assert_found(b, 1);
    assert_talks_to(b, 1);
}

static void nobody_looks_unless_asked_and_a_card_let_go_is_gone(struct bench *b)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    b->present(b, 0);
    assert_none(b, 50);
    assert_int_equal(apdu(b, 0x60, &rx), ERR_STATE);
    arm(b, false);
    assert_found(b, 0);
    assert_found(b, 0); /* the same one, as often as asked */
    b->reader->ops->release(b->reader);
    assert_none(b, 50);
    assert_int_equal(apdu(b, 0x60, &rx), ERR_STATE);
    arm(b, false);
    assert_found(b, 0);
    assert_talks_to(b, 0);
}

static void fresh_waits_until_the_old_card_was_taken_away(struct bench *b)
{
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    b->reader->ops->release(b->reader);
    arm(b, true);
    assert_none(b, LOOKS_MS);
    b->present(b, -1);
    assert_none(b, LEAVES_MS);
    b->present(b, 0);
    assert_found(b, 0);
    assert_talks_to(b, 0);
    arm(b, true);
    assert_none(b, LOOKS_MS);
    arm(b, false); /* now it counts */
    assert_found(b, 0);
    b->present(b, -1);
    arm(b, true);
    assert_none(b, LOOKS_MS);
    b->present(b, 0); /* nothing lay there: no reason to wait */
    assert_found(b, 0);
}

static void fresh_takes_another_card_at_once(struct bench *b)
{
    b->present(b, 0);
    arm(b, true);
    assert_none(b, LOOKS_MS);
    b->present(b, 1);
    assert_found(b, 1);
    assert_talks_to(b, 1);
}

static void a_torn_card_stays_gone_until_it_is_looked_for_again(struct bench *b)
{
    for (int after = 0; after < 2; after++) {
        uint8_t room[64];
        struct buf rx = BUF_ON(room);
        b->present(b, 0);
        arm(b, false);
        assert_found(b, 0);
        b->tear(b, 2, after);
        assert_int_equal(apdu(b, 0x60, &rx), OK);
        enum err e = apdu(b, 0xaf, &rx);
        assert_true(e == ERR_GONE || e == ERR_TIMEOUT);
        assert_int_equal(rx.size, 0);
        e = apdu(b, 0x60, &rx);
        assert_true(e == ERR_GONE || e == ERR_TIMEOUT);
        b->present(b, 0);
        e = apdu(b, 0x60, &rx);
        assert_true(e == ERR_GONE || e == ERR_TIMEOUT);
        arm(b, false);
        assert_found(b, 0);
        assert_talks_to(b, 0);
        b->present(b, -1);
    }
}

static void frames_too_long_are_never_sent(struct bench *b)
{
    static uint8_t big[READER_FRAME_MAX + 1];
    uint8_t room[300];
    struct buf rx = BUF_ON(room), small = {.data = room, .cap = 5};
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    assert_int_equal(exchange(b, bytes_of(big, sizeof big), &rx), ERR_RANGE);
    assert_int_equal(exchange(b, bytes_of(big, 0), &rx), ERR_RANGE);
    assert_talks_to(b, 0);
    assert_int_equal(apdu(b, 0x60, &small), ERR_FULL);
    assert_int_equal(small.size, 0);
    (void)exchange(b, bytes_of(big, READER_FRAME_MAX), &rx); /* the card may be silent; nobody dies */
    arm(b, false);
    assert_found(b, 0);
    assert_talks_to(b, 0);
}

/* What a till makes of it, with all kinds switched on but for a full card. */
static enum card_next identify(struct bench *b, struct kind_op *op)
{
    static const struct kind_keys keys = {.sun_meta = &tag_key, .tags = true, .uids = true, .short_uids = true};
    uint8_t random[KIND_RANDOM_SIZE] = {1}, room[KIND_ANSWER_MAX];
    struct buf rx = BUF_ON(room);
    struct reader_card c;
    struct kind_facts facts = {0};
    assert_int_equal(wait_card(b, &c, 10000), OK); /* at most: a busy machine */
    memcpy(facts.uid, c.uid.b, sizeof c.uid.b);
    memcpy(facts.atqa, c.atqa, sizeof c.atqa);
    facts.uid_size = c.uid_size;
    facts.sak = c.sak;
    kind_start(op, &facts, &keys, NULL, random, 0);
    enum card_next next = kind_step(op, bytes_of(NULL, 0));
    while (next == CARD_SEND) {
        assert_int_equal(exchange(b, kind_frame(op), &rx), OK);
        next = kind_step(op, buf_bytes(&rx));
    }
    return next;
}

static void tags_of_every_kind_are_known_for_what_they_are(struct bench *b)
{
    static const struct {
        enum txn_means means;
        enum card_status_word status;
        int name_size, exchanges;
    } rows[TAGS] = {{MEANS_TAG, CARD_OK, 6, 2},
                    {MEANS_SUN, CARD_OK, 7, 4},
                    {MEANS_UID, CARD_OK, 4, 0},
                    {MEANS_NONE, CARD_PHONE, 0, 1}};
    for (int i = 0; i < TAGS; i++) {
        struct kind_op op;
        b->present(b, FIRST_TAG + i);
        arm(b, false);
        enum card_next next = identify(b, &op);
        assert_int_equal(next, rows[i].means ? CARD_DONE : CARD_FAILED);
        assert_int_equal(op.status, rows[i].status);
        assert_int_equal(op.seen.means, rows[i].means);
        assert_int_equal(op.seen.name_size, rows[i].name_size);
        assert_int_equal(op.exchanges, rows[i].exchanges);
    }
}

static void each_reading_of_a_tag_has_a_number_of_its_own(struct bench *b)
{
    b->present(b, FIRST_TAG + 1);
    for (uint32_t i = 1; i <= 3; i++) {
        struct kind_op op;
        struct sun sun;
        struct sun_tag tag;
        arm(b, false);
        assert_int_equal(identify(b, &op), CARD_DONE);
        assert_int_equal(sun_parse(&sun, bytes_of(op.seen.value, op.seen.value_size)), OK);
        assert_int_equal(sun_meta(&tag, sun.picc, &tag_key), OK);
        assert_int_equal(tag.counter, i);
    }
}

static void a_tag_that_is_taken_away_is_gone_and_one_that_refuses_is_not(struct bench *b)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    struct reader_card c;
    static const uint8_t read[] = {0x30, 0x03}, beyond[] = {0x30, 0xf0};
    b->present(b, FIRST_TAG);
    arm(b, false);
    assert_int_equal(wait_card(b, &c, 10000), OK); /* at most: a busy machine */
    assert_int_equal(exchange(b, bytes_of(read, 2), &rx), OK);
    assert_int_equal(rx.size, 16);
    b->present(b, -1);
    assert_int_equal(exchange(b, bytes_of(read, 2), &rx), ERR_GONE);
    b->present(b, FIRST_TAG); /* what it refuses is something else, and it goes on answering */
    arm(b, false);
    assert_int_equal(wait_card(b, &c, 10000), OK); /* at most: a busy machine */
    assert_int_equal(exchange(b, bytes_of(beyond, 2), &rx), OK);
    assert_int_equal(rx.size, 1);
    assert_int_equal(room[0], 0x00);
    assert_int_equal(exchange(b, bytes_of(read, 2), &rx), OK);
    assert_int_equal(rx.size, 16);
}

static void a_tag_that_lies_there_is_not_taken_twice(struct bench *b)
{
    struct reader_card c;
    for (int i = FIRST_TAG; i < FIRST_TAG + TAGS; i += 3) { /* a type 2 tag, a phone */
        b->present(b, i);
        arm(b, false);
        assert_int_equal(wait_card(b, &c, 10000), OK); /* at most: a busy machine */
        arm(b, true);
        assert_none(b, LOOKS_MS);
        b->present(b, -1);
        assert_none(b, LEAVES_MS);
        b->present(b, i);
        if (wait_card(b, &c, 2000))
            fail_msg("tag %d is not seen again", i);
    }
}

static void two_cards_are_one_too_many(struct bench *b)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    struct reader_card c;
    b->present(b, 0);
    b->add(b, 1);
    arm(b, false);
    assert_int_equal(wait_card(b, &c, 10000), OK); /* at most: a busy machine */
    assert_true(c.several);
    assert_int_equal(apdu(b, 0x60, &rx), ERR_GONE);
    b->add(b, -1);
    arm(b, false);
    assert_found(b, 0);
}

static void looking_again_ends_the_cards_session(struct bench *b)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    assert_int_equal(apdu(b, 0x60, &rx), OK);
    arm(b, false);
    assert_found(b, 0);
    assert_int_equal(apdu(b, 0xaf, &rx), OK);
    assert_int_equal(rx.size, 2); /* an error: nothing to go on with */
    assert_memory_not_equal(room, "\x91\x00", 2);
}

static void an_unplugged_reader_comes_back_and_still_looks(struct bench *b)
{
    struct reader_card c;
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    b->plug(b, false);
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    enum err e = apdu(b, 0x60, &rx);
    assert_int_equal(e, ERR_NO_DEVICE);
    assert_int_equal(wait_card(b, &c, 150), ERR_NO_DEVICE);
    arm(b, false);
    b->plug(b, true);
    b->present(b, 0);
    assert_found(b, 0);
    assert_talks_to(b, 0);
}

#define CONTRACT(X)                                                                                \
    X(found_and_answers)                                                                           \
    X(nobody_looks_unless_asked_and_a_card_let_go_is_gone)                                         \
    X(fresh_waits_until_the_old_card_was_taken_away)                                               \
    X(fresh_takes_another_card_at_once)                                                            \
    X(a_torn_card_stays_gone_until_it_is_looked_for_again)                                         \
    X(frames_too_long_are_never_sent)                                                              \
    X(tags_of_every_kind_are_known_for_what_they_are)                                              \
    X(each_reading_of_a_tag_has_a_number_of_its_own)                                               \
    X(a_tag_that_is_taken_away_is_gone_and_one_that_refuses_is_not)                                \
    X(a_tag_that_lies_there_is_not_taken_twice)                                                    \
    X(two_cards_are_one_too_many)                                                                  \
    X(looking_again_ends_the_cards_session)                                                        \
    X(an_unplugged_reader_comes_back_and_still_looks)

/* ---- the simulated one ---- */

static struct vtarget *card_of(struct bench *b, int card)
{
    if (card >= FIRST_TAG)
        return &b->tags[card - FIRST_TAG].target;
    return card < 0 ? NULL : &b->cards[card].target;
}
static void sim_present(struct bench *b, int card)
{
    reader_sim_present(&b->sim, card_of(b, card));
}
static void sim_add(struct bench *b, int card)
{
    reader_sim_add(&b->sim, card_of(b, card));
}
static void sim_tear(struct bench *b, int n, bool after)
{
    reader_sim_tear(&b->sim, n, after, ERR_GONE);
}
static void sim_plug(struct bench *b, bool in)
{
    reader_sim_plug(&b->sim, in);
}
static void sim_finish(struct bench *b)
{
    b->reader->ops->close(b->reader);
    free(b->cards);
}
static void sim_bench(struct bench *b)
{
    *b = (struct bench){.present = sim_present, .add = sim_add, .tear = sim_tear, .plug = sim_plug,
                        .finish = sim_finish, .cards = calloc(2, sizeof(struct vcard))};
    assert_non_null(b->cards);
    for (uint64_t i = 0; i < 2; i++)
        vcard_init(&b->cards[i], VCARD_EV2, &uids[i], i);
    vtag_init(&b->tags[0], VTAG_NTAG213, uids[0].b, 7, 1);
    assert_int_equal(vtag_write_text(&b->tags[0], "M12345"), OK);
    vtag_init(&b->tags[1], VTAG_NTAG424, uids[1].b, 7, 1);
    assert_int_equal(vtag_write_sun(&b->tags[1], &tag_key, &tag_key, "patron.example/t"), OK);
    vtag_init(&b->tags[2], VTAG_UID, uids[0].b + 1, 4, 1);
    vtag_init(&b->tags[3], VTAG_RANDOM, uids[0].b, 7, 1);
    reader_sim_init(&b->sim);
    b->reader = &b->sim.reader;
}

#define SIM(claim)                                                                                 \
    TEST(reader_sim, claim)                                                                        \
    {                                                                                              \
        static struct bench b;                                                                     \
        sim_bench(&b);                                                                             \
        claim(&b);                                                                                 \
        b.finish(&b);                                                                              \
    }
CONTRACT(SIM)

/* ---- libnfc on patron-cardsim ---- */

/* One command to the simulator; its answer has to be ok. */
static void command(struct bench *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void command(struct bench *b, const char *format, ...)
{
    char line[300], answer[2000] = "";
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    line[size++] = '\n';
    assert_int_equal(write(b->control, line, (size_t)size), size);
    size_t got = 0;
    while (!memchr(answer, '\n', got)) {
        ssize_t n = read(b->control, answer + got, sizeof answer - 1 - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    if (strncmp(answer, "ok", 2) != 0)
        fail_msg("%.*s: %s", size - 1, line, answer);
}

static const char *cardsim_path(void)
{
    static char path[PATH_MAX + 40];
    char self[PATH_MAX] = "";
    const char *bin = getenv("PATRON_BIN");
    if (bin) {
        snprintf(path, sizeof path, "%s/patron-cardsim", bin);
    } else {
        assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
        snprintf(path, sizeof path, "%s/../patron-cardsim", dirname(self));
    }
    return path;
}

static void start_cardsim(struct bench *b)
{
    char link[300], cards[300], control[300], word[6] = "";
    snprintf(link, sizeof link, "%s/nfc", b->dir);
    snprintf(cards, sizeof cards, "%s/cards", b->dir);
    snprintf(control, sizeof control, "%s/control", b->dir);
    int out[2];
    assert_int_equal(pipe(out), 0);
    b->cardsim = fork();
    if (b->cardsim == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing running */
        dup2(out[1], 1);
        close_range(3, ~0U, 0);
        execl(cardsim_path(), "patron-cardsim", "--link", link, "--cards", cards, "--control", control,
              (char *)NULL);
        perror(cardsim_path());
        _exit(127);
    }
    close(out[1]);
    assert_int_equal(read(out[0], word, 5), 5);
    assert_string_equal(word, "ready");
    close(out[0]);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    assert_true(strlen(control) < sizeof to.sun_path);
    strcpy(to.sun_path, control);
    b->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(b->control, (struct sockaddr *)&to, sizeof to), 0);
}

static void stop_cardsim(struct bench *b, int how)
{
    int status;
    close(b->control);
    kill(b->cardsim, how);
    assert_int_equal(waitpid(b->cardsim, &status, 0), b->cardsim);
}

static void nfc_present(struct bench *b, int card)
{
    command(b, "remove");
    if (card >= 0)
        command(b, "present C%d", card);
}
static void nfc_add(struct bench *b, int card)
{
    if (card >= 0)
        command(b, "present C%d", card);
    else
        command(b, "remove C1");
}
static void nfc_tear(struct bench *b, int n, bool after)
{
    command(b, "tear %s %d", after ? "after" : "before", n);
}
static void nfc_plug(struct bench *b, bool in)
{
    if (in)
        start_cardsim(b);
    else
        stop_cardsim(b, SIGKILL);
}
static void nfc_finish(struct bench *b)
{
    b->reader->ops->close(b->reader);
    stop_cardsim(b, SIGTERM);
}

static void wait_up(struct bench *b)
{
    struct reader_card c;
    for (int i = 0; i < 100 && wait_card(b, &c, 50) == ERR_NO_DEVICE; i++)
        ;
    assert_none(b, 0);
}

static void nfc_bench_in(struct bench *b, const char *dir)
{
    *b = (struct bench){.present = nfc_present, .add = nfc_add, .tear = nfc_tear, .plug = nfc_plug,
                        .finish = nfc_finish};
    snprintf(b->dir, sizeof b->dir, "%s", dir);
    snprintf(b->connstring, sizeof b->connstring, "pn532_uart:%s/nfc", b->dir);
    start_cardsim(b);
    for (int i = 0; i < 2; i++) {
        char uid[UID_TEXT_SIZE];
        uid_text(uid, &uids[i]);
        command(b, "new ev2 %s C%d", uid, i);
    }
    command(b, "new ntag213 random C%d M12345", FIRST_TAG);
    command(b, "new ntag424 random C%d %s %s", FIRST_TAG + 1, meta_hex, meta_hex);
    command(b, "new uid 0badcafe C%d", FIRST_TAG + 2);
    command(b, "new random random C%d", FIRST_TAG + 3);
    struct errmsg why = {""};
    assert_int_equal(reader_nfc_open(&b->reader, b->connstring, &why), OK);
    wait_up(b);
}

static void nfc_bench(struct bench *b)
{
    nfc_bench_in(b, test_scratch_dir());
}

#define NFC(claim)                                                                                 \
    TEST(reader_nfc, claim)                                                                        \
    {                                                                                              \
        static struct bench b;                                                                     \
        nfc_bench(&b);                                                                             \
        claim(&b);                                                                                 \
        b.finish(&b);                                                                              \
    }
CONTRACT(NFC)

/* Chips differ in whether a deselected card answers the next search: once more with one where it does not. */
#define NFC_SLEEP(claim)                                                                           \
    TEST(reader_nfc_sleep, claim)                                                                  \
    {                                                                                              \
        static struct bench b;                                                                     \
        nfc_bench(&b);                                                                             \
        command(&b, "fault sleep");                                                                \
        claim(&b);                                                                                 \
        b.finish(&b);                                                                              \
    }
CONTRACT(NFC_SLEEP)

/* ---- what only a real one does ---- */

/* Our child: the process whose parent we are and which is not the simulator. */
static pid_t reader_process(struct bench *b)
{
    char path[100], text[2000];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        if (atoi(word) != b->cardsim)
            return atoi(word);
    return 0;
}

TEST(reader_nfc, a_child_killed_in_mid_sale_is_started_again_and_the_till_is_told)
{
    static struct bench b;
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    struct reader_card c;
    struct errmsg why = {""};
    nfc_bench(&b);
    b.present(&b, 0);
    for (int i = 0; i < 2; i++) {
        arm(&b, false);
        assert_found(&b, 0);
        assert_int_equal(apdu(&b, 0x60, &rx), OK);
        pid_t old = reader_process(&b);
        assert_int_equal(kill(old, SIGKILL), 0);
        assert_int_equal(b.reader->ops->exchange(b.reader, bytes_of("\x90\xaf\0\0\0", 5), &rx, 500, &why),
                         ERR_NO_DEVICE);
        assert_non_null(strstr(why.text, "its process was ended by signal 9 (Killed)"));
        assert_int_equal(b.reader->ops->take(b.reader, &c, &why), ERR_NO_DEVICE);
        arm(&b, false); /* kept for the next child */
        assert_found(&b, 0);
        assert_int_not_equal(reader_process(&b), old);
    }
    assert_talks_to(&b, 0);
    b.finish(&b);
}

TEST(reader_nfc, every_status_of_the_chip_is_an_error_and_the_one_that_aborts_libnfc_a_lost_child)
{
    static const struct {
        const char *status;
        enum err answer;
        const char *says;
    } rows[] = {{"01", ERR_GONE, "left the field"},  {"0b", ERR_GONE, "left the field"},
                {"13", ERR_GONE, "left the field"},  {"27", ERR_GONE, "left the field"},
                {"29", ERR_GONE, "left the field"},  {"2a", ERR_GONE, "left the field"},
                {"80", ERR_NO_DEVICE, "signal 6 (Aborted)"}, {"81", ERR_NO_DEVICE, "signal 6 (Aborted)"}};
    static struct bench b;
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    struct errmsg why = {""};
    nfc_bench(&b);
    b.present(&b, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arm(&b, false);
        assert_found(&b, 0);
        command(&b, "fault status %s", rows[i].status);
        enum err e = b.reader->ops->exchange(b.reader, bytes_of("\x90\x60\0\0\0", 5), &rx, 500, &why);
        if (e != rows[i].answer || !strstr(why.text, rows[i].says))
            fail_msg("status %s: %s: %s", rows[i].status, err_text(e), why.text);
    }
    arm(&b, false);
    assert_found(&b, 0);
    assert_talks_to(&b, 0);
    b.finish(&b);
}

/* The old card lies there and misses the question whether it does: it is still the old one. */
TEST(reader_nfc, a_card_that_misses_one_presence_check_is_not_taken_for_a_new_one)
{
    static struct bench b;
    nfc_bench(&b);
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        command(&b, sleeps ? "fault sleep" : "fault off");
        b.present(&b, 0);
        arm(&b, true);
        assert_none(&b, LOOKS_MS);
        for (int i = 0; i < 3; i++) {
            command(&b, "fault status 01");
            assert_none(&b, LOOKS_MS);
        }
        b.present(&b, -1);
        assert_none(&b, LEAVES_MS);
        b.present(&b, 0);
        assert_found(&b, 0);
        assert_talks_to(&b, 0);
        b.present(&b, -1);
    }
    b.finish(&b);
}

TEST(reader_nfc, a_damaged_answer_costs_the_card_and_the_reader_is_opened_anew)
{
    static struct bench b;
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    nfc_bench(&b);
    b.present(&b, 0);
    arm(&b, false);
    assert_found(&b, 0);
    pid_t child = reader_process(&b);
    command(&b, "fault checksum");
    assert_int_equal(apdu(&b, 0x60, &rx), ERR_NO_DEVICE);
    arm(&b, false);
    assert_found(&b, 0);
    assert_talks_to(&b, 0);
    assert_int_equal(reader_process(&b), child);
    b.finish(&b);
}

TEST(reader_nfc, a_child_that_hangs_costs_its_timeout_and_no_more)
{
    static struct bench b;
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    struct errmsg why = {""};
    nfc_bench(&b);
    b.present(&b, 0);
    arm(&b, false);
    assert_found(&b, 0);
    assert_int_equal(kill(reader_process(&b), SIGSTOP), 0);
    int64_t start = clock_tick_ms();
    assert_int_equal(b.reader->ops->exchange(b.reader, bytes_of("\x90\x60\0\0\0", 5), &rx, 100, &why),
                     ERR_TIMEOUT);
    assert_true(clock_tick_ms() - start <= 100 + 200 + 700); /* the contract, and a busy machine */
    arm(&b, false);
    assert_found(&b, 0);
    b.finish(&b);
}

TEST(reader_nfc, a_silent_reader_is_a_timeout_then_away_then_back)
{
    static struct bench b;
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    struct reader_card c;
    nfc_bench(&b);
    b.present(&b, 0);
    arm(&b, false);
    assert_found(&b, 0);
    assert_int_equal(kill(b.cardsim, SIGSTOP), 0);
    int64_t start = clock_tick_ms();
    enum err e = apdu(&b, 0x60, &rx);
    assert_true(e == ERR_TIMEOUT || e == ERR_NO_DEVICE);
    assert_true(clock_tick_ms() - start <= READER_TIMEOUT_MS + 200);
    arm(&b, false);
    for (int i = 0; i < 40 && (e = wait_card(&b, &c, 100)) != ERR_NO_DEVICE; i++)
        assert_int_equal(e, ERR_NO_CARD);
    assert_int_equal(e, ERR_NO_DEVICE);
    assert_int_equal(kill(b.cardsim, SIGCONT), 0);
    assert_found(&b, 0);
    assert_talks_to(&b, 0);
    b.finish(&b);
}

TEST(reader_nfc, one_that_is_not_there_is_waited_for_and_no_call_blocks)
{
    static struct bench b;
    struct reader_card c;
    struct errmsg why = {""};
    b = (struct bench){.present = nfc_present, .cardsim = 0};
    snprintf(b.dir, sizeof b.dir, "%s", test_scratch_dir());
    snprintf(b.connstring, sizeof b.connstring, "pn532_uart:%s/nfc", b.dir);
    int64_t start = clock_tick_ms();
    assert_int_equal(reader_nfc_open(&b.reader, b.connstring, &why), OK);
    arm(&b, false);
    assert_int_equal(b.reader->ops->take(b.reader, &c, &why), ERR_NO_DEVICE);
    assert_true(clock_tick_ms() - start < 100);
    assert_int_equal(wait_card(&b, &c, 200), ERR_NO_DEVICE);
    assert_int_equal(b.reader->ops->take(b.reader, &c, &why), ERR_NO_DEVICE);
    assert_non_null(strstr(why.text, "not there, or it does not answer"));
    start_cardsim(&b);
    wait_up(&b);
    command(&b, "new ev2 0451128a010203 C0");
    nfc_present(&b, 0);
    assert_found(&b, 0);
    nfc_finish(&b);
}

/* The lock stays in a folder all share when the program ends: whoever comes next must be able to take it. */
TEST(reader_nfc, a_lock_that_is_left_behind_does_not_keep_another_user_out)
{
    static struct bench b;
    glob_t found = {0};
    int held = 0;
    nfc_bench(&b);
    b.present(&b, 0);
    arm(&b, false);
    assert_found(&b, 0);
    (void)glob("/run/lock/patron-reader-*", 0, NULL, &found);
    (void)glob("/tmp/patron-reader-*", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat st;
        int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && fstat(fd, &st) == 0) {
            held++;
            assert_int_equal(st.st_mode & 0444, 0444);
        }
        close(fd);
    }
    globfree(&found);
    assert_true(held >= 1);
    b.finish(&b);
}

/* Two shops, each with its reader at the same place under its own folder: two readers. */
TEST(reader_nfc, readers_of_the_same_relative_path_in_two_folders_are_two)
{
    static struct bench b[2];
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    for (int i = 0; i < 2; i++) {
        char dir[200];
        struct errmsg why = {""};
        snprintf(dir, sizeof dir, "%s/%d", test_scratch_dir(), i);
        assert_int_equal(mkdir(dir, 0700), 0);
        nfc_bench_in(&b[i], dir);
        b[i].reader->ops->close(b[i].reader);
        assert_int_equal(chdir(b[i].dir), 0);
        assert_int_equal(reader_nfc_open(&b[i].reader, "pn532_uart:./nfc", &why), OK);
        b[i].present(&b[i], 0);
        arm(&b[i], false);
        assert_found(&b[i], 0); /* also the second, while the first is open */
        assert_int_equal(chdir(here), 0);
    }
    for (int i = 0; i < 2; i++)
        b[i].finish(&b[i]);
}

TEST(reader_nfc, two_programs_cannot_have_one_reader)
{
    static struct bench b, second;
    struct reader_card c;
    struct errmsg why = {""};
    char other[330];
    nfc_bench(&b);
    /* By another path, with a speed: it is the same serial line. */
    snprintf(other, sizeof other, "%s/other", b.dir);
    assert_int_equal(symlink("nfc", other), 0);
    snprintf(second.connstring, sizeof second.connstring, "pn532_uart:%s:115200", other);
    assert_int_equal(reader_nfc_open(&second.reader, second.connstring, &why), OK);
    assert_int_equal(wait_card(&second, &c, 150), ERR_NO_DEVICE);
    assert_int_equal(second.reader->ops->take(second.reader, &c, &why), ERR_NO_DEVICE);
    assert_non_null(strstr(why.text, "another program uses it"));
    b.present(&b, 0);
    arm(&b, false);
    assert_found(&b, 0);
    b.reader->ops->close(b.reader);
    wait_up(&second);
    arm(&second, false);
    assert_found(&second, 0);
    second.reader->ops->close(second.reader);
    stop_cardsim(&b, SIGTERM);
}

TEST(reader_nfc, the_child_holds_nothing_of_the_tills_and_goes_with_it)
{
    static struct bench b;
    char path[100], target[PATH_MAX];
    nfc_bench(&b);
    int secret = open("/dev/zero", O_RDONLY);
    pid_t old = reader_process(&b), child;
    struct reader_card c;
    assert_int_equal(kill(old, SIGKILL), 0);
    for (int i = 0; i < 100 && wait_card(&b, &c, 10) != ERR_NO_DEVICE; i++)
        ;
    wait_up(&b);
    child = reader_process(&b);
    assert_int_not_equal(child, old);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)child);
    DIR *d = opendir(path);
    assert_non_null(d);
    int count = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        ssize_t size = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
        assert_true(size > 0);
        target[size] = 0;
        assert_null(strstr(target, "/dev/zero"));
        assert_null(strstr(target, "eventpoll"));
        count++;
    }
    closedir(d);
    assert_true(count <= 8); /* stdin, stdout, stderr, the socket, the lock, the line, libnfc's abort pipe */
    close(secret);

    int to[2]; /* a till that is killed: its reader's process must not stay */
    assert_int_equal(pipe(to), 0);
    b.reader->ops->close(b.reader);
    pid_t till = fork();
    if (till == 0) {
        struct errmsg why;
        if (reader_nfc_open(&b.reader, b.connstring, &why) != OK)
            _exit(1);
        for (int i = 0; i < 100 && wait_card(&b, &c, 50) == ERR_NO_DEVICE; i++)
            ; /* it is up, so it has made its arrangements */
        child = reader_process(&b);
        if (write(to[1], &child, sizeof child) != sizeof child)
            _exit(1);
        pause();
    }
    assert_int_equal(read(to[0], &child, sizeof child), sizeof child);
    assert_int_equal(kill(child, SIGSTOP), 0); /* as if it hung: it cannot see the socket close */
    kill(till, SIGKILL);
    assert_int_equal(waitpid(till, NULL, 0), till);
    snprintf(path, sizeof path, "/proc/%d/status", (int)child);
    bool running = true;
    for (int i = 0; i < 200 && running; i++) { /* gone, or a zombie that nobody here reaps */
        FILE *f = fopen(path, "r");
        char text[300] = "";
        running = f && fread(text, 1, sizeof text - 1, f) > 0 && !strstr(text, "State:\tZ");
        if (f)
            fclose(f);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    if (running)
        kill(child, SIGKILL);
    assert_false(running);
    close(to[0]);
    close(to[1]);
    stop_cardsim(&b, SIGTERM);
}

/* Processor time that the reader's process has used. */
static int64_t used_us(struct bench *b)
{
    clockid_t id;
    struct timespec t;
    assert_int_equal(clock_getcpuclockid(reader_process(b), &id), 0);
    assert_int_equal(clock_gettime(id, &t), 0);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

TEST(reader_nfc, a_tap_is_seen_at_once_and_looking_costs_little)
{
    enum { TAPS = 10, WAIT_MS = 500, EXCHANGES = 500 };
    static struct bench b;
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    int worst = 0, total = 0;
    nfc_bench(&b);
    for (int i = 0; i < TAPS; i++) {
        arm(&b, true);
        assert_none(&b, 100 + (int)test_below(20)); /* the first look must have seen nothing */
        int64_t start = clock_tick_ms();
        b.present(&b, 0);
        assert_found(&b, 0);
        int took = (int)(clock_tick_ms() - start);
        worst = took > worst ? took : worst;
        total += took;
        b.present(&b, -1);
    }
    printf("tap seen after %d ms on average, %d ms at worst\n", total / TAPS, worst);
    assert_true(worst < 250);

    arm(&b, false);
    int64_t before = used_us(&b);
    assert_none(&b, WAIT_MS);
    int64_t used = used_us(&b) - before;
    printf("looking uses %lld us of processor in %d ms\n", (long long)used, WAIT_MS);
    assert_true(used < WAIT_MS * 1000 / 5);

    b.present(&b, 0);
    assert_found(&b, 0);
    int64_t start = clock_tick_ms();
    for (int i = 0; i < EXCHANGES; i++)
        assert_int_equal(apdu(&b, 0x60, &rx), OK);
    int took = (int)(clock_tick_ms() - start);
    printf("an exchange takes %d us\n", took * 1000 / EXCHANGES);
    assert_true(took < 10 * EXCHANGES);
    b.finish(&b);
}
