/* The passphrases of a store: the one that opens it, and the one that destroys
 * what is in it. */
#include "client/api/client.h"

static int failed(postern_client *c, pn_err err, const char *what)
{
    if (err == PN_E_CRYPTO)
        return cl_fail(c, POSTERN_E_PASSPHRASE,
                       "the old passphrase is wrong: nothing was changed");
    if (err == PN_E_EXISTS)
        return cl_fail(c, POSTERN_E_EXISTS,
                       "this passphrase is in use here already: take another");
    return cl_done(c, err, what);
}

int postern_passphrase_change(postern_client *client, const uint8_t *old,
                              size_t old_len, const uint8_t *fresh,
                              size_t fresh_len)
{
    const pn_bytes was = { old, old_len }, is = { fresh, fresh_len };
    pn_err err;
    if (client == NULL || old == NULL || fresh == NULL || old_len == 0 ||
        fresh_len == 0)
        return cl_fail(client, POSTERN_E_ARG,
                       "a passphrase is missing: give the old and a new one");
    err = cl_engine_commit(cl_driver_lock(client->driver));
    if (err == PN_OK)
        err = cl_vault_check_passphrase(client->vault, was);
    if (err == PN_OK)
        err = cl_vault_set_passphrase(client->vault, is);
    cl_driver_unlock(client->driver);
    return failed(client, err, "changing the passphrase");
}

int postern_duress_set(postern_client *client, const uint8_t *passphrase,
                       size_t len)
{
    const pn_bytes is = { passphrase, len };
    pn_err err;
    if (client == NULL || (passphrase == NULL && len > 0))
        return cl_fail(client, POSTERN_E_ARG, "a passphrase is missing");
    err = cl_engine_commit(cl_driver_lock(client->driver));
    if (err == PN_OK)
        err = cl_vault_set_duress(client->vault, is);
    cl_driver_unlock(client->driver);
    return failed(client, err, "setting the duress passphrase");
}
