#include "series_vtab.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/fiber.h"
#include "loop/loop.h"

struct series {
	sqlite3_vtab base;
	long rows, fail, busy, wait, big;
};

struct cursor {
	sqlite3_vtab_cursor base;
	long at;
};

int series_vtab_open;
struct loop * series_vtab_loop;

static long
setting(const char * args, const char * key, long dflt)
{
	const char * p = strstr(args, key);

	return (p == NULL ? dflt : strtol(p + strlen(key), NULL, 10));
}

static int
series_connect(sqlite3 * db, void * aux, int argc, const char * const * argv,
    sqlite3_vtab ** out, char ** err)
{
	struct series * s;
	int rc;

	(void)aux;
	if (argc != 5) {
		*err = sqlite3_mprintf("series wants a file and a table");
		return (SQLITE_ERROR);
	}
	if (strstr(argv[3], "gone") != NULL) {
		*err = sqlite3_mprintf("cannot open %s", argv[3]);
		return (SQLITE_CANTOPEN);
	}
	rc = sqlite3_declare_vtab(db, "CREATE TABLE x(n INTEGER, name TEXT, "
	    "value REAL, labels JSON)");
	if (rc != SQLITE_OK)
		return (rc);
	if ((s = sqlite3_malloc(sizeof(*s))) == NULL)
		return (SQLITE_NOMEM);
	memset(s, 0, sizeof(*s));
	s->rows = setting(argv[3], "rows=", 0);
	s->fail = setting(argv[3], "fail=", -1);
	s->busy = setting(argv[3], "busy=", -1);
	s->wait = setting(argv[3], "wait=", 0);
	s->big = setting(argv[3], "big=", 0);
	*out = &s->base;
	return (SQLITE_OK);
}

/* Not the same function as xConnect: that would make "series" a table of every
 * connection. */
static int
series_create(sqlite3 * db, void * aux, int argc, const char * const * argv,
    sqlite3_vtab ** out, char ** err)
{
	return (series_connect(db, aux, argc, argv, out, err));
}

static int
series_disconnect(sqlite3_vtab * v)
{
	sqlite3_free(v);
	return (SQLITE_OK);
}

static int
series_best(sqlite3_vtab * v, sqlite3_index_info * info)
{
	info->estimatedCost = (double)((struct series *)v)->rows;
	return (SQLITE_OK);
}

static int
series_open(sqlite3_vtab * v, sqlite3_vtab_cursor ** out)
{
	struct cursor * c = sqlite3_malloc(sizeof(*c));

	(void)v;
	if (c == NULL)
		return (SQLITE_NOMEM);
	memset(c, 0, sizeof(*c));
	*out = &c->base;
	series_vtab_open++;
	return (SQLITE_OK);
}

static int
series_close(sqlite3_vtab_cursor * vc)
{
	sqlite3_free(vc);
	series_vtab_open--;
	return (SQLITE_OK);
}

struct nap {
	struct fiber * f;
	int over;
};

static void
nap_over(void * arg)
{
	struct nap * n = arg;

	n->over = 1;
	fiber_wake(n->f);
}

static int
nap(void)
{
	struct nap n = { fiber_self(), 0 };
	struct loop_timer * t = loop_timer_new(series_vtab_loop, nap_over, &n);

	if (t == NULL)
		return (SQLITE_NOMEM);
	loop_timer_start(t, 1);
	while (!n.over)
		fiber_wait();
	loop_timer_free(t);
	return (SQLITE_OK);
}

static int
series_check(sqlite3_vtab_cursor * vc)
{
	struct series * s = (struct series *)vc->pVtab;
	struct cursor * c = (struct cursor *)vc;

	if (c->at == s->fail) {
		sqlite3_free(s->base.zErrMsg);
		s->base.zErrMsg = sqlite3_mprintf("page %ld went wrong", c->at);
		return (SQLITE_ERROR);
	}
	if (c->at == s->busy)
		return (SQLITE_BUSY);
	if (s->wait > 0 && c->at % s->wait == s->wait - 1)
		return (nap());
	return (SQLITE_OK);
}

static int
series_filter(sqlite3_vtab_cursor * vc, int num, const char * str, int argc,
    sqlite3_value ** argv)
{
	(void)num;
	(void)str;
	(void)argc;
	(void)argv;
	((struct cursor *)vc)->at = 0;
	return (series_check(vc));
}

static int
series_next(sqlite3_vtab_cursor * vc)
{
	((struct cursor *)vc)->at++;
	return (series_check(vc));
}

static int
series_eof(sqlite3_vtab_cursor * vc)
{
	return (((struct cursor *)vc)->at >= ((struct series *)vc->pVtab)->rows);
}

static int
series_column(sqlite3_vtab_cursor * vc, sqlite3_context * ctx, int i)
{
	struct series * s = (struct series *)vc->pVtab;
	long n = ((struct cursor *)vc)->at;
	char text[64];
	char * big;

	switch (i) {
	case 0:
		sqlite3_result_int64(ctx, n);
		break;
	case 1:
		if (s->big > 0) {
			if ((big = sqlite3_malloc64((sqlite3_uint64)s->big)) ==
			    NULL)
				return (SQLITE_NOMEM);
			memset(big, 'a' + (int)(n % 26), (size_t)s->big);
			sqlite3_result_text(ctx, big, (int)s->big,
			    sqlite3_free);
			break;
		}
		snprintf(text, sizeof(text), "name-%ld", n % 10);
		sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
		break;
	case 2:
		sqlite3_result_double(ctx, (double)n / 2);
		break;
	default:
		snprintf(text, sizeof(text), "{\"n\":\"%ld\"}", n);
		sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
		break;
	}
	return (SQLITE_OK);
}

static int
series_rowid(sqlite3_vtab_cursor * vc, sqlite3_int64 * out)
{
	*out = ((struct cursor *)vc)->at;
	return (SQLITE_OK);
}

int
series_vtab_register(struct sqlite3 * db)
{
	static const sqlite3_module module = {
		.xCreate = series_create, .xConnect = series_connect,
		.xBestIndex = series_best, .xDisconnect = series_disconnect,
		.xDestroy = series_disconnect, .xOpen = series_open,
		.xClose = series_close, .xFilter = series_filter,
		.xNext = series_next, .xEof = series_eof,
		.xColumn = series_column, .xRowid = series_rowid
	};

	return (sqlite3_create_module(db, "series", &module, NULL));
}
