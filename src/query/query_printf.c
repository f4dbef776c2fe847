#include <stdlib.h>
#include <string.h>

#include "query/query_internal.h"

/*
 * printf() and format(): SQLite's own count a precision down one by one, also
 * long after the result has become too large (printf('%.*c', 9e8, 'x') takes
 * seconds).  Here widths and precisions are bounded and each directive is handed
 * to sqlite3_str_appendf by itself.
 */
#define MAX_WIDTH 10000
#define MAX_DIGITS 350 /* of a number */

struct spec {
	char flags[8];
	size_t flags_n;
	int width, prec; /* prec -1: none */
	char conv;
};

struct args {
	sqlite3_value ** v;
	int n, used;
};

static sqlite3_value *
next_arg(struct args * a)
{
	return (a->used < a->n ? a->v[a->used++] : NULL);
}

static sqlite3_int64
int_arg(struct args * a)
{
	sqlite3_value * v = next_arg(a);

	return (v == NULL ? 0 : sqlite3_value_int64(v));
}

/* A number in the format, or a star and an argument.  -1: out of bounds. */
static int
read_number(const char ** p, struct args * a, int * out)
{
	sqlite3_int64 n = 0;

	if (**p == '*') {
		++*p;
		n = int_arg(a);
	} else
		for (; **p >= '0' && **p <= '9'; ++*p)
			if (n <= MAX_WIDTH)
				n = n * 10 + (**p - '0');
	if (n < -MAX_WIDTH || n > MAX_WIDTH)
		return (-1);
	*out = (int)n;
	return (0);
}

/* Read what follows a "%".  -1: a width or precision out of bounds. */
static int
read_spec(const char ** p, struct args * a, struct spec * sp)
{
	memset(sp, 0, sizeof(*sp));
	sp->prec = -1;
	for (; **p != '\0' && strchr("-+ 0#,!", **p) != NULL; ++*p)
		if (memchr(sp->flags, **p, sp->flags_n) == NULL)
			sp->flags[sp->flags_n++] = **p;
	if (read_number(p, a, &sp->width))
		return (-1);
	if (sp->width < 0) {
		sp->width = -sp->width;
		if (memchr(sp->flags, '-', sp->flags_n) == NULL)
			sp->flags[sp->flags_n++] = '-';
	}
	if (**p == '.') {
		++*p;
		if (read_number(p, a, &sp->prec))
			return (-1);
		if (sp->prec < 0)
			sp->prec = -sp->prec;
	}
	while (**p == 'l')
		++*p;
	sp->conv = **p;
	if (sp->conv != '\0')
		++*p;
	if (sp->prec > MAX_DIGITS && strchr("diufeEgGxXop", sp->conv) != NULL)
		return (-1);
	return (0);
}

static void
put_spec(sqlite3_str * str, const struct spec * sp, struct args * a)
{
	char fmt[48];
	sqlite3_value * v;
	const char * s;
	size_t n;

	fmt[0] = '%';
	memcpy(fmt + 1, sp->flags, sp->flags_n);
	n = 1 + sp->flags_n;
	sqlite3_snprintf((int)(sizeof(fmt) - n), fmt + n, "%d", sp->width);
	if (sp->width == 0)
		fmt[n] = '\0';
	n = strlen(fmt);
	if (sp->prec >= 0 && sp->conv != 'c')
		sqlite3_snprintf((int)(sizeof(fmt) - n), fmt + n, ".%d",
		    sp->prec);
	n = strlen(fmt);
	switch (sp->conv) {
	case 'd': case 'i': case 'u': case 'x': case 'X': case 'o': case 'p':
		sqlite3_snprintf((int)(sizeof(fmt) - n), fmt + n, "ll%c",
		    sp->conv == 'i' ? 'd' : sp->conv == 'p' ? 'X' : sp->conv);
		sqlite3_str_appendf(str, fmt, int_arg(a));
		break;
	case 'f': case 'e': case 'E': case 'g': case 'G':
		fmt[n] = sp->conv;
		fmt[n + 1] = '\0';
		v = next_arg(a);
		sqlite3_str_appendf(str, fmt,
		    v == NULL ? 0.0 : sqlite3_value_double(v));
		break;
	case 's': case 'z': case 'q': case 'Q': case 'w': case 'c':
		if (sp->conv == 'c')
			/* The first character; "!" counts characters. */
			sqlite3_snprintf((int)sizeof(fmt), fmt, "%%!%s%d.1s",
			    memchr(sp->flags, '-', sp->flags_n) ? "-" : "",
			    sp->width);
		else {
			fmt[n] = sp->conv == 'z' ? 's' : sp->conv;
			fmt[n + 1] = '\0';
		}
		v = next_arg(a);
		s = v == NULL ? NULL : (const char *)sqlite3_value_text(v);
		sqlite3_str_appendf(str, fmt, s);
		break;
	case '%':
		sqlite3_str_appendchar(str, 1, '%');
		break;
	default:
		break;
	}
}

static void
printf_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	const char * p, * percent;
	struct args a = { v + 1, n - 1, 0 };
	struct spec sp;
	sqlite3_str * str;
	char * out;
	int rc, len, steps = 0;

	if (n < 1 || (p = (const char *)sqlite3_value_text(v[0])) == NULL)
		return;
	str = sqlite3_str_new(sqlite3_context_db_handle(c));
	while ((percent = strchr(p, '%')) != NULL &&
	    sqlite3_str_errcode(str) == SQLITE_OK) {
		sqlite3_str_append(str, p, (int)(percent - p));
		p = percent + 1;
		if (read_spec(&p, &a, &sp)) {
			sqlite3_free(sqlite3_str_finish(str));
			sqlite3_result_error(c, "a width of more than 10000, "
			    "or a number of more than 350 digits, in a format",
			    -1);
			return;
		}
		if (sp.conv == '\0' || (++steps % 1024 == 0 &&
		    query_breathe(sqlite3_user_data(c))))
			break;
		put_spec(str, &sp, &a);
	}
	if (percent == NULL)
		sqlite3_str_appendall(str, p);
	rc = sqlite3_str_errcode(str);
	len = sqlite3_str_length(str);
	out = sqlite3_str_finish(str);
	if (rc == SQLITE_OK && out != NULL) {
		sqlite3_result_text(c, out, len, sqlite3_free);
		return;
	}
	sqlite3_free(out);
	if (rc == SQLITE_TOOBIG)
		sqlite3_result_error_toobig(c);
	else if (rc != SQLITE_OK)
		sqlite3_result_error_nomem(c);
	else
		sqlite3_result_text(c, "", 0, SQLITE_STATIC);
}

int
query_printf_register(struct query * q)
{
	static const char * const names[] = { "printf", "format" };
	int i, rc = SQLITE_OK;

	for (i = 0; i < 2 && rc == SQLITE_OK; i++)
		rc = sqlite3_create_function(q->db, names[i], -1,
		    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, q,
		    printf_func, NULL, NULL);
	return (rc);
}
