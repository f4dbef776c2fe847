#include "base/json.h"
#include "stmt/stmt_internal.h"

/* TEST CONNECTOR n: one cheap authenticated call. */

static json_t *
get(const json_t * v, const char * a, const char * b)
{
	json_t * o = json_object_get(v, a);

	if (b != NULL)
		o = json_object_get(o, b);
	return (o == NULL ? json_null() : json_incref(o));
}

static void
on_tested(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;

	if (stmt_back(r))
		return;
	if (e != NULL) {
		stmt_fail(r, e);
		return;
	}
	r->st.not_ok = !json_is_true(json_object_get(v, "ok"));
	stmt_answer(r, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "connector", r->ast->name.s,
	    "ok", get(v, "ok", NULL),
	    "latency_ms", get(v, "latency_ms", NULL),
	    "remaining", get(v, "rate_limit", "remaining"),
	    "reset", get(v, "rate_limit", "reset"),
	    "error_class", get(v, "error", "class"),
	    "error_code", get(v, "error", "code"),
	    "error_message", get(v, "error", "message")));
}

static void
start(struct stmt_run * r)
{
	if (!runner_has(r->env->runner, r->ast->name.s)) {
		stmt_no_connector(r);
		return;
	}
	stmt_wait(r);
	runner_test(r->env->runner, r->ast->name.s, on_tested, r);
}

const struct stmt_entry stmt_test_entry = {
	AST_TEST_CONNECTOR, "test_connector", 0, start, NULL, NULL, NULL
};
