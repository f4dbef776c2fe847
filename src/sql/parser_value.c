#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sql/parser_internal.h"

/* Words of an object as JSON values. */

static json_t *
no_value(struct parser * p, json_t * v)
{
	if (v == NULL)
		(void)parser_nomem(p);
	return (v);
}

/* "text" as JSON writes it. */
static json_t *
json_text(struct parser * p, size_t i)
{
	const struct token * t = &p->list->t[i];
	json_error_t je;
	json_t * v;

	v = json_loadb(p->list->sql + t->off, t->len, JSON_DECODE_ANY, &je);
	if (v == NULL && json_error_code(&je) == json_error_out_of_memory)
		(void)parser_nomem(p);
	else if (v == NULL)
		/* What stands there is not cited: it may be a secret. */
		(void)parser_fail(p, i, "this text is not JSON: control "
		    "characters and \" need a \\ before them, as in \\n, and "
		    "\\ begins only what JSON knows");
	return (v);
}

json_t *
parser_text(struct parser * p, size_t i)
{
	const struct token * t = &p->list->t[i];
	char * s;
	json_t * v;

	if (t->kind == TOKEN_JSTRING)
		return (json_text(p, i));
	if ((s = malloc((size_t)t->len + 1)) == NULL ||
	    token_name(p->list, i, s, (size_t)t->len + 1)) {
		free(s);
		return (no_value(p, NULL));
	}
	v = json_string(s);
	explicit_bzero(s, t->len);
	free(s);
	return (no_value(p, v));
}

json_t *
parser_number(struct parser * p, size_t i, int minus)
{
	const struct token * t = &p->list->t[i];
	char s[64], * end;
	long long n;
	double d;

	if (t->len + 2 > sizeof(s)) {
		(void)parser_fail(p, i, "this number has too many digits");
		return (NULL);
	}
	s[0] = '-';
	memcpy(s + 1, p->list->sql + t->off, t->len);
	s[t->len + 1] = '\0';
	if (s[1] == '0' && (s[2] == 'x' || s[2] == 'X')) {
		(void)parser_fail(p, i, "a number here is decimal");
		return (NULL);
	}
	errno = 0;
	if (strspn(s + 1, "0123456789") == t->len) {
		n = strtoll(minus ? s : s + 1, &end, 10);
		if (errno == 0)
			return (no_value(p, json_integer(n)));
		(void)parser_fail(p, i, "this number does not fit into 64 "
		    "bits; write it as a text");
		return (NULL);
	}
	d = strtod(minus ? s : s + 1, &end);
	if (*end == '\0' && isfinite(d))
		return (no_value(p, json_real(d)));
	(void)parser_fail(p, i, "this number is too large");
	return (NULL);
}

json_t *
parser_bare(struct parser * p, size_t i)
{
	if (token_is(p->list, i, "true"))
		return (json_true());
	if (token_is(p->list, i, "false"))
		return (json_false());
	if (token_is(p->list, i, "null"))
		return (json_null());
	/* Not cited: a secret whose quotes were forgotten. */
	(void)parser_fail(p, i, "found something without quotes, but expected a "
	    "value: a text in quotes, a number, true, false, null, {...} or "
	    "[...]");
	return (NULL);
}

json_t *
parser_error_value(struct parser * p, size_t i)
{
	if (ast_error_field(p->list, i) == 0) {
		(void)parser_fail(p, i, "a value cannot be a name; in CATCH "
		    "there are error.message, error.class and error.code");
		return (NULL);
	}
	/* Takes the place of the value until it is known. */
	return (no_value(p, json_string("")));
}

int
parser_put(struct parser * p, json_t * o, size_t key, json_t * v)
{
	json_t * k;
	int rc = -1;

	if (v == NULL)
		return (-1);
	if ((k = parser_text(p, key)) == NULL) {
		json_decref(v);
		return (-1);
	}
	if (json_object_get(o, json_string_value(k)) != NULL) {
		(void)parser_fail(p, key, "the key \"%.80s\" is there already",
		    json_string_value(k));
		json_decref(v);
	} else if (json_object_set_new(o, json_string_value(k), v))
		(void)parser_nomem(p);
	else
		rc = 0;
	json_decref(k);
	return (rc);
}
