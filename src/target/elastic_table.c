#include "target/elastic_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "target/elastic_call.h"
#include "target/elastic_columns.h"
#include "target/elastic_pit.h"

/* Not for long: what is asked of the cluster follows from how its fields are mapped,
 * and an index that came since may map them otherwise. */
#define KNOWN_US INT64_C(2000000)
#define MAX_KNOWN 64
#define MAX_PATTERN 255
#define MAPPING_MAX ((size_t)32 << 20)
#define ASK_MS 20000

struct elastic_table {
	struct loop * L;
	struct elastic * el;
	struct elastic_call * call;
	struct soon soon;
	struct connector * c; /* it was known */
	struct err e;
	char pattern[MAX_PATTERN + 1];
	elastic_table_cb * cb;
	void * arg;
};

static struct {
	struct elastic * el;
	char * pattern;
	struct connector * c;
	int64_t at_us;
} known[MAX_KNOWN];
static unsigned next_known;

int
elastic_table_name_ok(const char * s)
{
	size_t n = strlen(s);

	return (n > 0 && n <= MAX_PATTERN && strchr("-_+", *s) == NULL &&
	    strcmp(s, ".") != 0 && strcmp(s, "..") != 0 &&
	    strpbrk(s, "\\/?\"<>| ,#:\t\r\n") == NULL);
}

static void
forget(size_t i)
{
	connector_unref(known[i].c);
	free(known[i].pattern);
	memset(&known[i], 0, sizeof(known[i]));
}

void
elastic_table_cleanup(void)
{
	size_t i;

	for (i = 0; i < MAX_KNOWN; i++)
		forget(i);
}

static struct connector *
find(const struct elastic * el, const char * pattern)
{
	size_t i;

	for (i = 0; i < MAX_KNOWN; i++) {
		if (known[i].el != el || strcmp(known[i].pattern, pattern) != 0)
			continue;
		if (clock_mono_us() - known[i].at_us < KNOWN_US)
			return (known[i].c);
		forget(i);
	}
	return (NULL);
}

static void
keep(struct elastic * el, const char * pattern, struct connector * c)
{
	size_t i;

	for (i = 0; i < MAX_KNOWN; i++)
		if (known[i].el == el && strcmp(known[i].pattern, pattern) == 0)
			forget(i);
	for (i = 0; i < MAX_KNOWN && known[i].el != NULL; i++)
		continue;
	if (i == MAX_KNOWN)
		i = next_known++ % MAX_KNOWN;
	forget(i);
	/* Without memory it is asked again. */
	if ((known[i].pattern = strdup(pattern)) == NULL)
		return;
	known[i].el = el;
	known[i].c = connector_ref(c);
	known[i].at_us = clock_mono_us();
}

/* The callback may leave everything; ${t} is freed before it. */
static void
finish(struct elastic_table * t, struct connector * c, const struct err * e)
{
	elastic_table_cb * cb = t->cb;
	void * arg = t->arg;

	free(t);
	cb(arg, c, e);
	connector_unref(c);
}

static void
on_soon(void * arg)
{
	struct elastic_table * t = arg;
	struct err e = t->e;

	finish(t, t->c, t->c == NULL ? &e : NULL);
}

static void
on_mapping(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_table * t = arg;
	struct connector * c = NULL;
	struct err mine;
	json_t * v;

	t->call = NULL;
	if (e != NULL) {
		mine = *e;
		err_prefix(&mine, "columns of es.%s", t->pattern);
	} else if (res->status == 404) {
		err_set(&mine, ERR_CONFIG, "no_index", "there is no index %.200s",
		    t->pattern);
	} else if (res->status < 200 || res->status > 299) {
		elastic_err(&mine, res, "_mapping");
		err_prefix(&mine, "columns of es.%s", t->pattern);
	} else if ((v = json_parse(res->body, res->body_len, "the answer to "
	    "_mapping", &mine)) != NULL) {
		c = elastic_columns_table(t->pattern, v, &mine);
		json_decref(v);
		if (c != NULL)
			keep(t->el, t->pattern, c);
	}
	finish(t, c, c == NULL ? &mine : NULL);
}

static int
ask(struct elastic_table * t)
{
	struct elastic_ask a = { .method = "GET", .max_body = MAPPING_MAX,
	    .timeout_ms = ASK_MS };
	struct buf path = BUF_INIT(16384);

	buf_addc(&path, '/');
	if (elastic_pit_path(t->pattern, &path) == 0)
		buf_adds(&path, "/_mapping");
	a.path = path.p;
	if (!path.failed)
		t->call = elastic_call(t->el, &a, on_mapping, t);
	buf_free(&path);
	return (t->call == NULL ? -1 : 0);
}

struct elastic_table *
elastic_table_ask(struct loop * L, struct elastic * el, const char * pattern,
    elastic_table_cb * cb, void * arg)
{
	struct elastic_table * t = calloc(1, sizeof(*t));
	struct connector * c;

	if (t == NULL)
		return (NULL);
	t->L = L;
	t->el = el;
	t->cb = cb;
	t->arg = arg;
	if (strlen(pattern) > MAX_PATTERN) {
		err_set(&t->e, ERR_CONFIG, "no_index", "no index has a name "
		    "that long");
		loop_soon(L, &t->soon, on_soon, t);
		return (t);
	}
	memcpy(t->pattern, pattern, strlen(pattern) + 1);
	if ((c = find(el, pattern)) != NULL) {
		t->c = connector_ref(c);
		loop_soon(L, &t->soon, on_soon, t);
	} else if (ask(t)) {
		free(t);
		return (NULL);
	}
	return (t);
}

void
elastic_table_leave(struct elastic_table * t)
{
	if (t == NULL)
		return;
	elastic_call_cancel(t->call);
	loop_soon_cancel(t->L, &t->soon);
	connector_unref(t->c);
	free(t);
}
