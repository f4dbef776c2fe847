#include "query/query_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "sql/token.h"

#define PROGRESS_MS 200
#define DEFAULT_CALLS 1000

static void
on_stats(void * arg, const struct read_stats * st)
{
	struct query_live * v = arg;
	struct query * q = v->q;
	int64_t now = clock_mono_us() / 1000;

	q->st.api = *st;
	if (q->sink.progress == NULL || now - v->told_ms < PROGRESS_MS)
		return;
	v->told_ms = now;
	q->st.ms = now - q->t0_us / 1000;
	q->sink.progress(q->sink.arg, &q->st);
}

void
query_live_waits(struct query_live * v)
{
	struct query * q = v->q;

	if (q->sink.progress == NULL || q->st.rows == v->told_rows)
		return;
	v->told_rows = q->st.rows;
	v->told_ms = clock_mono_us() / 1000;
	q->st.ms = v->told_ms - q->t0_us / 1000;
	q->sink.progress(q->sink.arg, &q->st);
}

struct query_live *
query_live_new(struct query * q)
{
	struct query_live * v = calloc(1, sizeof(*v));

	if (v == NULL)
		return (NULL);
	v->q = q;
	if ((v->feeds = query_feeds_new(v, q->opts.max_memory / 2)) == NULL) {
		free(v);
		return (NULL);
	}
	v->ctx.st.total = -1;
	v->ctx.max_calls = q->opts.max_calls;
	v->ctx.max_held = q->opts.max_memory / 2;
	v->ctx.deadline_ms = q->t0_us / 1000 + q->opts.deadline_ms;
	v->ctx.progress = on_stats;
	v->ctx.arg = v;
	v->told_ms = q->t0_us / 1000;
	v->plain = query_where_is_plain(&q->list);
	return (v);
}

void
query_live_free(struct query_live * v)
{
	size_t i;

	if (v == NULL)
		return;
	query_feeds_free(v->feeds);
	v->q->st.api = v->ctx.st;
	for (i = 0; i < v->nchoices; i++) {
		buf_free(&v->choices[i]->lits);
		buf_free(&v->choices[i]->local);
		free(v->choices[i]);
	}
	free(v->choices);
	for (i = 0; i < v->nents; i++)
		connector_unref(v->ents[i].c);
	buf_free(&v->key);
	free(v->values);
	query_straight_free(&v->straight);
	free(v);
}

/* The least that the connectors' OPTIONS allow, where nobody said. */
static void
cap_calls(struct query_live * v, const struct connector * c)
{
	uint64_t max = c->opt.max_api_calls > 0 ?
	    (uint64_t)c->opt.max_api_calls : DEFAULT_CALLS;

	if (v->q->opts.max_calls == 0 &&
	    (v->nents == 0 || max < v->ctx.max_calls))
		v->ctx.max_calls = max;
}

int
query_live_add(struct query_live * v, struct connector * c,
    const struct manifest_entity * ent, size_t name)
{
	struct query_entity * at = &v->ents[v->nents];

	if (v->nents == QUERY_MAX_TABLES)
		return (-1);
	cap_calls(v, c);
	at->c = connector_ref(c);
	at->ent = ent;
	at->name = name;
	return ((int)v->nents++);
}

static int
same(const struct query_choice * ch, const struct query_choice_head * head,
    const struct buf * lits, int64_t limit)
{
	return (ch->limit == limit && memcmp(&ch->h, head, sizeof(*head)) == 0 &&
	    ch->lits.len == lits->len &&
	    (lits->len == 0 || memcmp(ch->lits.p, lits->p, lits->len) == 0));
}

int
query_live_choice(struct query_live * v, const struct query_choice_head * head,
    const struct buf * lits, int64_t limit, int known)
{
	struct query_choice ** more, * ch;
	size_t i, cap;

	for (i = v->nchoices; i-- > 0;)
		if (same(v->choices[i], head, lits, limit))
			return ((int)i);
	if (v->nchoices == QUERY_MAX_CHOICES)
		return (-1);
	if (v->nchoices == v->cap_choices) {
		cap = v->cap_choices ? v->cap_choices * 2 : 16;
		if ((more = realloc(v->choices, cap * sizeof(*more))) == NULL)
			return (-1);
		v->choices = more;
		v->cap_choices = cap;
	}
	if ((ch = calloc(1, sizeof(*ch))) == NULL)
		return (-1);
	memcpy(&ch->h, head, sizeof(*head));
	if (lits->len > 0 && buf_add(&ch->lits, lits->p, lits->len)) {
		buf_free(&ch->lits);
		free(ch);
		return (-1);
	}
	ch->limit = limit;
	ch->known = known;
	v->choices[v->nchoices] = ch;
	return ((int)v->nchoices++);
}

int
query_live_fail(struct query_live * v, const struct err * e)
{
	if (!v->failed) {
		v->failed = 1;
		v->e = *e;
	}
	return (SQLITE_ABORT);
}

/* ${name}, and what else would do: of each way to list its first input that has
 * no default. */
static void
others(const struct manifest_entity * ent, const char * name, char * out,
    size_t size)
{
	size_t i, k, n = (size_t)snprintf(out, size, "%.60s", name), m;
	const char * seen[4] = { name }, * s;
	size_t nseen = 1;
	const json_t * x;
	int c;

	for (i = 0; i < ent->nlists && nseen < 4; i++) {
		s = NULL;
		json_array_foreach((json_t *)(uintptr_t)ent->lists[i].needs, k,
		    x)
			if (s == NULL && (c = manifest_column(ent,
			    json_string_value(x))) >= 0 &&
			    ent->columns[c].dflt == NULL)
				s = ent->columns[c].name;
		for (k = 0; s != NULL && k < nseen; k++)
			if (strcasecmp(seen[k], s) == 0)
				s = NULL;
		if (s == NULL || n + strlen(s) + 5 > size)
			continue;
		seen[nseen++] = s;
		m = (size_t)snprintf(out + n, size - n, " or %s", s);
		n += m;
	}
}

static void
missing_input(struct query_live * v, struct err * e)
{
	const struct query * q = v->q;
	const struct query_entity * en = &v->ents[v->missing_entity];
	char all[120];

	others(en->ent, v->missing, all, sizeof(all));
	token_error(q->sql, q->len, q->list.t[en->name].off, e,
	    "%.60s.%.60s has to be told %s: add WHERE %.60s = '...' (or "
	    "IN, or a join's ON that gives it)", en->c->name, en->ent->name,
	    all, v->missing);
	if (e != NULL) {
		e->cls = ERR_CONFIG;
		memcpy(e->code, "input", sizeof("input"));
	}
}

int
query_live_error(struct query_live * v, int rc, struct err * e)
{
	if (v == NULL)
		return (0);
	if (v->failed) {
		*e = v->e;
		return (1);
	}
	if ((rc & 0xff) == SQLITE_ERROR && v->missing != NULL &&
	    strcmp(sqlite3_errmsg(v->q->db), "no query solution") == 0) {
		missing_input(v, e);
		return (1);
	}
	return (0);
}
