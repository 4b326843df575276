/* cardsim_main.c - patron-cardsim: a PN532 reader on a pseudo-terminal with virtual cards, for any
 * program that uses libnfc, and a socket to move the cards about.
 *
 *   libnfc program --pty--> pn532_sim --> vcard, vtag (one file each in the card folder)
 *   test, demo, shell --control socket--> present, remove, tear ...
 *
 * One poll loop, no threads, no sleeping.  A card is saved before the answer to its commit goes
 * out, so what a terminal was told is in the file, as it would be on a card.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "hw/clock.h"
#include "hw/pn532_sim.h"
#include "hw/vcard_store.h"
#include "hw/vtag.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    NAME_MAX_SIZE = 32,
    CARDS_MAX = 4096,
    CLIENTS_MAX = 16,
    LINE_SIZE = 1024,    /* a command */
    REPLY_SIZE = 262144, /* an answer: list of many cards, a file's bytes as hex */
    WORDS_MAX = PN532_FIELD_MAX + 2,
    OUT_SIZE = 8192 /* bytes on their way to the host */
};

struct card {
    char name[NAME_MAX_SIZE];
    char *path;
    bool is_tag; /* tag counts, else v */
    struct vcard v;
    struct vtag tag;
    uint32_t saved; /* its changes when the file was written or read */
};

struct client {
    int fd; /* -1 = free */
    char line[LINE_SIZE];
    size_t size;
};

struct sim {
    const char *link, *cards_dir, *control;
    int master, slave, listener, signals, lock;
    int places; /* file in the card folder whose byte UID is locked while that card lies on a reader
                 */
    bool placed, linked, listening, quit;
    struct pn532 chip;
    struct card *cards[CARDS_MAX]; /* sorted by name */
    size_t card_count;
    struct client clients[CLIENTS_MAX];
    char reply[REPLY_SIZE];
    size_t reply_size;
    FILE *trace; /* NULL = off */
    int64_t trace_start_us;
    uint32_t baud; /* 0 = as fast as the machine */
    int64_t out_due_us;
    uint8_t out_room[OUT_SIZE];
    struct buf out;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...)
{
    va_list args;
    fputs("patron-cardsim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* --- cards ------------------------------------------------------------------------------------ */

static uint64_t random_seed(void)
{
    uint64_t seed;
    clock_random(&seed, sizeof seed);
    return seed;
}

static struct card *find_card(const struct sim *s, const char *name)
{
    for (size_t i = 0; i < s->card_count; i++)
        if (strcmp(s->cards[i]->name, name) == 0)
            return s->cards[i];
    return NULL;
}

static struct vtarget *target_of(struct card *c)
{
    return c->is_tag ? &c->tag.target : &c->v.target;
}

/* What tells it from the others; a UID of 4 bytes is followed by zeros. */
static struct card_uid uid_of(const struct card *c)
{
    struct card_uid uid = c->v.m.uid;
    if (c->is_tag)
        memcpy(uid.b, c->tag.m.uid, sizeof uid.b);
    return uid;
}

static const char *kind_of(const struct card *c)
{
    return c->is_tag ? vtag_kind_text(c->tag.m.kind) : vcard_kind_text(c->v.m.kind);
}

static uint32_t changes_of(const struct card *c)
{
    return c->is_tag ? c->tag.changes : c->v.changes;
}

static struct card *card_of(const struct sim *s, const struct vtarget *t)
{
    for (size_t i = 0; i < s->card_count; i++)
        if (target_of(s->cards[i]) == t)
            return s->cards[i];
    return NULL;
}

static bool name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n < NAME_MAX_SIZE && name[n] == 0;
}

/* A card that is not in the list yet; NULL when there is no memory. */
static struct card *make_card(const struct sim *s, const char *name)
{
    struct card *c = calloc(1, sizeof *c);
    if (c && asprintf(&c->path, "%s/%s.card", s->cards_dir, name) < 0)
        c->path = NULL;
    if (!c || !c->path) {
        free(c);
        return NULL;
    }
    snprintf(c->name, sizeof c->name, "%s", name);
    return c;
}

static void free_card(struct card *c)
{
    bytes_wipe(&c->v, sizeof c->v);
    bytes_wipe(&c->tag, sizeof c->tag);
    free(c->path);
    free(c);
}

static void add_card(struct sim *s, struct card *c)
{
    size_t at = s->card_count++;
    for (; at > 0 && strcmp(s->cards[at - 1]->name, c->name) > 0; at--)
        s->cards[at] = s->cards[at - 1];
    s->cards[at] = c;
}

static void forget_card(struct sim *s, struct card *c)
{
    size_t at = 0;
    while (s->cards[at] != c)
        at++;
    s->card_count--;
    memmove(&s->cards[at], &s->cards[at + 1], (s->card_count - at) * sizeof *s->cards);
    free_card(c);
}

static bool lies_here(const struct sim *s, const struct card *c)
{
    return pn532_has(&s->chip, c->is_tag ? &c->tag.target : &c->v.target);
}

/* The card of that name as its file says now: files may be moved in and out of the folder while no
 * reader has the card, and several simulators may share a folder.  NULL with why. */
static struct card *fetch_card(struct sim *s, const char *name, struct errmsg *why)
{
    struct card *c = find_card(s, name), *made = NULL;
    if (c && lies_here(s, c))
        return c;
    if (!c) {
        if (!name_ok(name)) {
            err_set(why, ERR_NOT_FOUND, "there is no card %.40s; list shows them", name);
            return NULL;
        }
        c = made = s->card_count < CARDS_MAX ? make_card(s, name) : NULL;
        if (!c) {
            err_set(why, ERR_FULL, "there is no room for more than %d cards", CARDS_MAX);
            return NULL;
        }
    }
    enum err e = vtag_load(&c->tag, c->path, random_seed(), why);
    c->is_tag = e == OK;
    if (e)
        e = vcard_load(&c->v, c->path, random_seed(), why);
    c->saved = changes_of(c);
    if (e == OK) {
        if (made)
            add_card(s, made);
        return c;
    }
    if (e == ERR_NOT_FOUND)
        err_set(why, e, "there is no card %s; list shows them", name);
    if (made)
        free_card(made);
    else
        forget_card(s, c);
    return NULL;
}

/* Takes in cards whose files are new, and forgets those whose are gone. */
static bool scan_cards(struct sim *s, struct errmsg *why)
{
    for (size_t i = s->card_count; i-- > 0;)
        if (!lies_here(s, s->cards[i]) && access(s->cards[i]->path, F_OK) != 0)
            forget_card(s, s->cards[i]);
    DIR *d = opendir(s->cards_dir);
    if (!d) {
        err_set(why, ERR_IO, "card folder %s: %s", s->cards_dir, strerror(errno));
        return false;
    }
    bool good = true;
    struct dirent *e;
    while (good && (e = readdir(d))) {
        char name[NAME_MAX_SIZE];
        size_t size = strlen(e->d_name);
        if (size > 4 && strcmp(e->d_name + size - 4, ".new") == 0)
            e->d_name[size -= 4] = 0; /* vcard_load takes it */
        if (size < 6 || size - 5 >= sizeof name || strcmp(e->d_name + size - 5, ".card") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(size - 5), e->d_name);
        good = !name_ok(name) || find_card(s, name) || fetch_card(s, name, why);
    }
    closedir(d);
    return good;
}

static bool open_cards(struct sim *s)
{
    struct errmsg why;
    char *places = NULL;
    if (mkdir(s->cards_dir, 0777) != 0 && errno != EEXIST) {
        complain("make card folder %s: %s", s->cards_dir, strerror(errno));
        return false;
    }
    if (asprintf(&places, "%s/.readers", s->cards_dir) >= 0) {
        s->places = open(places, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (s->places < 0)
            complain("open %s: %s", places, strerror(errno));
        free(places);
    }
    if (s->places < 0)
        return false;
    if (!scan_cards(s, &why)) {
        complain("%s; move it away or repair it", why.text);
        return false;
    }
    return true;
}

/* A card can lie on one reader only.  The kernel gives the place back when its simulator dies. */
static bool take_spot(struct sim *s, struct card_uid uid, short type)
{
    uint64_t at = 0;
    for (size_t i = 0; i < sizeof uid.b; i++)
        at = at << 8 | uid.b[i];
    struct flock spot = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1};
    return fcntl(s->places, F_OFD_SETLK, &spot) == 0;
}

static void take_away(struct sim *s, struct card *c)
{
    if (lies_here(s, c)) {
        pn532_take(&s->chip, target_of(c));
        take_spot(s, uid_of(c), F_UNLCK);
    }
}

static bool save_card(struct card *c, struct errmsg *why)
{
    if (c->is_tag ? vtag_save(&c->tag, c->path, why) : vcard_save(&c->v, c->path, why))
        return false;
    c->saved = changes_of(c);
    return true;
}

/* Only cards that lie on the reader can have changed, or one that was just torn away. */
static void save_changed(struct sim *s)
{
    struct errmsg why;
    for (size_t i = 0; i < s->card_count; i++)
        if (changes_of(s->cards[i]) != s->cards[i]->saved && !save_card(s->cards[i], &why))
            complain("%s", why.text);
}

/* --- trace ------------------------------------------------------------------------------------ */

static void trace_line(struct sim *s, const char *name, const char *what, struct bytes b)
{
    char text[2 * VCARD_ANSWER_MAX + 1];
    hex_encode(text, b.data, b.size);
    int64_t us = now_us() - s->trace_start_us;
    fprintf(s->trace, "%6" PRId64 ".%03d %s %s %s\n", us / 1000, (int)(us % 1000), name, what,
            text);
}

static void on_exchange(void *of, const struct vtarget *v, struct bytes frame, struct bytes answer)
{
    struct sim *s = of;
    const struct card *c = card_of(s, v);
    if (!s->trace || !c)
        return;
    trace_line(s, c->name, ">", frame);
    if (answer.size)
        trace_line(s, c->name, "<", answer);
    else
        fprintf(s->trace, "           %s : no answer\n", c->name);
    fflush(s->trace);
}

static void on_torn(void *of, const struct vtarget *v)
{
    struct sim *s = of;
    const struct card *c = card_of(s, v);
    if (s->trace)
        fprintf(s->trace, "           %s : taken out of the field\n", c->name);
    save_changed(s); /* before another reader may have it */
    take_spot(s, uid_of(c), F_UNLCK);
}

static void trace_stop(struct sim *s)
{
    if (s->trace && s->trace != stderr)
        fclose(s->trace);
    s->trace = NULL;
}

/* --- the line to the host --------------------------------------------------------------------- */

/* What the chip said goes out now, or when a line of that speed would have carried it. */
static void after_chip(struct sim *s, size_t bytes_in)
{
    save_changed(s);
    if (!s->out.size)
        return;
    int64_t now = now_us(), due = now;
    if (s->baud)
        due += (int64_t)(bytes_in + s->out.size) * 10 * 1000000 / s->baud;
    if (due > s->out_due_us)
        s->out_due_us = due;
}

static void flush_out(struct sim *s)
{
    if (!s->out.size || now_us() < s->out_due_us)
        return;
    size_t sent = 0;
    while (sent < s->out.size) {
        ssize_t n = write(s->master, s->out.data + sent, s->out.size - sent);
        if (n <= 0)
            break; /* nobody reads: a serial line loses bytes then */
        sent += (size_t)n;
    }
    s->out.size = 0;
    s->out.full = false;
}

static void host_bytes(struct sim *s)
{
    uint8_t in[1024];
    ssize_t n = read(s->master, in, sizeof in);
    if (n <= 0)
        return;
    for (size_t i = 0; i < s->card_count; i++)
        if (s->cards[i]->is_tag && lies_here(s, s->cards[i]))
            s->cards[i]->tag.utc_s = (int64_t)time(NULL);
    pn532_input(&s->chip, bytes_of(in, (size_t)n), now_us() / 1000, &s->out);
    after_chip(s, (size_t)n);
}

static bool open_pty(struct sim *s);
static bool make_link(struct sim *s);

/* --- commands --------------------------------------------------------------------------------- */

static void say(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct sim *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->reply + s->reply_size, sizeof s->reply - s->reply_size, format, args);
    va_end(args);
    if (n > 0)
        s->reply_size += (size_t)n;
    if (s->reply_size >= sizeof s->reply)
        s->reply_size = sizeof s->reply - 1;
}

static void refuse(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void refuse(struct sim *s, const char *format, ...)
{
    va_list args;
    s->reply_size = 0;
    say(s, "error ");
    va_start(args, format);
    vsnprintf(s->reply + s->reply_size, sizeof s->reply - s->reply_size, format, args);
    va_end(args);
    s->reply_size = strlen(s->reply);
}

static void say_hex(struct sim *s, const char *key, const uint8_t *data, size_t size)
{
    char text[2 * VCARD_ROOM + 1];
    hex_encode(text, data, size);
    say(s, " %s=%s", key, text);
}

static struct card *named(struct sim *s, const char *name)
{
    struct errmsg why;
    struct card *c = NULL;
    if (!name)
        refuse(s, "a card's name is missing");
    else if (!(c = fetch_card(s, name, &why)))
        refuse(s, "%s", why.text);
    return c;
}

/* The place first, then the file once more: the reader that had the card may just have saved it. */
static bool lay_down(struct sim *s, const char *name)
{
    struct card *c = find_card(s, name);
    struct errmsg why;
    if (!c || lies_here(s, c))
        return c != NULL;
    struct card_uid uid = uid_of(c), again;
    if (!take_spot(s, uid, F_WRLCK)) {
        refuse(s, "card %s lies on another reader", name);
        return false;
    }
    c = fetch_card(s, name, &why);
    again = c ? uid_of(c) : uid;
    if (c && uid_equal(&again, &uid) && pn532_put(&s->chip, target_of(c), now_us() / 1000, &s->out))
        return true;
    take_spot(s, uid, F_UNLCK);
    if (c)
        refuse(s, "the field holds %d cards", PN532_FIELD_MAX);
    else
        refuse(s, "%s", why.text);
    return false;
}

/* In hex, as long as it is. */
static void uid_words(char out[UID_TEXT_SIZE], const struct card *c)
{
    struct card_uid uid = uid_of(c);
    hex_encode(out, uid.b, c->is_tag ? c->tag.m.uid_size : sizeof uid.b);
}

static void do_list(struct sim *s, char **w, int count)
{
    bool field_only = count > 1 && strcmp(w[1], "field") == 0;
    struct errmsg why;
    size_t shown = 0;
    if (!field_only && !scan_cards(s, &why)) {
        refuse(s, "%s", why.text);
        return;
    }
    for (size_t i = 0; i < s->card_count; i++)
        shown += !field_only || lies_here(s, s->cards[i]);
    say(s, "ok count=%zu", shown);
    for (size_t i = 0; i < s->card_count; i++) {
        const struct card *c = s->cards[i];
        bool here = lies_here(s, c);
        char uid[UID_TEXT_SIZE];
        if (field_only && !here)
            continue;
        uid_words(uid, c);
        say(s, " %s=%s:%s:%s", c->name, kind_of(c), uid, here ? "field" : "away");
    }
}

/* The rest of a tag's words, behind its name.  NULL, or what is wrong. */
static const char *fill_tag(struct vtag *tag, char **w, int count)
{
    struct aes_key meta, file;
    size_t meta_size = 0, file_size = 0;
    if (tag->m.kind == VTAG_NTAG213 && count > 4)
        return vtag_write_text(tag, w[4]) ? "the text is too long" : NULL;
    if (tag->m.kind == VTAG_PHONE) {
        uint8_t key[33];
        size_t size = 0;
        if (count < 7 || hex_decode(key, sizeof key, &size, w[5]) || size != sizeof key)
            return "new phone random NAME PASS-TYPE READER-KEY VALUE, the key 66 hex digits";
        return vtag_write_pass(tag, w[4], key, w[6]) ? "the pass says too much" : NULL;
    }
    if (tag->m.kind != VTAG_NTAG424)
        return NULL;
    if (count < 6 || hex_decode(meta.b, sizeof meta.b, &meta_size, w[4]) || meta_size != sizeof meta.b ||
        hex_decode(file.b, sizeof file.b, &file_size, w[5]) || file_size != sizeof file.b)
        return "new ntag424 UID|random NAME META FILE [ADDRESS], the keys 32 hex digits each";
    return vtag_write_sun(tag, &meta, &file, count > 6 ? w[6] : "patron.example/t") ? "the address is too long"
                                                                                  : NULL;
}

static bool uid_taken(struct sim *s, const struct card_uid *uid)
{
    for (size_t i = 0; i < s->card_count; i++) {
        struct card_uid other = uid_of(s->cards[i]);
        if (uid_equal(&other, uid)) {
            refuse(s, "card %s has that UID", s->cards[i]->name);
            return true;
        }
    }
    return false;
}

static void do_new(struct sim *s, char **w, int count)
{
    enum vcard_kind kind = VCARD_EV1;
    enum vtag_kind tag_kind = VTAG_UID;
    struct card_uid uid = {{0x04}};
    size_t uid_size = sizeof uid.b;
    char made[NAME_MAX_SIZE], uid_hex[UID_TEXT_SIZE];
    const char *name = count > 3 ? w[3] : made, *wrong = NULL;
    struct errmsg why;
    if (count < 3) {
        refuse(s, "new KIND UID|random [NAME]");
        return;
    }
    bool is_tag = vtag_kind_parse(&tag_kind, w[1]) == OK;
    if (!is_tag && vcard_kind_parse(&kind, w[1])) {
        refuse(s, "no such kind of card: %s; there are ev1, ev2, ev3, ntag424, ntag213, phone, uid, random", w[1]);
        return;
    }
    if (strcmp(w[2], "random") == 0) {
        clock_random(uid.b + 1, 6);
    } else if (hex_decode(uid.b, sizeof uid.b, &uid_size, w[2]) ||
               (uid_size != 7 && (uid_size != 4 || !is_tag || tag_kind != VTAG_UID))) {
        refuse(s, "a UID is 14 hex digits (of a uid also 8) or random, not %s", w[2]);
        return;
    }
    memset(uid.b + uid_size, 0, sizeof uid.b - uid_size);
    if (!scan_cards(s, &why)) {
        refuse(s, "%s", why.text);
        return;
    }
    if (uid_taken(s, &uid))
        return;
    if (count <= 3)
        for (size_t n = s->card_count + 1;
             snprintf(made, sizeof made, "CARD%zu", n), find_card(s, made);)
            n++;
    if (!name_ok(name)) {
        refuse(s, "a name has 1 to %d letters, digits, - and _", NAME_MAX_SIZE - 1);
        return;
    }
    if (find_card(s, name)) {
        refuse(s, "there is a card %s already", name);
        return;
    }
    struct card *c = s->card_count < CARDS_MAX ? make_card(s, name) : NULL;
    if (!c) {
        refuse(s, "there is no room for more than %d cards", CARDS_MAX);
        return;
    }
    c->is_tag = is_tag;
    if (is_tag) {
        vtag_init(&c->tag, tag_kind, uid.b, (uint8_t)uid_size, random_seed());
        wrong = fill_tag(&c->tag, w, count);
    } else {
        vcard_init(&c->v, kind, &uid, random_seed());
    }
    if (wrong || !save_card(c, &why)) {
        free_card(c);
        refuse(s, "%s", wrong ? wrong : why.text);
        return;
    }
    add_card(s, c);
    uid_words(uid_hex, c);
    say(s, "ok name=%s kind=%s uid=%s", c->name, kind_of(c), uid_hex);
}

static void do_present(struct sim *s, char **w, int count)
{
    if (count < 2) {
        refuse(s, "present NAME...");
        return;
    }
    for (int i = 1; i < count; i++)
        if (!named(s, w[i]))
            return;
    bool good = true;
    for (int i = 1; good && i < count; i++)
        good = lay_down(s, w[i]);
    after_chip(s, 0);
    if (good)
        say(s, "ok");
}

static void do_remove(struct sim *s, char **w, int count)
{
    if (count < 2)
        for (size_t i = 0; i < s->card_count; i++)
            take_away(s, s->cards[i]);
    for (int i = 1; i < count; i++) {
        struct card *c = named(s, w[i]);
        if (!c)
            return;
        take_away(s, c);
    }
    say(s, "ok");
}

static void do_swap(struct sim *s, char **w, int count)
{
    if (!named(s, count > 1 ? w[1] : NULL) || !named(s, count > 2 ? w[2] : NULL))
        return;
    take_away(s, find_card(s, w[1]));
    bool good = lay_down(s, w[2]);
    after_chip(s, 0);
    if (good)
        say(s, "ok");
}

static void do_delete(struct sim *s, char **w, int count)
{
    struct card *c = named(s, count > 1 ? w[1] : NULL);
    if (!c)
        return;
    take_away(s, c);
    if (unlink(c->path) != 0 && errno != ENOENT) {
        refuse(s, "remove %s: %s", c->path, strerror(errno));
        return;
    }
    forget_card(s, c);
    say(s, "ok");
}

static void do_tear(struct sim *s, char **w, int count)
{
    if (count == 2 && strcmp(w[1], "off") == 0) {
        pn532_tear(&s->chip, PN532_TEAR_NONE, 0);
        say(s, "ok");
        return;
    }
    bool before = count == 3 && strcmp(w[1], "before") == 0;
    bool after = count == 3 && strcmp(w[1], "after") == 0;
    long n = count == 3 ? strtol(w[2], NULL, 10) : 0;
    if ((!before && !after) || n < 1 || n > 100000) {
        refuse(s, "tear before|after N, or tear off; N counts exchanges from 1");
        return;
    }
    pn532_tear(&s->chip, before ? PN532_TEAR_BEFORE : PN532_TEAR_AFTER, (uint32_t)n);
    say(s, "ok");
}

static void do_trace(struct sim *s, char **w, int count)
{
    bool on = count > 1 && strcmp(w[1], "on") == 0;
    if (!on && !(count == 2 && strcmp(w[1], "off") == 0)) {
        refuse(s, "trace on [FILE], or trace off");
        return;
    }
    trace_stop(s);
    if (on) {
        s->trace = count > 2 ? fopen(w[2], "ae") : stderr;
        s->trace_start_us = now_us();
        if (!s->trace) {
            refuse(s, "trace to %s: %s", w[2], strerror(errno));
            return;
        }
    }
    say(s, "ok");
}

static void do_line(struct sim *s, char **w, int count)
{
    long baud = count == 2 ? strtol(w[1], NULL, 10) : -1;
    if (count == 2 && strcmp(w[1], "off") == 0)
        baud = 0;
    else if (baud < 300 || baud > 1000000) {
        refuse(s, "line BAUD (300 to 1000000), or line off");
        return;
    }
    s->baud = (uint32_t)baud;
    say(s, "ok");
}

static void do_fault(struct sim *s, char **w, int count)
{
    struct pn532 *p = &s->chip;
    size_t size;
    if (count == 2 && strcmp(w[1], "off") == 0) {
        p->fault = PN532_FAULT_NONE;
        p->deep_sleep = false;
    } else if (count == 2 && strcmp(w[1], "silent") == 0) {
        p->fault = PN532_FAULT_SILENT;
    } else if (count == 2 && strcmp(w[1], "checksum") == 0) {
        p->fault = PN532_FAULT_CHECKSUM;
    } else if (count == 2 && strcmp(w[1], "sleep") == 0) {
        p->deep_sleep = true;
    } else if (count == 3 && strcmp(w[1], "status") == 0 &&
               hex_decode(&p->fault_status, 1, &size, w[2]) == OK && size == 1) {
        p->fault = PN532_FAULT_STATUS;
    } else {
        refuse(s, "fault silent, checksum, sleep, status HEX, or off");
        return;
    }
    say(s, "ok");
}

static void do_unplug(struct sim *s, char **w, int count)
{
    (void)w, (void)count;
    if (s->master >= 0) {
        unlink(s->link);
        s->linked = false;
        close(s->slave);
        close(s->master);
        s->master = s->slave = -1;
        s->out.size = 0;
        pn532_power_cycle(&s->chip);
    }
    say(s, "ok");
}

static void do_plug(struct sim *s, char **w, int count)
{
    (void)w, (void)count;
    if (s->master < 0 && (!open_pty(s) || !make_link(s)))
        refuse(s, "the line could not be opened; the simulator's stderr says why");
    else
        say(s, "ok");
}

static void show_file(struct sim *s, const struct vcard *v, const struct vcard_file *f)
{
    static const char *const types[] = {"std", "backup", "value", "linear", "cyclic", "tmac"};
    const uint8_t *bytes = v->m.bytes + f->at;
    say(s, "ok file=%d type=%s", f->no, types[f->type]);
    switch ((enum vcard_file_type)f->type) {
    case VFILE_STD:
    case VFILE_BACKUP:
        say(s, " size=%" PRIu32, f->size);
        say_hex(s, "data", bytes, f->size);
        break;
    case VFILE_VALUE:
        say(s, " value=%" PRId32 " lower=%" PRId32 " upper=%" PRId32, f->value, f->lower, f->upper);
        break;
    case VFILE_LINEAR:
    case VFILE_CYCLIC:
        say(s, " count=%" PRIu32, f->count);
        for (uint32_t i = 0; i < f->count; i++) { /* newest first */
            char key[24];
            snprintf(key, sizeof key, "record%" PRIu32, i);
            say_hex(s, key, vcard_record(v, f, i), f->size);
        }
        break;
    case VFILE_TMAC:
        say(s, " tmc=%" PRIu32, f->tmc);
        say_hex(s, "tmv", f->tmv, sizeof f->tmv);
        say_hex(s, "reader", f->reader_id, sizeof f->reader_id);
        break;
    }
}

static const struct vcard_file *first_file(const struct vcard *v, int no, int type)
{
    for (size_t i = 0; i < VCARD_FILES; i++) {
        const struct vcard_file *f = &v->m.files[i];
        if (f->used && (no < 0 || f->no == no) && (type < 0 || f->type == type))
            return f;
    }
    return NULL;
}

static void do_show(struct sim *s, char **w, int count)
{
    struct card *c = named(s, count > 1 ? w[1] : NULL);
    if (!c)
        return;
    const struct vcard *v = &c->v;
    char uid[UID_TEXT_SIZE];
    uid_words(uid, c);
    if (c->is_tag) {
        say(s, "ok name=%s kind=%s uid=%s field=%d changes=%" PRIu32 " counter=%" PRIu32, c->name,
            kind_of(c), uid, lies_here(s, c), c->tag.changes, c->tag.m.counter);
        return;
    }
    if (count > 2) {
        char *end;
        long no = strtol(w[2], &end, 10);
        const struct vcard_file *f = *end || no < 0 || no > 31 ? NULL : first_file(v, (int)no, -1);
        if (f)
            show_file(s, v, f);
        else
            refuse(s, "card %s has no file %s", c->name, w[2]);
        return;
    }
    say(s, "ok name=%s kind=%s uid=%s field=%d changes=%" PRIu32, c->name, kind_of(c), uid,
        lies_here(s, c), v->changes);
    const struct vcard_file *purse = first_file(v, -1, VFILE_VALUE);
    const struct vcard_file *tmac = first_file(v, -1, VFILE_TMAC);
    if (purse)
        say(s, " purse=%" PRId32, purse->value);
    if (tmac)
        say(s, " tmc=%" PRIu32, tmac->tmc);
    for (uint8_t i = 1; i < VCARD_APPS; i++) {
        const struct vcard_app *a = &v->m.apps[i];
        if (!a->used)
            continue;
        say_hex(s, "application", a->aid, 3);
        say(s, " files=");
        bool any = false;
        for (size_t k = 0; k < VCARD_FILES; k++)
            if (v->m.files[k].used && v->m.files[k].app == i) {
                say(s, "%s%d", any ? "," : "", v->m.files[k].no);
                any = true;
            }
    }
}

static void do_lock(struct sim *s, char **w, int count)
{
    struct card *c = named(s, count > 1 ? w[1] : NULL);
    if (!c)
        return;
    if (!c->is_tag || c->tag.m.kind != VTAG_PHONE) {
        refuse(s, "%s is no phone", c->name);
        return;
    }
    c->tag.m.locked = *w[0] == 'l';
    c->tag.changes++;
    save_changed(s);
    say(s, "ok");
}

/* What a copied message looks like: the same number a second time. */
static void do_rewind(struct sim *s, char **w, int count)
{
    struct card *c = named(s, count > 1 ? w[1] : NULL);
    if (!c)
        return;
    long counter = count == 3 ? strtol(w[2], NULL, 10) : -1;
    if (!c->is_tag || c->tag.m.kind != VTAG_NTAG424 || counter < 0 || counter > 0xffffff) {
        refuse(s, "rewind NAME N, of an ntag424, N from 0 to 16777215");
        return;
    }
    c->tag.m.counter = (uint32_t)counter;
    c->tag.changes++;
    save_changed(s);
    say(s, "ok");
}

static void do_status(struct sim *s, char **w, int count)
{
    (void)w, (void)count;
    size_t here = 0;
    for (size_t i = 0; i < s->card_count; i++)
        here += lies_here(s, s->cards[i]);
    say(s, "ok cards=%zu field=%zu awake=%d looking=%d exchanges=%" PRIu64 " tear=%" PRIu32,
        s->card_count, here, !s->chip.asleep, s->chip.waiting != 0, s->chip.exchanges,
        s->chip.tear ? s->chip.tear_left : 0);
}

static void do_quit(struct sim *s, char **w, int count)
{
    (void)w, (void)count;
    s->quit = true;
    say(s, "ok");
}

static void do_help(struct sim *s, char **w, int count);

static const struct {
    const char *name, *use;
    void (*run)(struct sim *s, char **w, int count);
} verbs[] = {
    {"list", "list [field]", do_list},
    {"new", "new ev1|ev2|ev3|uid|random UID|random [NAME]; new ntag213 UID|random NAME [TEXT]; "
            "new ntag424 UID|random NAME META FILE [ADDRESS]; "
            "new phone random NAME PASS-TYPE READER-KEY VALUE", do_new},
    {"present", "present NAME...", do_present},
    {"remove", "remove [NAME...]", do_remove},
    {"swap", "swap NAME OTHER", do_swap},
    {"delete", "delete NAME", do_delete},
    {"tear", "tear before|after N, tear off", do_tear},
    {"show", "show NAME [FILE]", do_show},
    {"lock", "lock NAME", do_lock},
    {"unlock", "unlock NAME", do_lock},
    {"rewind", "rewind NAME N", do_rewind},
    {"fault", "fault silent|checksum|sleep|status HEX|off", do_fault},
    {"unplug", "unplug", do_unplug},
    {"plug", "plug", do_plug},
    {"trace", "trace on [FILE], trace off", do_trace},
    {"line", "line BAUD|off", do_line},
    {"status", "status", do_status},
    {"help", "help", do_help},
    {"quit", "quit", do_quit},
};

static void do_help(struct sim *s, char **w, int count)
{
    (void)w, (void)count;
    say(s, "ok");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        say(s, "%s %s", i ? ";" : "", verbs[i].use);
}

static void command(struct sim *s, char *line)
{
    char *words[WORDS_MAX + 1], *rest = NULL;
    int count = 0;
    for (char *w = strtok_r(line, " \t\r", &rest); w; w = strtok_r(NULL, " \t\r", &rest)) {
        if (count == WORDS_MAX) {
            refuse(s, "too many words");
            return;
        }
        words[count++] = w;
    }
    words[count] = NULL;
    s->reply_size = 0;
    if (count == 0) {
        refuse(s, "an empty line; help shows the commands");
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(words[0], verbs[i].name) == 0) {
            verbs[i].run(s, words, count);
            return;
        }
    refuse(s, "no such command: %.40s; help shows them", words[0]);
}

/* --- control socket --------------------------------------------------------------------------- */

static bool unix_address(struct sockaddr_un *a, const char *path)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a->sun_path) {
        complain("the socket path %s is too long (%zu bytes at most)", path,
                 sizeof a->sun_path - 1);
        return false;
    }
    strcpy(a->sun_path, path);
    return true;
}

static void drop_client(struct client *c)
{
    close(c->fd);
    c->fd = -1;
    c->size = 0;
}

static void accept_client(struct sim *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (s->clients[i].fd < 0) {
            s->clients[i] = (struct client){.fd = fd};
            return;
        }
    static const char full[] = "error too many clients\n";
    (void)!send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

/* The answer goes out whole: a client that asks reads.  One that does not for a second is dropped. */
static bool send_reply(struct client *c, const char *text, size_t size)
{
    size_t sent = 0;
    while (sent < size) {
        ssize_t n = send(c->fd, text + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = c->fd, .events = POLLOUT};
            if (poll(&p, 1, 1000) <= 0)
                return false;
        } else if (n <= 0) {
            return false;
        } else {
            sent += (size_t)n;
        }
    }
    return true;
}

static void client_bytes(struct sim *s, struct client *c)
{
    ssize_t n = recv(c->fd, c->line + c->size, sizeof c->line - c->size, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop_client(c);
        return;
    }
    c->size += (size_t)n;
    char *end;
    while (c->fd >= 0 && (end = memchr(c->line, '\n', c->size))) {
        size_t used = (size_t)(end - c->line) + 1;
        *end = 0;
        command(s, c->line);
        s->reply[s->reply_size] = '\n';
        if (!send_reply(c, s->reply, s->reply_size + 1)) {
            drop_client(c);
            return;
        }
        c->size -= used;
        memmove(c->line, c->line + used, c->size);
    }
    if (c->fd >= 0 && c->size == sizeof c->line) {
        static const char long_line[] = "error the line is too long\n";
        send_reply(c, long_line, sizeof long_line - 1);
        drop_client(c);
    }
}

/* patron-cardsim --control PATH -- present CARD1: one command, its answer, 0 if it was ok. */
static int be_client(const char *path, char **words)
{
    struct sockaddr_un a;
    if (!unix_address(&a, path))
        return 2;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        complain("no simulator answers at %s: %s", path, strerror(errno));
        return 2;
    }
    FILE *f = fdopen(fd, "r+");
    if (!f)
        return 2;
    for (; *words; words++)
        fprintf(f, "%s%s", *words, words[1] ? " " : "\n");
    fflush(f);
    char *line = NULL;
    size_t room = 0;
    int exit_code = 2;
    if (getline(&line, &room, f) > 0) {
        fputs(line, stdout);
        exit_code = strncmp(line, "ok", 2) == 0 ? 0 : 1;
    } else {
        complain("the simulator at %s closed the line", path);
    }
    free(line);
    fclose(f);
    return exit_code;
}

/* --- set up and clear away -------------------------------------------------------------------- */

static bool open_pty(struct sim *s)
{
    struct termios raw;
    s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (s->master < 0 || grantpt(s->master) != 0 || unlockpt(s->master) != 0) {
        complain("open a pseudo-terminal: %s", strerror(errno));
        return false;
    }
    /* Held open, so that the line stays up while no libnfc program has it. */
    s->slave = open(ptsname(s->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s->slave < 0 || tcgetattr(s->slave, &raw) != 0) {
        complain("open %s: %s", ptsname(s->master), strerror(errno));
        return false;
    }
    cfmakeraw(&raw);
    cfsetspeed(&raw, B115200);
    tcsetattr(s->slave, TCSANOW, &raw);
    return true;
}

/* One simulator a link: a lock beside it, which the kernel gives back when its owner dies. */
static bool take_place(struct sim *s)
{
    char *lock = NULL;
    if (strncmp(s->link, "/dev/", 5) == 0) {
        complain("--link %s: not in /dev; choose a place of your own, as /tmp/nfc", s->link);
        return false;
    }
    if (asprintf(&lock, "%s.lock", s->link) < 0)
        return false;
    s->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool held = s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0;
    if (s->lock < 0)
        complain("lock %s: %s", lock, strerror(errno));
    else if (!held)
        complain("another patron-cardsim runs at %s; end it (quit) or choose another --link",
                 s->link);
    free(lock);
    s->placed = held;
    return held;
}

static bool make_link(struct sim *s)
{
    char target[64], *temp = NULL;
    ssize_t n = readlink(s->link, target, sizeof target - 1);
    if (n < 0 && errno != ENOENT) {
        complain("--link %s: there is something there that is no link of a simulator; it stays",
                 s->link);
        return false;
    }
    if (n >= 0) {
        target[n] = 0;
        if (strncmp(target, "/dev/pts/", 9) != 0) {
            complain("--link %s: it points to %s, which is no simulator's; it stays", s->link,
                     target);
            return false;
        }
    }
    if (asprintf(&temp, "%s.new", s->link) < 0)
        return false;
    unlink(temp);
    s->linked = symlink(ptsname(s->master), temp) == 0 && rename(temp, s->link) == 0;
    if (!s->linked) {
        complain("make link %s: %s", s->link, strerror(errno));
        unlink(temp);
    }
    free(temp);
    return s->linked;
}

static bool open_control(struct sim *s)
{
    struct sockaddr_un a;
    if (!unix_address(&a, s->control))
        return false;
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(s->listener, (struct sockaddr *)&a, sizeof a) == 0) {
        complain("--control %s: something answers there already", s->control);
        return false;
    }
    close(s->listener);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;
    if (lstat(s->control, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            complain("--control %s: there is something there that is no socket; it stays",
                     s->control);
            return false;
        }
        unlink(s->control);
    }
    if (bind(s->listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->listener, 8) != 0) {
        complain("--control %s: %s", s->control, strerror(errno));
        return false;
    }
    s->listening = true;
    return true;
}

static bool catch_signals(struct sim *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC);
    return s->signals >= 0;
}

static void finish(struct sim *s)
{
    if (s->linked)
        unlink(s->link);
    if (s->placed) {
        char *lock = NULL;
        if (asprintf(&lock, "%s.lock", s->link) >= 0)
            unlink(lock);
        free(lock);
    }
    if (s->listening)
        unlink(s->control);
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (s->clients[i].fd >= 0)
            drop_client(&s->clients[i]);
    const int fds[] = {s->master, s->slave, s->listener, s->signals, s->lock, s->places};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    trace_stop(s);
    for (size_t i = 0; i < s->card_count; i++)
        free_card(s->cards[i]);
    free(s);
}

/* --- the loop --------------------------------------------------------------------------------- */

static int64_t next_due_us(const struct sim *s)
{
    int64_t due = INT64_MAX, chip = pn532_due_ms(&s->chip);
    if (chip != INT64_MAX)
        due = chip * 1000;
    if (s->out.size && s->out_due_us < due)
        due = s->out_due_us;
    return due;
}

static bool loop(struct sim *s)
{
    while (!s->quit) {
        struct pollfd p[3 + CLIENTS_MAX] = {
            {s->master, POLLIN, 0}, {s->listener, POLLIN, 0}, {s->signals, POLLIN, 0}};
        for (int i = 0; i < CLIENTS_MAX; i++)
            p[3 + i] = (struct pollfd){s->clients[i].fd, POLLIN, 0};
        int64_t due = next_due_us(s), left = due == INT64_MAX ? 0 : due - now_us();
        if (left < 0)
            left = 0;
        struct timespec wait = {left / 1000000, left % 1000000 * 1000};
        int n = ppoll(p, 3 + CLIENTS_MAX, due == INT64_MAX ? NULL : &wait, NULL);
        if (n < 0 && errno != EINTR) {
            complain("poll: %s", strerror(errno));
            return false;
        }
        if (n > 0 && p[2].revents)
            return true;
        if (n > 0 && p[0].revents)
            host_bytes(s);
        for (int i = 0; n > 0 && i < CLIENTS_MAX; i++)
            if (p[3 + i].revents)
                client_bytes(s, &s->clients[i]);
        if (n > 0 && p[1].revents)
            accept_client(s);
        int64_t chip = pn532_due_ms(&s->chip);
        if (chip != INT64_MAX && now_us() / 1000 >= chip) {
            pn532_tick(&s->chip, now_us() / 1000, &s->out);
            after_chip(s, 0);
        }
        flush_out(s);
    }
    return true;
}

static const char usage[] =
    "Usage: patron-cardsim --link PATH --cards DIR [--control PATH]\n"
    "       patron-cardsim --control PATH -- COMMAND [WORD...]\n"
    "\n"
    "An NFC reader (PN532) without hardware, with virtual DESFire cards and tags.\n"
    "\n"
    "  --link PATH      keep a symbolic link to the reader's serial line there\n"
    "  --cards DIR      folder of the cards, one file NAME.card each; made if missing.  A card is "
    "read\n"
    "                   when it is presented: move its file to another reader's folder, or share "
    "one\n"
    "  --control PATH   unix socket that takes commands, one a line; answers begin with ok or "
    "error\n"
    "  -- COMMAND       send one command to the simulator at --control and print its answer\n"
    "\n"
    "Commands:\n"
    "  list [field]                        all cards, or those on the reader: "
    "NAME=KIND:UID:field|away\n"
    "  new ev1|ev2|ev3 UID|random [NAME]   a blank card from the factory\n"
    "  new uid UID|random [NAME]           a tag with nothing but its UID, of 7 bytes or 4\n"
    "  new random random [NAME]            one that shows another UID at every tap, as phones do\n"
    "  new ntag213 UID|random NAME [TEXT]  an NTAG213, its NDEF record that text (a word)\n"
    "  new ntag424 UID|random NAME META FILE [ADDRESS]\n"
    "                                      an NTAG 424 DNA that adds who it is, how often it was read\n"
    "                                      and a MAC to that address; its two keys in hex\n"
    "  new phone random NAME PASS-TYPE READER-KEY VALUE\n"
    "                                      a phone with a pass in an Apple wallet, for the reader whose public\n"
    "                                      key that is (compressed, in hex)\n"
    "  present NAME...                     lay cards on the reader\n"
    "  remove [NAME...]                    take them away; without a name, all\n"
    "  swap NAME OTHER                     take one away and lay the other there\n"
    "  delete NAME                         destroy a card and its file\n"
    "  tear before|after N                 pull the card before or after it acted on the N-th "
    "exchange\n"
    "                                      from now; it is then away until presented again\n"
    "  fault silent|checksum|status HEX    the reader goes dumb; damages its next answer; fails its next\n"
    "                                      exchange with that chip status (01 no answer, 80 ends libnfc)\n"
    "  fault sleep                         a deselected card stays unseen until the field was off\n"
    "  fault off                           well again\n"
    "  unplug, plug                        pull the reader's cable, put it back\n"
    "  show NAME [FILE]                    what is on a card, or in a file of it\n"
    "  lock NAME, unlock NAME              a phone wants its owner first, or no longer\n"
    "  rewind NAME N                       an NTAG 424 counts its readings from N again, as a copy would\n"
    "  trace on [FILE], trace off          write every exchange with a card to FILE or stderr\n"
    "  line BAUD, line off                 be as slow as a serial line of that speed\n"
    "  status, help, quit\n"
    "\n"
    "Any libnfc program takes it for a reader on a serial port:\n"
    "  export LIBNFC_AUTO_SCAN=false LIBNFC_DEFAULT_DEVICE=pn532_uart:PATH\n"
    "  nfc-list\n"
    "\n"
    "Example:\n"
    "  patron-cardsim --link /tmp/nfc --cards /tmp/cards --control /tmp/cards.sock &\n"
    "  patron-cardsim --control /tmp/cards.sock -- new ev2 random ALICE\n"
    "  patron-cardsim --control /tmp/cards.sock -- present ALICE\n"
    "  LIBNFC_AUTO_SCAN=false LIBNFC_DEFAULT_DEVICE=pn532_uart:/tmp/nfc nfc-list\n"
    "\n"
    "It prints a line that begins with ready, ends on quit, SIGTERM or SIGINT and removes link "
    "and\n"
    "socket.  Card files hold their keys in the clear: they are for tests.\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"link", required_argument, NULL, 'l'},
        {"cards", required_argument, NULL, 'd'},
        {"control", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *link_path = NULL, *cards_dir = NULL, *control = NULL;
    int o;
    while ((o = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        switch (o) {
        case 'l':
            link_path = optarg;
            break;
        case 'd':
            cards_dir = optarg;
            break;
        case 'c':
            control = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs("patron-cardsim: --help shows how to use it\n", stderr);
            return 2;
        }
    }
    if (control && optind < argc && !link_path && !cards_dir)
        return be_client(control, argv + optind);
    if (!link_path || !cards_dir || optind < argc) {
        complain("--link and --cards are needed, or --control and a command; --help shows how");
        return 2;
    }
    struct sim *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    s->link = link_path, s->cards_dir = cards_dir, s->control = control;
    s->master = s->slave = s->listener = s->signals = s->lock = s->places = -1;
    s->out = (struct buf){.data = s->out_room, .cap = sizeof s->out_room};
    for (int i = 0; i < CLIENTS_MAX; i++)
        s->clients[i].fd = -1;
    pn532_init(&s->chip);
    s->chip.trace = on_exchange;
    s->chip.torn = on_torn;
    s->chip.of = s;
    struct errmsg why = {""};
    if (mbed_init(&why))
        complain("%s", why.text);
    bool good = catch_signals(s) && take_place(s) && open_cards(s) && open_pty(s) &&
                (!control || open_control(s)) && make_link(s);
    if (good) {
        printf("ready link=%s cards=%zu\n", s->link, s->card_count);
        fflush(stdout);
        good = loop(s);
    }
    finish(s);
    return good ? 0 : 1;
}
