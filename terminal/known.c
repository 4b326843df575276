/* known.c - who it is, when it may be something else than a full card: the table of kinds (cardproto/kind.h)
 * over the reader.  SPDX-License-Identifier: Apache-2.0 */
#include "terminal/till.h"

#include "hw/clock.h"

#include <assert.h>
#include <string.h>
#include <time.h>

static_assert((int)KIND_VALUE_MAX <= (int)WIRE_VALUE_MAX, "what a kind reads goes up in one Tap");

void known_begin(struct till *t)
{
    struct tap *p = &t->tap;
    struct kind_facts facts = {.uid_size = p->card.uid_size, .sak = p->card.sak};
    uint8_t random[KIND_RANDOM_SIZE];
    memcpy(facts.uid, p->card.uid.b, sizeof p->card.uid.b);
    memcpy(facts.atqa, p->card.atqa, sizeof facts.atqa);
    facts.ats_size = p->card.ats_size;
    memcpy(facts.ats, p->card.ats, facts.ats_size);
    clock_random(random, sizeof random);
    p->at = AT_IDENTIFY;
    kind_start(&p->kind, &facts, &t->kinds, &p->op, random, (int64_t)time(NULL));
    bytes_wipe(random, sizeof random);
    p->next = kind_step(&p->kind, bytes_of(NULL, 0));
}

void known_otherwise(struct till *t)
{
    t->tap.told_all = true;
    tap_refused(t, CARD_NOT_OURS, false);
}
