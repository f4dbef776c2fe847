#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/xml_json.h"
#include "decode_rig.h"
#include "fuzz.h"

/*
 * The first byte chooses an entity, the second how the page is cut; the rest is XML.
 * However it is cut it gives the same rows, or is bad; what is good is good as a
 * tree, too.
 */
static struct decode_json * d;

#define FIXED 4

static struct rig *
fixed(unsigned which)
{
	static const struct {
		const char * records, * columns, * explode, * drop;
	} spec[FIXED] = {
		{ "a[*].b[*]", "a:text b:integer c:timestamp l:list t:text:t[k=a].v "
		    "m:map:$ i:text:\"@i\"", NULL, "d" },
		{ "b", "a:text:#text b:boolean:b.a l:list:l[*].a x:text:l[0].a "
		    "y:text:@.a", "b.b", NULL },
		{ "$", "a:real b:list:*.b c:text:a.a.a l:list:a", NULL, NULL },
		{ "a[k=b].l", "a:text:t[k=a].t[k^=b].v b:list:t[k=b].l[*].a", NULL,
		    NULL }
	};
	static struct rig rigs[FIXED];
	struct rig * r = &rigs[which];

	if (r->plan != NULL)
		return (r);
	rig_init(r, spec[which].records, spec[which].columns);
	r->ent.decode = DECODE_XML;
	if (spec[which].explode != NULL)
		r->ent.explode = rig_path(spec[which].explode);
	if (spec[which].drop != NULL)
		r->ent.drop_if = rig_path(spec[which].drop);
	r->list.paginate.field[BODY_CURSOR] = rig_path("n.t");
	rig_plan(r);
	return (r);
}

/* Everything that decoding gives, as text. */
static int
decode(struct rig * r, const uint8_t * p, size_t n, unsigned pieces,
    struct buf * out)
{
	struct decode_body body;
	struct page * page;
	struct err e;
	int bad;

	if (decode_json_begin(d, r->plan, NULL))
		abort();
	bad = rig_feed(d, p, n, pieces);
	if (decode_json_end(d, &page, &body, &e)) {
		if (page != NULL || e.cls != ERR_PERMANENT ||
		    strcmp(e.code, "json") == 0)
			DIE("an error that is none of a page of XML");
		buf_addf(out, "%s", e.code);
		return (-1);
	}
	if (bad)
		DIE("a page that was bad is good in the end");
	rig_show(page, out);
	buf_addf(out, "raw %zu", page->raw);
	page_unref(page);
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	struct buf whole = BUF_INIT(0), cut = BUF_INIT(0);
	const struct json_path * path;
	struct rig * r;
	unsigned pieces;
	struct err e;
	json_t * v;
	int bad;

	if (n < 2 || n > 65536)
		return (0);
	if (d == NULL && (d = decode_json_new()) == NULL)
		abort();
	r = fixed(p[0] % FIXED);
	pieces = p[1];
	p += 2;
	n -= 2;
	bad = decode(r, p, n, 0, &whole);
	if (decode(r, p, n, pieces, &cut) != bad || (!bad &&
	    (cut.len != whole.len || memcmp(cut.p, whole.p, cut.len) != 0))) {
		fprintf(stderr, "%s\n%s\n", whole.p, cut.p);
		DIE("other rows when cut");
	}
	path = r->columns[0].path;
	v = xml_json_read((const char *)p, n, &path, 1, &e);
	if (v == NULL && !bad)
		DIE("a good page is no tree");
	json_decref(v);
	buf_free(&whole);
	buf_free(&cut);
	return (0);
}
