/* An invitation as a QR code: on a terminal, or as a PNG of our own making
 * (8-bit gray, one compressed block; PNG 1.2). */
#include <errno.h>
#include <qrencode.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "client/cli/cli.h"

enum { QUIET = 4, SCALE = 6 };

static bool is_dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width &&
           (code->data[y * code->width + x] & 1) != 0;
}

static QRcode *encode(const cli_args *args, const char *text, cli_exit *why)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (code == NULL)
        *why = cli_fail(args, CLI_MALFORMED,
                        "it does not fit a QR code (%zu bytes): %s",
                        strlen(text), strerror(errno));
    return code;
}

cli_exit cli_qr_terminal(const cli_args *args, const char *text)
{
    /* Two rows of modules a line. Coloured: black on white. Plain: light is
     * what is printed, for a dark terminal. */
    static const char *const blocks[] = { " ", "\u2580", "\u2584", "\u2588" };
    const bool color = cli_has_color(STDERR_FILENO);
    cli_exit why = CLI_OK;
    QRcode *code = encode(args, text, &why);
    if (code == NULL)
        return why;
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        (void)fputs(color ? "\033[30;107m" : "", stderr);
        for (int x = -QUIET; x < code->width + QUIET; x++) {
            const unsigned upper = is_dark(code, x, y) ? 1 : 0;
            const unsigned lower = is_dark(code, x, y + 1) ? 2 : 0;
            const unsigned cell = upper | lower;
            (void)fputs(blocks[color ? cell : cell ^ 3], stderr);
        }
        (void)fputs(color ? "\033[0m\n" : "\n", stderr);
    }
    QRcode_free(code);
    return CLI_OK;
}

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    return p + 4;
}

/* A chunk whose `len` bytes of content are at p + 8 already. */
static uint8_t *end_chunk(uint8_t *p, const char type[4], uint32_t len)
{
    (void)put_u32(p, len);
    memcpy(p + 4, type, 4);
    return put_u32(p + 8 + len, (uint32_t)crc32(0, p + 4, len + 4));
}

static size_t png(const QRcode *code, uint8_t *out, size_t cap, uint8_t *rows)
{
    static const uint8_t magic[8] = { 0x89, 'P', 'N', 'G', 13, 10, 26, 10 };
    const uint32_t side = (uint32_t)(code->width + 2 * QUIET) * SCALE;
    uint8_t *p = out + sizeof magic;
    uLongf len = (uLongf)(cap - 100);
    memcpy(out, magic, sizeof magic);
    for (uint32_t y = 0; y < side; y++) {
        uint8_t *row = rows + (size_t)y * (side + 1);
        *row++ = 0; /* no filter */
        for (uint32_t x = 0; x < side; x++)
            row[x] = is_dark(code, (int)(x / SCALE) - QUIET,
                             (int)(y / SCALE) - QUIET)
                         ? 0
                         : 255;
    }
    (void)put_u32(put_u32(p + 8, side), side);
    memcpy(p + 16, "\x08\0\0\0", 5); /* 8 bit gray */
    p = end_chunk(p, "IHDR", 13);
    if (compress2(p + 8, &len, rows, (uLong)side * (side + 1), 9) != Z_OK)
        return 0;
    p = end_chunk(p, "IDAT", (uint32_t)len);
    p = end_chunk(p, "IEND", 0);
    return (size_t)(p - out);
}

cli_exit cli_qr_png(const cli_args *args, const char *text, const char *path)
{
    cli_exit why = CLI_OK;
    QRcode *code = encode(args, text, &why);
    uint8_t *rows = NULL, *out = NULL;
    size_t side, size, len;
    if (code == NULL)
        return why;
    side = (size_t)(code->width + 2 * QUIET) * SCALE;
    size = compressBound((uLong)(side * (side + 1))) + 128;
    rows = rpc_alloc(side * (side + 1));
    out = rpc_alloc(size);
    len = rows == NULL || out == NULL ? 0 : png(code, out, size, rows);
    why = len == 0 ? cli_fail(args, CLI_INTERNAL, "no memory")
                   : cli_write_new(args, path, out, len);
    rpc_free(rows);
    rpc_free(out);
    QRcode_free(code);
    return why;
}
