/* The tokenizer, the table names and the rewrite: offsets agree, nothing crashes,
 * and what comes out cuts into the same tokens. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sql/sql_names.h"
#include "sql/sql_rewrite.h"
#include "sql/token.h"
#include "fuzz.h"

static void
check_list(const struct token_list * list)
{
	size_t i, line, col, end = 0;

	for (i = 0; i < list->n; i++) {
		const struct token * t = &list->t[i];

		CHECK(t->off >= end && t->len > 0);
		CHECK(t->kind >= TOKEN_ID && t->kind <= TOKEN_BAD);
		end = t->off + t->len;
		CHECK(end <= list->len);
		if (i % 16 == 0) {
			token_place(list->sql, list->len, t->off, &line, &col);
			CHECK(line == t->line && col == t->col);
		}
	}
}

static void
check_split(const char * sql, size_t len, const struct token_list * list)
{
	struct token_stmt * st;
	size_t n, i, end = 0;
	struct err e;

	CHECK(token_split(sql, len, &st, &n, &e) == 0);
	for (i = 0; i < n; i++) {
		CHECK(st[i].len > 0 && st[i].off >= end);
		end = st[i].off + st[i].len;
		CHECK(end <= len);
		CHECK(st[i].ended || i + 1 == n);
	}
	CHECK((n == 0) <= (list->n == 0 || list->t[0].kind == TOKEN_SEMI));
	free(st);
}

/* Token ${k} of the output stands for token ${i} of the input. */
static void
check_same(const struct token_list * in, size_t i, const struct token_list * out,
    size_t k, const struct sql_rewrite * rw)
{
	const struct token * a = &in->t[i], * b = &out->t[k];

	CHECK(a->kind == b->kind);
	CHECK(sql_rewrite_offset(rw, b->off) == a->off);
	if (token_is(in, i, "contains") && token_is(out, k, "match"))
		return;
	CHECK(a->len == b->len);
	CHECK(memcmp(token_text(in, i), token_text(out, k), a->len) == 0);
}

/* Within what looks like an object, quotes are a text's. */
static int
is_quoted(const struct token * t)
{
	return (t->kind == TOKEN_QUOTED || t->kind == TOKEN_JSTRING);
}

static void
check_rewrite(const struct token_list * in, const struct sql_names * names,
    const struct sql_rewrite * rw)
{
	struct token_list out;
	size_t i, k, nm = 0, end;
	struct err e;

	CHECK(token_list(rw->sql.p, rw->sql.len, SIZE_MAX, &out, &e) == 0);
	for (i = k = 0; i < in->n; i++, k++) {
		CHECK(k < out.n);
		while (nm < names->n && (!names->v[nm].merged ||
		    names->v[nm].last < i))
			nm++;
		if (nm < names->n && names->v[nm].first == i) {
			CHECK(is_quoted(&out.t[k]));
			CHECK(sql_rewrite_offset(rw, out.t[k].off) ==
			    in->t[i].off);
			i = names->v[nm].last;
		} else if (in->t[i].kind == TOKEN_ID &&
		    is_quoted(&out.t[k])) {
			/* A name before a column: up to its end. */
			CHECK(sql_rewrite_offset(rw, out.t[k].off) ==
			    in->t[i].off);
			end = in->t[i].off + out.t[k].len - 2;
			while (in->t[i].off + in->t[i].len < end)
				i++;
			CHECK(in->t[i].off + in->t[i].len == end);
		} else
			check_same(in, i, &out, k, rw);
	}
	CHECK(k == out.n);
	CHECK(sql_rewrite_offset(rw, rw->sql.len) == in->len);
	token_list_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t len)
{
	char * sql = malloc(len + 1), name[64];
	struct token_list list;
	struct sql_names names;
	struct sql_rewrite rw;
	struct err e;
	size_t i;

	CHECK(sql != NULL);
	memcpy(sql, data, len);
	sql[len] = '\0';
	if (token_list(sql, len, SIZE_MAX, &list, &e)) {
		CHECK(strlen(e.msg) > 0 && strlen(e.msg) < sizeof(e.msg));
		free(sql);
		return (0);
	}
	check_list(&list);
	check_split(sql, len, &list);
	for (i = 0; i < list.n && i < 64; i++)
		if (token_name(&list, i, name, sizeof(name)) == 0)
			CHECK(strlen(name) < list.t[i].len + 1);
	if (sql_names(&list, 200, &names, &e) == 0) {
		for (i = 0; i < names.n; i++)
			CHECK(names.v[i].first <= names.v[i].last &&
			    names.v[i].last < list.n);
		CHECK(sql_rewrite(&list, &names, &rw, &e) == 0);
		check_rewrite(&list, &names, &rw);
		sql_rewrite_free(&rw);
		sql_names_free(&names);
	}
	token_list_free(&list);
	free(sql);
	return (0);
}
