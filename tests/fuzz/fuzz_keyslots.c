#include <string.h>

#include <sodium.h>

#include "client/disk/device.h"
#include "tests/fuzz/fuzz.h"

/* Keyslots that parse are written the same, have a cost within its bounds, and
 * open with no secret that was not theirs; the same for the device file's
 * head. A right checksum is put on as well, to reach what is behind it. */
static void try_keyslots(const uint8_t *data, size_t len)
{
    static const uint8_t zero[CL_SECRET_BYTES];
    uint8_t again[CL_KEYSLOTS_BYTES], key[CL_SECRET_BYTES];
    cl_slot_role role;
    cl_keyslots k;
    if (cl_keyslots_parse(&k, (pn_bytes){ data, len }) != PN_OK)
        return;
    FUZZ_CHECK(len == CL_KEYSLOTS_BYTES);
    FUZZ_CHECK(cl_kdf_ok(&k.kdf));
    cl_keyslots_write(&k, again);
    FUZZ_CHECK(memcmp(again, data, sizeof again) == 0);
    for (unsigned i = 0; i < CL_SLOTS; i++)
        FUZZ_CHECK(cl_keyslots_open(&k, i, (cl_slot_secret){ zero, zero },
                                    &role, key) == PN_E_CRYPTO);
}

static void try_device(const uint8_t *data, size_t len)
{
    uint8_t again[CL_DEVICE_HEAD_BYTES];
    cl_device d;
    if (cl_device_parse(&d, (pn_bytes){ data, len }) != PN_OK)
        return;
    FUZZ_CHECK(len == sizeof again);
    cl_device_write(&d, again);
    FUZZ_CHECK(memcmp(again, data, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t mended[CL_DEVICE_HEAD_BYTES];
    FUZZ_CHECK(sodium_init() >= 0);
    try_keyslots(data, len);
    try_device(data, len);
    if (len < 32 || len > sizeof mended)
        return 0;
    memcpy(mended, data, len);
    (void)crypto_generichash(mended + len - 32, 32, mended, len - 32, NULL, 0);
    try_keyslots(mended, len);
    try_device(mended, len);
    return 0;
}
