#include "conn/reader_match.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash64.h"

/* What is held for one statement where nobody says how much it may be. */
#define BYTES_MAX ((size_t)256 << 20)
#define BOUND_MAX 10000

/* Of a text so much is hashed: longer ones differ before. */
#define HASHED 512

struct slot {
	uint64_t hash;
	const struct value * row; /* NULL: free */
};

struct reader_match {
	size_t column;
	int nocase;
	struct page ** pages;
	size_t npages, pages_cap;
	struct read_ctx * ctx;
	size_t bytes; /* charged to it */
	struct slot * slots;
	size_t nslots, nrows; /* a power of two, at most half of them used */
	struct value * bound; /* texts are copies */
	size_t nbound;
};

struct reader_match *
reader_match_new(size_t column, int nocase, struct read_ctx * ctx)
{
	struct reader_match * m = calloc(1, sizeof(*m));

	if (m == NULL)
		return (NULL);
	m->column = column;
	m->nocase = nocase;
	m->ctx = ctx;
	return (m);
}

void
reader_match_free(struct reader_match * m)
{
	size_t i;

	if (m == NULL)
		return;
	m->ctx->held -= m->bytes;
	for (i = 0; i < m->npages; i++)
		page_unref(m->pages[i]);
	for (i = 0; i < m->nbound; i++)
		if (m->bound[i].type == VALUE_TEXT)
			free((char *)(uintptr_t)m->bound[i].s);
	free(m->pages);
	free(m->slots);
	free(m->bound);
	free(m);
}

static int
is_same(const struct value * a, const struct value * b, int nocase)
{
	if (a->type != b->type)
		return (0);
	if (a->type == VALUE_INT)
		return (a->i == b->i);
	return (a->type == VALUE_TEXT && a->len == b->len &&
	    (nocase ? strncasecmp(a->s, b->s, a->len) :
	    memcmp(a->s, b->s, a->len)) == 0);
}

int
reader_match_asks(struct reader_match * m, const struct value * bound,
    struct err * e)
{
	struct value * more;
	char * text;
	size_t i;

	for (i = 0; i < m->nbound; i++)
		if (is_same(&m->bound[i], bound, 0))
			return (0);
	if (m->nbound == BOUND_MAX)
		return (err_set(e, ERR_PERMANENT, "too_big", "rows of more than "
		    "%d accounts would have to be completed in one statement: "
		    "ask for fewer", BOUND_MAX));
	more = realloc(m->bound, (m->nbound + 1) * sizeof(*more));
	if (more == NULL)
		return (err_nomem(e, "a listing"));
	m->bound = more;
	more += m->nbound;
	*more = *bound;
	if (bound->type == VALUE_TEXT) {
		if ((text = malloc((size_t)bound->len + 1)) == NULL)
			return (err_nomem(e, "a listing"));
		memcpy(text, bound->s, bound->len);
		more->s = text;
	}
	m->nbound++;
	return (1);
}

static uint64_t
hash_of(const struct reader_match * m, const struct value * v)
{
	char s[HASHED];
	size_t i, n = v->len < HASHED ? v->len : HASHED;

	if (v->type == VALUE_INT)
		return (hash64(hash64_secret(), (const char *)&v->i, sizeof(v->i)));
	for (i = 0; i < n; i++)
		s[i] = (char)(m->nocase ? tolower((unsigned char)v->s[i]) :
		    v->s[i]);
	return (hash64(hash64_secret(), s, n));
}

/* The slot of ${key}, or the free one where it would be. */
static struct slot *
slot_of(const struct reader_match * m, const struct value * key, uint64_t hash)
{
	size_t i = (size_t)hash & (m->nslots - 1);

	while (m->slots[i].row != NULL && (m->slots[i].hash != hash ||
	    !is_same(&m->slots[i].row[m->column], key, m->nocase)))
		i = (i + 1) & (m->nslots - 1);
	return (&m->slots[i]);
}

static int
grow(struct reader_match * m, size_t rows)
{
	struct slot * old = m->slots, * to;
	size_t n = m->nslots > 0 ? m->nslots : 256, was = m->nslots, i;

	while (n < 2 * (m->nrows + rows))
		n *= 2;
	if (n == was)
		return (0);
	if ((m->slots = calloc(n, sizeof(*m->slots))) == NULL) {
		m->slots = old;
		return (-1);
	}
	m->nslots = n;
	for (i = 0; i < was; i++) {
		if (old[i].row == NULL)
			continue;
		to = slot_of(m, &old[i].row[m->column], old[i].hash);
		*to = old[i];
	}
	free(old);
	return (0);
}

static int
keep(struct reader_match * m, struct page * p)
{
	struct page ** more;
	size_t cap = m->pages_cap > 0 ? 2 * m->pages_cap : 16;

	if (m->npages == m->pages_cap) {
		if ((more = realloc(m->pages, cap * sizeof(*more))) == NULL)
			return (-1);
		m->pages = more;
		m->pages_cap = cap;
	}
	m->pages[m->npages++] = p;
	return (0);
}

static size_t
most(const struct reader_match * m)
{
	return (m->ctx->max_held > 0 ? m->ctx->max_held : BYTES_MAX);
}

/* Room for the page and for finding its rows; 0, or -1: it is too much. */
static int
charge(struct reader_match * m, const struct page * p)
{
	size_t n = p->bytes + 4 * sizeof(*m->slots) * p->nrows;

	if (n > most(m) || m->ctx->held > most(m) - n)
		return (-1);
	m->ctx->held += n;
	m->bytes += n;
	return (0);
}

int
reader_match_add(struct reader_match * m, struct page * p, struct err * e)
{
	const struct value * row;
	struct slot * s;
	uint64_t hash;
	size_t i;

	if (charge(m, p)) {
		page_unref(p);
		return (err_set(e, ERR_PERMANENT, "too_big", "what completes "
		    "the rows is more than the %zu KiB that a statement may "
		    "hold of it: ask for fewer, leave out the columns that are "
		    "completed, or give statements more (query_memory)",
		    most(m) >> 10));
	}
	if (grow(m, p->nrows) || keep(m, p)) {
		page_unref(p);
		return (err_nomem(e, "a listing"));
	}
	for (i = 0; i < p->nrows; i++) {
		row = page_at(p, i);
		if (row[m->column].type != VALUE_TEXT &&
		    row[m->column].type != VALUE_INT)
			continue;
		hash = hash_of(m, &row[m->column]);
		s = slot_of(m, &row[m->column], hash);
		m->nrows += s->row == NULL;
		s->hash = hash;
		s->row = row;
	}
	return (0);
}

const struct value *
reader_match_find(const struct reader_match * m, const struct value * key)
{
	if (m->nslots == 0 || (key->type != VALUE_TEXT &&
	    key->type != VALUE_INT))
		return (NULL);
	return (slot_of(m, key, hash_of(m, key))->row);
}
