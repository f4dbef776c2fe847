#include "target/elastic_prepare.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/json.h"
#include "base/log.h"
#include "target/elastic_internal.h"
#include "target/elastic_mapping.h"
#include "target/elastic_retry.h"

enum prepare_state { PREPARE_KNOW, PREPARE_TEMPLATE, PREPARE_REJECTED,
    PREPARE_LOOK, PREPARE_CREATE, PREPARE_EXTEND, PREPARE_DONE };

static const char * const state_names[] = { "know", "template", "rejected",
    "look", "create", "extend", "done" };

struct elastic_prepare {
	struct elastic * el;
	const struct writer_spec * spec;
	enum prepare_state state;
	struct elastic_who who;
	struct elastic_know * know;
	struct elastic_call * call;
	struct elastic_retry retry;
	struct soon soon;
	struct err err;
	int flat;            /* maps have a type of their own */
	int looked;          /* after a template of another's making */
	json_t * missing;    /* the body that adds fields */
	int * made;          /* told that the index was not there before */
	void (*cb)(void * arg, const struct err * e);
	void * arg;
};

static void step(void * arg);

/* The one place where the state changes. */
static void
enter(struct elastic_prepare * p, enum prepare_state s)
{
	log_event(LOG_DEBUG, "elastic_prepare",
	    LOG_S("index", p->spec->table),
	    LOG_S("from", state_names[p->state]), LOG_S("to", state_names[s]));
	p->state = s;
}

void
elastic_prepare_cancel(struct elastic_prepare * p)
{
	if (p == NULL)
		return;
	elastic_know_cancel(p->know);
	elastic_call_cancel(p->call);
	elastic_retry_end(&p->retry);
	loop_soon_cancel(p->el->o.loop, &p->soon);
	json_decref(p->missing);
	free(p);
}

/* Of all that decides what must be there. */
static uint64_t
hash_spec(const struct writer_spec * spec)
{
	uint64_t h = hash64(spec->marks + 1, spec->table, strlen(spec->table));
	const struct writer_column * c;
	size_t i;

	for (i = 0; i < spec->ncolumns; i++) {
		c = &spec->columns[i];
		h = hash64(h + (uint64_t)c->type * 2 + c->is_key, c->name,
		    strlen(c->name));
	}
	return (h | 1);
}

static int
is_prepared(const struct elastic * el, const struct writer_spec * spec)
{
	uint64_t h = hash_spec(spec);
	size_t i = h / 2 % ELASTIC_PREPARED;

	return (el->prepared[i].what == h && clock_mono_us() -
	    el->prepared[i].at_us < ELASTIC_PREPARED_US);
}

static void
remember(struct elastic * el, const struct writer_spec * spec)
{
	uint64_t h = hash_spec(spec);
	size_t i = h / 2 % ELASTIC_PREPARED;

	el->prepared[i].what = h;
	el->prepared[i].at_us = clock_mono_us();
}

void
elastic_prepare_forget(struct elastic * el, const struct writer_spec * spec)
{
	el->prepared[hash_spec(spec) / 2 % ELASTIC_PREPARED].what = 0;
}

static void
on_ready(void * arg)
{
	struct elastic_prepare * p = arg;
	void (*cb)(void *, const struct err *) = p->cb;
	void * cb_arg = p->arg;

	elastic_prepare_cancel(p);
	cb(cb_arg, NULL);
}

static void
finish(struct elastic_prepare * p, const struct err * e)
{
	void (*cb)(void *, const struct err *) = p->cb;
	void * arg = p->arg;
	struct err copy;

	if (e != NULL)
		copy = *e;
	else
		remember(p->el, p->spec);
	elastic_prepare_cancel(p);
	cb(arg, e != NULL ? &copy : NULL);
}

static void
on_given_up(void * arg)
{
	struct elastic_prepare * p = arg;

	finish(p, &p->err);
}

/* Try this step again later, or give up with ${e}.  From callbacks only. */
static void
failed(struct elastic_prepare * p, const struct err * e)
{
	p->err = *e;
	if (elastic_retry_wait(&p->retry, p->el->o.loop, p->el->o.retry_ms,
	    &p->err, step, p))
		finish(p, &p->err);
}

static void
go(struct elastic_prepare * p, enum prepare_state s)
{
	elastic_retry_well(&p->retry);
	enter(p, s);
	step(p);
}

static void
on_known(void * arg, const struct elastic_who * who, const struct err * e)
{
	struct elastic_prepare * p = arg;

	p->know = NULL;
	if (e != NULL) {
		failed(p, e);
		return;
	}
	p->who = *who;
	p->flat = elastic_mapping_has_flat(who);
	go(p, PREPARE_TEMPLATE);
}

/* Compare the index that is there; what is next. */
static void
on_mapping(struct elastic_prepare * p, const struct http_res * res)
{
	json_t * there;
	struct err e;
	int rc;

	there = json_parse(res->body, res->body_len, "the mapping", &e);
	if (there == NULL) {
		failed(p, &e);
		return;
	}
	json_decref(p->missing);
	rc = elastic_mapping_missing(p->spec, &p->who, p->flat, there,
	    &p->missing, &e);
	json_decref(there);
	if (rc != 0)
		failed(p, &e);
	else if (p->missing == NULL)
		finish(p, NULL);
	else
		go(p, PREPARE_EXTEND);
}

static int
says(const struct http_res * res, const char * word)
{
	return (memmem(res->body, res->body_len, word, strlen(word)) != NULL);
}

/* A refusal that has a way round: 1 if it was taken. */
static int
way_round(struct elastic_prepare * p, const struct http_res * res)
{
	if (p->state == PREPARE_LOOK && res->status == 404) {
		go(p, PREPARE_CREATE);
		return (1);
	}
	/* Another made it in between: then it is looked at. */
	if (p->state == PREPARE_CREATE && res->status == 400 && !p->looked &&
	    says(res, "resource_already_exists")) {
		p->looked = 1;
		go(p, PREPARE_LOOK);
		return (1);
	}
	/* A build without that type. */
	if (p->flat && (p->state == PREPARE_TEMPLATE ||
	    p->state == PREPARE_EXTEND) && res->status == 400 &&
	    (says(res, "flattened") || says(res, "flat_object"))) {
		p->flat = 0;
		go(p, p->state == PREPARE_TEMPLATE ? PREPARE_TEMPLATE :
		    PREPARE_LOOK);
		return (1);
	}
	return (0);
}

static const char *
what(const struct elastic_prepare * p)
{
	switch (p->state) {
	case PREPARE_TEMPLATE:
		return ("making the index template");
	case PREPARE_REJECTED:
		return ("making the index template of rejected rows");
	case PREPARE_LOOK:
		return ("looking at the index");
	case PREPARE_CREATE:
		return ("making the index");
	case PREPARE_EXTEND:
		return ("adding fields to the index");
	case PREPARE_KNOW:
	case PREPARE_DONE:
		break;
	}
	return ("asking");
}

/* A refusal of what a person has set up is a person's to mend. */
static void
refused(struct elastic_prepare * p, const struct http_res * res)
{
	char text[200];
	struct err e;

	snprintf(text, sizeof(text), "%s %.100s", what(p), p->spec->table);
	elastic_err(&e, res, text);
	if (e.cls == ERR_PERMANENT)
		e.cls = ERR_CONFIG;
	failed(p, &e);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_prepare * p = arg;

	p->call = NULL;
	if (e != NULL) {
		failed(p, e);
		return;
	}
	if (res->status < 200 || res->status > 299) {
		if (!way_round(p, res))
			refused(p, res);
		return;
	}
	switch (p->state) {
	case PREPARE_TEMPLATE:
		go(p, PREPARE_REJECTED);
		return;
	case PREPARE_REJECTED:
		go(p, PREPARE_LOOK);
		return;
	case PREPARE_LOOK:
		on_mapping(p, res);
		return;
	case PREPARE_CREATE:
		*p->made = 1;
		break;
	case PREPARE_EXTEND:
	case PREPARE_KNOW:
	case PREPARE_DONE:
		break;
	}
	finish(p, NULL);
}

static int
add_path(const struct elastic_prepare * p, struct buf * b)
{
	const char * before = "/", * after = "";

	if (p->state == PREPARE_TEMPLATE || p->state == PREPARE_REJECTED)
		before = "/_index_template/moltler-";
	if (p->state == PREPARE_REJECTED)
		after = "-rejected";
	else if (p->state == PREPARE_LOOK || p->state == PREPARE_EXTEND)
		after = "/_mapping";
	buf_adds(b, before);
	if (elastic_path_add(b, p->spec->table))
		return (-1);
	return (buf_adds(b, after));
}

/* What a request of this state carries; NULL with ${*bad}: no memory. */
static json_t *
body_of(const struct elastic_prepare * p, int * bad)
{
	char rejected[300];
	json_t * v = NULL;

	switch (p->state) {
	case PREPARE_TEMPLATE:
		v = elastic_mapping_template(p->spec, &p->who, p->flat);
		break;
	case PREPARE_REJECTED:
		snprintf(rejected, sizeof(rejected), "%s-rejected",
		    p->spec->table);
		v = elastic_mapping_rejected(rejected);
		break;
	case PREPARE_CREATE:
		v = json_object();
		break;
	case PREPARE_EXTEND:
		v = json_incref(p->missing);
		break;
	case PREPARE_KNOW:
	case PREPARE_LOOK:
	case PREPARE_DONE:
		return (NULL);
	}
	*bad = v == NULL;
	return (v);
}

/* 0, or -1 when out of memory. */
static int
send_step(struct elastic_prepare * p)
{
	struct buf path = BUF_INIT(4096);
	struct elastic_ask a;
	char * text = NULL;
	int bad = 0;
	json_t * v = body_of(p, &bad);

	memset(&a, 0, sizeof(a));
	if (v != NULL) {
		a.method = "PUT";
		text = json_dumps(v, JSON_COMPACT);
		bad = text == NULL;
		a.body = text;
		a.body_len = text ? strlen(text) : 0;
	}
	json_decref(v);
	if (!bad && add_path(p, &path) == 0) {
		a.path = path.p;
		p->call = elastic_call(p->el, &a, on_answer, p);
	}
	free(text);
	buf_free(&path);
	return (p->call == NULL ? -1 : 0);
}

static void
step(void * arg)
{
	struct elastic_prepare * p = arg;

	if (p->state == PREPARE_KNOW) {
		p->know = elastic_know(p->el, on_known, p);
		if (p->know != NULL)
			return;
	} else if (send_step(p) == 0) {
		return;
	}
	err_nomem(&p->err, "a request to Elasticsearch");
	loop_soon(p->el->o.loop, &p->soon, on_given_up, p);
}

struct elastic_prepare *
elastic_prepare_start(struct elastic * el, const struct writer_spec * spec,
    int * made, void (*cb)(void * arg, const struct err * e), void * arg)
{
	struct elastic_prepare * p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	p->el = el;
	p->spec = spec;
	p->made = made;
	p->cb = cb;
	p->arg = arg;
	if (is_prepared(el, spec))
		loop_soon(el->o.loop, &p->soon, on_ready, p);
	else
		step(p);
	return (p);
}
