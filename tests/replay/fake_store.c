#include "fake_store.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_loop.h"

/* What stays when its source is closed. */
struct kept {
	struct kept * next;
	struct targets * t;
	char key[256];  /* database.table/connector */
	char name[136];
	struct fake_tick * ticks;
	size_t n, cap;
	int64_t last_at, fence, retention;
	struct sample_layout * layout;
	int open;
	struct append * pending;
};

struct targets {
	struct loop * L;
	struct kept * kept;
	int64_t commit_ms;
	unsigned fail, refuse;
	enum err_class fail_cls, refuse_cls;
	const char * fail_code, * refuse_code;
	size_t doubles;
};

struct sample_source {
	struct kept * k;
};

struct append {
	struct kept * k;
	struct fake_tick tick;
	struct sample_layout * layout;
	struct loop_timer * timer;
	int nothing; /* a double: succeeds, stores nothing */
	int failed;
	struct err e;
	void (*cb)(void *, const struct err *);
	void * arg;
};

static void *
must(void * p)
{
	if (p == NULL)
		abort();
	return (p);
}

static void
misuse(const char * what, const struct kept * k)
{
	fprintf(stderr, "# the target was misused: %s (%s)\n", what, k->key);
	abort();
}

struct targets *
fake_targets_new(struct loop * L)
{
	struct targets * t = must(calloc(1, sizeof(*t)));

	t->L = L;
	t->commit_ms = 50;
	return (t);
}

void
fake_targets_free(struct targets * t)
{
	struct kept * k;

	if (t == NULL)
		return;
	while ((k = t->kept) != NULL) {
		if (k->open)
			misuse("a source was left open", k);
		t->kept = k->next;
		sample_layout_unref(k->layout);
		free(k->ticks);
		free(k);
	}
	free(t);
}

static struct kept *
find(const struct targets * t, const char * name)
{
	struct kept * k;

	for (k = t->kept; k != NULL; k = k->next)
		if (strcmp(k->name, name) == 0)
			return (k);
	return (NULL);
}

const struct fake_tick *
fake_targets_ticks(const struct targets * t, const char * name, size_t * n)
{
	const struct kept * k = find(t, name);

	*n = k ? k->n : 0;
	return (k ? k->ticks : NULL);
}

void
fake_targets_fail(struct targets * t, enum err_class cls, const char * code,
    unsigned n)
{
	t->fail = n;
	t->fail_cls = cls;
	t->fail_code = code;
}

void
fake_targets_refuse(struct targets * t, enum err_class cls,
    const char * code, unsigned n)
{
	t->refuse = n;
	t->refuse_cls = cls;
	t->refuse_code = code;
}

void
fake_targets_commit(struct targets * t, int64_t ms)
{
	t->commit_ms = ms;
}

size_t
fake_targets_doubles(const struct targets * t)
{
	return (t->doubles);
}

int64_t
fake_targets_retention(const struct targets * t, const char * name)
{
	const struct kept * k = find(t, name);

	return (k ? k->retention : -1);
}

int
targets_database_ok(const char * s)
{
	return (isalpha((unsigned char)s[0]) && strcmp(s, "main") != 0);
}

int
targets_table_ok(const char * s)
{
	return (isalpha((unsigned char)s[0]) || s[0] == '_');
}

struct sample_source *
targets_source(struct targets * t, const char * database, const char * table,
    const char * name, struct err * e)
{
	struct sample_source * src;
	struct kept * k;
	char key[256];

	if (t->refuse > 0) {
		t->refuse--;
		err_set(e, t->refuse_cls, t->refuse_code, "target %s.%s: %s",
		    database, table, t->refuse_code);
		return (NULL);
	}
	snprintf(key, sizeof(key), "%s.%s/%s", database, table, name);
	for (k = t->kept; k != NULL; k = k->next)
		if (strcmp(k->key, key) == 0)
			break;
	if (k == NULL) {
		k = must(calloc(1, sizeof(*k)));
		k->t = t;
		strcpy(k->key, key);
		snprintf(k->name, sizeof(k->name), "%s", name);
		k->last_at = INT64_MIN;
		k->next = t->kept;
		t->kept = k;
	}
	if (k->open)
		misuse("a source was opened twice", k);
	k->open = 1;
	src = must(calloc(1, sizeof(*src)));
	src->k = k;
	return (src);
}

void
sample_source_close(struct sample_source * src)
{
	if (src == NULL)
		return;
	if (src->k->pending != NULL)
		misuse("a source was closed while a tick is written", src->k);
	src->k->open = 0;
	free(src);
}

struct sample_layout *
sample_source_layout(const struct sample_source * src)
{
	return (src->k->layout);
}

int64_t
sample_source_last_at(const struct sample_source * src)
{
	return (src->k->last_at);
}

void
sample_source_retain(struct sample_source * src, int64_t ms)
{
	src->k->retention = ms;
}

static void
keep(struct append * a)
{
	struct kept * k = a->k;

	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 16;
		k->ticks = must(realloc(k->ticks, k->cap * sizeof(*k->ticks)));
	}
	a->tick.stored = fake_loop_ms(k->t->L);
	k->ticks[k->n++] = a->tick;
	k->last_at = a->tick.at;
	sample_layout_unref(k->layout);
	k->layout = a->layout;
	a->layout = NULL;
}

static void
on_commit(void * arg)
{
	struct append * a = arg;

	a->k->pending = NULL;
	if (!a->failed && !a->nothing)
		keep(a);
	a->cb(a->arg, a->failed ? &a->e : NULL);
	sample_layout_unref(a->layout);
	loop_timer_free(a->timer);
	free(a);
}

static int
has(const struct kept * k, int64_t at)
{
	size_t i;

	for (i = k->n; i-- > 0;)
		if (k->ticks[i].at == at)
			return (1);
	return (0);
}

/* The diff is against what the source has, or it is the whole list. */
static void
check_page(const struct kept * k, const struct sample_page * page)
{
	if (page->layout == NULL ||
	    page->n != sample_layout_n(page->layout))
		misuse("a page does not fit its layout", k);
	if (page->diff == NULL && page->layout != k->layout)
		misuse("another layout without a difference", k);
}

void
sample_source_append(struct sample_source * src, int64_t at_ms,
    int64_t fence, const struct sample_page * page,
    void (*cb)(void * arg, const struct err * e), void * arg)
{
	struct append * a = must(calloc(1, sizeof(*a)));
	struct kept * k = src->k;
	struct targets * t = k->t;

	if (k->pending != NULL)
		misuse("two ticks of one source at once", k);
	check_page(k, page);
	k->pending = a;
	a->k = k;
	a->tick.at = at_ms;
	a->tick.fence = fence;
	a->tick.n = page->n;
	a->tick.first = page->n > 0 ? page->values[0] : 0;
	a->layout = sample_layout_ref(page->layout);
	a->cb = cb;
	a->arg = arg;
	if (t->fail > 0) {
		t->fail--;
		a->failed = 1;
		err_set(&a->e, t->fail_cls, t->fail_code, "%s: %s", k->key,
		    t->fail_code);
	} else if (fence < k->fence) {
		a->failed = 1;
		err_set(&a->e, ERR_PERMANENT, "fenced", "%s: a later run "
		    "wrote already", k->key);
	} else {
		k->fence = fence;
		a->nothing = has(k, at_ms);
		t->doubles += (size_t)a->nothing;
	}
	a->timer = must(loop_timer_new(t->L, on_commit, a));
	loop_timer_start(a->timer, t->commit_ms);
}
