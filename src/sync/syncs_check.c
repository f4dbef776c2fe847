#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "sql/token.h"
#include "sync/sync_run.h"
#include "sync/syncs_check.h"

/*
 * What a definition must fulfil.  What its SELECT would ask is compiled, entity
 * by entity, as EXPLAIN does it: a WHERE that does not fit, or an input that
 * nobody told, shows now and not at night.
 */

/* ---- explaining ---- */

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	struct syncs_check * k = arg;
	const char * name = k->d->entities[k->at];

	memset(out, 0, sizeof(*out));
	if (schema == NULL || strcasecmp(schema, k->c->name) != 0 ||
	    strcasecmp(table, name) != 0) {
		out->found = 4;
		snprintf(out->path, sizeof(out->path), "a sync reads %.60s.%.60s "
		    "alone, no other table", k->c->name, name);
		return;
	}
	out->found = 1;
	out->c = k->c;
	out->ent = manifest_entity(k->c->m, name);
	snprintf(out->schema, sizeof(out->schema), "%s", k->c->name);
}

static size_t
no_names(void * arg, const char ** names, size_t n)
{
	(void)arg;
	(void)names;
	(void)n;
	return (0);
}

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct syncs_check * k = arg;
	size_t i;

	(void)types;
	for (i = 0; i < n; i++)
		json_array_append_new(k->columns, json_string(names[i]));
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct syncs_check * k = arg;
	json_t * row = json_object(), * x;
	size_t i;

	for (i = 0; i < n && i < json_array_size(k->columns); i++) {
		if (v[i].type == QUERY_INT)
			x = json_integer(v[i].i);
		else if (v[i].type == QUERY_REAL)
			x = json_real(v[i].d);
		else if (v[i].type == QUERY_TEXT)
			x = json_stringn(v[i].s, v[i].len);
		else
			x = json_null();
		json_object_set_new(row, json_string_value(json_array_get(
		    k->columns, i)), x);
	}
	json_array_append_new(k->rows, row);
	return (0);
}

/*
 * It is compiled in brackets of ours: where it ends too early, or goes
 * on too long, these are what is found and expected.
 */
static void
without_brackets(struct err * e, int at_end)
{
	static const char found[] = "found ), but expected";
	static const char or[] = ", a comma or )";
	char * p, msg[sizeof(e->msg)];

	if (at_end && (p = strstr(e->msg, found)) != NULL) {
		snprintf(msg, sizeof(msg), "%.*sfound the end of WHERE%s",
		    (int)(p - e->msg), e->msg, p + sizeof("found )") - 1);
		snprintf(e->msg, sizeof(e->msg), "%s", msg);
	}
	if ((p = strstr(e->msg, or)) != NULL) {
		snprintf(msg, sizeof(msg), "%.*s or the end of WHERE%s",
		    (int)(p - e->msg), e->msg, p + sizeof(or) - 1);
		snprintf(e->msg, sizeof(e->msg), "%s", msg);
	}
}

/* Whether byte ${off} of the condition lies in no bracket of its own. */
static int
is_outside(const char * s, size_t len, size_t off)
{
	struct token_list l;
	size_t i, depth = 0;
	struct err e;

	if (token_list(s, len, 1000000, &l, &e))
		return (0);
	for (i = 0; i < l.n && l.t[i].off < off; i++) {
		if (token_is(&l, i, "("))
			depth++;
		else if (token_is(&l, i, ")") && depth > 0)
			depth--;
	}
	token_list_free(&l);
	return (depth == 0);
}

/* The byte of ${n} bytes of text that line and column, from 1, say. */
static size_t
offset_of(const char * s, size_t n, size_t line, size_t col)
{
	size_t i = 0;

	for (; line > 1 && i < n; i++)
		line -= s[i] == '\n';
	for (; col > 1 && i < n; col--)
		for (i++; i < n && ((unsigned char)s[i] & 0xc0) == 0x80; i++)
			continue;
	return (i);
}

/* A place in the SELECT as one in its WHERE, which begins in its first line. */
static void
mend_place(const struct buf * sql, const char * where, struct err * e)
{
	static const char word[] = " WHERE (";
	const char * at = sql->p == NULL ? NULL : strstr(sql->p, word);
	struct err in = *e;
	size_t line, col, from, off, len, n;

	if (where == NULL || at == NULL ||
	    (n = token_error_place(e->msg, &line, &col)) == 0)
		return;
	from = (size_t)(at - sql->p) + sizeof(word) - 1;
	if (line == 1 && col <= from)
		return;
	len = strlen(where);
	off = offset_of(where, len, line, line == 1 ? col - from : col);
	snprintf(in.msg, sizeof(in.msg), "%.*s", (int)strcspn(e->msg + n, "\n"),
	    e->msg + n);
	if (is_outside(where, len, off))
		without_brackets(&in, off + strspn(where + off, " \t\r\n") >=
		    len);
	token_error(where, len, off, e, "%s", in.msg);
	e->cls = in.cls;
	memcpy(e->code, in.code, sizeof(e->code));
}

static void check_next(struct syncs_check * k);
static void explain(struct syncs_check * k);

static void
on_explained(void * arg, const struct query_stats * st, const struct err * e)
{
	struct syncs_check * k = arg;
	const char * name = k->d->entities[k->at];
	struct err why;

	(void)st;
	if (e != NULL && k->by_token && strcmp(e->code, "input") == 0) {
		/* What is told may fit no list that has a token. */
		json_decref(k->columns);
		json_decref(k->rows);
		k->columns = k->rows = NULL;
		k->no_token = 1;
		explain(k);
		return;
	}
	k->no_token = 0;
	if (e == NULL) {
		json_array_append_new(k->keep, json_string(name));
		json_object_set_new(k->explained, name, json_pack(
		    "{s:s, s:O, s:b}", "sql", k->sql.p, "calls", k->rows,
		    "by_token", k->by_token));
	} else {
		why = *e;
		mend_place(&k->sql, k->d->where, &why);
		syncs_spec_leave_out(k, name, &why);
	}
	json_decref(k->columns);
	json_decref(k->rows);
	k->columns = k->rows = NULL;
	k->at++;
	check_next(k);
}

static void
explain(struct syncs_check * k)
{
	struct query_opts qo;
	struct err e;

	memset(&qo, 0, sizeof(qo));
	qo.conn = k->S->o.conn;
	qo.explain = 1;
	k->by_token = !k->no_token;
	k->columns = json_array();
	k->rows = json_array();
	buf_clear(&k->sql);
	if (k->columns == NULL || k->rows == NULL)
		err_nomem(&e, "a check");
	else if (sync_run_say(k->d, k->c, k->at, k->cursor, &k->by_token,
	    &k->sql, &e) == 0) {
		k->sync.by_token = k->by_token;
		qo.sync = k->by_token ? &k->sync : NULL;
		if (query_start(k->S->o.loop, k->sql.p, k->sql.len, &k->cat,
		    &qo, &k->sink, &e) != NULL)
			return;
	}
	on_explained(k, NULL, &e);
}

/* ---- the whole ---- */

static void
check_free(struct syncs_check * k)
{
	connector_unref(k->c);
	sync_def_unref(k->d);
	json_decref(k->keep);
	json_decref(k->left_out);
	json_decref(k->explained);
	json_decref(k->cursor);
	buf_free(&k->sql);
	free(k);
}

static void
check_done(void * arg)
{
	struct syncs_check * k = arg;
	struct syncs * S = k->S;
	struct sync_def * d = NULL;

	if (!k->failed && json_array_size(k->keep) == 0)
		k->failed = 1; /* with the first one's reason */
	if (!k->failed && (d = syncs_def_with(k->d, json_pack("{s:O}",
	    "entities", k->keep), &k->e)) == NULL)
		k->failed = 1;
	if (!k->failed && syncs_spec_target(S, d, &k->e)) {
		sync_def_unref(d);
		d = NULL;
	}
	k->cb(k->arg, d, k->left_out, k->explained, d ? NULL : &k->e);
	check_free(k);
	S->ops--;
	syncs_maybe_stopped(S);
}

static void
check_next(struct syncs_check * k)
{
	/* One that was named must fit. */
	if (k->at > 0 && !k->whole && json_array_size(k->keep) < k->at)
		k->failed = 1;
	if (!k->failed && k->S->stopping)
		k->failed = err_set(&k->e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down") != 0;
	if (!k->failed && k->at < k->d->nentities)
		explain(k);
	else
		loop_soon(k->S->o.loop, &k->soon, check_done, k);
}

static void
check_begin(void * arg)
{
	check_next(arg);
}

static struct syncs_check *
check_new(struct syncs * S, syncs_check_cb * cb, void * arg)
{
	struct syncs_check * k = calloc(1, sizeof(*k));
	struct err e;

	if (k == NULL || (k->keep = json_array()) == NULL ||
	    (k->left_out = json_array()) == NULL ||
	    (k->explained = json_object()) == NULL) {
		if (k != NULL)
			check_free(k);
		err_nomem(&e, "a check");
		cb(arg, NULL, NULL, NULL, &e);
		return (NULL);
	}
	k->S = S;
	k->sql.max = SYNCS_MAX_WHERE + (1 << 20);
	k->cb = cb;
	k->arg = arg;
	k->cat.lookup = lookup;
	k->cat.names = no_names;
	k->cat.arg = k;
	k->sink.columns = on_columns;
	k->sink.row = on_row;
	k->sink.done = on_explained;
	k->sink.arg = k;
	S->ops++;
	return (k);
}

void
syncs_check_start(struct syncs * S, const struct sync_spec * spec,
    syncs_check_cb * cb, void * arg)
{
	struct syncs_check * k = check_new(S, cb, arg);
	json_t * rec = json_object(), * names = json_array();
	struct err e;

	if (k != NULL && (rec == NULL || names == NULL))
		k->failed = err_nomem(&k->e, "a sync") != 0;
	else if (k != NULL) {
		k->whole = spec->entity == NULL;
		if (syncs_spec_read(k, spec, rec, names, &e) ||
		    (k->d = sync_def_from_record(rec, &e)) == NULL ||
		    (!k->whole && syncs_spec_target(S, k->d, &e))) {
			k->failed = 1;
			k->e = e;
		}
	}
	json_decref(rec);
	json_decref(names);
	if (k != NULL)
		loop_soon(S->o.loop, &k->soon, k->failed ? check_done :
		    check_begin, k);
}

void
syncs_check_def(struct syncs * S, struct sync_def * d, json_t * cursor,
    syncs_check_cb * cb, void * arg)
{
	struct syncs_check * k = check_new(S, cb, arg);
	struct connector * c;

	if (k == NULL)
		return;
	k->d = sync_def_ref(d);
	k->cursor = json_incref(cursor);
	k->whole = 1;
	if ((c = runner_connector(S->o.runner, d->connector)) == NULL)
		k->failed = syncs_spec_no_connector(S, d->connector, &k->e) != 0;
	else
		k->c = connector_ref(c);
	loop_soon(S->o.loop, &k->soon, k->failed ? check_done : check_begin, k);
}
