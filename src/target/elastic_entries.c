#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/elastic_writer.h"

/* The entries of a batch: rows in, and what is left of them when an answer came. */

static int
more_entries(struct elastic_batch * b)
{
	size_t n = b->cap ? 2 * b->cap : 256;
	uint32_t * at;
	uint8_t * p;

	if ((at = realloc(b->at, (n + 1) * sizeof(*at))) == NULL)
		return (-1);
	b->at = at;
	if ((p = realloc(b->kind, n)) == NULL)
		return (-1);
	b->kind = p;
	if ((p = realloc(b->outcome, n)) == NULL)
		return (-1);
	b->outcome = p;
	b->cap = n;
	return (0);
}

/* What begins at body.len is an entry. */
static int
begin_entry(struct elastic_batch * b, enum entry kind)
{
	if (b->n == b->cap && more_entries(b))
		return (-1);
	b->at[b->n] = (uint32_t)b->body.len;
	b->kind[b->n] = (uint8_t)kind;
	return (0);
}

static void
end_entry(struct elastic_batch * b)
{
	b->n++;
	b->at[b->n] = (uint32_t)b->body.len;
}

static int
put_aside(struct elastic_batch * b, const char * lines, size_t len,
    const char * why)
{
	struct elastic_writer * w = b->w;

	if (elastic_doc_reject(w->rejected, w->spec.sync, clock_wall_ms(), why,
	    strlen(why), lines, len, &b->rejects))
		return (-1);
	if (w->st.rejected++ == 0) {
		snprintf(w->st.reject_why, sizeof(w->st.reject_why), "%s", why);
		log_event(LOG_WARN, "row_rejected",
		    LOG_S("sync", w->spec.sync),
		    LOG_S("index", w->spec.table), LOG_S("reason", why));
	}
	return (0);
}

/* Entry ${i} moves down to where ${n} are before it. */
static void
move_entry(struct elastic_batch * b, size_t i, size_t n, size_t * bytes)
{
	size_t from = b->at[i], len = b->at[i + 1] - from;

	memmove(b->body.p + *bytes, b->body.p + from, len);
	b->at[n] = (uint32_t)*bytes;
	b->kind[n] = b->kind[i];
	*bytes += len;
}

/* A row without a key is nobody's document: it is put aside in its place. */
static int
add_keyless(struct elastic_batch * b, size_t from)
{
	static const char why[] = "a column of its key is NULL";

	buf_clear(&b->rejects);
	if (put_aside(b, b->body.p + from, b->body.len - from, why))
		return (-1);
	b->body.len = from;
	b->kind[b->n] = ENTRY_REJECT;
	return (buf_add(&b->body, b->rejects.p, b->rejects.len));
}

int
elastic_batch_add(struct elastic_batch * b, const struct value * v)
{
	size_t from = b->body.len;
	int is_keyless = elastic_doc_is_keyless(b->w->doc, v);

	b->body.max = ELASTIC_BATCH_MAX;
	if (begin_entry(b, ENTRY_ROW))
		return (-1);
	if (elastic_doc_add(b->w->doc, v, &b->body) ||
	    (is_keyless && add_keyless(b, from)) || b->body.failed) {
		b->body.len = from;
		b->body.failed = 0;
		return (-1);
	}
	end_entry(b);
	b->rows++;
	b->gone += !is_keyless && elastic_doc_is_gone(b->w->doc, v);
	return (is_keyless ? 0 : elastic_twice_add(b));
}

void
elastic_batch_close(struct elastic_batch * b)
{
	size_t i, n = 0, bytes = 0;

	if (b->old == 0)
		return;
	for (i = 0; i < b->n; i++)
		if (b->kind[i] != ENTRY_OLD)
			move_entry(b, i, n++, &bytes);
	b->n = n;
	b->body.len = bytes;
	b->at[n] = (uint32_t)bytes;
	b->old = 0;
}

void
elastic_batch_clear(struct elastic_batch * b)
{
	b->rows = b->gone = 0;
	b->window = 0;
	b->after = 0;
	if (b->nslots > 0)
		memset(b->slots, 0, b->nslots * sizeof(*b->slots));
}

/* What was put aside are entries of their own, of two lines each. */
static int
add_rejects(struct elastic_batch * b)
{
	const char * p = b->rejects.p, * end, * nl;

	for (end = p + b->rejects.len; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? memchr(nl + 1, '\n', (size_t)(end - nl - 1)) : NULL;
		if (nl == NULL || begin_entry(b, ENTRY_REJECT) ||
		    buf_add(&b->body, p, (size_t)(nl + 1 - p)))
			return (-1);
		end_entry(b);
	}
	return (0);
}

int
elastic_batch_close_ranks(struct elastic_batch * b)
{
	const char * why = b->whys.p;
	size_t i, n = 0, bytes = 0;

	if (b->whys.failed)
		return (-1);
	for (i = 0; i < b->n; i++) {
		if (i < b->sent && b->outcome[i] == OUTCOME_WRITTEN)
			continue;
		if (i < b->sent && b->outcome[i] == OUTCOME_REFUSED) {
			if (put_aside(b, b->body.p + b->at[i], b->at[i + 1] -
			    b->at[i], why))
				return (-1);
			why += strlen(why) + 1;
			continue;
		}
		move_entry(b, i, n++, &bytes);
	}
	b->n = n;
	b->body.len = bytes;
	b->at[n] = (uint32_t)bytes;
	return (b->rejects.len > 0 ? add_rejects(b) : 0);
}
