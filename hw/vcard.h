/* vcard.h - a virtual DESFire card: APDU in, answer out, nothing else.
 *
 * It is written from the public data sheets and application notes and shares no protocol code with
 * cardproto/ (only its AES calls), so that each checks the other.  What a real card does and what is
 * our guess is said where it is decided; its keys are for tests and trying out, never those of real cards.
 *
 *   vcard_init     a blank card from the factory: PICC master key DES zeros, no application
 *   vcard_exchange one frame to the card and its answer, native (cmd ..) or wrapped (90 cmd 00 00 ..)
 *   vcard_field_off the card left the field: session, chain and open transaction are gone
 *
 * Pure: no I/O, no clock, no allocation; random bytes come from v->random or, without one, from v->seed.
 * What survives a power cut is struct vcard_memory and nothing else; v->changes goes up each time it
 * changed, so that the owner knows when to save (vcard_store.h).
 *
 * Kinds.  EV1 knows DES, 3K3DES and AES sessions (0A, 1A, AA).  EV2 and EV3 know those and 71/77, the
 * transaction MAC, CommitReaderID and the second code set (AD, 8D, AB, 8B, BA).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_VCARD_H
#define PATRON_HW_VCARD_H

#include "base/bytes.h"
#include "base/ids.h"
#include "hw/vtarget.h"

#include <stdbool.h>

enum vcard_kind { VCARD_EV1, VCARD_EV2, VCARD_EV3, VCARD_KINDS };

enum {
    VCARD_APPS = 29,     /* the card itself and 28 applications, as EV1 has */
    VCARD_KEYS = 14,     /* of an application */
    VCARD_FILES = 128,   /* of all applications together: the memory ends first */
    VCARD_FILE_NO = 32,  /* file numbers are 0..31 */
    VCARD_ROOM = 7936,   /* bytes for files: an 8 KiB card */
    VCARD_ATS_MAX = 20,
    VCARD_FRAME = 61,    /* largest frame an EV1 takes: 64 less PCB and CRC */
    VCARD_FRAME_MAX = 262,
    VCARD_ANSWER_MAX = 262
};

enum vcard_cipher { VCARD_DES, VCARD_3K3DES, VCARD_AES }; /* as in bits 7-6 of key settings 2 */

struct vcard_key {
    uint8_t type;    /* enum vcard_cipher; VCARD_DES with unequal halves is 2K3DES */
    uint8_t version; /* of AES keys; DES keys carry theirs in the parity bits */
    uint8_t b[24];   /* 16 bytes, 24 for 3K3DES */
};

struct vcard_app {
    bool used;
    uint8_t aid[3]; /* as sent, least significant byte first; 0 is the card itself */
    uint8_t ks1, ks2;
    uint16_t fid; /* ISO file id, 0 = none */
    uint8_t name[16], name_size;
    struct vcard_key keys[VCARD_KEYS];
};

enum vcard_file_type { VFILE_STD, VFILE_BACKUP, VFILE_VALUE, VFILE_LINEAR, VFILE_CYCLIC, VFILE_TMAC };

struct vcard_file {
    bool used;
    uint8_t app;  /* index in apps */
    uint8_t no;
    uint8_t type; /* enum vcard_file_type */
    uint8_t option;
    uint8_t access[2]; /* as sent: ReadWrite << 4 | Change, Read << 4 | Write */
    uint16_t fid;      /* ISO file id, 0 = none */
    uint32_t size;     /* bytes, of a record file: of one record */
    uint32_t max;      /* record slots as asked for; a cyclic file shows max - 1 */
    uint32_t at, room; /* where its bytes lie in bytes[] */
    uint32_t count;    /* records committed */
    uint32_t oldest;   /* slot of the oldest */
    int32_t lower, upper, value;
    int32_t limited; /* what LimitedCredit may give back */
    uint8_t value_option;
    struct vcard_key tmac_key;
    uint32_t tmc;
    uint8_t tmv[8];
    uint8_t reader_id[16]; /* of the last transaction committed, zeros at first */
    bool tmc_limited;
    uint32_t tmc_limit;
};

/* What a power cut leaves. */
struct vcard_memory {
    enum vcard_kind kind;
    struct card_uid uid;
    bool random_uid, format_off;
    uint8_t ats[VCARD_ATS_MAX], ats_size;
    struct vcard_key default_key; /* of new applications */
    struct vcard_app apps[VCARD_APPS];
    struct vcard_file files[VCARD_FILES];
    uint8_t bytes[VCARD_ROOM];
    uint32_t bytes_used; /* the end of the last file's bytes */
    uint32_t bytes_lost; /* deleted, and back only with FormatPICC */
};

/* What an open transaction would do to a file. */
struct vcard_pending {
    bool touched;
    int64_t change; /* of the value */
    int64_t debits;
    bool limited_used;
    bool record;  /* a new record lies in the spare slot */
    bool cleared; /* ClearRecordFile */
    bool update;  /* the spare slot replaces a record */
    uint32_t update_slot;
};

enum vcard_session { VSESSION_NONE, VSESSION_LEGACY, VSESSION_EV1, VSESSION_EV2 };

struct vcard {
    struct vtarget target;
    struct vcard_memory m;
    uint32_t changes;

    /* Where random bytes come from; NULL: a sequence that v->seed starts. */
    void (*random)(void *of, uint8_t *out, size_t size);
    void *random_of;
    uint64_t seed;

    uint8_t shown_uid[4]; /* while random_uid: new each time the field goes off */

    uint8_t app; /* selected */
    struct {
        enum vcard_session kind;
        uint8_t key_no;
        struct vcard_key key; /* EV1 and legacy: the session key */
        uint8_t iv[16];       /* EV1: goes on from frame to frame */
        uint8_t enc[16], mac[16], ti[4];
        uint16_t ctr;
    } session;

    struct {
        uint8_t cmd; /* 0 = no authentication under way */
        uint8_t key_no;
        uint8_t rndb[16];
        uint8_t iv[16];
        uint8_t cap[6];
    } auth;

    struct vcard_pending pending[VCARD_FILES];
    struct {
        bool changed, reader_done, any;
        uint8_t reader_id[16];
        uint8_t state[16], block[16]; /* the TMI goes straight into its CMAC */
        uint32_t fill;
        bool keyed;
        uint8_t mac[16], enc[16];
    } tx;

    bool gathering; /* a command came in part */
    uint32_t in_size;
    uint8_t in[VCARD_ROOM + 64]; /* in[0] is the command */

    uint8_t *data; /* in in[], after vc_open */
    uint32_t data_size;

    bool sending; /* an answer went in part */
    uint32_t out_size, out_sent, out_chunk;
    uint32_t cuts[VCARD_APPS], cut_count;
    uint8_t out[VCARD_ROOM + 64];
};

const char *vcard_kind_text(enum vcard_kind kind); /* "ev1" */
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err vcard_kind_parse(enum vcard_kind *out, const char *text);

/* A blank card.  seed: start of its random numbers. */
void vcard_init(struct vcard *v, enum vcard_kind kind, const struct card_uid *uid, uint64_t seed);
/* The card left the field, or the field went away. */
void vcard_field_off(struct vcard *v);
/* Deselected but still powered: the same, but a random identity stays as it is. */
void vcard_halt(struct vcard *v);
/* The UID it shows at anticollision: 7 bytes, or 4 random ones.  Gives the size. */
uint8_t vcard_shown_uid(const struct vcard *v, uint8_t out[7]);
/* One frame and its answer, at most VCARD_ANSWER_MAX bytes.  out is emptied first.  False: the card
 * stays silent, as it does when a frame is longer than it can take. */
MUST_CHECK bool vcard_exchange(struct vcard *v, struct bytes frame, struct buf *out);

/* For tests: NULL when there is none. */
const struct vcard_file *vcard_find_file(const struct vcard *v, const uint8_t aid[3], uint8_t no);
/* Record index of a record file, 0 = newest; NULL when there is none. */
const uint8_t *vcard_record(const struct vcard *v, const struct vcard_file *f, uint32_t index);

#endif
