/*
 * The tests' service behind net/http.h: a manifest says how it filters, orders and
 * pages, and it does so, reading the URLs and writing JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/rfc3339.h"
#include "conn/reader.h"
#include "fake_service.h"
#include "net/http.h"
#include "manifest_text.h"
#include "service_data.h"

static const char svc_text[] = "{'format': 1, 'type': 'svc', 'title': 'S',"
"'description': 'A service of tests', 'drive_model': 'on_demand',"
"'config': {'key': {'type': 'string', 'default': 'k'}},"
"'base_url': 'http://svc.test', 'auth': {'kind': 'none'},"
"'limits': {'concurrency': 3},"
"'entities': {"
" 'issues': {'main': true, 'key': ['id'], 'columns': {"
"  'id': {'type': 'integer', 'not_null': true}, 'title': {'type': 'text'},"
"  'state': {'type': 'text', 'nocase': true}, 'points': {'type': 'integer'},"
"  'score': {'type': 'real'}, 'draft': {'type': 'boolean'},"
"  'created': {'type': 'timestamp', 'not_null': true},"
"  'labels': {'type': 'list'}, 'assignee': {'type': 'text'},"
"  'org': {'type': 'text', 'input': true, 'default': 'acme', 'path': 'org'}},"
"  'lists': [{'url': '/{{in.org}}/issues', 'records': 'items',"
"   'paginate': {'kind': 'page', 'query': 'page', 'first': 1, 'more': 'more',"
"    'size': {'query': 'n', 'default': 7, 'max': 50}},"
"   'push': {"
"    'id': [{'op': ['=', 'in'], 'query': 'id', 'many': 'csv'},"
"     {'op': ['>', '>='], 'query': 'id_min', 'loose': true},"
"     {'op': ['<', '<='], 'query': 'id_max', 'loose': true}],"
"    'state': [{'op': ['=', 'in'], 'query': 'state', 'many': 'repeat',"
"      'values': {'open': 'OPN', 'closed': 'CLS', 'blocked': 'BLK'}},"
"     {'op': '!=', 'query': 'not_state', 'values': {'open': 'OPN',"
"      'closed': 'CLS'}}],"
"    'title': [{'op': 'like_prefix', 'query': 'starts', 'loose': true},"
"     {'op': 'like_substring', 'query': 'q', 'loose': true}],"
"    'points': [{'op': '=', 'query': 'points'},"
"     {'op': ['>', '>='], 'query': 'points_min', 'loose': true},"
"     {'op': ['<', '<='], 'query': 'points_max', 'loose': true},"
"     {'op': 'is_null', 'query': 'points', 'text': 'none'},"
"     {'op': 'is_not_null', 'query': 'points', 'text': 'any'}],"
"    'score': {'op': ['>', '>='], 'query': 'score_min', 'loose': true},"
"    'draft': {'op': '=', 'query': 'draft'},"
"    'created': [{'op': ['>', '>='], 'query': 'since', 'time': 'iso8601',"
"      'loose': true}, {'op': ['<', '<='], 'query': 'until',"
"      'time': {'strftime': '%Y-%m-%d'}, 'round_s': 86400, 'loose': true}],"
"    'labels': {'op': 'contains', 'query': 'label', 'loose': true},"
"    'assignee': [{'op': ['=', 'in'], 'query': 'who', 'many': 'csv',"
"      'loose': true}, {'op': 'is_null', 'query': 'who', 'text': '-none-'}]},"
"   'order': {'columns': {'id': 'id', 'created': 'created'}, 'query': {"
"    'sort': '{{order.sign}}{{order.column}}'}}}]},"
" 'comments': {'key': ['id'], 'columns': {"
"  'id': {'type': 'integer', 'not_null': true},"
"  'issue': {'type': 'integer', 'not_null': true}, 'body': {'type': 'text'},"
"  'author': {'type': 'text'}, 'repo': {'type': 'text', 'input': true"
"   }},"
"  'lists': [{'needs': ['repo'], 'url': '/repos/{{in.repo}}/comments',"
"   'records': 'items', 'paginate': {'kind': 'offset', 'query': 'offset',"
"    'more': 'more', 'size': {'query': 'n', 'default': 7, 'max': 50}},"
"   'push': {'issue': {'op': ['=', 'in'], 'query': 'issue', 'many': 'csv'},"
"    'author': {'op': '=', 'query': 'author', 'loose': true}},"
"   'order': {'columns': {'id': 'id'}, 'query': {"
"    'sort': '{{order.sign}}{{order.column}}'}}}]},"
" 'users': {'columns': {'name': {'type': 'text'}, 'team': {'type': 'text'}},"
"  'lists': [{'url': '/users', 'records': 'items', 'paginate': {'kind': 'none'},"
"   'push': {'name': {'op': ['=', 'in'], 'query': 'name', 'many': 'repeat'}}}]}"
"}}";

static struct connector * svc;
static struct loop * service_loop;
struct conn_env service_env;
struct service_log service_log;
size_t service_page = 7;
int64_t service_ms;
unsigned service_fail;
const char * service_connector_gone;

static void
make_connector(void)
{
	struct manifest * m;
	struct err e;

	if ((m = manifest_text(svc_text, "svc", &e)) == NULL)
		fail_msg("%s", e.msg);
	svc = connector_new(m, "00000000-0000-0000-0000-000000000001", "svc",
	    NULL, NULL, &e);
	if (svc == NULL)
		fail_msg("%s", e.msg);
	manifest_unref(m);
}

void
service_make(struct loop * L, unsigned seed, size_t rows)
{
	service_loop = service_env.loop = L;
	service_env.http = (struct http *)(uintptr_t)&service_log;
	service_data_make(seed, rows);
	if (svc == NULL)
		make_connector();
}

void
service_free(void)
{
	service_data_free();
	connector_unref(svc);
	svc = NULL;
	reader_cleanup();
}

void
service_reset(void)
{
	memset(&service_log, 0, sizeof(service_log));
}

unsigned
service_refs(void)
{
	return (svc->refs - 1);
}

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	(void)arg;
	if (schema == NULL || strcasecmp(schema, "svc") != 0 ||
	    (out->ent = manifest_entity(svc->m, table)) == NULL)
		return;
	out->found = 1;
	out->c = svc;
}

const struct query_catalog service_catalog = { .lookup = lookup };

/* What was asked: a URL's parameters, decoded. */
struct asked {
	size_t table;
	char text[4096];
	char * key[64], * val[64];
	size_t n;
};

static void
decode(char * s)
{
	char * o = s, hex[3] = "";

	for (; *s != '\0'; s++)
		if (*s == '%' && s[1] != '\0' && s[2] != '\0') {
			memcpy(hex, s + 1, 2);
			*o++ = (char)strtol(hex, NULL, 16);
			s += 2;
		} else
			*o++ = *s == '+' ? ' ' : *s;
	*o = '\0';
}

static void
parse(struct asked * a, const char * url)
{
	char * q, * at, * part;

	assert_true(strlen(url) < sizeof(a->text));
	strcpy(a->text, url);
	a->n = 0;
	q = strchr(a->text, '?');
	if (q != NULL)
		*q++ = '\0';
	a->table = strstr(a->text, "comments") ? COMMENTS :
	    strstr(a->text, "users") ? USERS : ISSUES;
	for (at = q; at != NULL && (part = strsep(&at, "&")) != NULL;) {
		assert_true(a->n < 64);
		a->key[a->n] = part;
		part += strcspn(part, "=");
		if (*part == '=')
			*part++ = '\0';
		a->val[a->n] = part;
		decode(a->key[a->n]);
		decode(a->val[a->n++]);
	}
}

static const char *
param(const struct asked * a, const char * key)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (strcmp(a->key[i], key) == 0)
			return (a->val[i]);
	return (NULL);
}

static double
number(const struct value * v)
{
	return (v->type == VALUE_INT ? (double)v->i : v->d);
}

static int
same_text(const struct value * v, const char * s, size_t n)
{
	return (v->type == VALUE_TEXT && v->len == n &&
	    strncasecmp(v->s, s, n) == 0);
}

/* Whether ${v} is one of the comma separated ${list}. */
static int
one_of(const struct value * v, const char * list)
{
	size_t n;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		if (v->type == VALUE_INT ? v->i == strtoll(list, NULL, 10) :
		    same_text(v, list, n))
			return (1);
		if (list[n] == '\0')
			return (0);
	}
}

static int
has(const struct value * v, const char * s, int prefix)
{
	size_t i, n = strlen(s);

	if (v->type != VALUE_TEXT)
		return (0);
	for (i = 0; i + n <= v->len; i++) {
		if (strncasecmp(v->s + i, s, n) == 0)
			return (1);
		if (prefix)
			break;
	}
	return (0);
}

static const char *
state_code(const struct value * v)
{
	return (same_text(v, "open", 4) ? "OPN" : same_text(v, "closed", 6) ?
	    "CLS" : same_text(v, "blocked", 7) ? "BLK" : "?");
}

static int
fits_issue(const struct asked * a, const struct value * v)
{
	const char * k, * s;
	int states = 0, is_state = 0;
	size_t i;

	for (i = 0; i < a->n; i++) {
		k = a->key[i];
		s = a->val[i];
		if (strcmp(k, "id") == 0 ? !one_of(&v[ID], s) :
		    strcmp(k, "id_min") == 0 ? v[ID].i < atoll(s) :
		    strcmp(k, "id_max") == 0 ? v[ID].i > atoll(s) :
		    strcmp(k, "not_state") == 0 ? v[STATE].type == VALUE_NULL ||
		    strcmp(s, state_code(&v[STATE])) == 0 :
		    strcmp(k, "starts") == 0 ? !has(&v[TITLE], s, 1) :
		    strcmp(k, "q") == 0 ? !has(&v[TITLE], s, 0) :
		    strcmp(k, "points") == 0 ? strcmp(s, "none") == 0 ?
		    v[POINTS].type != VALUE_NULL : v[POINTS].type ==
		    VALUE_NULL || (strcmp(s, "any") != 0 &&
		    v[POINTS].i != atoll(s)) :
		    strcmp(k, "points_min") == 0 ? v[POINTS].type ==
		    VALUE_NULL || v[POINTS].i < atoll(s) :
		    strcmp(k, "points_max") == 0 ? v[POINTS].type ==
		    VALUE_NULL || v[POINTS].i > atoll(s) :
		    strcmp(k, "score_min") == 0 ? v[SCORE].type ==
		    VALUE_NULL || number(&v[SCORE]) < atof(s) :
		    strcmp(k, "draft") == 0 ? v[DRAFT].type == VALUE_NULL ||
		    (v[DRAFT].i != 0) != (s[0] == 't' || s[0] == '1') :
		    strcmp(k, "since") == 0 ? rfc3339_order(v[CREATED].s,
		    v[CREATED].len, s, strlen(s)) < 0 :
		    strcmp(k, "until") == 0 ? memcmp(v[CREATED].s, s, 10) > 0 :
		    strcmp(k, "label") == 0 ? v[LABELS].type == VALUE_NULL :
		    strcmp(k, "who") == 0 ? strcmp(s, "-none-") == 0 ?
		    v[ASSIGNEE].type != VALUE_NULL : !one_of(&v[ASSIGNEE], s) :
		    0)
			return (0);
		if (strcmp(k, "state") == 0) {
			states = 1;
			is_state |= strcmp(s, state_code(&v[STATE])) == 0;
		}
	}
	return (!states || is_state);
}

static int
fits(const struct asked * a, const struct value * v)
{
	const char * s;
	int names = 0, is_name = 0;
	size_t i;

	if (a->table == ISSUES)
		return (fits_issue(a, v));
	if (a->table == COMMENTS)
		return (((s = param(a, "issue")) == NULL || one_of(&v[1], s)) &&
		    ((s = param(a, "author")) == NULL || one_of(&v[3], s)));
	for (i = 0; i < a->n; i++)
		if (strcmp(a->key[i], "name") == 0) {
			names = 1;
			is_name |= same_text(&v[0], a->val[i],
			    strlen(a->val[i]));
		}
	return (!names || is_name);
}

static size_t sort_col;
static int sort_desc;

static int
by_sort(const void * pa, const void * pb)
{
	const struct value * a = *(const struct value * const *)pa;
	const struct value * b = *(const struct value * const *)pb;
	const struct value * x = &a[sort_col], * y = &b[sort_col];
	int d = x->type == VALUE_TEXT ?
	    rfc3339_compare(x->s, x->len, y->s, y->len) :
	    (x->i > y->i) - (x->i < y->i);

	if (sort_desc)
		d = -d;
	return (d != 0 ? d : a < b ? -1 : 1);
}

static void
put_cell(struct buf * b, size_t table, size_t col, const struct value * v)
{
	static const char * const names[NTABLES][10] = {
		{ "id", "title", "state", "points", "score", "draft", "created",
		"labels", "assignee", "org" },
		{ "id", "issue", "body", "author", "repo" }, { "name", "team" }
	};

	buf_addf(b, "%s\"%s\":", col > 0 ? "," : "", names[table][col]);
	if (v->type == VALUE_NULL)
		buf_adds(b, "null");
	else if (v->type == VALUE_REAL)
		buf_addf(b, "%.17g", v->d);
	else if (v->type == VALUE_INT && table == ISSUES && col == DRAFT)
		buf_adds(b, v->i ? "true" : "false");
	else if (v->type == VALUE_INT)
		buf_addf(b, "%lld", (long long)v->i);
	else if (table == ISSUES && col == LABELS)
		buf_add(b, v->s, v->len);
	else
		buf_add_json_str(b, v->s, v->len);
}

static void
answer(const struct asked * a, struct buf * b)
{
	const struct service_table * t = &service_tables[a->table];
	const struct value ** rows = calloc(t->rows + 1, sizeof(*rows));
	const char * sort = param(a, "sort"), * s;
	size_t n = 0, i, k, size = t->rows, from = 0;

	for (i = 0; i < t->rows; i++)
		if (fits(a, t->cells + i * t->cols))
			rows[n++] = t->cells + i * t->cols;
	if (sort != NULL) {
		sort_desc = *sort == '-';
		sort_col = strcmp(sort + 1, "created") == 0 ? CREATED : 0;
		/* "+" is a space to who decodes. */
		qsort(rows, n, sizeof(*rows), by_sort);
	}
	if ((s = param(a, "n")) != NULL)
		size = (size_t)atoll(s);
	if ((s = param(a, "page")) != NULL)
		from = ((size_t)atoll(s) - 1) * size;
	if ((s = param(a, "offset")) != NULL)
		from = (size_t)atoll(s);
	buf_addf(b, "{\"more\":%s,\"items\":[", from + size < n ? "true" :
	    "false");
	for (i = from; i < n && i < from + size; i++) {
		buf_adds(b, i > from ? ",{" : "{");
		for (k = 0; k < t->cols; k++)
			put_cell(b, a->table, k, &rows[i][k]);
		buf_addc(b, '}');
	}
	buf_adds(b, "]}");
	free(rows);
}

/* net/http.h */

struct http_call {
	struct loop_timer * timer;
	struct http_req req;
	char * url;
	http_cb * cb;
	void * arg;
};

static void
call_free(struct http_call * c)
{
	loop_timer_free(c->timer);
	free(c->url);
	free(c);
}

static void
on_time(void * arg)
{
	struct http_call * c = arg;
	struct http_res res = { .status = 200, .body = "", .url = c->url };
	struct buf b = BUF_INIT(0);
	struct asked a;
	size_t cut;

	parse(&a, c->url);
	answer(&a, &b);
	res.bytes = b.len;
	service_log.flying--;
	if (c->req.on_head != NULL)
		assert_int_equal(c->req.on_head(c->arg, "application/json"),
		    0);
	if (c->req.on_data != NULL) {
		cut = b.len / 3;
		(void)(c->req.on_data(c->arg, b.p, cut) ||
		    c->req.on_data(c->arg, b.p + cut, b.len - cut));
	} else {
		res.body = b.p;
		res.body_len = b.len;
	}
	c->cb(c->arg, &res, NULL);
	buf_free(&b);
	call_free(c);
}

struct http_call *
http_start(struct http * H, const struct http_req * req, http_cb * cb,
    void * arg)
{
	struct http_call * c = calloc(1, sizeof(*c));

	(void)H;
	c->timer = loop_timer_new(service_loop, on_time, c);
	c->req = *req;
	c->url = strdup(req->url);
	c->cb = cb;
	c->arg = arg;
	service_log.calls++;
	service_log.flying++;
	if (strlen(service_log.text) + strlen(c->url) + 2 <
	    sizeof(service_log.text)) {
		strcat(service_log.text, c->url);
		strcat(service_log.text, "\n");
	}
	loop_timer_start(c->timer, service_ms);
	return (c);
}

void
http_cancel(struct http_call * c)
{
	if (c == NULL)
		return;
	service_log.flying--;
	call_free(c);
}

const char *
http_res_header(const struct http_res * res, const char * name)
{
	(void)res;
	(void)name;
	return (NULL);
}
