#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plain_table.h"

#include "base/rfc3339.h"
#include "fake_service.h"
#include "query/query_internal.h"
#include "query_harness.h"
#include "service_data.h"

static sqlite3 * plain;

/* ---- the table ---- */

static int
instant(void * arg, int na, const void * a, int nb, const void * b)
{
	(void)arg;
	return (rfc3339_order(a, (size_t)na, b, (size_t)nb));
}

static void
exec(const char * sql)
{
	char * msg = NULL;

	if (sqlite3_exec(plain, sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s: %s", sql, msg);
}

static void
bind(sqlite3_stmt * st, int i, const struct value * v)
{
	switch (v->type) {
	case VALUE_INT:
		sqlite3_bind_int64(st, i, v->i);
		break;
	case VALUE_REAL:
		sqlite3_bind_double(st, i, v->d);
		break;
	case VALUE_TEXT:
		sqlite3_bind_text(st, i, v->s, (int)v->len, SQLITE_STATIC);
		break;
	default:
		sqlite3_bind_null(st, i);
		break;
	}
}

static void
fill(int table, const char * sql, int cols)
{
	const struct service_table * t = &service_tables[table];
	sqlite3_stmt * st;
	size_t r;
	int i;

	assert_int_equal(sqlite3_prepare_v2(plain, sql, -1, &st, NULL),
	    SQLITE_OK);
	for (r = 0; r < t->rows; r++) {
		for (i = 0; i < cols; i++)
			bind(st, i + 1, &t->cells[r * t->cols + (size_t)i]);
		assert_int_equal(sqlite3_step(st), SQLITE_DONE);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
}

void
plain_make(unsigned from)
{
	struct query q;

	service_make(harness_loop, from, 60);
	sqlite3_close(plain);
	assert_int_equal(sqlite3_open(":memory:", &plain), SQLITE_OK);
	memset(&q, 0, sizeof(q));
	q.db = plain;
	assert_int_equal(query_contains_register(&q), SQLITE_OK);
	sqlite3_create_collation(plain, "moltler_instant", SQLITE_UTF8, NULL,
	    instant);
	/* Its filter takes only texts of one length for equal. */
	sqlite3_test_control(SQLITE_TESTCTRL_OPTIMIZATIONS, plain, 0x80000);
	exec("ATTACH ':memory:' AS svc");
	exec("CREATE TABLE svc.issues(id INTEGER, title TEXT, state TEXT "
	    "COLLATE NOCASE, points INTEGER, score REAL, draft BOOLEAN, created "
	    "TEXT COLLATE moltler_instant, labels JSON, assignee TEXT)");
	exec("CREATE TABLE svc.comments(id INTEGER, issue INTEGER, body TEXT, "
	    "author TEXT, repo TEXT)");
	exec("CREATE TABLE svc.users(name TEXT, team TEXT)");
	fill(ISSUES, "INSERT INTO svc.issues VALUES (?,?,?,?,?,?,?,?,?)", 9);
	fill(COMMENTS, "INSERT INTO svc.comments VALUES (?,?,?,?,?)", 5);
	fill(USERS, "INSERT INTO svc.users VALUES (?,?)", 2);
}

void
plain_free(void)
{
	sqlite3_close(plain);
	plain = NULL;
}

/* ---- both ---- */

/* -1: it does not take the statement. */
static int
by_plain(const char * sql, struct buf * out)
{
	char text[16000], * at;
	sqlite3_stmt * st;
	int i, rc;

	snprintf(text, sizeof(text), "%s", sql);
	while ((at = strstr(text, "CONTAINS")) != NULL)
		memcpy(at, "MATCH   ", 8);
	if (sqlite3_prepare_v2(plain, text, -1, &st, NULL) != SQLITE_OK)
		return (-1);
	buf_clear(out);
	buf_adds(out, "");
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(st); i++) {
			if (i > 0)
				buf_addc(out, '|');
			switch (sqlite3_column_type(st, i)) {
			case SQLITE_NULL:
				buf_addc(out, '-');
				break;
			case SQLITE_FLOAT:
				buf_addf(out, "%.15g",
				    sqlite3_column_double(st, i));
				break;
			default:
				buf_adds(out, (const char *)
				    sqlite3_column_text(st, i));
				break;
			}
		}
		buf_addc(out, '\n');
	}
	if (rc != SQLITE_DONE)
		fail_msg("%s: %s", text, sqlite3_errmsg(plain));
	sqlite3_finalize(st);
	return (0);
}

static int
by_line(const void * a, const void * b)
{
	return (strcmp(*(char * const *)a, *(char * const *)b));
}

/* Its lines, sorted; for ${how} 2 only their number. */
static char *
lines(const char * text, int how)
{
	char * copy = strdup(text), * at = copy, * line, ** v, * out, * end;
	size_t n = 0, i, len = strlen(text);

	if (how == 1)
		return (copy);
	v = calloc(len + 1, sizeof(*v));
	end = out = calloc(len + 32, 1);
	while ((line = strsep(&at, "\n")) != NULL)
		if (*line != '\0')
			v[n++] = line;
	qsort(v, n, sizeof(*v), by_line);
	for (i = 0; i < n && how == 0; i++)
		end += sprintf(end, "%s\n", v[i]);
	if (how == 2)
		sprintf(out, "%zu rows", n);
	free(v);
	free(copy);
	return (out);
}

void
plain_compare(const char * sql, int how, unsigned number)
{
	struct query_opts opts = { .conn = &service_env,
	    .max_calls = 1000000 };
	struct buf b = BUF_INIT(0);
	char * want, * have;
	struct run * r;
	int refused;

	memset(&service_log, 0, sizeof(service_log));
	r = harness_run_opts(sql, strlen(sql), &opts);
	/* SQLite itself takes some RIGHT JOINs beside UNION ALL for wrong. */
	refused = by_plain(sql, &b);
	if (refused && r->failed && strstr(r->e.msg, "ON clause "
	    "references tables to its right") != NULL)
		return;
	if (r->failed || refused) {
		fprintf(stderr, "%u: %s\n", number, sql);
		fail_msg("%u: %s", number, r->failed ? r->e.msg :
		    sqlite3_errmsg(plain));
	}
	want = lines(b.p, how);
	have = lines(r->out.p, how);
	/* More than a message of cmocka's holds. */
	if (strcmp(want, have) != 0) {
		fprintf(stderr, "%u: %s\nasked %s\nplain:\n%s\nlive:\n%s\n",
		    number, sql, service_log.text, want, have);
		fail_msg("%u: another answer", number);
	}
	free(want);
	free(have);
	buf_free(&b);
}
