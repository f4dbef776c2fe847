/* Vault's answers and references to it: what is taken is within its bounds, and what
 * is refused says why and leaves nothing behind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret/vault_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MUST(c) do { if (!(c)) abort(); } while (0)
#define PATH "secret/app/x"

static int
each(void * arg, const char * key, const char * v, size_t n, struct err * e)
{
	size_t * keys = arg;

	(void)e;
	MUST(key != NULL && v != NULL && v[n] == '\0');
	MUST(++*keys <= VAULT_KEYS_MAX);
	return (0);
}

static void
answers(const char * p, size_t n)
{
	struct vault_mount m;
	struct vault_lease l;
	char words[64];
	struct err e;
	int64_t lives;
	size_t keys;
	int i;

	if (vault_answer_mount(p, n, PATH, &m, &e) == 0)
		MUST(m.len > 0 && m.len < strlen(PATH) &&
		    (m.version == 1 || m.version == 2));
	else
		MUST(e.msg[0] != '\0');
	for (i = 0; i < 2; i++) {
		if (vault_answer_lease(p, n, i, &l, &e) == 0)
			MUST(l.lives_ms >= 0 && l.first_ms >= 0 &&
			    (l.token != NULL) == (i == 0));
		else
			MUST(l.token == NULL && e.msg[0] != '\0');
		free(l.token);
		keys = 0;
		if (vault_answer_data(p, n, i + 1, each, &keys, &lives, &e) == 0)
			MUST(lives >= 0);
		else
			MUST(e.msg[0] != '\0');
	}
	(void)vault_answer_is_one(p, n);
	vault_answer_words(p, n, words, sizeof(words));
	MUST(memchr(words, '\0', sizeof(words)) != NULL);
}

static void
refs(const char * p, size_t n)
{
	char path[VAULT_REF_MAX], * ref = malloc(n + 1);
	const char * key;
	struct err e;

	MUST(ref != NULL);
	memcpy(ref, p, n);
	ref[n] = '\0';
	if (vault_ref_split(ref, path, &key, &e) == 0)
		MUST(*key != '\0' && strchr(path, '/') != NULL &&
		    strchr(path, '#') == NULL && path[0] != '/' &&
		    strstr(path, "//") == NULL && strstr(path, "/../") == NULL);
	free(ref);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	answers((const char *)data, size);
	refs((const char *)data, size);
	return (0);
}
