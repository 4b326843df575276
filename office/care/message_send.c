/* message_send.c - see message_send.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/message_send.h"
#include "base/mbed.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/plan/jobs.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the key ---- */

static enum err make_key(const char *path, struct errmsg *why)
{
    uint8_t key[HOOK_KEY_SIZE];
    char text[2 * HOOK_KEY_SIZE + 2];
    if (mbed_random(NULL, key, sizeof key))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    hex_encode(text, key, sizeof key);
    text[2 * HOOK_KEY_SIZE] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return OK; /* another was faster */
    bool written = fd >= 0 && write(fd, text, 2 * HOOK_KEY_SIZE + 1) == 2 * HOOK_KEY_SIZE + 1 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    bytes_wipe(key, sizeof key);
    bytes_wipe(text, sizeof text);
    if (written)
        return OK;
    (void)unlink(path);
    return err_set(why, ERR_IO, "%s: %s", path, strerror(reason));
}

enum err message_hook_key(const struct home *home, uint8_t out[HOOK_KEY_SIZE], struct errmsg *why)
{
    char path[HOME_PATH_MAX], text[2 * HOOK_KEY_SIZE + 2] = "";
    size_t size = 0;
    home_path(home, "keys/hook.key", path);
    enum err e = access(path, F_OK) == 0 ? OK : make_key(path, why);
    if (e)
        return e;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n < 2 * HOOK_KEY_SIZE)
        return err_set(why, ERR_IO, "%s cannot be read", path);
    text[2 * HOOK_KEY_SIZE] = 0;
    e = hex_decode(out, HOOK_KEY_SIZE, &size, text);
    bytes_wipe(text, sizeof text);
    return e || size != HOOK_KEY_SIZE ? err_set(why, ERR_CORRUPT, "%s is no key", path) : OK;
}

void message_sign(char out[HOOK_SIGNATURE_SIZE], const uint8_t key[HOOK_KEY_SIZE], int64_t time_s, const char *body)
{
    uint8_t mac[MBED_HASH_SIZE];
    char time[32];
    int n = snprintf(time, sizeof time, "%" PRId64 ".", time_s);
    mbed_hmac_sha256(mac, bytes_of(key, HOOK_KEY_SIZE), bytes_of(time, (size_t)n), bytes_of(body, strlen(body)));
    memcpy(out, "sha256=", 7);
    hex_encode(out + 7, mac, sizeof mac);
}

/* ---- one message ---- */

static size_t drop(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

/* What went wrong, "" = nothing. */
static void post(CURL *curl, const char *url, const uint8_t key[HOOK_KEY_SIZE], int64_t utc_s, const char *body,
                 char error[160])
{
    char signature[HOOK_SIGNATURE_SIZE], header[HOOK_SIGNATURE_SIZE + 32], detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    message_sign(signature, key, utc_s, body);
    snprintf(header, sizeof header, "X-Patron-Signature: %s", signature);
    headers = curl_slist_append(headers, header);
    snprintf(header, sizeof header, "X-Patron-Time: %" PRId64, utc_s);
    headers = curl_slist_append(headers, header);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "patron");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *error = 0;
    if (code != CURLE_OK)
        snprintf(error, 160, "%.150s", *detail ? detail : curl_easy_strerror(code));
    else if (status < 200 || status > 299)
        snprintf(error, 160, "answered with %ld", status);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
}

static enum err send_next(struct books *b, CURL *curl, const char *url, const uint8_t key[HOOK_KEY_SIZE], int64_t now_s,
                          int64_t utc_s, char error[160], struct errmsg *why)
{
    json_t *body = NULL;
    int64_t id = 0;
    enum err e = message_take(b, now_s, &id, &body, why);
    if (e)
        return e;
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (!text)
        return err_set(why, ERR_IO, "out of memory");
    post(curl, url, key, utc_s, text, error);
    bytes_wipe(text, strlen(text)); /* a number, perhaps a code */
    free(text);
    return message_done(b, id, now_s, *error ? error : NULL, why);
}

enum err message_send(struct books *b, const uint8_t key[HOOK_KEY_SIZE], int64_t now_s, int64_t utc_s, int32_t most,
                      struct message_sent *out, struct errmsg *why)
{
    char url[256] = "";
    int in_a_row = 0;
    *out = (struct message_sent){0};
    enum err e = care_setting(b, "message_url", url, sizeof url, why);
    if (!e && !*url)
        e = err_set(why, ERR_STATE, tr("no address is set that messages go to"));
    if (!e)
        e = message_url_check(url, why); /* whoever wrote it there */
    CURL *curl = e ? NULL : curl_easy_init();
    if (!e && !curl)
        e = err_set(why, ERR_IO, "out of memory");
    while (!e && out->sent + out->failed < most && in_a_row < 3) {
        char error[160];
        e = send_next(b, curl, url, key, now_s, utc_s, error, why);
        if (e)
            break;
        if (*error)
            snprintf(out->error, sizeof out->error, "%s", error);
        *(*error ? &out->failed : &out->sent) += 1;
        in_a_row = *error ? in_a_row + 1 : 0;
    }
    curl_easy_cleanup(curl);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err message_start(struct books *b, int64_t now_s, struct errmsg *why)
{
    int64_t wanted = 0, id;
    struct query q = query_text_of(
        b->store, "SELECT (SELECT value <> '' FROM care_setting WHERE name = 'message_url')"
                  " AND EXISTS (SELECT 1 FROM message WHERE state IN ('queued', 'failed') AND next_s <= ?)"
                  " AND NOT EXISTS (SELECT 1 FROM job WHERE kind = 'messages' AND state IN ('waiting', 'running'))");
    query_int(&q, now_s);
    if (query_row(&q))
        wanted = query_get_int(&q);
    enum err e = query_done(&q, why);
    if (e || !wanted)
        return e;
    json_t *arguments = json_pack("{s:I}", "now", (json_int_t)now_s);
    if ((e = books_begin(b, why)) == OK) {
        e = job_add(b, "messages", arguments, 0, now_s, &id, why);
        if (!e)
            e = books_commit(b, why);
        else
            books_rollback(b);
    }
    json_decref(arguments);
    return e;
}
