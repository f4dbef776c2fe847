#include "stmt/stmt.h"

#include <stdlib.h>
#include <string.h>

#include "stmt/stmt_internal.h"

struct stmt {
	const struct stmt_env * env;
	struct query_catalog cat;
	struct query_sink sink;
	struct query * query;
};

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct stmt * s = arg;

	s->sink.columns(s->sink.arg, n, names, types);
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct stmt * s = arg;

	return (s->sink.row(s->sink.arg, n, v));
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct stmt * s = arg;

	s->sink.done(s->sink.arg, st, e);
	free(s);
}

struct stmt *
stmt_start(const struct stmt_env * env, const char * sql, size_t len,
    const struct stmt_opts * opts, const struct query_sink * sink,
    struct err * e)
{
	struct query_opts qo = { .deadline_ms = env->deadline_ms,
	    .max_memory = env->query_memory, .conn = env->conn,
	    .max_calls = opts->max_api_calls };
	struct query_sink own = { on_columns, on_row, on_done, NULL, NULL };
	struct stmt * s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		err_nomem(e, "a statement");
		return (NULL);
	}
	s->env = env;
	s->sink = *sink;
	own.arg = s;
	stmt_catalog(env, &s->cat);
	if ((s->query = query_start(env->loop, sql, len, &s->cat, &qo, &own,
	    e)) == NULL) {
		free(s);
		return (NULL);
	}
	return (s);
}

void
stmt_resume(struct stmt * s)
{
	if (s != NULL)
		query_resume(s->query);
}

void
stmt_cancel(struct stmt * s)
{
	if (s != NULL)
		query_cancel(s->query);
}
