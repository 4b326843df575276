/* nexo.c - what comes in: is it known already, can it be answered at once, or does it become the dialogue?
 * Read nexo_request first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- names and times ---- */

void nexo_memo_name(const struct nexo *n, char out[NEXO_ID_SIZE], uint32_t memo)
{
    snprintf(out, NEXO_ID_SIZE, "T%04u-N%u", n->t->parts.identity->terminal,
             memo ? memo : journal_memo_next(n->t->journal));
}

uint32_t nexo_memo_of(const struct nexo *n, const char *name)
{
    unsigned terminal, memo;
    char end;
    if (sscanf(name, "T%4u-N%9u%c", &terminal, &memo, &end) != 2 ||
        terminal != n->t->parts.identity->terminal)
        return 0;
    return memo;
}

/* How far the shop's clock is from UTC, in quarters of an hour; 0 when it is a simulated one. */
static int zone_minutes(void)
{
    int64_t off = clock_now_s() - (int64_t)time(NULL);
    int64_t quarters = (off + (off < 0 ? -450 : 450)) / 900;
    return quarters < -14 * 4 || quarters > 14 * 4 ? 0 : (int)quarters * 15;
}

const char *nexo_time(char out[40], int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    int zone = zone_minutes();
    time_text(text, time_s);
    if (zone)
        snprintf(out, 40, "%s%c%02d:%02d", text, zone < 0 ? '-' : '+', abs(zone) / 60,
                 abs(zone) % 60);
    else
        snprintf(out, 40, "%sZ", text);
    return out;
}

const struct pack *nexo_pack(const struct nexo *n)
{
    return n->t->packs.in_effect;
}

const char *nexo_brand(const struct nexo *n)
{
    if (n->config.brand)
        return n->config.brand;
    return nexo_pack(n) ? nexo_pack(n)->name : "loyalty";
}

int32_t nexo_digits(const struct nexo *n)
{
    return nexo_pack(n) ? nexo_pack(n)->currency_digits : 2;
}

/* ---- sending and keeping ---- */

static void send_to(struct nexo_call *call, json_t *response)
{
    if (call)
        call->reply(call, response);
    json_decref(response);
}

bool nexo_fill_memo(struct nexo *n, struct journal_memo *m, const char *what, json_t *response)
{
    struct nexo_dialogue *d = &n->d;
    *m = (struct journal_memo){.id = d->memo_id, .time_s = clock_now_s()};
    snprintf(m->door, sizeof m->door, "%s", NEXO_MEMOS);
    snprintf(m->asker, sizeof m->asker, "%s", d->r.sale_id);
    snprintf(m->key, sizeof m->key, "%s", d->r.service_id);
    snprintf(m->what, sizeof m->what, "%s", what);
    memcpy(m->digest, d->digest, sizeof m->digest);
    memcpy(m->whole, d->whole, sizeof m->whole);
    free(n->text);
    n->text = response ? nexo_json_write_create(response) : NULL;
    if (response && (!n->text || strlen(n->text) > MEMO_REPLY_MAX))
        return false;
    m->reply = bytes_of(n->text ? n->text : "", n->text ? strlen(n->text) : 0);
    return true;
}

/* For one register's dialogue: VERB_TRAIN is a supervisor's, for the whole till. */
static void set_training(struct nexo *n, bool on)
{
    till_ask(n->t, &n->quiet, &(struct command){.verb = VERB_CANCEL});
    n->t->training = on;
    n->t->trains = on ? &n->asker : NULL;
    n->t->trained = 0;
    sale_init(&n->t->sale);
}

void nexo_finish(struct nexo *n, json_t *response, bool kept_already)
{
    struct nexo_dialogue *d = &n->d;
    struct journal_memo m;
    struct errmsg why = {""};
    if (d->keeps && !d->training && !kept_already) {
        bool filled = nexo_fill_memo(n, &m, *d->what ? d->what : "refused", response);
        m.amount = d->amount;
        if (!filled || journal_memo_save(n->t->journal, &m, &why)) {
            till_tell(n->t, "The reply to a cash register could not be kept: %s.", why.text);
            json_decref(response);
            response = nexo_plain(&d->r, NEXO_E_DEVICE_OUT, NULL);
        } else if (d->r.service == NEXO_CARD_ACQUISITION) {
            n->acquired.memo = m.id;
        }
    } else if (d->training && d->r.service == NEXO_CARD_ACQUISITION) {
        n->acquired.memo = 0;
    }
    if (d->switched)
        set_training(n, false);
    struct nexo_call *call = d->call;
    json_t *message = d->message;
    json_decref(d->reply);
    d->reply = NULL;
    d->on = false;
    d->call = NULL;
    d->message = NULL;
    send_to(call, response);
    json_decref(message);
}

/* A decision stays, whatever is asked again; what only stood in the way may be tried again. */
static bool is_decision(enum nexo_error e)
{
    switch (e) {
    case NEXO_E_BUSY:
    case NEXO_E_IN_PROGRESS:
    case NEXO_E_UNREACHABLE_HOST:
    case NEXO_E_LOGGED_OUT:
    case NEXO_E_DEVICE_OUT:
    case NEXO_E_UNAVAILABLE_DEVICE:
    case NEXO_E_UNAVAILABLE_SERVICE:
        return false;
    case NEXO_SUCCESS:
    case NEXO_E_MESSAGE_FORMAT:
    case NEXO_E_NOT_FOUND:
    case NEXO_E_NOT_ALLOWED:
    case NEXO_E_REFUSAL:
    case NEXO_E_INVALID_CARD:
    case NEXO_E_CANCEL:
    case NEXO_E_ABORTED:
        break;
    }
    return true;
}

json_t *nexo_failure(const struct nexo_request *r, enum nexo_error e, const char *message)
{
    struct nexo_form form = {0};
    if (*message)
        nexo_form_add(&form, e == NEXO_E_MESSAGE_FORMAT ? "errors" : "message", message);
    return nexo_plain(r, e, &form);
}

/* The name under which a refusal is kept. */
static void name_it(const struct nexo *n, const struct nexo_request *r, json_t *response)
{
    char name[NEXO_ID_SIZE], time_room[40], body[NEXO_ID_SIZE];
    if (r->service != NEXO_LOYALTY && r->service != NEXO_CARD_ACQUISITION &&
        r->service != NEXO_REVERSAL)
        return;
    nexo_memo_name(n, name, n->d.memo_id);
    snprintf(body, sizeof body, "%.36sResponse", r->category);
    json_object_set_new(json_object_get(response, body), "POIData",
                        json_pack("{s:o}", "POITransactionID",
                                  nexo_transaction_id(name, nexo_time(time_room, clock_now_s()))));
}

json_t *nexo_refusal(struct nexo *n, enum nexo_error e, const char *message)
{
    json_t *response = nexo_failure(&n->d.r, e, message);
    if (n->d.keeps && is_decision(e))
        name_it(n, &n->d.r, response);
    return response;
}

void nexo_fail(struct nexo *n, enum nexo_error e, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct nexo_dialogue *d = &n->d;
    json_t *response = d->kept ? d->reply : nexo_refusal(n, e, text);
    if (d->kept)
        d->reply = NULL;
    d->what[0] = 0;
    d->amount = 0;
    nexo_finish(n, response, d->kept || !is_decision(e));
}

/* ---- services that are answered at once ---- */

static bool has_bill(const struct till *t)
{
    const struct sale *s = &t->sale;
    if (s->state == SALE_IDLE || s->state == SALE_IDENTIFIED)
        return s->t.line_count > 0;
    return s->state != SALE_DONE;
}

/* The card may come before its request: it is waited for, and gives way to whoever else waits. */
static json_t *do_enable(struct nexo *n, const struct nexo_request *r)
{
    bool waits = n->ahead.busy != VERB_NONE;
    if (r->start && has_bill(n->t))
        return nexo_failure(r, NEXO_E_BUSY, "A bill is open at the till");
    if (waits == r->start) { /* as it should be already; but a card that came is this transaction's */
        if (!r->start && n->came_ahead && n->t->sale.state == SALE_IDENTIFIED && !has_bill(n->t))
            till_ask(n->t, &n->quiet, &(struct command){.verb = VERB_CANCEL});
        n->came_ahead = false;
        return nexo_plain(r, NEXO_SUCCESS, NULL);
    }
    n->came_ahead = false;
    n->not_ahead = NEXO_SUCCESS;
    till_ask(n->t, &n->ahead, r->start ? &(struct command){.verb = VERB_TAP, .wait_ms = ASK_WAIT_ALWAYS}
                                       : &(struct command){.verb = VERB_CANCEL});
    return nexo_plain(r, r->start ? n->not_ahead : NEXO_SUCCESS, NULL);
}

/* ---- what was answered before ---- */

/* Its reply, if it has one by now: the redemption that was open is closed, by whoever tapped its card. */
static json_t *closed_meanwhile(struct nexo *n, struct journal_memo *m)
{
    struct till *t = n->t;
    struct errmsg why = {""};
    struct buf b = BUF_ON(t->entry);
    json_t *request = nexo_json_read(m->reply, &why), *response = NULL;
    struct nexo_programme programme = {.digits = nexo_digits(n)};
    char ref[TXN_REF_SIZE];
    if (!request || !nexo_read(&n->then, request, &programme))
        goto out;
    enum err e = journal_get(t->journal, m->entry.seq, &b, &why);
    if (till_read(&t->original, e, &b, &why))
        goto out;
    snprintf(ref, sizeof ref, "%s", t->original.ref);
    b = BUF_ON(t->entry);
    e = journal_find_ref(t->journal, ref, &b, &why);
    if (e == ERR_NOT_FOUND) {
        /* The INTENT may be the first of several; the last of them is cancelled. */
        b = BUF_ON(t->entry);
        e = journal_find_about(t->journal, t->original.id, TXN_CANCEL, 0, &b, &why);
    }
    if (till_read(&t->earlier, e, &b, &why))
        goto out;
    struct journal_memo done = *m;
    done.open = false;
    done.amount = points_n(t->earlier.redeemed);
    done.entry = t->earlier.id;
    if (t->earlier.kind == TXN_SALE && points_n(t->earlier.redeemed) > 0 &&
        t->earlier.commit != COMMIT_DOUBT) {
        snprintf(done.what, sizeof done.what, "Redemption");
        response = nexo_reply_of(n, &n->then, &t->earlier, "", NULL);
    } else {
        snprintf(done.what, sizeof done.what, "refused");
        response = nexo_failure(&n->then, NEXO_E_CANCEL, "Given up at the till");
    }
    free(n->text);
    n->text = response ? nexo_json_write_create(response) : NULL;
    done.reply = bytes_of(n->text ? n->text : "", n->text ? strlen(n->text) : 0);
    if (n->text && journal_memo_save(t->journal, &done, &why))
        till_tell(t, tr("The journal: %s."), why.text);
out:
    json_decref(request);
    return response;
}

/* The reply of this memo; NULL: it has none yet. */
static json_t *stored_reply(struct nexo *n, struct journal_memo *m)
{
    struct errmsg why = {""};
    return m->open ? closed_meanwhile(n, m) : nexo_json_read(m->reply, &why);
}

static bool is_key_of_dialogue(const struct nexo *n, const char *sale_id, const char *service_id)
{
    return n->d.on && strcmp(n->d.r.sale_id, sale_id) == 0 &&
           (!service_id || strcmp(n->d.r.service_id, service_id) == 0);
}

static json_t *do_status(struct nexo *n, const struct nexo_request *r)
{
    const char *sale_id = r->ref_sale_id ? r->ref_sale_id : r->sale_id;
    const char *service_id = r->ref_service_id;
    struct journal_memo m;
    struct errmsg why = {""};
    struct buf b = BUF_ON(n->buffer);
    if (r->ref_elsewhere)
        return nexo_failure(r, NEXO_E_NOT_FOUND, "");
    if (is_key_of_dialogue(n, sale_id, service_id))
        return nexo_failure(r, NEXO_E_IN_PROGRESS, "");
    enum err e = journal_memo_find(n->t->journal, NEXO_MEMOS, sale_id, service_id, &m, &b, &why);
    if (e || m.time_s <= clock_now_s() - MEMO_KEEP_S)
        return nexo_failure(r, e && e != ERR_NOT_FOUND ? NEXO_E_DEVICE_OUT : NEXO_E_NOT_FOUND, "");
    json_t *stored = stored_reply(n, &m);
    if (!stored)
        return nexo_failure(r, NEXO_E_IN_PROGRESS, "Tap the card of this redemption again");
    json_t *header = json_object_get(stored, "MessageHeader");
    const char *category = nexo_json_string_text(json_object_get(header, "MessageCategory"));
    json_t *response;
    if (r->ref_category && category && strcmp(r->ref_category, category) != 0) {
        response = nexo_failure(r, NEXO_E_NOT_FOUND, "");
    } else {
        json_t *reference =
            json_pack("{s:s,s:o,s:o}", "MessageCategory", category ? category : "", "SaleID",
                      nexo_json_string(sale_id), "ServiceID", nexo_json_string(m.key));
        json_t *body = json_copy(stored);
        json_object_del(body, "MessageHeader");
        response = nexo_reply(r, json_pack("{s:o,s:o,s:{s:O,s:o}}", "Response",
                                           nexo_response(NEXO_SUCCESS, NULL), "MessageReference",
                                           reference, "RepeatedMessageResponse", "MessageHeader",
                                           header, "RepeatedResponseMessageBody", body));
    }
    json_decref(stored);
    return response;
}

static void do_abort(struct nexo *n, const struct nexo_request *r)
{
    const char *sale_id = r->ref_sale_id ? r->ref_sale_id : r->sale_id;
    if (r->faulty || r->ref_elsewhere || !r->ref_service_id || !is_key_of_dialogue(n, sale_id, r->ref_service_id) ||
        (r->ref_category && strcmp(r->ref_category, n->d.r.category) != 0))
        return;
    if (n->d.step == NEXO_PERSON) {
        if (n->config.devices.unconfirm)
            n->config.devices.unconfirm(n->config.devices.arg);
        nexo_fail(n, NEXO_E_ABORTED, "%s", "");
        return;
    }
    /* A card that is being debited is not let go: what it did must be known first. */
    enum sale_state s = n->t->sale.state;
    if (n->asker.busy == VERB_NONE || s == SALE_INTENDING || s == SALE_COMMITTING ||
        s == SALE_CLOSING || s == SALE_DEBITED)
        return;
    n->d.aborted = true;
    till_ask(n->t, &n->asker,
             &(struct command){.verb = s == SALE_DOUBT ? VERB_GIVE_UP : VERB_CANCEL});
    nexo_go_on(n);
}

/* ---- the key of a message ---- */

static bool is_kept(enum nexo_service s)
{
    return s == NEXO_LOYALTY || s == NEXO_REVERSAL || s == NEXO_CARD_ACQUISITION || s == NEXO_ADMIN;
}

/* Category, body, and key, time stamp and all. */
static bool whole_digest(uint8_t out[32], const struct nexo_request *r)
{
    uint8_t part[32];
    char key[2 * NEXO_ID_SIZE];
    if (!nexo_digest(part, r, true))
        return false;
    int size = snprintf(key, sizeof key, "%s%c%s%c", r->sale_id, 0, r->service_id, 0);
    mbed_sha256_two(out, bytes_of(key, (size_t)size), bytes_of(part, sizeof part));
    return true;
}

/* The first reply to a message that came before, and its memo is gone: from the entry it was counted as. */
static json_t *reply_again(struct nexo *n, const struct nexo_request *r, struct entry_id entry)
{
    struct till *t = n->t;
    struct errmsg why = {""};
    struct buf b = BUF_ON(t->entry);
    enum err e = journal_get(t->journal, entry.seq, &b, &why);
    if (till_read(&t->earlier, e, &b, &why))
        return nexo_failure(r, NEXO_E_DEVICE_OUT, why.text);
    return nexo_reply_of(n, r, &t->earlier, "", NULL);
}

/* Answered before: NULL = no, it is new.  *open: it is a redemption that stopped in the middle; go on with it. */
static json_t *answered_before(struct nexo *n, const struct nexo_request *r,
                               const uint8_t digest[32], const uint8_t whole[32], uint32_t *open)
{
    struct journal_memo m;
    struct errmsg why = {""};
    struct buf b = BUF_ON(n->buffer);
    struct entry_id entry;
    enum err e = journal_memo_find(n->t->journal, NEXO_MEMOS, r->sale_id, r->service_id, &m, &b, &why);
    if (!e && m.time_s > clock_now_s() - MEMO_KEEP_S) {
        if (memcmp(m.digest, digest, sizeof m.digest) != 0)
            return nexo_failure(r, NEXO_E_NOT_ALLOWED, "This ServiceID was used for another message");
        json_t *stored = stored_reply(n, &m);
        if (!stored)
            *open = m.id;
        return stored;
    }
    if (e && e != ERR_NOT_FOUND)
        return nexo_failure(r, NEXO_E_DEVICE_OUT, why.text);
    e = journal_counted(n->t->journal, whole, &entry, &why);
    if (!e)
        return reply_again(n, r, entry);
    return e == ERR_NOT_FOUND ? NULL : nexo_failure(r, NEXO_E_DEVICE_OUT, why.text);
}

/* ---- the dialogue begins ---- */

static void begin(struct nexo *n, json_t *message, struct nexo_call *call, const uint8_t digest[32],
                  const uint8_t whole[32], uint32_t open)
{
    struct nexo_dialogue *d = &n->d;
    struct nexo_login *login = nexo_login_of(n, n->now.sale_id);
    memset(d, 0, sizeof *d);
    d->on = true;
    d->call = call;
    d->message = json_incref(message);
    d->r = n->now;
    d->keeps = is_kept(d->r.service);
    d->training = n->t->training || (login && login->training);
    d->memo_id = open;
    d->deadline_ms = clock_tick_ms() + (n->config.wait_ms ? n->config.wait_ms : NEXO_WAIT_MS);
    memcpy(d->digest, digest, sizeof d->digest);
    memcpy(d->whole, whole, sizeof d->whole);
    d->ref[0] = 'n';
    hex_encode(d->ref + 1, whole, (sizeof d->ref - 2) / 2);
    if (d->r.faulty)
        nexo_fail(n, NEXO_E_MESSAGE_FORMAT, "%s", d->r.fault);
    else {
        d->switched = d->training && !n->t->training;
        if (d->switched)
            set_training(n, true);
        nexo_begin(n);
    }
}

/* What needs the one sale: new, or known already. */
static void with_sale(struct nexo *n, json_t *message, struct nexo_call *call)
{
    const struct nexo_request *r = &n->now;
    uint8_t digest[32] = {0}, whole[32] = {0};
    uint32_t open = 0;
    bool kept = is_kept(r->service);
    if (kept) {
        if (!nexo_digest(digest, r, false) || !whole_digest(whole, r)) {
            call->refuse(call, "no memory");
            return;
        }
        if (is_key_of_dialogue(n, r->sale_id, r->service_id)) {
            bool same = memcmp(n->d.digest, digest, sizeof digest) == 0;
            send_to(call, nexo_failure(r, same ? NEXO_E_IN_PROGRESS : NEXO_E_NOT_ALLOWED, ""));
            return;
        }
        json_t *before = answered_before(n, r, digest, whole, &open);
        if (before) {
            send_to(call, before);
            return;
        }
    }
    if (r->faulty && !kept)
        send_to(call, nexo_failure(r, NEXO_E_MESSAGE_FORMAT, r->fault));
    else if (n->d.on)
        send_to(call, nexo_failure(r, NEXO_E_BUSY, "Another request is being worked on"));
    else if (!r->faulty && !open && has_bill(n->t))
        send_to(call, nexo_failure(r, NEXO_E_BUSY, "A bill is open at the till"));
    else
        begin(n, message, call, digest, whole, open);
}

/* ---- a message ---- */

static bool is_for_us(const struct nexo *n, const struct nexo_request *r)
{
    return !n->config.poi_id || strcmp(n->config.poi_id, r->poi_id) == 0;
}

static bool is_logged_in(struct nexo *n, const struct nexo_request *r)
{
    const struct nexo_login *l = nexo_login_of(n, r->sale_id);
    return !n->config.login || (l && l->in) || r->service == NEXO_LOGIN ||
           r->service == NEXO_DIAGNOSIS || r->service == NEXO_TRANSACTION_STATUS;
}

static json_t *at_once(struct nexo *n, const struct nexo_request *r)
{
    switch (r->service) {
    case NEXO_LOGIN:
        return nexo_login(n, r);
    case NEXO_LOGOUT:
        nexo_log_out(n, r->sale_id);
        return nexo_plain(r, NEXO_SUCCESS, NULL);
    case NEXO_DIAGNOSIS:
        return nexo_diagnosis(n, r);
    case NEXO_TRANSACTION_STATUS:
        return do_status(n, r);
    case NEXO_DISPLAY:
        return nexo_display(n, r);
    case NEXO_PRINT:
        return nexo_print(n, r);
    case NEXO_ENABLE_SERVICE:
        return do_enable(n, r);
    case NEXO_GET_TOTALS:
        return nexo_totals(n, r);
    case NEXO_OTHER:
        return nexo_plain(r, NEXO_E_UNAVAILABLE_SERVICE, NULL);
    case NEXO_CARD_ACQUISITION:
    case NEXO_BALANCE_INQUIRY:
    case NEXO_LOYALTY:
    case NEXO_REVERSAL:
    case NEXO_INPUT:
    case NEXO_ADMIN:
    case NEXO_ABORT:
        break;
    }
    return NULL;
}

/* Beside a dialogue only these. */
static bool may_stand_beside(enum nexo_service s)
{
    return s == NEXO_LOGIN || s == NEXO_DIAGNOSIS || s == NEXO_TRANSACTION_STATUS ||
           s == NEXO_OTHER;
}

static bool needs_sale(enum nexo_service s)
{
    return is_kept(s) || s == NEXO_BALANCE_INQUIRY || s == NEXO_INPUT;
}

void nexo_request(struct nexo *n, json_t *request, struct nexo_call *call)
{
    struct nexo_request *r = &n->now;
    if (sale_is_idle(&n->t->sale))
        packs_choose(n->t, day_of_time(clock_now_s()));
    const struct pack *pack = nexo_pack(n);
    struct nexo_programme programme = {.brand = n->config.brand,
                                       .currency = pack ? pack->currency : NULL,
                                       .digits = nexo_digits(n)};
    if (!nexo_read(r, request, &programme))
        call->refuse(call, "no MessageHeader with a MessageCategory");
    else if (r->service == NEXO_ABORT) {
        do_abort(n, r);
        call->reply(call, NULL);
    } else if (r->nameless)
        send_to(call, nexo_failure(r, NEXO_E_MESSAGE_FORMAT, r->fault));
    else if (r->other_version)
        send_to(call, nexo_failure(r, NEXO_E_UNAVAILABLE_SERVICE, "ProtocolVersion 3 is spoken here"));
    else if (!is_for_us(n, r))
        send_to(call, nexo_failure(r, NEXO_E_NOT_ALLOWED, "POIID is another terminal's"));
    else if (!is_logged_in(n, r))
        send_to(call, nexo_failure(r, NEXO_E_LOGGED_OUT, ""));
    else if (needs_sale(r->service))
        with_sale(n, request, call);
    else if (r->faulty)
        send_to(call, nexo_failure(r, NEXO_E_MESSAGE_FORMAT, r->fault));
    else if (n->d.on && !may_stand_beside(r->service))
        send_to(call, nexo_failure(r, NEXO_E_BUSY, "Another request is being worked on"));
    else
        send_to(call, at_once(n, r));
}

void nexo_gone(struct nexo *n, struct nexo_call *call)
{
    if (n->d.on && n->d.call == call)
        n->d.call = NULL;
}

/* ---- its life ---- */

/* The card that came ahead stays identified for the request to come. */
static void ahead_answered(struct till *t, struct asker *a, const struct answer *answer)
{
    struct nexo *n = (struct nexo *)((char *)a - offsetof(struct nexo, ahead));
    const char *code = answer->code ? answer->code : "";
    (void)t;
    if (answer->verb != VERB_TAP)
        return;
    n->came_ahead = !*code;
    n->not_ahead = !*code                            ? NEXO_SUCCESS
                   : strcmp(code, "NO_DEVICE") == 0 ? NEXO_E_UNAVAILABLE_DEVICE
                                                    : NEXO_E_BUSY;
}

static void answer_not_read(struct till *t, struct asker *a, const struct answer *answer)
{
    (void)t;
    (void)a;
    (void)answer;
}

static int64_t due_ms(struct till_extra *x, int64_t now_ms)
{
    struct nexo *n = (struct nexo *)((char *)x - offsetof(struct nexo, extra));
    (void)now_ms;
    return n->d.on && n->d.step == NEXO_PERSON ? n->d.deadline_ms : INT64_MAX;
}

static void turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count,
                 int64_t now_ms)
{
    struct nexo *n = (struct nexo *)((char *)x - offsetof(struct nexo, extra));
    (void)t;
    (void)f;
    (void)count;
    nexo_go_on(n);
    if (n->d.on && n->d.step == NEXO_PERSON && now_ms >= n->d.deadline_ms) {
        if (n->config.devices.unconfirm)
            n->config.devices.unconfirm(n->config.devices.arg);
        nexo_fail(n, NEXO_E_CANCEL, "Nobody answered");
    }
}

enum err nexo_create(struct nexo **out, struct till *t, const struct nexo_config *config,
                     struct errmsg *why)
{
    struct nexo *n = calloc(1, sizeof *n);
    if (!n)
        return err_set(why, ERR_FULL, "no memory for the nexo door");
    n->t = t;
    n->config = *config;
    n->asker.answered = nexo_answered;
    n->asker.memo = nexo_on_entry;
    n->quiet.answered = answer_not_read;
    n->ahead.answered = ahead_answered;
    n->extra.due_ms = due_ms;
    n->extra.turn = turn;
    till_join_asker(t, &n->asker);
    till_join_asker(t, &n->quiet);
    till_join_asker(t, &n->ahead);
    till_add_extra(t, &n->extra);
    nexo_load_logins(n);
    *out = n;
    return OK;
}

void nexo_destroy(struct nexo *n)
{
    if (!n)
        return;
    json_decref(n->d.reply);
    json_decref(n->d.message);
    free(n->text);
    free(n);
}
