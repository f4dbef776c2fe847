#ifndef MOLTLER_BASE_HASH64_H
#define MOLTLER_BASE_HASH64_H

#include <stddef.h>
#include <stdint.h>

/**
 * hash64(key, p, n):
 * Return a 64-bit hash of ${n} bytes under the secret ${key}; fast for strings
 * of 8 to 200 bytes.  Not for use where an attacker can see hashes.  The
 * construction (multiply two 64-bit words to 128 bits and fold) is that of
 * wyhash, public domain, by Wang Yi.
 */
uint64_t hash64(uint64_t key, const char * p, size_t n);

/** hash64_secret(): A key of this process alone, for what others may choose: who knows
 * the key makes as many texts as he likes that hash alike. */
uint64_t hash64_secret(void);

/** hash64_long(key, p, n): A hash of its own for texts of thousands of bytes, which
 * it takes several times as fast where the processor can AES.  Not the same on all
 * machines. */
uint64_t hash64_long(uint64_t key, const char * p, size_t n);

#endif
