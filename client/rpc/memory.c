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

char *rpc_dump(const json_t *value, size_t *len)
{
    const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY;
    const size_t size = json_dumpb(value, NULL, 0, flags);
    char *text = size == 0 ? NULL : rpc_alloc(size + 2);
    if (text == NULL)
        return NULL;
    if (json_dumpb(value, text, size, flags) != size) {
        rpc_free(text);
        return NULL;
    }
    text[size] = '\n';
    text[size + 1] = 0;
    *len = size + 1;
    return text;
}
