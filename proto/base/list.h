/* Intrusive doubly linked list: the links live inside the listed object.
 * No allocation, O(1) insert and remove. A list is a circular chain through
 * its own head; a node that is in no list links to itself.
 */
#ifndef POSTERN_PROTO_BASE_LIST_H
#define POSTERN_PROTO_BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct pn_node {
    struct pn_node *next;
    struct pn_node *prev;
} pn_node;

/* The object of `type` whose member `field` is the node `n`. */
#define PN_ENTRY(n, type, field) \
    ((type *)(void *)((char *)(n)-offsetof(type, field)))

/* Make a head empty, or a node be in no list. */
static inline void pn_node_init(pn_node *n)
{
    n->next = n;
    n->prev = n;
}

static inline bool pn_list_is_empty(const pn_node *head)
{
    return head->next == head;
}

static inline void pn_list_push_back(pn_node *head, pn_node *n)
{
    n->next = head;
    n->prev = head->prev;
    head->prev->next = n;
    head->prev = n;
}

static inline void pn_list_push_front(pn_node *head, pn_node *n)
{
    pn_list_push_back(head->next, n);
}

/* Take a node out of whatever list it is in; harmless when in none. */
static inline void pn_list_remove(pn_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    pn_node_init(n);
}

/* The first node, or NULL when the list is empty. */
static inline pn_node *pn_list_first(const pn_node *head)
{
    return head->next == head ? NULL : head->next;
}

/* The first node of a list that has one. */
static inline pn_node *pn_list_front(const pn_node *head)
{
    assert(head->next != head);
    return head->next;
}

/* The object of `type` that is first in a list of them which is not empty. */
#define PN_FRONT(head, type, field) PN_ENTRY(pn_list_front(head), type, field)

#endif
