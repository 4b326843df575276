/* cardsim_cards.c - the cards of patron-cardsim: one file each in a folder that several simulators may share, and
 * the place that a card takes while it lies on a reader.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/cardsim.h"

#include "hw/clock.h"
#include "hw/vcard_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t sim_random_seed(void)
{
    uint64_t seed;
    clock_random(&seed, sizeof seed);
    return seed;
}

struct card *sim_find_card(const struct sim *s, const char *name)
{
    for (size_t i = 0; i < s->card_count; i++)
        if (strcmp(s->cards[i]->name, name) == 0)
            return s->cards[i];
    return NULL;
}

struct vtarget *sim_target_of(struct card *c)
{
    return c->is_tag ? &c->tag.target : &c->v.target;
}

struct card_uid sim_uid_of(const struct card *c)
{
    struct card_uid uid = c->v.m.uid;
    if (c->is_tag)
        memcpy(uid.b, c->tag.m.uid, sizeof uid.b);
    return uid;
}

const char *sim_kind_of(const struct card *c)
{
    return c->is_tag ? vtag_kind_text(c->tag.m.kind) : vcard_kind_text(c->v.m.kind);
}

static uint32_t changes_of(const struct card *c)
{
    return c->is_tag ? c->tag.changes : c->v.changes;
}

struct card *sim_card_of(const struct sim *s, const struct vtarget *t)
{
    for (size_t i = 0; i < s->card_count; i++)
        if (sim_target_of(s->cards[i]) == t)
            return s->cards[i];
    return NULL;
}

bool sim_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n < NAME_MAX_SIZE && name[n] == 0;
}

struct card *sim_make_card(const struct sim *s, const char *name)
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

void sim_free_card(struct card *c)
{
    bytes_wipe(&c->v, sizeof c->v);
    bytes_wipe(&c->tag, sizeof c->tag);
    free(c->path);
    free(c);
}

void sim_add_card(struct sim *s, struct card *c)
{
    size_t at = s->card_count++;
    for (; at > 0 && strcmp(s->cards[at - 1]->name, c->name) > 0; at--)
        s->cards[at] = s->cards[at - 1];
    s->cards[at] = c;
}

void sim_forget_card(struct sim *s, struct card *c)
{
    size_t at = 0;
    while (s->cards[at] != c)
        at++;
    s->card_count--;
    memmove(&s->cards[at], &s->cards[at + 1], (s->card_count - at) * sizeof *s->cards);
    sim_free_card(c);
}

bool sim_lies_here(const struct sim *s, const struct card *c)
{
    return pn532_has(&s->chip, c->is_tag ? &c->tag.target : &c->v.target);
}

struct card *sim_fetch_card(struct sim *s, const char *name, struct errmsg *why)
{
    struct card *c = sim_find_card(s, name), *made = NULL;
    if (c && sim_lies_here(s, c))
        return c;
    if (!c) {
        if (!sim_name_ok(name)) {
            err_set(why, ERR_NOT_FOUND, "there is no card %.40s; list shows them", name);
            return NULL;
        }
        c = made = s->card_count < CARDS_MAX ? sim_make_card(s, name) : NULL;
        if (!c) {
            err_set(why, ERR_FULL, "there is no room for more than %d cards", CARDS_MAX);
            return NULL;
        }
    }
    enum err e = vtag_load(&c->tag, c->path, sim_random_seed(), why);
    c->is_tag = e == OK;
    if (e)
        e = vcard_load(&c->v, c->path, sim_random_seed(), why);
    c->saved = changes_of(c);
    if (e == OK) {
        if (made)
            sim_add_card(s, made);
        return c;
    }
    if (e == ERR_NOT_FOUND)
        err_set(why, e, "there is no card %s; list shows them", name);
    if (made)
        sim_free_card(made);
    else
        sim_forget_card(s, c);
    return NULL;
}

bool sim_scan_cards(struct sim *s, struct errmsg *why)
{
    for (size_t i = s->card_count; i-- > 0;)
        if (!sim_lies_here(s, s->cards[i]) && access(s->cards[i]->path, F_OK) != 0)
            sim_forget_card(s, s->cards[i]);
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
        good = !sim_name_ok(name) || sim_find_card(s, name) || sim_fetch_card(s, name, why);
    }
    closedir(d);
    return good;
}

bool sim_open_cards(struct sim *s)
{
    struct errmsg why;
    char *places = NULL;
    if (mkdir(s->cards_dir, 0777) != 0 && errno != EEXIST) {
        sim_complain("make card folder %s: %s", s->cards_dir, strerror(errno));
        return false;
    }
    if (asprintf(&places, "%s/.readers", s->cards_dir) >= 0) {
        s->places = open(places, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (s->places < 0)
            sim_complain("open %s: %s", places, strerror(errno));
        free(places);
    }
    if (s->places < 0)
        return false;
    if (!sim_scan_cards(s, &why)) {
        sim_complain("%s; move it away or repair it", why.text);
        return false;
    }
    return true;
}

bool sim_take_spot(struct sim *s, struct card_uid uid, short type)
{
    uint64_t at = 0;
    for (size_t i = 0; i < sizeof uid.b; i++)
        at = at << 8 | uid.b[i];
    struct flock spot = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1};
    return fcntl(s->places, F_OFD_SETLK, &spot) == 0;
}

void sim_take_away(struct sim *s, struct card *c)
{
    if (sim_lies_here(s, c)) {
        pn532_take(&s->chip, sim_target_of(c));
        sim_take_spot(s, sim_uid_of(c), F_UNLCK);
    }
}

bool sim_save_card(struct card *c, struct errmsg *why)
{
    if (c->is_tag ? vtag_save(&c->tag, c->path, why) : vcard_save(&c->v, c->path, why))
        return false;
    c->saved = changes_of(c);
    return true;
}

void sim_save_changed(struct sim *s)
{
    struct errmsg why;
    for (size_t i = 0; i < s->card_count; i++)
        if (changes_of(s->cards[i]) != s->cards[i]->saved && !sim_save_card(s->cards[i], &why))
            sim_complain("%s", why.text);
}
