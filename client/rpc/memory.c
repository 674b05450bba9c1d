/* Messages and passphrases pass through JSON values. Every block therefore
 * knows its size, and is wiped when it is given back. */
#include <stdalign.h>
#include <string.h>

#include "client/rpc/rpc.h"
#include "proto/base/mem.h"

typedef struct block {
    alignas(max_align_t) size_t size;
} block;

void *rpc_alloc(size_t size)
{
    block *b;
    if (size > SIZE_MAX - sizeof *b)
        return NULL;
    b = pn_alloc(1, sizeof *b + size);
    if (b == NULL)
        return NULL;
    b->size = size;
    return b + 1;
}

void rpc_free(void *memory)
{
    block *b = memory;
    if (b == NULL)
        return;
    b--;
    pn_free_wiped(b, sizeof *b + b->size);
}

void rpc_memory_setup(void)
{
    json_set_alloc_funcs(rpc_alloc, rpc_free);
}

/* DEL is ASCII to the writer of JSON, but not to a terminal. It can stand in
 * strings only, where an escape says the same. `text` has room for it. */
static void escape_del(char *text, size_t len, size_t count)
{
    size_t to = len + 5 * count;
    for (size_t from = len; count > 0; from--) {
        if (text[from - 1] == 0x7f) {
            to -= 6;
            memcpy(text + to, "\\u007f", 6);
            count--;
        } else {
            text[--to] = text[from - 1];
        }
    }
}

char *rpc_dump(const json_t *value, size_t *len)
{
    const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY;
    const size_t size = json_dumpb(value, NULL, 0, flags);
    size_t count = 0;
    char *text = NULL, *whole;
    if (size > 0 && size < RPC_ANSWER_MAX)
        text = rpc_alloc(size + 2);
    if (text == NULL)
        return NULL;
    if (json_dumpb(value, text, size, flags) != size) {
        rpc_free(text);
        return NULL;
    }
    for (size_t i = 0; i < size; i++)
        count += text[i] == 0x7f ? 1 : 0;
    if (count > 0) {
        whole = rpc_alloc(size + 5 * count + 2);
        if (whole != NULL) {
            memcpy(whole, text, size);
            escape_del(whole, size, count);
        }
        rpc_free(text);
        if (whole == NULL)
            return NULL;
        text = whole;
    }
    *len = size + 5 * count;
    text[(*len)++] = '\n';
    text[*len] = 0;
    return text;
}
