#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "manifest/template.h"
#include "run/acts_internal.h"

/*
 * Actions of the journal, of any daemon, that did what looks the same at the service
 * as what another one does.
 */

#define PAGE 200
#define SCAN_MAX 2000      /* records that are looked at */
/* Clocks of daemons and services differ; and so far back a look goes. */
#define WINDOW_MS INT64_C(120000)
/* Nothing that was begun earlier lasts until now. */
#define LASTS_MS INT64_C(3600000)

struct acts_twins {
	struct acts * A;
	struct acts_twins * next, ** prevp;
	struct acts_intent what; /* args: only those the look goes by */
	char id[ID7_LEN];
	int64_t from_ms;
	char after[ID7_LEN];
	size_t scanned;
	json_t * found;
	acts_twins_cb * cb;
	void * arg;
};

static void
twins_free(struct acts_twins * t)
{
	*t->prevp = t->next;
	if (t->next != NULL)
		t->next->prevp = t->prevp;
	json_decref(t->what.args);
	json_decref(t->found);
	free(t);
}

static void
end(struct acts_twins * t, const struct err * e)
{
	json_t * found = json_incref(t->found);
	acts_twins_cb * cb = t->cb;
	void * arg = t->arg;

	twins_free(t);
	cb(arg, e == NULL ? found : NULL, e);
	json_decref(found);
}

static int64_t
moment(const json_t * o, const char * key, int64_t dflt)
{
	const char * s = json_str(o, key);
	int64_t ms;
	struct err e;

	return (s == NULL || rfc3339_parse(s, strlen(s), &ms, &e) ? dflt : ms);
}

static int
has(const json_t * o, const char * key, const char * want)
{
	const char * s = json_str(o, key);

	return (s != NULL && strcmp(s, want) == 0);
}

/* Whether the service may have something of it. */
static int
may_be_done(const json_t * o)
{
	return (!has(o, "state", acts_record_outcome(OUTCOME_UNSENT)) &&
	    !has(o, "state", acts_record_outcome(OUTCOME_FAILED)));
}

static int
is_twin(const struct acts_twins * t, const json_t * o)
{
	const json_t * args = json_object_get(o, "args"), * v;
	const char * name;

	if (has(o, "id", t->id) || !has(o, "connector", t->what.connector) ||
	    !has(o, "type", t->what.type) ||
	    !has(o, "entity", t->what.entity) ||
	    !has(o, "action", t->what.action) || !may_be_done(o) ||
	    moment(o, "ended_at", json_int(o, "until_ms", INT64_MAX)) <
	    t->from_ms)
		return (0);
	json_object_foreach(t->what.args, name, v)
		if (!json_equal(v, json_object_get(args, name)))
			return (0);
	return (1);
}

static void on_page(void * arg, json_t * v, const struct err * e);

static void
ask(struct acts_twins * t)
{
	struct state * s = t->A->state;

	s->ops->action_list(s, t->after[0] != '\0' ? t->after : NULL, PAGE,
	    on_page, t);
}

/* What they are called, null where that is not known; -1: no memory. */
static int
take(struct acts_twins * t, const json_t * v, int * more)
{
	const json_t * o;
	size_t i;

	*more = json_array_size(v) > 0;
	json_array_foreach((json_t *)(uintptr_t)v, i, o) {
		if (json_str(o, "id") == NULL)
			continue;
		t->scanned++;
		snprintf(t->after, sizeof(t->after), "%s", json_str(o, "id"));
		if (moment(o, "at", INT64_MAX) < t->from_ms - LASTS_MS)
			*more = 0;
		else if (is_twin(t, o) && json_array_append_new(t->found,
		    json_is_string(json_object_get(o, "result")) ?
		    json_incref(json_object_get(o, "result")) : json_null()))
			return (-1);
	}
	return (0);
}

static void
on_page(void * arg, json_t * v, const struct err * e)
{
	struct acts_twins * t = arg;
	struct err mine;
	int more;

	if (e != NULL) {
		end(t, e);
	} else if (take(t, v, &more)) {
		err_nomem(&mine, "the journal's actions");
		end(t, &mine);
	} else if (!more) {
		end(t, NULL);
	} else if (t->scanned >= SCAN_MAX) {
		err_set(&mine, ERR_TRANSIENT, "journal", "too many actions were "
		    "done of late to look through the journal");
		end(t, &mine);
	} else {
		ask(t);
	}
}

/* The arguments that a look goes by, as they are written down. */
static json_t *
seen_by(const struct manifest_probe * p, const json_t * args)
{
	json_t * all = acts_record_args(args, NULL), * v;
	char path[80];
	const char * k;
	void * tmp;

	json_object_foreach_safe(all, tmp, k, v) {
		snprintf(path, sizeof(path), "in.%.70s", k);
		if (!template_uses(p->match, path) &&
		    !template_uses(p->query, path) &&
		    !template_uses(p->body, path) &&
		    !template_text_uses(p->url, path))
			json_object_del(all, k);
	}
	return (all);
}

void
acts_twins(struct acts * A, const struct acts_intent * what,
    const struct manifest_probe * p, acts_twins_cb * cb, void * arg)
{
	struct acts_twins * t = calloc(1, sizeof(*t));
	json_t * args = seen_by(p, what->args), * found = json_array();
	struct err e;

	if (t == NULL || args == NULL || found == NULL) {
		json_decref(args);
		json_decref(found);
		free(t);
		err_nomem(&e, "the journal's actions");
		cb(arg, NULL, &e);
		return;
	}
	t->A = A;
	t->what = *what;
	t->what.args = args;
	t->found = found;
	snprintf(t->id, sizeof(t->id), "%s", what->id);
	t->from_ms = what->at_ms - WINDOW_MS;
	t->cb = cb;
	t->arg = arg;
	t->next = A->twins;
	t->prevp = &A->twins;
	if (t->next != NULL)
		t->next->prevp = &t->next;
	A->twins = t;
	ask(t);
}

void
acts_twins_free_all(struct acts * A)
{
	while (A->twins != NULL)
		twins_free(A->twins);
}
