#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode_json_internal.h"
#include "decode_rig.h"
#include "query/format.h"
#include "fuzz.h"

/*
 * The first byte chooses an entity, the second how the page is cut; the rest is
 * the page.  From 128 on the second says that the page is a list: of what stands
 * up to a newline, thrice, and of what follows it, before the last of them.  With an
 * entity of 255, up to a newline stands a path of a column, and
 * another one of the records, and that column must be what a tree of the page has
 * there.  However a page is cut, and whatever objects were like before, it gives the
 * same rows, or the same error at the same place; what jansson takes for good JSON is
 * not called bad, and arrays and objects are good or bad as another reader says.
 */
static struct decode_json * d;

#define FIXED 9

static struct rig *
fixed(unsigned which)
{
	static const struct {
		const char * records, * columns, * explode, * drop;
	} spec[FIXED] = {
		{ "$", "a:text b:integer c:timestamp l:list:l[*].n m:map u:text:u.a",
		    NULL, "d" },
		{ "data", "a:adf b:boolean c:epoch_s r:real v:text:$ i:text:x[1]",
		    NULL, NULL },
		{ "a[*]", "a:text t:epoch_ms:@[0] v:real:@[1] l:list:l[*]", "p",
		    "d" },
		{ "a.*", "a:text x:list:*.b w:list:@.l[*] e:text:@", "a.*",
		    "@.d" },
		{ "a[*].a", "a:integer:$[0] b:text:b.b.b c:list:b.* d:list:*.b[*]",
		    NULL, "a[0]" },
		{ "$", "a:text:$[0] b:text:\"\" c:timestamp:a.a.a", NULL, NULL },
		{ "$", "a:text b:integer:@.b c:text:@.c", "l", NULL },
		{ "a[k=b].l", "a:text:t[k=a].v b:list:t[k^=a].l[*].n c:map:$ "
		    "d:text:t[k=a].t[k=b].v e:integer:@.t[k=1,v=2].n",
		    "t[k=e].l", "t[k=d]" },
		{ "a.*.l[*]", "a:text b:text:n c:list:b.*", NULL, NULL }
	};
	static struct rig rigs[FIXED];
	struct rig * r = &rigs[which];

	if (r->plan != NULL)
		return (r);
	rig_init(r, spec[which].records, spec[which].columns);
	if (spec[which].explode != NULL)
		r->ent.explode = rig_path(spec[which].explode);
	if (spec[which].drop != NULL)
		r->ent.drop_if = rig_path(spec[which].drop);
	r->list.paginate.field[BODY_CURSOR] = rig_path("a.a");
	r->list.paginate.field[BODY_TOTAL] = rig_path("t");
	r->list.paginate.field[BODY_LAST] = rig_path("a[*].b");
	/* Elements are lists, of which each element is a row. */
	if (which == 6)
		r->ent.columns[1].zip = r->ent.columns[2].zip = 1;
	/* Pages that say of themselves what they lack, and rows why they are. */
	if (which == 8) {
		static struct manifest_lack lacks[2];

		r->ent.columns[0].segment = -2;
		r->ent.columns[1].segment = 1;
		r->ent.keep_if = rig_path("k");
		r->ent.keep_text = "ab";
		r->list.records_optional = 1;
		lacks[0].path = rig_path("a.*.w");
		lacks[0].fine = json_pack("[s]", "x");
		lacks[1].path = rig_path("u");
		lacks[1].fine = json_array();
		r->list.lacks = lacks;
		r->list.nlacks = 2;
	}
	rig_plan(r);
	return (r);
}

/* A path that the input gives, up to a newline; NULL: it is bad, and is gone. */
static struct json_path *
given_path(const uint8_t ** p, size_t * n)
{
	const uint8_t * nl = *n > 0 ? memchr(*p, '\n', *n) : NULL;
	size_t len = nl != NULL ? (size_t)(nl - *p) : *n;
	struct json_path * path;
	struct err e;
	char * s;

	if ((s = malloc(len + 1)) == NULL)
		abort();
	if (len > 0)
		memcpy(s, *p, len);
	s[len] = '\0';
	*p += len + (nl != NULL);
	*n -= len + (nl != NULL);
	path = json_path_parse(s, &e);
	if (path == NULL && strcmp(e.code, "path") != 0)
		DIE("a bad path without a place");
	free(s);
	return (path);
}

static int
given(struct rig * r, const uint8_t ** p, size_t * n)
{
	struct err e;

	memset(r, 0, sizeof(*r));
	r->ent.name = "given";
	r->ent.columns = r->columns;
	rig_columns(r, "a:text b:list");
	json_path_free(r->columns[1].path);
	r->columns[1].path = given_path(p, n);
	r->list.records = given_path(p, n);
	if (r->columns[1].path == NULL || r->list.records == NULL)
		return (-1);
	if (r->columns[1].path->of_element)
		r->ent.explode = rig_path("a");
	return ((r->plan = decode_plan_new(&r->ent, &r->list, &e)) == NULL ?
	    -1 : 0);
}

/* Everything that decoding gives, as text.  ${shapes}: what objects were like counts
 * (decode_json_shape.h). */
static int
decode(struct rig * r, const uint8_t * p, size_t n, unsigned pieces, int shapes,
    struct buf * out)
{
	struct decode_body body;
	struct page * page;
	struct err e;
	char * copy;
	size_t i;
	int bad;

	if (decode_json_begin(d, r->plan, NULL))
		abort();
	if (!shapes)
		d->step = 0;
	bad = rig_feed(d, p, n, pieces);
	if (decode_json_end(d, &page, &body, &e)) {
		if (page != NULL || e.cls != ERR_PERMANENT)
			DIE("an error that is none of a page");
		buf_addf(out, "%s: %s", e.code, e.msg);
		return (-1);
	}
	if (bad)
		DIE("a page that was bad is good in the end");
	rig_show(page, out);
	buf_addf(out, "raw %zu %s", page->raw, body.lack);
	for (i = 0; i < BODY_FIELDS; i++) {
		copy = body.field[i] == NULL ? NULL :
		    json_dumps(body.field[i], JSON_ENCODE_ANY);
		buf_addf(out, " %s", copy != NULL ? copy : "-");
		free(copy);
	}
	page_unref(page);
	return (0);
}

/* What must be in the cell of the list that ${path} leads to in ${rec}; NULL: NULL. */
static json_t *
expected(const struct json_path * path, json_t * rec)
{
	struct json_path part = *path;
	json_t * at;
	int each;

	if (path->neach == 0) {
		at = json_path_get(path, rec);
		return (json_is_null(at) ? NULL : json_incref(at));
	}
	for (part.n = 0; path->steps[part.n].kind == PATH_KEY ||
	    path->steps[part.n].kind == PATH_INDEX ||
	    path->steps[part.n].kind == PATH_WHERE; part.n++)
		;
	at = json_path_get(&part, rec);
	each = path->steps[part.n].kind == PATH_EACH;
	if (!(each ? json_is_array(at) : json_is_object(at)))
		return (NULL);
	return (json_path_all(path, rec));
}

static void
compare(const struct value * v, json_t * want)
{
	json_t * got;

	if ((v->type == VALUE_NULL) != (want == NULL))
		DIE("a value where there is none, or none where there is one");
	if (want == NULL)
		return;
	got = json_loadb(v->s, v->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (got == NULL || !json_equal(got, want))
		DIE("another value than in the tree");
	json_decref(got);
	json_decref(want);
}

/* Whether a path goes through all values of maps, whose order and doubles a tree
 * does not keep. */
static int
through_maps(const struct json_path * p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->steps[i].kind == PATH_VALUES)
			return (1);
	return (0);
}

/* Column 1 of the rows must be what a tree of the page says. */
static void
compare_tree(struct rig * r, const uint8_t * p, size_t n)
{
	const struct json_path * path = r->columns[1].path;
	const struct json_path * recs = r->list.records;
	size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL, i, k, row = 0;
	int fan = recs->n > 0 && recs->steps[recs->n - 1].kind == PATH_EACH;
	json_t * v, * all, * list, * rec;
	struct decode_body body;
	struct page * page;
	struct err e;

	if (r->ent.explode != NULL || through_maps(path) || through_maps(recs))
		return;
	v = json_loadb((const char *)p, n, flags, NULL);
	if (v == NULL)
		return;
	if (decode_json_begin(d, r->plan, NULL))
		abort();
	if (decode_json_feed(d, (const char *)p, n) ||
	    decode_json_end(d, &page, &body, &e)) {
		json_decref(v);
		return;
	}
	all = json_path_all(recs, v);
	for (i = 0; i < json_array_size(all); i++) {
		rec = json_array_get(all, i);
		list = json_is_array(rec) && !fan ? json_incref(rec) :
		    json_pack("[O]", rec);
		for (k = 0; k < json_array_size(list); k++) {
			rec = json_array_get(list, k);
			if (json_is_null(rec))
				continue;
			if (row == page->nrows)
				DIE("a row is missing");
			compare(&page_at(page, row++)[1], expected(path, rec));
		}
		json_decref(list);
	}
	if (row != page->nrows)
		DIE("a row too many");
	json_decref(all);
	json_decref(v);
	page_unref(page);
}

/* Whether the page is JSON must not depend on who reads it, or on where paths
 * lead. */
static void
compare_good(const char * s, size_t n, int bad, const char * said)
{
	int good = query_format_is_document(s, n);

	if (bad && good && strncmp(said, "json:", 5) == 0) {
		fprintf(stderr, "%s\n", said);
		DIE("a good document is bad");
	}
	if (!bad && !good && n > 0 && (s[0] == '[' || s[0] == '{'))
		DIE("a bad document is good");
}

/* A list of what may be alike, in memory that ends where it does. */
static uint8_t *
repeated(const uint8_t * p, size_t * n)
{
	const uint8_t * nl = *n > 0 ? memchr(p, '\n', *n) : NULL;
	size_t one = nl != NULL ? (size_t)(nl - p) : *n;
	const uint8_t * two = nl != NULL ? nl + 1 : p;
	size_t two_n = nl != NULL ? *n - one - 1 : one;
	struct buf b = BUF_INIT(0);
	uint8_t * copy;
	unsigned i;

	for (i = 0; i < 4; i++) {
		buf_addc(&b, i == 0 ? '[' : ',');
		buf_add(&b, i == 2 ? two : p, i == 2 ? two_n : one);
	}
	buf_addc(&b, ']');
	if ((copy = malloc(b.len)) == NULL)
		abort();
	memcpy(copy, b.p, b.len);
	*n = b.len;
	buf_free(&b);
	return (copy);
}

/* The page must be the same, however it is read. */
static int
decode_all(struct rig * r, const uint8_t * p, size_t n, unsigned pieces,
    struct buf * whole)
{
	struct buf b = BUF_INIT(0);
	int bad = decode(r, p, n, 0, 0, whole);
	unsigned i;

	for (i = 0; i < 3; i++) {
		buf_clear(&b);
		if (decode(r, p, n, i == 1 ? pieces : 0, 1, &b) != bad ||
		    b.len != whole->len ||
		    memcmp(b.p, whole->p, b.len) != 0) {
			fprintf(stderr, "%s\n%s\n", whole->p, b.p);
			DIE("other rows another time");
		}
	}
	buf_free(&b);
	return (bad);
}

static void
try_page(struct rig * r, const uint8_t * p, size_t n, unsigned pieces, int own)
{
	struct buf whole = BUF_INIT(0);
	int bad = decode_all(r, p, n, pieces, &whole);
	json_t * v;

	if (bad && strncmp(whole.p, "json:", 5) == 0) {
		v = json_loadb((const char *)p, n, JSON_DECODE_ANY, NULL);
		if (v != NULL && memchr(p, '\0', n) == NULL) {
			fprintf(stderr, "%s\n", whole.p);
			DIE("good JSON is bad");
		}
		json_decref(v);
	}
	compare_good((const char *)p, n, bad, whole.p);
	buf_free(&whole);
	if (own && !bad)
		compare_tree(r, p, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	struct rig own, * r = &own;
	unsigned which, pieces;
	uint8_t * copy = NULL;

	if (n < 2)
		return (0);
	/* What another input was like must not count. */
	decode_json_free(d);
	if ((d = decode_json_new()) == NULL)
		abort();
	which = p[0];
	pieces = p[1];
	p += 2;
	n -= 2;
	if (which == 255) {
		if (given(r, &p, &n)) {
			rig_free(r);
			return (0);
		}
	} else
		r = fixed(which % FIXED);
	if (pieces >= 128)
		p = copy = repeated(p, &n);
	try_page(r, p, n, pieces % 128, r == &own);
	free(copy);
	if (r == &own)
		rig_free(r);
	return (0);
}
