#include <stdint.h>
#include <string.h>

#include "conn/manifest_parts.h"

/* How requests are signed. */

static const char * const kinds[] = { "none", "bearer", "basic", "headers",
    NULL };
enum { AUTH_NONE, AUTH_BEARER, AUTH_BASIC, AUTH_HEADERS };

/* Which kind each key belongs to. */
static const struct {
	const char * key;
	int kind;
} params[] = {
	{ "token", AUTH_BEARER }, { "username", AUTH_BASIC },
	{ "password", AUTH_BASIC }, { "headers", AUTH_HEADERS },
};

static void
read_kind(struct mread * r, const json_t * a)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };
	const json_t * h;
	size_t i;
	int kind;

	if (!mread_is_object(r, a, KEYS_AUTH) ||
	    (kind = mread_word(r, a, "kind", kinds, -1)) < 0)
		return;
	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (params[i].kind != kind &&
		    json_object_get(a, params[i].key) != NULL)
			mread_fault(r, params[i].key, "has no meaning for kind "
			    "%s", kinds[kind]);
	if (kind == AUTH_BEARER)
		mread_template(r, a, "token", 1, &s);
	if (kind == AUTH_BASIC) {
		mread_template(r, a, "username", 1, &s);
		mread_template(r, a, "password", 1, &s);
	}
	if (kind != AUTH_HEADERS)
		return;
	h = mread_params(r, a, "headers", 1, &s);
	if (json_object_get(a, "headers") == NULL ||
	    (h != NULL && json_object_size(h) == 0))
		mread_fault(r, "headers", "must have at least one header");
}

/* The names that a choice may find, if it looks at a variant's type. */
static const json_t *
variants_of(const struct mread * r, const char * choose)
{
	const char * p, * end;
	char key[80];
	size_t n;

	if (choose == NULL || strncmp(choose, "{{config.", 9) != 0)
		return (NULL);
	p = choose + 9;
	if ((end = strstr(p, ".type}}")) == NULL || end[7] != '\0' ||
	    (n = (size_t)(end - p)) >= sizeof(key))
		return (NULL);
	memcpy(key, p, n);
	key[n] = '\0';
	return (json_object_get(json_object_get(r->m->config, key),
	    "variants"));
}

const json_t *
manifest_auth_read(struct mread * r, const json_t * o)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };
	const json_t * auth = json_object_get(o, "auth"), * v, * variants;
	const char * key, * choose;
	size_t at, sub;

	if (auth == NULL)
		return (NULL);
	at = mread_enter(r, "auth");
	if (json_object_get(auth, "choose") == NULL) {
		read_kind(r, auth);
		mread_leave(r, at);
		return (auth);
	}
	choose = mread_template(r, auth, "choose", 1, &s);
	variants = variants_of(r, choose);
	json_object_foreach((json_t *)(uintptr_t)auth, key, v) {
		if (strcmp(key, "choose") == 0)
			continue;
		sub = mread_enter(r, key);
		read_kind(r, v);
		if (variants != NULL && json_object_get(variants, key) == NULL)
			mread_fault(r, NULL, "is no variant of what is chosen "
			    "by");
		mread_leave(r, sub);
	}
	json_object_foreach((json_t *)(uintptr_t)variants, key, v)
		if (json_object_get(auth, key) == NULL)
			mread_fault(r, key, "is missing: the config can choose "
			    "it");
	mread_leave(r, at);
	return (auth);
}
