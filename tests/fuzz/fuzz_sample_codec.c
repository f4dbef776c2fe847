/* The first byte says which decoder, the second how many series or ticks. */
#include <stdlib.h>
#include <string.h>

#include "target/sample_codec.h"
#include "target/sample_series.h"
#include "fuzz.h"

#define CELLS (SAMPLE_MAX_TICKS * 64)

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	static struct sample_codec * c;
	static double v[CELLS], again[CELLS];
	int64_t at[SAMPLE_MAX_TICKS];
	struct sample_series * s;
	struct buf b = BUF_INIT(0);
	uint32_t series, t, i;

	if (c == NULL && (c = sample_codec_new()) == NULL)
		abort();
	if (n < 2)
		return (0);
	series = p[1] % 64;
	switch (p[0] % 3) {
	case 0:
		for (i = 0; i < series; i++)
			v[i] = (double)i * 1.25;
		if (sample_codec_tick_get(c, p + 2, n - 2, v, series))
			break;
		/* What was read can be written and read again. */
		if (sample_codec_tick_put(c, NULL, v, series, &b) ||
		    sample_codec_tick_get(c, b.p, b.len, again, series) ||
		    memcmp(v, again, series * sizeof(*v)) != 0)
			abort();
		break;
	case 1:
		if (sample_codec_block_times(c, p + 2, n - 2, at, &t) ||
		    sample_codec_block_get(c, p + 2, n - 2, v, t, series))
			break;
		if (sample_codec_block_begin(c, at, t, series))
			abort();
		for (i = 0; i < series; i++)
			if (sample_codec_block_series(c, v + i, series))
				abort();
		if (sample_codec_block_end(c, &b) ||
		    sample_codec_block_get(c, b.p, b.len, again, t, series) ||
		    memcmp(v, again, (size_t)t * series * sizeof(*v)) != 0)
			abort();
		break;
	default:
		s = sample_series_unpack(NULL, p + 2, n - 2, series);
		for (i = 0; s != NULL && i < s->n; i++)
			if (strlen(sample_series_name(s, i)) +
			    strlen(sample_series_labels(s, i)) > s->text.len)
				abort();
		sample_series_unref(s);
		break;
	}
	buf_free(&b);
	return (0);
}
