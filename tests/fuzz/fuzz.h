#ifndef MOLTLER_TESTS_FUZZ_H
#define MOLTLER_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Say what is wrong, and end as a crash does. */
#define DIE(what) do { \
	fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, (what)); \
	abort(); \
} while (0)
#define CHECK(x) do { \
	if (!(x)) \
		DIE(#x); \
} while (0)

#endif
