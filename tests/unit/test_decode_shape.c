#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode/decode_json_internal.h"
#include "decode/decode_json_shape.h"
#include "decode_rig.h"

/*
 * Whether objects are like those before must change how fast they are read, and
 * nothing else: each page is read by a decoder that has learned, and by one that is
 * kept from learning, and both must say the same.
 */
#define COLUMNS "a:text b:integer c:timestamp n:text:u.n l:list:l[*].n m:map x:real " \
    "f:text:l[1].q"
#define NCOLUMNS 8

static struct rig r;
static struct decode_json * learned, * plain;

/* All that decoding gives, as text.  ${shapes}: whether they count. */
static void
decode(struct decode_json * d, int shapes, const char * s, size_t n,
    unsigned pieces, struct buf * out)
{
	struct decode_body body;
	struct page * page;
	struct err e;

	assert_int_equal(decode_json_begin(d, r.plan, NULL), 0);
	if (!shapes)
		d->step = 0;
	(void)rig_feed(d, (const uint8_t *)s, n, pieces);
	buf_clear(out);
	buf_adds(out, "");
	if (decode_json_end(d, &page, &body, &e)) {
		buf_addf(out, "%s: %s", e.code, e.msg);
		return;
	}
	rig_show(page, out);
	buf_addf(out, "%zu %s", page->raw, body.field[BODY_CURSOR] == NULL ?
	    "" : json_string_value(body.field[BODY_CURSOR]));
	page_unref(page);
}

static void
same_in(const char * s, size_t n, const unsigned * pieces, size_t npieces)
{
	struct buf a = BUF_INIT(0), b = BUF_INIT(0);
	size_t i;

	decode(plain, 0, s, n, 0, &a);
	for (i = 0; i < npieces; i++) {
		decode(learned, 1, s, n, pieces[i], &b);
		if (a.len != b.len || memcmp(a.p, b.p, a.len) != 0)
			fail_msg("%.*s\n%s\n%s", (int)n, s, a.p, b.p);
	}
	buf_free(&a);
	buf_free(&b);
}

static void
same(const char * s, size_t n)
{
	static const unsigned pieces[] = { 0, 1, 5, 0 };

	same_in(s, n, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

static int
setup(void ** state)
{
	(void)state;
	rig_init(&r, "items", COLUMNS);
	r.list.paginate.field[BODY_CURSOR] = rig_path("next");
	rig_plan(&r);
	learned = decode_json_new();
	plain = decode_json_new();
	return (learned == NULL || plain == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	(void)state;
	decode_json_free(learned);
	decode_json_free(plain);
	rig_free(&r);
	return (0);
}

#define ONE "{\"a\": \"one, two\", \"b\": 12, \"skipped\": {\"k\": [1, {\"n\": null}], " \
    "\"url\": \"https://example.com/a/long/path/of/more/than/sixteen\"}, " \
    "\"c\": \"2026-01-02T03:04:05Z\", \"u\": {\"id\": 7, \"n\": \"who\"}, " \
    "\"l\": [{\"n\": \"x\", \"q\": true}, {\"n\": \"y\", \"q\": false}], \"x\": 0, \"m\": {\"p\": 1}}"
#define TWO "{\"a\": \"\\u00e4 \xc3\xa4\", \"b\": -3, \"skipped\": null, \"c\": null, " \
    "\"u\": {\"id\": 70, \"n\": \"whose\"}, \"l\": [], \"x\": 1.5e3, \"m\": {}}"
#define END "], \"next\": \"p2\"}"

/* What is read as it was is not read less strictly: any byte in any place. */
static void
test_every_byte(void ** state)
{
	static const char page[] = "{\"items\": [" ONE ", " TWO ", " ONE END;
	static const char bytes[] = { '"', '\\', ',', ':', '{', '}', '[', ']',
		' ', '0', '.', 'e', '-', 'a', '\x01', '\n', '\xc3', '\x80', '\0' };
	struct buf good = BUF_INIT(0);
	char copy[sizeof(page)];
	size_t i, k;

	(void)state;
	decode(learned, 1, page, sizeof(page) - 1, 0, &good);
	assert_non_null(strstr(good.p, "'one, two',12"));
	for (i = 0; i < sizeof(page) - 1; i++)
		for (k = 0; k < sizeof(bytes); k++) {
			memcpy(copy, page, sizeof(page));
			copy[i] = bytes[k];
			same(copy, sizeof(page) - 1);
			/* What is bad must not be learned. */
			if (k == 0 && i % 16 == 0)
				same(page, sizeof(page) - 1);
		}
	for (i = 0; i < sizeof(page) - 1; i++)
		same(page, i);
	buf_free(&good);
}

/* Nor if bytes are missing. */
static void
test_every_gap(void ** state)
{
	static const char page[] = "{\"items\": [" ONE ", " TWO ", " ONE END;
	static const unsigned whole = 0;
	char copy[sizeof(page)];
	size_t i, n;

	(void)state;
	for (n = 1; n < 26; n++)
		for (i = 0; i + n < sizeof(page); i++) {
			if (i % 64 == 0)
				same(page, sizeof(page) - 1);
			memcpy(copy, page, i);
			memcpy(copy + i, page + i + n, sizeof(page) - i - n);
			same_in(copy, sizeof(page) - 1 - n, &whole, 1);
		}
}

/* A key that always comes again undoes what it did, always. */
static void
test_again(void ** state)
{
	static const char rec[] = "{\"a\": \"x\", \"u\": {\"n\": \"who\", \"id\": 1}, "
	    "\"b\": 1, \"u\": {\"id\": 2}, \"l\": [{\"n\": \"p\"}, {\"q\": 2}], "
	    "\"l\": [], \"a\": {\"n\": 1}, \"c\": \"some text that is rather long\"}";
	struct buf b = BUF_INIT(0), out = BUF_INIT(0);
	unsigned k;

	(void)state;
	buf_adds(&b, "{\"items\": [");
	for (k = 0; k < 6; k++)
		buf_addf(&b, "%s%s", k > 0 ? ", " : "", rec);
	buf_adds(&b, END);
	same(b.p, b.len);
	decode(learned, 1, b.p, b.len, 0, &out);
	assert_int_equal(strncmp(out.p, "'{\"n\": 1}',1,'some text that is rather "
	    "long',NULL,'[]',NULL,NULL,NULL;", 66), 0);
	buf_free(&b);
	buf_free(&out);
}

static unsigned
rnd(unsigned n)
{
	static unsigned x = 7;

	x = x * 1664525U + 1013904223U;
	return ((x >> 8) % n);
}

static void
add_member(struct buf * b, const char * key, size_t * n)
{
	static const char * const blanks[] = { "", " ", "\n\t", "  " };

	if ((*n)++ > 0)
		buf_addc(b, ',');
	buf_addf(b, "%s\"%s\"%s:%s", blanks[rnd(40) % 4], key,
	    rnd(50) == 0 ? " " : "", rnd(30) == 0 ? "" : " ");
}

static void
add_value(struct buf * b, unsigned depth)
{
	static const char * const values[] = { "null", "true", "false", "0",
		"17", "-5", "2.25", "1e3", "123456789012345678901", "\"\"",
		"\"short\"", "\"exactly 16 bytes\"", "\"with \\\"escapes\\\" \\n\"",
		"\"fifteen bytes..\"", "\"\xe2\x82\xac and more than that there is\"",
		"\"2026-02-03T04:05:06Z\"" };
	static const char * const keys[] = { "n", "a", "id", "q", "z" };
	size_t n = 0, k;

	switch (depth == 0 ? 9 : rnd(10)) {
	case 0:
		buf_addc(b, '{');
		for (k = 0; k < 5; k++)
			if (rnd(3) > 0) {
				add_member(b, keys[k], &n);
				add_value(b, depth - 1);
			}
		buf_addc(b, '}');
		break;
	case 1:
		buf_addc(b, '[');
		for (k = rnd(4); k > 0; k--) {
			add_value(b, depth - 1);
			buf_adds(b, k > 1 ? ", " : "");
		}
		buf_addc(b, ']');
		break;
	default:
		buf_adds(b, values[rnd(sizeof(values) / sizeof(values[0]))]);
		break;
	}
}

/* Members that are sometimes there, change places, come twice, and have keys of any
 * length; maps whose keys are never the same. */
static void
add_record(struct buf * b, unsigned mess)
{
	static const char * const keys[] = { "a", "b", "skipped", "c", "u", "l",
		"x", "m", "a key that is quite a bit longer than steps may be",
		"other", "\\u0061", "\xc3\xa4" };
	char key[24];
	size_t n = 0, k;

	buf_addc(b, '{');
	for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		if (rnd(100) < mess)
			continue;
		add_member(b, keys[rnd(100) < mess / 4 ? rnd(12) : k], &n);
		add_value(b, 3);
		if (rnd(100) < mess / 8) {
			snprintf(key, sizeof(key), "k%u", rnd(100000));
			add_member(b, key, &n);
			add_value(b, 2);
		}
	}
	buf_addc(b, '}');
}

static void
test_alike_and_not(void ** state)
{
	struct buf b = BUF_INIT(0);
	unsigned page, k;

	(void)state;
	for (page = 0; page < 150; page++) {
		buf_clear(&b);
		buf_adds(&b, "{\"items\": [");
		for (k = 0; k < 12; k++) {
			if (k > 0)
				buf_adds(&b, ", ");
			add_record(&b, page % 5 * 20);
		}
		buf_adds(&b, END);
		same(b.p, b.len);
	}
	buf_free(&b);
}

/* Members that were the first one of an object are known without a comma before them:
 * that leads no further to where there must be one. */
static void
test_first_differs(void ** state)
{
	static const char good[] = "{\"items\": [{\"a\": \"1\"}, {\"b\": 3}, "
	    "{\"b\": 5}" END;
	static const char bad[] = "{\"items\": [{\"b\": 3\"a\": \"a text of some "
	    "length, for what comes next is looked at where there is more\", "
	    "\"skipped\": \"as much again, and then some more than that\"}" END;
	struct buf out = BUF_INIT(0);

	(void)state;
	decode(learned, 1, good, sizeof(good) - 1, 0, &out);
	decode(learned, 1, bad, sizeof(bad) - 1, 0, &out);
	assert_non_null(strstr(out.p, "expected"));
	buf_free(&out);
	same(good, sizeof(good) - 1);
	same(bad, sizeof(bad) - 1);
}

/* Where nothing is ever as expected that is noticed, and where much is different the
 * room for it is bounded. */
static void
test_bounded(void ** state)
{
	struct buf b = BUF_INIT(0);
	unsigned page, k;

	(void)state;
	for (page = 0; page < 20; page++) {
		buf_clear(&b);
		buf_adds(&b, "{\"items\": [");
		for (k = 0; k < 400; k++)
			buf_addf(&b, "%s{\"m\": {\"k%u\": 1, \"k%u\": {\"j%u\": "
			    "2}}, \"a\": \"%u\", \"o%u\": {\"p\": 3}}",
			    k > 0 ? ", " : "", rnd(1U << 20), rnd(1U << 20),
			    rnd(1U << 20), k, k);
		buf_adds(&b, END);
		same(b.p, b.len);
		assert_true(learned->nsteps <= SHAPE_MAX);
	}
	buf_free(&b);
}

/* Where nothing is as it was it is not looked for, but tried again after a while. */
static void
test_blind(void ** state)
{
	static const char good[] = "{\"items\": [" ONE ", " ONE ", " ONE END;
	struct buf b = BUF_INIT(0);
	unsigned k;

	(void)state;
	buf_adds(&b, "{\"items\": [");
	for (k = 0; k < 2000; k++)
		buf_addf(&b, "%s{\"k%u\": 1, \"a\": \"x\", \"k%u\": \"some text\"}",
		    k > 0 ? ", " : "", rnd(1U << 20), rnd(1U << 20));
	buf_adds(&b, END);
	same_in(b.p, b.len, &(const unsigned){ 0 }, 1);
	assert_int_equal(learned->blind, SHAPE_BLIND);
	for (k = 0; k < SHAPE_BLIND; k++) {
		same_in(good, sizeof(good) - 1, &(const unsigned){ 0 }, 1);
		assert_int_equal(learned->step, 0);
	}
	same_in(good, sizeof(good) - 1, &(const unsigned){ 0 }, 1);
	assert_int_not_equal(learned->step, 0);
	assert_int_equal(learned->blind, 0);
	buf_free(&b);
}

/* Other columns lead elsewhere with the same keys. */
static void
test_wanted_changes(void ** state)
{
	static const char page[] = "{\"items\": [" ONE ", " ONE ", " ONE END;
	uint8_t wanted[NCOLUMNS];
	struct decode_body body;
	struct page * p, * q;
	struct buf a = BUF_INIT(0), b = BUF_INIT(0);
	struct err e;
	unsigned set, i;

	(void)state;
	for (set = 0; set < 1U << NCOLUMNS; set++) {
		for (i = 0; i < NCOLUMNS; i++)
			wanted[i] = set >> i & 1;
		for (i = 0; i < 2; i++) {
			assert_int_equal(decode_json_begin(learned, r.plan,
			    wanted), 0);
			assert_int_equal(decode_json_feed(learned, page,
			    sizeof(page) - 1), 0);
			assert_int_equal(decode_json_end(learned, &p, &body,
			    &e), 0);
			buf_clear(&a);
			rig_show(p, &a);
			page_unref(p);
		}
		assert_int_equal(decode_json_begin(plain, r.plan, wanted), 0);
		plain->step = 0;
		assert_int_equal(decode_json_feed(plain, page,
		    sizeof(page) - 1), 0);
		assert_int_equal(decode_json_end(plain, &q, &body, &e), 0);
		buf_clear(&b);
		rig_show(q, &b);
		page_unref(q);
		assert_string_equal(a.p, b.p);
	}
	buf_free(&a);
	buf_free(&b);
}

#define LISTS "{\"a\": 1, \"p\": [{\"n\": 2, \"q\": \"yes\"}, {\"n\": 3, \"q\": 1}, " \
    "{\"n\": 5, \"q\": 4}], \"u\": \"some text\", \"x\": \"more text than that\"}"

/* What was learned leads nowhere in another entity, not even if memory ran out where that
 * was begun first.  There elements of a list are dead that others of it are not. */
static void
test_another_entity(void ** state)
{
	static const char one[] = "{\"items\": [" ONE ", " ONE ", " ONE END;
	static const char lists[] = "{\"items\": [" LISTS ", " LISTS ", " LISTS END;
	struct buf out = BUF_INIT(0);
	struct rig first = r;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		decode(learned, 1, one, sizeof(one) - 1, 0, &out);
		rig_init(&r, "items", "x:text u:text:a a:integer:b p:text:p[0].q");
		rig_plan(&r);
		if (i > 0) {
			r.ent.ncolumns = SIZE_MAX / 2;
			assert_int_equal(decode_json_begin(learned, r.plan,
			    NULL), -1);
			r.ent.ncolumns = 4;
		}
		same(one, sizeof(one) - 1);
		same(lists, sizeof(lists) - 1);
		decode(learned, 1, lists, sizeof(lists) - 1, 0, &out);
		assert_int_equal(strncmp(out.p,
		    "'more text than that','1',NULL,'yes';", 37), 0);
		decode_json_free(learned);
		decode_json_free(plain);
		rig_free(&r);
		r = first;
		learned = decode_json_new();
		plain = decode_json_new();
		assert_true(learned != NULL && plain != NULL);
	}
	buf_free(&out);
}

/* A decoder that never learned, and does not from the first key it meets. */
static void
test_first_is_long(void ** state)
{
	static const char page[] = "{\"a key of which there is rather more than a step "
	    "may be long\": 1, \"a\": \"a text\", \"b\": 2, \"items\": [" ONE END;

	(void)state;
	same(page, sizeof(page) - 1);
}

/* That it is learned at all: members are stepped over that are left out, and those that
 * are new come between. */
static void
test_learns(void ** state)
{
	struct buf b = BUF_INIT(0);
	size_t n;

	(void)state;
	same("{\"items\": [" ONE "," ONE END, strlen("{\"items\": [" ONE "," ONE END));
	decode(learned, 1, "{\"items\": [" ONE ", " ONE END,
	    strlen("{\"items\": [" ONE ", " ONE END), 0, &b);
	n = learned->nsteps;
	decode(learned, 1, "{\"items\": [" ONE ", " ONE ", " ONE END,
	    strlen("{\"items\": [" ONE ", " ONE ", " ONE END), 3, &b);
	assert_true(n > 12);
	assert_int_equal(learned->nsteps, n);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_byte, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_every_gap, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_differs, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_alike_and_not, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wanted_changes, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_another_entity, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_first_is_long, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_learns, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
