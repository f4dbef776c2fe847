#include "config.h"

#include "cli/prompt_target.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "cli/table.h"

/* \d of a table in a target: no entity describes it, so its columns are those of a
 * SELECT of no rows. */

#define ANSWER_MAX ((size_t)4 << 20)

int
prompt_target_is(struct prompt * p, const char * name)
{
	const json_t * list;
	const char * s;
	size_t i;

	if (strpbrk(name, "-*:") != NULL)
		return (1);
	prompt_names_begin(p->names);
	if (prompt_names_type(p->names, name) != NULL)
		return (0);
	list = prompt_names_get(p->names, PROMPT_NAMES_TARGETS, "", "");
	for (i = 0; i < json_array_size(list); i++) {
		s = json_string_value(json_array_get(list, i));
		if (s != NULL && strcasecmp(s, name) == 0)
			return (1);
	}
	return (0);
}

static int
print(struct prompt * p, const json_t * cols)
{
	static const char * const heads[] = { "column", "type" };
	const struct table_opts o = { .width = p->scr->width,
	    .utf8 = p->scr->utf8, .color = p->scr->color };
	struct buf out = BUF_INIT(0);
	struct table * t = table_new(&o, 2);
	const char * s;
	const json_t * c;
	struct err e;
	size_t i, k;
	int rc = t == NULL;

	for (k = 0; k < 2 && rc == 0; k++)
		rc = table_head(t, k, heads[k], strlen(heads[k]), 0);
	for (i = 0; i < json_array_size(cols) && rc == 0; i++) {
		c = json_array_get(cols, i);
		s = json_str(c, "name");
		rc = table_cell(t, TABLE_TEXT, s ? s : "", s ? strlen(s) : 0);
		s = json_str(c, "type");
		if (rc == 0)
			rc = table_cell(t, TABLE_TEXT, s ? s : "",
			    s ? strlen(s) : 0);
	}
	if (rc == 0)
		rc = table_end(t, &out) || screen_write(p->scr, &out, &e);
	table_free(t);
	buf_free(&out);
	return (rc);
}

void
prompt_target_describe(struct prompt * p, const char * name)
{
	struct buf sql = BUF_INIT(4096), body = BUF_INIT(8192);
	struct buf answer = BUF_INIT(ANSWER_MAX);
	json_t * o = NULL;
	struct err e;
	int rc = -1;

	buf_addf(&sql, "SELECT * FROM %s LIMIT 0", name);
	buf_adds(&body, "{\"format\":\"json\",\"sql\":");
	if (!sql.failed)
		buf_add_json_str(&body, sql.p, sql.len);
	buf_addc(&body, '}');
	if (sql.failed || body.failed)
		err_nomem(&e, "the request");
	else
		rc = client_http_send(p->c, "POST", "/v1/query", body.p,
		    body.len, &answer, &e);
	if (rc == 0 && (o = json_parse(answer.p ? answer.p : "", answer.len,
	    "the answer", &e)) == NULL)
		rc = -1;
	if (rc == 0 && print(p, json_object_get(o, "columns")))
		rc = err_nomem(&e, "the table");
	if (rc)
		screen_complain(p->scr, "%s", e.msg);
	json_decref(o);
	buf_free(&answer);
	buf_free(&body);
	buf_free(&sql);
}
