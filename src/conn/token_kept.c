/* What came of a fetch, and how long it is good. */
#include "conn/token_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* A failure is told again for so long without asking. */
#define FAILED_MS 2000
#define FAILED_CONFIG_MS 30000
#define FAILED_MAX_MS 300000
/* Fetched anew so long before it ends. */
#define LEAD_MIN_MS 30000
#define LEAD_MAX_MS 300000
/* No clock is trusted for longer. */
#define LIVES_MAX_MS ((int64_t)30 * 24 * 3600 * 1000)

void
token_kept_forget(struct token_entry * x)
{
	if (x->sealed != NULL)
		explicit_bzero(x->sealed, strlen(x->sealed));
	free(x->sealed);
	x->sealed = NULL;
}

static int64_t
lead_ms(int64_t lives_ms)
{
	int64_t ms = lives_ms / 10;

	ms = ms < LEAD_MIN_MS ? LEAD_MIN_MS : ms > LEAD_MAX_MS ? LEAD_MAX_MS :
	    ms;
	return (ms < lives_ms / 2 ? ms : lives_ms / 2);
}

void
token_kept_give(struct token_entry * x)
{
	struct token_held held;
	struct err e;

	if (token_open(x, &held)) {
		err_nomem(&e, "a token");
		token_wait_tell(x, NULL, &e);
		return;
	}
	token_wait_tell(x, &held.t, NULL);
	token_close(&held);
}

void
token_ready(struct token_entry * x, const json_t * value, int64_t lives_ms)
{
	char * text = json_dumps(value, JSON_COMPACT), * sealed = NULL;
	int64_t now = clock_mono_us();
	struct err e;

	if (text == NULL)
		err_nomem(&e, "a token");
	else if (strlen(text) > TOKEN_MAX)
		err_set(&e, ERR_PERMANENT, "token", "the token is longer than "
		    "%d bytes", TOKEN_MAX);
	else
		sealed = token_seal(x, text, &e);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	if (sealed == NULL) {
		token_failed(x, &e);
		return;
	}
	token_rotate_drop(x);
	token_kept_forget(x);
	x->sealed = sealed;
	if (lives_ms > LIVES_MAX_MS)
		lives_ms = LIVES_MAX_MS;
	x->ends_us = now + lives_ms * 1000;
	x->until_us = x->ends_us - lead_ms(lives_ms) * 1000;
	x->serial = ++x->ts->serials;
	x->has_refused = 0;
	x->changes = secrets_changes(x->ts->env->secrets);
	token_values(x, x->values);
	token_enter(x, TOKEN_READY);
	token_kept_give(x);
}

/* The old one is good for a while yet, which is better than none. */
static int
old_will_do(struct token_entry * x, const struct err * e)
{
	int64_t now = clock_mono_us();

	if (x->sealed == NULL || e->cls != ERR_TRANSIENT ||
	    now + 5000000 >= x->ends_us || x->new_refresh != NULL)
		return (0);
	x->until_us = now + 15000000 < x->ends_us ? now + 15000000 :
	    x->ends_us;
	log_event(LOG_WARN, "token_late", LOG_S("connector", x->c->name),
	    LOG_E(e));
	token_enter(x, TOKEN_READY);
	token_kept_give(x);
	return (1);
}

void
token_failed(struct token_entry * x, const struct err * e)
{
	int64_t ms = e->cls == ERR_TRANSIENT ? FAILED_MS : FAILED_CONFIG_MS;

	token_rotate_drop(x);
	if (old_will_do(x, e))
		return;
	token_kept_forget(x);
	x->e = *e;
	secret_scrub(x->ts->env->secrets, x->c->config, &x->e);
	if (e->retry_after_ms > ms)
		ms = e->retry_after_ms < FAILED_MAX_MS ? e->retry_after_ms :
		    FAILED_MAX_MS;
	x->until_us = clock_mono_us() + ms * 1000;
	x->changes = secrets_changes(x->ts->env->secrets);
	token_enter(x, TOKEN_FAILED);
	token_wait_tell(x, NULL, &x->e);
}

/* Whether the secrets it was got with are what they were. */
static int
same_secrets(struct token_entry * x)
{
	uint64_t changes = secrets_changes(x->ts->env->secrets);
	unsigned char md[TOKEN_HASH];

	if (x->changes == changes)
		return (1);
	token_values(x, md);
	if (memcmp(md, x->values, sizeof(md)) != 0)
		return (0);
	x->changes = changes;
	return (1);
}

int
token_kept_is_good(struct token_entry * x)
{
	return (x->state == TOKEN_READY && clock_mono_us() < x->until_us &&
	    same_secrets(x));
}
