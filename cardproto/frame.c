/* frame.c - see frame.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/frame.h"

#include <assert.h>

enum { CLA = 0x90, SW1 = 0x91, CMD_MORE = 0xaf };

void frame_wrap(struct buf *out, uint8_t cmd, struct bytes params)
{
    const uint8_t head[] = {CLA, cmd, 0, 0};
    assert(params.size <= 255);
    buf_put(out, head, sizeof head);
    if (params.size) {
        buf_put_u8(out, (uint8_t)params.size);
        buf_put(out, params.data, params.size);
    }
    buf_put_u8(out, 0);
}

enum err frame_unwrap(struct bytes raw, struct bytes *data, unsigned *status)
{
    if (raw.size < 2)
        return ERR_FORMAT;
    *data = bytes_of(raw.data, raw.size - 2);
    *status = raw.data[raw.size - 2] == SW1 ? raw.data[raw.size - 1] : FRAME_STATUS_ISO;
    return OK;
}

const char *frame_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {FRAME_STATUS_OK, "ok"},
        {FRAME_STATUS_NO_CHANGE, "nothing changed"},
        {FRAME_STATUS_NO_ROOM, "no memory left on the card"},
        {FRAME_STATUS_ILLEGAL, "command not known to the card"},
        {FRAME_STATUS_INTEGRITY, "CRC or MAC does not fit"},
        {FRAME_STATUS_NO_KEY, "no such key"},
        {FRAME_STATUS_LENGTH, "wrong length"},
        {FRAME_STATUS_SIGNATURE, "signature ok"},
        {FRAME_STATUS_DENIED, "permission denied"},
        {FRAME_STATUS_PARAMETER, "wrong parameter"},
        {FRAME_STATUS_NO_APPLICATION, "no such application"},
        {0xa1, "application damaged"},
        {FRAME_STATUS_AUTHENTICATION, "authentication failed"},
        {FRAME_STATUS_MORE, "more to come"},
        {FRAME_STATUS_BOUNDARY, "outside the limits of the file"},
        {0xc1, "card damaged"},
        {FRAME_STATUS_ABORTED, "command aborted"},
        {0xcd, "card disabled"},
        {0xce, "no more applications fit"},
        {FRAME_STATUS_DUPLICATE, "exists already"},
        {0xee, "card memory failed"},
        {FRAME_STATUS_NO_FILE, "no such file"},
        {0xf1, "file damaged"},
        {FRAME_STATUS_ISO, "not the answer of a DESFire"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "unknown status";
}

void frame_start(struct frame_chain *f, uint8_t cmd, struct bytes params, struct buf answer)
{
    answer.size = 0;
    answer.full = false;
    *f = (struct frame_chain){.cmd = cmd, .params = params, .answer = answer};
}

void frame_next(struct frame_chain *f, struct buf *out)
{
    size_t left = f->params.size - f->sent;
    size_t n = left < FRAME_DATA_MAX ? left : FRAME_DATA_MAX;
    struct bytes piece = bytes_of(n ? f->params.data + f->sent : NULL, n);
    frame_wrap(out, f->count ? CMD_MORE : f->cmd, piece);
    f->sent += n;
}

enum frame_next frame_take(struct frame_chain *f, struct bytes raw)
{
    struct bytes data;
    if (frame_unwrap(raw, &data, &f->status))
        return FRAME_BAD;
    if (++f->count > FRAME_COUNT_MAX) /* it would never end */
        return FRAME_BAD;
    bool asks = f->status == FRAME_STATUS_MORE && !f->whole;
    if (asks && f->sent < f->params.size) /* it wants the rest of the command */
        return data.size == 0 ? FRAME_MORE : FRAME_BAD;
    buf_put(&f->answer, data.data, data.size);
    if (f->answer.full)
        return FRAME_BAD;
    return asks ? FRAME_MORE : FRAME_END;
}
