#include <string.h>

#include "stmt/stmt_internal.h"

/* Errors as scripts and connectors' statuses see them. */

static int
is_one(const char * code, const char * const * codes)
{
	for (; *codes != NULL; codes++)
		if (strcmp(*codes, code) == 0)
			return (1);
	return (0);
}

/* Errors of the statement or of ourselves, whatever a service does. */
static int
is_ours(const struct err * e)
{
	static const char * const codes[] = { "sql", "no_table",
	    "ambiguous_name", "denied", "not_here", "memory", "nomem", "too_big", "sqlite",
	    "busy", "stopping", "not_yet", "journal", NULL };

	return (e->cls == ERR_CANCELLED || is_one(e->code, codes));
}

enum ast_class
stmt_class(const struct err * e)
{
	static const char * const auth[] = { "auth", "http_401", "http_403",
	    "secret", NULL };
	static const char * const rate[] = { "rate_limit", "http_429", NULL };
	static const char * const late[] = { "timeout", "connect_timeout",
	    "deadline", NULL };

	if (is_ours(e))
		return (CLASS_OTHERS);
	if (is_one(e->code, auth))
		return (CLASS_AUTH);
	if (is_one(e->code, rate))
		return (CLASS_RATE_LIMIT);
	if (is_one(e->code, late))
		return (CLASS_TIMEOUT);
	return (e->cls == ERR_CONFIG ? CLASS_CONFIG : CLASS_CONNECTOR);
}

int
stmt_class_catches(enum ast_class cls, const struct err * e)
{
	enum ast_class is = stmt_class(e);

	if (e->cls == ERR_CANCELLED)
		return (0);
	return (cls == CLASS_OTHERS || cls == is ||
	    (cls == CLASS_CONNECTOR && is != CLASS_OTHERS));
}

int
stmt_class_is_service(const struct err * e)
{
	static const char * const codes[] = { "deadline", "input",
	    "max_api_calls", "page_cap", "bad_args", "not_found", "exists",
	    "misfit", "ambiguous", "disabled", "template", "accepted",
	    "failed", NULL };

	return (!is_ours(e) && !is_one(e->code, codes));
}
