#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/fixture_internal.h"
#include "conn/plan.h"
#include "conn/reader.h"

#define MAX_GIVEN 32
#define MAX_VALUES 256
#define MAX_CALLS 100
#define MAX_WAIT_MS 2000 /* a longer wait is the error it leads to */
#define MAX_LIVE_MS 120000

/* The fixture's question, as plan_new() wants it. */
struct question {
	const struct manifest_entity * ent;
	struct plan_given given[MAX_GIVEN];
	size_t ngiven;
	struct value values[MAX_VALUES];
	size_t nvalues;
	struct plan_order orders[8];
	size_t norders;
	size_t cols[256];
	size_t ncols;
	int64_t limit;
};

/* Where the rows go. */
struct listing {
	struct fixture_run * run;
	const struct question * q;
	struct reader * r;
	struct page * page;
	int ended;
	char * told;             /* for the next run of a sync, or NULL */
};

static const struct {
	const char * word;
	unsigned op;
} ops[] = {
	{ "=", OP_EQ }, { "!=", OP_NE }, { "in", OP_IN }, { "<", OP_LT },
	{ "<=", OP_LE }, { ">", OP_GT }, { ">=", OP_GE },
	{ "like_prefix", OP_PREFIX }, { "like_substring", OP_SUBSTR },
	{ "contains", OP_CONTAINS }, { "is_null", OP_IS_NULL },
	{ "is_not_null", OP_NOT_NULL }
};

static int
column_of(const struct question * q, const char * name, size_t * out,
    struct err * e)
{
	int i = name == NULL ? -1 : manifest_column(q->ent, name);

	if (i < 0)
		return (err_set(e, ERR_CONFIG, "fixture",
		    "%s has no column %s", q->ent->name, name != NULL ? name :
		    "without a name"));
	*out = (size_t)i;
	return (0);
}

static int
add_value(struct question * q, const json_t * v, struct err * e)
{
	struct value * to = &q->values[q->nvalues];

	if (q->nvalues == MAX_VALUES)
		return (err_set(e, ERR_CONFIG, "fixture", "too many values"));
	memset(to, 0, sizeof(*to));
	if (json_is_string(v)) {
		to->type = VALUE_TEXT;
		to->s = json_string_value(v);
		to->len = (uint32_t)json_string_length(v);
	} else if (json_is_real(v)) {
		to->type = VALUE_REAL;
		to->d = json_real_value(v);
	} else if (json_is_integer(v) || json_is_boolean(v)) {
		to->type = VALUE_INT;
		to->i = json_is_integer(v) ? json_integer_value(v) :
		    json_is_true(v);
	}
	q->nvalues++;
	return (0);
}

static int
add_given(struct question * q, const json_t * w, struct err * e)
{
	struct plan_given * g = &q->given[q->ngiven];
	const char * word = json_str(w, "op");
	const json_t * v = json_object_get(w, "value");
	json_t * one;
	size_t i;

	if (q->ngiven == MAX_GIVEN)
		return (err_set(e, ERR_CONFIG, "fixture", "too many conditions"));
	for (i = 0; word != NULL && i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(ops[i].word, word) == 0)
			g->op = ops[i].op;
	if (g->op == 0)
		return (err_set(e, ERR_CONFIG, "fixture", "unknown op %s",
		    word != NULL ? word : "(none)"));
	if (column_of(q, json_str(w, "column"), &g->column, e))
		return (-1);
	g->values = &q->values[q->nvalues];
	if (g->op == OP_IN) {
		json_array_foreach((json_t *)(uintptr_t)v, i, one)
			if (add_value(q, one, e))
				return (-1);
		g->nvalues = json_array_size(v);
	} else if (g->op != OP_IS_NULL && g->op != OP_NOT_NULL) {
		if (add_value(q, v, e))
			return (-1);
		g->nvalues = 1;
	}
	q->ngiven++;
	return (0);
}

static int
add_order(struct question * q, const json_t * o, struct err * e)
{
	const char * dir = json_string_value(json_array_get(o, 1));

	if (q->norders == 8)
		return (err_set(e, ERR_CONFIG, "fixture", "too many orders"));
	if (column_of(q, json_string_value(json_array_get(o, 0)),
	    &q->orders[q->norders].column, e))
		return (-1);
	q->orders[q->norders++].desc = dir != NULL && strcmp(dir, "desc") == 0;
	return (0);
}

static int
ask(struct question * q, const struct fixture_run * run, struct err * e)
{
	const char * name = json_str(run->fx, "entity");
	json_t * v;
	size_t i;

	if (name == NULL || (q->ent = manifest_entity(run->m, name)) == NULL)
		return (err_set(e, ERR_CONFIG, "fixture",
		    "there is no entity %s", name != NULL ? name : "?"));
	json_array_foreach(json_object_get(run->fx, "columns"), i, v) {
		if (q->ncols == sizeof(q->cols) / sizeof(q->cols[0]))
			break;
		if (column_of(q, json_string_value(v), &q->cols[q->ncols++], e))
			return (-1);
	}
	json_array_foreach(json_object_get(run->fx, "where"), i, v)
		if (add_given(q, v, e))
			return (-1);
	json_array_foreach(json_object_get(run->fx, "order"), i, v)
		if (add_order(q, v, e))
			return (-1);
	q->limit = json_int(run->fx, "limit", -1);
	return (0);
}

static json_t *
cell(const struct manifest_column * col, const struct value * v)
{
	json_t * j = NULL;

	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		return (json_null());
	case VALUE_INT:
		return (col->type == COLUMN_BOOLEAN ? json_boolean(v->i != 0) :
		    json_integer(v->i));
	case VALUE_REAL:
		return (json_real(v->d));
	case VALUE_TEXT:
		if (col->type == COLUMN_LIST || col->type == COLUMN_MAP)
			j = json_loadb(v->s, v->len, JSON_DECODE_ANY, NULL);
		return (j != NULL ? j : json_stringn(v->s, v->len));
	}
	return (NULL);
}

static int
take_rows(struct listing * l, const struct page * p)
{
	const struct question * q = l->q;
	const struct value * cells;
	json_t * row;
	size_t i, j;

	for (i = 0; i < p->nrows && (q->limit < 0 ||
	    json_array_size(l->run->got) < (size_t)q->limit); i++) {
		cells = page_at(p, i);
		if ((row = json_array()) == NULL)
			return (-1);
		for (j = 0; j < q->ncols; j++)
			if (json_array_append_new(row, cell(
			    &q->ent->columns[q->cols[j]], &cells[q->cols[j]]))) {
				json_decref(row);
				return (-1);
			}
		if (json_array_append_new(l->run->got, row))
			return (-1);
	}
	return (0);
}

static void
on_page(void * arg, struct page * p, const struct err * e)
{
	struct listing * l = arg;

	l->page = p;
	l->ended = p == NULL;
	fixture_done(l->run, e);
}

static int
read_all(struct listing * l)
{
	struct fixture_run * run = l->run;
	int rc;

	while (!l->ended && (l->q->limit < 0 ||
	    json_array_size(run->got) < (size_t)l->q->limit)) {
		run->done = 0;
		reader_next(l->r, on_page, l);
		if (fixture_wait(run))
			return (-1);
		if (l->page == NULL)
			break;
		rc = take_rows(l, l->page);
		page_unref(l->page);
		l->page = NULL;
		if (rc)
			return (err_nomem(&run->err, "rows"));
	}
	return (0);
}

static const char *
on_token(void * arg, uint64_t part, const json_t * in)
{
	const struct listing * l = arg;

	(void)part;
	(void)in;
	return (json_str(l->run->fx, "sync"));
}

static void
on_told(void * arg, const struct reader_told * t)
{
	struct listing * l = arg;

	free(l->told);
	l->told = t->token != NULL ? strdup(t->token) : NULL;
}

/* The plan that the fixture is about. */
static struct plan *
plan_of(const struct listing * l)
{
	const struct question * q = l->q;
	struct fixture_run * run = l->run;

	if (json_object_get(run->fx, "sync") != NULL)
		return (plan_new_token(run->c, q->ent, q->given, q->ngiven,
		    &run->err));
	return (plan_new(run->c, q->ent, q->given, q->ngiven, q->orders,
	    q->norders, &run->err));
}

/* As a sync by tokens reads. */
static int
begin_sync(struct listing * l, struct reader_cursors * cursors)
{
	if (json_object_get(l->run->fx, "sync") == NULL)
		return (0);
	cursors->token = on_token;
	cursors->told = on_told;
	cursors->arg = l;
	return (reader_sync(l->r, -1, NULL, &l->run->err) ||
	    reader_sync_cursors(l->r, cursors, &l->run->err) ? -1 : 0);
}

/* Whether the next run is told what the fixture says. */
static int
check_told(struct listing * l)
{
	const char * want = json_str(l->run->fx, "told");

	if (want == NULL || (l->told != NULL && strcmp(l->told, want) == 0))
		return (0);
	return (err_set(&l->run->err, ERR_PERMANENT, "told", "the next run would "
	    "be told %.200s, not %.200s", l->told ? l->told : "nothing", want));
}

int
fixture_list(struct fixture_run * run)
{
	struct listing l = { .run = run };
	struct question * q = calloc(1, sizeof(*q));
	struct reader_cursors cursors = { .column = 0 };
	struct read_ctx ctx;
	struct plan * p;
	size_t i;
	int rc = -1;

	memset(&ctx, 0, sizeof(ctx));
	ctx.max_calls = MAX_CALLS;
	ctx.deadline_ms = clock_mono_us() / 1000 + (run->live ? MAX_LIVE_MS :
	    MAX_WAIT_MS);
	if (q == NULL || (run->got = json_array()) == NULL) {
		free(q);
		return (err_nomem(&run->err, "a fixture"));
	}
	l.q = q;
	if (ask(q, run, &run->err) || (p = plan_of(&l)) == NULL) {
		free(q);
		return (-1);
	}
	memset(p->wanted, 0, q->ent->ncolumns);
	for (i = 0; i < q->ncols; i++)
		p->wanted[q->cols[i]] = 1;
	/* Where pages are told their size a limit does not make them others. */
	if (run->c->opt.batch_size == 0)
		p->limit = q->limit;
	if ((l.r = reader_open(&run->env, p, &ctx, &run->err)) != NULL &&
	    begin_sync(&l, &cursors) == 0)
		rc = read_all(&l);
	if (rc == 0)
		rc = check_told(&l);
	free(l.told);
	reader_close(l.r);
	if (ctx.st.skipped > 0)
		snprintf(run->skipped, sizeof(run->skipped), "%s",
		    ctx.st.skipped_why);
	free(q);
	return (rc);
}
