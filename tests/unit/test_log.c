#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"

static char line[65536];
static int lines;

static void
keep(void * arg, const char * s)
{
	(void)arg;
	snprintf(line, sizeof(line), "%s", s);
	lines++;
}

static int
setup(void ** state)
{
	(void)state;
	clock_set_fake(INT64_C(1795280383123), 1);
	log_setup(LOG_INFO, LOG_JSON);
	log_capture(keep, NULL);
	lines = 0;
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	log_capture(NULL, NULL);
	clock_set_fake(-1, -1);
	return (0);
}

static json_t *
parsed(void)
{
	json_error_t je;
	json_t * v = json_loads(line, JSON_REJECT_DUPLICATES, &je);

	if (v == NULL)
		fail_msg("%s in %s", je.text, line);
	assert_null(strchr(line, '\n'));
	return (v);
}

static void
test_json_line(void ** state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_TRANSIENT, "timeout", "no \"answer\"");
	log_event(LOG_WARN, "tick_failed", LOG_S("connector", "gh"),
	    LOG_I("rows", -5), LOG_S("none", NULL), LOG_E(&e));
	assert_string_equal(line, "{\"ts\":\"2026-11-21T16:59:43.123Z\","
	    "\"level\":\"warn\",\"event\":\"tick_failed\",\"connector\":\"gh\","
	    "\"rows\":-5,\"none\":\"\",\"error_class\":\"transient\","
	    "\"error\":\"no \\\"answer\\\"\"}");
	json_decref(parsed());
	log_write(LOG_INFO, "bare", NULL, 0);
	json_decref(parsed());
}

static void
test_levels(void ** state)
{
	enum log_level l;

	(void)state;
	log_event(LOG_DEBUG, "no", LOG_I("a", 1));
	assert_int_equal(lines, 0);
	log_event(LOG_INFO, "yes", LOG_I("a", 1));
	assert_int_equal(lines, 1);
	log_setup(LOG_ERROR, LOG_JSON);
	assert_false(log_enabled(LOG_WARN));
	assert_true(log_enabled(LOG_ERROR));
	assert_int_equal(log_level_parse("debug", &l), 0);
	assert_int_equal(l, LOG_DEBUG);
	assert_int_equal(log_level_parse("error", &l), 0);
	assert_int_equal(l, LOG_ERROR);
	assert_int_equal(log_level_parse("Debug", &l), -1);
	assert_int_equal(log_level_parse("", &l), -1);
}

static const char * const hostile[] = {
	"", "\"", "\\", "\\\"", "a\nb\rc\td", "\x01\x02\x1b[31m\x7f", "}{,:",
	"\xff\xfe", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	"\xc0\x80", "\xf0\x9f\x98\x80 \xe2\x82\xac", "\xc2\x9b[2J", "a=b c",
	"\",\"level\":\"error", "%s%n%d", "\xe2\x80\xa8",
};

static void
test_hostile_json(void ** state)
{
	struct log_field f = { NULL, NULL, 0 };
	json_t * v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		log_event(LOG_INFO, "x", LOG_S("k", hostile[i]),
		    LOG_S("after", "all"));
		v = parsed();
		assert_int_equal(json_object_size(v), 5);
		assert_string_equal(json_string_value(json_object_get(v,
		    "after")), "all");
		if (utf8_check(hostile[i], strlen(hostile[i])) ==
		    strlen(hostile[i]))
			assert_string_equal(json_string_value(json_object_get(v,
			    "k")), hostile[i]);
		json_decref(v);
		/* Not even a bad key or event breaks the line. */
		f.key = hostile[i];
		log_write(LOG_INFO, hostile[i], &f, 1);
		v = parsed();
		assert_int_equal(json_object_size(v), 4);
		json_decref(v);
	}
}

static void
test_hostile_text(void ** state)
{
	unsigned char c;
	size_t i, k;

	(void)state;
	log_setup(LOG_INFO, LOG_TEXT);
	log_event(LOG_ERROR, "ev", LOG_S("a", "word"), LOG_I("n", 5),
	    LOG_S("b", "two words"), LOG_S("c", ""), LOG_S("d", "x=\"\\\n"),
	    LOG_S("e", "\x1b[0m\xff"), LOG_S("f", "\xc3\xa9"));
	assert_string_equal(line, "2026-11-21T16:59:43.123Z error ev a=word n=5 "
	    "b=\"two words\" c=\"\" d=\"x=\\\"\\\\\\n\" e=\"\\x1b[0m\\xff\" "
	    "f=\xc3\xa9");
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		log_event(LOG_INFO, "x", LOG_S("k", hostile[i]));
		assert_int_equal(utf8_check(line, strlen(line)), strlen(line));
		for (k = 0; line[k] != '\0'; k++) {
			c = (unsigned char)line[k];
			assert_true(c >= 0x20 && c != 0x7f);
			assert_false(c == 0xc2 &&
			    (unsigned char)line[k + 1] < 0xa0);
		}
	}
}

/* What does not fit is left out; the rest stays, marked and valid. */
static void
test_long_fields(void ** state)
{
	char * big = malloc(40001);
	json_t * v;
	size_t n;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 40000);
	big[40000] = '\0';
	for (n = 16100; n < 16500; n++) {
		big[n] = '\0';
		log_event(LOG_INFO, "x", LOG_S("small", "1"), LOG_S("big", big),
		    LOG_I("n", 7));
		big[n] = 'x';
		v = parsed();
		assert_string_equal(json_string_value(json_object_get(v,
		    "small")), "1");
		assert_int_equal(json_object_get(v, "cut") != NULL,
		    json_object_get(v, "big") == NULL ||
		    json_object_get(v, "n") == NULL);
		json_decref(v);
	}
	log_event(LOG_INFO, "x", LOG_S("big", big), LOG_I("n", 7));
	v = parsed();
	assert_null(json_object_get(v, "big"));
	assert_true(json_is_true(json_object_get(v, "cut")));
	assert_int_equal(json_integer_value(json_object_get(v, "n")), 7);
	json_decref(v);
	memset(big, '"', 40000); /* doubles */
	log_event(LOG_INFO, "x", LOG_S("big", big));
	json_decref(parsed());
	/* An event that long is nobody's: no line, no harm. */
	lines = 0;
	log_write(LOG_INFO, big, NULL, 0);
	assert_int_equal(lines, 0);
	log_setup(LOG_INFO, LOG_TEXT);
	log_event(LOG_INFO, "x", LOG_S("big", big), LOG_I("n", 7));
	assert_non_null(strstr(line, " n=7 cut=true"));
	free(big);
}

/* Through a real descriptor: whole lines, errno kept, a full pipe survived. */
static void
test_stderr(void ** state)
{
	char got[4096];
	int p[2], saved = dup(2);
	ssize_t n;

	(void)state;
	log_capture(NULL, NULL);
	assert_int_equal(pipe(p), 0);
	dup2(p[1], 2);
	errno = EDOM;
	log_event(LOG_INFO, "one", LOG_I("a", 1));
	assert_int_equal(errno, EDOM);
	n = read(p[0], got, sizeof(got) - 1);
	assert_true(n > 2);
	got[n] = '\0';
	assert_string_equal(got + n - 2, "}\n");

	/* Fill the pipe, without blocking, to within some bytes. */
	assert_int_equal(fcntl(p[1], F_SETFL, O_NONBLOCK), 0);
	while (write(p[1], got, sizeof(got)) > 0)
		continue;
	errno = EDOM;
	log_event(LOG_INFO, "lost", LOG_I("a", 1));
	assert_int_equal(errno, EDOM);
	while (read(p[0], got, sizeof(got)) == (ssize_t)sizeof(got))
		if (fcntl(p[0], F_SETFL, O_NONBLOCK))
			break;
	log_event(LOG_INFO, "next", LOG_I("a", 1));
	n = read(p[0], got, sizeof(got) - 1);
	dup2(saved, 2);
	close(saved);
	close(p[0]);
	close(p[1]);
	assert_true(n > 2);
	got[n] = '\0';
	/* It begins on a line of its own, whatever became of the one before. */
	assert_ptr_equal(strstr(got, "\n{\"ts\""), got);
	assert_non_null(strstr(got, "\"next\""));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_json_line), T(test_levels), T(test_hostile_json),
		T(test_hostile_text), T(test_long_fields), T(test_stderr),
	};

	return (cmocka_run_group_tests_name("log", tests, NULL, NULL));
}
