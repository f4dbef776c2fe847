#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "secret/secret.h"
#include "secret/secret_box.h"
#include "secret/secret_key.h"
#include "secret/secret_scrub.h"

static const char hex64[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
static struct secret_key key;

static int
setup(void ** state)
{
	struct err e;

	(void)state;
	return (secret_key_parse(hex64, &key, &e));
}

/* ---- keys ---- */

static void
test_key_forms(void ** state)
{
	struct secret_key k;
	struct err e;
	size_t i;
	static const char * const bad[] = { "", "correct horse battery staple",
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj" };

	(void)state;
	for (i = 0; i < SECRET_KEY_LEN; i++)
		assert_int_equal(key.k[i], i);
	assert_int_equal(secret_key_parse(
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", &k, &e), 0);
	assert_memory_equal(&k, &key, sizeof(k));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(secret_key_parse(bad[i], &k, &e), -1);
		assert_int_equal(e.cls, ERR_CONFIG);
		assert_non_null(strstr(e.msg, "openssl rand -hex 32"));
		assert_null(strstr(e.msg, "horse"));
	}
}

static void
test_key_file(void ** state)
{
	char dir[] = "/tmp/moltler-key-XXXXXX", path[64], link_to[64];
	struct secret_key a, b;
	struct stat st;
	struct err e;
	FILE * f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/master.key", dir);
	snprintf(link_to, sizeof(link_to), "%s/pipe", dir);
	assert_int_equal(secret_key_read(path, &a, &e), 1);
	assert_int_equal(secret_key_make(path, &a, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(secret_key_read(path, &b, &e), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	/* One that is there is never replaced. */
	assert_int_equal(secret_key_make(path, &b, &e), 0);
	assert_memory_equal(&a, &b, sizeof(a));

	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(secret_key_read(path, &b, &e), -1);
	assert_non_null(strstr(e.msg, "chmod 600"));
	assert_int_equal(secret_key_make(path, &b, &e), -1);
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
		assert_int_equal(secret_key_read(path, &b, &e), -1);
		assert_non_null(strstr(e.msg, "chown"));
	}
	unlink(path);
	assert_int_equal(mkfifo(link_to, 0600), 0);
	assert_int_equal(secret_key_read(link_to, &b, &e), -1);
	assert_non_null(strstr(e.msg, "regular"));
	unlink(link_to);
	assert_non_null(f = fopen(path, "w"));
	fputs("hunter2\n", f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(secret_key_read(path, &b, &e), -1);
	assert_non_null(strstr(e.msg, path));
	assert_null(strstr(e.msg, "hunter2"));
	unlink(path);
	rmdir(dir);
}

/* ---- sealed texts ---- */

static void
test_box(void ** state)
{
	struct buf s = BUF_INIT(0), t = BUF_INIT(0), o = BUF_INIT(0);
	struct secret_key other = key;
	struct err e;
	size_t i;
	char c;

	(void)state;
	assert_int_equal(secret_box_seal(&key, "a", "hunter2", 7, &s, &e), 0);
	assert_int_equal(secret_box_seal(&key, "a", "hunter2", 7, &t, &e), 0);
	assert_int_equal(strncmp(s.p, "v1:", 3), 0);
	assert_string_not_equal(s.p, t.p); /* a nonce of its own */
	buf_adds(&o, "> ");
	assert_int_equal(secret_box_open(&key, "a", s.p, &o, &e), 0);
	assert_string_equal(o.p, "> hunter2");

	/* Another name, another key, any byte changed, cut; also one whose last
	 * digit has bits of no byte. */
	do {
		buf_clear(&s);
		assert_int_equal(secret_box_seal(&key, "a", "hunter2", 7, &s,
		    &e), 0);
	} while (s.p[s.len - 2] != 'A');
	assert_int_equal(secret_box_open(&key, "b", s.p, &o, &e), -1);
	assert_non_null(strstr(e.msg, "secret b does not open"));
	assert_string_equal(o.p, "> hunter2");
	other.k[31] ^= 1;
	assert_int_equal(secret_box_open(&other, "a", s.p, &o, &e), -1);
	for (i = 0; i < s.len; i++) {
		c = s.p[i];
		s.p[i] = c == 'A' ? 'B' : 'A';
		assert_int_equal(secret_box_open(&key, "a", s.p, &o, &e), -1);
		assert_int_equal(e.cls, ERR_CONFIG);
		s.p[i] = c;
	}
	for (i = s.len; i-- > 0;) {
		s.p[i] = '\0';
		assert_int_equal(secret_box_open(&key, "a", s.p, &o, &e), -1);
	}
	assert_string_equal(o.p, "> hunter2");
	buf_free(&s);
	buf_free(&t);
	buf_free(&o);
}

static void
test_box_sizes(void ** state)
{
	struct buf s = BUF_INIT(0), o = BUF_INIT(0);
	static char big[SECRET_VALUE_MAX + 1];
	static const size_t sizes[] = { 0, 1, 2, 3, 15, 16, 17, 4096,
	    SECRET_VALUE_MAX };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		buf_clear(&s);
		buf_clear(&o);
		assert_int_equal(secret_box_seal(&key, "n", big, sizes[i], &s,
		    &e), 0);
		assert_int_equal(secret_box_open(&key, "n", s.p, &o, &e), 0);
		assert_int_equal(o.len, sizes[i]);
		if (o.len > 0)
			assert_memory_equal(o.p, big, o.len);
	}
	assert_int_equal(secret_box_seal(&key, "n", big, sizeof(big), &s, &e),
	    -1);
	assert_string_equal(e.code, "bad_value");
	buf_free(&s);
	buf_free(&o);
}

/* ---- references ---- */

static void
test_refs(void ** state)
{
	static const char * const good[] = { "$env:X", "{{secrets.a}}",
	    "{{ secrets.a-b.c_9 }}", "vault:kv/team#token",
	    "{{secrets.~id.auth.token~1-2}}" };
	static const char * const bad[] = { "", "$env:", "x", "{{secrets.}}",
	    "{{secrets.a}} ", "Bearer {{secrets.a}}", "{{secrets.a b}}",
	    "{{secret.a}}", "{{secrets.a", "vault:", "vault:#", "vault:a#",
	    "vault:a", "{{secrets.a/b}}" };
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(secret_is_ref(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(secret_is_ref(bad[i]));
	assert_string_equal(secret_shown(good[1]), good[1]);
	assert_string_equal(secret_shown(good[4]), "***");
	assert_string_equal(secret_shown("hunter2"), "***");
	assert_true(secret_is_hidden(good[4]));
	assert_false(secret_is_hidden(good[1]));
	assert_memory_equal(secret_ref_name(good[2], &n), "a-b.c_9", 7);
	assert_int_equal(n, 7);
	assert_true(secret_name_ok("a-b.c_9"));
	assert_false(secret_name_ok("~a"));
	assert_false(secret_name_ok("a/b"));
	assert_false(secret_name_ok(""));
}

static struct secrets *
make(const char * name, const char * value)
{
	struct buf b = BUF_INIT(0);
	struct secrets * s;
	struct err e;

	assert_non_null(s = secrets_new(NULL, &e));
	secrets_key(s, &key);
	assert_int_equal(secret_box_seal(&key, name, value, strlen(value), &b,
	    &e), 0);
	assert_int_equal(secrets_put(s, name, b.p, &e), 0);
	buf_free(&b);
	return (s);
}

static void
test_resolve(void ** state)
{
	struct secrets * s = make("gh", "hunter2");
	struct buf o = BUF_INIT(0);
	struct err e, why;

	(void)state;
	assert_int_equal(secrets_resolve(s, "{{ secrets.gh }}", &o, &e), 0);
	assert_string_equal(o.p, "hunter2");
	buf_clear(&o);
	assert_int_equal(secrets_resolve(s, "{{secrets.hg}}", &o, &e), -1);
	assert_non_null(strstr(e.msg, "moltler secrets set hg"));
	assert_int_equal(secrets_resolve(s, "vault:a#b", &o, &e), -1);
	assert_non_null(strstr(e.msg, "the daemon has no Vault"));
	setenv("TEST_SECRET", "from env", 1);
	assert_int_equal(secrets_resolve(s, "$env:TEST_SECRET", &o, &e), 0);
	assert_string_equal(o.p, "from env");
	buf_clear(&o);
	setenv("MOLTLER_MASTER_KEY", hex64, 1);
	assert_int_equal(secrets_resolve(s, "$env:MOLTLER_MASTER_KEY", &o,
	    &e), -1);
	/* What is no reference is never cited. */
	assert_int_equal(secrets_resolve(s, "hunter2", &o, &e), -1);
	assert_null(strstr(e.msg, "hunter2"));
	err_set(&why, ERR_CONFIG, "master_key", "another key");
	secrets_trouble(s, &why);
	assert_int_equal(secrets_resolve(s, "{{secrets.gh}}", &o, &e), -1);
	assert_non_null(strstr(e.msg, "another key"));
	assert_int_equal(o.len, 0);
	secrets_trouble(s, NULL);
	secrets_key(s, NULL);
	assert_int_equal(secrets_resolve(s, "{{secrets.gh}}", &o, &e), -1);
	assert_non_null(strstr(e.msg, "no master key"));
	secrets_drop(s, "gh");
	assert_null(secrets_sealed(s, "gh"));
	buf_free(&o);
	secrets_free(s);
}

/* ---- scrubbing ---- */

static const char config[] = "{\"a\":{\"type\":\"x\",\"token\":"
    "\"{{secrets.gh}}\"},\"n\":1,\"u\":\"http://h/\"}";

static void
scrubbed(const char * value, const char * msg, const char * want)
{
	struct secrets * s = make("gh", value);
	struct err e;

	err_set(&e, ERR_PERMANENT, "http_401", "%s", msg);
	secret_scrub(s, config, &e);
	assert_string_equal(e.msg, want);
	secrets_free(s);
}

static void
test_scrub(void ** state)
{
	(void)state;
	scrubbed("hunter2x", "bad token hunter2x, hunter2x!",
	    "bad token ***, ***!");
	scrubbed("hunter2x", "nothing of it", "nothing of it");
	scrubbed("hunter2x", "cut: hunter2", "cut: ***");
	scrubbed("short", "a short one", "a short one");
	scrubbed("a b/c&d=", "q=a%20b%2Fc%26d%3D&x", "q=***&x");
	scrubbed("say \"hi\"", "{\"t\":\"say \\\"hi\\\"\"}", "{\"t\":\"***\"}");
	/* base64 of "u:hunter2x", "us:hunter2x", "usr:hunter2x" */
	scrubbed("hunter2x", "Basic dTpodW50ZXIyeA== no", "Basic *** no");
	scrubbed("hunter2x", "Basic dXM6aHVudGVyMng= no", "Basic *** no");
	scrubbed("hunter2x", "Basic dXNyOmh1bnRlcjJ4 no", "Basic *** no");
	scrubbed("hunter2x", "Basic aHVudGVyMng= no", "Basic *** no");
}

/* Services cite what they were sent in words of their own. */
static void
test_scrub_escaped(void ** state)
{
	static const char v[] = "a/b<c>&'\"d\xc3\xa9 \xf0\x9f\x98\x80+e";

	(void)state;
	/* PHP's and Go's JSON, and what they leave as it is. */
	scrubbed("12/34567", "{\"m\":\"bad 12\\/34567\"}", "{\"m\":\"bad ***\"}");
	scrubbed("12&34<567", "bad 12\\u002634\\u003C567!", "bad ***!");
	scrubbed(v, "x a\\/b\\u003cc\\u003e\\u0026'\\\"d\\u00e9 \\ud83d\\ude00+e y",
	    "x *** y");
	/* A URL's, in small letters; a form's. */
	scrubbed("a/b+c=d/", "?k=a%2fb%2bc%3dd%2f&x", "?k=***&x");
	scrubbed("one two x", "k=one+two+x;", "k=***;");
	/* Pages for people. */
	scrubbed(v, "<p>a/b&lt;c&gt;&amp;&#39;&quot;d\xc3\xa9 &#x1F600;+e</p>",
	    "<p>***</p>");
	scrubbed("a&b&c&d", "key a&amp;b&#38;c&amp;d.", "key ***.");
	/* What only looks like one. */
	scrubbed("a\\/bcdef", "it is a\\/bcdef", "it is ***");
	scrubbed("100%2fabc", "it is 100%2fabc", "it is ***");
	scrubbed("secret-12", "\\ % %2 &# &#x &#1234567; \\u00 \\", "\\ % %2 &# &#x "
	    "&#1234567; \\u00 \\");
}

static void
test_scrub_long(void ** state)
{
	char value[3000], msg[sizeof(((struct err *)0)->msg)];
	struct secrets * s;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(value) - 1; i++)
		value[i] = (char)('a' + i * 31 % 26);
	value[sizeof(value) - 1] = '\0';
	s = make("gh", value);
	err_set(&e, ERR_PERMANENT, "x", "said: %s", value);
	secret_scrub(s, config, &e);
	assert_string_equal(e.msg, "said: ***\xe2\x80\xa6");
	/* Nothing to look for, nobody to ask. */
	snprintf(msg, sizeof(msg), "as it is");
	err_set(&e, ERR_PERMANENT, "x", "%s", msg);
	secret_scrub(s, "{\"a\":\"{{secrets.none}}\"}", &e);
	secret_scrub(s, "not json", &e);
	secret_scrub(s, NULL, &e);
	secret_scrub(NULL, config, &e);
	assert_string_equal(e.msg, msg);
	secrets_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_forms),
		cmocka_unit_test(test_key_file),
		cmocka_unit_test(test_box),
		cmocka_unit_test(test_box_sizes),
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_scrub),
		cmocka_unit_test(test_scrub_escaped),
		cmocka_unit_test(test_scrub_long),
	};

	return (cmocka_run_group_tests_name("secret", tests, setup, NULL));
}
