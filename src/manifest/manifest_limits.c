#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/manifest_parts.h"
#include "manifest/template.h"

/* How much the service bears, and what a call takes of that. */

/* So many calls, or such a share ("5%") of them. */
static void
read_reserve(struct mread * r, struct manifest_limits * l, const json_t * o)
{
	const char * s = json_string_value(json_object_get(o, "reserve"));
	char * end;
	long n;

	if (s == NULL) {
		l->reserve = mread_int(r, o, "reserve", 0, 0, 1000000);
	} else {
		n = strtol(s, &end, 10);
		if (*s < '0' || *s > '9' || strcmp(end, "%") != 0 || n < 1 ||
		    n > 50)
			mread_fault(r, "reserve", "must be a number of calls, "
			    "or a share from 1%% to 50%% such as \"5%%\"");
		else
			l->reserve_percent = (int)n;
	}
	if (l->reserve == 0 && l->reserve_percent == 0)
		return;
	if ((l->remaining == NULL && l->usage == NULL) || l->reset == NULL)
		mread_fault(r, "reserve", "needs reset and remaining: nothing "
		    "else says when to stop and go on");
	else if (l->reserve_percent > 0 && l->limit == NULL &&
	    l->usage == NULL)
		mread_fault(r, "reserve", "needs limit: a share of what?");
}

/* A header's name, or one of what it holds: "NAME;MEMBER". */
static const char *
read_header(struct mread * r, const json_t * o, const char * key)
{
	const char * s = mread_str(r, o, key, 0), * m;

	if (s != NULL && (m = strchr(s, ';')) != NULL && (m == s ||
	    m[1] == '\0' || strpbrk(m + 1, ";, =\"") != NULL))
		mread_fault(r, key, "must be a header's name, or that, ; and "
		    "the member meant: \"RateLimit;remaining\"");
	return (s);
}

static void
read_headers(struct mread * r, struct manifest_limits * l, const json_t * v)
{
	static const char * const units[] = { "delta_s", "epoch_s",
	    "epoch_ms", "epoch_us", "iso8601", "duration", NULL };
	const json_t * h = json_object_get(v, "headers");
	size_t at;

	if (h == NULL)
		return;
	at = mread_enter(r, "headers");
	if (mread_is_object(r, h, KEYS_LIMIT_HEADERS)) {
		l->limit = read_header(r, h, "limit");
		l->remaining = read_header(r, h, "remaining");
		l->reset = read_header(r, h, "reset");
		l->usage = mread_str(r, h, "usage", 0);
		l->unit = (enum reset_unit)mread_word(r, h, "reset_unit",
		    units, RESET_DELTA_S);
		read_reserve(r, l, h);
	}
	mread_leave(r, at);
}

/* It names the budget in metrics and in the shared state; and of secrets it would
 * see but a mask, the same for all. */
static void
read_scope(struct mread * r, struct manifest_limits * l, const json_t * v)
{
	const struct mread_scope s = { .roots = ROOT_CONFIG };
	struct template_env env = { .schema = r->m->config };

	l->scope = mread_template(r, v, "scope", 0, &s);
	if (l->scope != NULL && template_has_secret(json_object_get(v,
	    "scope"), &env))
		mread_fault(r, "scope", "speaks of a secret; let it say whose "
		    "budget it is by an account or an address");
}

static void
read_budget(struct mread * r, struct manifest_limits * l, const json_t * v)
{
	l->rate = mread_num(r, v, "rate", 0, 0.0001, 1e6);
	l->burst = mread_num(r, v, "burst", 0, 1, 1e6);
	if (l->burst > 0 && l->rate <= 0)
		mread_fault(r, "burst", "needs rate");
	l->concurrency = (unsigned)mread_int(r, v, "concurrency", 0, 1, 256);
	read_scope(r, l, v);
	read_headers(r, l, v);
}

/* For which connectors it is at all. */
static void
read_when(struct mread * r, struct manifest_limits * l, const json_t * v)
{
	const char * key;
	const json_t * x;
	size_t at;

	if ((l->when = mread_map(r, v, "when", 0)) == NULL)
		return;
	at = mread_enter(r, "when");
	json_object_foreach((json_t *)(uintptr_t)l->when, key, x) {
		if (json_object_get(r->m->config, key) == NULL)
			mread_fault(r, key, "is no key of config");
		if (json_array_size(x) == 0)
			mread_fault(r, key, "must be an array of values");
	}
	mread_leave(r, at);
}

static void
read_bucket(struct mread * r, struct manifest_limits * l, const json_t * v,
    unsigned bit)
{
	if (!mread_is_object(r, v, KEYS_BUCKET))
		return;
	if (!manifest_name_ok(l->name))
		mread_fault(r, NULL, "a name holds letters, digits and _ and "
		    "begins with a letter");
	read_budget(r, l, v);
	read_when(r, l, v);
	if (mread_bool(r, v, "every"))
		r->m->every_bucket |= bit;
	if (l->rate <= 0 && l->concurrency == 0 && l->remaining == NULL &&
	    l->usage == NULL)
		mread_fault(r, NULL, "bounds nothing: it needs a rate, a "
		    "concurrency or headers");
}

static void
read_buckets(struct mread * r, const json_t * v)
{
	const json_t * all = mread_map(r, v, "buckets", 0), * x;
	struct manifest * m = r->m;
	const char * name;
	size_t at, sub, n = json_object_size(all);

	if (all == NULL)
		return;
	at = mread_enter(r, "buckets");
	if (n == 0 || n > MANIFEST_BUCKETS)
		mread_fault(r, NULL, "must be 1 to %d", MANIFEST_BUCKETS);
	else if ((m->buckets = mread_alloc(r, n, sizeof(*m->buckets))) != NULL)
		json_object_foreach((json_t *)(uintptr_t)all, name, x) {
			sub = mread_enter(r, name);
			m->buckets[m->nbuckets].name = name;
			read_bucket(r, &m->buckets[m->nbuckets], x,
			    1U << m->nbuckets);
			m->nbuckets++;
			mread_leave(r, sub);
		}
	mread_leave(r, at);
}

void
manifest_limits_read(struct mread * r, const json_t * doc)
{
	const json_t * v = json_object_get(doc, "limits");
	size_t at;

	if (v == NULL)
		return;
	at = mread_enter(r, "limits");
	if (mread_is_object(r, v, KEYS_LIMITS)) {
		read_budget(r, &r->m->limits, v);
		read_buckets(r, v);
	}
	mread_leave(r, at);
}

/* The bucket named ${v}, as a bit. */
static unsigned
bucket_of(struct mread * r, const json_t * v)
{
	const char * s = json_string_value(v);
	size_t i;

	for (i = 0; s != NULL && i < r->m->nbuckets; i++)
		if (strcmp(r->m->buckets[i].name, s) == 0)
			return (1U << i);
	mread_fault(r, "bucket", s != NULL ? "there is no bucket '%.64s' in "
	    "limits" : "must be a bucket's name, or an array of such", s);
	return (0);
}

/* What can never be had at once would wait for ever. */
static void
cost_fits(struct mread * r, const struct manifest_limits * l, unsigned cost)
{
	double burst = l->burst > 0 ? l->burst : l->rate > 1 ? l->rate : 1;

	if (l->rate > 0 && burst < cost)
		mread_fault(r, "cost", "is more than the burst (%g)%s%s", burst,
		    l->name ? " of bucket " : "", l->name ? l->name : "");
}

void
manifest_limits_toll(struct mread * r, const json_t * v,
    struct manifest_toll * t)
{
	const json_t * b = json_object_get(v, "bucket"), * x;
	const struct manifest * m = r->m;
	size_t i;

	t->buckets = m->every_bucket;
	if (json_is_array(b) && json_array_size(b) > 0) {
		json_array_foreach((json_t *)(uintptr_t)b, i, x)
			t->buckets |= bucket_of(r, x);
	} else if (b != NULL) {
		t->buckets |= bucket_of(r, json_is_array(b) ? NULL : b);
	}
	t->cost = (unsigned)mread_int(r, v, "cost", 1, 1, 10000);
	if (t->cost == 1)
		return;
	if (t->buckets == 0 && m->limits.rate <= 0)
		mread_fault(r, "cost", "needs a rate in limits, or a bucket");
	for (i = 0; i < m->nbuckets; i++)
		if (t->buckets & 1U << i)
			cost_fits(r, &m->buckets[i], t->cost);
	if (t->buckets == 0)
		cost_fits(r, &m->limits, t->cost);
}

void
manifest_limits_free(struct manifest * m)
{
	free(m->buckets);
}
