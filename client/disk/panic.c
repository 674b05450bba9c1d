#include <errno.h>
#include <sodium.h>
#include <time.h>
#include <unistd.h>

#include "client/disk/inside.h"

/* Keys first, and of those the ones that open everything. */
static const char *const key_files[] = {
    CL_FILE_KEYSLOTS,      CL_FILE_DEVICE,      CL_FILE_KEYSLOTS ".new",
    CL_FILE_DEVICE ".new", CL_FILE_RECORD_KEYS,
};
enum {
    KEY_FILES = sizeof key_files / sizeof key_files[0],
    PASSES = 3,
    PAUSE_NS = 20 * 1000 * 1000,
};

pn_err cl_vault_destroy(int at, cl_vault_fault *fault)
{
    pn_err err = PN_OK, one;
    for (size_t i = 0; i < KEY_FILES; i++) {
        one = cl_file_shred(at, key_files[i], fault);
        if (err == PN_OK && one != PN_E_NOT_FOUND)
            err = one;
    }
    one = cl_file_remove_database(at, fault);
    if (err == PN_OK)
        err = one;
    if (fsync(at) != 0 && err == PN_OK)
        err = cl_fault_system(fault, errno, "sync", "the directory");
    /* Last: it says that what is left, if anything, is no vault. */
    one = err == PN_OK ? cl_file_remove(at, CL_FILE_UNFINISHED, fault) : err;
    return one;
}

static bool has_keys(int at)
{
    for (size_t i = 0; i < KEY_FILES; i++) {
        if (cl_file_exists(at, key_files[i]))
            return true;
    }
    return false;
}

pn_err cl_vault_panic(const char *home, cl_vault_fault *fault)
{
    const struct timespec pause = { .tv_nsec = PAUSE_NS };
    pn_err err = PN_OK;
    int at;
    if (home == NULL)
        return cl_fault(fault, PN_E_ARG, "no directory is named");
    if (sodium_init() < 0)
        return cl_fault(fault, PN_E_RANDOM, "the system gives no random bytes");
    /* Owner and mode do not matter now; only the way in does. */
    err = cl_home_open(&at, home, CL_HOME_ANY, fault);
    if (err != PN_OK)
        return err;
    if (!has_keys(at)) {
        cl_file_close(&at);
        return cl_fault(fault, PN_E_NOT_FOUND, "there are no keys in %s", home);
    }
    /* Another process may be replacing a key file at this moment. */
    for (int i = 0; i < PASSES; i++) {
        const pn_err one = cl_vault_destroy(at, fault);
        err = one;
        if (i + 1 < PASSES)
            (void)nanosleep(&pause, NULL);
    }
    if (err == PN_OK && has_keys(at))
        err = cl_fault(fault, PN_E_IO, "keys are still in %s", home);
    cl_file_close(&at);
    return err;
}

bool cl_vault_exists(const char *home)
{
    int at;
    bool there;
    if (cl_home_open(&at, home, CL_HOME_ANY, NULL) != PN_OK)
        return false;
    there = cl_file_exists(at, CL_FILE_KEYSLOTS) &&
            !cl_file_exists(at, CL_FILE_UNFINISHED);
    cl_file_close(&at);
    return there;
}
