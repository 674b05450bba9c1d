#include "client/disk/keyslots.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "client/disk/fault.h"
#include "client/disk/file.h"
#include "proto/base/mem.h"

enum { VERSION = 1, CHECK_BYTES = 32, AD_BYTES = 64 };

static const uint8_t magic[8] = { 'p', 'n', 'k', 'e', 'y', 's', 13, 10 };

/* In every version the last 32 bytes are the BLAKE2b of all before them. It
 * tells damage from a wrong passphrase; it is no protection. */
static void checksum(uint8_t out[CHECK_BYTES], pn_bytes all)
{
    (void)crypto_generichash(out, CHECK_BYTES, all.p, all.len, NULL, 0);
}

static pn_err parse(cl_keyslots *k, pn_bytes in)
{
    uint8_t sum[CHECK_BYTES];
    uint16_t version, slots;
    pn_bytes start;
    if (in.len < sizeof magic + CHECK_BYTES)
        return PN_E_CORRUPT;
    in.len -= CHECK_BYTES;
    checksum(sum, in);
    if (memcmp(sum, in.p + in.len, sizeof sum) != 0)
        return PN_E_CORRUPT;
    PN_TRY(pn_take(&in, sizeof magic, &start));
    PN_TRY(pn_take_u16(&in, &version));
    if (memcmp(start.p, magic, sizeof magic) != 0 || version == 0)
        return PN_E_CORRUPT;
    if (version > VERSION)
        return PN_E_VERSION;
    PN_TRY(pn_take_u16(&in, &slots));
    PN_TRY(pn_take_u32(&in, &k->kdf.passes));
    PN_TRY(pn_take_u32(&in, &k->kdf.kib));
    PN_TRY(pn_take_copy(&in, k->kdf.salt, sizeof k->kdf.salt));
    PN_TRY(pn_take_copy(&in, k->vault_id, sizeof k->vault_id));
    PN_TRY(pn_take_copy(&in, k->slot[0], sizeof k->slot));
    PN_TRY(pn_take_end(&in));
    return slots == CL_SLOTS && cl_kdf_ok(&k->kdf) ? PN_OK : PN_E_CORRUPT;
}

pn_err cl_keyslots_parse(cl_keyslots *out, pn_bytes file)
{
    cl_keyslots k;
    const pn_err err = parse(&k, file);
    if (err == PN_OK)
        *out = k;
    return err == PN_OK || err == PN_E_VERSION ? err : PN_E_CORRUPT;
}

void cl_keyslots_write(const cl_keyslots *k, uint8_t out[CL_KEYSLOTS_BYTES])
{
    pn_out to = pn_out_over(out, CL_KEYSLOTS_BYTES);
    uint8_t sum[CHECK_BYTES];
    pn_put(&to, (pn_bytes){ magic, sizeof magic });
    pn_put_u16(&to, VERSION);
    pn_put_u16(&to, CL_SLOTS);
    pn_put_u32(&to, k->kdf.passes);
    pn_put_u32(&to, k->kdf.kib);
    pn_put(&to, (pn_bytes){ k->kdf.salt, sizeof k->kdf.salt });
    pn_put(&to, (pn_bytes){ k->vault_id, sizeof k->vault_id });
    pn_put(&to, (pn_bytes){ k->slot[0], sizeof k->slot });
    checksum(sum, pn_out_view(&to));
    pn_put(&to, (pn_bytes){ sum, sizeof sum });
}

void cl_keyslots_clear(cl_keyslots *k, unsigned i)
{
    randombytes_buf(k->slot[i], CL_SLOT_BYTES);
}

/* Key and associated data of slot i. */
static pn_bytes slot_key(uint8_t key[CL_SECRET_BYTES], uint8_t ad[AD_BYTES],
                         const cl_keyslots *k, unsigned i, cl_slot_secret s)
{
    pn_out to = pn_out_over(ad, AD_BYTES);
    crypto_generichash_state hash;
    pn_put(&to, PN_BYTES_LIT("postern slot 1"));
    pn_put_u16(&to, (uint16_t)i);
    pn_put_u32(&to, k->kdf.passes);
    pn_put_u32(&to, k->kdf.kib);
    pn_put(&to, (pn_bytes){ k->kdf.salt, sizeof k->kdf.salt });
    pn_put(&to, (pn_bytes){ k->vault_id, sizeof k->vault_id });
    (void)crypto_generichash_init(&hash, s.device, CL_SECRET_BYTES,
                                  CL_SECRET_BYTES);
    (void)crypto_generichash_update(&hash, to.p, to.len);
    (void)crypto_generichash_update(&hash, s.stretched, CL_SECRET_BYTES);
    (void)crypto_generichash_final(&hash, key, CL_SECRET_BYTES);
    pn_wipe(&hash, sizeof hash);
    return pn_out_view(&to);
}

void cl_keyslots_seal(cl_keyslots *k, unsigned i, cl_slot_secret secret,
                      cl_slot_role role, const uint8_t data[CL_SECRET_BYTES])
{
    uint8_t key[CL_SECRET_BYTES], ad[AD_BYTES];
    uint8_t plain[CL_SLOT_PLAIN_BYTES] = { (uint8_t)role };
    const pn_bytes bound = slot_key(key, ad, k, i, secret);
    memcpy(plain + sizeof plain - CL_SECRET_BYTES, data, CL_SECRET_BYTES);
    cl_seal_to(k->slot[i], key, bound, (pn_bytes){ plain, sizeof plain });
    pn_wipe(plain, sizeof plain);
    pn_wipe(key, sizeof key);
}

pn_err cl_keyslots_open(const cl_keyslots *k, unsigned i, cl_slot_secret secret,
                        cl_slot_role *role, uint8_t data[CL_SECRET_BYTES])
{
    uint8_t key[CL_SECRET_BYTES], ad[AD_BYTES], plain[CL_SLOT_PLAIN_BYTES];
    const pn_bytes bound = slot_key(key, ad, k, i, secret);
    pn_err err = cl_open_from(plain, key, bound,
                              (pn_bytes){ k->slot[i], CL_SLOT_BYTES });
    if (err == PN_OK && plain[0] != CL_SLOT_REAL && plain[0] != CL_SLOT_DURESS)
        err = PN_E_CRYPTO;
    if (err == PN_OK) {
        *role = plain[0] == CL_SLOT_REAL ? CL_SLOT_REAL : CL_SLOT_DURESS;
        memcpy(data, plain + sizeof plain - CL_SECRET_BYTES, CL_SECRET_BYTES);
    }
    pn_wipe(plain, sizeof plain);
    pn_wipe(key, sizeof key);
    return err;
}

pn_err cl_keyslots_load(cl_keyslots *k, int at, cl_vault_fault *fault)
{
    uint8_t file[CL_KEYSLOTS_BYTES];
    int fd;
    pn_err err;
    PN_TRY(cl_file_open(&fd, at, CL_FILE_KEYSLOTS, O_RDONLY, fault));
    err = cl_file_read_at(fd, CL_FILE_KEYSLOTS, file, sizeof file, 0, fault);
    cl_file_close(&fd);
    if (err == PN_OK)
        err = cl_keyslots_parse(k, (pn_bytes){ file, sizeof file });
    if (err == PN_E_CORRUPT || err == PN_E_SHORT)
        return cl_fault(fault, PN_E_CORRUPT,
                        "%s is damaged; without it the vault cannot be opened: "
                        "restore a backup",
                        CL_FILE_KEYSLOTS);
    if (err == PN_E_VERSION)
        return cl_fault(fault, err,
                        "%s was written by a newer version of Postern",
                        CL_FILE_KEYSLOTS);
    return err;
}

pn_err cl_keyslots_store(const cl_keyslots *k, int at, cl_vault_fault *fault)
{
    uint8_t file[CL_KEYSLOTS_BYTES];
    int fd;
    pn_err err;
    PN_TRY(cl_file_replace_begin(&fd, at, CL_FILE_KEYSLOTS, fault));
    cl_keyslots_write(k, file);
    err = cl_file_write_at(fd, CL_FILE_KEYSLOTS,
                           (pn_bytes){ file, sizeof file }, 0, fault);
    if (err == PN_OK)
        err = cl_file_replace_end(fd, at, CL_FILE_KEYSLOTS, fault);
    cl_file_close(&fd);
    return err;
}
