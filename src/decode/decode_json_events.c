#include "decode/decode_json_events.h"

#include <string.h>

#include "decode/decode_json_fault.h"
#include "decode/decode_json_quick.h"
#include "decode/decode_json_rows.h"
#include "decode/decode_json_where.h"

/* The state of the value that comes now. */
static inline uint32_t
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

int
decode_json_events_scalar(struct decode_json * d, enum json_token_kind kind,
    size_t at, size_t n)
{
	struct json_token t = { kind, at, n };
	uint32_t state = next_state(d);

	if (state == DECODE_DEAD || decode_json_quick(d, state, &t))
		return (0);
	return (decode_json_rows_scalar(d, &d->plan->states[state], &t));
}

/* The key ${s} is one that paths have, the ${i}th of ${st}. */
static void
known_key(struct decode_json * d, const struct decode_state * st, uint32_t i)
{
	uint64_t * seen = &d->seen[(d->nframes - 1) * d->words + i / 64];
	uint64_t bit = UINT64_C(1) << (i % 64);

	if (*seen & bit)
		decode_json_rows_forget(d, st->keys[i].state,
		    &d->frames[d->nframes - 1]);
	*seen |= bit;
	d->known = (uint16_t)(i + 1);
	d->next = decode_json_live(d, st->keys[i].state);
}

int
decode_json_events_key(struct decode_json * d, size_t at, size_t n)
{
	const struct decode_state * st;
	const struct decode_key * k;
	const char * s = d->body.p + at;
	size_t made = d->made.len;
	uint32_t i;

	if (d->escaped) {
		if (decode_value_unescape(s, n, &d->made))
			return (decode_json_fault_size(d, "the page's texts "
			    "are larger than 64 MiB"));
		s = d->made.p + made;
		n = d->made.len - made;
		d->made.len = made;
	}
	st = &d->plan->states[d->frames[d->nframes - 1].state];
	d->next = decode_json_live(d, st->other_key);
	d->known = 0;
	for (i = st->bucket[decode_plan_hash(s, n)]; i != 0; i = k->next) {
		k = &st->keys[i - 1];
		if (k->len == n && memcmp(k->key, s, n) == 0) {
			known_key(d, st, i - 1);
			break;
		}
	}
	return (d->failed ? -1 : 0);
}

int
decode_json_events_open(struct decode_json * d, size_t at, int is_array)
{
	const struct decode_state * st;
	struct decode_frame * f;
	uint32_t state = next_state(d);
	size_t i;

	if (state == DECODE_DEAD) {
		d->skip = 1;
		return (0);
	}
	st = &d->plan->states[state];
	for (i = 0; i < st->nkeys; i += 64)
		d->seen[d->nframes * d->words + i / 64] = 0;
	f = &d->frames[d->nframes++];
	f->state = state;
	f->index = 0;
	f->start = (uint32_t)at;
	f->rows = (uint32_t)d->page->nrows;
	f->raw = (uint32_t)d->raw;
	f->is_array = (uint8_t)is_array;
	return (st->naccepts > 0 ? decode_json_rows_open(d, st, f) : 0);
}

int
decode_json_events_close(struct decode_json * d, size_t end)
{
	const struct decode_frame * f = &d->frames[d->nframes - 1];
	const struct decode_state * st = &d->plan->states[f->state];

	if (st->nwheres > 0 && f->is_array && decode_json_where(d, st, end))
		return (-1);
	d->nframes--;
	return (st->naccepts > 0 ? decode_json_rows_close(d, st, f, end) : 0);
}
