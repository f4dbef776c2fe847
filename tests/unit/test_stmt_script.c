#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stmt/stmt_hold.h"
#include "stmt/stmt_internal.h"

/* What scripts are made of: classes of errors, and rows held back. */

static void
test_classes(void ** state)
{
	static const struct {
		enum err_class cls;
		const char * code;
		enum ast_class is;
	} v[] = {
		{ ERR_CONFIG, "http_401", CLASS_AUTH },
		{ ERR_PERMANENT, "http_403", CLASS_AUTH },
		{ ERR_CONFIG, "auth", CLASS_AUTH },
		{ ERR_CONFIG, "secret", CLASS_AUTH },
		{ ERR_TRANSIENT, "rate_limit", CLASS_RATE_LIMIT },
		{ ERR_TRANSIENT, "http_429", CLASS_RATE_LIMIT },
		{ ERR_TRANSIENT, "timeout", CLASS_TIMEOUT },
		{ ERR_TRANSIENT, "connect_timeout", CLASS_TIMEOUT },
		{ ERR_TRANSIENT, "deadline", CLASS_TIMEOUT },
		{ ERR_CONFIG, "bad_args", CLASS_CONFIG },
		{ ERR_TRANSIENT, "http_500", CLASS_CONNECTOR },
		{ ERR_PERMANENT, "parse", CLASS_CONNECTOR },
		{ ERR_PERMANENT, "ambiguous", CLASS_CONNECTOR },
		{ ERR_PERMANENT, "ambiguous_name", CLASS_OTHERS },
		{ ERR_PERMANENT, "sql", CLASS_OTHERS },
		{ ERR_PERMANENT, "no_table", CLASS_OTHERS },
		{ ERR_TRANSIENT, "memory", CLASS_OTHERS },
		{ ERR_CANCELLED, "cancelled", CLASS_OTHERS },
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		err_set(&e, v[i].cls, v[i].code, "x");
		assert_int_equal(stmt_class(&e), v[i].is);
		assert_int_equal(stmt_class_catches(v[i].is, &e),
		    v[i].cls != ERR_CANCELLED);
		assert_int_equal(stmt_class_catches(CLASS_OTHERS, &e),
		    v[i].cls != ERR_CANCELLED);
		assert_int_equal(stmt_class_catches(CLASS_CONNECTOR, &e),
		    v[i].is != CLASS_OTHERS);
	}
	err_set(&e, ERR_TRANSIENT, "http_500", "x");
	assert_true(stmt_class_is_service(&e));
	assert_false(stmt_class_catches(CLASS_AUTH, &e));
	err_set(&e, ERR_TRANSIENT, "deadline", "x");
	assert_false(stmt_class_is_service(&e));
	err_set(&e, ERR_PERMANENT, "max_api_calls", "x");
	assert_false(stmt_class_is_service(&e));
}

/* A sink that counts, and says wait where told. */
struct seen {
	size_t columns, rows, wait_at;
	int64_t sum;
	size_t bytes;
};

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct seen * s = arg;

	assert_int_equal(n, 2);
	assert_string_equal(names[1], "b");
	assert_string_equal(types[0], "INTEGER");
	s->columns++;
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct seen * s = arg;

	assert_int_equal(n, 2);
	s->rows++;
	s->sum += v[0].i;
	s->bytes += v[1].len;
	assert_int_equal(v[1].s[v[1].len], '\0');
	return (s->wait_at != 0 && s->rows % s->wait_at == 0);
}

static int
put(struct stmt_hold * h, int64_t i, const char * text)
{
	struct query_value v[2] = { { .type = QUERY_INT, .i = i, .s = "" },
	    { .type = QUERY_TEXT, .s = text, .len = strlen(text) } };

	return (stmt_hold_row(h, 2, v));
}

static void
put_columns(struct stmt_hold * h)
{
	static const char * const cols[] = { "a", "b", "INTEGER", "TEXT" };

	stmt_hold_columns(h, 2, cols, cols + 2);
}

static void
test_hold(void ** state)
{
	struct seen s = { .wait_at = 3 };
	struct query_sink sink = { .columns = on_columns, .row = on_row, .arg = &s };
	struct stmt_hold root, h;
	int i, waits = 0;

	(void)state;
	stmt_hold_init(&root, NULL, &sink);
	stmt_hold_init(&h, &root, NULL);
	put_columns(&h);
	for (i = 1; i <= 10; i++)
		assert_int_equal(put(&h, i, "text"), 0);
	assert_int_equal(s.columns, 0);
	while (stmt_hold_let_go(&h))
		waits++;
	assert_int_equal(waits, 3);
	assert_int_equal(s.columns, 1);
	assert_int_equal(s.rows, 10);
	assert_int_equal(s.sum, 55);
	/* Now it streams: the sink's word is the answer. */
	assert_int_equal(put(&h, 1, ""), 0);
	assert_int_equal(put(&h, 1, ""), 1);
	stmt_hold_free(&h);
	/* Forgotten is forgotten. */
	stmt_hold_init(&h, &root, NULL);
	put_columns(&h);
	put(&h, 100, "x");
	stmt_hold_free(&h);
	assert_int_equal(s.sum, 57);
	stmt_hold_free(&root);
}

/* Two that hold: what the inner lets go fills the outer, which then lets go. */
static void
test_overflow(void ** state)
{
	struct seen s = { 0 };
	struct query_sink sink = { .columns = on_columns, .row = on_row, .arg = &s };
	struct stmt_hold root, outer, inner;
	char * text = malloc(1 << 20);
	size_t i;

	(void)state;
	memset(text, 'x', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	stmt_hold_init(&root, NULL, &sink);
	stmt_hold_init(&outer, &root, NULL);
	stmt_hold_init(&inner, &outer, NULL);
	put_columns(&inner);
	for (i = 0; put(&inner, 1, text) == 0; i++)
		assert_true(i < 17);
	assert_true(stmt_hold_is_full(&inner));
	assert_int_equal(s.rows, 0);
	assert_int_equal(stmt_hold_let_go(&inner), 0);
	assert_false(stmt_hold_is_full(&inner));
	assert_true(inner.streaming);
	/* The outer one became full as the last row came, or does soon. */
	while (!outer.streaming) {
		if (put(&inner, 1, text))
			assert_int_equal(stmt_hold_let_go(&inner), 0);
		i++;
	}
	put(&inner, 1, "last");
	assert_int_equal(s.columns, 1);
	assert_int_equal(s.sum, (int64_t)s.rows);
	assert_int_equal(s.bytes, (s.rows - 1) * ((1 << 20) - 1) + 4);
	assert_false(stmt_hold_is_lost(&inner));
	stmt_hold_free(&inner);
	stmt_hold_free(&outer);
	stmt_hold_free(&root);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes), cmocka_unit_test(test_hold),
		cmocka_unit_test(test_overflow),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
