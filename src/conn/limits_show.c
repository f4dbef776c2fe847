#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "conn/limits_internal.h"

/* What is known of budgets, for people and metrics. */

static void
known(const struct limit_scope * s, struct answer_budget * b)
{
	*b = s->budget;
	if (b->reset_ms > 0 && b->reset_ms <= clock_wall_ms()) {
		/* Full again; nobody asked since. */
		b->remaining = b->limit;
		b->reset_ms = -1;
	}
}

int
limits_known(const struct limits * l, const struct connector * c,
    struct answer_budget * b)
{
	const struct limit_scope * s = limits_scope_find(l, c, &c->m->limits);

	if (s == NULL || !s->is_known)
		return (-1);
	known(s, b);
	return (0);
}

/* When nobody is held any more; 0: nobody is. */
static int64_t
until_of(const struct limit_scope * s)
{
	int64_t now = clock_mono_us();

	return (s->blocked_us <= now ? 0 : (clock_wall_ms() +
	    (s->blocked_us - now) / 1000 + 999) / 1000 * 1000);
}

/* "3 calls waiting, nobody asks before ... (why), 0 of 100 left" */
static void
say(const struct limit_scope * s, struct buf * out)
{
	int64_t until = until_of(s);
	struct answer_budget b;
	char at[RFC3339_LEN];

	buf_clear(out);
	if (s->nwaiting > 0)
		buf_addf(out, "%zu call%s waiting", s->nwaiting,
		    s->nwaiting == 1 ? "" : "s");
	if (s->places > 0 && s->held >= s->places)
		buf_addf(out, "%s%u of %u place%s taken", out->len ? ", " : "",
		    s->held, s->places, s->places == 1 ? "" : "s");
	if (until != 0) {
		rfc3339_format(until, at);
		buf_addf(out, "%snobody asks before %s (%s)", out->len ? ", " :
		    "", at, s->why);
	}
	if (s->is_known) {
		known(s, &b);
		if (b.remaining >= 0)
			buf_addf(out, "%s%lld left", out->len ? ", " : "",
			    (long long)b.remaining);
		if (b.remaining >= 0 && b.limit >= 0)
			buf_addf(out, " of %lld", (long long)b.limit);
	}
}

int
limits_show(const struct limits * l, const struct connector * c, json_t * out)
{
	const struct manifest * m = c->m;
	struct buf b = BUF_INIT(1000);
	const struct limit_scope * s;
	char key[80];
	size_t i;
	int rc = 0;

	for (i = 0; i <= m->nbuckets; i++) {
		s = limits_scope_find(l, c, i == 0 ? &m->limits :
		    &m->buckets[i - 1]);
		if (s == NULL)
			continue;
		say(s, &b);
		snprintf(key, sizeof(key), "%s%s", i == 0 ? "budget" :
		    "budget_", i == 0 ? "" : s->bucket);
		if (b.len > 0)
			rc |= json_object_set_new(out, key, json_stringn(b.p,
			    b.len));
	}
	buf_free(&b);
	return (rc != 0 || b.failed ? -1 : 0);
}

int64_t
limits_until(const struct limits * l, const struct connector * c,
    const char ** why)
{
	const struct manifest * m = c->m;
	const struct limit_scope * s;
	int64_t at, last = 0;
	size_t i;

	if (l == NULL || l->scopes == NULL)
		return (0);
	for (i = 0; m != NULL && i <= m->nbuckets; i++) {
		s = limits_scope_find(l, c, i == 0 ? &m->limits :
		    &m->buckets[i - 1]);
		if (s == NULL || (at = until_of(s)) <= last)
			continue;
		last = at;
		*why = s->why;
	}
	return (last);
}

void
limits_describe(const struct connector * c, const struct manifest_toll * t,
    struct buf * out)
{
	const struct manifest * m = c->m;
	unsigned cost = t->cost > 0 ? t->cost : 1;
	const char * sep = "";
	size_t i;

	for (i = 0; i < m->nbuckets; i++) {
		if (!(t->buckets & 1U << i) ||
		    (cost == 1 && (m->every_bucket & 1U << i)) ||
		    !limits_scope_is_there(c, &m->buckets[i]))
			continue;
		buf_addf(out, "%s%u of %s", sep, cost, m->buckets[i].name);
		sep = ", ";
	}
	if (t->buckets == 0 && cost > 1 && c->opt.rate_limit <= 0)
		buf_addf(out, "%u of the rate", cost);
}

void
limits_each_waiting(const struct limits * l, size_t most,
    void (*cb)(void * arg, const char * key, size_t n), void * arg)
{
	const struct limit_scope * s, * tmp;

	HASH_ITER(hh, l->scopes, s, tmp) {
		if (s->nwaiting == 0)
			continue;
		if (most-- == 0)
			return;
		cb(arg, s->shared_key, s->nwaiting);
	}
}
