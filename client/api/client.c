/* Open, close, and what concerns the store as a whole. */
#include "client/api/client.h"

#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/mem.h"
#include "proto/carrier/sysenv.h"

/* --- opening ------------------------------------------------------------ */

static int vault_error(pn_err err)
{
    switch ((int)err) {
    case PN_E_NOT_FOUND:
        return POSTERN_E_NO_STORE;
    case PN_E_EXISTS:
        return POSTERN_E_LOCKED;
    case PN_E_STATE:
        return POSTERN_E_EXISTS;
    case PN_E_CRYPTO:
        return POSTERN_E_PASSPHRASE;
    case PN_E_REFUSED:
        return POSTERN_E_SYSTEM;
    case PN_E_FULL: /* the disk */
        return POSTERN_E_IO;
    default:
        return cl_error_of(err);
    }
}

/* For tests of the whole, which open hundreds of stores: a build for them
 * makes guessing cheap. */
#ifdef POSTERN_CHEAP_KDF
static const cl_vault_kdf kdf = CL_VAULT_KDF_TEST;
#else
static const cl_vault_kdf kdf = CL_VAULT_KDF_CALIBRATED;
#endif

static pn_err open_vault(postern_client *c, const postern_open_options *o,
                         cl_vault_fault *fault)
{
    const pn_bytes passphrase = { o->passphrase, o->passphrase_len };
    const bool is_new = (o->flags & POSTERN_OPEN_NEW) != 0;
    pn_err err;
    if (!is_new && cl_vault_exists(o->home))
        err = cl_vault_open(&c->vault, o->home, passphrase, fault);
    else if (is_new || (o->flags & POSTERN_OPEN_CREATE) != 0)
        err = cl_vault_create(&c->vault, o->home, passphrase, kdf, fault);
    else
        err = PN_E_NOT_FOUND;
    c->store = (cl_vaultstore){ .vault = c->vault };
    c->store_port = cl_vaultstore_port(&c->store);
    return err;
}

static bool has_gone(void *ctx)
{
    return cl_vault_is_gone(ctx);
}

/* A store that went back in time: its keys may have been used since. */
static pn_err deal_with_history(postern_client *c)
{
    cl_engine *e;
    pn_err err;
    if (!cl_vault_was_rolled_back(c->vault))
        return PN_OK;
    e = cl_driver_lock(c->driver);
    err = cl_engine_restored(e); /* staged, and settled in the same step */
    if (err == PN_OK)
        err = cl_vaultstore_begin(&c->store);
    if (err == PN_OK)
        err = cl_vault_settle(c->vault, NULL);
    if (err == PN_OK)
        err = c->store_port.commit(c->store_port.ctx);
    cl_driver_unlock(c->driver);
    return err;
}

static pn_err start(postern_client *c, const postern_open_options *o)
{
    const bool offline = (o->flags & POSTERN_OPEN_OFFLINE) != 0;
    pn_err err = cl_engine_create(&c->env, &c->store_port,
                                  o->name == NULL ? "" : o->name);
    if (err != PN_OK && err != PN_E_EXISTS)
        return err;
    PN_TRY(cl_driver_new(&c->driver, &c->env, &c->store_port,
                         o->drive == POSTERN_DRIVE_POLL ? CL_DRIVE_POLL
                                                        : CL_DRIVE_THREAD,
                         offline));
    PN_TRY(deal_with_history(c));
    return cl_driver_watch(c->driver, o->home, has_gone, c->vault);
}

static bool options_ok(const postern_open_options *o)
{
    const uint32_t known =
        POSTERN_OPEN_CREATE | POSTERN_OPEN_OFFLINE | POSTERN_OPEN_NEW;
    return o != NULL && o->size >= sizeof *o && o->home != NULL &&
           o->drive <= POSTERN_DRIVE_POLL && o->reserved == 0 &&
           (o->flags & ~known) == 0 && o->passphrase != NULL &&
           o->passphrase_len > 0 && (o->why != NULL || o->why_cap == 0);
}

static int open_client(postern_client *c, const postern_open_options *o)
{
    cl_vault_fault fault = { "" };
    const pn_err err = open_vault(c, o, &fault);
    const int error =
        err == PN_OK ? cl_error_of(start(c, o)) : vault_error(err);
    const char *why = fault.text[0] != 0 ? fault.text : c->store.why;
    if (error != POSTERN_OK && o->why_cap > 0)
        cl_copy_text(o->why, o->why_cap,
                     why[0] != 0 ? why : postern_strerror(error));
    return error;
}

int postern_open(postern_client **out, const postern_open_options *options)
{
    postern_client *c;
    int error;
    if (out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    if (!options_ok(options))
        return POSTERN_E_ARG;
    if (options->why_cap > 0)
        options->why[0] = 0;
    if (sodium_init() < 0)
        return POSTERN_E_SYSTEM;
    c = pn_alloc(1, sizeof *c);
    if (c == NULL)
        return POSTERN_E_NOMEM;
    c->env = pn_sysenv(NULL, NULL);
    (void)pthread_mutex_init(&c->text_lock, NULL);
    error = open_client(c, options);
    if (error == POSTERN_OK)
        *out = c;
    else
        postern_close(&c);
    return error;
}

void postern_close(postern_client **client)
{
    postern_client *c;
    if (client == NULL || *client == NULL)
        return;
    c = *client;
    cl_driver_free(&c->driver);
    cl_vault_close(&c->vault);
    (void)pthread_mutex_destroy(&c->text_lock);
    pn_free_wiped(c, sizeof *c);
    *client = NULL;
}

/* --- the store as a whole ----------------------------------------------- */

int postern_panic(const char *home)
{
    if (home == NULL)
        return POSTERN_E_ARG;
    if (sodium_init() < 0)
        return POSTERN_E_SYSTEM;
    return vault_error(cl_vault_panic(home, NULL));
}

int postern_backup_create(postern_client *client, const char *file,
                          const uint8_t *passphrase, size_t len)
{
    pn_err err;
    if (client == NULL || file == NULL || passphrase == NULL || len == 0)
        return cl_fail(client, POSTERN_E_ARG,
                       "a backup needs a file name and a passphrase");
    err = cl_engine_commit(cl_driver_lock(client->driver));
    if (err == PN_OK)
        err = cl_vault_backup(client->vault, file,
                              (pn_bytes){ passphrase, len }, kdf);
    if (err != PN_OK)
        (void)cl_fail(client, 0, "%s", cl_vault_text(client->vault));
    cl_driver_unlock(client->driver);
    return cl_error_of(err);
}

int postern_backup_verify(const char *file, const uint8_t *passphrase,
                          size_t len)
{
    cl_vault_report report;
    pn_err err;
    if (file == NULL || passphrase == NULL || len == 0)
        return POSTERN_E_ARG;
    if (sodium_init() < 0)
        return POSTERN_E_SYSTEM;
    err = cl_vault_backup_verify(file, (pn_bytes){ passphrase, len }, &report,
                                 NULL);
    switch ((int)err) {
    case PN_OK:
        return POSTERN_OK;
    case PN_E_NOT_FOUND:
        return POSTERN_E_NOT_FOUND;
    case PN_E_CRYPTO:
        return POSTERN_E_PASSPHRASE;
    case PN_E_VERSION:
        return POSTERN_E_VERSION;
    case PN_E_NOMEM:
        return POSTERN_E_NOMEM;
    case PN_E_IO:
        return POSTERN_E_IO;
    default:
        return POSTERN_E_CORRUPT;
    }
}

int postern_backup_restore(const char *home, const char *file,
                           const uint8_t *passphrase, size_t len)
{
    cl_vault *vault = NULL;
    pn_err err;
    if (home == NULL || file == NULL || passphrase == NULL || len == 0)
        return POSTERN_E_ARG;
    if (sodium_init() < 0)
        return POSTERN_E_SYSTEM;
    err = cl_vault_restore(&vault, home, file, (pn_bytes){ passphrase, len },
                           kdf, NULL);
    cl_vault_close(&vault);
    switch ((int)err) {
    case PN_E_STATE:
    case PN_E_EXISTS:
        return POSTERN_E_EXISTS;
    case PN_E_NOT_FOUND:
        return POSTERN_E_NOT_FOUND;
    default:
        return vault_error(err);
    }
}

int postern_set_profile(postern_client *client, uint32_t profile)
{
    pn_err err;
    if (client == NULL ||
        (profile != POSTERN_PROFILE_NORMAL && profile != POSTERN_PROFILE_THIN))
        return POSTERN_E_ARG;
    err = cl_engine_set_profile(
        cl_driver_lock(client->driver),
        profile == POSTERN_PROFILE_THIN ? CL_PROFILE_THIN : CL_PROFILE_NORMAL);
    cl_driver_unlock(client->driver);
    return cl_done(client, err, "choosing the profile");
}

int postern_get_status(postern_client *client, postern_status *out)
{
    cl_engine_counts counts;
    cl_routing routing;
    cl_engine *e;
    if (client == NULL || out == NULL || out->size < sizeof *out)
        return POSTERN_E_ARG;
    if (cl_driver_is_gone(client->driver))
        return cl_done(client, PN_E_CLOSED, "looking into the store");
    e = cl_driver_lock(client->driver);
    cl_engine_count(e, &counts);
    routing = cl_engine_routing(e);
    *out = (postern_status){ .size = out->size,
                             .contacts = counts.contacts,
                             .relays = counts.relays,
                             .relays_online = counts.relays_online,
                             .outbox = counts.outbox,
                             .events = counts.events,
                             .invitations = counts.invites,
                             .profile = cl_engine_profile(e) == CL_PROFILE_THIN
                                            ? POSTERN_PROFILE_THIN
                                            : POSTERN_PROFILE_NORMAL,
                             .relays_own = counts.relays_own };
    cl_relays_get(e, &out->relays_wanted, &out->replace_after_ms);
    out->route = routing;
    out->relays_two_faced = counts.relays_two_faced;
    pn_hex(out->identity, (pn_bytes){ cl_engine_id(e), 32 });
    cl_copy_text(out->name, sizeof out->name, cl_engine_name(e));
    cl_driver_unlock(client->driver);
    return POSTERN_OK;
}

/* --- driving
 * -------------------------------------------------------------------- */

int postern_fd(postern_client *client)
{
    return client == NULL ? -1 : cl_driver_fd(client->driver);
}

int postern_timeout(postern_client *client)
{
    return client == NULL ? -1 : cl_driver_timeout(client->driver);
}

int postern_dispatch(postern_client *client)
{
    if (client == NULL)
        return POSTERN_E_ARG;
    return cl_done(client, cl_driver_dispatch(client->driver), "dispatching");
}

void postern_interrupt(postern_client *client)
{
    if (client != NULL)
        cl_driver_interrupt(client->driver);
}
