/* Changing passphrases. A change never touches the slot in use: it fills a
 * free one, commits in the state row which slot is what, and then overwrites
 * the slot that is free now. A crash anywhere leaves one valid passphrase of
 * each role, and a mark to clear the rest at the next open. */
#include <sodium.h>

#include "client/disk/inside.h"

static pn_err store_both(cl_vault *v)
{
    PN_TRY(cl_device_store(v->secrets, &v->device, v->at, v->keys,
                           v->state.counter, &v->fault));
    return cl_keyslots_store(&v->slots, v->at, &v->fault);
}

/* Commit the state row alone. */
static pn_err commit_state(cl_vault *v, const cl_state *state)
{
    PN_TRY(cl_vault_begin(v));
    v->state = *state;
    v->changed = true;
    return cl_vault_commit(v);
}

static void clear_slot(cl_vault *v, unsigned i)
{
    if (v->secrets == NULL)
        return; /* a panic took them */
    randombytes_buf(v->secrets->secret[i], CL_SECRET_BYTES);
    cl_keyslots_clear(&v->slots, i);
}

pn_err cl_slots_clear_free(cl_vault *v)
{
    cl_state next = v->state;
    for (unsigned i = 0; i < CL_SLOTS; i++) {
        if (v->state.role[i] == CL_SLOT_FREE)
            clear_slot(v, i);
    }
    PN_TRY(store_both(v));
    next.unclean = 0;
    return commit_state(v, &next);
}

static unsigned slot_of(const cl_vault *v, cl_slot_role role)
{
    unsigned i = 0;
    while (i < CL_SLOTS && v->state.role[i] != role)
        i++;
    return i;
}

static pn_err is_unused(cl_vault *v, const uint8_t *stretched)
{
    bool used = false;
    void *data;
    PN_TRY(cl_guard_new(&data, CL_SECRET_BYTES, NULL));
    for (unsigned i = 0; i < CL_SLOTS; i++) {
        const cl_slot_secret secret = { stretched, v->secrets->secret[i] };
        cl_slot_role role;
        if (cl_keyslots_open(&v->slots, i, secret, &role, data) == PN_OK)
            used = true;
    }
    cl_guard_free(data);
    return used ? cl_fault(&v->fault, PN_E_EXISTS,
                           "this passphrase is in use here already")
                : PN_OK;
}

static pn_err fill_slot(cl_vault *v, unsigned i, const uint8_t *stretched,
                        cl_slot_role role)
{
    void *data;
    PN_TRY(cl_guard_new(&data, CL_SECRET_BYTES, NULL));
    randombytes_buf(data, CL_SECRET_BYTES); /* the empty vault's */
    randombytes_buf(v->secrets->secret[i], CL_SECRET_BYTES);
    cl_keyslots_seal(&v->slots, i,
                     (cl_slot_secret){ stretched, v->secrets->secret[i] }, role,
                     role == CL_SLOT_REAL ? v->keys->data : data);
    cl_guard_free(data);
    return PN_OK;
}

/* From `old` to a new slot (none without `stretched`). */
static pn_err change(cl_vault *v, cl_slot_role role, const uint8_t *stretched)
{
    const unsigned old = slot_of(v, role), to = slot_of(v, CL_SLOT_FREE);
    cl_state next = v->state;
    pn_err err;
    if (to == CL_SLOTS)
        return cl_fault(&v->fault, PN_E_STATE, "no keyslot is free");
    next.unclean = 1;
    PN_TRY(commit_state(v, &next));
    next = v->state;
    if (old < CL_SLOTS)
        next.role[old] = CL_SLOT_FREE;
    if (stretched != NULL) {
        next.role[to] = (uint8_t)role;
        err = fill_slot(v, to, stretched, role);
        if (err == PN_OK)
            err = store_both(v);
        if (err == PN_OK)
            err = commit_state(v, &next);
        if (err != PN_OK) {
            clear_slot(v, to);
            return err;
        }
        if (role == CL_SLOT_REAL)
            v->slot = to;
    } else {
        PN_TRY(commit_state(v, &next));
    }
    return cl_slots_clear_free(v);
}

static pn_err set(cl_vault *v, cl_slot_role role, pn_bytes passphrase)
{
    void *stretched;
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    if (v->in_transaction)
        return cl_fault(&v->fault, PN_E_STATE, "a transaction is open");
    if (passphrase.len == 0 && role == CL_SLOT_DURESS)
        err = change(v, role, NULL);
    else {
        PN_TRY(cl_guard_new(&stretched, CL_SECRET_BYTES, NULL));
        err = cl_kdf_run(&v->slots.kdf, passphrase, stretched, &v->fault);
        if (err == PN_OK)
            err = is_unused(v, stretched);
        if (err == PN_OK)
            err = change(v, role, stretched);
        cl_guard_free(stretched);
    }
    /* A panic in between: do not bring back what it took away. */
    if (cl_device_is_gone(v->device)) {
        if (cl_vault_destroy(v->at, &v->fault) != PN_OK)
            return PN_E_IO;
        return cl_vault_begin(v);
    }
    return err;
}

pn_err cl_vault_check_passphrase(cl_vault *v, pn_bytes passphrase)
{
    void *room;
    uint8_t *stretched;
    cl_slot_role role;
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    PN_TRY(cl_guard_new(&room, (size_t)2 * CL_SECRET_BYTES, NULL));
    stretched = room;
    err = cl_kdf_run(&v->slots.kdf, passphrase, stretched, &v->fault);
    if (err == PN_OK) {
        const cl_slot_secret secret = { stretched,
                                        v->secrets->secret[v->slot] };
        err = cl_keyslots_open(&v->slots, v->slot, secret, &role,
                               stretched + CL_SECRET_BYTES);
    }
    cl_guard_free(room);
    return err == PN_E_CRYPTO
               ? cl_fault(&v->fault, PN_E_CRYPTO, "the passphrase is wrong")
               : err;
}

pn_err cl_vault_set_passphrase(cl_vault *v, pn_bytes passphrase)
{
    return set(v, CL_SLOT_REAL, passphrase);
}

pn_err cl_vault_set_duress(cl_vault *v, pn_bytes passphrase)
{
    return set(v, CL_SLOT_DURESS, passphrase);
}
