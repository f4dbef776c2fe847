#include "cli/record_scrub.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN 6
#define VALUE_MAX_BYTES ((size_t)1 << 16)
#define MAX_FORMS 1024
#define TEXT_MAX ((size_t)256 << 20)
#define STAND_IN "fixture-secret"

static void
add_form(struct record_scrub * s, const char * p, size_t n, int wide)
{
	void * more;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->forms[i].n == n && memcmp(s->forms[i].p, p, n) == 0)
			return;
	more = s->n < MAX_FORMS ? realloc(s->forms, (s->n + 1) *
	    sizeof(*s->forms)) : NULL;
	if (more == NULL) {
		s->failed = 1;
		return;
	}
	s->forms = more;
	for (i = s->n; i > 0 && s->forms[i - 1].n < n; i--)
		s->forms[i] = s->forms[i - 1];
	s->n++;
	s->forms[i].n = n;
	s->forms[i].wide = wide;
	if ((s->forms[i].p = malloc(n + 1)) == NULL) {
		s->forms[i].n = 0;
		s->failed = 1;
		return;
	}
	memcpy(s->forms[i].p, p, n);
	s->forms[i].p[n] = '\0';
}

/* As it stands in a URL or a form; ${lower}: with %2f for %2F. */
static void
add_percent(struct record_scrub * s, const char * p, size_t n, int lower)
{
	struct buf b = BUF_INIT(VALUE_MAX_BYTES * 3 + 1);
	size_t i;

	buf_reserve(&b, n * 3);
	for (i = 0; i < n; i++) {
		if (isalnum((unsigned char)p[i]) || memchr("-._~", p[i], 4))
			buf_addc(&b, p[i]);
		else
			buf_addf(&b, lower ? "%%%02x" : "%%%02X",
			    (unsigned char)p[i]);
	}
	if (b.failed)
		s->failed = 1;
	else
		add_form(s, b.p, b.len, 0);
	buf_wipe(&b);
}

static void
add_json(struct record_scrub * s, const char * p, size_t n)
{
	struct buf b = BUF_INIT(VALUE_MAX_BYTES * 6 + 2);

	buf_reserve(&b, n * 6 + 2);
	if (buf_add_json_str(&b, p, n))
		s->failed = 1;
	else
		add_form(s, b.p + 1, b.len - 2, 0);
	buf_wipe(&b);
}

/* As in XML and HTML, with or without its quotes, and as in CSV. */
static void
add_marked(struct record_scrub * s, const char * p, size_t n)
{
	static const struct {
		char c;
		const char * as[3];
	} marks[] = { { '&', { "&amp;", "&amp;", "&" } },
	    { '<', { "&lt;", "&lt;", "<" } }, { '>', { "&gt;", "&gt;", ">" } },
	    { '"', { "\"", "&quot;", "\"\"" } },
	    { '\'', { "'", "&apos;", "'" } } };
	struct buf b = BUF_INIT(VALUE_MAX_BYTES * 6 + 1);
	size_t i, j, how;

	for (how = 0; how < 3; how++) {
		buf_clear(&b);
		buf_reserve(&b, n * 6);
		for (i = 0; i < n; i++) {
			for (j = 0; j < 5 && marks[j].c != p[i]; j++)
				;
			if (j < 5)
				buf_adds(&b, marks[j].as[how]);
			else
				buf_addc(&b, p[i]);
		}
		if (b.failed)
			s->failed = 1;
		else
			add_form(s, b.p, b.len, 0);
	}
	buf_wipe(&b);
}

/* Within base64 a value begins at one of three places of a group; the characters
 * that it alone decides are looked for. */
static void
add_base64(struct record_scrub * s, const char * p, size_t n)
{
	unsigned char * in = calloc(1, n + 3);
	char * out = malloc((n + 4) / 3 * 4 + 8);
	size_t lead, from, to, i;

	for (lead = 0; lead < 3 && in != NULL && out != NULL; lead++) {
		memset(in, 0, lead);
		memcpy(in + lead, p, n);
		EVP_EncodeBlock((unsigned char *)out, in, (int)(lead + n));
		from = lead == 0 ? 0 : lead + 1;
		to = (lead + n) * 8 / 6;
		add_form(s, out + from, to - from, 1);
		for (i = from; i < to; i++)
			out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' :
			    out[i];
		add_form(s, out + from, to - from, 1);
	}
	if (in == NULL || out == NULL)
		s->failed = 1;
	if (in != NULL)
		explicit_bzero(in, n + 3);
	if (out != NULL)
		explicit_bzero(out, (n + 4) / 3 * 4 + 8);
	free(in);
	free(out);
}

static int
sounds_secret(const char * key)
{
	static const char * const words[] = { "key", "secret", "token",
	    "password", NULL };
	size_t i;

	for (i = 0; words[i] != NULL; i++)
		if (strcasestr(key, words[i]) != NULL)
			return (1);
	return (0);
}

/* A secret that is a whole file of credentials holds some of its own. */
static void
add_members(struct record_scrub * s, const char * p, size_t n)
{
	json_t * o = p[0] == '{' ? json_loadb(p, n, 0, NULL) : NULL, * v;
	const char * k;

	json_object_foreach(o, k, v)
		if (json_is_string(v) && sounds_secret(k) &&
		    json_string_length(v) >= MIN)
			record_scrub_add(s, json_string_value(v),
			    json_string_length(v));
	json_decref(o);
}

void
record_scrub_add(struct record_scrub * s, const char * p, size_t n)
{
	size_t before = s->n;

	if (n == 0 || s->failed)
		return;
	if (n > VALUE_MAX_BYTES) {
		s->failed = 1;
		return;
	}
	add_form(s, p, n, 0);
	if (s->n == before)
		return;
	s->nvalues++;
	if (n < MIN) {
		s->has_short = 1;
		return;
	}
	add_percent(s, p, n, 0);
	add_percent(s, p, n, 1);
	add_json(s, p, n);
	add_marked(s, p, n);
	add_base64(s, p, n);
	add_members(s, p, n);
}

static int
is_base64(char c)
{
	return (isalnum((unsigned char)c) || (c != '\0' &&
	    strchr("+/-_=", c) != NULL));
}

/* ${in} without form ${i}; whether it was there. */
static int
take_out(const struct record_scrub * s, size_t i, struct buf * in,
    struct buf * out)
{
	const char * form = s->forms[i].p, * p = in->p, * end = p + in->len;
	const char * at, * to;
	size_t n = s->forms[i].n;
	int found = 0;

	buf_clear(out);
	while ((at = memmem(p, (size_t)(end - p), form, n)) != NULL) {
		found++;
		to = at + n;
		while (s->forms[i].wide && at > p && is_base64(at[-1]))
			at--;
		while (s->forms[i].wide && to < end && is_base64(*to))
			to++;
		buf_add(out, p, (size_t)(at - p));
		buf_adds(out, s->forms[i].wide ? "***" : STAND_IN);
		p = to;
	}
	if (found > 0)
		buf_add(out, p, (size_t)(end - p));
	return (found);
}

/* ${v}'s text without secrets; NULL: there was none in it (or no memory). */
static json_t *
clean(struct record_scrub * s, const char * p, size_t n)
{
	struct buf a = BUF_INIT(TEXT_MAX), b = BUF_INIT(TEXT_MAX), swap;
	json_t * v = NULL;
	size_t i;
	int found = 0, here;

	buf_add(&a, p, n);
	for (i = 0; i < s->n && !a.failed; i++) {
		if (s->forms[i].n < MIN && (s->forms[i].n != a.len ||
		    memcmp(a.p, s->forms[i].p, a.len) != 0))
			continue;
		if (s->forms[i].n == 0 || (here = take_out(s, i, &a, &b)) == 0)
			continue;
		found += here;
		swap = a;
		a = b;
		b = swap;
	}
	s->found += (size_t)found;
	if (a.failed || b.failed)
		s->failed = 1;
	else if (found > 0 && (v = json_stringn(a.p, a.len)) == NULL)
		s->failed = 1;
	buf_wipe(&a);
	buf_wipe(&b);
	return (v);
}

static json_t *
clean_object(struct record_scrub * s, json_t * o)
{
	json_t * out = json_object(), * v, * key;
	const char * k;

	json_object_foreach(o, k, v) {
		key = clean(s, k, strlen(k));
		v = record_scrub_value(s, json_incref(v));
		if (v == NULL || json_object_set_new(out, key != NULL ?
		    json_string_value(key) : k, v))
			s->failed = 1;
		json_decref(key);
	}
	json_decref(o);
	return (out);
}

static json_t *
clean_number(struct record_scrub * s, json_t * v)
{
	char text[32];
	json_t * found;

	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
	    json_integer_value(v));
	if ((found = clean(s, text, strlen(text))) == NULL)
		return (v);
	json_decref(found);
	json_decref(v);
	return (json_integer(0));
}

json_t *
record_scrub_value(struct record_scrub * s, json_t * v)
{
	json_t * x;
	size_t i;

	if (json_is_object(v))
		return (clean_object(s, v));
	if (json_is_integer(v))
		return (clean_number(s, v));
	if (json_is_string(v)) {
		x = clean(s, json_string_value(v), json_string_length(v));
		if (x == NULL)
			return (v);
		json_decref(v);
		return (x);
	}
	json_array_foreach(v, i, x) {
		x = record_scrub_value(s, json_incref(x));
		if (x == NULL || json_array_set_new(v, i, x))
			s->failed = 1;
	}
	return (v);
}

int
record_scrub_has(const struct record_scrub * s, const char * p, size_t n)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->forms[i].n >= MIN && memmem(p, n, s->forms[i].p,
		    s->forms[i].n) != NULL)
			return (1);
	return (0);
}

void
record_scrub_free(struct record_scrub * s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->forms[i].p != NULL)
			explicit_bzero(s->forms[i].p, s->forms[i].n);
		free(s->forms[i].p);
	}
	free(s->forms);
	memset(s, 0, sizeof(*s));
}
