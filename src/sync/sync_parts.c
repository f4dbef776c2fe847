#include "sync/sync_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A record is written with each commit, so a part is 12 characters of it. */
#define DIGITS 12
#define MASK ((UINT64_C(1) << (4 * DIGITS)) - 1)

static int
by_value(const void * pa, const void * pb)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

	return ((a > b) - (a < b));
}

void
sync_parts_load(struct sync_parts * p, const json_t * rec)
{
	const json_t * v = json_object_get(rec, "parts");
	const char * s = json_string_value(v);
	size_t n = json_string_length(v) / DIGITS, i;
	char one[DIGITS + 1] = "";

	if (s == NULL || n == 0 || n > SYNC_PARTS_MAX ||
	    (p->known = calloc(n, sizeof(*p->known))) == NULL)
		return;
	for (i = 0; i < n; i++) {
		memcpy(one, s + i * DIGITS, DIGITS);
		p->known[i] = strtoull(one, NULL, 16);
	}
	qsort(p->known, n, sizeof(*p->known), by_value);
	p->nknown = n;
	p->has_known = 1;
}

static int
is_known(const struct sync_parts * p, uint64_t h)
{
	return (bsearch(&h, p->known, p->nknown, sizeof(h), by_value) != NULL);
}

static int
room(struct sync_parts * p)
{
	size_t cap = p->cap == 0 ? 16 : 2 * p->cap;
	uint64_t * v;

	if (p->nseen == SYNC_PARTS_MAX)
		return (-1);
	if (p->nseen < p->cap)
		return (0);
	if ((v = realloc(p->seen, cap * sizeof(*v))) == NULL)
		return (-1);
	p->seen = v;
	p->cap = cap;
	return (0);
}

void
sync_parts_note(struct sync_parts * p, uint64_t hash, const json_t * in)
{
	hash &= MASK;
	if (p->over || room(p)) {
		p->over = 1;
		return;
	}
	p->seen[p->nseen++] = hash;
	if (!p->has_known || is_known(p, hash) || p->too_many)
		return;
	if (p->fresh == NULL)
		p->fresh = json_array();
	p->too_many = json_array_size(p->fresh) == SYNC_PARTS_FRESH ||
	    json_array_append_new(p->fresh, json_deep_copy(in)) != 0;
	if (!p->too_many)
		p->fresh_seen[json_array_size(p->fresh) - 1] = hash;
}

const json_t *
sync_parts_fresh(struct sync_parts * p)
{
	p->filled = p->at;
	return (p->too_many ? NULL : json_array_get(p->fresh, p->at++));
}

/* ${v} into ${rec}: in order, so that the record is the same while the parts are. */
static int
put(uint64_t * v, size_t n, json_t * rec)
{
	char * text = malloc(n * DIGITS + 1), * to = text;
	size_t i;
	int rc;

	if (text == NULL)
		return (-1);
	qsort(v, n, sizeof(*v), by_value);
	for (i = 0; i < n; i++) {
		if (i > 0 && v[i] == v[i - 1])
			continue;
		snprintf(to, DIGITS + 1, "%0*" PRIx64, DIGITS, v[i]);
		to += DIGITS;
	}
	rc = json_object_set_new(rec, "parts", json_stringn(text,
	    (size_t)(to - text)));
	free(text);
	return (rc);
}

int
sync_parts_put(struct sync_parts * p, json_t * rec)
{
	json_object_del(rec, "parts");
	return (p->over || p->nseen == 0 ? 0 : put(p->seen, p->nseen, rec));
}

int
sync_parts_put_filled(struct sync_parts * p, json_t * rec)
{
	size_t n = p->nknown + p->filled;
	uint64_t * all;
	int rc;

	if (!p->has_known || p->filled == 0 || n > SYNC_PARTS_MAX)
		return (0);
	if ((all = malloc(n * sizeof(*all))) == NULL)
		return (-1);
	memcpy(all, p->known, p->nknown * sizeof(*all));
	memcpy(all + p->nknown, p->fresh_seen, p->filled * sizeof(*all));
	rc = put(all, n, rec);
	free(all);
	return (rc);
}

void
sync_parts_free(struct sync_parts * p)
{
	free(p->known);
	free(p->seen);
	json_decref(p->fresh);
	memset(p, 0, sizeof(*p));
}
