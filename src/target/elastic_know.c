#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "target/elastic_internal.h"

/*
 * What the cluster is.  GET / tells, but some builds do not serve it (405) and
 * some credentials may not ask; then a node's own page does.
 */

/* A cluster may be updated while we run. */
#define KNOWN_US INT64_C(3600000000)

struct elastic_know {
	struct elastic * el;
	struct elastic_call * call;
	struct soon soon;
	int asks_node;
	elastic_know_cb * cb;
	void * arg;
};

const char *
elastic_name(const struct elastic_who * who)
{
	return (who->is_opensearch ? "OpenSearch" : "Elasticsearch");
}

static void
finish(struct elastic_know * k, const struct err * e)
{
	struct elastic_who who = k->el->who;
	elastic_know_cb * cb = k->cb;
	void * arg = k->arg;

	free(k);
	cb(arg, e == NULL ? &who : NULL, e);
}

static void
on_known(void * arg)
{
	finish(arg, NULL);
}

static void
set_who(struct elastic * el, const char * version, int is_opensearch)
{
	struct elastic_who * w = &el->who;

	w->is_opensearch = is_opensearch;
	w->major = w->minor = 0;
	snprintf(w->version, sizeof(w->version), "%s", version);
	sscanf(w->version, "%u.%u", &w->major, &w->minor);
	if (!el->is_known)
		log_event(LOG_INFO, "elastic_known", LOG_S("url", el->safe_url),
		    LOG_S("product", elastic_name(w)),
		    LOG_S("version", w->version));
	el->is_known = 1;
	el->known_us = clock_mono_us();
}

static void ask(struct elastic_know * k);

/* The one node of /_nodes/_local. */
static const char *
node_version(const json_t * body)
{
	const char * key;
	json_t * node;

	json_object_foreach(json_object_get(body, "nodes"), key, node)
		return (json_str(node, "version"));
	return (NULL);
}

/* Whether the answer told; else ${e} says what it was. */
static int
understand(struct elastic_know * k, const struct http_res * res,
    struct err * e)
{
	const char * product = http_res_header(res, "X-elastic-product");
	const char * version, * dist;
	const json_t * v;
	json_t * body;
	int is_opensearch;

	if (res->status < 200 || res->status > 299)
		return (elastic_err(e, res, k->el->safe_url));
	body = json_parse(res->body, res->body_len, k->el->safe_url, NULL);
	v = json_object_get(body, "version");
	version = k->asks_node ? node_version(body) : json_str(v, "number");
	dist = json_str(v, "distribution");
	if (product != NULL)
		is_opensearch = 0;
	else if (k->asks_node)
		is_opensearch = 1; /* every Elasticsearch since 7.14 says */
	else
		is_opensearch = dist != NULL && strcmp(dist, "opensearch") == 0;
	if (version != NULL)
		set_who(k->el, version, is_opensearch);
	json_decref(body);
	if (version == NULL)
		return (err_set(e, ERR_CONFIG, "not_elastic", "%s answers, but "
		    "not as Elasticsearch or OpenSearch do; check the URL",
		    k->el->safe_url));
	return (0);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_know * k = arg;
	struct err mine;

	k->call = NULL;
	if (e != NULL) {
		mine = *e;
		finish(k, &mine);
		return;
	}
	if (understand(k, res, &mine) == 0) {
		finish(k, NULL);
		return;
	}
	if (!k->asks_node && (res->status == 405 || res->status == 404 ||
	    res->status == 403 || res->status == 400)) {
		k->asks_node = 1;
		ask(k);
		return;
	}
	finish(k, &mine);
}

static void
on_nomem(void * arg)
{
	struct err e;

	err_nomem(&e, "a request to Elasticsearch");
	finish(arg, &e);
}

static void
ask(struct elastic_know * k)
{
	struct elastic_ask a;

	memset(&a, 0, sizeof(a));
	a.path = k->asks_node ? "/_nodes/_local?filter_path=nodes.*.version" :
	    "/";
	a.max_body = 1 << 20;
	a.timeout_ms = 30000;
	if ((k->call = elastic_call(k->el, &a, on_answer, k)) == NULL)
		loop_soon(k->el->o.loop, &k->soon, on_nomem, k);
}

struct elastic_know *
elastic_know(struct elastic * el, elastic_know_cb * cb, void * arg)
{
	struct elastic_know * k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return (NULL);
	k->el = el;
	k->cb = cb;
	k->arg = arg;
	if (el->is_known && clock_mono_us() - el->known_us < KNOWN_US)
		loop_soon(el->o.loop, &k->soon, on_known, k);
	else
		ask(k);
	return (k);
}

void
elastic_know_cancel(struct elastic_know * k)
{
	if (k == NULL)
		return;
	elastic_call_cancel(k->call);
	loop_soon_cancel(k->el->o.loop, &k->soon);
	free(k);
}
