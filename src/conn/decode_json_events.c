#include "conn/decode_json_events.h"

#include <string.h>

#include "conn/decode_json_fault.h"
#include "conn/decode_json_rows.h"

/* The byte after the token that yajl is calling back for: it counts in the piece
 * it was given, also for a token that began in an earlier one. */
static size_t
token_end(const struct decode_json * d)
{
	return (d->base + yajl_get_bytes_consumed(d->yajl));
}

/* The state of the value that comes now. */
static uint32_t
next_state(struct decode_json * d)
{
	const struct decode_state * st;
	struct decode_frame * f;
	size_t i;

	if (d->nframes == 0)
		return (0);
	f = &d->frames[d->nframes - 1];
	if (!f->is_array)
		return (d->next);
	st = &d->plan->states[f->state];
	for (i = 0; i < st->nplaces; i++)
		if (st->places[i].index == f->index) {
			f->index++;
			return (decode_json_live(d, st->places[i].state));
		}
	f->index++;
	return (decode_json_live(d, st->other_place));
}

static int
scalar(struct decode_json * d, uint32_t state, enum json_token_kind kind,
    size_t at, size_t len)
{
	struct json_token t = { kind, at, len };

	return (decode_json_rows_scalar(d, &d->plan->states[state], &t) == 0);
}

static int
word(struct decode_json * d, enum json_token_kind kind, size_t len)
{
	uint32_t state;

	d->events = 1;
	if (d->skip > 0 || (state = next_state(d)) == DECODE_DEAD)
		return (1);
	return (scalar(d, state, kind, token_end(d) - len, len));
}

static int
on_null(void * arg)
{
	return (word(arg, TOKEN_NULL, 4));
}

static int
on_boolean(void * arg, int v)
{
	return (word(arg, v ? TOKEN_TRUE : TOKEN_FALSE, v ? 4 : 5));
}

static int
on_number(void * arg, const char * s, size_t n)
{
	(void)s;
	return (word(arg, TOKEN_NUMBER, n));
}

static int
on_string(void * arg, const unsigned char * str, size_t n)
{
	struct decode_json * d = arg;
	const char * body = d->body.p, * s = (const char *)str;
	uint32_t state;
	size_t at, end, i;

	d->events = 1;
	if (d->skip > 0 || (state = next_state(d)) == DECODE_DEAD)
		return (1);
	end = token_end(d) - 1;
	at = end - n;
	/*
	 * Undecoded it stands in the body, just before the closing quote.  yajl
	 * points there unless it was in pieces or had escapes.
	 */
	if (s == body + at || (at > 0 && at < end && body[at - 1] == '"' &&
	    memcmp(s, body + at, n) == 0))
		return (scalar(d, state, TOKEN_STRING, at, n));
	/* A quote with an even number of backslashes before it opens. */
	for (at = end; ; at--) {
		if (body[at - 1] != '"')
			continue;
		for (i = at - 1; i > 0 && body[i - 1] == '\\'; i--)
			;
		if ((at - 1 - i) % 2 == 0)
			break;
	}
	return (scalar(d, state, at == end ? TOKEN_STRING : TOKEN_ESCAPED, at,
	    end - at));
}

static int
on_key(void * arg, const unsigned char * str, size_t n)
{
	struct decode_json * d = arg;
	const struct decode_state * st;
	const struct decode_key * k;
	const char * s = (const char *)str;
	struct decode_frame * f;
	uint32_t i;
	uint64_t bit, * seen;

	d->events = 1;
	if (d->skip > 0)
		return (1);
	f = &d->frames[d->nframes - 1];
	st = &d->plan->states[f->state];
	d->next = decode_json_live(d, st->other_key);
	for (i = st->bucket[decode_plan_hash(s, n)]; i != 0; i = k->next) {
		k = &st->keys[i - 1];
		if (k->len != n || memcmp(k->key, s, n) != 0)
			continue;
		seen = &d->seen[(d->nframes - 1) * d->words + (i - 1) / 64];
		bit = UINT64_C(1) << ((i - 1) % 64);
		if (*seen & bit)
			decode_json_rows_forget(d, k->state, f);
		*seen |= bit;
		d->next = decode_json_live(d, k->state);
		break;
	}
	return (!d->failed);
}

static int
open_tree(struct decode_json * d, int is_array)
{
	const struct decode_state * st;
	struct decode_frame * f;
	uint32_t state;

	d->events = 1;
	if (d->nframes + d->skip == DECODE_DEPTH) {
		decode_json_fault_nesting(d, token_end(d) - 1);
		return (0);
	}
	if (d->skip > 0 || (state = next_state(d)) == DECODE_DEAD) {
		d->skip++;
		return (1);
	}
	st = &d->plan->states[state];
	if (st->nkeys > 0)
		memset(d->seen + d->nframes * d->words, 0,
		    (st->nkeys + 63) / 64 * sizeof(*d->seen));
	f = &d->frames[d->nframes++];
	f->state = state;
	f->index = 0;
	f->start = (uint32_t)(token_end(d) - 1);
	f->rows = (uint32_t)d->page->nrows;
	f->raw = (uint32_t)d->raw;
	f->is_array = (uint8_t)is_array;
	return (decode_json_rows_open(d, st, f) == 0);
}

static int
close_tree(struct decode_json * d)
{
	const struct decode_frame * f;

	d->events = 1;
	if (d->skip > 0) {
		d->skip--;
		return (1);
	}
	f = &d->frames[--d->nframes];
	return (decode_json_rows_close(d, &d->plan->states[f->state], f,
	    token_end(d)) == 0);
}

static int
on_start_map(void * arg)
{
	return (open_tree(arg, 0));
}

static int
on_start_array(void * arg)
{
	return (open_tree(arg, 1));
}

static int
on_end(void * arg)
{
	return (close_tree(arg));
}

const yajl_callbacks decode_json_events = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end
};
