#include "base/sample.h"

#include <stdlib.h>
#include <string.h>

/* Without this uthash ends the process when memory is short. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/hash64.h"

struct mark {
	const void * owner;
	int64_t id;
};

struct sample_layout {
	uint64_t digest[2]; /* of both arrays; the intern table's key */
	uint32_t refs;
	uint32_t n;
	uint32_t nmarks;
	struct mark * marks;
	uint64_t * hashes;
	uint32_t * lens;
	UT_hash_handle hh;
};

static struct sample_layout * interned;

static void
digest(uint64_t out[2], const uint64_t * hashes, const uint32_t * lens,
    uint32_t n)
{
	const char * h = (const char *)hashes, * l = (const char *)lens;

	/* The chunk hashes are keyed already; these only spread them. */
	out[0] = hash64(UINT64_C(0x6d6f6c746c657201), h, n * sizeof(*hashes)) ^
	    hash64(UINT64_C(0x6d6f6c746c657202), l, n * sizeof(*lens));
	out[1] = hash64(UINT64_C(0x6d6f6c746c657203), h, n * sizeof(*hashes)) + n;
}

static void
layout_free(struct sample_layout * l)
{
	free(l->marks);
	free(l->hashes);
	free(l->lens);
	free(l);
}

struct sample_layout *
sample_layout_intern(const uint64_t * hashes, const uint32_t * lens,
    uint32_t n)
{
	static const uint64_t none[1];
	struct sample_layout * l;
	uint64_t d[2];

	if (n == 0) {
		/* An empty page may come without arrays. */
		hashes = none;
		lens = (const uint32_t *)none;
	}
	digest(d, hashes, lens, n);
	HASH_FIND(hh, interned, d, sizeof(d), l);
	if (l != NULL && l->n == n &&
	    memcmp(l->hashes, hashes, n * sizeof(*hashes)) == 0 &&
	    memcmp(l->lens, lens, n * sizeof(*lens)) == 0)
		return (sample_layout_ref(l));
	if (l != NULL)
		return (NULL); /* two lists, one 128-bit digest: not in this world */
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->hashes = malloc(n * sizeof(*hashes) + 1);
	l->lens = malloc(n * sizeof(*lens) + 1);
	if (l->hashes == NULL || l->lens == NULL) {
		layout_free(l);
		return (NULL);
	}
	memcpy(l->digest, d, sizeof(d));
	memcpy(l->hashes, hashes, n * sizeof(*hashes));
	memcpy(l->lens, lens, n * sizeof(*lens));
	l->n = n;
	l->refs = 1;
	HASH_ADD(hh, interned, digest, sizeof(l->digest), l);
	if (l->hh.tbl == NULL) {
		layout_free(l);
		return (NULL);
	}
	return (l);
}

struct sample_layout *
sample_layout_ref(struct sample_layout * l)
{
	l->refs++;
	return (l);
}

void
sample_layout_unref(struct sample_layout * l)
{
	if (l == NULL || --l->refs > 0)
		return;
	HASH_DEL(interned, l);
	layout_free(l);
}

uint32_t
sample_layout_n(const struct sample_layout * l)
{
	return (l->n);
}

const uint64_t *
sample_layout_hashes(const struct sample_layout * l)
{
	return (l->hashes);
}

const uint32_t *
sample_layout_lens(const struct sample_layout * l)
{
	return (l->lens);
}

int
sample_layout_mark(struct sample_layout * l, const void * owner, int64_t id)
{
	struct mark * m;
	uint32_t i;

	for (i = 0; i < l->nmarks; i++) {
		if (l->marks[i].owner == owner) {
			l->marks[i].id = id;
			return (0);
		}
	}
	if ((m = realloc(l->marks, (l->nmarks + 1) * sizeof(*m))) == NULL)
		return (-1);
	l->marks = m;
	m[l->nmarks].owner = owner;
	m[l->nmarks++].id = id;
	return (0);
}

int64_t
sample_layout_marked(const struct sample_layout * l, const void * owner)
{
	uint32_t i;

	for (i = 0; i < l->nmarks; i++)
		if (l->marks[i].owner == owner)
			return (l->marks[i].id);
	return (0);
}

void
sample_layout_forget(const void * owner)
{
	struct sample_layout * l, * tmp;
	uint32_t i;

	HASH_ITER(hh, interned, l, tmp) {
		for (i = 0; i < l->nmarks; i++) {
			if (l->marks[i].owner == owner) {
				l->marks[i] = l->marks[--l->nmarks];
				break;
			}
		}
	}
}

void
sample_diff_free(struct sample_diff * d)
{
	uint32_t i;

	if (d == NULL)
		return;
	for (i = 0; i < d->n; i++) {
		free(d->ops[i].name);
		free(d->ops[i].labels);
	}
	free(d->ops);
	free(d);
}
