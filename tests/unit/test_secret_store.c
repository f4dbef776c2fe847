#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/literals.h"
#include "run/secret_store.h"
#include "try_call.h"

/* The store over a real state file, and literals moved into it. */

static struct loop * L;
static struct state * S;
static struct secrets * secrets;
static struct secret_store * st;
static char dir[64], db[96], key_file[96];

static void
on_done(void * arg, const struct err * e)
{
	(void)arg;
	note(e);
}

static void
up(void)
{
	struct secret_store_opts o = { .key_file = key_file, .may_make = 1 };
	struct err e;

	assert_non_null(S = state_sqlite_open(L, db, "node", &e));
	assert_non_null(secrets = secrets_new(NULL, &e));
	o.loop = L;
	o.state = S;
	o.secrets = secrets;
	assert_non_null(st = secret_store_new(&o, &e));
	OK(secret_store_load(st, on_done, NULL));
}

static void
down(void)
{
	S->ops->free(S);
	secret_store_free(st);
	secrets_free(secrets);
}

static int
setup(void ** state)
{
	struct err e;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/moltler-store-XXXXXX");
	if (mkdtemp(dir) == NULL || (L = loop_new(&e)) == NULL)
		return (-1);
	snprintf(db, sizeof(db), "%s/state.db", dir);
	snprintf(key_file, sizeof(key_file), "%s/master.key", dir);
	up();
	return (0);
}

static int
teardown(void ** state)
{
	char cmd[128];

	(void)state;
	down();
	loop_free(L);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return (system(cmd));
}

static void
resolves(const char * name, const char * want)
{
	struct buf b = BUF_INIT(0);
	char ref[700];
	struct err e;

	snprintf(ref, sizeof(ref), "{{secrets.%s}}", name);
	if (want == NULL) {
		assert_int_equal(secrets_resolve(secrets, ref, &b, &e), -1);
	} else {
		if (secrets_resolve(secrets, ref, &b, &e))
			fail_msg("%s", e.msg);
		assert_string_equal(b.p, want);
	}
	buf_free(&b);
}

static void
names_are(const char * want)
{
	json_t * a = secret_store_names(st);
	char * s;

	assert_non_null(a);
	assert_non_null(s = json_dumps(a, JSON_COMPACT));
	assert_string_equal(s, want);
	free(s);
	json_decref(a);
}

#define SET(name, value) \
	secret_store_set(st, name, value, strlen(value), on_done, NULL)

static void
test_set_and_del(void ** state)
{
	static char big[SECRET_VALUE_MAX + 1];

	(void)state;
	names_are("[]");
	assert_int_not_equal(access(key_file, F_OK), 0);
	OK(SET("b", "hunter2"));
	OK(SET("a", "first"));
	OK(SET("a", "second"));
	assert_int_equal(access(key_file, F_OK), 0);
	names_are("[\"a\",\"b\"]");
	resolves("a", "second");
	FAILS("1 to 128", SET("~a", "x"));
	FAILS("1 to 128", SET("", "x"));
	FAILS("empty", SET("c", ""));
	FAILS("NUL", secret_store_set(st, "c", "a\0b", 3, on_done, NULL));
	memset(big, 'x', sizeof(big));
	FAILS("65536", secret_store_set(st, "c", big, sizeof(big), on_done,
	    NULL));
	OK(secret_store_set(st, "c", big, SECRET_VALUE_MAX, on_done, NULL));
	down();
	up();
	names_are("[\"a\",\"b\",\"c\"]");
	resolves("a", "second");
	resolves("b", "hunter2");
	OK(secret_store_del(st, "a", on_done, NULL));
	OK(secret_store_del(st, "c", on_done, NULL));
	FAILS("no secret 'a'", secret_store_del(st, "a", on_done, NULL));
	FAILS("no secret", secret_store_del(st, "~key-check", on_done, NULL));
	resolves("a", NULL);
	names_are("[\"b\"]");
}

/* Many at once, from before there is a key. */
static void
test_at_once(void ** state)
{
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		SET(name, name);
	}
	UNTIL(calls >= 50 && !failed, 10000);
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		resolves(name, name);
	}
	/* Left in the middle: nothing is called, nothing leaks. */
	SET("late", "x");
	secret_store_del(st, "n1", on_done, NULL);
	secret_store_load(st, on_done, NULL);
	i = calls;
	down();
	assert_int_equal(calls, i);
	calls = 0;
	up();
}

static void
write_key(const char * text)
{
	FILE * f = fopen(key_file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
test_wrong_key(void ** state)
{
	char key[128] = "";
	FILE * f;

	(void)state;
	OK(SET("a", "hunter2"));
	assert_non_null(f = fopen(key_file, "r"));
	assert_non_null(fgets(key, sizeof(key), f));
	fclose(f);
	down();
	write_key("0000000000000000000000000000000000000000000000000000000000"
	    "000000\n");
	up();
	resolves("a", NULL);
	FAILS("another master key", SET("b", "x"));
	names_are("[\"a\"]");
	/* Mended. */
	write_key(key);
	OK(secret_store_load(st, on_done, NULL));
	resolves("a", "hunter2");
	OK(SET("b", "x"));
	down();
	assert_int_equal(unlink(key_file), 0);
	up();
	resolves("a", NULL);
	FAILS("not here", SET("b", "y"));
	assert_int_not_equal(access(key_file, F_OK), 0);
	/* Given up: with the last of them any key does. */
	OK(secret_store_del(st, "a", on_done, NULL));
	FAILS("not here", SET("b", "y"));
	OK(secret_store_del(st, "b", on_done, NULL));
	OK(SET("b", "y"));
	down();
	up();
	resolves("b", "y");
}

static void
test_put_back(void ** state)
{
	(void)state;
	OK(SET("a", "hunter2"));
	S->ops->del(S, "secret", "a", NULL, NULL);
	secret_store_put_back(st);
	OK(secret_store_load(st, on_done, NULL));
	resolves("a", "hunter2");
	S->ops->del(S, "secret", "a", NULL, NULL);
	OK(secret_store_load(st, on_done, NULL));
	names_are("[]");
}

/* ---- literals ---- */

static const char schema[] = "{\"url\":{\"type\":\"url\"},"
    "\"key\":{\"type\":\"secret\"},\"ref\":{\"type\":\"secret_ref\"},"
    "\"auth\":{\"type\":\"variant\",\"variants\":{\"none\":{},"
    "\"token\":{\"token\":{\"type\":\"secret\"}}}}}";

static json_t *
J(const char * s)
{
	json_t * v = json_loads(s, 0, NULL);

	assert_non_null(v);
	return (v);
}

/* Move; the configuration that comes of it, as text. */
static char *
moved(const char * config, struct literals ** l)
{
	json_t * s = J(schema), * c = J(config);
	struct err e;
	char * text;
	int n = calls, rc;

	*l = NULL;
	rc = literals_move(st, s, c, "id1", l, on_done, NULL, &e);
	if (rc < 0)
		fail_msg("%s", e.msg);
	if (rc > 0)
		UNTIL(calls == n + 1, 10000);
	assert_false(rc > 0 && failed);
	assert_non_null(text = json_dumps(c, JSON_COMPACT));
	json_decref(s);
	json_decref(c);
	return (text);
}

static size_t
hidden(const char * config)
{
	json_t * used = json_object();
	const char * name;
	json_t * v;
	size_t n = 0;

	literals_used(config, used);
	json_object_foreach(used, name, v)
		n += secrets_sealed(secrets, name) != NULL;
	json_decref(used);
	return (n);
}

static void
test_literals(void ** state)
{
	struct literals * a, * b, * c;
	char * x, * y, * z;
	json_t * v;

	(void)state;
	z = moved("{\"url\":\"http://h\",\"key\":\"$env:A\",\"auth\":"
	    "{\"type\":\"none\"}}", &c);
	assert_null(c);
	free(z);
	x = moved("{\"url\":\"http://h\",\"key\":\"hunter2\",\"auth\":"
	    "{\"type\":\"token\",\"token\":\"hunter3\"}}", &a);
	assert_null(strstr(x, "hunter"));
	assert_non_null(strstr(x, "{{secrets.~id1.key~"));
	assert_non_null(strstr(x, "{{secrets.~id1.auth.token~"));
	assert_int_equal(hidden(x), 2);
	names_are("[]");
	v = J(x);
	literals_hide(v);
	assert_string_equal(json_string_value(json_object_get(v, "key")),
	    "***");
	json_decref(v);

	/* The same field again has a name of its own; the old one goes when
	 * nothing refers to it. */
	y = moved("{\"key\":\"hunter4\"}", &b);
	assert_int_equal(hidden(x), 2);
	literals_sweep(st, x, y);
	OK(secret_store_load(st, on_done, NULL));
	assert_int_equal(hidden(x), 0);
	assert_int_equal(hidden(y), 1);
	literals_undo(b);
	OK(secret_store_load(st, on_done, NULL));
	assert_int_equal(hidden(y), 0);
	literals_free(a);
	literals_free(b);
	free(x);
	free(y);
}

static void
refuses(const char * config, const char * word)
{
	json_t * s = J(schema), * c = J(config);
	struct literals * l = NULL;
	struct err e;
	int rc = literals_check(c, &e);

	if (rc == 0)
		rc = literals_move(st, s, c, "id1", &l, on_done, NULL, &e);
	assert_int_equal(rc, -1);
	if (strstr(e.msg, word) == NULL)
		fail_msg("%s", e.msg);
	assert_null(strstr(e.msg, "hunter2"));
	json_decref(s);
	json_decref(c);
}

static void
count(void * arg, const char * name, const char * sealed)
{
	(void)name;
	(void)sealed;
	(*(size_t *)arg)++;
}

static size_t
counted(void)
{
	size_t n = 0;

	secrets_each(secrets, count, &n);
	return (n);
}

static void
test_refused_literals(void ** state)
{
	int64_t until;

	(void)state;
	refuses("{\"key\":\"{{secrets.~x}}\"}", "config.key");
	refuses("{\"auth\":{\"type\":\"x\",\"y\":[\"***\"]}}",
	    "config.auth.y");
	refuses("{\"key\":\"Bearer {{secrets.x}} hunter2\"}",
	    "stands alone");
	/* The first is on its way when the second is refused: it goes too. */
	refuses("{\"key\":\"hunter2\",\"auth\":{\"type\":\"token\","
	    "\"token\":\"x {{ secrets.x }}\"}}", "config.auth.token");
	/* It comes, and then goes, both within one turn if the state is quick; the
	 * key's check stays. */
	until = clock_mono_us() + 500000;
	while (counted() != 2 && clock_mono_us() < until)
		loop_turn(L, 1);
	UNTIL(counted() == 1, 10000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_set_and_del), T(test_at_once), T(test_wrong_key),
		T(test_put_back), T(test_literals), T(test_refused_literals),
	};

	return (cmocka_run_group_tests_name("secret_store", tests, NULL,
	    NULL));
}
