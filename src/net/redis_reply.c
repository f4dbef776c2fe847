#include <stdlib.h>
#include <string.h>

#include "net/redis_internal.h"

/* For when even an error cannot be allocated. */
static struct redis_cause nomem_cause;

struct redis_cause *
redis_cause_new(void)
{
	struct redis_cause * w = malloc(sizeof(*w));

	if (w == NULL) {
		err_nomem(&nomem_cause.e, "a Redis error");
		return (&nomem_cause);
	}
	w->refs = 1;
	return (w);
}

struct redis_cause *
redis_cause_ref(struct redis_cause * w)
{
	if (w != &nomem_cause)
		w->refs++;
	return (w);
}

void
redis_cause_unref(struct redis_cause * w)
{
	if (w != NULL && w != &nomem_cause && --w->refs == 0)
		free(w);
}

/* Words that a server says while it cannot serve for now. */
static int
is_passing(const char * s, size_t n)
{
	static const char * const words[] = { "LOADING", "BUSY", "READONLY",
	    "MASTERDOWN", "CLUSTERDOWN", "OOM", "TRYAGAIN" };
	size_t i, len;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i]);
		if (n >= len && memcmp(s, words[i], len) == 0 &&
		    (n == len || s[len] == ' '))
			return (1);
	}
	return (0);
}

/* What to do about an error that a person has to see to. */
static const char *
remedy(const char * s)
{
	if (strncmp(s, "NOAUTH ", 7) == 0 || strncmp(s, "WRONGPASS ", 10) == 0)
		return (" (its URL says who asks: "
		    "redis://[USER]:PASSWORD@HOST:PORT)");
	return ("");
}

/* The first error in a reply: one inside an array fails the command too. */
static const redisReply *
find_error(const redisReply * r)
{
	const redisReply * bad;
	size_t i;

	if (r->type == REDIS_REPLY_ERROR)
		return (r);
	if (r->type == REDIS_REPLY_ARRAY)
		for (i = 0; i < r->elements; i++)
			if (r->element[i] != NULL &&
			    (bad = find_error(r->element[i])) != NULL)
				return (bad);
	return (NULL);
}

/* Bytes for structs and pointers, and for strings.  No overflow: the reader's
 * guard has bounded the whole. */
static void
measure(const redisReply * r, size_t * front, size_t * back)
{
	size_t i;

	*front += sizeof(struct redis_reply);
	if (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS)
		*back += r->len + 1;
	if (r->type == REDIS_REPLY_ARRAY) {
		*front += r->elements * sizeof(struct redis_reply *);
		for (i = 0; i < r->elements; i++)
			measure(r->element[i], front, back);
	}
}

static struct redis_reply *
fill(const redisReply * r, char ** front, char ** back)
{
	struct redis_reply * o = (struct redis_reply *)(void *)*front;
	const struct redis_reply ** el;
	size_t i;

	*front += sizeof(*o);
	memset(o, 0, sizeof(*o));
	switch (r->type) {
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
		o->type = r->type == REDIS_REPLY_STRING ? REDIS_STR :
		    REDIS_STATUS;
		memcpy(*back, r->str, r->len);
		(*back)[r->len] = '\0';
		o->s = *back;
		o->len = r->len;
		*back += r->len + 1;
		break;
	case REDIS_REPLY_INTEGER:
		o->type = REDIS_INT;
		o->i = r->integer;
		break;
	case REDIS_REPLY_ARRAY:
		o->type = REDIS_ARRAY;
		el = (const struct redis_reply **)(void *)*front;
		*front += r->elements * sizeof(*el);
		for (i = 0; i < r->elements; i++)
			el[i] = fill(r->element[i], front, back);
		o->el = el;
		o->n = r->elements;
		break;
	default:
		o->type = REDIS_NIL;
		break;
	}
	return (o);
}

void
redis_reply_copy(struct redis_command * c, const redisReply * r)
{
	const redisReply * bad = find_error(r);
	size_t front = 0, back = 0;
	char * p = c->room.bytes, * q;

	if (bad != NULL) {
		c->noscript = bad->len >= 8 &&
		    memcmp(bad->str, "NOSCRIPT", 8) == 0;
		c->why = redis_cause_new();
		err_set(&c->why->e, is_passing(bad->str, bad->len) ?
		    ERR_TRANSIENT : ERR_PERMANENT, "redis_reply",
		    "Redis at %s says: %s%s", c->R->url.where, bad->str,
		    remedy(bad->str));
		return;
	}
	measure(r, &front, &back);
	if (front + back > sizeof(c->room.bytes) &&
	    (p = malloc(front + back)) == NULL) {
		c->why = redis_cause_new();
		err_nomem(&c->why->e, "a Redis reply");
		return;
	}
	q = p + front;
	c->reply = fill(r, &p, &q);
}
