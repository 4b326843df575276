/* cardsim_commands.c - what patron-cardsim is told on its control socket: one line, an answer that begins with ok
 * or error.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/cardsim.h"

#include "hw/clock.h"
#include "hw/vcard_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    else if (!(c = sim_fetch_card(s, name, &why)))
        refuse(s, "%s", why.text);
    return c;
}

/* The place first, then the file once more: the reader that had the card may just have saved it. */
static bool lay_down(struct sim *s, const char *name)
{
    struct card *c = sim_find_card(s, name);
    struct errmsg why;
    if (!c || sim_lies_here(s, c))
        return c != NULL;
    struct card_uid uid = sim_uid_of(c), again;
    if (!sim_take_spot(s, uid, F_WRLCK)) {
        refuse(s, "card %s lies on another reader", name);
        return false;
    }
    c = sim_fetch_card(s, name, &why);
    again = c ? sim_uid_of(c) : uid;
    if (c && uid_equal(&again, &uid) &&
        pn532_put(&s->chip, sim_target_of(c), sim_now_us() / 1000, &s->out))
        return true;
    sim_take_spot(s, uid, F_UNLCK);
    if (c)
        refuse(s, "the field holds %d cards", PN532_FIELD_MAX);
    else
        refuse(s, "%s", why.text);
    return false;
}

/* In hex, as long as it is. */
static void uid_words(char out[UID_TEXT_SIZE], const struct card *c)
{
    struct card_uid uid = sim_uid_of(c);
    hex_encode(out, uid.b, c->is_tag ? c->tag.m.uid_size : sizeof uid.b);
}

static void do_list(struct sim *s, char **w, int count)
{
    bool field_only = count > 1 && strcmp(w[1], "field") == 0;
    struct errmsg why;
    size_t shown = 0;
    if (!field_only && !sim_scan_cards(s, &why)) {
        refuse(s, "%s", why.text);
        return;
    }
    for (size_t i = 0; i < s->card_count; i++)
        shown += !field_only || sim_lies_here(s, s->cards[i]);
    say(s, "ok count=%zu", shown);
    for (size_t i = 0; i < s->card_count; i++) {
        const struct card *c = s->cards[i];
        bool here = sim_lies_here(s, c);
        char uid[UID_TEXT_SIZE];
        if (field_only && !here)
            continue;
        uid_words(uid, c);
        say(s, " %s=%s:%s:%s", c->name, sim_kind_of(c), uid, here ? "field" : "away");
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
    if (count < 6 || hex_decode(meta.b, sizeof meta.b, &meta_size, w[4]) ||
        meta_size != sizeof meta.b || hex_decode(file.b, sizeof file.b, &file_size, w[5]) ||
        file_size != sizeof file.b)
        return "new ntag424 UID|random NAME META FILE [ADDRESS], the keys 32 hex digits each";
    return vtag_write_sun(tag, &meta, &file, count > 6 ? w[6] : "patron.example/t")
               ? "the address is too long"
               : NULL;
}

static bool uid_taken(struct sim *s, const struct card_uid *uid)
{
    for (size_t i = 0; i < s->card_count; i++) {
        struct card_uid other = sim_uid_of(s->cards[i]);
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
        refuse(s,
               "no such kind of card: %s; there are ev1, ev2, ev3, ntag424, ntag213, phone, uid, "
               "random",
               w[1]);
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
    if (!sim_scan_cards(s, &why)) {
        refuse(s, "%s", why.text);
        return;
    }
    if (uid_taken(s, &uid))
        return;
    if (count <= 3)
        for (size_t n = s->card_count + 1;
             snprintf(made, sizeof made, "CARD%zu", n), sim_find_card(s, made);)
            n++;
    if (!sim_name_ok(name)) {
        refuse(s, "a name has 1 to %d letters, digits, - and _", NAME_MAX_SIZE - 1);
        return;
    }
    if (sim_find_card(s, name)) {
        refuse(s, "there is a card %s already", name);
        return;
    }
    struct card *c = s->card_count < CARDS_MAX ? sim_make_card(s, name) : NULL;
    if (!c) {
        refuse(s, "there is no room for more than %d cards", CARDS_MAX);
        return;
    }
    c->is_tag = is_tag;
    if (is_tag) {
        vtag_init(&c->tag, tag_kind, uid.b, (uint8_t)uid_size, sim_random_seed());
        wrong = fill_tag(&c->tag, w, count);
    } else {
        vcard_init(&c->v, kind, &uid, sim_random_seed());
    }
    if (wrong || !sim_save_card(c, &why)) {
        sim_free_card(c);
        refuse(s, "%s", wrong ? wrong : why.text);
        return;
    }
    sim_add_card(s, c);
    uid_words(uid_hex, c);
    say(s, "ok name=%s kind=%s uid=%s", c->name, sim_kind_of(c), uid_hex);
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
    sim_after_chip(s, 0);
    if (good)
        say(s, "ok");
}

static void do_remove(struct sim *s, char **w, int count)
{
    if (count < 2)
        for (size_t i = 0; i < s->card_count; i++)
            sim_take_away(s, s->cards[i]);
    for (int i = 1; i < count; i++) {
        struct card *c = named(s, w[i]);
        if (!c)
            return;
        sim_take_away(s, c);
    }
    say(s, "ok");
}

static void do_swap(struct sim *s, char **w, int count)
{
    if (!named(s, count > 1 ? w[1] : NULL) || !named(s, count > 2 ? w[2] : NULL))
        return;
    sim_take_away(s, sim_find_card(s, w[1]));
    bool good = lay_down(s, w[2]);
    sim_after_chip(s, 0);
    if (good)
        say(s, "ok");
}

static void do_delete(struct sim *s, char **w, int count)
{
    struct card *c = named(s, count > 1 ? w[1] : NULL);
    if (!c)
        return;
    sim_take_away(s, c);
    if (unlink(c->path) != 0 && errno != ENOENT) {
        refuse(s, "remove %s: %s", c->path, strerror(errno));
        return;
    }
    sim_forget_card(s, c);
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
    sim_trace_stop(s);
    if (on) {
        s->trace = count > 2 ? fopen(w[2], "ae") : stderr;
        s->trace_start_us = sim_now_us();
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
    if (s->master < 0 && (!sim_open_pty(s) || !sim_make_link(s)))
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
            sim_kind_of(c), uid, sim_lies_here(s, c), c->tag.changes, c->tag.m.counter);
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
    say(s, "ok name=%s kind=%s uid=%s field=%d changes=%" PRIu32, c->name, sim_kind_of(c), uid,
        sim_lies_here(s, c), v->changes);
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
    sim_save_changed(s);
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
    sim_save_changed(s);
    say(s, "ok");
}

static void do_status(struct sim *s, char **w, int count)
{
    (void)w, (void)count;
    size_t here = 0;
    for (size_t i = 0; i < s->card_count; i++)
        here += sim_lies_here(s, s->cards[i]);
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
    {"new",
     "new ev1|ev2|ev3|uid|random UID|random [NAME]; new ntag213 UID|random NAME [TEXT]; "
     "new ntag424 UID|random NAME META FILE [ADDRESS]; "
     "new phone random NAME PASS-TYPE READER-KEY VALUE",
     do_new},
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

void sim_command(struct sim *s, char *line)
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
