/* vcard_store.h - a virtual card as a file: JSON a person can read, keys included, as it is a test card.
 *
 *   format        "patron-card 1"
 *   kind          "ev1" | "ev2" | "ev3"
 *   uid, ats      hex; random_uid, format_off  what SetConfiguration switched on
 *   default_key   {cipher "des" | "3k3des" | "aes", version, key hex} of new applications
 *   used, lost    bytes of file memory given out, and deleted but not back before a format
 *   applications  the first is the card itself (aid 000000): aid hex as sent, ks1, ks2, fid, name hex,
 *                 keys [..], files [..]
 *   a file        no, type, option, access hex as sent, fid, at, room, data hex of its room, and by type:
 *                   std backup      size
 *                   value           lower, upper, value, limited, value_option
 *                   linear cyclic   size (of a record), max, count, oldest (slot)
 *                   tmac            key, tmc, tmv hex, reader_id hex, tmc_limit (or null)
 *
 * A file is replaced whole: written beside it as PATH.new, then put in its place; loading looks for
 * both.  So whoever loads sees one commit or the next, never half of one, even if the writer was killed.
 * It is not synced to the disk: a power cut of the machine may lose commits.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_VCARD_STORE_H
#define PATRON_HW_VCARD_STORE_H

#include "hw/vcard.h"

/* Errors: ERR_IO. */
MUST_CHECK enum err vcard_save(const struct vcard *v, const char *path, struct errmsg *why);
/* v is made anew, with seed for its random numbers.  Errors: ERR_NOT_FOUND, ERR_IO, ERR_FORMAT (what is
 * wrong is in why); v is then not to be used. */
MUST_CHECK enum err vcard_load(struct vcard *v, const char *path, uint64_t seed,
                               struct errmsg *why);

#endif
