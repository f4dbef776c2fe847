#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "net/redis_internal.h"

/* What we know of the script; NULL if the table is full. */
static struct redis_known *
script_known(struct redis * R, const char * script)
{
	struct redis_known * k;
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned i, n = 0;

	for (i = 0; i < R->nscripts; i++)
		if (R->scripts[i].script == script)
			return (&R->scripts[i]);
	if (R->nscripts == REDIS_SCRIPTS ||
	    !EVP_Digest(script, strlen(script), md, &n, EVP_sha1(), NULL) ||
	    n != 20)
		return (NULL);
	k = &R->scripts[R->nscripts++];
	hex_write(md, n, k->sha);
	k->script = script;
	k->sent = 0;
	return (k);
}

void
redis_script_forget(struct redis * R)
{
	unsigned i;

	for (i = 0; i < R->nscripts; i++)
		R->scripts[i].sent = 0;
}

void
redis_eval_text(struct redis_eval * v)
{
	v->argv[0] = "EVAL";
	v->lens[0] = 4;
	v->argv[1] = v->script;
	v->lens[1] = strlen(v->script);
}

/* One allocation: the struct, the vectors, the bytes. */
static struct redis_eval *
eval_new(const char * script, const char * nkeys, int argc,
    const char * const * argv, const size_t * lens)
{
	size_t n = (size_t)argc + 3, bytes = strlen(nkeys) + 1, len, i;
	struct redis_eval * v;
	char * p;

	for (i = 0; i < (size_t)argc; i++)
		bytes += (lens != NULL ? lens[i] : strlen(argv[i])) + 1;
	v = malloc(sizeof(*v) + n * (sizeof(char *) + sizeof(size_t)) + bytes);
	if (v == NULL)
		return (NULL);
	v->script = script;
	v->argc = argc + 3;
	v->argv = (const char **)(void *)(v + 1);
	v->lens = (size_t *)(void *)(v->argv + n);
	p = (char *)(v->lens + n);
	redis_eval_text(v);
	for (i = 2; i < n; i++) {
		const char * s = i == 2 ? nkeys : argv[i - 3];

		len = i > 2 && lens != NULL ? lens[i - 3] : strlen(s);
		memcpy(p, s, len);
		p[len] = '\0';
		v->argv[i] = p;
		v->lens[i] = len;
		p += len + 1;
	}
	return (v);
}

void
redis_script(struct redis * R, const char * script, redis_cb * cb, void * arg,
    int nkeys, int argc, const char * const * argv, const size_t * lens)
{
	struct redis_known * k = script_known(R, script);
	struct redis_eval * v;
	char num[16];

	if (R->state != REDIS_UP) {
		redis_cmd(R, cb, arg, argc, argv, lens); /* fails as it should */
		return;
	}
	snprintf(num, sizeof(num), "%d", nkeys);
	if ((v = eval_new(script, num, argc, argv, lens)) == NULL) {
		/* Says so through the callback. */
		redis_send(R, cb, arg, 0, NULL, NULL, NULL);
		return;
	}
	/*
	 * The first time on a connection the text goes along, so that what is
	 * sent after it also runs after it: a script that must be sent again
	 * because of NOSCRIPT comes too late for that.
	 */
	if (k == NULL || !k->sent) {
		if (k != NULL)
			k->sent = 1;
		redis_send(R, cb, arg, v->argc, v->argv, v->lens, NULL);
		free(v);
		return;
	}
	v->argv[0] = "EVALSHA";
	v->lens[0] = 7;
	v->argv[1] = k->sha;
	v->lens[1] = 40;
	redis_send(R, cb, arg, v->argc, v->argv, v->lens, v);
}
