#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "conn/limits_internal.h"
#include "manifest/template.h"

/* Scopes kept; beyond, those nobody used for longest are forgotten. */
#define SCOPES_MAX 20000

void
limits_scope_free(struct limit_scope * s)
{
	HASH_DEL(s->l->scopes, s);
	if (s->ask != NULL)
		s->ask->s = NULL;
	loop_timer_free(s->timer);
	loop_soon_cancel(s->l->loop, &s->soon);
	free(s);
}

static int
is_idle(const struct limit_scope * s)
{
	return (s->nusers == 0 && s->ask == NULL);
}

/* It is kept with the connector; each call asks for it several times. */
static const json_t *
config_of(const struct connector * c)
{
	return (connector_config_parsed((struct connector *)(uintptr_t)c));
}

/* The template that says who shares it; NULL: the connector alone. */
static const char *
scope_of(const struct connector * c, const struct manifest_limits * b)
{
	return (b->scope != NULL ? b->scope : c->m->limits.scope);
}

/* The key of who shares ${c}'s budget. */
static void
scope_key(const struct connector * c, const struct manifest_limits * l,
    char key[LIMIT_KEY_MAX])
{
	struct template_env env = { .schema = c->m->config };
	struct buf b = BUF_INIT(LIMIT_KEY_MAX);
	const char * scope = scope_of(c, l);

	if (scope != NULL)
		env.config = config_of(c);
	if (env.config != NULL && buf_addf(&b, "%s:", c->m->type) == 0 &&
	    template_expand(scope, &env, QUOTE_NONE, &b, NULL) == 0)
		snprintf(key, LIMIT_KEY_MAX, "%.*s", LIMIT_KEY_MAX - 80, b.p);
	else
		snprintf(key, LIMIT_KEY_MAX, "%.*s", LIMIT_KEY_MAX - 80, c->id);
	buf_free(&b);
}

/* A bucket of it has a key of its own. */
static void
whole_key(const struct connector * c, const struct manifest_limits * l,
    char key[LIMIT_KEY_MAX])
{
	size_t n;

	scope_key(c, l, key);
	n = strlen(key);
	if (l->name != NULL)
		snprintf(key + n, LIMIT_KEY_MAX - n, ":%.64s", l->name);
}

/* As people find it in the shared state: by the host that is asked. */
static void
shared_key(const struct connector * c, const struct manifest_limits * l,
    char out[LIMIT_KEY_MAX])
{
	const struct manifest * m = c->m;
	const struct manifest_entity * ent = m->main ? m->main : m->entities;
	const char * t = m->base_url ? m->base_url :
	    ent->nlists > 0 ? ent->lists[0].url : "", * host;
	struct template_env env = { .schema = m->config };
	struct buf b = BUF_INIT(LIMIT_KEY_MAX);
	char key[LIMIT_KEY_MAX];
	size_t n;

	env.config = config_of(c);
	if (env.config != NULL && m->base_url_or != NULL &&
	    !template_knows(t, &env))
		t = m->base_url_or;
	if (env.config == NULL || template_expand(t, &env, QUOTE_URL, &b, NULL))
		buf_clear(&b);
	host = b.p != NULL ? strstr(b.p, "://") : NULL;
	host = host != NULL ? host + 3 : "";
	if (strchr(host, '@') != NULL)
		host = strchr(host, '@') + 1;
	n = strcspn(host, "/?#");
	scope_key(c, l, key);
	snprintf(out, LIMIT_KEY_MAX, "%.*s:%.180s%s%.64s", n < 250 ? (int)n :
	    250, host, scope_of(c, l) != NULL ? key : c->name, l->name ? ":" :
	    "", l->name ? l->name : "");
	buf_free(&b);
}

struct limit_scope *
limits_scope_find(const struct limits * l, const struct connector * c,
    const struct manifest_limits * b)
{
	char key[LIMIT_KEY_MAX];
	struct limit_scope * s;

	whole_key(c, b, key);
	HASH_FIND(hh, l->scopes, key, strlen(key), s);
	return (s);
}

static void
make_room(struct limits * l)
{
	struct limit_scope * s, * tmp;

	HASH_ITER(hh, l->scopes, s, tmp) {
		if (HASH_COUNT(l->scopes) < SCOPES_MAX)
			return;
		if (is_idle(s))
			limits_scope_free(s);
	}
}

static struct limit_scope *
scope_new(struct limits * l, const struct connector * c,
    const struct manifest_limits * b)
{
	char key[LIMIT_KEY_MAX];
	struct limit_scope * s;
	size_t n;

	if (HASH_COUNT(l->scopes) >= SCOPES_MAX)
		make_room(l);
	whole_key(c, b, key);
	n = strlen(key);
	if ((s = calloc(1, sizeof(*s) + n + 1)) == NULL)
		return (NULL);
	s->l = l;
	s->tail = &s->head;
	memcpy(s->key, key, n);
	snprintf(s->bucket, sizeof(s->bucket), "%.64s", b->name ? b->name : "");
	shared_key(c, b, s->shared_key);
	HASH_ADD_KEYPTR(hh, l->scopes, s->key, n, s);
	if (s->hh.tbl == NULL) {
		free(s);
		return (NULL);
	}
	return (s);
}

double
limits_scope_saved(const struct limit_scope * s, int64_t us)
{
	double have = s->tb.have + (double)(us - s->tb.at_us) / 1e6 * s->rate;

	return (have < s->burst ? have : s->burst);
}

double
limits_scope_rate(const struct connector * c, const struct manifest_limits * l)
{
	/* OPTIONS are of the connector's own budget. */
	return (l->name == NULL && c->opt.rate_limit > 0 ? c->opt.rate_limit :
	    l->rate);
}

/* Who asked last says how fast, if he has a rate at all; a bucket begins full, and
 * keeps what is in it when that changes: others of the scope may have it
 * otherwise. */
static void
set_rate(struct limit_scope * s, const struct connector * c,
    const struct manifest_limits * l)
{
	double opt = l->name == NULL ? c->opt.rate_limit : 0;
	double opt_burst = l->name == NULL ? c->opt.rate_limit_burst : 0;
	int64_t now = clock_mono_us();
	double had = s->rate > 0 ? limits_scope_saved(s, now) : -1;
	double rate = limits_scope_rate(c, l);
	double burst = opt_burst > 0 ? opt_burst : opt > 0 ? 0 : l->burst;

	if (rate <= 0)
		return;
	if (burst < 1)
		burst = rate > 1 ? rate : 1;
	if (fabs(rate - s->rate) < 1e-9 && fabs(burst - s->burst) < 1e-9)
		return;
	s->rate = rate;
	s->burst = burst;
	tokenbucket_init(&s->tb, rate, burst, now);
	if (had >= 0 && had < burst)
		s->tb.have = had;
}

struct limit_scope *
limits_scope_get(struct limits * l, const struct connector * c,
    const struct manifest_limits * b)
{
	struct limit_scope * s = limits_scope_find(l, c, b);

	if (s == NULL)
		s = scope_new(l, c, b);
	if (s == NULL)
		return (NULL);
	set_rate(s, c, b);
	s->places = b->concurrency;
	return (s);
}

/* Where a URL leads; its scheme says no more than the port. */
struct place {
	const char * host, * port, * path;
	size_t nhost, nport, npath;
};

/* 0, or -1: it is no URL. */
static int
place_of(const char * url, struct place * p)
{
	const char * end, * at;

	if (url == NULL || (p->host = strstr(url, "://")) == NULL)
		return (-1);
	p->host += 3;
	end = p->host + strcspn(p->host, "/?#");
	p->path = end;
	p->npath = strcspn(end, "?#");
	while (p->npath > 0 && end[p->npath - 1] == '/')
		p->npath--;
	for (at = p->host; at < end; at++)
		if (*at == '@')
			p->host = at + 1;
	at = p->host;
	if (*at == '[')
		at += strcspn(at, "]");
	while (at < end && *at != ':')
		at++;
	p->nhost = (size_t)(at - p->host);
	if (p->nhost > 0 && p->host[p->nhost - 1] == '.')
		p->nhost--;
	p->port = strncasecmp(url, "https:", 6) == 0 ? "443" : "80";
	p->nport = strlen(p->port);
	if (end - at > 1) {
		p->port = at + 1;
		p->nport = (size_t)(end - at - 1);
	}
	return (0);
}

/* Equal, or URLs that lead to the same place: a slash at the end, a query or a port
 * that goes without saying make no other service of it. */
static int
is_value(const json_t * a, const json_t * b)
{
	struct place p, q;

	if (json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b))
		return (1);
	return (place_of(json_string_value(a), &p) == 0 &&
	    place_of(json_string_value(b), &q) == 0 &&
	    p.nhost == q.nhost && strncasecmp(p.host, q.host, p.nhost) == 0 &&
	    p.nport == q.nport && memcmp(p.port, q.port, p.nport) == 0 &&
	    p.npath == q.npath && memcmp(p.path, q.path, p.npath) == 0);
}

int
limits_scope_is_there(const struct connector * c,
    const struct manifest_limits * b)
{
	const json_t * config, * has, * want, * one;
	const char * key;
	int found = 1;
	size_t i;

	if (b->when == NULL || (config = config_of(c)) == NULL)
		return (1);
	json_object_foreach((json_t *)(uintptr_t)b->when, key, want) {
		if ((has = json_object_get(config, key)) == NULL)
			has = json_object_get(json_object_get(c->m->config,
			    key), "default");
		found = 0;
		/* null: where it is not given. */
		json_array_foreach((json_t *)(uintptr_t)want, i, one)
			found |= has != NULL ? is_value(one, has) :
			    json_is_null(one);
		if (!found)
			break;
	}
	return (found);
}
