#include "decode/decode_json_where.h"

#include <string.h>

#include "decode/decode_json_events.h"
#include "decode/decode_json_fault.h"
#include "decode/decode_json_scan.h"
#include "decode/decode_json_walk.h"

/* The text of the scalar ${t}, perhaps in d->made behind what is there; NULL: it has
 * none that conditions know, or there is no memory (the decoder failed). */
static const char *
text_of(struct decode_json * d, const struct json_token * t, size_t * n)
{
	const char * s = d->body.p + t->at;
	size_t made = d->made.len, i;

	*n = t->len;
	switch (t->kind) {
	case TOKEN_NULL:
	case TOKEN_TREE:
		return (NULL);
	case TOKEN_TRUE:
	case TOKEN_FALSE:
	case TOKEN_STRING:
		break;
	case TOKEN_NUMBER:
		for (i = s[0] == '-'; i < t->len; i++)
			if (s[i] < '0' || s[i] > '9')
				return (NULL);
		/* Zero has one text. */
		if (t->len == 2 && s[0] == '-' && s[1] == '0') {
			*n = 1;
			return (s + 1);
		}
		break;
	case TOKEN_ESCAPED:
		if (decode_value_unescape(s, t->len, &d->made)) {
			decode_json_fault_size(d, "the page's texts are larger "
			    "than 64 MiB");
			return (NULL);
		}
		s = d->made.p + made;
		*n = d->made.len - made;
		d->made.len = made;
		break;
	}
	return (s);
}

/* So many paths' conditions are looked at in one walk through a list. */
#define BATCH 32

/* What is looked for: for each of ${n} the first element that meets it. */
struct search {
	const struct decode_where * wheres;
	size_t n;
	uint32_t open;             /* bits: not found yet */
	uint8_t met[BATCH];        /* conditions, as bits: of this element */
	struct json_token hit[BATCH];
};

/* Which conditions of what is looked for are about the key ${t}, as bits; whether
 * there are any. */
static int
of_key(struct decode_json * d, const struct search * f,
    const struct json_token * t, uint8_t * bits)
{
	const struct path_step * st;
	const char * s;
	size_t i, j, n;
	int any = 0;

	if ((s = text_of(d, t, &n)) == NULL)
		return (0);
	for (i = 0; i < f->n; i++) {
		bits[i] = 0;
		if (!(f->open & UINT32_C(1) << i))
			continue;
		st = f->wheres[i].step;
		for (j = 0; j < st->nconds; j++)
			if (st->conds[j].key_len == n &&
			    memcmp(st->conds[j].key, s, n) == 0)
				bits[i] |= (uint8_t)(1U << j);
		any |= bits[i];
	}
	return (any);
}

/* A member of an element: what it says for all that is looked for; of equal keys
 * the last counts. */
static void
look_at(struct decode_json * d, struct search * f, const struct json_token * key,
    const struct json_token * value)
{
	const struct path_step * st;
	uint8_t bits[BATCH];
	const char * s;
	size_t i, j, n;

	if (!of_key(d, f, key, bits))
		return;
	s = text_of(d, value, &n);
	for (i = 0; i < f->n; i++) {
		st = f->wheres[i].step;
		f->met[i] &= (uint8_t)~bits[i];
		for (j = 0; s != NULL && j < st->nconds; j++)
			if ((bits[i] & 1U << j) &&
			    json_path_cond(&st->conds[j], s, n))
				f->met[i] |= (uint8_t)(1U << j);
	}
}

/* Note what the object ${t} is the first to meet. */
static void
look_into(struct decode_json * d, struct search * f, const struct json_token * t)
{
	struct decode_walk w = { d->body.p, t->at + 1, t->at + t->len };
	struct json_token key, value;
	size_t i;

	memset(f->met, 0, f->n);
	while (decode_json_walk(&w, &key) && decode_json_walk(&w, &value))
		look_at(d, f, &key, &value);
	for (i = 0; i < f->n; i++)
		if ((f->open & UINT32_C(1) << i) && f->met[i] ==
		    (1U << f->wheres[i].step->nconds) - 1) {
			f->hit[i] = *t;
			f->open &= ~(UINT32_C(1) << i);
		}
}

/* Go through the list between ${at} and ${end} until all is found. */
static void
search(struct decode_json * d, struct search * f, size_t at, size_t end)
{
	struct decode_walk w = { d->body.p, at + 1, end };
	struct json_token t;

	while (f->open != 0 && !d->failed && decode_json_walk(&w, &t))
		if (t.kind == TOKEN_TREE && d->body.p[t.at] == '{')
			look_into(d, f, &t);
}

/* Look for what ${f} names, and read what was found. */
static int
batch(struct decode_json * d, struct search * f, size_t end)
{
	struct decode_frame * frame = &d->frames[d->nframes - 1];
	uint32_t wanted = 0;
	size_t i;
	int rv = 0;

	for (i = 0; i < f->n; i++)
		if (decode_json_live(d, f->wheres[i].state) != DECODE_DEAD)
			wanted |= UINT32_C(1) << i;
	f->open = wanted;
	search(d, f, frame->start, end);
	for (i = 0; i < f->n && rv == 0 && !d->failed; i++) {
		if (!(wanted & ~f->open & UINT32_C(1) << i))
			continue;
		/* As if it were a member of the list: it has no place in it. */
		frame->is_array = 0;
		d->next = f->wheres[i].state;
		rv = decode_json_scan_part(d, f->hit[i].at, f->hit[i].at +
		    f->hit[i].len);
		frame->is_array = 1;
	}
	return (rv || d->failed ? -1 : 0);
}

int
decode_json_where(struct decode_json * d, const struct decode_state * st,
    size_t end)
{
	struct search f;
	size_t i;

	for (i = 0; i < st->nwheres; i += f.n) {
		f.wheres = st->wheres + i;
		f.n = st->nwheres - i < BATCH ? st->nwheres - i : BATCH;
		if (batch(d, &f, end))
			return (-1);
	}
	return (0);
}
