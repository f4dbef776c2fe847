#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "manifest/manifest_parts.h"

/*
 * Mistakes that the format cannot forbid: each of these has cost somebody rows,
 * or a night.  Few, so that they are read.
 */

static const json_t *
entity_doc(const struct mread * r, const struct manifest_entity * ent)
{
	return (json_object_get(json_object_get(r->m->doc, "entities"),
	    ent->name));
}

static void
check_columns(struct mread * r, const struct manifest_entity * ent)
{
	const char * first = NULL;
	size_t i, n = 0, nkey = 0;

	for (i = 0; i < ent->ncolumns; i++) {
		nkey += ent->columns[i].is_key != 0;
		if (ent->columns[i].description != NULL)
			continue;
		n++;
		if (first == NULL)
			first = ent->columns[i].name;
	}
	if (n > 0 && !ent->hidden)
		mread_warn(r, "columns", "%zu %s no description (%s%s)", n,
		    n == 1 ? "has" : "have", first, n > 1 ? ", ..." : "");
	if (nkey == 0 && ent->decode != DECODE_OPENMETRICS &&
	    ent->nlists > 0)
		mread_warn(r, "key", "is missing: a sync run twice would "
		    "store its rows twice");
}

/* Unsigned where the manifest's credentials would be another host's. */
static void
lint_auth(struct mread * r, const struct manifest_action * act)
{
	if (act->url != NULL && *act->url != '/' && act->auth == NULL &&
	    r->m->base_url != NULL && r->m->auth != NULL)
		mread_warn(r, "auth", "is missing: the url is not base_url's, "
		    "so the action is not signed; say how it is, or "
		    "{\"kind\": \"none\"}");
}

/* What was there before is not what was done. */
static void
lint_probe(struct mread * r, const struct manifest_action * act)
{
	const struct manifest_probe * p = act->probe;
	size_t at;

	if (p == NULL)
		return;
	at = mread_enter(r, "probe");
	if (p->match == NULL && p->since == NULL)
		mread_warn(r, NULL, "has neither match nor since: whatever is "
		    "there, of whoever, is taken for what was done");
	mread_leave(r, at);
}

static void
lint_entity(struct mread * r, const struct manifest_entity * ent)
{
	const json_t * lists = json_object_get(entity_doc(r, ent), "lists");
	size_t i, at, sub;

	check_columns(r, ent);
	at = mread_enter(r, "lists");
	for (i = 0; i < ent->nlists; i++) {
		sub = mread_enter_index(r, i);
		manifest_lint_list(r, ent, &ent->lists[i], json_array_get(lists,
		    i));
		mread_leave(r, sub);
	}
	mread_leave(r, at);
	at = mread_enter(r, "actions");
	for (i = 0; i < ent->nactions; i++) {
		sub = mread_enter(r, ent->actions[i].name);
		/* Where all is told by forms, POST says nothing. */
		if (ent->actions[i].safe_to_retry && !r->m->form_numbered &&
		    strcmp(ent->actions[i].method, "POST") == 0)
			mread_warn(r, "safe_to_retry", "with POST: sent twice "
			    "it does it twice, unless the service is known to "
			    "see that");
		lint_auth(r, &ent->actions[i]);
		lint_probe(r, &ent->actions[i]);
		mread_leave(r, sub);
	}
	mread_leave(r, at);
	manifest_lint_decode(r, ent);
}

/* "retry-after", "reset-after", "reset-in": how long, not when.  RateLimit-Reset
 * tells nothing: the standard's is in seconds from now, GitLab's is a moment. */
static int
is_duration(const char * header)
{
	size_t n = strlen(header);

	return (strcasestr(header, "after") != NULL ||
	    (n > 3 && strcasecmp(header + n - 3, "-in") == 0));
}

/* The unit of the header that tells when ${l}, read of ${v}, is full again. */
static void
lint_reset(struct mread * r, const struct manifest_limits * l, const json_t * v)
{
	size_t at;

	if (l->reset == NULL)
		return;
	at = mread_enter(r, "headers");
	if (json_object_get(json_object_get(v, "headers"), "reset_unit") ==
	    NULL)
		mread_warn(r, "reset_unit", "is missing: %s is taken for "
		    "seconds from now", l->reset);
	else if (is_duration(l->reset) && (l->unit == RESET_EPOCH_S ||
	    l->unit == RESET_EPOCH_MS || l->unit == RESET_EPOCH_US))
		mread_warn(r, "reset_unit", "%s sounds like seconds from now, "
		    "not like a moment", l->reset);
	mread_leave(r, at);
}

/* The buckets that some call takes of. */
static unsigned
used_buckets(const struct manifest * m)
{
	unsigned bits = m->every_bucket | m->test_toll.buckets;
	const struct manifest_entity * ent;
	size_t i, k;

	for (i = 0; i < m->nentities; i++) {
		ent = &m->entities[i];
		for (k = 0; k < ent->nlists; k++)
			bits |= ent->lists[k].toll.buckets;
		for (k = 0; k < ent->nactions; k++)
			bits |= ent->actions[k].toll.buckets;
	}
	return (bits);
}

static void
lint_limits(struct mread * r)
{
	const json_t * v = json_object_get(r->m->doc, "limits"), * b;
	unsigned used = used_buckets(r->m);
	size_t at, sub, in, i;

	at = mread_enter(r, "limits");
	lint_reset(r, &r->m->limits, v);
	sub = mread_enter(r, "buckets");
	b = json_object_get(v, "buckets");
	for (i = 0; i < r->m->nbuckets; i++) {
		in = mread_enter(r, r->m->buckets[i].name);
		lint_reset(r, &r->m->buckets[i], json_object_get(b,
		    r->m->buckets[i].name));
		if (!(used & 1U << i))
			mread_warn(r, NULL, "no list and no action takes of "
			    "it: name it as their bucket, or say every");
		mread_leave(r, in);
	}
	mread_leave(r, sub);
	mread_leave(r, at);
}

/* A rule that asks for narrower windows, and no list has any. */
static void
check_windows(struct mread * r)
{
	const struct manifest * m = r->m;
	size_t i, k, at;
	int any = 0;

	for (i = 0; i < m->nentities; i++)
		for (k = 0; k < m->entities[i].nlists; k++)
			any |= m->entities[i].lists[k].split > 0;
	for (i = 0; i < m->nerrors && !any; i++)
		if (m->errors[i].what == DO_SPLIT_WINDOW) {
			at = mread_enter_index(r, i);
			mread_warn(r, "do", "is split_window, but no list has "
			    "a split: it is an error like any other");
			mread_leave(r, at);
		}
}

static void
lint_errors(struct mread * r)
{
	const struct manifest_error * x;
	size_t i, at;

	at = mread_enter(r, "errors");
	check_windows(r);
	for (i = 0; i + 1 < r->m->nerrors; i++) {
		x = &r->m->errors[i];
		if (x->status == NULL && x->headers == NULL &&
		    x->path == NULL && x->contains == NULL) {
			mread_enter_index(r, i);
			mread_warn(r, NULL, "matches every failure: the rules "
			    "after it are never looked at");
			break;
		}
	}
	mread_leave(r, at);
}

static void
lint_test(struct mread * r)
{
	const struct manifest * m = r->m;
	const struct manifest_entity * ent;
	const struct manifest_list * list;
	const json_t * x;
	size_t i, k;
	int c;

	if (m->test_entity == NULL && m->test_url == NULL)
		mread_warn(r, "test", "is missing: TEST CONNECTOR cannot tell "
		    "whether it works");
	if (m->test_entity == NULL)
		return;
	ent = manifest_entity(m, m->test_entity);
	for (i = 0; i < ent->nlists; i++) {
		list = &ent->lists[i];
		json_array_foreach((json_t *)(uintptr_t)list->needs, k, x) {
			c = manifest_column(ent, json_string_value(x));
			if (ent->columns[c].dflt == NULL)
				break;
		}
		if (k == json_array_size(list->needs))
			return;
	}
	mread_warn(r, "test", "every list of %s needs an input that has no "
	    "default: nobody tells it in a test", ent->name);
}

static void
lint_fixtures(struct mread * r, const char * file)
{
	const char * slash = strrchr(file, '/');
	size_t n = slash != NULL ? (size_t)(slash - file) + 1 : 0;
	char path[4096];
	glob_t g;

	/* Only of a type in its folder. */
	if (strcmp(file + n, "manifest.json") != 0 || n > 4000)
		return;
	snprintf(path, sizeof(path), "%.*sfixtures/*.json", (int)n, file);
	if (glob(path, GLOB_NOSORT, NULL, &g) != 0)
		mread_warn(r, NULL, "has no fixtures/*.json: nothing shows "
		    "that it still does what it did");
	else
		globfree(&g);
}

void
manifest_lint(struct mread * r, const char * file)
{
	size_t i, at, sub;

	lint_limits(r);
	lint_errors(r);
	at = mread_enter(r, "entities");
	for (i = 0; i < r->m->nentities; i++) {
		sub = mread_enter(r, r->m->entities[i].name);
		lint_entity(r, &r->m->entities[i]);
		mread_leave(r, sub);
	}
	mread_leave(r, at);
	lint_test(r);
	lint_fixtures(r, file);
}
