#include "secret/secret_scrub.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "secret/secret_form.h"

#define MIN 6
/* A message is shorter, so what comes later in a value cannot stand in it. */
#define HEAD 480
#define FORM_MAX (HEAD * 2)
#define REFS_MAX 64
#define DEPTH_MAX 16

static struct scrub_source * sources;

struct scrub {
	struct err * e;
	char form[FORM_MAX]; /* a value in base64; wiped */
};

/* Put *** in place of msg[from..to). */
static void
blot(struct err * e, size_t from, size_t to)
{
	char rest[sizeof(e->msg)];

	snprintf(rest, sizeof(rest), "%s", e->msg + to);
	/* As long as before or, after a very short one, cut. */
	snprintf(e->msg + from, sizeof(e->msg) - from, "***%s", rest);
}

static int
is_base64(char c)
{
	return (isalnum((unsigned char)c) || (c != '\0' &&
	    strchr("+/-_=", c) != NULL));
}

/* Look for the ${n} bytes at ${v}, or at least their beginning: an excerpt may end
 * inside.  ${wide}: what is around them in the same base64 goes too. */
static void
blot_all(struct err * e, enum secret_form how, const char * v, size_t n,
    int wide)
{
	size_t at, from, to, same;

	if (n < MIN)
		return;
	for (at = 0; e->msg[at] != '\0'; at++) {
		to = secret_form_common(how, e->msg + at, v, n, &same);
		if (same < MIN)
			continue;
		from = at;
		to += at;
		while (wide && from > 0 && is_base64(e->msg[from - 1]))
			from--;
		while ((wide && is_base64(e->msg[to])) ||
		    ((unsigned char)e->msg[to] & 0xc0) == 0x80)
			to++;
		blot(e, from, to);
		at = from + 2;
	}
}

/*
 * "user:password" in base64 holds the password at one of three places within a
 * group of three bytes; the characters that it alone decides are looked for.
 */
static void
blot_base64(struct scrub * c, const char * v, size_t n)
{
	unsigned char in[HEAD + 2];
	size_t lead, from, to, i;

	for (lead = 0; lead < 3; lead++) {
		memset(in, 0, lead);
		memcpy(in + lead, v, n);
		EVP_EncodeBlock((unsigned char *)c->form, in,
		    (int)(lead + n));
		from = lead == 0 ? 0 : lead + 1;
		to = (lead + n) * 8 / 6;
		blot_all(c->e, FORM_PLAIN, c->form + from, to - from, 1);
		for (i = from; i < to; i++)
			c->form[i] = c->form[i] == '+' ? '-' :
			    c->form[i] == '/' ? '_' : c->form[i];
		blot_all(c->e, FORM_PLAIN, c->form + from, to - from, 1);
	}
	explicit_bzero(in, sizeof(in));
}

static void
scrub_value(struct scrub * c, const char * v, size_t n)
{
	enum secret_form how;

	if (n < MIN)
		return;
	if (n > HEAD)
		n = HEAD;
	for (how = FORM_PLAIN; how < FORMS; how++)
		blot_all(c->e, how, v, n, 0);
	blot_base64(c, v, n);
}

/* Who wants to know the values. */
struct seeker {
	const struct secrets * s;
	int left; /* references still looked at */
	void (*found)(void * arg, const char * p, size_t n);
	void * arg;
};

static void
seek_refs(struct seeker * k, json_t * v, int depth)
{
	struct buf value = BUF_INIT((size_t)1 << 20);
	const char * key;
	json_t * x;
	size_t i;

	if (depth > DEPTH_MAX || k->left == 0)
		return;
	json_array_foreach(v, i, x)
		seek_refs(k, x, depth + 1);
	json_object_foreach(v, key, x)
		seek_refs(k, x, depth + 1);
	if (!json_is_string(v) || !secret_is_ref(json_string_value(v)))
		return;
	k->left--;
	if (secrets_last(k->s, json_string_value(v), &value) == 0)
		k->found(k->arg, value.p, value.len);
	buf_wipe(&value);
}

void
secret_scrub_add(struct scrub_source * src)
{
	src->next = sources;
	sources = src;
}

void
secret_scrub_remove(struct scrub_source * src)
{
	struct scrub_source ** p;

	for (p = &sources; *p != NULL; p = &(*p)->next)
		if (*p == src) {
			*p = src->next;
			return;
		}
}

static void
on_found(void * arg, const char * p, size_t n)
{
	scrub_value(arg, p, n);
}

void
secret_scrub_each(const struct secrets * s, const char * config,
    void (*found)(void * arg, const char * p, size_t n), void * arg)
{
	struct seeker k = { .s = s, .left = REFS_MAX, .found = found,
	    .arg = arg };
	const struct scrub_source * src;
	json_t * v = json_loads(config, JSON_DECODE_ANY, NULL);

	seek_refs(&k, v, 0);
	json_decref(v);
	for (src = sources; src != NULL; src = src->next)
		src->each(src->arg, config, found, arg);
}

void
secret_scrub(const struct secrets * s, const char * config, struct err * e)
{
	struct scrub c = { .e = e };

	if (s == NULL || config == NULL || e == NULL)
		return;
	secret_scrub_each(s, config, on_found, &c);
	explicit_bzero(c.form, sizeof(c.form));
}
