/* Onion keys on disk: DIR/onion/ID.key, one file for each, so that one can be
 * destroyed and the others left alone. ID is the key's id in hex.
 *
 * File form, 74 bytes: "pnonion" ‖ 0x01 ‖ X-Wing secret(32) ‖ from u64 ‖
 * until u64 ‖ born u16 ‖ BLAKE2b-128 of all before; big-endian. Mode 0600.
 *
 * To destroy a key is to overwrite its file where it lies, sync it, and unlink
 * it. On a disk that writes in place nothing is left. What does not write in
 * place may keep a copy for as long as it likes: file systems that copy on
 * write (btrfs, ZFS) or journal data, snapshots and backups, and the flash
 * translation of SSDs. Exclude the directory from backups, and encrypt the
 * disk.
 */
#ifndef POSTERN_RELAY_SYS_ONION_FILES_H
#define POSTERN_RELAY_SYS_ONION_FILES_H

#include "proto/base/env.h"
#include "relay/core/onions.h"

#define RL_DIR_ONIONS "onion"

enum { RL_ONION_FILE_BYTES = 8 + PN_XWING_SK_BYTES + 18 + 16 };

/* Store a key. PN_E_IO with errno, PN_E_ARG for a path that is too long. */
PN_MUST_USE pn_err rl_onion_file_create(const char *dir,
                                        const uint8_t id[PN_ONION_ID_BYTES],
                                        const rl_onion_seed *seed);
/* Destroy one. That there is none is fine. PN_E_IO with errno. */
PN_MUST_USE pn_err rl_onion_file_destroy(const char *dir,
                                         const uint8_t id[PN_ONION_ID_BYTES]);
/* Take all keys of the directory into *out, which is empty; a directory that is
 * not there has none. A key born on a day after `today` counts from today. A
 * file that is no key, damaged, open to others, or under another key's name (so
 * that destroying its key would not destroy it) is left where it is, counted in
 * *bad (may be NULL) and logged. PN_E_IO with errno, PN_E_ARG. */
PN_MUST_USE pn_err rl_onion_files_load(rl_onions *out, const char *dir,
                                       rl_day today, const pn_env *env,
                                       size_t *bad);
/* Destroy what an interrupted write left. PN_E_IO with errno. */
PN_MUST_USE pn_err rl_onion_files_tidy(const char *dir);

#endif
