/* Values as they stand in documents. */
#include "target/elastic_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
elastic_value_int(struct buf * b, int64_t v)
{
	char s[24], * p = s + sizeof(s);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(s + sizeof(s) - p));
}

/* As few digits as read back the same, and never an integer's: the engine would
 * take the first one for the type of a field it has to guess. */
void
elastic_value_real(struct buf * b, double v)
{
	char s[40];
	int digits;

	if (v >= -1e15 && v <= 1e15 && v == (double)(int64_t)v &&
	    !(v == 0 && signbit(v))) {
		elastic_value_int(b, (int64_t)v);
		buf_add(b, ".0", 2);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, v);
		if (digits == 17 || strtod(s, NULL) == v)
			break;
	}
	buf_adds(b, s);
}

/* JSON as it is, but on one line: a line's end can only be space in it. */
static void
add_json(struct buf * b, const char * s, size_t n)
{
	size_t i = b->len;

	if (buf_add(b, s, n))
		return;
	if (memchr(s, '\n', n) == NULL && memchr(s, '\r', n) == NULL)
		return;
	for (; i < b->len; i++)
		if (b->p[i] == '\n' || b->p[i] == '\r')
			b->p[i] = ' ';
}

size_t
elastic_value_string_end(const char * s, size_t i, size_t n)
{
	for (i++; i < n && s[i] != '"'; i++)
		if (s[i] == '\\')
			i++;
	return (i < n ? i + 1 : n);
}

/* Where the object that begins at s[i] ends: behind its brace. */
static size_t
object_end(const char * s, size_t i, size_t n)
{
	size_t depth = 0;

	while (i < n) {
		if (s[i] == '"') {
			i = elastic_value_string_end(s, i, n);
			continue;
		}
		if (s[i] == '{')
			depth++;
		else if (s[i] == '}' && --depth == 0)
			return (i + 1);
		i++;
	}
	return (n);
}

/* A list.  Its objects become texts: the field is one of words, and the engine
 * would refuse the whole row. */
static void
add_list(struct buf * b, const char * s, size_t n)
{
	size_t i = 0, from = 0, end;

	if (memchr(s, '{', n) == NULL) {
		add_json(b, s, n);
		return;
	}
	while (i < n) {
		if (s[i] == '"') {
			i = elastic_value_string_end(s, i, n);
		} else if (s[i] == '{') {
			add_json(b, s + from, i - from);
			end = object_end(s, i, n);
			buf_add_json_str(b, s + i, end - i);
			from = i = end;
		} else {
			i++;
		}
	}
	add_json(b, s + from, n - from);
}

void
elastic_value_add(struct buf * b, enum column_type type, const struct value * v)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		buf_add(b, "null", 4);
		break;
	case VALUE_INT:
		if (type == COLUMN_BOOLEAN && (v->i == 0 || v->i == 1))
			buf_adds(b, v->i ? "true" : "false");
		else if (type == COLUMN_TEXT)
			buf_addf(b, "\"%lld\"", (long long)v->i);
		else
			elastic_value_int(b, v->i);
		break;
	case VALUE_REAL:
		elastic_value_real(b, v->d);
		break;
	case VALUE_TEXT:
		if (type == COLUMN_LIST)
			add_list(b, v->s, v->len);
		else if (type == COLUMN_MAP)
			add_json(b, v->s, v->len);
		else
			buf_add_json_str(b, v->s, v->len);
		break;
	}
}
