#include "config.h"

#include "cli/answer.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

/* One line of an answer, that is one row. */
#define LINE_MAX_BYTES ((size_t)256 << 20)
#define COLUMNS_MAX 32768

void
answer_init(struct answer * a, const struct answer_sink * sink)
{
	memset(a, 0, sizeof(*a));
	a->sink = *sink;
	a->part.max = LINE_MAX_BYTES;
}

static int
bad_answer(struct err * e, const char * what)
{
	return (err_set(e, ERR_PERMANENT, "answer",
	    "what answers is not moltlerd, or of another version: %s", what));
}

/* Whether a declared type has one of SQLite's number affinities. */
static int
is_number_type(const char * type)
{
	static const char * const words[] = { "int", "real", "floa", "doub",
	    "num", "dec" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(type, words[i]) != NULL)
			return (1);
	return (0);
}

static int
read_columns(struct answer * a, const json_t * cols, struct err * e)
{
	size_t i, n = json_array_size(cols);
	struct answer_column * c;
	const json_t * name;
	const char * type;

	if (a->state != ANSWER_HEAD || n > COLUMNS_MAX)
		return (bad_answer(e, "columns that cannot be"));
	if (n == 0)
		return (0);
	a->cols = calloc(n, sizeof(*a->cols));
	a->cells = calloc(n, sizeof(*a->cells));
	if (a->cols == NULL || a->cells == NULL)
		return (err_nomem(e, "the columns"));
	a->ncols = n;
	for (i = 0; i < n; i++) {
		c = &a->cols[i];
		name = json_object_get(json_array_get(cols, i), "name");
		if (!json_is_string(name))
			return (bad_answer(e, "a column without a name"));
		if ((c->name = strdup(json_string_value(name))) == NULL)
			return (err_nomem(e, "a column's name"));
		c->len = strlen(c->name);
		type = json_str(json_array_get(cols, i), "type");
		c->is_number = type != NULL && is_number_type(type);
		c->is_json = type != NULL && strcasecmp(type, "json") == 0;
	}
	a->state = ANSWER_ROWS;
	return (a->sink.columns(a->sink.arg, a->cols, n, e));
}

static enum err_class
class_of(const char * name)
{
	static const enum err_class all[] = { ERR_TRANSIENT, ERR_CONFIG,
	    ERR_CANCELLED };
	size_t i;

	for (i = 0; name != NULL && i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, err_class_name(all[i])) == 0)
			return (all[i]);
	return (ERR_PERMANENT);
}

static int
read_error(const json_t * v, struct err * e)
{
	const char * code = json_str(v, "code"), * msg = json_str(v, "message");

	return (err_set(e, class_of(json_str(v, "class")),
	    code != NULL ? code : "error", "%s",
	    msg != NULL ? msg : "the daemon reports an error without a message"));
}

static uint64_t
count_at(const json_t * o, const char * key)
{
	json_int_t v = json_int(o, key, 0);

	return (v > 0 ? (uint64_t)v : 0);
}

/* What comes over the wire goes to a terminal: letters alone. */
static void
read_sync(struct answer * a, const json_t * v)
{
	const char * s = json_str(v, "entity");
	size_t n = 0;

	a->stats.sync.there = v != NULL;
	if (v == NULL)
		return;
	for (; s != NULL && *s != '\0' &&
	    n < sizeof(a->stats.sync.entity) - 1; s++)
		a->stats.sync.entity[n++] = *s > ' ' && *s < 0x7f ? *s : '?';
	a->stats.sync.entity[n] = '\0';
	a->stats.sync.entities_done = count_at(v, "entities_done");
	a->stats.sync.entities = count_at(v, "entities");
	a->stats.sync.rows = count_at(v, "rows");
	a->stats.sync.written = count_at(v, "written");
	a->stats.sync.total = (int64_t)json_int(v, "total", -1);
	a->stats.sync.rate = json_number_value(json_object_get(v, "rate"));
}

static void
read_counts(struct answer * a, const json_t * v)
{
	const json_t * ms = json_object_get(v, "ms");
	const char * why = json_str(v, "skipped_why");

	a->stats.rows = count_at(v, "rows");
	a->stats.pages = count_at(v, "pages");
	a->stats.calls = count_at(v, "calls");
	a->stats.cache_hits = count_at(v, "cache_hits");
	a->stats.cache_age_ms = (int64_t)count_at(v, "cache_age_ms");
	a->stats.not_modified = count_at(v, "not_modified");
	a->stats.not_ok = json_is_false(json_object_get(v, "ok"));
	a->stats.ms = (int64_t)json_number_value(ms);
	a->stats.skipped = count_at(v, "skipped");
	snprintf(a->stats.skipped_why, sizeof(a->stats.skipped_why), "%s",
	    why != NULL ? why : "");
	read_sync(a, json_object_get(v, "sync"));
}

static int
read_stats(struct answer * a, const json_t * v, struct err * e)
{
	read_counts(a, v);
	if (json_object_get(v, "rows") != NULL && a->stats.rows != a->rows)
		return (err_set(e, ERR_PERMANENT, "cut",
		    "the answer is not whole: %ju rows came, the daemon sent "
		    "%ju", (uintmax_t)a->rows, (uintmax_t)a->stats.rows));
	a->stats.rows = a->rows;
	a->state = ANSWER_DONE;
	return (0);
}

static int
read_object(struct answer * a, const char * p, size_t n, struct err * e)
{
	json_t * o = json_parse(p, n, "the answer", e);
	const json_t * v;
	int rc = 0;

	if (o == NULL)
		return (-1);
	if ((v = json_object_get(o, "columns")) != NULL)
		rc = read_columns(a, v, e);
	else if ((v = json_object_get(o, "stats")) != NULL)
		rc = read_stats(a, v, e);
	else if ((v = json_object_get(o, "progress")) != NULL)
		read_counts(a, v);
	else if ((v = json_object_get(o, "error")) != NULL)
		rc = read_error(v, e);
	else
		rc = bad_answer(e, "a line of no known kind");
	json_decref(o);
	return (rc);
}

static int
read_line(struct answer * a, const char * p, size_t n, struct err * e)
{
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return (0);
	if (a->state == ANSWER_DONE)
		return (bad_answer(e, "more after the end"));
	if (*p == '{')
		return (read_object(a, p, n, e));
	if (*p != '[')
		return (bad_answer(e, "the answer is not made of JSON lines"));
	if (a->state != ANSWER_ROWS)
		return (bad_answer(e, "a row before the columns"));
	if (jsonrow_split(p, n, a->cells, a->ncols, e))
		return (-1);
	a->rows++;
	return (a->sink.row(a->sink.arg, a->cells, a->ncols, e));
}

int
answer_feed(struct answer * a, const char * p, size_t n, struct err * e)
{
	const char * nl;
	size_t take;

	while (n > 0) {
		if ((nl = memchr(p, '\n', n)) == NULL || a->part.len > 0) {
			take = nl != NULL ? (size_t)(nl - p) : n;
			if (buf_add(&a->part, p, take))
				return (err_set(e, ERR_PERMANENT, "too_large",
				    "row %" PRIu64 " is larger than %zu MiB "
				    "or than memory", a->rows + 1,
				    LINE_MAX_BYTES >> 20));
			if (nl == NULL)
				return (0);
			if (read_line(a, a->part.p, a->part.len, e))
				return (-1);
			buf_clear(&a->part);
		} else {
			take = (size_t)(nl - p);
			if (read_line(a, p, take, e))
				return (-1);
		}
		p += take + 1;
		n -= take + 1;
	}
	return (0);
}

int
answer_finish(const struct answer * a, struct err * e)
{
	if (a->state == ANSWER_DONE && a->part.len == 0)
		return (0);
	return (err_set(e, ERR_TRANSIENT, "cut",
	    "the answer was cut off after %" PRIu64 " row%s", a->rows,
	    a->rows == 1 ? "" : "s"));
}

void
answer_free(struct answer * a)
{
	size_t i;

	for (i = 0; a->cols != NULL && i < a->ncols; i++)
		free(a->cols[i].name);
	free(a->cols);
	free(a->cells);
	buf_free(&a->part);
}
