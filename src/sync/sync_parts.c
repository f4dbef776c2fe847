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

	/* All may have been left out. */
	if (s == NULL || n > SYNC_PARTS_MAX || (n == 0 && *s != '\0') ||
	    (p->known = calloc(n + 1, sizeof(*p->known))) == NULL)
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

/* One more in a list of ${n}, which has room for ${cap}. */
static int
add(uint64_t ** list, size_t * n, size_t * cap, uint64_t h)
{
	size_t more = *cap == 0 ? 16 : 2 * *cap;
	uint64_t * v;

	if (*n == SYNC_PARTS_MAX)
		return (-1);
	if (*n == *cap) {
		if ((v = realloc(*list, more * sizeof(*v))) == NULL)
			return (-1);
		*list = v;
		*cap = more;
	}
	(*list)[(*n)++] = h;
	return (0);
}

/* Several values that are asked for at once: how many may differ from run to run, and
 * one of them may be left out. */
static int
is_several(const json_t * in)
{
	const char * name;
	json_t * v;

	json_object_foreach((json_t *)(uintptr_t)in, name, v)
		if (json_is_array(v))
			return (1);
	return (0);
}

void
sync_parts_note(struct sync_parts * p, uint64_t hash, const json_t * in)
{
	size_t n = json_array_size(p->fresh);

	hash &= MASK;
	if (p->over || is_several(in) || add(&p->seen, &p->nseen, &p->cap, hash)) {
		p->over = 1;
		return;
	}
	if (!p->has_known || is_known(p, hash) || p->too_many)
		return;
	if (p->fresh == NULL)
		p->fresh = json_array();
	p->too_many = n == SYNC_PARTS_FRESH ||
	    json_array_append_new(p->fresh, json_deep_copy(in)) != 0;
	if (!p->too_many)
		p->fresh_hash[n] = hash;
}

void
sync_parts_left(struct sync_parts * p, uint64_t hash)
{
	size_t n = json_array_size(p->fresh), i;

	/* What is read by itself is the last one that was given out. */
	hash = p->at > 0 ? p->fresh_hash[p->at - 1] : hash & MASK;
	if (add(&p->left, &p->nleft, &p->left_cap, hash))
		p->over = 1;
	for (i = p->at; i < n; i++)
		if (p->fresh_hash[i] == hash &&
		    json_array_remove(p->fresh, i) == 0) {
			memmove(p->fresh_hash + i, p->fresh_hash + i + 1,
			    (n - i - 1) * sizeof(*p->fresh_hash));
			break;
		}
}

/* In order, and each once. */
static size_t
sort(uint64_t * list, size_t n)
{
	size_t i, k = 0;

	if (n > 0)
		qsort(list, n, sizeof(*list), by_value);
	for (i = 0; i < n; i++)
		if (i == 0 || list[i] != list[i - 1])
			list[k++] = list[i];
	return (k);
}

size_t
sync_parts_lost(struct sync_parts * p)
{
	p->nleft = sort(p->left, p->nleft);
	return (p->over ? 0 : p->nleft);
}

const json_t *
sync_parts_fresh(struct sync_parts * p)
{
	p->filled = p->at;
	return (p->too_many || p->at == json_array_size(p->fresh) ? NULL :
	    json_array_get(p->fresh, p->at++));
}

/* ${list} into ${rec} but for those that were left out: in order, so that the record is
 * the same while the parts are. */
static int
put(struct sync_parts * p, uint64_t * list, size_t n, json_t * rec)
{
	char * text = malloc(n * DIGITS + 1), * to = text;
	size_t i, k = 0;
	int rc;

	if (text == NULL)
		return (-1);
	n = sort(list, n);
	p->nleft = sort(p->left, p->nleft);
	for (i = 0; i < n; i++) {
		while (k < p->nleft && p->left[k] < list[i])
			k++;
		if (k < p->nleft && p->left[k] == list[i])
			continue;
		snprintf(to, DIGITS + 1, "%0*" PRIx64, DIGITS, list[i]);
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
	return (p->over ? 0 : put(p, p->seen, p->nseen, rec));
}

int
sync_parts_put_filled(struct sync_parts * p, json_t * rec)
{
	size_t n = p->nknown + p->filled;
	uint64_t * all;
	int rc;

	if (p->over || !p->has_known || p->filled == 0 || n > SYNC_PARTS_MAX)
		return (0);
	if ((all = malloc(n * sizeof(*all))) == NULL)
		return (-1);
	memcpy(all, p->known, p->nknown * sizeof(*all));
	memcpy(all + p->nknown, p->fresh_hash, p->filled * sizeof(*all));
	rc = put(p, all, n, rec);
	free(all);
	return (rc);
}

void
sync_parts_free(struct sync_parts * p)
{
	free(p->known);
	free(p->seen);
	free(p->left);
	json_decref(p->fresh);
	memset(p, 0, sizeof(*p));
}
