#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/literals.h"
#include "run/runner_internal.h"

/* What connectors have to do with the store of secrets. */

/* With several daemons one that nothing refers to may be of a connector that
 * another is just making. */
#define ORPHAN_MS ((int64_t)3600 * 1000)
#define MAX_LISTED 400

struct secret_store *
runner_secret_store(const struct runner * r)
{
	return (r->secret_store);
}

/* Whether a connector's configuration refers to {{secrets.NAME}}. */
static int
uses(const char * config, const char * name)
{
	const char * p = config;
	size_t n = strlen(name);

	while ((p = strstr(p, "secrets.")) != NULL) {
		p += 8;
		if (strncmp(p, name, n) == 0 && (p[n] == '}' || p[n] == ' '))
			return (1);
	}
	return (0);
}

size_t
runner_secret_users(const struct runner * r, const char * name, struct buf * b)
{
	size_t i, n = 0;

	for (i = 0; i < r->n; i++) {
		if (!uses(r->sorted[i]->c->config, name))
			continue;
		n++;
		if (b->len < MAX_LISTED)
			buf_addf(b, "%s%s", b->len > 0 ? ", " : "",
			    r->sorted[i]->c->name);
	}
	return (n);
}

static void
warn_users(const struct runner * r, const char * name)
{
	struct buf b = BUF_INIT(0);
	size_t n = runner_secret_users(r, name, &b);

	if (n > 0)
		log_event(LOG_WARN, "secret_in_use", LOG_S("secret", name),
		    LOG_I("connectors", n), LOG_S("names", b.p),
		    LOG_S("hint", "it is deleted: they cannot sign in any "
		    "more"));
	buf_free(&b);
}

void
runner_secret_drop(struct runner * r, const char * name,
    secret_store_cb * cb, void * arg)
{
	if (secrets_sealed(r->secrets, name) != NULL)
		warn_users(r, name);
	secret_store_del(r->secret_store, name, cb, arg);
}

struct orphans {
	json_t * used;
	json_t * found;
	int64_t before;
};

static void
on_sealed(void * arg, const char * name, const char * sealed)
{
	struct orphans * o = arg;
	const char * at = strrchr(name, '~');

	(void)sealed;
	/* The key's check has no second "~". */
	if (*name == '~' && at != name &&
	    strtoll(at + 1, NULL, 10) <= o->before &&
	    json_object_get(o->used, name) == NULL)
		json_object_set_new(o->found, name, json_true());
}

void
runner_sweep_literals(struct runner * r)
{
	int shared = strcmp(r->state->ops->name, "sqlite") != 0;
	struct orphans o = { json_object(), json_object(),
	    clock_wall_ms() - (shared ? ORPHAN_MS : 0) };
	const char * name;
	json_t * v;
	size_t i;

	if (r->secret_store != NULL && o.used != NULL && o.found != NULL) {
		for (i = 0; i < r->n; i++)
			literals_used(r->sorted[i]->c->config, o.used);
		secrets_each(r->secrets, on_sealed, &o);
		json_object_foreach(o.found, name, v)
			secret_store_del_hidden(r->secret_store, name);
	}
	json_decref(o.used);
	json_decref(o.found);
}
