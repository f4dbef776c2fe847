#ifndef MOLTLER_TESTS_SEND_FIXTURE_H
#define MOLTLER_TESTS_SEND_FIXTURE_H

/* What the tests of sending share: a connector, and the service that it asks, which
 * is the function play(). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conn/send.h"
#include "conn/token_internal.h"
#include "secret/secret_scrub.h"
#include "manifest_text.h"

static const char config_schema[] =
"'config': {'url': {'type': 'url', 'required': true, 'description': 'u'},"
" 'id': {'type': 'string', 'default': 'me', 'description': 'i'},"
" 'region': {'type': 'string', 'default': 'eu-1', 'description': 'r'},"
" 'role': {'type': 'string', 'description': 'r'},"
" 'secret': {'type': 'secret', 'required': true, 'description': 's'}},";

struct seen {
	char text[4096];
};
static struct seen seen[32];
static size_t nseen, nfetch, napi;

static struct loop * loop;
static struct http * http;
static struct secrets * secrets;
static struct manifest * m;
static struct connector * c;
static struct conn_env env;

/* What the service says. */
static int fetch_status;
static const char * fetch_body;
static int refuse; /* so many API calls are answered 401 */
static int64_t now_ms;
static struct send * leaves; /* once a token is asked for */

static inline int
play(void * arg, const struct http_req * req, struct http_played * a,
    struct err * e)
{
	struct seen * s = &seen[nseen];
	size_t i, n;

	(void)arg;
	(void)e;
	assert_true(nseen++ < 32);
	n = (size_t)snprintf(s->text, sizeof(s->text), "%s %s\n", req->method ?
	    req->method : "GET", req->url);
	for (i = 0; req->headers != NULL && req->headers[i] != NULL; i++)
		n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "%s\n",
		    req->headers[i]);
	snprintf(s->text + n, sizeof(s->text) - n, "\n%.*s",
	    (int)req->body_len, req->body ? (const char *)req->body : "");
	memset(a, 0, sizeof(*a));
	a->body = "{\"ok\": true}";
	a->status = 200;
	if (strstr(req->url, "/token") != NULL) {
		nfetch++;
		send_cancel(leaves);
		leaves = NULL;
		a->status = fetch_status;
		a->body = fetch_body;
	} else if (++napi && refuse > 0) {
		refuse--;
		a->status = 401;
	}
	a->body_len = strlen(a->body);
	return (0);
}

static inline void
pass(int64_t ms)
{
	now_ms += ms;
	clock_set_fake(now_ms, now_ms * 1000);
}

static inline int
setup(void ** state)
{
	struct http_opts opts = { .play = play };
	struct err e;

	(void)state;
	nseen = nfetch = napi = 0;
	refuse = 0;
	fetch_status = 200;
	fetch_body = "{\"access_token\": \"tok-1\", \"expires_in\": 3600}";
	now_ms = INT64_C(1700000000000);
	pass(0);
	setenv("SEND_TEST", "hush-hush", 1);
	memset(&env, 0, sizeof(env));
	env.loop = loop = loop_new(&e);
	env.http = http = http_new(loop, &opts, &e);
	env.secrets = secrets = secrets_new(NULL, &e);
	env.tokens = tokens_new(&env, &e);
	assert_non_null(env.tokens);
	return (0);
}

static inline int
teardown(void ** state)
{
	(void)state;
	tokens_free(env.tokens);
	connector_unref(c);
	manifest_unref(m);
	m = NULL;
	c = NULL;
	secrets_free(secrets);
	http_free(http);
	loop_free(loop);
	clock_set_fake(-1, -1);
	return (0);
}

/* A connector of a manifest with this auth (and perhaps more). */
static inline void
with_auth(const char * auth, const char * more, const char * config)
{
	static char text[16384];
	json_t * cfg;
	struct err e;

	snprintf(text, sizeof(text), "{'format': 1, 'type': 'svc', 'title': 't', "
	    "'description': 'd', 'drive_model': 'on_demand', %s 'auth': %s, %s "
	    "'entities': {'things': {'description': 'd', 'key': ['id'], "
	    "'columns': {'id': {'type': 'integer'}, 'zone': {'type': 'text', "
	    "'input': true, 'default': '{{config.region}}'}}, 'lists': [{'url': "
	    "'/things', 'records': '$'}]}}, 'test': {'url': '/test?a=1'}}",
	    config_schema, auth, more);
	if ((m = manifest_text(text, "svc", &e)) == NULL)
		fail_msg("%s", e.msg);
	cfg = json_loads(config ? config : "{\"url\": \"https://svc.test\", "
	    "\"secret\": \"$env:SEND_TEST\"}", 0, NULL);
	c = connector_new(m, "id-1", "it", cfg, NULL, &e);
	json_decref(cfg);
	if (c == NULL)
		fail_msg("%s", e.msg);
}

struct outcome {
	int calls, status;
	struct err e;
};

static inline void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct outcome * o = arg;

	o->calls++;
	o->status = res ? res->status : 0;
	if (e != NULL)
		o->e = *e;
}

static inline struct request *
request(void)
{
	struct request * r;
	struct err e;

	if ((r = request_test(c, &e)) == NULL)
		fail_msg("%s", e.msg);
	return (r);
}

static inline void
settle(void)
{
	int i;

	for (i = 0; i < 20; i++)
		loop_turn(loop, 0);
}

static inline struct outcome
go(void)
{
	static const struct send_opts none;
	struct outcome o = { .calls = 0 };
	struct request * r = request();

	assert_non_null(send_start(&env, r, &none, on_answer, &o));
	assert_int_equal(o.calls, 0);
	settle();
	assert_int_equal(o.calls, 1);
	request_free(r);
	return (o);
}

#define CLIENT "{'kind': 'token', 'request': {'url': '/token', 'form': {" \
    "'grant_type': 'client_credentials', 'client_id': '{{config.id}}', " \
    "'client_secret': '{{config.secret}}', 'role': '{{config.role}}'}}, " \
    "'token': 'access_token', 'expires_in': 'expires_in'}"
#define BASE "'base_url': '{{config.url}}',"

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
