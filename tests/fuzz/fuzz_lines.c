#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/answer_body.h"
#include "decode_rig.h"
#include "fuzz.h"

/*
 * The first byte chooses what the page is, the second how it is cut; the rest is a
 * JSON value a line, or CSV.  However it is cut it gives the same rows, or the same
 * error; and what is good has as many records as the tree of it.
 */
static struct decode_json * d;

#define FIXED 4

static struct rig *
fixed(unsigned which)
{
	static const struct {
		enum manifest_decode how;
		const char * records, * columns, * drop;
	} spec[FIXED] = {
		{ DECODE_NDJSON, "$", "a:text b:integer:r.b t:text:t[k=a].v m:map:$",
		    NULL },
		{ DECODE_NDJSON, "[*].r", "a:timestamp l:list:l[*].a", "d" },
		{ DECODE_CSV, "$", "a:text b:integer c:timestamp m:map:$", NULL },
		{ DECODE_CSV, "$", "a:real b:boolean x:text:x.y", "d" }
	};
	static struct rig rigs[FIXED];
	struct rig * r = &rigs[which];

	if (r->plan != NULL)
		return (r);
	rig_init(r, spec[which].records, spec[which].columns);
	r->ent.decode = spec[which].how;
	if (spec[which].drop != NULL)
		r->ent.drop_if = rig_path(spec[which].drop);
	rig_plan(r);
	return (r);
}

/* Everything that decoding gives, as text; how many records there were, or -1. */
static long
decode(struct rig * r, const uint8_t * p, size_t n, unsigned pieces,
    struct buf * out)
{
	struct decode_body body;
	struct page * page;
	struct err e;
	long raw;
	int bad;

	if (decode_json_begin(d, r->plan, NULL))
		abort();
	bad = rig_feed(d, p, n, pieces);
	if (decode_json_end(d, &page, &body, &e)) {
		if (page != NULL || e.cls != ERR_PERMANENT ||
		    strcmp(e.code, "sink") == 0)
			DIE("an error that is none of a page");
		buf_addf(out, "%s: %s", e.code, e.msg);
		return (-1);
	}
	if (bad)
		DIE("a page that was bad is good in the end");
	rig_show(page, out);
	raw = (long)page->raw;
	page_unref(page);
	return (raw);
}

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	struct buf whole = BUF_INIT(0), cut = BUF_INIT(0);
	struct rig * r;
	unsigned which, pieces;
	json_t * v;
	long raw;

	if (n < 2 || n > 65536)
		return (0);
	if (d == NULL && (d = decode_json_new()) == NULL)
		abort();
	which = p[0] % FIXED;
	r = fixed(which);
	pieces = p[1];
	p += 2;
	n -= 2;
	raw = decode(r, p, n, 0, &whole);
	if (decode(r, p, n, pieces, &cut) != raw || cut.len != whole.len ||
	    (cut.len > 0 && memcmp(cut.p, whole.p, cut.len) != 0)) {
		fprintf(stderr, "%s\n%s\n", whole.p, cut.p);
		DIE("other rows when cut");
	}
	/* jansson refuses numbers and texts that a row may hold. */
	v = answer_body_read(NULL, NULL, r->ent.decode, (const char *)p, n);
	if (v != NULL && raw >= 0 && which != 1 &&
	    (size_t)raw != json_array_size(v))
		DIE("other records than in the tree");
	json_decref(v);
	buf_free(&whole);
	buf_free(&cut);
	return (0);
}
