#include "cli/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/exit_code.h"
#include "cli/fixture.h"
#include "cli/interrupt.h"
#include "cli/manifest_file.h"
#include "cli/record_peer.h"
#include "conn/token.h"

#define LARGE ((size_t)256 << 10)

struct record {
	struct screen * scr;
	const struct record_opts * o;
	struct manifest * m;
	json_t * fx;
	struct record_scrub scrub;
	json_t * heard;      /* what the service answered, in order */
	json_t * responses;  /* what is kept of that */
	size_t ncut;         /* records left out */
	int failed;          /* and it was asked in vain: */
	struct err err;
	char file[MANIFEST_FILE_PATH];
};

/* A dry run, and what came of it. */
struct tried {
	json_t * requests;
	json_t * got;
	size_t next;
	int beyond, failed;
	struct err err;
};

static void
tried_free(struct tried * t)
{
	json_decref(t->requests);
	json_decref(t->got);
	memset(t, 0, sizeof(*t));
}

static int
complain(struct record * r, const struct err * e)
{
	static const char * const away[] = { "connect", "resolve", "timeout",
	    "recv", "tls", NULL };
	size_t i;

	screen_complain(r->scr, "%s%s", e->msg, strcmp(e->code,
	    "bad_config") == 0 ? "; give it as --set KEY=VALUE, a secret as "
	    "--set KEY='$env:NAME'" : "");
	if (interrupt_seen())
		return (EXIT_CODE_INTERRUPTED);
	if (strcmp(e->code, "usage") == 0)
		return (EXIT_CODE_USAGE);
	if (strcmp(e->code, "token") == 0 && e->cls == ERR_TRANSIENT)
		return (EXIT_CODE_UNREACHABLE);
	for (i = 0; away[i] != NULL && json_array_size(r->heard) == 0; i++)
		if (strcmp(away[i], e->code) == 0)
			return (EXIT_CODE_UNREACHABLE);
	return (EXIT_CODE_FAILED);
}

/* ---- the service ---- */

/* Where the token said that the service is, and that it was refused and another took
 * its place, is what the fixture's token says. */
static void
keep_token(struct record * r, const struct fixture_run * run)
{
	const char * base = r->m->is_base_of_token && run->c != NULL ?
	    run->c->token_base : NULL;
	json_t * anew = run->env.tokens != NULL &&
	    tokens_refusals(run->env.tokens) > 0 ? json_true() : NULL;

	if (base != NULL || anew != NULL)
		json_object_set_new(r->fx, "token", json_pack(
		    "{s:s, s:s*, s:o*}", "token", "fixture-token", "base_url",
		    base, "anew", anew));
}

static int
ask_service(struct record * r, struct err * e)
{
	struct buf why = BUF_INIT(1 << 20);
	struct fixture_run run;
	struct record_live live;
	struct fixture_how how = { .play = record_live_play,
	    .play_arg = &live, .live = 1 };
	int rc;

	memset(&live, 0, sizeof(live));
	memset(&run, 0, sizeof(run));
	live.run = &run;
	live.scrub = &r->scrub;
	live.scr = r->scr;
	if ((rc = record_live_open(&live, e)) == 0) {
		if (fixture_begin(&run, r->m, r->fx, &how, &why)) {
			*e = run.err;
			rc = -1;
		} else if (fixture_act(&run)) {
			r->failed = 1;
			r->err = run.err;
		}
		keep_token(r, &run);
		r->heard = json_incref(live.responses);
		fixture_end(&run);
	}
	record_live_close(&live);
	buf_free(&why);
	screen_clear_progress(r->scr);
	return (rc);
}

/* ---- the same again, without it ---- */

static void
dry_run(const struct record * r, const json_t * responses, struct tried * t)
{
	struct buf why = BUF_INIT(1 << 20);
	struct record_dry dry = { .responses = responses,
	    .requests = json_array() };
	struct fixture_how how = { .play = record_dry_play, .play_arg = &dry };
	struct fixture_run run;

	memset(t, 0, sizeof(*t));
	t->failed = fixture_begin(&run, r->m, r->fx, &how, &why) ||
	    fixture_act(&run);
	t->err = run.err;
	t->got = json_incref(run.got);
	fixture_end(&run);
	record_dry_forget(&dry);
	buf_free(&why);
	t->requests = dry.requests;
	t->next = dry.next;
	t->beyond = dry.beyond;
}

/* Whether it went as it did with the service. */
static int
is_same(const struct record * r, const json_t * responses,
    const struct tried * t)
{
	if (t->beyond || t->next != json_array_size(responses) ||
	    t->failed != r->failed)
		return (0);
	return (!t->failed || (t->err.cls == r->err.cls &&
	    strcmp(t->err.code, r->err.code) == 0));
}

/* Without the answers after which it was only asked again. */
static json_t *
without_retries(const struct record * r)
{
	json_t * out = json_array(), * one;
	json_int_t status;
	size_t i;

	json_array_foreach(r->heard, i, one) {
		status = json_int(one, "status", 200);
		if (r->failed || (status != 429 && status < 500))
			json_array_append(out, one);
	}
	return (out);
}

/*
 * Pages cut to a few records, if it still pages the same way: where paging counts
 * them it does not, and they stay whole.  A LIMIT that is no longer reached
 * becomes what was.
 */
static int
settle(struct record * r, struct tried * t)
{
	json_t * few = without_retries(r), * limit;
	size_t cut = 0;

	r->responses = r->o->entity != NULL && r->o->rows > 0 ?
	    record_cut(r->m, r->o->entity, few, (size_t)r->o->rows, &cut) :
	    json_incref(few);
	dry_run(r, r->responses, t);
	limit = json_incref(json_object_get(r->fx, "limit"));
	if (!is_same(r, r->responses, t) && cut > 0 && t->beyond &&
	    json_array_size(t->got) > 0) {
		json_object_set_new(r->fx, "limit", json_integer(
		    (json_int_t)json_array_size(t->got)));
		tried_free(t);
		dry_run(r, r->responses, t);
	}
	r->ncut = cut;
	if (!is_same(r, r->responses, t)) {
		json_object_del(r->fx, "limit");
		if (limit != NULL)
			json_object_set(r->fx, "limit", limit);
		json_decref(r->responses);
		r->responses = json_incref(few);
		r->ncut = 0;
		tried_free(t);
		dry_run(r, r->responses, t);
	}
	if (!is_same(r, r->responses, t)) {
		json_decref(r->responses);
		r->responses = json_incref(r->heard);
		tried_free(t);
		dry_run(r, r->responses, t);
	}
	json_decref(limit);
	json_decref(few);
	return (is_same(r, r->responses, t) ? 0 : -1);
}

/* Headers that are others each time are nothing to expect. */
static void
drop_fickle(const struct record * r, struct tried * t)
{
	struct tried again;
	json_t * req, * a, * b, * v;
	const char * name;
	void * next;
	size_t i;

	dry_run(r, r->responses, &again);
	json_array_foreach(t->requests, i, req) {
		a = json_object_get(req, "headers");
		b = json_object_get(json_array_get(again.requests, i),
		    "headers");
		json_object_foreach_safe(a, next, name, v)
			if (!json_equal(v, json_object_get(b, name)))
				json_object_del(a, name);
	}
	tried_free(&again);
}

/* ---- the fixture ---- */

static void
fill_in(struct record * r, const struct tried * t)
{
	json_t * list = json_array(), * req;
	size_t i;

	json_array_foreach(t->requests, i, req)
		json_array_append_new(list, json_pack("{s:O, s:O}", "request",
		    req, "response", json_array_get(r->responses, i)));
	json_object_set_new(r->fx, "exchanges", list);
	if (t->failed)
		json_object_set_new(r->fx, "error", json_pack("{s:s, s:s}",
		    "class", err_class_name(t->err.cls), "code",
		    t->err.code));
	else if (r->o->entity != NULL)
		json_object_set(r->fx, "rows", t->got);
	else if (r->o->action != NULL)
		json_object_set(r->fx, "result", t->got);
}

/* Play what the file will hold; 0, or -1 with what differed. */
static int
prove(const struct record * r, const char * text, struct buf * why)
{
	json_t * fx;
	int rc;

	if (record_scrub_has(&r->scrub, text, strlen(text))) {
		buf_adds(why, "a secret would stand in it");
		return (-1);
	}
	if ((fx = json_loads(text, 0, NULL)) == NULL) {
		buf_adds(why, "out of memory");
		return (-1);
	}
	rc = fixture_play(r->m, fx, why);
	json_decref(fx);
	return (rc);
}

static void
report(const struct record * r, const struct tried * t, size_t len)
{
	size_t n = json_array_size(t->requests);

	printf("wrote %s: %zu request%s", r->file, n, n == 1 ? "" : "s");
	if (t->failed)
		printf(", the error %s %s", err_class_name(t->err.cls),
		    t->err.code);
	else if (r->o->entity != NULL)
		printf(", %zu row%s", json_array_size(t->got),
		    json_array_size(t->got) == 1 ? "" : "s");
	printf("; it plays\n");
	if (r->ncut > 0)
		printf("pages were cut to %lld records (--rows): %zu left out\n",
		    (long long)r->o->rows, r->ncut);
	printf("secrets: %zu known, taken out of the answers %zu times\n",
	    r->scrub.nvalues, r->scrub.found);
	if (r->o->entity != NULL && !t->failed && json_array_size(t->got) == 0)
		printf("there are no rows: it proves little; ask for others?\n");
	if (r->scrub.has_short)
		printf("a secret of less than 6 bytes was taken out only where it "
		    "stood alone\n");
	if (len > LARGE)
		printf("it is large, %zu KiB: ask for less with --limit, --rows, "
		    "--columns or --where\n", len >> 10);
	record_look(r->fx);
}

static int
make_fixture(struct record * r)
{
	struct buf why = BUF_INIT(1 << 20);
	struct tried t;
	struct err e;
	char * text = NULL;
	int rc = EXIT_CODE_FAILED;

	if (settle(r, &t)) {
		screen_complain(r->scr, "what the service answered does not "
		    "lead to the same again: %s", t.failed ? t.err.msg :
		    "other requests were sent");
		tried_free(&t);
		return (rc);
	}
	drop_fickle(r, &t);
	fill_in(r, &t);
	text = record_text(r->fx);
	if (text == NULL || r->scrub.failed)
		screen_complain(r->scr, "out of memory");
	else if (prove(r, text, &why))
		screen_complain(r->scr, "nothing was written, for the fixture "
		    "does not play: %s", why.p != NULL ? why.p : "?");
	else if (manifest_file_write(r->file, text, strlen(text), r->o->force,
	    &e))
		screen_complain(r->scr, "%s", e.msg);
	else
		rc = EXIT_CODE_DONE;
	if (rc == EXIT_CODE_DONE)
		report(r, &t, strlen(text));
	free(text);
	buf_free(&why);
	tried_free(&t);
	return (rc);
}

/* ---- all of it ---- */

static int
name_file(struct record * r, struct err * e)
{
	const struct record_opts * o = r->o;
	char folder[MANIFEST_FILE_PATH];
	struct stat st;
	size_t n;

	if (o->out != NULL) {
		n = (size_t)snprintf(r->file, sizeof(r->file), "%s", o->out);
	} else {
		n = (size_t)snprintf(folder, sizeof(folder), "%s/fixtures",
		    o->dir);
		if (n < sizeof(folder))
			mkdir(folder, 0777); /* writing says what is wrong */
		n = (size_t)snprintf(r->file, sizeof(r->file),
		    "%s/fixtures/%s.json", o->dir, o->entity != NULL ?
		    o->entity : o->action != NULL ? o->action : "test");
	}
	if (n >= sizeof(r->file))
		return (err_set(e, ERR_CONFIG, "file", "the name is too long"));
	if (!o->force && stat(r->file, &st) == 0)
		return (err_set(e, ERR_CONFIG, "exists", "%s is there already; "
		    "name another with -o, or say --force", r->file));
	return (manifest_file_try(r->file, o->force, e));
}

/* What was done cannot be undone: what would keep the fixture from being
 * written is looked for before. */
static int
look_for_secrets(struct record * r, struct err * e)
{
	char * text = record_text(r->fx);
	int rc = 0;

	record_secrets(json_object_get(r->fx, "config"), &r->scrub);
	if (text == NULL || r->scrub.failed)
		rc = err_nomem(e, "the fixture");
	else if (record_scrub_has(&r->scrub, text, strlen(text)))
		rc = err_set(e, ERR_CONFIG, "record", "a secret stands in what "
		    "is asked (--args, --where, --set or --description) and "
		    "would stand in the fixture: nobody was asked");
	free(text);
	return (rc);
}

static int
work(struct record * r)
{
	struct err e;

	if (name_file(r, &e) || (r->fx = record_ask(r->o, r->m, &e)) == NULL ||
	    look_for_secrets(r, &e) || ask_service(r, &e))
		return (complain(r, &e));
	if (r->failed && (!r->o->fails || json_array_size(r->heard) == 0))
		return (complain(r, &r->err));
	if (!r->failed && r->o->fails) {
		screen_complain(r->scr, "it went well, but --fails was said");
		return (EXIT_CODE_FAILED);
	}
	record_no_secrets(r->fx);
	return (make_fixture(r));
}

int
record_run(struct screen * scr, const struct record_opts * o)
{
	struct record r = { .scr = scr, .o = o };
	char path[MANIFEST_FILE_PATH];
	int rc;

	if ((r.m = manifest_file_load(manifest_file_path(o->dir, path), 0)) ==
	    NULL) {
		fflush(stdout);
		screen_complain(scr, "the manifest has faults: nobody was "
		    "asked");
		return (EXIT_CODE_FAILED);
	}
	rc = work(&r);
	record_scrub_free(&r.scrub);
	json_decref(r.heard);
	json_decref(r.responses);
	json_decref(r.fx);
	manifest_unref(r.m);
	return (rc);
}
