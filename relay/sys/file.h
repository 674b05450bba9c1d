/* Small files of the relay's directory, read and written whole.
 * Writing is atomic: a reader, or a machine that lost power, finds the old
 * content or the new, never a part.
 */
#ifndef POSTERN_RELAY_SYS_FILE_H
#define POSTERN_RELAY_SYS_FILE_H

#include <sys/types.h>

#include "proto/base/bytes.h"

/* Write `content` to dir/name with mode 0600: temporary file, fsync, rename,
 * fsync of the directory. PN_E_IO with errno. */
PN_MUST_USE pn_err rl_file_write(const char *dir, const char *name,
                                 pn_bytes content);
/* Read dir/name, at most `cap` bytes, into out; *len says how many. Does not
 * follow a symbolic link in its last part. *mode (may be NULL) gets the
 * permission bits, *owner the user. PN_E_NOT_FOUND, PN_E_FULL if it is larger,
 * PN_E_REFUSED if it is no regular file, PN_E_IO with errno. */
PN_MUST_USE pn_err rl_file_read(const char *dir, const char *name, uint8_t *out,
                                size_t cap, size_t *len, mode_t *mode,
                                uid_t *owner);

#endif
