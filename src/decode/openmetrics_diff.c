#include "decode/openmetrics_diff.h"

#include <stdlib.h>
#include <string.h>

/* A series that is gone or new is found by looking so far ahead. */
#define WINDOW 64

/* The table of old series is probed at most so often: a page may repeat one
 * series a million times. */
#define PROBES 32

/* Memory of a large page is given back when small ones follow. */
#define LARGE 65536

static void
drop_ops(struct openmetrics_diff * d)
{
	uint32_t i;

	for (i = 0; i < d->nops; i++) {
		free(d->ops[i].name);
		free(d->ops[i].labels);
	}
	d->nops = 0;
}

void
openmetrics_diff_release(struct openmetrics_diff * d)
{
	sample_layout_unref(d->old);
	d->old = NULL;
	d->old_n = d->next = 0;
	drop_ops(d);
}

void
openmetrics_diff_begin(struct openmetrics_diff * d,
    struct sample_layout * old)
{
	openmetrics_diff_release(d);
	d->old = old != NULL ? sample_layout_ref(old) : NULL;
	d->old_n = old != NULL ? sample_layout_n(old) : 0;
	d->old_hashes = old != NULL ? sample_layout_hashes(old) : NULL;
	d->old_lens = old != NULL ? sample_layout_lens(old) : NULL;
	if (d->cap > LARGE && d->cap / 4 > d->old_n) {
		free(d->hashes);
		free(d->lens);
		free(d->ops);
		free(d->used);
		free(d->slots);
		d->hashes = NULL;
		d->lens = NULL;
		d->ops = NULL;
		d->used = NULL;
		d->slots = NULL;
		d->cap = d->ops_cap = 0;
		d->used_cap = d->slots_cap = 0;
	}
	d->next = d->n = 0;
	d->moved = 0;
	d->nslots = 0;
	d->text = 0;
}

/* Make room for ${n} entries of the list. */
static int
reserve(struct openmetrics_diff * d, uint32_t n)
{
	uint32_t cap = d->cap ? d->cap : 512;
	uint64_t * h;
	uint32_t * l;

	if (n <= d->cap)
		return (0);
	while (cap < n)
		cap *= 2;
	if ((h = realloc(d->hashes, cap * sizeof(*h))) != NULL)
		d->hashes = h;
	if ((l = realloc(d->lens, cap * sizeof(*l))) != NULL)
		d->lens = l;
	if (h == NULL || l == NULL)
		return (-1);
	d->cap = cap;
	return (0);
}

static struct sample_diff_op *
push_op(struct openmetrics_diff * d)
{
	struct sample_diff_op * ops;
	uint32_t cap;

	if (d->nops == d->ops_cap) {
		cap = d->ops_cap ? d->ops_cap * 2 : 64;
		if ((ops = realloc(d->ops, cap * sizeof(*ops))) == NULL)
			return (NULL);
		d->ops = ops;
		d->ops_cap = cap;
	}
	memset(&d->ops[d->nops], 0, sizeof(d->ops[0]));
	return (&d->ops[d->nops++]);
}

/* From here on the list is written out: first what was kept so far. */
static int
leave(struct openmetrics_diff * d)
{
	struct sample_diff_op * op;
	size_t words = d->old_n / 64 + 1, i;
	uint64_t * used;

	if (reserve(d, d->n + 1))
		return (-1);
	if (words > d->used_cap) {
		if ((used = realloc(d->used, words * sizeof(*used))) == NULL)
			return (-1);
		d->used = used;
		d->used_cap = words;
	}
	if (d->n > 0) {
		if ((op = push_op(d)) == NULL)
			return (-1);
		op->keep_n = d->n;
		memcpy(d->hashes, d->old_hashes, d->n * sizeof(*d->hashes));
		memcpy(d->lens, d->old_lens, d->n * sizeof(*d->lens));
	}
	for (i = 0; i < words; i++)
		d->used[i] = i < d->n / 64 ? UINT64_MAX : 0;
	d->used[d->n / 64] = (UINT64_C(1) << (d->n % 64)) - 1;
	d->moved = 1;
	return (0);
}

int
openmetrics_diff_keep(struct openmetrics_diff * d, uint32_t j)
{
	struct sample_diff_op * op;

	if (!d->moved) {
		if (j == d->n) {
			d->next = ++d->n;
			return (0);
		}
		if (leave(d))
			return (-1);
	}
	if (reserve(d, d->n + 1))
		return (-1);
	op = d->nops > 0 ? &d->ops[d->nops - 1] : NULL;
	if (op == NULL || op->keep_n == 0 || op->keep_from + op->keep_n != j) {
		if ((op = push_op(d)) == NULL)
			return (-1);
		op->keep_from = j;
	}
	op->keep_n++;
	d->used[j / 64] |= UINT64_C(1) << (j % 64);
	d->hashes[d->n] = d->old_hashes[j];
	d->lens[d->n++] = d->old_lens[j];
	d->next = j + 1;
	return (0);
}

static char *
copy(const char * p, size_t n)
{
	char * s;

	if ((s = malloc(n + 1)) != NULL) {
		memcpy(s, p, n);
		s[n] = '\0';
	}
	return (s);
}

int
openmetrics_diff_new(struct openmetrics_diff * d, uint64_t hash,
    uint32_t len, const struct openmetrics_line * line)
{
	struct sample_diff_op * op;

	if (!d->moved && leave(d))
		return (-1);
	buf_clear(&d->labels);
	if (reserve(d, d->n + 1) || openmetrics_line_labels(line, &d->labels))
		return (-1);
	d->text += d->labels.len + line->name.n + 2;
	if (d->text > OPENMETRICS_DIFF_TEXT_MAX || (op = push_op(d)) == NULL)
		return (-1);
	op->name = copy(line->name.p, line->name.n);
	op->labels = copy(d->labels.p, d->labels.len);
	if (op->name == NULL || op->labels == NULL)
		return (-1);
	d->hashes[d->n] = hash;
	d->lens[d->n++] = len;
	return (0);
}

static int
is_same(const struct openmetrics_diff * d, uint32_t j, uint64_t hash,
    uint32_t len)
{
	return (d->old_hashes[j] == hash && d->old_lens[j] == len &&
	    !openmetrics_diff_is_used(d, j));
}

/* Some bits of a chunk's hash are its line count (see the decoder): fold. */
static size_t
slot_of(uint64_t hash)
{
	return ((size_t)(hash ^ hash >> 32));
}

static int
make_index(struct openmetrics_diff * d)
{
	size_t n = 64, s, tries;
	uint32_t * slots, j;

	while (n < 2 * (size_t)d->old_n)
		n *= 2;
	if (n > d->slots_cap) {
		if ((slots = realloc(d->slots, n * sizeof(*slots))) == NULL)
			return (-1);
		d->slots = slots;
		d->slots_cap = n;
	}
	memset(d->slots, 0xff, n * sizeof(*d->slots));
	for (j = 0; j < d->old_n; j++) {
		s = slot_of(d->old_hashes[j]) & (n - 1);
		for (tries = 0; tries < PROBES &&
		    d->slots[s] != OPENMETRICS_DIFF_NONE; tries++)
			s = (s + 1) & (n - 1);
		if (tries < PROBES)
			d->slots[s] = j;
	}
	d->nslots = n;
	return (0);
}

uint32_t
openmetrics_diff_find(struct openmetrics_diff * d, uint64_t hash,
    uint32_t len)
{
	uint32_t j, to = d->old_n;
	size_t s, tries;

	if (to - d->next > WINDOW)
		to = d->next + WINDOW;
	for (j = d->next; j < to; j++)
		if (is_same(d, j, hash, len))
			return (j);
	/* Not near: perhaps whole families changed places. */
	if (d->old_n <= WINDOW && !d->moved && d->next == 0)
		return (OPENMETRICS_DIFF_NONE); /* the window was all of it */
	if (d->nslots == 0 && make_index(d))
		return (OPENMETRICS_DIFF_NONE);
	s = slot_of(hash) & (d->nslots - 1);
	for (tries = 0; tries < PROBES; tries++) {
		if ((j = d->slots[s]) == OPENMETRICS_DIFF_NONE)
			break;
		if (is_same(d, j, hash, len))
			return (j);
		s = (s + 1) & (d->nslots - 1);
	}
	return (OPENMETRICS_DIFF_NONE);
}

static int
is_old_list(const struct openmetrics_diff * d)
{
	if (d->old == NULL || d->n != d->old_n)
		return (0);
	return (!d->moved || (memcmp(d->hashes, d->old_hashes,
	    d->n * sizeof(*d->hashes)) == 0 && memcmp(d->lens, d->old_lens,
	    d->n * sizeof(*d->lens)) == 0));
}

int
openmetrics_diff_end(struct openmetrics_diff * d, struct sample_page * page)
{
	struct sample_diff * diff;

	page->n = d->n;
	page->diff = NULL;
	if (is_old_list(d)) {
		page->layout = sample_layout_ref(d->old);
		return (0);
	}
	if (!d->moved && leave(d))
		return (-1);
	if ((diff = calloc(1, sizeof(*diff))) == NULL)
		return (-1);
	if ((page->layout = sample_layout_intern(d->hashes, d->lens,
	    d->n)) == NULL) {
		free(diff);
		return (-1);
	}
	diff->n = d->nops;
	diff->ops = d->ops;
	d->ops = NULL;
	d->nops = d->ops_cap = 0;
	page->diff = diff;
	return (0);
}

void
openmetrics_diff_free(struct openmetrics_diff * d)
{
	openmetrics_diff_release(d);
	free(d->hashes);
	free(d->lens);
	free(d->ops);
	free(d->used);
	free(d->slots);
	buf_free(&d->labels);
}
