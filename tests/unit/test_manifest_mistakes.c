#include "manifest_check_rig.h"

/* Good manifests with a known mistake each. */
#define DCOLS "\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":\"integer\"," \
	"\"description\":\"d\"},\"at\":{\"type\":\"timestamp\",\"description\":" \
	"\"d\"},\"in\":{\"type\":\"text\",\"input\":true,\"description\":\"d\"}}"
#define DLIST(l) M(CONF, "", "{\"e\":{" DCOLS ",\"lists\":[{" URL l "}]}}")
#define DMORE(more, x) M(CONF, more, "{\"e\":{" DCOLS ",\"lists\":[{" URL NOPAGE \
	"}]" x "}}")
#define SIGNED "\"base_url\":\"https://h\",\"auth\":{\"kind\":\"basic\"," \
	"\"username\":\"u\",\"password\":\"p\"},"
#define NOPAGE ",\"paginate\":{\"kind\":\"none\"}"
#define RESET(h, u) DMORE("\"limits\":{\"headers\":{\"reset\":\"" h "\"" u \
	"}},", "")

static const struct {
	const char * json;
	const char * path; /* NULL: no warning at all */
	const char * want;
} odd[] = {
	{ DMORE("", ""), NULL, NULL },
	{ DLIST(""), L, "has no paginate" },
	{ DMORE("\"errors\":[{\"status\":[422],\"do\":\"split_window\"}],",
	  ""), "$.errors[0].do", "no list has a split" },
	{ DLIST(",\"records\":\"data\",\"paginate\":{\"kind\":\"cursor\","
	  "\"query\":\"c\",\"from_record\":\"id\"}"), NULL, NULL },
	{ DLIST(",\"records\":\"data\",\"paginate\":{\"kind\":\"cursor\","
	  "\"query\":\"c\",\"from\":\"data[0].id\"}"), L ".paginate.from",
	  "from a record" },
	{ DLIST(",\"records\":\"data\",\"paginate\":{\"kind\":\"cursor\","
	  "\"query\":\"c\",\"from\":\"meta.next\"}"), NULL, NULL },
	{ DLIST(",\"paginate\":{\"kind\":\"offset\",\"query\":\"o\",\"size\":{"
	  "\"query\":\"n\",\"max\":5}}"), L ".paginate.cap", "is missing" },
	{ DLIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\"}"),
	  L ".paginate", "nowhere when it ends" },
	{ DLIST(NOPAGE ",\"query\":{\"a\":\"{{in.in}}\"}"), L ".query.a",
	  "neither in needs nor bound" },
	{ DLIST(NOPAGE ",\"order\":{\"columns\":{\"at\":\"at\"},\"query\":{"
	  "\"sort\":\"{{order.column}}\"}}"), L ".order.columns.at",
	  "not_null" },
	{ DMORE("", ",\"cursor\":{\"column\":\"at\",\"order\":\"asc\"}"),
	  L ".order", "the cursor says asc" },
	{ DMORE("", ",\"cursor\":{\"column\":\"at\",\"order\":\"desc\"}"), NULL,
	  NULL },
	{ DMORE("", ",\"cursor\":{\"column\":\"at\",\"order\":\"none\"}"), NULL,
	  NULL },
	{ M(CONF, "", "{\"e\":{\"key\":[\"a\"],\"columns\":{\"a\":{\"type\":"
	  "\"integer\",\"description\":\"d\"}},\"cursor\":{\"kind\":\"token\","
	  "\"column\":\"a\",\"order\":\"none\"},\"lists\":[{" URL ",\"name\":"
	  "\"s\",\"token\":{\"from\":\"n\"},\"paginate\":{\"kind\":\"cursor\","
	  "\"query\":\"c\",\"from\":\"n\"}},{" URL NOPAGE "}]}}"),
	  L ".paginate.from", "say by last or more" },
	{ DMORE("", ",\"decode\":\"csv\""), NULL, NULL },
	{ DMORE("", ",\"decode\":\"csv\",\"explode\":\"a\""),
	  "$.entities.e.explode", "no meaning" },
	{ DMORE("", ",\"decode\":\"csv\",\"drop_if\":\"a.b\""),
	  "$.entities.e.drop_if", "is a text" },
	{ M(CONF, "", "{\"e\":{\"decode\":\"csv\",\"key\":[\"a\"],\"columns\":{\"a\":{"
	  "\"type\":\"text\",\"path\":\"a.b\",\"description\":\"d\"}},\"lists\":[{"
	  URL NOPAGE "}]}}"), "$.entities.e.columns.a.path", "needs quotes" },
	{ M(CONF, "", "{\"e\":{\"decode\":\"ndjson\"," DCOLS ",\"lists\":[{" URL
	  NOPAGE ",\"records\":\"a\"}]}}"), L ".records", "leads to nothing" },
	{ M(CONF, "", "{\"e\":{\"decode\":\"ndjson\"," DCOLS ",\"lists\":[{" URL
	  NOPAGE ",\"records\":\"[*].a\"}]}}"), NULL, NULL },
	{ M(CONF, "", "{\"e\":{\"decode\":\"ndjson\"," DCOLS ",\"lists\":[{" URL
	  ",\"paginate\":{\"kind\":\"cursor\",\"query\":\"c\",\"from\":\"n\"}}]}}"),
	  L ".paginate.from", "leads to nothing" },
	{ DMORE("", ",\"actions\":{\"a\":{" URL ",\"decode\":\"text\",\"result\":"
	  "\"b\"}}"), "$.entities.e.actions.a.result", "is text" },
	{ DMORE("", ",\"actions\":{\"a\":{" URL ",\"decode\":\"csv\",\"result\":"
	  "\"b\"}}"), "$.entities.e.actions.a.result", "leads to nothing" },
	{ DMORE("", ",\"actions\":{\"a\":{" URL ",\"safe_to_retry\":true}}"),
	  "$.entities.e.actions.a.safe_to_retry", "with POST" },
	{ DMORE("", ",\"actions\":{\"a\":{" URL ",\"probe\":{" URL "}}}"),
	  "$.entities.e.actions.a.probe", "whatever is there" },
	{ DMORE(SIGNED, ",\"actions\":{\"a\":{" URL "}}"),
	  "$.entities.e.actions.a.auth", "not signed" },
	{ DMORE(SIGNED, ",\"actions\":{\"a\":{" URL ",\"auth\":{\"kind\":"
	  "\"none\"}}}"), NULL, NULL },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL NOPAGE "}]}}"),
	  "$.entities.e.key", "store its rows twice" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL NOPAGE "}]}}"),
	  "$.entities.e.columns", "5 have no description (id, ...)" },
	{ RESET("X-Reset", ""), "$.limits.headers.reset_unit", "is missing" },
	{ DMORE(BUCKET, ""), "$.limits.buckets.a", "no list and no action" },
	{ DMORE(BUCKET, ",\"actions\":{\"a\":{" URL ",\"bucket\":\"a\"}}"), NULL,
	  NULL },
	{ DMORE("\"limits\":{\"buckets\":{\"a\":{\"every\":true,\"headers\":{"
	  "\"remaining\":\"R\",\"reset\":\"S\"}}}},", ""),
	  "$.limits.buckets.a.headers.reset_unit", "is missing" },
	{ RESET("Retry-After", ",\"reset_unit\":\"epoch_s\""),
	  "$.limits.headers.reset_unit", "not like a moment" },
	{ RESET("X-RateLimit-Reset-After", ",\"reset_unit\":\"epoch_ms\""),
	  "$.limits.headers.reset_unit", "not like a moment" },
	{ RESET("RateLimit-Reset", ",\"reset_unit\":\"epoch_s\""), NULL,
	  NULL },
	{ RESET("X-RateLimit-Reset", ",\"reset_unit\":\"epoch_s\""), NULL,
	  NULL },
	{ DMORE("\"errors\":[{\"do\":\"retry\"},{\"status\":[404],\"do\":"
	  "\"empty\"}],", ""), "$.errors[0]", "never looked at" },
	{ DLIST(NOPAGE ",\"needs\":[\"in\"]"), "$.test", "no default" },
	{ "{\"format\":1,\"type\":\"t\",\"title\":\"T\",\"drive_model\":"
	  "\"on_demand\",\"config\":{},\"entities\":{\"e\":{" DCOLS ",\"lists\":"
	  "[{\"url\":\"http://h/\"" NOPAGE "}]}}}", "$.test", "is missing" },
};

static void
test_known_mistakes_are_warned_of(void ** state)
{
	struct manifest * m;
	struct seen s;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		memset(&s, 0, sizeof(s));
		s.path = odd[i].path;
		s.want = odd[i].want;
		s.all.max = 1 << 20;
		m = manifest_check(odd[i].json, strlen(odd[i].json), "f.json",
		    on_fault, &s, &e);
		if (m == NULL)
			fail_msg("%s\n%s", odd[i].json, e.msg);
		if (s.path == NULL ? s.warnings > 0 : !s.found)
			fail_msg("%s\nsaid:\n%swanted: %s: %s", odd[i].json,
			    s.all.p ? s.all.p : "", s.path ? s.path :
			    "nothing", s.want ? s.want : "");
		assert_int_equal(s.faults, 0);
		manifest_unref(m);
		buf_free(&s.all);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_mistakes_are_warned_of),
	};

	return (cmocka_run_group_tests_name("manifest_mistakes", tests, NULL,
	    NULL));
}
