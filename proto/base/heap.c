#include "proto/base/heap.h"

/* The one that is later becomes the other's first child. Neither has siblings,
 * neither is NULL. */
static pn_heap_node *meld(pn_heap_node *a, pn_heap_node *b)
{
    if (b->at < a->at) {
        pn_heap_node *earlier = b;
        b = a;
        a = earlier;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child != NULL)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* Siblings to one tree: in pairs from the left, then all from the right. That
 * order is what makes the cost logarithmic. */
static pn_heap_node *meld_all(pn_heap_node *first)
{
    pn_heap_node *pairs = NULL, *all = NULL;
    while (first != NULL) {
        pn_heap_node *a = first, *b = first->next;
        first = b == NULL ? NULL : b->next;
        a->next = a->prev = NULL;
        if (b != NULL) {
            b->next = b->prev = NULL;
            a = meld(a, b);
        }
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        pn_heap_node *one = pairs;
        pairs = pairs->next;
        one->next = NULL;
        all = all == NULL ? one : meld(all, one);
    }
    return all;
}

void pn_heap_remove(pn_heap *h, pn_heap_node *n)
{
    pn_heap_node *rest;
    if (!n->is_in)
        return;
    rest = meld_all(n->child);
    if (n == h->root) {
        h->root = rest;
    } else {
        if (n->prev->child == n)
            n->prev->child = n->next;
        else
            n->prev->next = n->next;
        if (n->next != NULL)
            n->next->prev = n->prev;
        if (rest != NULL)
            h->root = meld(h->root, rest);
    }
    *n = (pn_heap_node){ .at = 0 };
}

void pn_heap_set(pn_heap *h, pn_heap_node *n, uint64_t at)
{
    if (n->is_in && n->at == at)
        return;
    pn_heap_remove(h, n);
    if (at == PN_HEAP_NEVER)
        return;
    n->at = at;
    n->is_in = true;
    h->root = h->root == NULL ? n : meld(h->root, n);
}

pn_heap_node *pn_heap_due(const pn_heap *h, uint64_t now)
{
    return h->root != NULL && h->root->at <= now ? h->root : NULL;
}

uint64_t pn_heap_first(const pn_heap *h)
{
    return h->root == NULL ? PN_HEAP_NEVER : h->root->at;
}
