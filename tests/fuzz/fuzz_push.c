#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/service_fixture.h"
#include "fuzz.h"

/*
 * Values of any kind in predicates: the request that is made says what was meant
 * and nothing else.  Its URL comes apart into the same segments and parameters,
 * its JQL into the same strings.
 */

#define PREDS 6

static struct manifest * m;
static struct connector * c;

static void
setup(void)
{
	struct err e = { .msg = "" };

	if (m != NULL)
		return;
	m = service_load(&e);
	c = m ? service_connector(m, "{\"org\": \"acme\", \"token\": \"$env:T\"}",
	    &e) : NULL;
	if (c == NULL)
		fprintf(stderr, "%s\n", e.msg);
	CHECK(c != NULL);
}

/* The predicates that the input asks for. */
struct wanted {
	struct plan_given given[PREDS];
	struct value values[PREDS][4];
	size_t n;
};

static int
take(const uint8_t ** p, size_t * n, uint8_t * out)
{
	if (*n == 0)
		return (0);
	*out = **p;
	(*p)++;
	(*n)--;
	return (1);
}

static void
take_value(const uint8_t ** p, size_t * n, struct value * v)
{
	uint8_t kind = 0, len = 0;

	memset(v, 0, sizeof(*v));
	(void)take(p, n, &kind);
	if (kind % 8 == 7)
		return; /* NULL */
	if (kind % 8 == 6) {
		v->type = VALUE_INT;
		v->i = kind / 8 - 2;
		return;
	}
	(void)take(p, n, &len);
	if (len > *n)
		len = (uint8_t)*n;
	v->type = VALUE_TEXT;
	v->s = (const char *)*p;
	v->len = len;
	*p += len;
	*n -= len;
}

static void
read_wanted(struct wanted * w, const struct manifest_entity * ent,
    const uint8_t * p, size_t n)
{
	struct plan_given * g;
	uint8_t col, op;
	size_t i, many;

	memset(w, 0, sizeof(*w));
	while (w->n < PREDS && take(&p, &n, &col) && take(&p, &n, &op)) {
		g = &w->given[w->n];
		g->column = col % ent->ncolumns;
		g->op = 1U << (op % OP_COUNT);
		g->values = w->values[w->n];
		many = g->op == OP_IN ? op / OP_COUNT % 4 : 1;
		g->nvalues = g->op == OP_IS_NULL || g->op == OP_NOT_NULL ? 0 :
		    many;
		for (i = 0; i < g->nvalues; i++)
			take_value(&p, &n, &w->values[w->n][i]);
		w->n++;
	}
}

/* ---- the URL ---- */

static int
hex(char ch)
{
	return (ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'A' && ch <= 'F' ?
	    ch - 'A' + 10 : -1);
}

/* Undo the percent signs of ${n} bytes; what stands bare must be harmless. */
static char *
plain(const char * s, size_t n, size_t * len)
{
	char * out = malloc(n + 1);
	size_t i, k = 0;

	CHECK(out != NULL);
	for (i = 0; i < n; i++) {
		if (s[i] == '%') {
			CHECK(i + 2 < n && hex(s[i + 1]) >= 0 &&
			    hex(s[i + 2]) >= 0);
			out[k++] = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
		} else {
			CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
			    "pqrstuvwxyz0123456789-._~,:", s[i]) != NULL &&
			    s[i] != '\0');
			out[k++] = s[i];
		}
	}
	out[k] = '\0';
	*len = k;
	return (out);
}

static void
check_segment(const char * s, size_t n, const json_t * want)
{
	size_t len;
	char * text = plain(s, n, &len);

	CHECK(strcmp(text, ".") != 0 && strcmp(text, "..") != 0 && len > 0);
	CHECK(json_is_string(want) && len == json_string_length(want) &&
	    memcmp(text, json_string_value(want), len) == 0);
	free(text);
}

static void
check_path(const char * path, size_t n, const struct plan * p,
    const json_t * in)
{
	const char * seg[8];
	size_t len[8], k = 0, i;

	for (i = 0; i < n && k < 8; i += len[k - 1] + 1) {
		CHECK(path[i] == '/');
		seg[k] = path + i + 1;
		len[k] = 0;
		while (i + 1 + len[k] < n && seg[k][len[k]] != '/')
			len[k]++;
		k++;
	}
	if (strcmp(p->list->name, "search") == 0) {
		CHECK(k == 2);
		return;
	}
	CHECK(k == (strcmp(p->list->name, "repo") == 0 ? 5 : 4));
	check_segment(seg[2], len[2], json_object_get(in, "org"));
	if (k == 5)
		check_segment(seg[3], len[3], json_object_get(in, "repo"));
}

/* How often ${name} is a parameter; its last value into ${out}. */
static size_t
param(const char * query, const char * name, char ** out)
{
	size_t n = 0, len, nlen, vlen;
	const char * eq;
	char * k;

	*out = NULL;
	for (; query != NULL && *query != '\0'; query += len +
	    (query[len] == '&')) {
		len = strcspn(query, "&");
		eq = memchr(query, '=', len);
		CHECK(eq != NULL);
		k = plain(query, (size_t)(eq - query), &nlen);
		if (strcmp(k, name) == 0) {
			n++;
			free(*out);
			*out = plain(eq + 1, len - (size_t)(eq - query) - 1,
			    &vlen);
		}
		free(k);
	}
	return (n);
}

static void
check_query(const char * query, const struct plan * p)
{
	static const char * const known[] = { "state", "sort", "direction",
	    "kinds[]", "private", "starts", "q", "labels", "assignee", "word",
	    "exact", "since", "until", "day", "per_page", "page" };
	const struct plan_pred * d;
	size_t i, n, all = 0, have = query && *query ? 1 : 0;
	const char * s;
	char * v;

	for (s = query; s != NULL && *s != '\0'; s++)
		have += *s == '&';
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		n = param(query, known[i], &v);
		CHECK(n <= 1 || strcmp(known[i], "kinds[]") == 0);
		all += n;
		free(v);
	}
	CHECK(all == have);
	for (i = 0; i < p->npreds; i++) {
		d = &p->preds[i];
		if (d->push == NULL || d->push->where != IN_QUERY)
			continue;
		/* What another push takes away is looked at here. */
		if (d->push->with == NULL && strcmp(d->push->name, "state") ==
		    0 && query != NULL && strstr(query, "exact=yes") != NULL)
			continue;
		n = param(query, d->push->name, &v);
		CHECK(n >= 1);
		if (d->push->text == NULL && json_is_string(d->sent) &&
		    d->op != OP_CONTAINS)
			CHECK(strcmp(v, json_string_value(d->sent)) == 0);
		free(v);
	}
}

static void
check_url(const char * url, const struct plan * p, const json_t * in)
{
	static const char host[] = "https://api.example.com";
	const char * path = url + sizeof(host) - 1, * q;
	CURLU * u = curl_url();
	char * part = NULL;

	CHECK(strncmp(url, host, sizeof(host) - 1) == 0 && *path == '/');
	CHECK(curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK);
	CHECK(curl_url_get(u, CURLUPART_HOST, &part, 0) == CURLUE_OK);
	CHECK(strcmp(part, "api.example.com") == 0);
	curl_free(part);
	CHECK(curl_url_get(u, CURLUPART_PATH, &part, 0) == CURLUE_OK);
	/* curl folds dots; there must be none. */
	q = strchr(path, '?');
	CHECK(strlen(part) == (q ? (size_t)(q - path) : strlen(path)));
	curl_free(part);
	curl_url_cleanup(u);
	check_path(path, q ? (size_t)(q - path) : strlen(path), p, in);
	check_query(q ? q + 1 : NULL, p);
}

/* ---- JQL ---- */

/* The end of the bracket that begins at ${s}. */
static const char *
skip_bracket(const char * s)
{
	int depth = 0;
	char in = '\0';

	for (; *s != '\0'; s++) {
		if (in != '\0') {
			if (*s == '\\' && s[1] != '\0')
				s++;
			else if (*s == in)
				in = '\0';
		} else if (*s == '"' || *s == '\'') {
			in = *s;
		} else if (*s == '(') {
			depth++;
		} else if (*s == ')' && --depth == 0) {
			return (s + 1);
		}
	}
	DIE("the bracket ends");
	return (s);
}

/* Expect ${v} as a string of the language. */
static const char *
eat_string(const char * s, const json_t * v)
{
	const char * want = json_string_value(v);

	CHECK(want != NULL && *s == '"');
	for (s++; *s != '"'; s++, want++) {
		CHECK(*s != '\0');
		if (*s == '\\')
			s++;
		CHECK(*s == *want);
	}
	CHECK(*want == '\0');
	return (s + 1);
}

static const char *
eat(const char * s, const char * word)
{
	CHECK(strncmp(s, word, strlen(word)) == 0);
	return (s + strlen(word));
}

/* The clause of one predicate, told by the manifest's words. */
static const char *
eat_clause(const char * s, const struct plan_pred * d)
{
	const char * t = d->push->text, * hole = strstr(t, "{{value}}");
	char before[64];
	json_t * one;
	size_t i;

	if (hole == NULL) {
		CHECK(*s == '(');
		return (skip_bracket(s));
	}
	snprintf(before, sizeof(before), "%.*s", (int)(hole - t), t);
	s = eat(s, before);
	if (!json_is_array(d->sent))
		s = eat_string(s, d->sent);
	json_array_foreach(d->sent, i, one) {
		if (i > 0)
			s = eat(s, ", ");
		s = eat_string(s, one);
	}
	return (eat(s, hole + strlen("{{value}}")));
}

static void
check_jql(const char * body, const struct plan * p, const json_t * in)
{
	json_t * b = json_loads(body, 0, NULL);
	const char * s, * sep = "";
	size_t i;

	CHECK(b != NULL);
	s = json_string_value(json_object_get(b, "jql"));
	CHECK(s != NULL);
	for (i = 0; i < p->npreds; i++)
		if (p->preds[i].push != NULL) {
			s = eat_clause(eat(s, sep), &p->preds[i]);
			sep = " AND ";
		}
	if (json_object_get(in, "jql") != NULL) {
		s = eat(s, sep);
		CHECK(*s == '(');
		s = skip_bracket(s);
	} else if (*sep == '\0') {
		s = eat(s, "created >= -30d");
	}
	CHECK(*s == '\0');
	json_decref(b);
}

/* ---- */

static void
check_request(const struct plan * p, const json_t * in)
{
	const struct page_pos first = { 0 };
	struct buf shown = BUF_INIT(1 << 22);
	struct request * r;
	struct err e;
	size_t i;

	if ((r = request_page(p, in, &first, &e)) == NULL) {
		CHECK(strcmp(e.code, "template") == 0);
		return;
	}
	check_url(r->url, p, in);
	for (i = 0; i < r->nheaders; i++)
		CHECK(strpbrk(r->headers[i], "\r\n") == NULL);
	if (r->body != NULL)
		check_jql(r->body, p, in);
	request_show(r, &shown);
	plan_describe(p, &shown, &shown);
	buf_free(&shown);
	request_free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	const struct manifest_entity * ent;
	struct wanted w;
	struct plan * p;
	struct err e;
	uint8_t which;
	json_t * in;
	size_t n, i;

	setup();
	if (!take(&data, &size, &which))
		return (0);
	ent = manifest_entity(m, which & 1 ? "tickets" : "issues");
	read_wanted(&w, ent, data, size);
	if ((p = plan_new(c, ent, w.given, w.n, NULL, 0, &e)) == NULL) {
		CHECK(strcmp(e.code, "input") == 0);
		return (0);
	}
	in = plan_inputs(p, &n, &e);
	CHECK(in != NULL && json_array_size(in) == n);
	for (i = 0; i < n; i++)
		check_request(p, json_array_get(in, i));
	json_decref(in);
	plan_free(p);
	return (0);
}
