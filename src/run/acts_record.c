#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "conn/action_answer.h"
#include "run/acts.h"

/* What is written down of an action. */

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define TEXT_MAX 200    /* longer texts are cut to ... */
#define TEXT_KEPT 120
#define TREE_MAX 2000   /* and what is larger as a whole is not kept */
#define ALL_MAX 16000
#define DEPTH_MAX 8
#define HIDDEN "***"
#define KEY_MAX 24
#define SCRUB_MIN 6     /* shorter texts are too common to be looked for */

/* Keys whose values are nobody's business. */
static int
is_secret_key(const char * key)
{
	static const char * const words[] = { "pass", "pwd", "secret", "token",
	    "api_key", "apikey", "private_key", "access_key", "routing_key",
	    "integration_key", "credential", "authorization", "signature",
	    "cookie" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(key, words[i]) != NULL)
			return (1);
	return (0);
}

/* Variables of programs: their names tell nothing of what they hold. */
static int
holds_variables(const char * key)
{
	static const char * const names[] = { "variables", "environment", "env",
	    "environment_variables", "headers" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(key, names[i]) == 0)
			return (1);
	return (0);
}

/* As scheme://name:password@host. */
static int
has_login(const char * s)
{
	const char * at, * name;

	while ((s = strstr(s, "://")) != NULL) {
		s += 3;
		name = s;
		at = s + strcspn(s, "@/ \t\r\n\"'<>");
		if (*at == '@' && memchr(name, ':', (size_t)(at - name)) != NULL)
			return (1);
	}
	return (0);
}

/* Values that look like what opens doors. */
static int
is_secret_text(const char * s)
{
	static const char * const begins[] = { "Basic ", "AKIA", "ASIA", "sk-",
	    "eyJ" };
	static const char * const holds[] = { "-----BEGIN ", "Bearer ", "ghp_",
	    "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-",
	    "sk_live_", "hvs.", "dt0c01.", "glsa_",
	    "hooks.slack.com/services/" };
	size_t i;

	for (i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncmp(s, begins[i], strlen(begins[i])) == 0)
			return (1);
	for (i = 0; i < sizeof(holds) / sizeof(holds[0]); i++)
		if (strstr(s, holds[i]) != NULL)
			return (1);
	return (has_login(s));
}

/* Take ${s} out of what is said of ${e}, too. */
static void
scrub_text(const char * s, struct err * e)
{
	size_t n = strlen(s), nhidden = strlen(HIDDEN);
	char * p = e->msg;

	if (n < SCRUB_MIN)
		return;
	while ((p = strstr(p, s)) != NULL) {
		memmove(p + nhidden, p + n, strlen(p + n) + 1);
		memcpy(p, HIDDEN, nhidden);
		p += nhidden;
	}
}

/* What stands for ${v}, which nobody is to see. */
static json_t *
hidden(const json_t * v, struct err * e)
{
	const json_t * x;
	const char * k;
	size_t i;

	if (e != NULL && json_is_string(v))
		scrub_text(json_string_value(v), e);
	json_array_foreach(MUTABLE(v), i, x)
		if (e != NULL)
			json_decref(hidden(x, e));
	json_object_foreach(MUTABLE(v), k, x)
		if (e != NULL)
			json_decref(hidden(x, e));
	return (json_string(HIDDEN));
}

/* ${s} cut, with what tells whether another is the same. */
static json_t *
cut(const char * s, size_t n)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	size_t keep = n < TEXT_KEPT ? n : TEXT_KEPT;
	unsigned len = 0;

	while (keep > 0 && keep < n && ((unsigned char)s[keep] & 0xc0) == 0x80)
		keep--;
	if (!EVP_Digest(s, n, md, &len, EVP_sha256(), NULL) || len < 6)
		return (NULL);
	return (json_sprintf("%.*s... (%zu bytes, sha256 %02x%02x%02x%02x%02x"
	    "%02x)", (int)keep, s, n, md[0], md[1], md[2], md[3], md[4],
	    md[5]));
}

/* Where a value stands. */
struct place {
	int depth;
	int in_variables;
	struct err * e;  /* to be scrubbed, or NULL */
};

static json_t * plain(const json_t * v, struct place at);

static int
is_tree(const json_t * v)
{
	return (json_is_object(v) || json_is_array(v));
}

static json_t *
member(const char * key, const json_t * v, struct place at)
{
	int is_name = strcasecmp(key, "key") == 0 ||
	    strcasecmp(key, "name") == 0;

	if (is_secret_key(key) || (at.in_variables && !is_name && !is_tree(v)))
		return (hidden(v, at.e));
	at.in_variables |= holds_variables(key);
	return (plain(v, at));
}

static json_t *
plain_tree(const json_t * v, struct place at)
{
	json_t * out = json_is_array(v) ? json_array() : json_object(), * x;
	const char * k;
	size_t i;
	int bad = 0;

	at.depth++;
	json_array_foreach(v, i, x)
		bad |= json_array_append_new(out, at.in_variables &&
		    !is_tree(x) ? hidden(x, at.e) : plain(x, at));
	json_object_foreach(MUTABLE(v), k, x)
		bad |= json_object_set_new(out, k, member(k, x, at));
	if (bad) {
		json_decref(out);
		return (NULL);
	}
	return (out);
}

/* A text that is JSON: as what it says. */
static json_t *
plain_text(const char * s, size_t n, struct place at)
{
	json_t * v = at.depth < DEPTH_MAX && (*s == '{' || *s == '[') ?
	    json_loadb(s, n, 0, NULL) : NULL, * out;

	if (v == NULL)
		return (is_secret_text(s) || strlen(s) != n ? json_string(HIDDEN)
		    : n > TEXT_MAX ? cut(s, n) : json_stringn(s, n));
	out = plain_tree(v, at);
	json_decref(v);
	return (out);
}

static json_t *
plain(const json_t * v, struct place at)
{
	if (json_is_string(v))
		return (plain_text(json_string_value(v), json_string_length(v),
		    at));
	if (is_tree(v))
		return (at.depth >= DEPTH_MAX ? json_string("...") :
		    plain_tree(v, at));
	return (json_deep_copy(MUTABLE(v)));
}

json_t *
acts_record_args(const json_t * args, struct err * e)
{
	json_t * out = json_object(), * v, * x;
	size_t all = 0, n;
	const char * k;
	char * text;

	json_object_foreach(MUTABLE(args), k, v) {
		x = member(k, v, (struct place){ .e = e });
		text = x != NULL ? json_dumps(x, JSON_ENCODE_ANY |
		    JSON_COMPACT) : NULL;
		n = text != NULL ? strlen(text) : 0;
		if (n > TREE_MAX) {
			json_decref(x);
			x = cut(text, n);
		}
		all += n > TREE_MAX ? TEXT_MAX : n;
		free(text);
		if (all > ALL_MAX) {
			json_decref(x);
			x = json_string("...");
		}
		if (x == NULL || json_object_set_new(out, k, x)) {
			json_decref(out);
			return (NULL);
		}
	}
	return (out);
}

const char *
acts_record_outcome(enum action_outcome what)
{
	switch (what) {
	case OUTCOME_UNSENT:
		return ("not sent");
	case OUTCOME_DONE:
		return ("done");
	case OUTCOME_SEEN:
		return ("done (seen)");
	case OUTCOME_FAILED:
		return ("failed");
	case OUTCOME_OPEN:
		return ("ambiguous");
	case OUTCOME_ACCEPTED:
		return ("accepted");
	}
	return ("?");
}

/* What the service calls it; a new reference or NULL. */
static json_t *
name_of(const json_t * answer)
{
	const json_t * v = answer;
	size_t i;

	for (i = 0; json_is_object(answer) && action_answer_keys[i] != NULL;
	    i++) {
		v = json_object_get(answer, action_answer_keys[i]);
		if (json_is_string(v) || json_is_integer(v))
			break;
	}
	/* A key of "ABC-12", but none that opens doors. */
	if (i == 0 && json_string_length(v) > KEY_MAX)
		v = json_object_get(answer, "id");
	if (json_is_integer(v))
		return (json_sprintf("%lld",
		    (long long)json_integer_value(v)));
	return (json_is_string(v) && json_string_length(v) > 0 &&
	    json_string_length(v) < 128 && !is_secret_text(
	    json_string_value(v)) ? json_incref(MUTABLE(v)) : NULL);
}

json_t *
acts_record_end(const struct action_end * end, const json_t * answer,
    const struct err * e, int64_t ms)
{
	char at[RFC3339_LEN];
	json_t * v, * name = e == NULL ? name_of(answer) : NULL;

	rfc3339_format(clock_wall_ms(), at);
	v = json_pack("{s:s, s:i, s:I, s:I, s:s}", "state",
	    acts_record_outcome(end->what), "status", end->status, "attempts",
	    (json_int_t)end->attempts, "ms", (json_int_t)ms, "ended_at", at);
	if (v == NULL || (name != NULL && json_object_set(v, "result", name)) ||
	    (e != NULL && (json_object_set_new(v, "class", json_string(
	    err_class_name(e->cls))) || json_object_set_new(v, "code",
	    json_string(e->code)) || json_object_set_new(v, "message",
	    json_string(e->msg))))) {
		json_decref(v);
		v = NULL;
	}
	json_decref(name);
	return (v);
}

void
acts_record_show(json_t * v, const char * node, const char * run,
    int64_t now_ms)
{
	const char * state = json_str(v, "state"), * of = json_str(v, "node");
	const char * by = json_str(v, "run"), * word = state;
	int ours = of != NULL && strcmp(of, node) == 0;

	if (state != NULL && (strcmp(state, "intent") == 0 ||
	    strcmp(state, "sent") == 0)) {
		/* Whoever began it is gone. */
		word = now_ms > json_int(v, "until_ms", 0) || (ours &&
		    (by == NULL || strcmp(by, run) != 0)) ? "unknown" :
		    "under way";
		if (strcmp(word, "unknown") == 0 &&
		    json_object_get(v, "message") == NULL)
			json_object_set_new(v, "message", json_string(
			    strcmp(state, "sent") == 0 ? "the daemon ended "
			    "before the service answered, or could not write "
			    "that down: look there" :
			    "the daemon ended before it was sent, or just "
			    "after"));
	}
	json_object_set_new(v, "outcome", json_string(word ? word : "unknown"));
	json_object_del(v, "state");
	json_object_del(v, "run");
	json_object_del(v, "until_ms");
}
