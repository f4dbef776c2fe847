#include "conn/decode_json_where.h"

#include <string.h>

#include "conn/decode_json_events.h"
#include "conn/decode_json_fault.h"
#include "conn/decode_json_scan.h"
#include "conn/decode_json_walk.h"

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

/* Which conditions of ${st} are of the key ${t}, as bits. */
static unsigned
of_key(struct decode_json * d, const struct path_step * st,
    const struct json_token * t)
{
	const char * s;
	unsigned bits = 0;
	size_t i, n;

	if ((s = text_of(d, t, &n)) == NULL)
		return (0);
	for (i = 0; i < st->nconds; i++)
		if (st->conds[i].key_len == n &&
		    memcmp(st->conds[i].key, s, n) == 0)
			bits |= 1U << i;
	return (bits);
}

/* Whether the object ${t} meets all conditions; of equal keys the last counts. */
static int
meets(struct decode_json * d, const struct path_step * st,
    const struct json_token * t)
{
	struct decode_walk w = { d->body.p, t->at + 1, t->at + t->len };
	struct json_token key, value;
	unsigned met = 0, bits;
	const char * s;
	size_t i, n;

	while (decode_json_walk(&w, &key) && decode_json_walk(&w, &value)) {
		if ((bits = of_key(d, st, &key)) == 0)
			continue;
		met &= ~bits;
		if ((s = text_of(d, &value, &n)) == NULL)
			continue;
		for (i = 0; i < st->nconds; i++)
			if ((bits & 1U << i) &&
			    json_path_cond(&st->conds[i], s, n))
				met |= 1U << i;
	}
	return (met == (1U << st->nconds) - 1);
}

/* The first element that meets them, into ${t}; 0: none. */
static int
find(struct decode_json * d, const struct path_step * st, size_t at, size_t end,
    struct json_token * t)
{
	struct decode_walk w = { d->body.p, at + 1, end };

	while (decode_json_walk(&w, t) && !d->failed)
		if (t->kind == TOKEN_TREE && d->body.p[t->at] == '{' &&
		    meets(d, st, t))
			return (!d->failed);
	return (0);
}

int
decode_json_where(struct decode_json * d, const struct decode_state * st,
    size_t end)
{
	struct decode_frame * f = &d->frames[d->nframes - 1];
	struct json_token t;
	uint32_t state;
	size_t i;
	int rv = 0;

	for (i = 0; i < st->nwheres && rv == 0; i++) {
		state = decode_json_live(d, st->wheres[i].state);
		if (state == DECODE_DEAD ||
		    !find(d, st->wheres[i].step, f->start, end, &t))
			continue;
		/* As if it were a member of the list: it has no place in it. */
		f->is_array = 0;
		d->next = state;
		rv = decode_json_scan_part(d, t.at, t.at + t.len);
		f->is_array = 1;
	}
	return (rv || d->failed ? -1 : 0);
}
