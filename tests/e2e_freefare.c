/* e2e_freefare.c - libfreefare and the real libnfc as an independent terminal against patron-cardsim: every
 * kind of login EV1 has, every kind of file in every way of talking, and a torn commit seen from both
 * sides.  libfreefare (LGPL) is linked by this test alone and left out where it is not installed.
 *
 * Its own slip is stepped around: the MAC of what is read MACed in a 0A session is checked wrongly for
 * lengths that leave 0 or 7 over 8.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness.h"
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#include <freefare.h>
#pragma GCC diagnostic pop

enum scheme { LEGACY_DES, LEGACY_3DES, ISO_DES, ISO_3K3DES, AES, SCHEMES };

/* --- a desk: simulator, one card, libnfc on it -------------------------------------------------- */

struct desk {
    char *dir, *link, *cards, *socket, *log;
    struct proc sim;
    struct control control;
    nfc_context *context;
    nfc_device *device;
    MifareTag *tags, tag;
};

static void ask(struct desk *d, const char *line)
{
    char answer[4096];
    control_ok(&d->control, answer, sizeof answer, "%s", line);
}

static void desk_start(struct desk *d)
{
    const char *build = getenv("BUILD");
    char *program = path_of("%s/patron-cardsim", build ? build : "build");
    char line[256];
    const char *const argv[] = {program, "--link", d->link,   "--cards", d->cards,
                                "--control", d->socket, NULL};
    proc_start(&d->sim, d->log, NULL, argv);
    proc_line(&d->sim, line, sizeof line, 5000);
    control_open(&d->control, d->socket, 5000);
    free(program);
}

static void open_reader(struct desk *d)
{
    char *connstring = path_of("pn532_uart:%s", d->link);
    d->device = nfc_open(d->context, connstring);
    free(connstring);
    assert_non_null(d->device);
}

/* Look for the card anew, as a tap does. */
static void tap(struct desk *d)
{
    if (d->tags)
        freefare_free_tags(d->tags);
    d->tags = freefare_get_tags(d->device);
    assert_non_null(d->tags);
    d->tag = d->tags[0];
    assert_non_null(d->tag);
    assert_int_equal(freefare_get_tag_type(d->tag), DESFIRE);
    assert_int_equal(mifare_desfire_connect(d->tag), 0);
}

static struct desk *desk_open(const char *kind)
{
    static struct desk d;
    char command[64];
    memset(&d, 0, sizeof d);
    d.dir = path_of("%s", test_scratch_dir());
    d.link = path_of("%s/nfc", d.dir);
    d.cards = path_of("%s/cards", d.dir);
    d.socket = path_of("%s/control", d.dir);
    d.log = path_of("%s/log", d.dir);
    desk_start(&d);
    snprintf(command, sizeof command, "new %s 04112233445566 CARD", kind);
    ask(&d, command);
    ask(&d, "present CARD");
    nfc_init(&d.context);
    assert_non_null(d.context);
    open_reader(&d);
    tap(&d);
    return &d;
}

static void desk_close(struct desk *d)
{
    freefare_free_tags(d->tags);
    nfc_close(d->device);
    nfc_exit(d->context);
    control_close(&d->control);
    assert_int_equal(proc_end(&d->sim, SIGTERM), 0);
    free(d->dir);
    free(d->link);
    free(d->cards);
    free(d->socket);
    free(d->log);
}

static int64_t value_on_card(struct desk *d, int file)
{
    char answer[4096];
    control_ok(&d->control, answer, sizeof answer, "show CARD %d", file);
    return answer_number(answer, "value");
}

/* --- keys of every scheme ----------------------------------------------------------------------- */

static MifareDESFireKey key_of(enum scheme scheme, uint8_t n)
{
    uint8_t b[24];
    for (uint8_t i = 0; i < 24; i++)
        b[i] = n ? (uint8_t)(n * 16 + i * 2) : 0;
    switch (scheme) {
    case LEGACY_DES:
    case ISO_DES:
        return mifare_desfire_des_key_new(b);
    case LEGACY_3DES:
        return mifare_desfire_3des_key_new(b);
    case ISO_3K3DES:
        return mifare_desfire_3k3des_key_new(b);
    case AES:
    case SCHEMES:
        break;
    }
    return mifare_desfire_aes_key_new_with_version(b, n);
}

static int login(MifareTag tag, enum scheme scheme, uint8_t no, MifareDESFireKey key)
{
    return scheme == AES                                   ? mifare_desfire_authenticate_aes(tag, no, key)
           : scheme == ISO_DES || scheme == ISO_3K3DES ? mifare_desfire_authenticate_iso(tag, no, key)
                                                           : mifare_desfire_authenticate(tag, no, key);
}

static void must_login(MifareTag tag, enum scheme scheme, uint8_t no, uint8_t key)
{
    MifareDESFireKey k = key_of(scheme, key);
    assert_int_equal(login(tag, scheme, no, k), 0);
    mifare_desfire_key_free(k);
}

static void create_application(MifareTag tag, MifareDESFireAID aid, enum scheme scheme)
{
    int rc = scheme == AES          ? mifare_desfire_create_application_aes(tag, aid, 0x0f, 3)
             : scheme == ISO_3K3DES ? mifare_desfire_create_application_3k3des(tag, aid, 0x0f, 3)
                                    : mifare_desfire_create_application(tag, aid, 0x0f, 3);
    assert_int_equal(rc, 0);
}

/* --- the checks --------------------------------------------------------------------------------- */

static void check_data(MifareTag tag, enum scheme scheme, uint8_t file, bool commit)
{
    static const size_t sizes[] = {1, 2, 5, 6, 7, 8, 15, 16, 17, 31, 32, 33, 52, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t out[128], in[256] = {0};
        size_t n = sizes[i];
        for (size_t k = 0; k < n; k++)
            out[k] = (uint8_t)test_below(256);
        assert_int_not_equal(mifare_desfire_write_data(tag, file, 3, n, out), -1);
        if (commit)
            assert_int_equal(mifare_desfire_commit_transaction(tag), 0);
        if (scheme <= LEGACY_3DES && (n % 8 == 0 || n % 8 == 7))
            continue;
        assert_int_equal(mifare_desfire_read_data(tag, file, 3, n, in), n);
        assert_memory_equal(in, out, n);
    }
}

static void check_value(MifareTag tag, uint8_t file)
{
    int32_t value = 0;
    assert_int_equal(mifare_desfire_get_value(tag, file, &value), 0);
    assert_int_equal(value, 100);
    assert_int_equal(mifare_desfire_credit(tag, file, 50), 0);
    assert_int_equal(mifare_desfire_debit(tag, file, 20), 0);
    assert_int_equal(mifare_desfire_abort_transaction(tag), 0);
    assert_int_equal(mifare_desfire_debit(tag, file, 30), 0);
    assert_int_equal(mifare_desfire_commit_transaction(tag), 0);
    assert_int_equal(mifare_desfire_get_value(tag, file, &value), 0);
    assert_int_equal(value, 70);
    assert_int_equal(mifare_desfire_limited_credit(tag, file, 30), 0);
    assert_int_equal(mifare_desfire_commit_transaction(tag), 0);
    assert_int_equal(mifare_desfire_get_value(tag, file, &value), 0);
    assert_int_equal(value, 100);
}

static void check_records(MifareTag tag, enum scheme scheme, uint8_t file, int keeps)
{
    for (int n = 1; n <= keeps + 2; n++) {
        uint8_t record[10] = {(uint8_t)n, 0xaa}, in[256];
        if (n > keeps && file >= 20) /* a linear file is full then */
            break;
        assert_int_not_equal(mifare_desfire_write_record(tag, file, 0, sizeof record, record), -1);
        assert_int_equal(mifare_desfire_commit_transaction(tag), 0);
        int have = n < keeps ? n : keeps;
        if (scheme <= LEGACY_3DES && (have * 10 % 8 == 0 || have * 10 % 8 == 7))
            continue;
        assert_int_equal(mifare_desfire_read_records(tag, file, 0, (size_t)have, in), have * 10);
        for (int i = 0; i < have; i++)
            assert_int_equal(in[10 * i], n - have + 1 + i);
    }
}

static void all_files(const char *kind, enum scheme scheme)
{
    static const uint8_t modes[] = {0, 1, 3}; /* plain, MACed, enciphered */
    struct desk *d = desk_open(kind);
    MifareDESFireAID aid = mifare_desfire_aid_new(0x112233);
    create_application(d->tag, aid, scheme);
    assert_int_equal(mifare_desfire_select_application(d->tag, aid), 0);
    must_login(d->tag, scheme, 0, 0);
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t mode = modes[i];
        uint16_t access = MDAR(1, 1, 1, 0);
        assert_int_equal(mifare_desfire_create_std_data_file(d->tag, i, mode, access, 128), 0);
        assert_int_equal(
            mifare_desfire_create_backup_data_file(d->tag, (uint8_t)(5 + i), mode, access, 128), 0);
        assert_int_equal(mifare_desfire_create_value_file(d->tag, (uint8_t)(10 + i), mode, access, 0,
                                                          1000, 100, 1),
                         0);
        assert_int_equal(mifare_desfire_create_cyclic_record_file(d->tag, (uint8_t)(15 + i), mode,
                                                                  access, 10, 4),
                         0);
        assert_int_equal(mifare_desfire_create_linear_record_file(d->tag, (uint8_t)(20 + i), mode,
                                                                  access, 10, 3),
                         0);
    }
    uint8_t *files;
    size_t count;
    assert_int_equal(mifare_desfire_get_file_ids(d->tag, &files, &count), 0);
    assert_int_equal(count, 15);
    free(files);
    must_login(d->tag, scheme, 1, 0);
    for (uint8_t i = 0; i < 3; i++) {
        check_data(d->tag, scheme, i, false);
        check_data(d->tag, scheme, (uint8_t)(5 + i), true);
        check_value(d->tag, (uint8_t)(10 + i));
        check_records(d->tag, scheme, (uint8_t)(15 + i), 3);
        check_records(d->tag, scheme, (uint8_t)(20 + i), 3);
    }
    free(aid);
    desk_close(d);
}

TEST(freefare, aes_works_every_file_of_an_ev1_in_every_mode)
{
    all_files("ev1", AES);
}
TEST(freefare, aes_works_every_file_of_an_ev3_in_every_mode)
{
    all_files("ev3", AES);
}
TEST(freefare, three_key_3des_works_every_file_in_every_mode)
{
    all_files("ev1", ISO_3K3DES);
}
TEST(freefare, des_with_cmac_works_every_file_in_every_mode)
{
    all_files("ev1", ISO_DES);
}
TEST(freefare, legacy_des_works_every_file_in_every_mode)
{
    all_files("ev1", LEGACY_DES);
}

TEST(freefare, keys_change_and_the_old_ones_open_nothing)
{
    static const enum scheme schemes[] = {LEGACY_DES, LEGACY_3DES, ISO_3K3DES, AES};
    struct desk *d = desk_open("ev2");
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        enum scheme s = schemes[i], factory = s == LEGACY_3DES ? LEGACY_DES : s;
        MifareDESFireAID aid = mifare_desfire_aid_new(0x10 + (uint32_t)i);
        MifareDESFireKey zero = key_of(factory, 0), other = key_of(s, 2), own = key_of(s, 3);
        uint8_t version;
        assert_int_equal(mifare_desfire_select_application(d->tag, NULL), 0);
        create_application(d->tag, aid, s);
        assert_int_equal(mifare_desfire_select_application(d->tag, aid), 0);
        must_login(d->tag, factory, 0, 0);
        assert_int_equal(mifare_desfire_change_key(d->tag, 1, other, zero), 0);
        assert_int_equal(mifare_desfire_change_key(d->tag, 0, own, NULL), 0);
        assert_int_equal(login(d->tag, s, 0, zero), -1);
        assert_int_equal(login(d->tag, s, 1, zero), -1);
        assert_int_equal(login(d->tag, s, 1, other), 0);
        assert_int_equal(login(d->tag, s, 0, own), 0);
        assert_int_equal(mifare_desfire_get_key_version(d->tag, 1, &version), 0);
        /* Of AES keys libfreefare does not tell the version it gave them. */
        assert_int_equal(version, s == AES ? 2 : mifare_desfire_key_get_version(other));
        assert_int_equal(mifare_desfire_change_key_settings(d->tag, 0x09), 0);
        uint8_t settings, count;
        assert_int_equal(mifare_desfire_get_key_settings(d->tag, &settings, &count), 0);
        assert_int_equal(settings, 0x09);
        assert_int_equal(count, 3);
        mifare_desfire_key_free(zero);
        mifare_desfire_key_free(other);
        mifare_desfire_key_free(own);
        free(aid);
    }
    desk_close(d);
}

/* The card's own master key through all ciphers and back, as an issuer does. */
TEST(freefare, the_master_key_goes_from_des_to_aes_and_back)
{
    struct desk *d = desk_open("ev1");
    MifareDESFireKey des = key_of(LEGACY_DES, 0), aes = key_of(AES, 5);
    assert_int_equal(mifare_desfire_authenticate(d->tag, 0, des), 0);
    assert_int_equal(mifare_desfire_change_key(d->tag, 0, aes, des), 0);
    tap(d);
    assert_int_equal(mifare_desfire_authenticate(d->tag, 0, des), -1);
    assert_int_equal(mifare_desfire_authenticate_aes(d->tag, 0, aes), 0);
    char *uid = NULL;
    assert_int_equal(mifare_desfire_get_card_uid(d->tag, &uid), 0);
    assert_string_equal(uid, "04112233445566");
    free(uid);
    assert_int_equal(mifare_desfire_change_key(d->tag, 0, des, aes), 0);
    tap(d);
    assert_int_equal(mifare_desfire_authenticate(d->tag, 0, des), 0);
    mifare_desfire_key_free(des);
    mifare_desfire_key_free(aes);
    desk_close(d);
}

static void purse(struct desk *d)
{
    MifareDESFireAID aid = mifare_desfire_aid_new(0x112233);
    create_application(d->tag, aid, AES);
    assert_int_equal(mifare_desfire_select_application(d->tag, aid), 0);
    must_login(d->tag, AES, 0, 0);
    assert_int_equal(
        mifare_desfire_create_value_file(d->tag, 3, 3, MDAR(1, 1, 1, 0), 0, 1000, 100, 0), 0);
    free(aid);
}

static void credit_ten(struct desk *d)
{
    MifareDESFireAID aid = mifare_desfire_aid_new(0x112233);
    assert_int_equal(mifare_desfire_select_application(d->tag, aid), 0);
    must_login(d->tag, AES, 1, 0);
    assert_int_equal(mifare_desfire_credit(d->tag, 3, 10), 0);
    free(aid);
}

TEST(freefare, a_commit_whose_answer_is_lost_was_done_or_not_as_the_card_left)
{
    struct desk *d = desk_open("ev1");
    purse(d);
    for (int after = 0; after < 2; after++) {
        tap(d);
        credit_ten(d);
        ask(d, after ? "tear after 1" : "tear before 1");
        assert_int_equal(mifare_desfire_commit_transaction(d->tag), -1);
        assert_int_equal(value_on_card(d, 3), after ? 110 : 100);
        ask(d, "present CARD");
    }
    tap(d);
    credit_ten(d);
    assert_int_equal(mifare_desfire_commit_transaction(d->tag), 0);
    assert_int_equal(value_on_card(d, 3), 120);
    desk_close(d);
}

TEST(freefare, what_was_committed_survives_the_death_of_the_simulator)
{
    struct desk *d = desk_open("ev3");
    purse(d);
    credit_ten(d);
    assert_int_equal(mifare_desfire_commit_transaction(d->tag), 0);
    assert_int_equal(mifare_desfire_credit(d->tag, 3, 500), 0); /* never committed */
    nfc_close(d->device);
    control_close(&d->control);
    proc_end(&d->sim, SIGKILL);
    desk_start(d);
    assert_int_equal(value_on_card(d, 3), 110);
    ask(d, "present CARD");
    open_reader(d);
    tap(d);
    credit_ten(d);
    assert_int_equal(mifare_desfire_commit_transaction(d->tag), 0);
    assert_int_equal(value_on_card(d, 3), 120);
    desk_close(d);
}

TEST(freefare, at_115200_baud_the_line_takes_its_time)
{
    struct desk *d = desk_open("ev1");
    struct timespec a, b;
    ask(d, "line 115200");
    struct mifare_desfire_version_info info;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < 5; i++)
        assert_int_equal(mifare_desfire_get_version(d->tag, &info), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    int64_t ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    /* 15 exchanges of about 14 bytes out and 6 + 20 in are 52 ms on such a line. */
    assert_true(ms >= 35);
    desk_close(d);
}
