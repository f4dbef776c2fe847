#include "decode/decode_json_fault.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A body whose keys are still looked up; reading it into a tree takes long. */
#define LOOK_MAX ((size_t)8 << 20)

static void
place_of(const char * s, size_t at, size_t * line, size_t * column)
{
	size_t i;

	*line = *column = 1;
	for (i = 0; i < at; i++) {
		if (s[i] == '\n') {
			++*line;
			*column = 1;
		} else
			*column += ((unsigned char)s[i] & 0xc0) != 0x80;
	}
}

/* More blanks are not looked through before each piece of a body. */
#define BLANKS_MAX 4096

size_t
decode_json_fault_tags(const struct decode_json * d)
{
	const char * s = d->body.p;
	size_t n = d->body.len, i = 0;

	if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < n && i < BLANKS_MAX && (s[i] == ' ' || s[i] == '\t' ||
	    s[i] == '\r' || s[i] == '\n'))
		i++;
	return (i < n && s[i] == '<' ? n - i : 0);
}

int
decode_json_fault_syntax(struct decode_json * d, size_t at, const char * why)
{
	size_t line, column, tags = decode_json_fault_tags(d);

	d->failed = 1;
	if (d->body.len == 0)
		return (err_set(&d->err, ERR_PERMANENT, "json",
		    "the page is empty, not JSON"));
	if (tags > 0)
		return (err_set(&d->err, ERR_PERMANENT, "json",
		    "the page is %s, not JSON: a proxy's or a sign-in page, or "
		    "the URL is none of an API",
		    tags >= 5 && strncasecmp(d->body.p + d->body.len - tags,
		    "<?xml", 5) == 0 ? "XML" : "HTML"));
	place_of(d->body.p, at, &line, &column);
	/* Each line has one byte of ours before it. */
	if (d->plan->ent->decode == DECODE_NDJSON)
		return (err_set(&d->err, ERR_PERMANENT, "json", "line %zu of "
		    "the answer is not valid JSON at column %zu: %s", line,
		    column > 1 ? column - 1 : 1, why));
	return (err_set(&d->err, ERR_PERMANENT, "json", "the page is not valid "
	    "JSON at line %zu, column %zu (byte %zu): %s", line, column, at,
	    why));
}

int
decode_json_fault_nesting(struct decode_json * d, size_t at)
{
	size_t line, column;

	d->failed = 1;
	place_of(d->body.p, at, &line, &column);
	return (err_set(&d->err, ERR_PERMANENT, "nesting", "the page is nested "
	    "more than %d levels deep at line %zu, column %zu (byte %zu)",
	    DECODE_DEPTH, line, column, at));
}

int
decode_json_fault_size(struct decode_json * d, const char * what)
{
	d->failed = 1;
	return (err_set(&d->err, ERR_PERMANENT, "too_big", "%s: ask for fewer "
	    "records a page", what));
}

static void
write_word(const char * s, size_t n, struct buf * b)
{
	if (n == 0 || strcspn(s, ".[]\"* @$=^,") < n)
		buf_add_json_str(b, s, n);
	else
		buf_add(b, s, n);
}

static void
write_conds(const struct path_step * s, struct buf * b)
{
	size_t i;

	for (i = 0; i < s->nconds; i++) {
		buf_addc(b, i == 0 ? '[' : ',');
		write_word(s->conds[i].key, s->conds[i].key_len, b);
		buf_adds(b, s->conds[i].prefix ? "^=" : "=");
		write_word(s->conds[i].value, s->conds[i].len, b);
	}
	buf_addc(b, ']');
}

/* Write ${p}'s first ${n} steps as a manifest has them. */
static void
write_path(const struct json_path * p, size_t n, struct buf * b)
{
	const struct path_step * s;
	size_t i;

	if (n == 0)
		buf_addc(b, '$');
	for (i = 0; i < n; i++) {
		s = &p->steps[i];
		if (i > 0 && (s->kind == PATH_KEY || s->kind == PATH_VALUES))
			buf_addc(b, '.');
		switch (s->kind) {
		case PATH_KEY:
			write_word(s->key, s->len, b);
			break;
		case PATH_WHERE:
			write_conds(s, b);
			break;
		case PATH_INDEX:
			buf_addf(b, "[%zu]", s->index);
			break;
		case PATH_EACH:
			buf_adds(b, "[*]");
			break;
		case PATH_VALUES:
			buf_addc(b, '*');
			break;
		}
	}
}

static const char *
what_is(const json_t * v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return ("an object");
	case JSON_ARRAY:
		return ("an array");
	case JSON_STRING:
		return ("a text");
	case JSON_NULL:
		return ("null");
	case JSON_TRUE:
	case JSON_FALSE:
		return ("a boolean");
	default:
		return ("a number");
	}
}

/* Write what is there instead. */
static void
write_there(const json_t * v, struct buf * b)
{
	const char * key;
	json_t * sub;
	size_t n = 0;

	buf_adds(b, what_is(v));
	if (json_is_array(v))
		buf_addf(b, " of %zu", json_array_size(v));
	if (!json_is_object(v))
		return;
	buf_adds(b, json_object_size(v) ? " with the keys " : " without keys");
	json_object_foreach((json_t *)(uintptr_t)v, key, sub) {
		if (n == 12) {
			buf_addf(b, " and %zu more", json_object_size(v) - n);
			break;
		}
		buf_addf(b, "%s%.40s", n++ ? ", " : "", key);
	}
}

/* How many steps of ${p} lead somewhere in ${v}, and to what (its first, where it
 * fans out). */
static size_t
how_far(const struct json_path * p, const json_t * v, const json_t ** at)
{
	struct json_path part = *p;
	const json_t * got;

	*at = v;
	for (part.n = 1; part.n <= p->n; part.n++) {
		if ((got = json_path_get(&part, v)) == NULL)
			break;
		*at = got;
	}
	return (part.n - 1);
}

int
decode_json_fault_records(struct decode_json * d)
{
	const struct json_path * p = d->plan->records;
	struct buf b = BUF_INIT(4096), path = BUF_INIT(4096);
	const json_t * at;
	json_t * v = NULL;
	size_t n;

	d->failed = 1;
	write_path(p, p->n, &path);
	if (d->body.len <= LOOK_MAX)
		v = json_loadb(d->body.p, d->body.len,
		    JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
		    NULL);
	if (v != NULL) {
		n = how_far(p, v, &at);
		buf_addc(&b, ' ');
		write_path(p, n, &b);
		buf_adds(&b, n == 0 ? " (the page) is " : " is ");
		write_there(at, &b);
		if (d->list_bad && json_is_array(at))
			buf_adds(&b, ", but not of objects");
		json_decref(v);
	}
	err_set(&d->err, ERR_PERMANENT, "records", "the page has no records at "
	    "\"%s\" (the manifest's \"records\"):%s",
	    path.p != NULL && !path.failed ? path.p : "?",
	    b.p != NULL && b.len > 1 ? b.p : " nothing is there");
	buf_free(&b);
	buf_free(&path);
	return (-1);
}
