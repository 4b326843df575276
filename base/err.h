/* err.h - how the world's failures are named: one list of codes, one sentence that grows on the way up.
 * Our own mistakes are asserts; a refusal ("too few points") is an answer of the module that refuses.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_ERR_H
#define PATRON_BASE_ERR_H

#define ERR_LIST(X)                                                                                \
    X(OK, "ok")                                                                                    \
    X(ERR_IO, "input or output failed")                                                            \
    X(ERR_TIMEOUT, "no answer in time")                                                            \
    X(ERR_GONE, "the card left the field")                                                         \
    X(ERR_NO_CARD, "no card in the field")                                                         \
    X(ERR_NO_DEVICE, "the device is not there")                                                    \
    X(ERR_CLOSED, "the other side closed the line")                                                \
    X(ERR_BUSY, "busy")                                                                            \
    X(ERR_FORMAT, "malformed")                                                                     \
    X(ERR_RANGE, "out of range")                                                                   \
    X(ERR_FULL, "no room left")                                                                    \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_EXISTS, "exists already")                                                                \
    X(ERR_CONFLICT, "the same name with other contents")                                           \
    X(ERR_STATE, "not possible now")                                                               \
    X(ERR_AUTH, "authentication failed")                                                           \
    X(ERR_MAC, "a MAC or signature is wrong")                                                      \
    X(ERR_CARD, "the card refused")                                                                \
    X(ERR_CORRUPT, "stored data is damaged")                                                       \
    X(ERR_REFUSED, "refused")                                                                      \
    X(ERR_UNSUPPORTED, "not supported")                                                            \
    X(ERR_CRYPTO, "a cipher operation failed")

#define ERR_ENUM(name, text) name,
enum err { ERR_LIST(ERR_ENUM) ERR_COUNT };
#undef ERR_ENUM

#define MUST_CHECK __attribute__((warn_unused_result))

/* A sentence for a person: what, where, what to do.  Always terminated; too long is cut. */
struct errmsg {
    char text[320];
};

/* The code's own words, never NULL. */
const char *err_text(enum err e);

/* Start the sentence; an earlier one is replaced.  why may be NULL.  Returns e. */
enum err err_set(struct errmsg *why, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Add where it happened, after what is there: "a; b".  why may be NULL.  Returns e. */
enum err err_add(struct errmsg *why, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
