#include "fake_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* A batch on its way. */
struct batch {
	struct batch * next;
	struct fake_writer * w;
	json_t * rows;        /* array of [key, text] */
	struct loop_timer * t;
};

struct fake_writer {
	struct writer base;
	struct fake_target * t;
	struct writer_events ev;
	char table[64], sync[64];
	int64_t fence;
	size_t ncols;
	uint8_t is_key[64];
	json_t * rows;        /* not sent */
	struct batch * head, ** tail;
	int is_new;
	uint64_t given, acked, rejected, passed;
	int full, failed, flushing;
	struct loop_timer * opener, * failer, * sweeper;
	struct buf key, text;
	enum writer_sweep_how how;
	double ratio;
	writer_sweep_cb * swept;
	void * swept_arg;
	json_t * but;
};

static void *
must(void * p)
{
	if (p == NULL)
		abort();
	return (p);
}

void
fake_target_init(struct fake_target * t, struct loop * L)
{
	memset(t, 0, sizeof(*t));
	t->L = L;
	t->tables = json_object();
	t->batch = 10;
	t->window = 40;
	t->delay_ms = 15;
	t->open_ms = 5;
}

void
fake_target_free(struct fake_target * t)
{
	json_decref(t->tables);
}

static json_t *
table_of(const struct fake_target * t, const char * name)
{
	json_t * o = json_object_get(t->tables, name);

	if (o == NULL) {
		o = json_object();
		json_object_set_new(t->tables, name, o);
	}
	return (o);
}

const char *
fake_target_row(const struct fake_target * t, const char * table,
    const char * key)
{
	const json_t * r = json_object_get(table_of(t, table), key);

	if (json_is_true(json_object_get(r, "deleted")))
		return (NULL);
	return (json_string_value(json_object_get(r, "row")));
}

size_t
fake_target_count(const struct fake_target * t, const char * table)
{
	const char * key;
	json_t * r;
	size_t n = 0;

	json_object_foreach(table_of(t, table), key, r)
		n += !json_is_true(json_object_get(r, "deleted"));
	return (n);
}

static struct fake_writer *
of(const struct writer * w)
{
	return ((struct fake_writer *)(uintptr_t)w);
}

static void
fail(struct fake_writer * w, enum err_class cls, const char * code)
{
	struct err e;

	w->failed = 1;
	err_set(&e, cls, code, "the target said %s", code);
	w->ev.failed(w->ev.arg, &e);
}

static void
batch_free(struct batch * b)
{
	loop_timer_free(b->t);
	json_decref(b->rows);
	free(b);
}

/* 0, or -1: a later run was there. */
static int
store(struct fake_writer * w, const json_t * row)
{
	json_t * t = table_of(w->t, w->table), * have;
	const char * key = json_string_value(json_array_get(row, 0));
	const char * text = json_string_value(json_array_get(row, 1));

	have = json_object_get(t, key);
	if (json_integer_value(json_object_get(have, "fence")) > w->fence) {
		w->t->refused++;
		return (-1);
	}
	if (w->t->reject != NULL && strstr(text, w->t->reject) != NULL) {
		w->rejected++;
		return (0);
	}
	if (w->t->pass != NULL && strstr(text, w->t->pass) != NULL) {
		w->passed++;
		return (0);
	}
	json_object_set_new(t, key, json_pack("{s:s, s:I, s:s}", "row", text,
	    "fence", (json_int_t)w->fence, "sync", w->sync));
	return (0);
}

static void send(struct fake_writer *, size_t);

static void
on_stored(void * arg)
{
	struct batch * b = arg;
	struct fake_writer * w = b->w;
	const json_t * row;
	size_t i;

	if (w->failed || w->t->frozen || w->t->stalled || b != w->head) {
		/* In order; what is stalled is asked again. */
		if (!w->failed && !w->t->frozen)
			loop_timer_start(b->t, 50);
		return;
	}
	if ((w->head = b->next) == NULL)
		w->tail = &w->head;
	json_array_foreach(b->rows, i, row)
		if (store(w, row)) {
			batch_free(b);
			fail(w, ERR_PERMANENT, "fenced");
			return;
		}
	w->acked += json_array_size(b->rows);
	w->t->rows += json_array_size(b->rows);
	batch_free(b);
	w->ev.acked(w->ev.arg, w->acked);
	if (w->full && w->given - w->acked < w->t->window) {
		w->full = 0;
		w->ev.room(w->ev.arg);
	}
}

static void
send(struct fake_writer * w, size_t n)
{
	struct batch * b;

	while (json_array_size(w->rows) >= n && json_array_size(w->rows) > 0) {
		b = must(calloc(1, sizeof(*b)));
		b->w = w;
		b->rows = must(json_array());
		while (json_array_size(w->rows) > 0 &&
		    json_array_size(b->rows) < w->t->batch) {
			json_array_append(b->rows, json_array_get(w->rows, 0));
			json_array_remove(w->rows, 0);
		}
		b->t = must(loop_timer_new(w->t->L, on_stored, b));
		loop_timer_start(b->t, w->t->delay_ms);
		*w->tail = b;
		w->tail = &b->next;
	}
}

static void
on_fail(void * arg)
{
	struct fake_writer * w = arg;

	if (!w->failed && !w->t->frozen)
		fail(w, w->t->fail_cls, w->t->fail_code);
}

static int
row(struct writer * base, const struct value * v)
{
	struct fake_writer * w = of(base);
	struct buf * to;
	size_t i;

	if (w->failed)
		abort();
	buf_clear(&w->key);
	buf_clear(&w->text);
	for (i = 0; i < w->ncols; i++) {
		to = &w->text;
		if (v[i].type == VALUE_INT)
			buf_addf(to, "%s%lld", i ? "|" : "",
			    (long long)v[i].i);
		else
			buf_addf(to, "%s%.*s", i ? "|" : "",
			    v[i].type == VALUE_TEXT ? (int)v[i].len : 0,
			    v[i].type == VALUE_TEXT ? v[i].s : "");
		if (w->is_key[i] && v[i].type == VALUE_INT)
			buf_addf(&w->key, "%lld", (long long)v[i].i);
		else if (w->is_key[i])
			buf_addf(&w->key, "%.*s", (int)v[i].len, v[i].s);
	}
	json_array_append_new(w->rows, json_pack("[s, s]", w->key.p,
	    w->text.p));
	w->given++;
	if (w->t->fail_at != 0 && w->given == w->t->fail_at)
		loop_timer_start(w->failer, 0);
	if (!w->t->frozen)
		send(w, w->t->batch);
	w->full |= w->given - w->acked >= w->t->window;
	return (w->full);
}

static void
flush(struct writer * base)
{
	of(base)->t->flushes++;
	if (!of(base)->t->frozen)
		send(of(base), 1);
}

/* Whether the row of that text has the values of one of these. */
static int
is_one_of(const json_t * parts, const json_t * r)
{
	const char * text = json_string_value(json_object_get(r, "row"));
	const char * part, * column;
	json_t * o, * v;
	int all;

	json_object_foreach((json_t *)(uintptr_t)parts, part, o) {
		all = 1;
		json_object_foreach(o, column, v)
			all &= strstr(text, json_string_value(v)) != NULL;
		if (all)
			return (1);
	}
	return (0);
}

static int
is_left(const struct fake_writer * w, const json_t * r)
{
	return (w->but != NULL && (!is_one_of(json_object_get(w->but,
	    "listed"), r) || is_one_of(json_object_get(w->but, "left"), r)));
}

static void
on_sweep(void * arg)
{
	struct fake_writer * w = arg;
	json_t * t = table_of(w->t, w->table), * r;
	const char * key;
	void * tmp;
	uint64_t n = 0, all = 0;
	struct err e;
	int pass;

	if (w->t->frozen)
		return;
	for (pass = 0; pass < 2; pass++)
		json_object_foreach_safe(t, tmp, key, r) {
			if (json_is_true(json_object_get(r, "deleted")))
				continue;
			all += pass == 0;
			if (json_integer_value(json_object_get(r, "fence")) >=
			    w->fence || strcmp(w->sync, json_string_value(
			    json_object_get(r, "sync"))) != 0 ||
			    is_left(w, r))
				continue;
			n += pass == 0;
			if (pass == 0 || (double)n > w->ratio * (double)all)
				continue;
			if (w->how == SWEEP_MARK)
				json_object_set_new(r, "deleted", json_true());
			else
				json_object_del(t, key);
		}
	if ((double)n > w->ratio * (double)all) {
		err_set(&e, ERR_PERMANENT, "delete_ratio", "%llu of %llu rows "
		    "would be deleted", (unsigned long long)n,
		    (unsigned long long)all);
		w->swept(w->swept_arg, 0, &e);
		return;
	}
	w->swept(w->swept_arg, n, NULL);
}

static void
sweep(struct writer * base, enum writer_sweep_how how, double ratio,
    const json_t * but, writer_sweep_cb * cb, void * arg)
{
	struct fake_writer * w = of(base);

	if (w->acked != w->given)
		abort();
	w->t->sweeps++;
	w->but = json_deep_copy(but);
	w->how = how;
	w->ratio = ratio;
	w->swept = cb;
	w->swept_arg = arg;
	loop_timer_start(w->sweeper, 5);
}

static void
stats(const struct writer * base, struct writer_stats * st)
{
	const struct fake_writer * w = of(base);

	memset(st, 0, sizeof(*st));
	st->is_new = w->is_new;
	st->rows = w->acked;
	st->rejected = w->rejected;
	st->passed = w->passed;
	if (w->rejected > 0)
		snprintf(st->reject_why, sizeof(st->reject_why),
		    "mapper_parsing_exception");
}

static void
close_writer(struct writer * base)
{
	struct fake_writer * w = of(base);
	struct batch * b;

	while ((b = w->head) != NULL) {
		w->head = b->next;
		batch_free(b);
	}
	w->t->open--;
	loop_timer_free(w->opener);
	loop_timer_free(w->failer);
	loop_timer_free(w->sweeper);
	json_decref(w->but);
	json_decref(w->rows);
	buf_free(&w->key);
	buf_free(&w->text);
	free(w);
}

static void
on_open(void * arg)
{
	struct fake_writer * w = arg;

	if (!w->t->frozen)
		w->ev.ready(w->ev.arg);
}

struct writer *
fake_writer_open(struct fake_target * t, const struct writer_spec * spec,
    const struct writer_events * ev, struct err * e)
{
	static const struct writer_ops ops = { "fake", row, flush, sweep,
	    stats, close_writer, 1 };
	struct fake_writer * w = must(calloc(1, sizeof(*w)));
	size_t i;

	(void)e;
	w->base.ops = &ops;
	w->t = t;
	w->ev = *ev;
	snprintf(w->table, sizeof(w->table), "%s", spec->table);
	snprintf(w->sync, sizeof(w->sync), "%s", spec->sync);
	w->is_new = t->tells_new && json_object_get(t->tables,
	    spec->table) == NULL;
	w->fence = spec->fence;
	w->ncols = spec->ncolumns;
	for (i = 0; i < w->ncols; i++)
		w->is_key[i] = spec->columns[i].is_key;
	w->rows = must(json_array());
	w->tail = &w->head;
	w->opener = must(loop_timer_new(t->L, on_open, w));
	w->failer = must(loop_timer_new(t->L, on_fail, w));
	w->sweeper = must(loop_timer_new(t->L, on_sweep, w));
	loop_timer_start(w->opener, t->open_ms);
	t->open++;
	t->refresh = spec->refresh;
	return (&w->base);
}
