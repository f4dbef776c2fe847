#include "config.h"

#include "cli/prompt_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/quote.h"
#include "cli/answer.h"

#define ASK_US 400000
#define QUIET_US 5000000
#define FRESH_US 30000000
#define ROWS_MAX 20000
#define KEPT_MAX 500
#define CELLS 4 /* of a row that are kept */

struct prompt_names {
	struct client_http * c;
	json_t * kept; /* statement -> rows, each a list of its first texts */
	json_t * list; /* what was given out last */
	int64_t deadline_us; /* of the completion that is worked out */
	int64_t fresh_until_us;
	int64_t quiet_until_us;
};

/* One question that runs. */
struct ask {
	json_t * rows;
	struct answer answer;
	int64_t deadline_us;
	size_t ncols;
};

struct prompt_names *
prompt_names_new(struct client_http * c)
{
	struct prompt_names * n = calloc(1, sizeof(*n));

	if (n == NULL || (n->kept = json_object()) == NULL) {
		free(n);
		return (NULL);
	}
	n->c = c;
	return (n);
}

void
prompt_names_client(struct prompt_names * n, struct client_http * c)
{
	n->c = c;
	json_object_clear(n->kept);
	n->quiet_until_us = 0;
}

void
prompt_names_begin(struct prompt_names * n)
{
	n->deadline_us = clock_mono_us() + ASK_US;
}

void
prompt_names_stale(struct prompt_names * n)
{
	n->fresh_until_us = 0;
	n->quiet_until_us = 0;
}

static int
on_columns(void * arg, const struct answer_column * cols, size_t n,
    struct err * e)
{
	struct ask * q = arg;

	(void)cols;
	(void)e;
	q->ncols = n;
	return (0);
}

static int
on_row(void * arg, const struct jsonrow_cell * cells, size_t n,
    struct err * e)
{
	struct ask * q = arg;
	struct buf b = BUF_INIT(1 << 16);
	json_t * row = json_array();
	size_t i;

	for (i = 0; i < n && i < CELLS; i++) {
		buf_clear(&b);
		if (cells[i].kind != JSONROW_NULL &&
		    jsonrow_text(&cells[i], &b) == 0 && b.p != NULL)
			json_array_append_new(row, json_stringn(b.p, b.len));
		else
			json_array_append_new(row, json_string(""));
	}
	buf_free(&b);
	if (json_array_append_new(q->rows, row) ||
	    json_array_size(q->rows) > ROWS_MAX)
		return (err_set(e, ERR_PERMANENT, "too_many", "too many names"));
	return (0);
}

static int
on_data(void * arg, const char * p, size_t n, struct err * e)
{
	struct ask * q = arg;

	return (answer_feed(&q->answer, p, n, e));
}

static int
on_tick(void * arg, struct err * e)
{
	struct ask * q = arg;

	if (clock_mono_us() < q->deadline_us)
		return (0);
	return (err_set(e, ERR_TRANSIENT, "late", "no names in time"));
}

/* The columns of a table as rows, where only they are wanted. */
static void
columns_as_rows(struct ask * q)
{
	size_t i;

	for (i = 0; i < q->ncols && json_array_size(q->rows) == i; i++)
		json_array_append_new(q->rows, json_pack("[s, s]",
		    q->answer.cols[i].name, ""));
}

/* Ask the daemon; NULL with ${e}. */
static json_t *
ask(struct prompt_names * n, const char * sql, int columns, struct err * e)
{
	struct ask q = { .rows = json_array(),
	    .deadline_us = n->deadline_us };
	const struct answer_sink as = { on_columns, on_row, &q };
	const struct client_http_sink hs = { on_data, on_tick, &q };
	struct buf body = BUF_INIT(0);

	answer_init(&q.answer, &as);
	buf_adds(&body, "{\"sql\":");
	buf_add_json_str(&body, sql, strlen(sql));
	buf_adds(&body, ",\"format\":\"rows\"}");
	if (body.failed || q.rows == NULL || client_http_post(n->c, "/v1/query",
	    "application/x-moltler-rows", body.p, body.len, &hs, e) ||
	    answer_finish(&q.answer, e)) {
		json_decref(q.rows);
		q.rows = NULL;
	} else if (columns) {
		columns_as_rows(&q);
	}
	answer_free(&q.answer);
	buf_free(&body);
	return (q.rows);
}

/* The rows of a statement, kept or asked now.  Borrowed. */
static const json_t *
rows_of(struct prompt_names * n, const char * sql, int columns)
{
	int64_t now = clock_mono_us();
	json_t * rows;
	struct err e;

	if (now >= n->fresh_until_us && now >= n->quiet_until_us) {
		/* What is known stays until an answer comes. */
		n->fresh_until_us = now + FRESH_US;
		json_object_set_new(n->kept, "", json_object());
	}
	if (json_object_get(json_object_get(n->kept, ""), sql) == NULL &&
	    now >= n->quiet_until_us && now < n->deadline_us) {
		if (json_object_size(n->kept) > KEPT_MAX)
			json_object_clear(n->kept);
		if (json_object_get(n->kept, "") == NULL)
			json_object_set_new(n->kept, "", json_object());
		json_object_set_new(json_object_get(n->kept, ""), sql,
		    json_true());
		if ((rows = ask(n, sql, columns, &e)) != NULL)
			json_object_set_new(n->kept, sql, rows);
		else if (e.cls == ERR_TRANSIENT || e.cls == ERR_CANCELLED)
			n->quiet_until_us = clock_mono_us() + QUIET_US;
		else
			json_object_del(n->kept, sql);
	}
	return (json_object_get(n->kept, sql));
}

static const char *
cell(const json_t * row, size_t i)
{
	const char * s = json_string_value(json_array_get(row, i));

	return (s != NULL ? s : "");
}

const char *
prompt_names_type(struct prompt_names * n, const char * connector)
{
	const json_t * row;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)rows_of(n, "SHOW CONNECTORS",
	    0), i, row)
		if (strcasecmp(cell(row, 0), connector) == 0)
			return (cell(row, 1));
	return (NULL);
}

/* Keep column ${take} of the rows, where column ${where}, if there is one, is
 * ${is} (or, with '!' in front, is not). */
static const json_t *
pick(struct prompt_names * n, const json_t * rows, size_t take, int where,
    const char * is)
{
	const json_t * row;
	size_t i;
	int equal;

	json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
		if (where >= 0) {
			equal = strcmp(cell(row, (size_t)where),
			    is + (*is == '!')) == 0;
			if (equal == (*is == '!'))
				continue;
		}
		/* "auth.type": a key of what another holds. */
		if (strcmp(is, "config") != 0 ||
		    strchr(cell(row, take), '.') == NULL)
			json_array_append_new(n->list,
			    json_string(cell(row, take)));
	}
	return (n->list);
}

/* Those of "issues, pulls". */
static void
add_split(json_t * list, const char * s)
{
	size_t len;

	while (*s != '\0') {
		len = strcspn(s, ", ");
		if (len > 0)
			json_array_append_new(list, json_stringn(s, len));
		s += len;
		s += strspn(s, ", ");
	}
}

static const json_t *
entities(struct prompt_names * n, const char * connector)
{
	const char * type = prompt_names_type(n, connector);
	char * own = type != NULL ? strdup(type) : NULL;
	const json_t * row;
	size_t i;

	if (own == NULL)
		return (NULL);
	json_array_foreach((json_t *)(uintptr_t)rows_of(n, "SHOW TYPES", 0), i,
	    row)
		if (strcmp(cell(row, 0), own) == 0)
			add_split(n->list, cell(row, 2));
	free(own);
	return (n->list);
}

/* DESCRIBE for an entity, else a SELECT of no rows: a target's table. */
static const json_t *
columns(struct prompt_names * n, const char * a, const char * b, int actions)
{
	struct buf sql = BUF_INIT(4096);
	const json_t * rows = NULL;
	int live = *a != '\0' && prompt_names_type(n, a) != NULL;

	buf_adds(&sql, live ? "DESCRIBE " : "SELECT * FROM ");
	if (*a != '\0') {
		quote_name(&sql, a);
		buf_addc(&sql, '.');
	}
	quote_name(&sql, b);
	buf_adds(&sql, live ? "" : " LIMIT 0");
	if (!sql.failed)
		rows = rows_of(n, sql.p, !live);
	buf_free(&sql);
	return (pick(n, rows, 0, 1, actions ? "action" : "!action"));
}

const json_t *
prompt_names_get(struct prompt_names * n, enum prompt_names_kind kind,
    const char * a, const char * b)
{
	struct buf sql = BUF_INIT(4096);
	const json_t * rows = NULL;

	json_decref(n->list);
	if ((n->list = json_array()) == NULL)
		return (NULL);
	switch (kind) {
	case PROMPT_NAMES_CONNECTORS:
		return (pick(n, rows_of(n, "SHOW CONNECTORS", 0), 0, -1, ""));
	case PROMPT_NAMES_TYPES:
		return (pick(n, rows_of(n, "SHOW TYPES", 0), 0, -1, ""));
	case PROMPT_NAMES_SECRETS:
		return (pick(n, rows_of(n, "SHOW SECRETS", 0), 0, -1, ""));
	case PROMPT_NAMES_SYNCS:
		return (pick(n, rows_of(n, "SHOW SYNCS", 0), 0, -1, ""));
	case PROMPT_NAMES_TARGETS:
		(void)pick(n, rows_of(n, "SHOW SYNCS", 0), 3, -1, "");
		return (pick(n, rows_of(n, "SHOW TARGETS", 0), 0, -1, ""));
	case PROMPT_NAMES_ENTITIES:
		return (entities(n, a));
	case PROMPT_NAMES_COLUMNS:
		return (columns(n, a, b, 0));
	case PROMPT_NAMES_ACTIONS:
		return (columns(n, a, b, 1));
	case PROMPT_NAMES_CONFIG:
		buf_adds(&sql, "DESCRIBE ");
		quote_name(&sql, a);
		if (!sql.failed)
			rows = rows_of(n, sql.p, 0);
		buf_free(&sql);
		return (pick(n, rows, 1, 0, "config"));
	}
	return (NULL);
}

void
prompt_names_free(struct prompt_names * n)
{
	if (n == NULL)
		return;
	json_decref(n->list);
	json_decref(n->kept);
	free(n);
}
