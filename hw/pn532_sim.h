/* pn532_sim.h - a PN532 reader chip on a serial line (HSU), as libnfc's pn532_uart driver drives it.
 *
 * Pure: bytes from the host go in with the time, bytes for the host come out; cards are virtual ones
 * that the owner puts into the field and takes away.
 *
 *   host                      chip
 *   55 55 00 00 00            wakes up
 *   00 00 ff LEN LCS d4 CMD.. acknowledges (00 00 ff 00 ff 00), acts, answers d5 CMD+1
 *   00 00 ff 00 ff 00         stops what it is doing
 *
 * What is modelled: the reader side for ISO 14443 type A with automatic RATS, several cards at once,
 * infinite and finite looking, auto poll, deselect and select, the presence check by R(NAK), raw frames to
 * type 2 tags, registers as plain memory.  Other modulations find no card.  Source: NXP UM0701-02 and libnfc's use of it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_PN532_SIM_H
#define PATRON_HW_PN532_SIM_H

#include "hw/vtarget.h"

enum {
    PN532_FIELD_MAX = 8,     /* cards on the antenna */
    PN532_TARGETS = 2,       /* cards the chip can hold activated */
    PN532_DATA_MAX = 265,    /* TFI, command and parameters of the longest frame */
    PN532_LOOK_MS = 5        /* one attempt at finding a card */
};

enum pn532_tear { PN532_TEAR_NONE, PN532_TEAR_BEFORE, PN532_TEAR_AFTER };

/* What may be wrong with the chip or its line.  STATUS and CHECKSUM happen once, SILENT until it ends. */
enum pn532_fault {
    PN532_FAULT_NONE,
    PN532_FAULT_STATUS,   /* the next exchange fails with fault_status; the card is not asked */
    PN532_FAULT_CHECKSUM, /* the next answer arrives damaged */
    PN532_FAULT_SILENT    /* no acknowledgement, no answer */
};

struct pn532 {
    bool asleep; /* until 55 comes; so it begins */
    bool field;
    bool auto_rats;
    uint8_t retries; /* to find a card; ff = for ever */
    uint8_t registers[256]; /* 6300..63ff */

    struct {
        struct vtarget *card;
        bool halted;
    } in_field[PN532_FIELD_MAX]; /* NULL = free place */
    struct vtarget *targets[PN532_TARGETS]; /* Tg 1 and 2; not the field's owner: it may have left */
    bool selected[PN532_TARGETS];
    uint8_t block; /* ISO 14443-4 block number, for the presence check */

    /* A command that waits for a card. */
    uint8_t waiting; /* 0 = none */
    int64_t deadline_ms; /* INT64_MAX = for ever */
    uint8_t wait_types[16], wait_count, wait_max;
    uint8_t wait_uid[10], wait_uid_size;

    /* A tear that was ordered: the card leaves at the tear_left-th InDataExchange from now. */
    enum pn532_tear tear;
    uint32_t tear_left;

    enum pn532_fault fault;
    uint8_t fault_status;
    bool deep_sleep; /* a deselected card answers no search until the field was off */

    uint8_t frame[PN532_DATA_MAX + 16];
    size_t frame_size;
    uint8_t last[PN532_DATA_MAX + 16]; /* the last answer, for a NACK */
    size_t last_size;
    uint8_t chained[PN532_DATA_MAX]; /* InDataExchange with more to come */
    size_t chained_size;

    /* Called with each exchange with a card, may be NULL.  answer.size 0 = none came. */
    void (*trace)(void *of, const struct vtarget *card, struct bytes frame, struct bytes reply);
    /* Called when an ordered tear takes a card out of the field, may be NULL. */
    void (*torn)(void *of, const struct vtarget *card);
    void *of;
    uint64_t exchanges; /* InDataExchanges that reached a card */
};

void pn532_init(struct pn532 *p);
/* Pulled out and plugged in: asleep again, as after pn532_init; the cards still lie there. */
void pn532_power_cycle(struct pn532 *p);
/* Bytes from the host.  What it sends back is added to out. */
void pn532_input(struct pn532 *p, struct bytes in, int64_t now_ms, struct buf *out);
/* Time passed: call at or after pn532_due_ms. */
void pn532_tick(struct pn532 *p, int64_t now_ms, struct buf *out);
/* When something will happen by itself; INT64_MAX = never. */
int64_t pn532_due_ms(const struct pn532 *p);
/* A card enters.  False: no place left.  A command that waits for one may be answered. */
MUST_CHECK bool pn532_put(struct pn532 *p, struct vtarget *card, int64_t now_ms, struct buf *out);
/* A card leaves; nothing happens when it is not there. */
void pn532_take(struct pn532 *p, struct vtarget *card);
bool pn532_has(const struct pn532 *p, const struct vtarget *card);
/* Order a tear: n counts from 1. */
void pn532_tear(struct pn532 *p, enum pn532_tear when, uint32_t n);

#endif
