#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "conn/action_answer.h"
#include "conn/action_internal.h"
#include "manifest/json_path.h"
#include "manifest/template.h"
#include "net/http.h"

/* Whether something was done of which no answer came: by looking at the service. */

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

int
action_probe_is_missing(const struct manifest_probe * p, int status)
{
	const json_t * v;
	size_t i;

	json_array_foreach(p->missing, i, v)
		if (json_integer_value(v) == status)
			return (1);
	return (p->missing == NULL && status == 404);
}

/* Whether one of the arguments that ${names} holds is given. */
static int
has_one(const json_t * names, const json_t * args)
{
	const json_t * v, * given;
	size_t i;

	json_array_foreach(names, i, v) {
		given = json_object_get(args, json_string_value(v));
		if (given != NULL && !json_is_null(given))
			return (1);
	}
	return (0);
}

const struct manifest_probe *
action_probe_of(const struct manifest_action * act, const json_t * args)
{
	return (act->probe == NULL || has_one(act->probe->unless, args) ? NULL :
	    act->probe);
}

int
action_probe_looks_up(const struct action * a)
{
	return (a->act->lookup != NULL && a->lookup == NULL && !has_one(
	    json_object_get(a->act->lookup, "unless"), a->args));
}

void
action_probe_forget(struct action * a)
{
	free(a->look.next);
	json_decref(a->look.found);
	memset(&a->look, 0, sizeof(a->look));
}

void
action_probe_begin(struct action * a)
{
	action_probe_forget(a);
	a->step = STEP_PROBE;
	a->tries = 0;
	action_begin(a);
}

int
action_probe_start(struct action * a)
{
	struct request_given given = { .lookup = a->lookup, .own = a->own };
	int64_t ms;

	if (action_probe_of(a->act, a->args) == NULL ||
	    (!action_probe_looks_up(a) &&
	    !request_can_probe(a->c, a->act, a->args, &given)))
		return (0);
	/* What is on its way may still arrive. */
	ms = a->env->no_pause ? 0 : a->act->probe->after_ms;
	if (ms >= action_left_ms(a))
		return (0);
	action_probe_forget(a);
	a->step = action_probe_looks_up(a) ? STEP_LOOKUP : STEP_PROBE;
	a->tries = 0;
	return (action_begin_in(a, ms, ACTION_PAUSE));
}

/* The end: ${what} was found out, and that is not enough. */
static void
give_up(struct action * a, const char * what)
{
	char url[160];
	struct err e;

	a->told = 1;
	http_url_safe(url, sizeof(url), a->req->url);
	err_set(&e, ERR_PERMANENT, "ambiguous", "it may have been done or not: "
	    "%.160s; %s; look at %s before you send it again", a->why.msg, what,
	    url);
	action_finish(a, NULL, 0, &e);
}

void
action_probe_failed(struct action * a, const struct err * e)
{
	struct err what;

	err_set(&what, e->cls, e->code, "it could not be looked for: %.160s",
	    e->msg);
	give_up(a, what.msg);
}

/* Services take blanks from the end of a text, or put a line's end there, and end
 * lines in a way of their own. */
static int
same_text(const char * a, const char * b)
{
	for (;; a++, b++) {
		a += strspn(a, "\r");
		b += strspn(b, "\r");
		if (*a != *b || *a == '\0')
			break;
	}
	return (a[strspn(a, " \t\r\n")] == '\0' &&
	    b[strspn(b, " \t\r\n")] == '\0');
}

/* Ids are numbers here and texts there. */
static int
is_same(const json_t * a, const json_t * b)
{
	char num[32];

	/* An empty text is none. */
	if (json_is_string(a) && json_string_length(a) == 0 &&
	    (b == NULL || json_is_null(b)))
		return (1);
	if (json_is_integer(a) && json_is_string(b)) {
		snprintf(num, sizeof(num), "%lld",
		    (long long)json_integer_value(a));
		return (strcmp(num, json_string_value(b)) == 0);
	}
	if (json_is_string(a) && json_is_integer(b))
		return (is_same(b, a));
	if (json_is_string(a) && json_is_boolean(b))
		return (strcmp(json_string_value(a), json_is_true(b) ? "true" :
		    "false") == 0);
	if (json_is_string(a) && json_is_string(b))
		return (same_text(json_string_value(a), json_string_value(b)));
	return (json_equal(a, b));
}

/* Records like it that are kept. */
#define FOUND_MAX 1000

/* What a look says of a record, or of all of them. */
enum sight {
	SIGHT_OTHER,  /* not ours; of all: it is not there */
	SIGHT_UNCLEAR,
	SIGHT_OURS
};

/* Whether the moment ${v} is not before ${least}. */
static enum sight
is_since(const json_t * v, const json_t * least)
{
	const char * a = json_string_value(v), * b = json_string_value(least);
	int64_t ms, from;
	struct err e;

	if (a == NULL || b == NULL || rfc3339_parse(a, strlen(a), &ms, &e) ||
	    rfc3339_parse(b, strlen(b), &from, &e))
		return (SIGHT_UNCLEAR);
	return (ms >= from ? SIGHT_OURS : SIGHT_OTHER);
}

struct wanted {
	json_t * match, * since;
};

static enum sight
is_ours(const struct wanted * w, const json_t * record)
{
	enum sight all = SIGHT_OURS, one;
	const char * path;
	json_t * v;

	json_object_foreach(w->match, path, v)
		if (!is_same(v, action_answer_at(record, path)))
			return (SIGHT_OTHER);
	json_object_foreach(w->since, path, v)
		if ((one = is_since(action_answer_at(record, path), v)) < all)
			all = one;
	return (all);
}

static int
expand(const struct action * a, const json_t * t, json_t ** out, struct err * e)
{
	struct template_env env = { .config = connector_config_parsed(a->c),
	    .in = a->args, .lookup = a->lookup, .action = a->own };

	*out = t != NULL ? template_json(t, &env, e) : json_object();
	return (*out == NULL ? -1 : 0);
}

/* The records of a page that are what was to be done.  An answer without records is
 * a page for people, say: that tells nothing, -1. */
static int
find(struct action * a, const struct wanted * w, const json_t * body)
{
	const json_t * records = a->act->probe->records != NULL ?
	    json_path_get(a->act->probe->records, body) : body, * v;
	struct action_look * l = &a->look;
	enum sight sight;
	size_t i, n = json_is_array(records) ? json_array_size(records) : 1;

	if (!json_is_array(records) && !json_is_object(records))
		return (json_is_null(records) && records != body ? 0 : -1);
	for (i = 0; i < n; i++) {
		v = json_is_array(records) ? json_array_get(records, i) :
		    records;
		sight = is_ours(w, v);
		l->unclear |= sight == SIGHT_UNCLEAR;
		if (sight != SIGHT_OURS)
			continue;
		if (l->found == NULL)
			l->found = json_array();
		if (json_array_size(l->found) == FOUND_MAX ||
		    json_array_append(l->found, MUTABLE(v)))
			l->cut = 1;
	}
	return (0);
}

/* It is not there: then it may be sent again, once. */
static void
not_there(struct action * a, int status)
{
	struct err e;

	if (a->has_refusal) {
		/* Refused, and not there. */
		err_set(&e, a->refusal.cls, a->refusal.code, "%s; it was sent "
		    "before without an answer, but is not there",
		    a->refusal.msg);
		a->open = 0;
		a->judged = 1;
		a->step = STEP_ACT;
		action_finish(a, NULL, status, &e);
		return;
	}
	if (a->resent) {
		give_up(a, "it was sent twice, and is not there");
		return;
	}
	/* A service that is slow may be at it still. */
	if (!a->looked && !a->env->no_pause) {
		a->looked = 1;
		a->tries = 0;
		action_probe_forget(a);
		if (action_begin_in(a, action_left_ms(a) / 3, ACTION_PAUSE))
			return;
	}
	a->resent = 1;
	a->judged = 0;
	a->step = STEP_ACT;
	a->tries = 0;
	if (action_left_ms(a) > 0) {
		action_begin(a);
		return;
	}
	a->step = STEP_PROBE;
	give_up(a, "it is not there, but no time is left to send it again");
}

/* It is there: the ${i}-th of those found. */
static void
there(struct action * a, size_t i)
{
	const struct manifest_probe * p = a->act->probe;
	const json_t * record = json_array_get(a->look.found, i);
	const json_t * part = p->result != NULL && record != NULL ?
	    json_path_get(p->result, record) : record;
	json_t * v = part != NULL ? json_incref(MUTABLE(part)) : json_null();

	a->judged = 1;
	action_finish(a, v, a->look.status, NULL);
	json_decref(v);
}

/* None of those found is it. */
static void
none(struct action * a)
{
	const struct action_look * l = &a->look;
	char what[100];

	if (l->unclear) {
		give_up(a, "there is one like it, but when that was made cannot "
		    "be read");
	} else if (l->cut) {
		snprintf(what, sizeof(what), "it is not on the %u pages that "
		    "were looked at, and there are more", l->pages);
		give_up(a, what);
	} else {
		not_there(a, l->status);
	}
}

/* All was seen that is looked at. */
static void
judge(struct action * a)
{
	const struct manifest_probe * p = a->act->probe;

	if (json_array_size(a->look.found) == 0)
		none(a);
	/* What is told by when it was made may be another's that we sent. */
	else if (p->is_own || p->since == NULL || !action_ask_twins(a))
		there(a, 0);
}

/* Take those out that are known to be of others; how many of these may have made any
 * of the rest. */
static size_t
take_out(struct action_look * l, const json_t * twins)
{
	const json_t * twin, * v;
	size_t i, k, left = 0;

	json_array_foreach(MUTABLE(twins), i, twin) {
		json_array_foreach(l->found, k, v)
			if (json_is_string(twin) && action_answer_is(v,
			    json_string_value(twin)))
				break;
		if (k < json_array_size(l->found))
			json_array_remove(l->found, k);
		else
			left++;
	}
	return (left);
}

void
action_probe_twins(struct action * a, const json_t * twins,
    const struct err * e)
{
	struct action_look * l = &a->look;
	struct err what;
	size_t others, n;

	if (e != NULL) {
		err_set(&what, e->cls, e->code, "there is one like it, but it is "
		    "not known whether another action made that: %.100s",
		    e->msg);
		give_up(a, what.msg);
		return;
	}
	others = take_out(l, twins);
	n = json_array_size(l->found);
	if (n == 0)
		none(a);
	else if (others == 0)
		there(a, 0);
	else if (n > others)
		/* All are there, and nobody knows whose is which. */
		there(a, n);
	else
		give_up(a, "there is one like it, but an equal action was sent at "
		    "the same time that may have made that");
}

/* What leads to the next page: a text, or a number, in ${num}.  NULL: nothing does, or
 * (${*odd}) what is there cannot be sent. */
static const char *
next_of(const struct manifest_probe * p, const json_t * body, char num[32],
    int * odd)
{
	const json_t * v = p->next != NULL ? action_answer_at(body, p->next) :
	    NULL;

	*odd = 0;
	if (json_is_string(v))
		return (json_string_length(v) > 0 ? json_string_value(v) :
		    NULL);
	if (json_is_integer(v)) {
		snprintf(num, 32, "%lld", (long long)json_integer_value(v));
		return (num);
	}
	*odd = v != NULL && !json_is_null(v) && !json_is_false(v);
	return (NULL);
}

/* Whether there is another page to look at: then it is asked for. */
static int
goes_on(struct action * a, const json_t * body)
{
	const struct manifest_probe * p = a->act->probe;
	struct action_look * l = &a->look;
	char num[32];
	int odd;
	const char * next = next_of(p, body, num, &odd);
	char * copy;

	l->pages++;
	l->cut |= odd;
	if (next == NULL || (p->is_own && json_array_size(l->found) > 0))
		return (0);
	/* The same once more would not end, but nor is it the end. */
	if ((l->next != NULL && strcmp(next, l->next) == 0) ||
	    l->pages >= p->pages || action_left_ms(a) <= 0 ||
	    (copy = strdup(next)) == NULL) {
		l->cut = 1;
		return (0);
	}
	free(l->next);
	l->next = copy;
	a->tries = 0;
	action_begin(a);
	return (1);
}

void
action_probe_answer(struct action * a, int status, const json_t * body)
{
	const struct manifest_probe * p = a->act->probe;
	struct wanted w = { NULL, NULL };
	struct err e;
	int rc = 0;

	a->look.status = status;
	if (body == NULL) {
		judge(a);
		return;
	}
	if (expand(a, p->match, &w.match, &e) == 0 &&
	    expand(a, p->since, &w.since, &e) == 0)
		rc = find(a, &w, body);
	else
		rc = -2;
	json_decref(w.match);
	json_decref(w.since);
	if (rc == -2)
		action_probe_failed(a, &e);
	else if (rc < 0)
		give_up(a, "it was looked for, but the answer holds no records");
	else if (!goes_on(a, body))
		judge(a);
}
