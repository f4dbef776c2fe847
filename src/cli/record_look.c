#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/record.h"

#define MAX_PLACES 200
#define MAX_SHOWN 20
#define PATH_BYTES 256
#define MAX_DEPTH 40

/* The places that were found, each once. */
struct look {
	json_t * places; /* path -> why */
	char path[PATH_BYTES];
};

/* Words of which a member's name is made that often has a person's own. */
static const char * const personal[] = { "email", "mail", "name", "given",
    "family", "firstname", "lastname", "login", "user", "username", "author",
    "phone", "mobile", "address", "street", "birthday", "ip", "avatar", NULL };
static const char * const secret[] = { "token", "secret", "password", "passwd",
    "apikey", "key", "credential", "credentials", NULL };

/* Whether ${key} is one of ${words}, or ends in one after _ or -. */
static int
is_of(const char * const * words, const char * key)
{
	size_t i, n, len = strlen(key);

	for (i = 0; words[i] != NULL; i++) {
		n = strlen(words[i]);
		if (len < n || strcasecmp(key + len - n, words[i]) != 0)
			continue;
		if (len == n || strchr("_-.", key[len - n - 1]) != NULL)
			return (1);
	}
	return (0);
}

static int
is_email(const char * s)
{
	const char * at = strchr(s, '@');

	return (at != NULL && at > s && strchr(at, '.') != NULL);
}

static void
note(struct look * l, const char * why)
{
	if (json_object_size(l->places) < MAX_PLACES &&
	    json_object_get(l->places, l->path) == NULL)
		json_object_set_new(l->places, l->path, json_string(why));
}

static void
walk(struct look * l, const json_t * v, const char * key, int depth)
{
	size_t at = strlen(l->path), i;
	const char * k;
	json_t * x;

	if (depth > MAX_DEPTH)
		return;
	if (json_is_string(v) && json_string_length(v) > 0) {
		if (is_email(json_string_value(v)))
			note(l, "an e-mail address");
		else if (is_of(personal, key))
			note(l, "a person's?");
		else if (is_of(secret, key))
			note(l, "a secret?");
	}
	json_array_foreach((json_t *)(uintptr_t)v, i, x) {
		snprintf(l->path + at, sizeof(l->path) - at, "[*]");
		walk(l, x, key, depth + 1);
	}
	json_object_foreach((json_t *)(uintptr_t)v, k, x) {
		snprintf(l->path + at, sizeof(l->path) - at, "%s%.60s",
		    at > 0 ? "." : "", k);
		walk(l, x, k, depth + 1);
	}
	l->path[at] = '\0';
}

void
record_look(const json_t * fx)
{
	struct look l = { .places = json_object() };
	const json_t * config = json_object_get(fx, "config");
	const char * k;
	json_t * x, * v;
	size_t i, n = 0;

	/* Secrets of the config are out, and its names are no people's. */
	json_object_foreach((json_t *)(uintptr_t)config, k, v)
		if (json_is_string(v) && is_email(json_string_value(v))) {
			snprintf(l.path, sizeof(l.path), "config.%.60s", k);
			note(&l, "an e-mail address");
		}
	l.path[0] = '\0';
	json_array_foreach(json_object_get(fx, "exchanges"), i, x)
		walk(&l, json_object_get(json_object_get(x, "response"),
		    "body"), "", 0);
	if (json_object_size(l.places) == 0)
		printf("look it over before you give it away: it is what the "
		    "service said\n");
	else
		printf("look these over before you give it away:\n");
	json_object_foreach(l.places, k, v) {
		if (n++ == MAX_SHOWN)
			break;
		printf("  %s (%s)\n", k, json_string_value(v));
	}
	if (json_object_size(l.places) > MAX_SHOWN)
		printf("  and %zu more\n", json_object_size(l.places) -
		    MAX_SHOWN);
	json_decref(l.places);
}
