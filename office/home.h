/* home.h - the head-office folder: everything a programme is, in one place to back up and to guard.
 *
 *     DIR/                  0700: the ledger has names in it
 *     DIR/patron.db         the ledger (office/books/books.h)
 *     DIR/ca.crt            the CA certificate, PEM
 *     DIR/office.crt        head office's certificate followed by the CA's, PEM
 *     DIR/console.crt       the console's certificate for browsers, followed by the CA's, PEM; made when it starts
 *     DIR/keys/             0700, files 0600; never copied to a till
 *         ca.key            signs certificates
 *         office.key        head office's TLS key
 *         console.key       the console's TLS key
 *         pack.key          signs rule packs
 *         card.keys         the class keys of the member cards
 *         code.key          signs member codes; its public half goes to tills
 *         known.keys        of digests and of NTAG 424 tags; made, like code.key, for a folder of an older
 *                           program when it is opened
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_HOME_H
#define PATRON_OFFICE_HOME_H

#include "base/mbed.h"
#include "cardproto/card.h"

enum { HOME_PATH_MAX = 512 };

/* Keys of the ways to be known without a full card. */
struct known_keys {
    uint8_t lookup[16];   /* of the digests that stand for a telephone number or tag; tills have it */
    uint8_t sun_meta[16]; /* NTAG 424: decrypts UID and counter; tills have it */
    uint8_t sun_file[16]; /* NTAG 424: its MAC; derived for each tag, never leaves head office */
};

struct home {
    char dir[HOME_PATH_MAX];
    char target[HOME_PATH_MAX]; /* home_create: what dir becomes; else "" */
    mbedtls_x509_crt ca;
    mbedtls_x509_crt office; /* office.next is the CA: the chain to show to tills, in whose
                                 * handshake a till that enrols finds the CA its code speaks of */
    mbedtls_pk_context ca_key, office_key, pack_key, code_key;
    struct card_office_keys card_keys;
    struct known_keys known_keys;
};

/* Open an existing folder; home is the caller's memory with any contents; home_finish it, also
 * after an error. A folder or a key that others than its owner may read is refused. Errors: ERR_NOT_FOUND (no
 * programme there), ERR_REFUSED (modes), ERR_IO, ERR_CORRUPT (keys and certificates do not belong
 * together). */
MUST_CHECK enum err home_open(struct home *home, const char *dir, struct errmsg *why);
/* Wipes the keys; safe on a zeroed home, and twice.  An unfinished creation is removed. */
void home_finish(struct home *home);

/* DIR/name, in home's present folder. Asserts that it fits, which home_open and home_create see
 * to. */
void home_path(const struct home *home, const char *name, char out[HOME_PATH_MAX]);
#define HOME_BOOKS "patron.db"

/* Make a new programme beside its place; home->dir is the temporary folder, for the ledger and the
 * first pack to be put into. home_keep moves the whole to dir at once; without it home_finish
 * removes it, so that a failed start leaves nothing. now_s: real time, UTC. Errors: ERR_EXISTS
 * (something is at dir already), ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err home_create(struct home *home, const char *dir, int64_t now_s,
                                struct errmsg *why);
/* Errors: ERR_EXISTS (somebody else was faster), ERR_IO. */
MUST_CHECK enum err home_keep(struct home *home, struct errmsg *why);

/* What every till may hold of the card keys. */
void home_till_keys(const struct home *home, struct card_till_keys *out);

#endif
