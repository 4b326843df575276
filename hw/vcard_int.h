/* vcard_int.h - what the vcard_*.c files share, and nobody else includes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_VCARD_INT_H
#define PATRON_HW_VCARD_INT_H

#include "hw/vcard.h"

/* Status bytes, as the data sheets name them. */
enum vc_status {
    ST_OK = 0x00,
    ST_NO_CHANGES = 0x0c,
    ST_NO_MEMORY = 0x0e,
    ST_ILLEGAL = 0x1c,
    ST_INTEGRITY = 0x1e,
    ST_NO_KEY = 0x40,
    ST_LENGTH = 0x7e,
    ST_PERMISSION = 0x9d,
    ST_PARAMETER = 0x9e,
    ST_NO_APP = 0xa0,
    ST_AUTH = 0xae,
    ST_MORE = 0xaf,
    ST_BOUNDARY = 0xbe,
    ST_ABORTED = 0xca,
    ST_COUNT = 0xce,
    ST_DUPLICATE = 0xde,
    ST_NO_FILE = 0xf0
};

/* How the data of a command or answer travels.  MODE_ADMIN is the mode of everything that is not file
 * data: in an EV2 session MACed both ways, in an EV1 session MACed on the way back only. */
enum vc_mode { MODE_PLAIN, MODE_MAC, MODE_FULL, MODE_ADMIN };

/* vcard_cipher.c: the block ciphers, by key type.  size is a multiple of vc_block. */
size_t vc_block(const struct vcard_key *key);
size_t vc_key_size(const struct vcard_key *key);
bool vc_is_des(const struct vcard_key *key); /* both halves equal but for parity: single DES */
struct vcard_key vc_aes(const uint8_t key[16]);
void vc_cbc_encrypt(const struct vcard_key *key, uint8_t *iv, uint8_t *data, size_t size);
void vc_cbc_decrypt(const struct vcard_key *key, uint8_t *iv, uint8_t *data, size_t size);
/* Undo what a legacy terminal did, which deciphers what it sends. */
void vc_cbc_undecipher(const struct vcard_key *key, uint8_t *data, size_t size);
/* CMAC that starts from iv and leaves the full MAC there. */
void vc_cmac(const struct vcard_key *key, uint8_t *iv, const uint8_t *data, size_t size);
uint16_t vc_crc16(const uint8_t *data, size_t size);
uint32_t vc_crc32(uint32_t crc, const uint8_t *data, size_t size);
uint8_t vc_key_version(const struct vcard_key *key);

/* vcard.c */
void vc_random(struct vcard *v, uint8_t *out, size_t size);
void vc_drop_session(struct vcard *v);     /* the login only */
void vc_changed(struct vcard *v);          /* committed state changed */
uint8_t vc_key_count(const struct vcard_app *a);

/* vcard_session.c: undo the protection of the command in v->in[0..in_size), header_size bytes after the
 * command byte stay in the clear.  data_size: bytes the data must have, -1 = as many as there are.
 * Afterwards v->data and v->data_size are the plain data.  Gives a status. */
uint8_t vc_open(struct vcard *v, enum vc_mode mode, size_t header_size, int32_t data_size);
/* Protect data and make it the answer.  data may be NULL or lie in v->out.  unknown: the terminal did
 * not say how long an answer it wants (changes the padding).  Gives ST_OK. */
uint8_t vc_reply(struct vcard *v, enum vc_mode mode, const uint8_t *data, size_t size, bool unknown);
/* How many bytes data_size bytes of data take in a command, with their protection. */
size_t vc_wire_size(const struct vcard *v, enum vc_mode mode, size_t data_size);
/* First and second frame of 0A, 1A, AA, 71, 77.  The answer is put in v->out. */
uint8_t vc_auth_begin(struct vcard *v);
uint8_t vc_auth_finish(struct vcard *v, const uint8_t *data, size_t size);

/* vcard_ev2.c */
uint8_t vc_ev2_open(struct vcard *v, enum vc_mode mode, size_t header_size);
void vc_ev2_close(struct vcard *v, enum vc_mode mode);
void vc_ev2_keys(struct vcard *v, const uint8_t key[16], const uint8_t rnda[16],
                 const uint8_t rndb[16]);

/* vcard_files.c: every command on files and transactions. */
void vc_tx_abort(struct vcard *v);
uint8_t vc_create_file(struct vcard *v);
uint8_t vc_create_tmac(struct vcard *v);
uint8_t vc_delete_file(struct vcard *v);
uint8_t vc_file_ids(struct vcard *v);
uint8_t vc_iso_file_ids(struct vcard *v);
uint8_t vc_get_file_settings(struct vcard *v);
uint8_t vc_change_file_settings(struct vcard *v);
uint8_t vc_read_data(struct vcard *v);
uint8_t vc_write_data(struct vcard *v);
uint8_t vc_get_value(struct vcard *v);
uint8_t vc_change_value(struct vcard *v);
uint8_t vc_write_record(struct vcard *v);
uint8_t vc_update_record(struct vcard *v);
uint8_t vc_read_records(struct vcard *v);
uint8_t vc_clear_records(struct vcard *v);
uint8_t vc_commit(struct vcard *v);
uint8_t vc_abort(struct vcard *v);
uint8_t vc_commit_reader_id(struct vcard *v);
/* Bytes (with command) the writing command in v->in will have in the end; 0 = cannot be told yet. */
size_t vc_write_need(const struct vcard *v);

/* Is the session logged in with this key of the selected application? */
static inline bool vc_logged_in(const struct vcard *v, uint8_t key_no)
{
    return v->session.kind != VSESSION_NONE && v->session.key_no == key_no;
}
static inline uint8_t vc_aid_is(const uint8_t a[3], const uint8_t b[3])
{
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

#endif
