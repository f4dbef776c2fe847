#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "service_fixture.h"

/* Plans: which list serves, which predicates go down, and with what. */

static struct manifest * m;
static struct connector * c, * bare;
static const struct manifest_entity * issues, * tickets;

static int
setup(void ** state)
{
	struct err e = { .msg = "" };

	(void)state;
	if ((m = service_load(&e)) == NULL)
		fail_msg("%s", e.msg);
	c = service_connector(m, "{\"org\": \"acme\", \"token\": \"$env:T\"}",
	    &e);
	bare = service_connector(m, "{\"token\": \"$env:T\"}", &e);
	if (c == NULL || bare == NULL)
		fail_msg("%s", e.msg);
	issues = manifest_entity(m, "issues");
	tickets = manifest_entity(m, "tickets");
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	connector_unref(c);
	connector_unref(bare);
	manifest_unref(m);
	return (0);
}

#define MAX_GIVEN 8
static struct plan_given given[MAX_GIVEN];
static struct value values[MAX_GIVEN];
static size_t ngiven;

static void
where(const struct manifest_entity * ent, const char * col, unsigned op,
    struct value v)
{
	int i = manifest_column(ent, col);

	assert_true(i >= 0 && ngiven < MAX_GIVEN);
	values[ngiven] = v;
	given[ngiven].column = (size_t)i;
	given[ngiven].op = op;
	given[ngiven].values = &values[ngiven];
	given[ngiven].nvalues = op == OP_IS_NULL || op == OP_NOT_NULL ? 0 : 1;
	ngiven++;
}

static struct plan *
plan(const struct manifest_entity * ent)
{
	struct err e = { .msg = "" };
	struct plan * p = plan_new(c, ent, given, ngiven, NULL, 0, &e);

	ngiven = 0;
	if (p == NULL)
		fail_msg("%s", e.msg);
	return (p);
}

/* What the predicate sends, as JSON text; "" if it stays here. */
static void
sends(const struct manifest_entity * ent, const char * col, unsigned op,
    struct value v, const char * want)
{
	struct plan * p;
	char * s = NULL;

	where(ent, "repo", OP_EQ, text_value("r"));
	where(ent, col, op, v);
	p = plan(ent);
	if (p->preds[1].push != NULL)
		s = json_dumps(p->preds[1].sent, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_string_equal(s ? s : "", want);
	free(s);
	plan_free(p);
}

static void
test_lists(void ** state)
{
	struct plan_shape shape = { NULL, 0, NULL, 0, 0, 0 };
	struct plan_ask ask[2];
	struct plan_choice ch, in_ch;

	(void)state;
	plan_choose(c, issues, &shape, &ch);
	assert_string_equal(ch.list->name, "org");
	plan_choose(bare, issues, &shape, &ch);
	assert_null(ch.list);
	assert_string_equal(ch.missing, "org");
	ask[0].column = (size_t)manifest_column(issues, "repo");
	ask[0].op = OP_EQ;
	shape.asks = ask;
	shape.nasks = 1;
	plan_choose(c, issues, &shape, &ch);
	assert_string_equal(ch.list->name, "repo");
	assert_int_equal(ch.used, 1);
	assert_int_equal(ch.inputs, 1);
	plan_choose(bare, issues, &shape, &in_ch);
	assert_null(in_ch.list);
	assert_string_equal(in_ch.missing, "org");
	/* A push makes it cheaper, an IN dearer. */
	ask[1].column = (size_t)manifest_column(issues, "state");
	ask[1].op = OP_EQ;
	shape.nasks = 2;
	plan_choose(c, issues, &shape, &in_ch);
	assert_int_equal(in_ch.used, 3);
	assert_true(in_ch.rows < ch.rows && in_ch.calls < ch.calls);
	ask[0].op = OP_IN;
	plan_choose(c, issues, &shape, &ch);
	assert_true(ch.calls > in_ch.calls);
	/* What nothing takes stays. */
	ask[1].op = OP_LT;
	plan_choose(c, issues, &shape, &ch);
	assert_int_equal(ch.used, 1);
}

/* A default makes the first list possible; what was told is for the second. */
static void
test_told(void ** state)
{
	static const char doc[] = "{\"format\":1,\"type\":\"two\",\"title\":\"T\","
	    "\"drive_model\":\"on_demand\",\"config\":{\"p\":{\"type\":\"string\"}},"
	    "\"entities\":{\"e\":{\"columns\":{\"id\":{\"type\":\"integer\"},"
	    "\"p\":{\"type\":\"text\",\"input\":true,\"default\":\"{{config.p}}\"},"
	    "\"g\":{\"type\":\"text\",\"input\":true},"
	    "\"shown\":{\"type\":\"text\",\"input\":true,\"path\":\"s\"}},\"lists\":["
	    "{\"name\":\"p\",\"needs\":[\"p\"],\"url\":\"https://h/p/{{in.p}}\"},"
	    "{\"name\":\"g\",\"needs\":[\"g\"],\"url\":\"https://h/g/{{in.g}}\"},"
	    "{\"name\":\"s\",\"needs\":[\"shown\"],\"url\":\"https://h/s/{{in.shown}}\"}]}}}";
	struct err e = { .msg = "" };
	struct manifest * two = manifest_parse(doc, sizeof(doc) - 1, "two", &e);
	struct connector * with = service_connector(two, "{\"p\": \"x\"}", &e);
	const struct manifest_entity * ent = manifest_entity(two, "e");
	struct plan_ask ask[2] = { { 0, OP_EQ }, { 0, OP_EQ } };
	struct plan_shape shape = { ask, 1, NULL, 0, 0, 0 };
	struct plan_choice ch;

	(void)state;
	plan_choose(with, ent, &shape, &ch);
	assert_string_equal(ch.list->name, "p");
	ask[0].column = (size_t)manifest_column(ent, "g");
	plan_choose(with, ent, &shape, &ch);
	assert_string_equal(ch.list->name, "g");
	/* Where none asks for all, the first; records tell what has a path. */
	ask[1].column = (size_t)manifest_column(ent, "p");
	shape.nasks = 2;
	plan_choose(with, ent, &shape, &ch);
	assert_string_equal(ch.list->name, "p");
	ask[0].column = (size_t)manifest_column(ent, "shown");
	shape.nasks = 1;
	plan_choose(with, ent, &shape, &ch);
	assert_string_equal(ch.list->name, "p");
	connector_unref(with);
	manifest_unref(two);
}

static void
test_missing(void ** state)
{
	struct err e;

	(void)state;
	assert_null(plan_new(bare, issues, NULL, 0, NULL, 0, &e));
	assert_string_equal(e.code, "input");
	assert_string_equal(e.msg, "svc.issues has to be told org: add WHERE "
	    "org = '...', or set org in the connector's CONFIG");
}

static void
test_values(void ** state)
{
	(void)state;
	sends(issues, "state", OP_EQ, text_value("OPEN"), "\"open\"");
	sends(issues, "state", OP_EQ, text_value("merged"), "");
	sends(issues, "kind", OP_EQ, text_value("both"), "\"X&Y\"");
	sends(issues, "kind", OP_EQ, text_value("Bug"), "");
	sends(issues, "kind", OP_NE, text_value("bug"), "");
	sends(issues, "private", OP_EQ, int_value(1), "true");
	sends(issues, "private", OP_EQ, int_value(2), "");
	sends(issues, "assignee", OP_EQ, int_value(5), "\"5\"");
	sends(issues, "assignee", OP_EQ, text_value("\xff"), "");
	/* To the service that is no name. */
	sends(issues, "assignee", OP_EQ, text_value("None"), "");
	sends(issues, "assignee", OP_IS_NULL, text_value(""), "null");
	sends(issues, "title", OP_PREFIX, text_value("ab%"), "\"ab\"");
	sends(issues, "title", OP_PREFIX, text_value("a_b%"), "");
	sends(issues, "title", OP_PREFIX, text_value("a%b%"), "");
	sends(issues, "title", OP_PREFIX, text_value("%"), "");
	sends(issues, "title", OP_SUBSTR, text_value("%ab%"), "\"ab\"");
	sends(issues, "title", OP_SUBSTR, text_value("%%"), "");
	sends(issues, "title", OP_SUBSTR, text_value("ab%"), "");
	sends(issues, "labels", OP_CONTAINS, text_value("bug"), "\"bug\"");
	sends(issues, "labels", OP_CONTAINS, text_value("a,b"), "");
}

static void
test_times(void ** state)
{
	static const struct {
		const char * col;
		unsigned op;
		const char * v, * want;
	} t[] = {
		{ "created", OP_GE, "2026-01-01T00:00:00Z",
		    "\"2026-01-01T00:00:00Z\"" },
		{ "created", OP_GT, "2026-01-01T00:00:00.500Z",
		    "\"2026-01-01T00:00:00Z\"" },
		{ "created", OP_GE, "2026-01-01", "\"2026-01-01T00:00:00Z\"" },
		{ "created", OP_GE, "2026-01-01 10:30",
		    "\"2026-01-01T10:30:00Z\"" },
		{ "created", OP_GE, "2026-01-01T02:00:00+02:00",
		    "\"2026-01-01T00:00:00Z\"" },
		{ "created", OP_GE, "yesterday", "" },
		{ "created", OP_GE, "", "" },
		/* Outwards: a minute of widen, and the unit itself. */
		{ "created", OP_LT, "1970-01-01T00:00:10Z", "70" },
		{ "created", OP_LT, "1970-01-01T00:00:10.001Z", "71" },
		{ "created", OP_LE, "1970-01-01T00:00:10Z", "71" },
		{ "created", OP_LT, "1969-12-31T23:58:00.500Z", "-59" },
		{ "created", OP_EQ, "2026-01-01T00:00:00Z", "" },
		/* Days of five hours later. */
		{ "day", OP_GE, "2026-01-01T02:00:00Z", "\"31.12.2025\"" },
		{ "day", OP_LE, "2026-01-01T02:00:00Z", "\"01.01.2026\"" },
		{ "day", OP_LT, "2026-01-01T05:00:00Z", "\"01.01.2026\"" },
		{ "day", OP_LT, "2026-01-01T05:00:01Z", "\"02.01.2026\"" },
		{ "day", OP_EQ, "2026-01-01T05:00:00Z", "\"01.01.2026\"" },
		{ "day", OP_EQ, "2026-01-01T00:00:00Z", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++)
		sends(issues, t[i].col, t[i].op, text_value(t[i].v), t[i].want);
	/* A format of minutes is rounded to minutes. */
	where(tickets, "created", OP_GE, text_value("2026-01-01T14:00:30Z"));
	where(tickets, "created", OP_LE, text_value("2026-01-01T14:00:30Z"));
	{
		struct plan * p = plan(tickets);

		assert_string_equal(json_string_value(p->preds[0].sent),
		    "2026/01/01 00:00");
		assert_string_equal(json_string_value(p->preds[1].sent),
		    "2026/01/02 04:01");
		assert_false(p->exact);
		plan_free(p);
	}
}

/* No rule says whether "until t" has t itself in it: a smaller page of rows
 * that are looked at again could hold too few. */
static void
test_bounds_are_not_exact(void ** state)
{
	static const struct {
		unsigned op;
		const char * v;
		int exact;
	} t[] = {
		{ OP_GE, "2026-01-01T00:00:00Z", 1 },
		{ OP_GE, "2026-01-01T00:00:00.5Z", 0 },
		{ OP_GT, "2026-01-01T00:00:00Z", 0 },
		{ OP_LT, "2026-01-01T00:00:00Z", 0 },
		{ OP_LE, "2026-01-01T00:00:00Z", 0 },
	};
	struct plan * p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		where(tickets, "updated", t[i].op, text_value(t[i].v));
		p = plan(tickets);
		assert_non_null(p->preds[0].push);
		assert_int_equal(p->exact, t[i].exact);
		plan_free(p);
	}
}

static void
test_in(void ** state)
{
	struct value v[3] = { text_value("bug"), text_value("both"),
	    { .type = VALUE_NULL } };
	struct plan_given g[2] = { { (size_t)manifest_column(issues, "repo"),
	    OP_EQ, &v[0], 1 }, { (size_t)manifest_column(issues, "kind"),
	    OP_IN, v, 3 } };
	struct err e;
	struct plan * p = plan_new(c, issues, g, 2, NULL, 0, &e);

	(void)state;
	assert_non_null(p);
	assert_int_equal(json_array_size(p->preds[1].sent), 2);
	plan_free(p);
	/* One that the service does not know keeps all here. */
	v[1] = text_value("other");
	p = plan_new(c, issues, g, 2, NULL, 0, &e);
	assert_null(p->preds[1].push);
	assert_false(p->exact);
	plan_free(p);
}

static void
test_conflicts(void ** state)
{
	struct plan * p;

	(void)state;
	where(issues, "repo", OP_EQ, text_value("r"));
	where(issues, "assignee", OP_EQ, text_value("a"));
	where(issues, "assignee", OP_EQ, text_value("b"));
	where(issues, "assignee", OP_IS_NULL, text_value(""));
	where(issues, "labels", OP_CONTAINS, text_value("x"));
	where(issues, "labels", OP_CONTAINS, text_value("y"));
	p = plan(issues);
	assert_non_null(p->preds[1].push);
	assert_null(p->preds[2].push);
	assert_null(p->preds[3].push);
	assert_non_null(p->preds[4].push);
	assert_non_null(p->preds[5].push);
	assert_false(p->exact);
	plan_free(p);
}

static void
test_inputs(void ** state)
{
	struct value v[4] = { text_value("a"), text_value("b"),
	    text_value("a"), { .type = VALUE_NULL } };
	struct plan_given g = { (size_t)manifest_column(issues, "repo"), OP_IN,
	    v, 4 };
	struct value many[1001];
	char names[1001][8];
	struct plan * p;
	struct err e;
	json_t * in;
	size_t n, i;

	(void)state;
	p = plan_new(c, issues, &g, 1, NULL, 0, &e);
	in = plan_inputs(p, &n, &e);
	assert_int_equal(n, 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(in,
	    1), "repo")), "b");
	assert_string_equal(json_string_value(json_object_get(json_array_get(in,
	    1), "org")), "acme");
	assert_true(p->exact);
	json_decref(in);
	plan_free(p);
	/* = NULL is never true. */
	g.values = &v[3];
	g.nvalues = 1;
	p = plan_new(c, issues, &g, 1, NULL, 0, &e);
	in = plan_inputs(p, &n, &e);
	assert_non_null(in);
	assert_int_equal(n, 0);
	json_decref(in);
	plan_free(p);
	for (i = 0; i < 1001; i++) {
		snprintf(names[i], sizeof(names[i]), "r%zu", i);
		many[i] = text_value(names[i]);
	}
	g.values = many;
	g.nvalues = 1001;
	assert_null(plan_new(c, issues, &g, 1, NULL, 0, &e));
	assert_string_equal(e.code, "input");
	assert_non_null(strstr(e.msg, "at most 1000"));
	/* An optional one is told by a push, and its value is kept. */
	where(tickets, "jql", OP_EQ, text_value("a = 1"));
	p = plan(tickets);
	in = plan_inputs(p, &n, &e);
	assert_int_equal(n, 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(in,
	    0), "jql")), "a = 1");
	json_decref(in);
	plan_free(p);
}

static int
ordered(const struct manifest_entity * ent, const char * a, const char * b,
    int in)
{
	struct plan_ask ask = { (size_t)manifest_column(issues, "repo"),
	    in ? OP_IN : OP_EQ };
	struct plan_order o[2];
	struct plan_shape shape = { &ask, ent == issues, o, b ? 2 : 1, 0,
	    0 };
	struct plan_choice ch;

	o[0].column = (size_t)manifest_column(ent, a);
	o[1].column = b ? (size_t)manifest_column(ent, b) : 0;
	o[0].desc = o[1].desc = 1;
	plan_choose(c, ent, &shape, &ch);
	return (ch.order_pushed);
}

static void
test_orders(void ** state)
{
	(void)state;
	assert_true(ordered(issues, "created", NULL, 0));
	assert_true(ordered(issues, "private", "created", 0));
	assert_false(ordered(issues, "created", "private", 0)); /* time first */
	assert_false(ordered(issues, "created", NULL, 1)); /* several lists */
	assert_false(ordered(issues, "title", NULL, 0));   /* text */
	assert_false(ordered(issues, "updated", NULL, 0)); /* NULLs */
	assert_false(ordered(issues, "id", NULL, 0));      /* not said */
	assert_true(ordered(tickets, "rank", "created", 0));
}

static void
test_describe(void ** state)
{
	struct buf b = BUF_INIT(1024), rest = BUF_INIT(1024);
	struct plan * p;

	(void)state;
	where(issues, "repo", OP_EQ, text_value("o'r"));
	where(issues, "state", OP_EQ, text_value("open"));
	where(issues, "title", OP_SUBSTR, text_value("%x%"));
	where(issues, "id", OP_EQ, int_value(4));
	where(issues, "kind", OP_EQ, text_value("Bug"));
	p = plan(issues);
	plan_describe(p, &b, &rest);
	assert_string_equal(b.p, "repo = 'o''r' as input, state = 'open' as "
	    "state=open, title LIKE '%x%' as q=...");
	assert_string_equal(rest.p, "id =, kind =");
	buf_free(&rest);
	buf_free(&b);
	plan_free(p);
}

/* A list that serves pushes alone is none where the value cannot be sent. */
static void
test_only_pushed(void ** state)
{
	static const char doc[] = "{\"format\":1,\"type\":\"two\",\"title\":\"T\","
	    "\"drive_model\":\"on_demand\",\"config\":{},\"entities\":{\"e\":{\"columns\":{"
	    "\"id\":{\"type\":\"integer\",\"not_null\":true},\"at\":{\"type\":\"timestamp\"}},"
	    "\"lists\":[{\"name\":\"new\",\"only_pushed\":true,\"url\":\"https://h/new\","
	    "\"push\":{\"at\":{\"op\":\">=\",\"query\":\"since\",\"within_s\":3600}}%s},"
	    "{\"name\":\"all\",\"url\":\"https://h/all\"}]}}}";
	static const char order[] = ",\"order\":{\"columns\":{\"id\":\"id\"},"
	    "\"query\":{\"sort\":\"{{order.column}}\"}}";
	static const struct {
		const char * order;
		int is_old, is_ordered;
		const char * want;
	} rows[] = { { "", 0, 0, "new" }, { "", 1, 0, "all" },
	    /* The order was promised. */
	    { order, 1, 1, "new" }, { order, 1, 0, "all" } };
	struct plan_order by = { 0, 0 };
	struct err e = { .msg = "" };
	struct connector * with;
	struct manifest * two;
	struct plan_given g;
	struct plan * p;
	struct value v;
	char text[1024], at[RFC3339_LEN];
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		n = snprintf(text, sizeof(text), doc, rows[i].order);
#pragma GCC diagnostic pop
		two = manifest_parse(text, (size_t)n, "two", &e);
		if (two == NULL)
			fail_msg("%s", e.msg);
		with = service_connector(two, "{}", &e);
		assert_non_null(with);
		rfc3339_format(clock_wall_ms() - (rows[i].is_old ? 7200000 :
		    60000), at);
		v = text_value(at);
		memset(&g, 0, sizeof(g));
		g.column = 1;
		g.op = OP_GE;
		g.values = &v;
		g.nvalues = 1;
		p = plan_new(with, manifest_entity(two, "e"), &g, 1, &by,
		    (size_t)rows[i].is_ordered, &e);
		assert_non_null(p);
		assert_string_equal(p->list->name, rows[i].want);
		assert_int_equal(p->preds[0].push != NULL, !rows[i].is_old);
		plan_free(p);
		connector_unref(with);
		manifest_unref(two);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_bounds_are_not_exact),
		cmocka_unit_test(test_in),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_only_pushed),
		cmocka_unit_test(test_describe),
	};

	return (cmocka_run_group_tests_name("plan", tests, setup, teardown));
}
