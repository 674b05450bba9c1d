/* CRC-32C (Castagnoli; RFC 3720 appendix B.4): finds what a disk does to
 * bytes, with the processor's own instruction where it has one. Not a MAC.
 */
#ifndef POSTERN_RELAY_STORE_CRC32C_H
#define POSTERN_RELAY_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continue `crc` (0 to begin) over p[0..len). */
uint32_t rl_crc32c(uint32_t crc, const void *p, size_t len);
/* The same without the instruction, for tests and other processors. */
uint32_t rl_crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
