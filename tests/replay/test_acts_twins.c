#include <stdio.h>

#include "acts_rig.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rfc3339.h"

/*
 * Equal actions at the same time, of which no answer came: a look never takes what
 * one did for what another did.
 */

const char manifest[] = "{\"format\": 1, \"type\": \"svc\", \"title\": \"t\", "
    "\"description\": \"d\", \"drive_model\": \"on_demand\", \"config\": {}, \"entities\": {"
    "\"e\": {\"key\": [\"id\"], \"columns\": {\"id\": {\"type\": \"integer\"}}, \"lists\": "
    "[{\"url\": \"" HOST "/e\"}], \"actions\": {\"make\": {\"method\": \"POST\", \"url\": "
    "\"" HOST "/make\", \"query\": {\"name\": \"{{in.name}}\"}, \"args\": {\"name\": "
    "{\"type\": \"string\", \"required\": true}, \"note\": {\"type\": \"string\"}}, "
    "\"lookup\": {\"url\": \"" HOST "/me\", \"value\": \"me\", \"unless\": [\"note\"]}, "
    "\"probe\": {\"url\": \"" HOST "/things\", \"records\": \"things\", \"match\": {\"name\": "
    "\"{{in.name}}\", \"by\": \"{{lookup}}\"}, \"since\": {\"at\": \"{{action.since}}\"}, "
    "\"next\": \"next\", \"next_query\": \"page\", \"pages\": 3}}}}}, "
    "\"test\": {\"url\": \"" HOST "/me\"}}";

#define MANY 4

/* What the service does with one after the other: 'd' it, and says so; 'l' it, and the
 * answer is lost; 'x' nothing, and nobody says so; 's' as l, and slowly. */
static const char * ways;
static struct thing {
	char name[8], at[RFC3339_LEN];
} things[16];
static unsigned nthings, nsent, nlooks, nlookups, per_page, strangers;
static const char * next_is; /* how what leads on is told, for json_pack() */
static int is_stuck;         /* it always leads to the second page */

static struct asked {
	int calls, failed;
	struct action_end end;
	struct err e;
	json_t * got;
} asked[MANY];

static void
make(const char * url, struct fake_answer * a)
{
	char how = ways[nsent] != '\0' ? ways[nsent++] : 'd';
	struct thing * t = &things[nthings];

	a->delay_ms = 20;
	a->ctype = "application/json";
	if (how != 'x') {
		snprintf(t->name, sizeof(t->name), "%s", strstr(url, "name=") +
		    5);
		rfc3339_format(clock_wall_ms(), t->at);
		assert_true(++nthings <= 16);
	}
	if (how == 'd') {
		a->status = 201;
		a->body = malloc(64);
		assert_non_null(a->body);
		snprintf((char *)(uintptr_t)a->body, 64, "{\"id\": %u}", nthings);
		return;
	}
	a->delay_ms = how == 's' ? 2000 : 20;
	a->err_code = "recv";
	a->err_cls = ERR_TRANSIENT;
}

/* Newest first, so many a page. */
static void
look(const char * url, struct fake_answer * a)
{
	const char * p = strstr(url, "page=");
	unsigned page = p != NULL ? (unsigned)atoi(p + 5) : 0, i, n = 0;
	unsigned most = per_page > 0 ? per_page : 100;
	json_t * list = json_array(), * o;

	nlooks++;
	a->ctype = "application/json";
	/* What others have made meanwhile is on the first pages. */
	for (i = 0; i < strangers + nthings; i++) {
		if (i < page * most || n == most)
			continue;
		n++;
		o = i < strangers ? json_pack("{s:s}", "name", "other") :
		    json_pack("{s:s, s:s, s:i, s:s}", "name", things[nthings -
		    1 - (i - strangers)].name, "at", things[nthings - 1 - (i -
		    strangers)].at, "id", (int)(nthings - (i - strangers)),
		    "by", "me");
		json_array_append_new(list, o);
	}
	o = json_pack("{s:o}", "things", list);
	if ((page + 1) * most < strangers + nthings)
		json_object_set_new(o, "next", is_stuck ? json_string("1") :
		    next_is != NULL ? json_pack(next_is, (int)page + 1) :
		    json_sprintf("%u", page + 1));
	a->body = json_dumps(o, 0);
	json_decref(o);
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	(void)arg;
	if (strstr(url, "/make") != NULL) {
		make(url, a);
	} else if (strstr(url, "/things") != NULL) {
		look(url, a);
	} else {
		nlookups++;
		a->body = strdup("{\"me\": \"me\"}");
		a->ctype = "application/json";
	}
}

static int
start(void ** state)
{
	setup(state);
	fake_http_serve(H, serve, NULL);
	acts_begin();
	nthings = nsent = nlooks = nlookups = per_page = strangers = 0;
	next_is = NULL;
	is_stuck = 0;
	memset(asked, 0, sizeof(asked));
	return (0);
}

static int
stop(void ** state)
{
	int i;

	for (i = 0; i < MANY; i++)
		json_decref(asked[i].got);
	acts_end();
	return (teardown(state));
}

static void
on_end(void * arg, const json_t * answer, const struct action_end * end,
    const struct err * e)
{
	struct asked * s = arg;

	s->calls++;
	s->end = *end;
	s->failed = e != NULL;
	if (e != NULL)
		s->e = *e;
	s->got = answer ? json_deep_copy(answer) : NULL;
}

static void
ask(int node, struct asked * s, const char * name, const char * note)
{
	const struct manifest_entity * ent = manifest_entity(m, "e");
	struct act_who who = { NULL, NULL, NULL };
	json_t * args = json_pack("{s:s, s:s*}", "name", name, "note", note);

	assert_non_null(acts_start(acts[node], &env, c, ent, manifest_action(
	    ent, "make"), args, &who, on_end, s));
	json_decref(args);
}

static int
all_over(void * arg)
{
	int i, * n = arg;

	for (i = 0; i < *n; i++)
		if (asked[i].calls == 0)
			return (0);
	return (1);
}

static void
wait_for(int n)
{
	assert_int_equal(fake_loop_until(L, all_over, &n, 120000), 0);
}

/* "done 3": what became of it, and what it is called. */
static const char *
became(const struct asked * s)
{
	static char out[64];
	const json_t * id = json_object_get(s->got, "id");

	snprintf(out, sizeof(out), "%s %d", acts_record_outcome(s->end.what),
	    (int)json_integer_value(id));
	return (out);
}

/* Two that are equal, 500 ms apart. */
static void
test_two(void ** state)
{
	static const struct {
		const char * ways;
		const char * names[2];
		unsigned nodes[2];
		const char * want[2];
		unsigned things;
	} cases[] = {
		/* The other's is no proof: it is sent again. */
		{ "xd", { "a", "a" }, { 0, 0 }, { "done 2", "done 1" }, 2 },
		{ "xd", { "a", "a" }, { 0, 1 }, { "done 2", "done 1" }, 2 },
		{ "dx", { "a", "a" }, { 0, 1 }, { "done 1", "done 2" }, 2 },
		{ "dx", { "a", "a" }, { 0, 0 }, { "done 1", "done 2" }, 2 },
		/* Each is found. */
		{ "ld", { "a", "a" }, { 0, 0 }, { "done (seen) 1", "done 2" },
		  2 },
		{ "dl", { "a", "a" }, { 0, 1 }, { "done 1", "done (seen) 2" },
		  2 },
		/* Both are there, whichever is whose. */
		{ "ll", { "a", "a" }, { 0, 0 }, { "done (seen) 0",
		  "done (seen) 0" }, 2 },
		/* One is there: of whom, nobody knows, ... */
		{ "xs", { "a", "a" }, { 0, 0 }, { "ambiguous 0",
		  "ambiguous 0" }, 1 },
		{ "lx", { "a", "a" }, { 0, 1 }, { "ambiguous 0",
		  "ambiguous 0" }, 1 },
		/* ... unless they are not equal. */
		{ "xl", { "a", "b" }, { 0, 0 }, { "done 2", "done (seen) 1" },
		  2 },
		{ "lx", { "a", "b" }, { 0, 1 }, { "done (seen) 1", "done 2" },
		  2 },
	};
	size_t i;
	int k;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ways = cases[i].ways;
		for (k = 0; k < 2; k++) {
			ask((int)cases[i].nodes[k], &asked[k],
			    cases[i].names[k], k == 0 ? "x" : "y");
			fake_loop_advance(L, 500);
		}
		wait_for(2);
		for (k = 0; k < 2; k++)
			if (strcmp(became(&asked[k]), cases[i].want[k]) != 0)
				fail_msg("%zu, %s: %d is %s: %s", i, ways, k,
				    became(&asked[k]), asked[k].e.msg);
		assert_int_equal(nthings, cases[i].things);
		if (i + 1 < sizeof(cases) / sizeof(*cases)) {
			assert_int_equal(stop(state), 0);
			assert_int_equal(start(state), 0);
		}
	}
	assert_int_equal(nlookups, 0);
}

/* One that was done some minutes ago is of no account; one of a minute ago is known. */
static void
test_earlier(void ** state)
{
	(void)state;
	ways = "dxd";
	ask(0, &asked[0], "a", NULL);
	wait_for(1);
	assert_string_equal(became(&asked[0]), "done 1");
	/* What was looked up only to look was not. */
	assert_int_equal(nlookups, 0);
	fake_loop_advance(L, 20000);
	ask(1, &asked[1], "a", NULL);
	wait_for(2);
	assert_string_equal(became(&asked[1]), "done 2");
	assert_int_equal(nthings, 2);
	assert_int_equal(nlookups, 1);
	fake_loop_advance(L, 300000);
	ways = "dxdl";
	ask(0, &asked[2], "a", NULL);
	wait_for(3);
	assert_string_equal(became(&asked[2]), "done (seen) 3");
}

/* The journal is away: then nobody knows. */
static void
test_away(void ** state)
{
	(void)state;
	ways = "l";
	ask(0, &asked[0], "a", "n");
	fake_loop_advance(L, 500);
	fake_state_away(store[0], 1);
	wait_for(1);
	assert_string_equal(became(&asked[0]), "ambiguous 0");
	assert_text(asked[0].e.msg, "not known whether another action");
	fake_state_away(store[0], 0);
	fake_loop_advance(L, 60000);
}

/* What is looked for is on a later page, or on none that is looked at. */
static void
test_pages(void ** state)
{
	(void)state;
	per_page = 2;
	strangers = 5;
	ways = "l";
	ask(0, &asked[0], "a", "n");
	wait_for(1);
	assert_string_equal(became(&asked[0]), "done (seen) 1");
	assert_int_equal(nlooks, 3);
	strangers = 7;
	nsent = 0;
	ask(0, &asked[1], "b", "n");
	wait_for(2);
	assert_string_equal(became(&asked[1]), "ambiguous 0");
	assert_string_equal(asked[1].e.code, "ambiguous");
	assert_text(asked[1].e.msg, "not on the 3 pages");
	assert_int_equal(nthings, 2);
	/* Each look begins at the first; without it on any it is sent again. */
	strangers = 3;
	nsent = 0;
	nlooks = 0;
	ways = "xd";
	ask(0, &asked[2], "c", "n");
	wait_for(3);
	assert_string_equal(became(&asked[2]), "done 3");
	assert_int_equal(nlooks, 6);
}

/* Pages have numbers; and what cannot be sent is no end: nothing is sent twice. */
static void
test_next(void ** state)
{
	(void)state;
	per_page = 2;
	strangers = 5;
	ways = "l";
	next_is = "i";
	ask(0, &asked[0], "a", "n");
	wait_for(1);
	assert_string_equal(became(&asked[0]), "done (seen) 1");
	next_is = "[i]";
	nsent = 0;
	ask(0, &asked[1], "b", "n");
	wait_for(2);
	assert_string_equal(became(&asked[1]), "ambiguous 0");
	assert_int_equal(nthings, 2);
	/* Nor is one that leads to itself an end. */
	is_stuck = 1;
	nsent = 0;
	ask(0, &asked[2], "c", "n");
	wait_for(3);
	assert_string_equal(became(&asked[2]), "ambiguous 0");
	assert_int_equal(nthings, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(test_two), T(test_earlier), T(test_away), T(test_pages),
		T(test_next),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
