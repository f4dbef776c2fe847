#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_pieces.h"

struct decode_json * decoder;
const size_t pieces[NPIECES] = { 1, 2, 3, 7, 64, SIZE_MAX };

int
pieces_decode(struct rig * r, const char * body, size_t n, size_t first,
    size_t then, enum after_bad after, const uint8_t * wanted, struct page ** p,
    struct decode_body * b, struct err * e)
{
	size_t i, take, most;
	char * copy;
	int bad = 0;

	assert_int_equal(decode_json_begin(decoder, r->plan, wanted), 0);
	for (i = 0; i < n && !(bad && after == BAD_ENDS); i += take) {
		most = i == 0 ? first : then;
		take = n - i < most ? n - i : most;
		assert_non_null(copy = malloc(take));
		memcpy(copy, body + i, take);
		if (decode_json_feed(decoder, copy, take))
			bad = 1;
		free(copy);
	}
	if (decode_json_end(decoder, p, b, e))
		return (-1);
	assert_false(bad);
	return (0);
}

int
pieces_whole(struct rig * r, const char * body, size_t n, size_t piece,
    struct page ** p, struct decode_body * b, struct err * e)
{
	return (pieces_decode(r, body, n, piece, piece, BAD_ENDS, NULL, p, b, e));
}

static void
one_way(struct rig * r, const char * body, size_t first, size_t then,
    const uint8_t * wanted, const char * want, size_t raw)
{
	struct buf out = BUF_INIT(0);
	struct decode_body b;
	struct page * p;
	struct err e;

	if (pieces_decode(r, body, strlen(body), first, then, BAD_ENDS, wanted,
	    &p, &b, &e))
		fail_msg("%s: %s", body, e.msg);
	buf_adds(&out, "");
	rig_show(p, &out);
	assert_string_equal(out.p, want);
	if (raw != SIZE_MAX)
		assert_int_equal(p->raw, raw);
	page_unref(p);
	buf_free(&out);
}

void
pieces_rows(struct rig * r, const char * body, const uint8_t * wanted,
    const char * want, size_t raw)
{
	size_t i;

	for (i = 0; i < NPIECES; i++)
		one_way(r, body, pieces[i], pieces[i], wanted, want, raw);
}

void
pieces_cut_rows(struct rig * r, const char * body, const char * want)
{
	size_t cut, n = strlen(body);

	pieces_rows(r, body, NULL, want, SIZE_MAX);
	for (cut = 1; cut < n; cut++)
		one_way(r, body, cut, SIZE_MAX, NULL, want, SIZE_MAX);
}

void
pieces_column(const char * spec, const char * json, const char * want)
{
	struct rig r;
	struct buf body = BUF_INIT(0);

	rig_init(&r, "$", spec);
	rig_plan(&r);
	buf_addf(&body, "[{\"x\":%s}]", json);
	pieces_rows(&r, body.p, NULL, want, SIZE_MAX);
	buf_clear(&body);
	/* With blanks around everything. */
	buf_addf(&body, " [ { \"x\" : %s } ] \n", json);
	pieces_rows(&r, body.p, NULL, want, SIZE_MAX);
	buf_free(&body);
	rig_free(&r);
}

void
pieces_refused(struct rig * r, const char * body, size_t n,
    enum after_bad after, const char * code, const char * with)
{
	struct decode_body b;
	struct page * p;
	struct err e;
	size_t i;

	for (i = 0; i < NPIECES; i++) {
		if (pieces_decode(r, body, n, pieces[i], pieces[i], after, NULL,
		    &p, &b, &e) == 0)
			fail_msg("%.100s: good", body);
		assert_null(p);
		assert_int_equal(e.cls, ERR_PERMANENT);
		if (strcmp(e.code, code) != 0 || strstr(e.msg, with) == NULL)
			fail_msg("%.100s (pieces of %zu): %s: %s", body,
			    pieces[i], e.code, e.msg);
	}
}

int
pieces_setup(void ** state)
{
	(void)state;
	return ((decoder = decode_json_new()) == NULL);
}

int
pieces_teardown(void ** state)
{
	(void)state;
	decode_json_free(decoder);
	return (0);
}
