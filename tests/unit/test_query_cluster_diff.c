/*
 * Filters never change an answer: generated statements over two indexes whose rows
 * hold all that the engines let in, asked with filters and without.  Against a real
 * cluster too, if MOLTLER_ELASTIC_URL says where one is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_cluster.h"
#include "query_harness.h"
#include "random_pick.h"

#define DOCS 700
#define STATEMENTS 300

static const char mapping[] = "{\"mappings\":{\"properties\":{"
    "\"n\":{\"type\":\"long\"},\"i\":{\"type\":\"integer\"},"
    "\"f\":{\"type\":\"float\"},\"d\":{\"type\":\"double\"},"
    "\"b\":{\"type\":\"boolean\"},\"k\":{\"type\":\"keyword\"},"
    "\"s\":{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\","
    "\"ignore_above\":8}}},\"t\":{\"type\":\"date\"},"
    "\"tn\":{\"type\":\"date_nanos\"},\"l\":{\"type\":\"keyword\"},"
    "\"moltler\":{\"properties\":{\"fence\":{\"type\":\"long\"},"
    "\"deleted_at\":{\"type\":\"date\"}}}},"
    "\"_meta\":{\"moltler\":{\"columns\":{\"l\":\"list\"}}}}}";

/* What documents hold, as JSON; "": the field is left out. */
static const char * const wholes[] = { "0", "1", "5", "7", "-3", "5.7", "\"7\"",
	"[1,9]", "[]", "null", "", "[[3],[4]]", "[null,5]", "100" };
static const char * const reals[] = { "0", "-0.0", "0.1", "0.5", "1.5", "-2.25",
	"1e10", "\"0.5\"", "[0.5,7]", "[]", "null", "", "0.10000000149011612",
	"0.1000000000000001", "3" };
static const char * const flags[] = { "true", "false", "\"true\"", "\"false\"",
	"[true,false]", "[false,true]", "null", "", "\"\"" };
static const char * const words[] = { "\"a\"", "\"A\"", "\"b\"", "\"\"", "5", "true",
	"[\"a\",\"b\"]", "[\"b\"]", "[]", "null", "", "\"[\\\"a\\\"]\"", "5.0",
	"\"\\u00e9\"", "\"a\\\"b\"", "[[\"a\"],\"c\"]" };
static const char * const texts[] = { "\"short\"", "\"12345678\"",
	"\"123456789\"", "\"a long text of many words\"",
	"[\"short\",\"123456789\"]", "null", "", "\"Short\"", "7" };
static const char * const times[] = { "\"2026-01-05\"",
	"\"2026-01-05T00:00:00Z\"", "\"2026-01-05T12:00:00.500Z\"",
	"\"2026-01-05T13:00:00+01:00\"", "1767571200000", "\"1767614400000\"",
	"\"2026\"", "\"2026-02\"", "[\"2026-01-05\",\"2025-01-01\"]", "null", "",
	"[]", "\"2026-01-05T12:00:00.123456Z\"", "\"2026-01-05T12\"",
	"\"2026-01-05T12:00\"", "\"2025-12-31T23:59:59.999Z\"" };
static const char * const nanos[] = { "\"2026-01-05T12:00:00.123456789Z\"",
	"\"2026-01-05T12:00:00.124Z\"", "\"2026-01-05T12:00:00.123Z\"",
	"\"2026-01-05\"", "null", "" };
static const char * const lists[] = { "[\"bug\",\"ui\"]", "[\"debug\"]", "[]",
	"\"bug\"", "null", "", "[null,\"bug\"]", "[\"bug\",[\"x\"]]", "[1,2]",
	"[\"null\"]", "[true]", "[\"a\\\"b\"]" };

static void
field(struct buf * b, const char * name, const char * value)
{
	if (*value != '\0')
		buf_addf(b, "%s\"%s\":%s", b->p[b->len - 1] == '{' ? "" : ",",
		    name, value);
}

static void
fill(const char * index)
{
	struct buf b = BUF_INIT(0);
	char path[100];
	int i;

	for (i = 0; i < DOCS; i++) {
		buf_addf(&b, "{\"index\":{\"_id\":\"%d\"}}\n{", i);
		field(&b, "n", PICK(wholes));
		field(&b, "i", PICK(wholes));
		field(&b, "f", PICK(reals));
		field(&b, "d", PICK(reals));
		field(&b, "b", PICK(flags));
		field(&b, "k", PICK(words));
		field(&b, "s", PICK(texts));
		field(&b, "t", PICK(times));
		field(&b, "tn", PICK(nanos));
		field(&b, "l", PICK(lists));
		if (rnd(3) == 0)
			field(&b, "moltler", rnd(2) ? "{\"fence\":1}" :
			    "{\"fence\":1,\"deleted_at\":"
			    "\"2026-01-05T00:00:00Z\"}");
		buf_adds(&b, "}\n");
	}
	snprintf(path, sizeof(path), "/%s/_bulk?refresh=true", index);
	cluster_send("POST", path, b.p, "application/x-ndjson");
	buf_free(&b);
}

static void
predicate(struct buf * b)
{
	static const char * const ops[] = { "=", "!=", "<", "<=", ">", ">=", "=",
	    "IS", "IS NOT", "=" };
	static const char * const ncols[] = { "n", "i", "f", "d", "b" };
	static const char * const nums[] = { "0", "1", "5", "5.7", "7", "-3",
	    "0.1", "0.5", "'7'", "NULL", "1e10", "3000000000", "1e300", "'x'",
	    "2.5", "-0.0", "9", "true", "9007199254740993", "0.1000000000000001" };
	static const char * const kcols[] = { "k", "s", "_id" };
	static const char * const strs[] = { "'a'", "'A'", "'b'", "''", "5", "'5'",
	    "'true'", "'[\"a\",\"b\"]'", "'[\"a\"]'", "'short'", "'12345678'",
	    "'123456789'", "'a long text of many words'", "'7'", "NULL", "'5.0'",
	    "'\xc3\xa9'", "'a\"b'", "'[]'" };
	static const char * const tcols[] = { "t", "tn", "_deleted_at" };
	static const char * const stamps[] = { "'2026-01-05'", "'2026'",
	    "'2026-01-05T12:00:00Z'", "'2026-01-05T12:00:00.5Z'",
	    "'2026-01-05 12:00'", "'2026-01-05T12:00:00.123Z'",
	    "'2026-01-05T12:00:00.1234Z'", "'2025-12-31T23:59:59.999Z'",
	    "'soon'", "NULL", "5", "'0001-01-01'", "'9999-12-31T23:59:59.999Z'" };
	static const char * const labels[] = { "'bug'", "'debug'", "'ui'", "'x'",
	    "'null'", "''", "1", "'1'", "'a\"b'", "'true'", "NULL", "'bu'",
	    "'[\"x\"]'", "'\"bug\"'" };
	static const char * const all[] = { "n", "i", "f", "d", "b", "k", "s", "t",
	    "tn", "l", "_deleted_at", "_id" };
	const char * not = rnd(8) ? "" : "NOT ";

	switch (rnd(10)) {
	case 0:
	case 1:
		buf_addf(b, "%s %s %s", PICK(ncols), PICK(ops), PICK(nums));
		break;
	case 2:
		buf_addf(b, "%s %s %s%s", PICK(kcols), PICK(ops), PICK(strs),
		    rnd(9) ? "" : " COLLATE NOCASE");
		break;
	case 3:
	case 4:
		buf_addf(b, "%s %s %s", PICK(tcols), PICK(ops), PICK(stamps));
		break;
	case 5:
		buf_addf(b, "l %sCONTAINS %s", "", PICK(labels));
		break;
	case 6:
		buf_addf(b, "%s IS %sNULL", PICK(all), not);
		break;
	case 7:
		buf_addf(b, "%s %sIN (%s, %s, %s)", PICK(kcols), not,
		    PICK(strs), PICK(strs), PICK(strs));
		break;
	case 8:
		buf_addf(b, "%s %sIN (%s, %s)", PICK(ncols), not, PICK(nums),
		    PICK(nums));
		break;
	default:
		buf_addf(b, "%s IN (%s, %s)", PICK(tcols), PICK(stamps),
		    PICK(stamps));
		break;
	}
}

static void
make(struct buf * b)
{
	unsigned n = 1 + rnd(3), i;

	buf_clear(b);
	buf_addf(b, "SELECT %s FROM \"moltler-diff-*\" WHERE ", rnd(4) ?
	    "*" : "_id, k, t, l");
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_adds(b, rnd(5) ? " AND " : " OR ");
		predicate(b);
	}
	buf_adds(b, " ORDER BY _id, n, i, f, d, k, s, t, tn, l");
}

static void
same_answers(void ** state)
{
	struct query_opts with = { 0 }, without = { 0 };
	struct buf sql = BUF_INIT(0), first = BUF_INIT(0);
	uint64_t fetched = 0, all = 0;
	struct run * r;
	int i, n = cluster_is_real() ? STATEMENTS / 2 : STATEMENTS;

	(void)state;
	harness_as_is = 1;
	seed = getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : 11;
	with.elastic = cluster_start(harness_loop);
	without.elastic = with.elastic;
	without.no_push = 1;
	if (cluster_is_real()) {
		cluster_send("DELETE", "/moltler-diff-a", NULL, NULL);
		cluster_send("DELETE", "/moltler-diff-b", NULL, NULL);
	} else if (getenv("FAKE_OPENSEARCH") != NULL)
		cluster.is_opensearch = 1;
	cluster_send("PUT", "/moltler-diff-a", mapping, NULL);
	cluster_send("PUT", "/moltler-diff-b", mapping, NULL);
	fill("moltler-diff-a");
	fill("moltler-diff-b");
	for (i = 0; i < n; i++) {
		make(&sql);
		r = harness_run_opts(sql.p, sql.len, &with);
		if (r->failed)
			fail_msg("%s: %s: %s", sql.p, r->e.code, r->e.msg);
		buf_clear(&first);
		buf_add(&first, r->out.p ? r->out.p : "", r->out.len);
		fetched += r->st.api.rows;
		r = harness_run_opts(sql.p, sql.len, &without);
		if (r->failed)
			fail_msg("%s: %s: %s", sql.p, r->e.code, r->e.msg);
		all += r->st.api.rows;
		if (r->out.len != first.len || (first.len > 0 &&
		    memcmp(r->out.p, first.p, first.len) != 0))
			fail_msg("%s\nwith filters\n%swithout\n%s", sql.p,
			    first.p, r->out.p ? r->out.p : "");
	}
	/* They filtered. */
	printf("# %llu of %llu rows came\n", (unsigned long long)fetched,
	    (unsigned long long)all);
	assert_true(fetched < all * 2 / 3);
	if (cluster_is_real()) {
		cluster_send("DELETE", "/moltler-diff-a", NULL, NULL);
		cluster_send("DELETE", "/moltler-diff-b", NULL, NULL);
	}
	buf_free(&sql);
	buf_free(&first);
	cluster_stop();
}

/* Pages over indexes of several shards: each row once. */
static void
reads_whole(void ** state)
{
	static const char * const names[] = { "moltler-diff-a",
	    "moltler-diff-b" };
	static const char sql[] = "SELECT count(*), count(DISTINCT n), sum(n) "
	    "FROM moltler-diff-*";
	struct query_opts o = { 0 };
	struct buf b = BUF_INIT(0);
	struct run * r;
	char path[64];
	int i, k;

	(void)state;
	o.elastic = cluster_start(harness_loop);
	cluster.is_opensearch = 1;
	for (k = 0; k < 2; k++) {
		snprintf(path, sizeof(path), "/%s", names[k]);
		if (cluster_is_real())
			cluster_send("DELETE", path, NULL, NULL);
		cluster_send("PUT", path, "{\"settings\":{\"number_of_shards\":"
		    "3},\"mappings\":{\"properties\":{\"n\":{\"type\":"
		    "\"long\"}}}}", NULL);
		buf_clear(&b);
		for (i = 0; i < 6500; i++)
			buf_addf(&b, "{\"index\":{\"_id\":\"%d\"}}\n{\"n\":%d}"
			    "\n", i, i + k * 6500);
		snprintf(path, sizeof(path), "/%s/_bulk?refresh=true",
		    names[k]);
		cluster_send("POST", path, b.p, "application/x-ndjson");
	}
	r = harness_run_opts(sql, strlen(sql), &o);
	if (r->failed)
		fail_msg("%s", r->e.msg);
	assert_string_equal(r->out.p, "13000|13000|84493500\n");
	assert_true(r->st.api.pages >= 13 && r->st.api.pages <= 15);
	for (k = 0; k < 2 && cluster_is_real(); k++) {
		snprintf(path, sizeof(path), "/%s", names[k]);
		cluster_send("DELETE", path, NULL, NULL);
	}
	buf_free(&b);
	cluster_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_answers), cmocka_unit_test(reads_whole)
	};

	return (cmocka_run_group_tests(tests, harness_setup,
	    harness_teardown));
}
