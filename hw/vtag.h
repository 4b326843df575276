/* vtag.h - virtual things that are no member card: a tag with nothing but its UID, an NTAG213, an NTAG 424 DNA.
 * Frame in, answer out, as vcard.h; written from data sheets, apart from cardproto/ but for its AES.
 *
 *   VTAG_UID      its UID and no more: 7 bytes, or 4
 *   VTAG_RANDOM   4 bytes that begin with 08, others each time the field goes off; ISO 14443-4, knows nothing
 *   VTAG_NTAG213  45 pages of 4 bytes; READ, FAST_READ, WRITE, GET_VERSION, READ_SIG, no password
 *   VTAG_NTAG424  ISO 7816 type 4 tag whose NDEF file mirrors enciphered UID and counter, and a MAC over them, at
 *                 every reading; files are read, not written, and nobody can log in
 *   VTAG_PHONE    a phone with one pass in an Apple wallet, for one pass type and one reader key; or locked
 *
 * What survives a power cut is struct vtag_memory; v->changes goes up when it changed.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_VTAG_H
#define PATRON_HW_VTAG_H

#include "base/ids.h"
#include "cardproto/cipher.h"
#include "hw/vtarget.h"

enum vtag_kind { VTAG_UID, VTAG_RANDOM, VTAG_NTAG213, VTAG_NTAG424, VTAG_PHONE, VTAG_KINDS };

enum { VTAG_PAGES = 45, VTAG_PAGE = 4, VTAG_FILE = 256, VTAG_TEXT_MAX = 120, VTAG_VALUE_MAX = 65 };

struct vtag_memory {
    enum vtag_kind kind;
    uint8_t uid[7], uid_size; /* 4: the rest is zeros; VTAG_RANDOM: only names it among the others */
    uint8_t pages[VTAG_PAGES * VTAG_PAGE]; /* NTAG213 */
    /* NTAG424 */
    struct aes_key meta, file; /* file: of this tag */
    uint32_t counter;          /* of readings, 24 bits */
    char url[VTAG_TEXT_MAX];   /* without "https://", to which "?p=..&c=.." is added */
    /* PHONE */
    uint8_t reader_key[33], pass_hash[32];
    char value[VTAG_VALUE_MAX]; /* what the pass says */
    bool locked;
};

struct vtag {
    struct vtarget target;
    struct vtag_memory m;
    uint32_t changes;
    uint64_t seed;
    uint8_t shown[4];  /* RANDOM, PHONE */
    int64_t utc_s;     /* PHONE: its clock, set by who owns it */
    bool in_application, counted;
    uint16_t file; /* selected; 0 = none */
};

const char *vtag_kind_text(enum vtag_kind kind); /* "uid", "random", "ntag213", "ntag424", "phone" */
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err vtag_kind_parse(enum vtag_kind *out, const char *text);

void vtag_init(struct vtag *v, enum vtag_kind kind, const uint8_t *uid, uint8_t uid_size, uint64_t seed);
/* NTAG213: its NDEF message becomes one text record, "" = none (as from the factory).  Errors: ERR_RANGE. */
MUST_CHECK enum err vtag_write_text(struct vtag *v, const char *text);
/* NTAG424: keys, address.  Errors: ERR_RANGE. */
MUST_CHECK enum err vtag_write_sun(struct vtag *v, const struct aes_key *meta, const struct aes_key *file,
                                   const char *url);

/* PHONE: a pass of this type for the reader whose compressed public key this is.  Errors: ERR_RANGE. */
MUST_CHECK enum err vtag_write_pass(struct vtag *v, const char *pass_type, const uint8_t reader_key[33],
                                    const char *value);

/* As a file: JSON, "format": "patron-tag 1", the fields of struct vtag_memory; replaced whole, as vcard_store.h.
 * Errors: ERR_IO; load also ERR_NOT_FOUND, ERR_UNSUPPORTED (a file, but not of a tag), ERR_FORMAT. */
MUST_CHECK enum err vtag_save(const struct vtag *v, const char *path, struct errmsg *why);
MUST_CHECK enum err vtag_load(struct vtag *v, const char *path, uint64_t seed, struct errmsg *why);

#endif
