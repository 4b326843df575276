/* publish.c - see publish.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/publish.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/ca.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct pack_text *pack_text_create(void)
{
    return calloc(1, sizeof(struct pack_text));
}

/* What the profile on a card has room for: cardproto/SPEC.md, section "profile". */
enum { CARD_TIER_MAX = 8 };
static enum err check_for_cards(const struct pack *pack, const char *file, struct errmsg *why)
{
    for (int32_t i = 0; i < pack->tier_count; i++) {
        const char *code = pack->tiers[i].code;
        bool ascii = true;
        for (const char *p = code; *p; p++)
            ascii = ascii && *p > ' ' && *p < 127;
        if (!ascii || strlen(code) > CARD_TIER_MAX)
            return err_set(why, ERR_RANGE,
                           tr("%s: the tier code \"%s\" does not fit on a card: 1 to %d ASCII characters; put the long "
                              "name into \"name\""),
                           file, code, CARD_TIER_MAX);
    }
    return OK;
}

enum err pack_text_read(struct pack_text *p, const char *file, struct errmsg *why)
{
    enum err e = pack_read(&p->pack, p->json, p->size, file, why);
    return e ? e : check_for_cards(&p->pack, file, why);
}

enum err pack_text_after(struct pack_text *p, struct books *books, uint32_t after, struct errmsg *why)
{
    uint32_t version;
    char name[24];
    struct buf json = {.data = (uint8_t *)p->json, .cap = PACK_JSON_MAX};
    struct buf signature = BUF_ON(p->signature);
    enum err e = books_pack_after(books, after, &version, &json, &signature, why);
    if (e)
        return e;
    p->json[json.size] = 0;
    p->size = json.size;
    p->signature_size = signature.size;
    snprintf(name, sizeof name, "pack %u", (unsigned)version);
    return pack_read(&p->pack, p->json, p->size, name, why);
}

enum err pack_text_find(struct pack_text *p, struct books *books, uint32_t version, struct errmsg *why)
{
    enum err e = version ? pack_text_after(p, books, version - 1, why) : ERR_NOT_FOUND;
    if (e && e != ERR_NOT_FOUND)
        return e;
    return !e && p->pack.version == version ? OK : err_set(why, ERR_NOT_FOUND, tr("there are no rules of this version"));
}

enum err pack_text_newest(struct pack_text *p, struct books *books, struct errmsg *why)
{
    enum err e = pack_text_after(p, books, 0, why);
    if (e)
        return e;
    while ((e = pack_text_after(p, books, p->pack.version, why)) == OK)
        ;
    return e == ERR_NOT_FOUND ? OK : e;
}

/* Written out anew, in the order it had: what people changed by hand in the text stays readable. */
enum err pack_text_stamp(struct pack_text *p, uint32_t version, int32_t effective_day, struct errmsg *why)
{
    char day[DAY_TEXT_SIZE];
    json_error_t fault;
    json_t *doc = json_loadb(p->json, p->size, JSON_REJECT_DUPLICATES, &fault);
    day_text(day, effective_day);
    if (!json_is_object(doc)) {
        enum err e = err_set(why, ERR_FORMAT, "%d: %s", doc ? 1 : fault.line, doc ? "no object" : fault.text);
        json_decref(doc);
        return e;
    }
    json_object_set_new(doc, "version", json_integer((json_int_t)version));
    json_object_set_new(doc, "effective", json_string(day));
    size_t size = json_dumpb(doc, p->json, PACK_JSON_MAX, JSON_INDENT(2));
    json_decref(doc);
    if (size == 0 || size > PACK_JSON_MAX)
        return err_set(why, ERR_FULL, tr("the rules are longer than %d bytes"), PACK_JSON_MAX);
    p->json[size] = 0;
    p->size = size;
    return pack_text_read(p, tr("rules"), why);
}

enum err publish_check(const struct pack *next, const struct pack *last, int32_t today, struct errmsg *why)
{
    char date[DAY_TEXT_SIZE];
    if (next->version != last->version + 1)
        return err_set(why, ERR_RANGE, tr("the pack has version %u, and the next one must be %u"),
                       (unsigned)next->version, (unsigned)last->version + 1);
    if (next->effective_day < today) {
        day_text(date, today);
        return err_set(why, ERR_RANGE,
                       tr("the pack's effective day is past: the rules of what has been sold stay as they were; say %s "
                          "or later"),
                       date);
    }
    if (next->effective_day < last->effective_day) {
        day_text(date, last->effective_day);
        return err_set(why, ERR_RANGE, tr("the pack would begin before the one it replaces: say %s or later"), date);
    }
    if (strcmp(next->currency, last->currency) != 0 || next->currency_digits != last->currency_digits)
        return err_set(why, ERR_CONFLICT, tr("the programme counts in %s: another currency is another programme"),
                       last->currency);
    return OK;
}

enum err publish_store(struct pack_text *p, struct books *books, const mbedtls_pk_context *key, struct errmsg *why)
{
    struct buf signature = BUF_ON(p->signature);
    struct bytes json = bytes_of(p->json, p->size);
    enum err e = ca_sign_pack(&signature, key, json, why);
    if (e)
        return e;
    p->signature_size = signature.size;
    return books_add_pack(books, &p->pack, json, buf_bytes(&signature), why);
}
