/* Making, opening and closing a vault. */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "client/disk/inside.h"
#include "proto/base/mem.h"

static pn_err fill_new(cl_vault *v, const char *home, cl_home_mode mode)
{
    const size_t len = strlen(home) + 1;
    void *secrets;
    PN_TRY(cl_home_open(&v->at, home, mode, &v->fault));
    if (mode == CL_HOME_EXISTING && !cl_file_exists(v->at, CL_FILE_KEYSLOTS))
        return cl_fault(&v->fault, PN_E_NOT_FOUND, "there is no vault in %s",
                        home);
    PN_TRY(cl_home_lock(&v->lock, v->at, &v->fault));
    v->home = pn_alloc(len, 1);
    if (v->home == NULL)
        return PN_E_NOMEM;
    memcpy(v->home, home, len);
    PN_TRY(cl_guard_new(&secrets, sizeof *v->secrets, NULL));
    v->secrets = secrets;
    return cl_keys_new(&v->keys);
}

/* Give the caller the vault, or the reason why there is none. */
static pn_err hand_over(cl_vault **out, cl_vault *v, pn_err err,
                        cl_vault_fault *fault)
{
    *out = NULL;
    if (fault != NULL)
        fault->text[0] = 0;
    if (err == PN_OK) {
        *out = v;
        return PN_OK;
    }
    if (fault != NULL && v->fault.text[0] != 0)
        *fault = v->fault;
    else
        err = cl_fault(fault, err, "%s", pn_strerror(err));
    cl_vault_close(&v);
    return err;
}

pn_err cl_vault_new(cl_vault **out, const char *home, cl_home_mode mode,
                    cl_vault_fault *fault)
{
    cl_vault *v;
    *out = NULL;
    if (home == NULL)
        return cl_fault(fault, PN_E_ARG, "no directory is named");
    if (sodium_init() < 0)
        return cl_fault(fault, PN_E_RANDOM, "the system gives no random bytes");
    v = pn_alloc(1, sizeof *v);
    if (v == NULL)
        return cl_fault(fault, PN_E_NOMEM, "out of memory");
    v->at = v->lock = v->device = v->recordkeys.fd = -1;
    return hand_over(out, v, fill_new(v, home, mode), fault);
}

/* Find the slot that the passphrase opens. All are tried, always: how long it
 * takes does not tell which one it was. */
static pn_err unlock(cl_vault *v, const uint8_t *stretched, cl_slot_role *role)
{
    *role = CL_SLOT_FREE;
    for (unsigned i = 0; i < CL_SLOTS; i++) {
        const cl_slot_secret secret = { stretched, v->secrets->secret[i] };
        if (cl_keyslots_open(&v->slots, i, secret, role, v->keys->data) ==
            PN_OK)
            v->slot = i;
    }
    if (*role == CL_SLOT_FREE)
        return cl_fault(&v->fault, PN_E_CRYPTO, "the passphrase is wrong");
    cl_keys_derive(v->keys);
    return PN_OK;
}

pn_err cl_vault_make_database(cl_vault *v, cl_vault_history history)
{
    v->state = (cl_state){ .counter = 1, .history = (uint8_t)history };
    v->state.role[v->slot] = CL_SLOT_REAL;
    PN_TRY(cl_recordkeys_make(v->at, v->slots.vault_id, &v->fault));
    PN_TRY(cl_db_make(v->at, v->home, &v->fault));
    PN_TRY(cl_db_open(&v->db, v->at, v->home, &v->fault));
    PN_TRY(cl_db_run(&v->db, CL_Q_BEGIN, &v->fault));
    PN_TRY(cl_state_store(v));
    return cl_db_run(&v->db, CL_Q_COMMIT, &v->fault);
}

/* The duress passphrase was given: destroy what the other one opens, and be
 * an ordinary empty vault under this one. The real device secret goes first;
 * the slot becomes an ordinary one last: interrupted, the next opening with
 * this passphrase does it all again. */
static pn_err yield(cl_vault *v, const uint8_t *stretched)
{
    const cl_slot_secret mine = { stretched, v->secrets->secret[v->slot] };
    pn_err err;
    for (unsigned i = 0; i < CL_SLOTS; i++) {
        if (i == v->slot)
            continue;
        randombytes_buf(v->secrets->secret[i], CL_SECRET_BYTES);
        cl_keyslots_clear(&v->slots, i);
    }
    PN_TRY(
        cl_device_store(v->secrets, &v->device, v->at, v->keys, 1, &v->fault));
    err = cl_file_shred(v->at, CL_FILE_RECORD_KEYS, &v->fault);
    if (err != PN_OK && err != PN_E_NOT_FOUND)
        return err;
    PN_TRY(cl_file_remove_database(v->at, &v->fault));
    PN_TRY(cl_vault_make_database(v, CL_VAULT_CONTINUED));
    cl_keyslots_seal(&v->slots, v->slot, mine, CL_SLOT_REAL, v->keys->data);
    return cl_keyslots_store(&v->slots, v->at, &v->fault);
}

static pn_err enter(cl_vault *v, pn_bytes passphrase)
{
    cl_slot_role role;
    void *stretched;
    pn_err err;
    PN_TRY(cl_guard_new(&stretched, CL_SECRET_BYTES, NULL));
    err = cl_kdf_run(&v->slots.kdf, passphrase, stretched, &v->fault);
    if (err == PN_OK)
        err = unlock(v, stretched, &role);
    if (err == PN_OK)
        err = role == CL_SLOT_DURESS
                  ? yield(v, stretched)
                  : cl_db_open(&v->db, v->at, v->home, &v->fault);
    cl_guard_free(stretched);
    return err;
}

static pn_err load_keys(cl_vault *v)
{
    pn_err err;
    if (cl_file_exists(v->at, CL_FILE_UNFINISHED))
        return cl_fault(&v->fault, PN_E_NOT_FOUND,
                        "the vault was not finished when it was made; make it "
                        "again");
    PN_TRY(cl_keyslots_load(&v->slots, v->at, &v->fault));
    err = cl_device_load(v->secrets, &v->device, v->at, &v->fault);
    if (err == PN_E_NOT_FOUND ||
        (err == PN_OK && memcmp(v->secrets->vault_id, v->slots.vault_id,
                                CL_VAULT_ID_BYTES) != 0))
        return cl_fault(&v->fault, PN_E_CORRUPT,
                        "%s is missing or not of this vault; without it the "
                        "vault cannot be opened: restore a backup",
                        CL_FILE_DEVICE);
    return err;
}

/* Compare the database with what the device file remembers. */
static pn_err learn_history(cl_vault *v, bool *news)
{
    cl_device_mark mark;
    uint8_t found = CL_VAULT_CONTINUED;
    PN_TRY(cl_device_read_mark(v->device, v->keys, &mark, &v->fault));
    if (!mark.found || mark.counter > v->state.counter)
        found = CL_VAULT_ROLLED_BACK;
    else if (!mark.same_file)
        found = CL_VAULT_MOVED;
    if (mark.found && mark.counter > v->state.counter)
        v->state.counter = mark.counter;
    /* What was found earlier and is not settled stays, unless this is worse:
     * only after a rollback are there records without keys. */
    *news =
        found == CL_VAULT_ROLLED_BACK ||
        (found != CL_VAULT_CONTINUED && v->state.history == CL_VAULT_CONTINUED);
    if (*news)
        v->state.history = found;
    return PN_OK;
}

static pn_err open_all(cl_vault *v, pn_bytes passphrase)
{
    bool news;
    PN_TRY(load_keys(v));
    PN_TRY(enter(v, passphrase));
    PN_TRY(cl_recordkeys_open(&v->recordkeys, v->at, v->slots.vault_id,
                              &v->fault));
    PN_TRY(cl_state_load(v));
    if (v->state.role[v->slot] != CL_SLOT_REAL) {
        /* A change of passphrase was interrupted on one side or the other of
         * its commit: this one is not, or not any more, the passphrase. */
        PN_TRY(cl_slots_clear_free(v));
        return cl_fault(&v->fault, PN_E_CRYPTO, "the passphrase is wrong");
    }
    PN_TRY(learn_history(v, &news));
    PN_TRY(cl_state_scan(v));
    if (v->state.unclean)
        PN_TRY(cl_slots_clear_free(v));
    if (news) {
        PN_TRY(cl_vault_begin(v));
        v->changed = true;
        PN_TRY(cl_vault_commit(v));
    }
    v->mark_behind = true;
    return cl_vault_sync(v);
}

pn_err cl_vault_open(cl_vault **out, const char *home, pn_bytes passphrase,
                     cl_vault_fault *fault)
{
    cl_vault *v;
    *out = NULL;
    PN_TRY(cl_vault_new(&v, home, CL_HOME_EXISTING, fault));
    return hand_over(out, v, open_all(v, passphrase), fault);
}

/* An empty place to begin in, marked as unfinished. */
static pn_err clear_ground(cl_vault *v)
{
    static const char *const parts[] = {
        CL_FILE_KEYSLOTS,
        CL_FILE_DEVICE,
        CL_FILE_RECORD_KEYS,
        CL_FILE_DATABASE,
    };
    int fd;
    if (cl_file_exists(v->at, CL_FILE_UNFINISHED))
        PN_TRY(cl_vault_destroy(v->at, &v->fault));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (cl_file_exists(v->at, parts[i]))
            return cl_fault(&v->fault, PN_E_STATE,
                            "there is a vault, or a part of one, already: %s",
                            parts[i]);
    }
    PN_TRY(cl_file_make(&fd, v->at, CL_FILE_UNFINISHED, &v->fault));
    cl_file_close(&fd);
    return fsync(v->at) == 0
               ? PN_OK
               : cl_fault_system(&v->fault, errno, "sync", "the directory");
}

static pn_err make_keys(cl_vault *v, pn_bytes passphrase, cl_vault_kdf kdf)
{
    void *stretched;
    pn_err err;
    PN_TRY(cl_kdf_choose(&v->slots.kdf, kdf));
    randombytes_buf(v->slots.vault_id, sizeof v->slots.vault_id);
    randombytes_buf(v->secrets->secret, sizeof v->secrets->secret);
    memcpy(v->secrets->vault_id, v->slots.vault_id, CL_VAULT_ID_BYTES);
    for (unsigned i = 0; i < CL_SLOTS; i++)
        cl_keyslots_clear(&v->slots, i);
    randombytes_buf(v->keys->data, sizeof v->keys->data);
    cl_keys_derive(v->keys);
    v->slot = randombytes_uniform(CL_SLOTS);
    PN_TRY(cl_guard_new(&stretched, CL_SECRET_BYTES, NULL));
    err = cl_kdf_run(&v->slots.kdf, passphrase, stretched, &v->fault);
    if (err == PN_OK)
        cl_keyslots_seal(
            &v->slots, v->slot,
            (cl_slot_secret){ stretched, v->secrets->secret[v->slot] },
            CL_SLOT_REAL, v->keys->data);
    cl_guard_free(stretched);
    return err;
}

static pn_err make_files(cl_vault *v, cl_vault_history history)
{
    PN_TRY(cl_vault_make_database(v, history));
    PN_TRY(cl_recordkeys_open(&v->recordkeys, v->at, v->slots.vault_id,
                              &v->fault));
    PN_TRY(cl_state_scan(v));
    PN_TRY(cl_device_store(v->secrets, &v->device, v->at, v->keys,
                           v->state.counter, &v->fault));
    return cl_keyslots_store(&v->slots, v->at, &v->fault);
}

pn_err cl_vault_start(cl_vault **out, const char *home, pn_bytes passphrase,
                      cl_vault_kdf kdf, cl_vault_history history,
                      cl_vault_fault *fault)
{
    cl_vault *v;
    pn_err err;
    *out = NULL;
    PN_TRY(cl_vault_new(&v, home, CL_HOME_MAKE, fault));
    err = make_keys(v, passphrase, kdf);
    if (err == PN_OK)
        err = clear_ground(v);
    if (err == PN_OK) {
        err = make_files(v, history);
        if (err != PN_OK && cl_vault_destroy(v->at, NULL) != PN_OK)
            v->gone = true; /* the mark of the unfinished is still there */
    }
    return hand_over(out, v, err, fault);
}

pn_err cl_vault_finish(cl_vault *v)
{
    PN_TRY(cl_vault_sync(v));
    PN_TRY(cl_file_remove(v->at, CL_FILE_UNFINISHED, &v->fault));
    return fsync(v->at) == 0
               ? PN_OK
               : cl_fault_system(&v->fault, errno, "sync", "the directory");
}

pn_err cl_vault_create(cl_vault **out, const char *home, pn_bytes passphrase,
                       cl_vault_kdf kdf, cl_vault_fault *fault)
{
    cl_vault *v;
    *out = NULL;
    PN_TRY(
        cl_vault_start(&v, home, passphrase, kdf, CL_VAULT_CONTINUED, fault));
    return hand_over(out, v, cl_vault_finish(v), fault);
}

void cl_vault_close(cl_vault **vp)
{
    cl_vault *v = *vp;
    if (v == NULL)
        return;
    if (v->db.db != NULL) {
        cl_vault_rollback(v);
        /* What cannot be synced now is swept at the next open. */
        if (v->keys != NULL && cl_vault_sync(v) != PN_OK)
            v->mark_behind = true;
    }
    cl_db_close(&v->db);
    cl_recordkeys_close(&v->recordkeys);
    cl_keys_free(&v->keys);
    cl_guard_free(v->secrets);
    cl_file_close(&v->device);
    cl_file_close(&v->at);
    cl_file_close(&v->lock);
    pn_free(v->home);
    pn_free_wiped(v, sizeof *v);
    *vp = NULL;
}

const char *cl_vault_text(const cl_vault *v)
{
    return v->fault.text;
}

bool cl_vault_memory_is_locked(const cl_vault *v)
{
    return v->keys != NULL && v->keys->locked != 0;
}
