/* nexo.h - the cash register's services (nexo Sale-to-POI messages) on the one sale of this till.
 *
 *   nexo_door.c (HTTPS, seal) --request--> nexo.c  known already?  at once?  --> nexo_sale.c  one dialogue --> till_ask
 *                             <--reply---          memo                      <--              answers
 *
 * What waits for a card, a person or head office is the dialogue; there is one.  Beside it Login, Diagnosis,
 * TransactionStatus and Abort are answered at once, all else is told Busy.
 * Loyalty, Reversal, CardAcquisition and Admin are done once for (SaleID, ServiceID): the reply is a memo of the
 * journal, written in the transaction of its effect (db/journal.h).  docs/nexo.md says what each service does.
 * Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_NEXO_H
#define PATRON_TERMINAL_NEXO_H

#include "terminal/nexo/nexo_msg.h"

struct till;
struct nexo;

enum { NEXO_WAIT_MS = 60000, NEXO_BRAND_SIZE = 32 };

/* What a register may use of this till besides points.  NULL = no such device.  lines: borrowed for the call. */
struct nexo_devices {
    void *arg;
    /* Shows the lines on the member's or the cashier's display; false: none is there now. */
    bool (*show)(void *arg, const char *const *lines, int count);
    bool (*show_cashier)(void *arg, const char *const *lines, int count);
    /* Asks the member yes or no; the answer comes by nexo_confirmed.  False: no display is there now. */
    bool (*confirm)(void *arg, const char *const *lines, int count);
    void (*unconfirm)(void *arg); /* nobody waits for the answer any more */
    bool (*print)(void *arg, const char *const *lines, int count); /* false: it cannot */
};

struct nexo_config {
    int64_t wait_ms;    /* for a card or a person; 0 = NEXO_WAIT_MS */
    bool login;         /* services only after a Login */
    const char *brand;  /* the programme's name in replies; NULL = that of the pack */
    const char *poi_id; /* what this terminal is called; NULL = whatever it is called is right */
    struct nexo_devices devices;
};

/* One message that came in.  It is the services' until one of both is called, once, now or later. */
struct nexo_call {
    void (*reply)(struct nexo_call *c,
                  const json_t *response); /* inside SaleToPOIResponse; NULL = an empty body */
    void (*refuse)(struct nexo_call *c, const char *sentence); /* it is no message */
};

/* config is copied, its texts are borrowed.  The till's loop gives it its turns.  Errors: ERR_FULL. */
MUST_CHECK enum err nexo_create(struct nexo **out, struct till *t, const struct nexo_config *config,
                                struct errmsg *why);
/* After till_destroy.  Calls that are still open are dropped.  NULL is fine. */
void nexo_destroy(struct nexo *n);

/* request: what is inside SaleToPOIRequest; a reference is kept while it is worked on. */
void nexo_request(struct nexo *n, json_t *request, struct nexo_call *call);
/* Nobody waits for this call's reply any more; the work goes on. */
void nexo_gone(struct nexo *n, struct nexo_call *call);
void nexo_confirmed(struct nexo *n, bool yes);

#endif
