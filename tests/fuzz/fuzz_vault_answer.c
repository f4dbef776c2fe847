/* Vault's answers and references to it: what is taken is within its bounds, and what
 * is refused says why and leaves nothing behind. */
#include <stdlib.h>
#include <string.h>

#include "secret/vault_answer.h"
#include "fuzz.h"

#define PATH "secret/app/x"

static int
each(void * arg, const char * key, const char * v, size_t n, struct err * e)
{
	size_t * keys = arg;

	(void)e;
	CHECK(key != NULL && v != NULL && v[n] == '\0');
	CHECK(++*keys <= VAULT_KEYS_MAX);
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
		CHECK(m.len > 0 && m.len < strlen(PATH) &&
		    (m.version == 1 || m.version == 2));
	else
		CHECK(e.msg[0] != '\0');
	for (i = 0; i < 2; i++) {
		if (vault_answer_lease(p, n, i, &l, &e) == 0)
			CHECK(l.lives_ms >= 0 && l.first_ms >= 0 &&
			    (l.token != NULL) == (i == 0));
		else
			CHECK(l.token == NULL && e.msg[0] != '\0');
		free(l.token);
		keys = 0;
		if (vault_answer_data(p, n, i + 1, each, &keys, &lives, &e) == 0)
			CHECK(lives >= 0);
		else
			CHECK(e.msg[0] != '\0');
	}
	(void)vault_answer_is_one(p, n);
	vault_answer_words(p, n, words, sizeof(words));
	CHECK(memchr(words, '\0', sizeof(words)) != NULL);
}

static void
refs(const char * p, size_t n)
{
	char path[VAULT_REF_MAX], * ref = malloc(n + 1);
	const char * key;
	struct err e;

	CHECK(ref != NULL);
	memcpy(ref, p, n);
	ref[n] = '\0';
	if (vault_ref_split(ref, path, &key, &e) == 0)
		CHECK(*key != '\0' && strchr(path, '/') != NULL &&
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
