#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "query/query_internal.h"

/*
 * SQLite's own like, glob, instr, replace and trim take the product of their
 * arguments' lengths in the worst case, in one call in which nothing can be
 * interrupted: minutes for two texts of megabytes.  These do the same in linear
 * time, or stop to breathe.
 */
#define BREATHE_STEPS 65536

struct text {
	const char * s;
	size_t n;
};

static struct text
text_of(sqlite3_value * v)
{
	struct text t;

	t.s = (const char *)sqlite3_value_text(v);
	t.n = t.s == NULL ? 0 : (size_t)sqlite3_value_bytes(v);
	return (t);
}

static int
any_null(int n, sqlite3_value ** v)
{
	int i;

	for (i = 0; i < n; i++)
		if (sqlite3_value_type(v[i]) == SQLITE_NULL)
			return (1);
	return (0);
}

/* The bytes of the character at ${s}; torn ones count as one byte. */
static size_t
char_len(const char * s, size_t n)
{
	size_t k = (unsigned char)*s < 0x80 ? 1 : utf8_seq(s, n);

	return (k == 0 ? 1 : k);
}

static char
lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
}

/* A LIKE or GLOB under way: on a mismatch only the last star need try again one
 * character further, so there is no recursion. */
struct match {
	struct query * q;
	const char * p, * pe; /* the pattern's rest */
	const char * s, * se; /* the text's rest */
	const char * star_p, * star_s;
	struct text esc;
	int glob;
	long steps;
};

/* Decode one character for a range in [a-z]. */
static unsigned
code_of(const char * s, size_t k)
{
	const unsigned char * u = (const unsigned char *)s;

	switch (k) {
	case 2:
		return ((u[0] & 0x1fU) << 6 | (u[1] & 0x3fU));
	case 3:
		return ((u[0] & 0xfU) << 12 | (u[1] & 0x3fU) << 6 |
		    (u[2] & 0x3fU));
	case 4:
		return ((u[0] & 7U) << 18 | (u[1] & 0x3fU) << 12 |
		    (u[2] & 0x3fU) << 6 | (u[3] & 0x3fU));
	default:
		return (u[0]);
	}
}

/* Match the character at ${s} against the set whose "[" was read.  1 or 0, and
 * ${*pp} after the "]"; -1 if the set has no end. */
static int
in_set(const char ** pp, const char * pe, const char * s, size_t k)
{
	unsigned c = code_of(s, k), from, to;
	const char * p = *pp, * first;
	int invert = 0, seen = 0;
	size_t n;

	if (p < pe && *p == '^') {
		invert = 1;
		p++;
	}
	for (first = p; p < pe && (*p != ']' || p == first);) {
		n = char_len(p, (size_t)(pe - p));
		from = to = code_of(p, n);
		p += n;
		if (pe - p >= 2 && p[0] == '-' && p[1] != ']') {
			p++;
			n = char_len(p, (size_t)(pe - p));
			to = code_of(p, n);
			p += n;
		}
		if (c >= from && c <= to)
			seen = 1;
	}
	if (p >= pe)
		return (-1);
	*pp = p + 1;
	return (seen != invert);
}

/* Match one character of the pattern that is no star: 1 and both advanced, 0
 * if it does not, -1 if nothing ever will. */
static int
match_one(struct match * m)
{
	size_t ps = (size_t)(m->pe - m->p), ss = (size_t)(m->se - m->s), k, n;
	const char * p = m->p;
	int escaped = 0, rc;

	if (ss == 0)
		return (0);
	n = char_len(m->s, ss);
	if (m->glob && *p == '[') {
		p++;
		if ((rc = in_set(&p, m->pe, m->s, n)) != 1)
			return (rc);
		m->p = p;
		m->s += n;
		return (1);
	}
	if (m->esc.n > 0 && ps >= m->esc.n &&
	    memcmp(p, m->esc.s, m->esc.n) == 0) {
		if ((ps -= m->esc.n) == 0)
			return (-1);
		p += m->esc.n;
		escaped = 1;
	}
	k = char_len(p, ps);
	if (!escaped && *p == (m->glob ? '?' : '_')) {
		m->p = p + 1;
		m->s += n;
		return (1);
	}
	if (k != n || (k > 1 ? memcmp(p, m->s, k) != 0 :
	    m->glob ? *p != *m->s : lower(*p) != lower(*m->s)))
		return (0);
	m->p = p + k;
	m->s += k;
	return (1);
}

/* 1 or 0; -1 when the query must stop. */
static int
match_run(struct match * m)
{
	char star = m->glob ? '*' : '%';
	int rc;

	for (;;) {
		if (++m->steps % BREATHE_STEPS == 0 && query_breathe(m->q))
			return (-1);
		if (m->p < m->pe && *m->p == star && !(m->esc.n == 1 &&
		    *m->esc.s == star)) {
			if (++m->p == m->pe)
				return (1);
			m->star_p = m->p;
			m->star_s = m->s;
			continue;
		}
		if (m->p == m->pe && m->s == m->se)
			return (1);
		rc = m->p == m->pe ? 0 : match_one(m);
		if (rc == 1)
			continue;
		if (rc < 0 || m->star_p == NULL || m->star_s >= m->se)
			return (0);
		m->star_s += char_len(m->star_s,
		    (size_t)(m->se - m->star_s));
		m->s = m->star_s;
		m->p = m->star_p;
	}
}

static void
match_call(sqlite3_context * c, int n, sqlite3_value ** v, int glob)
{
	int max = sqlite3_limit(sqlite3_context_db_handle(c),
	    SQLITE_LIMIT_LIKE_PATTERN_LENGTH, -1), rc;
	struct text p, s;
	struct match m;

	if (any_null(n, v))
		return;
	if (sqlite3_value_type(v[0]) == SQLITE_BLOB ||
	    sqlite3_value_type(v[1]) == SQLITE_BLOB) {
		sqlite3_result_int(c, 0);
		return;
	}
	memset(&m, 0, sizeof(m));
	p = text_of(v[0]);
	s = text_of(v[1]);
	if (p.s == NULL || s.s == NULL) {
		sqlite3_result_error_nomem(c);
		return;
	}
	if (p.n > (size_t)max) {
		sqlite3_result_error(c, "LIKE or GLOB pattern too complex", -1);
		return;
	}
	if (n == 3) {
		m.esc = text_of(v[2]);
		if (m.esc.n == 0 || char_len(m.esc.s, m.esc.n) != m.esc.n) {
			sqlite3_result_error(c,
			    "ESCAPE expression must be a single character", -1);
			return;
		}
	}
	m.q = sqlite3_user_data(c);
	m.glob = glob;
	m.p = p.s;
	m.pe = p.s + p.n;
	m.s = s.s;
	m.se = s.s + s.n;
	if ((rc = match_run(&m)) < 0)
		sqlite3_result_error_code(c, SQLITE_INTERRUPT);
	else
		sqlite3_result_int(c, rc);
}

static void
like_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	match_call(c, n, v, 0);
}

static void
glob_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	match_call(c, n, v, 1);
}

static void
instr_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	int bytes = sqlite3_value_type(v[0]) == SQLITE_BLOB &&
	    sqlite3_value_type(v[1]) == SQLITE_BLOB;
	const char * at, * p;
	struct text hay, needle;
	sqlite3_int64 i = 1;

	if (any_null(n, v))
		return;
	if (bytes) {
		hay.s = sqlite3_value_blob(v[0]);
		hay.n = (size_t)sqlite3_value_bytes(v[0]);
		needle.s = sqlite3_value_blob(v[1]);
		needle.n = (size_t)sqlite3_value_bytes(v[1]);
	} else {
		hay = text_of(v[0]);
		needle = text_of(v[1]);
	}
	if (needle.n == 0) {
		sqlite3_result_int(c, 1);
		return;
	}
	at = hay.n == 0 ? NULL : memmem(hay.s, hay.n, needle.s, needle.n);
	if (at == NULL) {
		sqlite3_result_int(c, 0);
		return;
	}
	if (bytes)
		i = at - hay.s + 1;
	else
		for (p = hay.s; p < at; i++)
			p += char_len(p, (size_t)(at - p));
	sqlite3_result_int64(c, i);
}

/* Hand over what ${str} holds, or its error. */
static void
result_str(sqlite3_context * c, sqlite3_str * str)
{
	int rc = sqlite3_str_errcode(str), n = sqlite3_str_length(str);
	char * s = sqlite3_str_finish(str);

	if (rc == SQLITE_TOOBIG) {
		sqlite3_free(s);
		sqlite3_result_error_toobig(c);
	} else if (rc != SQLITE_OK) {
		sqlite3_free(s);
		sqlite3_result_error_nomem(c);
	} else if (s == NULL)
		sqlite3_result_text(c, "", 0, SQLITE_STATIC);
	else
		sqlite3_result_text(c, s, n, sqlite3_free);
}

static void
replace_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	struct text s, from, to;
	sqlite3_str * str;
	const char * at;

	if (any_null(n, v))
		return;
	s = text_of(v[0]);
	from = text_of(v[1]);
	to = text_of(v[2]);
	if (from.n == 0 || s.n == 0) {
		sqlite3_result_value(c, v[0]);
		return;
	}
	str = sqlite3_str_new(sqlite3_context_db_handle(c));
	while (s.n > 0 && (at = memmem(s.s, s.n, from.s, from.n)) != NULL &&
	    sqlite3_str_errcode(str) == SQLITE_OK) {
		sqlite3_str_append(str, s.s, (int)(at - s.s));
		sqlite3_str_append(str, to.s, (int)to.n);
		s.n -= (size_t)(at - s.s) + from.n;
		s.s = at + from.n;
	}
	sqlite3_str_append(str, s.s, (int)s.n);
	result_str(c, str);
}

/* Whether the character at ${s} is one of ${set}. */
static int
in_chars(const char * s, size_t k, const struct text * set)
{
	size_t i, n;

	for (i = 0; i < set->n; i += n) {
		n = char_len(set->s + i, set->n - i);
		if (n == k && memcmp(set->s + i, s, k) == 0)
			return (1);
	}
	return (0);
}

/* No one trims by more characters than this, and the cost is the product. */
#define TRIM_SET 256

static void
trim(sqlite3_context * c, int n, sqlite3_value ** v, int left, int right)
{
	struct query * q = sqlite3_user_data(c);
	struct text s, set = { " ", 1 };
	size_t k;
	long steps = 0;

	if (any_null(n, v))
		return;
	s = text_of(v[0]);
	if (n == 2)
		set = text_of(v[1]);
	if (set.n > TRIM_SET) {
		sqlite3_result_error(c,
		    "more than 256 bytes of characters to trim", -1);
		return;
	}
	while (left && s.n > 0) {
		k = char_len(s.s, s.n);
		if (!in_chars(s.s, k, &set))
			break;
		s.s += k;
		s.n -= k;
		if (++steps % 4096 == 0 && query_breathe(q))
			break;
	}
	while (right && s.n > 0) {
		for (k = 1; k < 4 && k < s.n &&
		    ((unsigned char)s.s[s.n - k] & 0xc0) == 0x80; k++)
			continue;
		if (!in_chars(s.s + s.n - k, k, &set))
			break;
		s.n -= k;
		if (++steps % 4096 == 0 && query_breathe(q))
			break;
	}
	sqlite3_result_text(c, s.s, (int)s.n, SQLITE_TRANSIENT);
}

static void
trim_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	trim(c, n, v, 1, 1);
}

static void
ltrim_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	trim(c, n, v, 1, 0);
}

static void
rtrim_func(sqlite3_context * c, int n, sqlite3_value ** v)
{
	trim(c, n, v, 0, 1);
}

int
query_func_register(struct query * q)
{
	static const struct {
		const char * name;
		int n;
		void (*f)(sqlite3_context *, int, sqlite3_value **);
	} funcs[] = {
		{ "like", 2, like_func }, { "like", 3, like_func },
		{ "glob", 2, glob_func }, { "instr", 2, instr_func },
		{ "replace", 3, replace_func },
		{ "trim", 1, trim_func }, { "trim", 2, trim_func },
		{ "ltrim", 1, ltrim_func }, { "ltrim", 2, ltrim_func },
		{ "rtrim", 1, rtrim_func }, { "rtrim", 2, rtrim_func }
	};
	size_t i;
	int rc = SQLITE_OK;

	for (i = 0; i < sizeof(funcs) / sizeof(funcs[0]) && rc == SQLITE_OK;
	    i++)
		rc = sqlite3_create_function(q->db, funcs[i].name, funcs[i].n,
		    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, q,
		    funcs[i].f, NULL, NULL);
	return (rc);
}
