/* Lists of pairs as maps: what comes out is an object that reads back, of no more
 * members than there were pairs. */
#include <jansson.h>
#include <stdlib.h>

#include "decode/decode_pairs.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	struct buf out = BUF_INIT(1 << 22);
	json_t * in, * map;

	if (decode_pairs((const char *)data, size, &out) == 0) {
		in = json_loadb((const char *)data, size, 0, NULL);
		map = json_loadb(out.p, out.len, 0, NULL);
		if (in == NULL || !json_is_object(map) ||
		    (json_is_array(in) &&
		    json_object_size(map) > json_array_size(in)))
			abort();
		json_decref(map);
		json_decref(in);
	} else if (out.len > 0) {
		abort();
	}
	buf_free(&out);
	return (0);
}
