#include <stdio.h>

#include "action_rig.h"
#include "base/clock.h"
#include "base/rfc3339.h"

/*
 * Actions of which nobody knows whether they were done: every combination of what
 * can happen to the first sending, the looks and the second, against a service that
 * counts.  What is called done was done once, what is called failed never, and
 * nothing is done twice.
 */

const char manifest[] = "{\"format\": 1, \"type\": \"svc\", \"title\": \"t\", "
    "\"description\": \"d\", \"drive_model\": \"on_demand\", \"config\": {}, \"entities\": {"
    "\"e\": {\"key\": [\"id\"], \"columns\": {\"id\": {\"type\": \"integer\"}}, \"lists\": "
    "[{\"url\": \"" HOST "/e\"}], \"actions\": {\"plain\": {\"method\": \"POST\", \"url\": "
    "\"" HOST "/make\"}, "
    "\"again\": {\"method\": \"DELETE\", \"url\": \"" HOST "/make\", "
    "\"safe_to_retry\": true}, "
    "\"read\": {\"method\": \"GET\", \"url\": \"" HOST "/make\"}, "
    "\"probed\": {\"method\": \"POST\", \"url\": \"" HOST "/make\", \"success\": [201], "
    "\"probe\": {\"url\": \"" HOST "/things\", \"records\": \"things\", \"match\": {\"name\": "
    "\"x\\r\\ny\", \"note\": \"\"}, \"since\": {\"at\": \"{{action.since}}\"}, \"result\": \"id\"}}, "
    "\"keyed\": {\"method\": \"POST\", \"url\": \"" HOST "/make\", \"idempotency\": "
    "{\"header\": \"Idempotency-Key\"}}}}}, \"test\": {\"url\": \"" HOST "/me\"}}";

/* What happens to a sending. */
enum { DONE, DONE_LOST, DONE_502, GARBLED, LOST, GONE_502, BUSY, REFUSED,
	UNREACHED, NMAKES };
/* ... and to a look, before the second sending and after it. */
enum { SEES, FORBIDDEN, AWAY, PAGE, UNDATED, STALE, NLOOKS };

static int makes[2], looks[2]; /* the last for ever */
static unsigned nmade, nlooked, things;
static int is_unique;   /* the service refuses a second */
static char keys[4][64];
static int64_t made_ms;
static int64_t late_ms; /* when what was sent first gets done; 0: not */

static void
make(struct fake_answer * a)
{
	const struct fake_request * q = fake_http_request(H, NULL,
	    fake_http_requests(H, NULL) - 1);
	const char * p = strstr(q->headers, "Idempotency-Key: ");
	int how = makes[nmade > 0];

	if (p != NULL && nmade < 4)
		snprintf(keys[nmade], sizeof(keys[0]), "%.36s", p + 17);
	nmade++;
	a->delay_ms = 50;
	a->ctype = "application/json";
	if (is_unique && things > 0 && how <= GARBLED)
		how = REFUSED;
	switch (how) {
	case DONE:
	case DONE_502:
		if (p == NULL || things == 0)
			things++;
		made_ms = clock_wall_ms() / 1000 * 1000;
		a->status = how == DONE ? 201 : 502;
		a->body = strdup("{\"id\": 7}");
		return;
	case GARBLED:
		if (p == NULL || things == 0)
			things++;
		made_ms = clock_wall_ms() / 1000 * 1000;
		a->err_code = "too_big";
		a->err_cls = ERR_PERMANENT;
		return;
	case DONE_LOST:
		/* A key that was seen is no second thing. */
		if (p == NULL || nmade == 1)
			things++;
		made_ms = clock_wall_ms() / 1000 * 1000;
		a->never = nmade == 1;
		a->err_code = nmade == 1 ? NULL : "recv";
		a->err_cls = ERR_TRANSIENT;
		return;
	case LOST:
		a->err_code = "recv";
		a->err_cls = ERR_TRANSIENT;
		return;
	case GONE_502:
	case BUSY:
		a->status = how == BUSY ? 503 : 502;
		return;
	case REFUSED:
		a->status = 422;
		return;
	case UNREACHED:
		a->err_code = "connect";
		a->err_cls = ERR_TRANSIENT;
		return;
	}
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	char at[RFC3339_LEN], body[200];

	(void)arg;
	if (strcmp(url, HOST "/make") == 0) {
		make(a);
		return;
	}
	a->ctype = "application/json";
	nlooked++;
	if (late_ms > 0 && clock_wall_ms() >= late_ms) {
		things++;
		late_ms = 0;
	}
	switch (looks[nmade > 1]) {
	case SEES:
		rfc3339_format(made_ms, at);
		snprintf(body, sizeof(body), "{\"things\": [{\"name\": \"x\\nyy\"}"
		    ", {\"name\": \"x\"}, {\"name\": \"x\\ny \\n\", \"id\": 7, \"at\": \"%s\"}]}", at);
		a->body = strdup(things > 0 ? body : "{\"things\": []}");
		break;
	case STALE:
		/* Somebody's, of long ago. */
		a->body = strdup("{\"things\": [{\"name\": \"x\\ny\", \"at\": "
		    "\"2023-11-14T22:00:00Z\"}]}");
		break;
	case PAGE:
		/* A login page: it says nothing of what is there. */
		a->ctype = "text/html";
		a->body = strdup("<html>Sign in</html>");
		break;
	case UNDATED:
		a->body = strdup(things > 0 ? "{\"things\": [{\"name\": \"x\\ny\", "
		    "\"id\": 7, \"at\": \"today\"}]}" : "{\"things\": []}");
		break;
	case FORBIDDEN:
		a->status = 403;
		break;
	case AWAY:
		a->err_code = "recv";
		a->err_cls = ERR_TRANSIENT;
		break;
	}
}

static void
play(const char * name, int m0, int l0, int m1, int l1)
{
	makes[0] = m0;
	makes[1] = m1;
	looks[0] = l0;
	looks[1] = l1;
	nmade = nlooked = things = 0;
	memset(keys, 0, sizeof(keys));
	fake_http_serve(H, serve, NULL);
	act(name);
}

static void
check(const char * what)
{
	unsigned n = things;
	int ok = 1;

	switch (ended.what) {
	case OUTCOME_DONE:
	case OUTCOME_SEEN:
		ok = n == 1 && why.code[0] == '\0';
		break;
	case OUTCOME_FAILED:
	case OUTCOME_UNSENT:
		ok = n == 0 && why.code[0] != '\0';
		break;
	case OUTCOME_OPEN:
		ok = n <= 1 && (strstr(why.msg, "may have been done") != NULL);
		break;
	case OUTCOME_ACCEPTED:
		ok = 0;
	}
	if (!ok)
		fail_msg("%s: makes %d %d looks %d %d: ended %d with %u things: "
		    "%s %s", what, makes[0], makes[1], looks[0], looks[1],
		    ended.what, n, why.code, why.msg);
}

static void
test_every_way(void ** state)
{
	int m0, m1, l0, l1, end[6] = { 0 };

	(void)state;
	for (is_unique = 0; is_unique < 2; is_unique++)
		for (m0 = 0; m0 < NMAKES; m0++)
			for (m1 = 0; m1 < NMAKES; m1++)
				for (l0 = 0; l0 < NLOOKS; l0++)
					for (l1 = 0; l1 < NLOOKS; l1++) {
						/* Who shows what is not so is
						 * believed: with a stale view
						 * it may be done twice. */
						if ((l0 == STALE || l1 ==
						    STALE) && !is_unique)
							continue;
						play("probed", m0, l0, m1, l1);
						if (l0 == STALE || l1 == STALE)
							assert_true(things < 2);
						else
							check("probed");
						end[ended.what]++;
					}
	/* With a key nothing is looked for, and nothing is done twice. */
	for (is_unique = 0, m0 = 0; m0 < NMAKES; m0++)
		for (m1 = 0; m1 < NMAKES; m1++) {
			play("keyed", m0, SEES, m1, SEES);
			check("keyed");
			play("plain", m0, SEES, m1, SEES);
			check("plain");
		}
	assert_true(end[OUTCOME_DONE] > 0 && end[OUTCOME_SEEN] > 0 &&
	    end[OUTCOME_FAILED] > 0 && end[OUTCOME_OPEN] > 0 &&
	    end[OUTCOME_UNSENT] > 0);
	is_unique = 0;
}

static void
test_probe(void ** state)
{
	(void)state;
	/* Done, and the answer lost: seen, with its result. */
	play("probed", DONE_LOST, SEES, DONE, SEES);
	assert_int_equal(ended.what, OUTCOME_SEEN);
	assert_int_equal(json_integer_value(got), 7);
	assert_int_equal(nmade, 1);
	/* Not there: once more. */
	play("probed", LOST, SEES, DONE, SEES);
	assert_int_equal(ended.what, OUTCOME_DONE);
	assert_int_equal(ended.attempts, 2);
	/* A slow service: done after the first look, and not twice. */
	made_ms = clock_wall_ms();
	late_ms = made_ms + 2000;
	play("probed", LOST, SEES, DONE, SEES);
	assert_int_equal(ended.what, OUTCOME_SEEN);
	assert_int_equal(nmade, 1);
	assert_int_equal(nlooked, 2);
	/* Twice lost, and done the second time. */
	play("probed", LOST, SEES, DONE_LOST, SEES);
	assert_int_equal(ended.what, OUTCOME_SEEN);
	/* Never more than twice. */
	play("probed", LOST, SEES, LOST, SEES);
	assert_int_equal(nmade, 2);
	assert_string_equal(why.code, "ambiguous");
	assert_text(why.msg, "sent twice");
	/* Nobody may look: what to look at is said. */
	play("probed", DONE_502, FORBIDDEN, DONE, SEES);
	assert_int_equal(nmade, 1);
	assert_int_equal(ended.what, OUTCOME_OPEN);
	assert_string_equal(why.code, "ambiguous");
	assert_text(why.msg, HOST "/things");
	/* What is busy did nothing. */
	play("probed", BUSY, SEES, DONE, SEES);
	assert_int_equal(ended.what, OUTCOME_FAILED);
	assert_int_equal(nlooked, 0);
}

static void
test_without(void ** state)
{
	(void)state;
	play("plain", DONE_LOST, SEES, DONE, SEES);
	assert_string_equal(why.code, "ambiguous");
	assert_int_equal(ended.what, OUTCOME_OPEN);
	assert_int_equal(nmade, 1);
	play("plain", DONE_502, SEES, DONE, SEES);
	assert_int_equal(ended.what, OUTCOME_OPEN);
	play("plain", REFUSED, SEES, DONE, SEES);
	assert_int_equal(ended.what, OUTCOME_FAILED);
	play("plain", UNREACHED, SEES, UNREACHED, SEES);
	assert_int_equal(ended.what, OUTCOME_UNSENT);
	/* Deleted without an answer, and then there is none to delete. */
	play("again", LOST, SEES, REFUSED, SEES);
	assert_int_equal(ended.what, OUTCOME_OPEN);
	assert_text(why.msg, "may have been done then");
	/* What only reads has failed, and that is all. */
	play("read", LOST, SEES, GARBLED, SEES);
	assert_int_equal(ended.what, OUTCOME_FAILED);
	assert_string_equal(why.code, "too_big");
	assert_null(strstr(why.msg, "may have been done"));
}

static void
test_key(void ** state)
{
	(void)state;
	play("keyed", LOST, SEES, DONE, SEES);
	assert_int_equal(ended.what, OUTCOME_DONE);
	assert_int_equal(nmade, 2);
	assert_int_equal(strlen(keys[0]), 36);
	assert_string_equal(keys[0], keys[1]);
	play("keyed", DONE_LOST, SEES, DONE_LOST, SEES);
	assert_int_equal(ended.what, OUTCOME_OPEN);
	assert_int_equal(things, 1);
	play("keyed", LOST, SEES, REFUSED, SEES);
	assert_int_equal(ended.what, OUTCOME_OPEN);
	assert_text(why.msg, "sent before");
}

static void
test_cancel(void ** state)
{
	struct action * a;
	int ms;

	(void)state;
	makes[0] = makes[1] = DONE_LOST;
	looks[0] = looks[1] = AWAY;
	nmade = nlooked = things = 0;
	fake_http_serve(H, serve, NULL);
	for (ms = 0; ms < 9000; ms += 300) {
		a = begin("probed");
		fake_loop_advance(L, ms);
		if (calls == 0)
			action_cancel(a);
		fake_loop_advance(L, 20000);
		assert_int_equal(fake_http_running(H), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_way, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
