#ifndef MOLTLER_TESTS_DECODE_RIG_H
#define MOLTLER_TESTS_DECODE_RIG_H

/* An entity made by hand, and its rows as text: for tests of decode_json. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/decode_json.h"

#define RIG_COLUMNS 64

struct rig {
	struct manifest_column columns[RIG_COLUMNS];
	struct manifest_list list;
	struct manifest_entity ent;
	struct decode_plan * plan;
};

static inline struct json_path *
rig_path(const char * s)
{
	struct json_path * p;
	struct err e;

	if ((p = json_path_parse(s, &e)) == NULL) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	return (p);
}

/*
 * ${spec}: columns as "name:type[:path]" parted by blanks; types are those of a
 * manifest, "epoch_s", "epoch_ms", "epoch_us", "own", "ownz", "ownl" for timestamps so written, "adf" for a
 * document's text and "input" for an input without a path.
 */
static inline void
rig_columns(struct rig * r, const char * spec)
{
	static const char * const types[] = { "text", "integer", "real", "boolean",
	    "timestamp", "list", "map" };
	char * copy = strdup(spec), * save = NULL, * s, * type, * path;
	struct manifest_column * c;
	size_t i;

	for (s = strtok_r(copy, " ", &save); s != NULL;
	    s = strtok_r(NULL, " ", &save)) {
		c = &r->columns[r->ent.ncolumns++];
		type = strchr(s, ':');
		*type++ = '\0';
		if ((path = strchr(type, ':')) != NULL)
			*path++ = '\0';
		c->name = strdup(s);
		c->type = COLUMN_TEXT;
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (strcmp(type, types[i]) == 0)
				c->type = (enum column_type)i;
		if (strncmp(type, "epoch", 5) == 0) {
			c->type = COLUMN_TIMESTAMP;
			c->time = type[6] == 's' ? TIME_EPOCH_S : TIME_EPOCH_MS;
			if (strcmp(type, "epoch_ms") == 0)
				c->time = TIME_EPOCH_MS;
			if (strcmp(type, "epoch_us") == 0)
				c->time = TIME_EPOCH_US;
		}
		if (strncmp(type, "own", 3) == 0) {
			c->type = COLUMN_TIMESTAMP;
			c->time = TIME_STRFTIME;
			c->own.format = type[3] == 'z' ?
			    "%d/%b/%Y %H:%M:%S %z" : type[3] == 'l' ?
			    "%Y-%m-%dT%H:%M:%SZ" : "%d/%b/%Y %H:%M:%S";
			c->own.zone_ms = type[3] == 'z' ? 0 : 7200000;
			c->own.else_null = type[3] == 'n';
		}
		c->text = strcmp(type, "adf") == 0;
		c->is_input = strcmp(type, "input") == 0;
		if (!c->is_input)
			c->path = rig_path(path != NULL ? path : s);
	}
	free(copy);
}

static inline void
rig_init(struct rig * r, const char * records, const char * spec)
{
	memset(r, 0, sizeof(*r));
	r->ent.name = "things";
	r->ent.columns = r->columns;
	r->list.records = records != NULL ? rig_path(records) : NULL;
	rig_columns(r, spec);
}

static inline void
rig_plan(struct rig * r)
{
	struct err e;

	if ((r->plan = decode_plan_new(&r->ent, &r->list, &e)) == NULL) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
}

static inline void
rig_free(struct rig * r)
{
	size_t i;

	decode_plan_unref(r->plan);
	for (i = 0; i < r->ent.ncolumns; i++) {
		free((char *)(uintptr_t)r->columns[i].name);
		json_path_free(r->columns[i].path);
	}
	for (i = 0; i < BODY_FIELDS; i++)
		json_path_free(r->list.paginate.field[i]);
	json_path_free(r->list.records);
	json_path_free(r->ent.explode);
	json_path_free(r->ent.drop_if);
}

/* Rows parted by ";", cells by ",": NULL, 1, 1.5, 'text'. */
static inline void
rig_show(const struct page * p, struct buf * b)
{
	const struct value * v;
	size_t i, c;

	for (i = 0; i < p->nrows; i++) {
		v = page_at(p, i);
		for (c = 0; c < p->ncols; c++, v++) {
			if (c > 0)
				buf_addc(b, ',');
			switch (v->type) {
			case VALUE_NULL:
				buf_adds(b, "NULL");
				break;
			case VALUE_INT:
				buf_addf(b, "%" PRId64, v->i);
				break;
			case VALUE_REAL:
				buf_addf(b, "%.17g", v->d);
				break;
			default:
				buf_addc(b, '\'');
				buf_add(b, v->s, v->len);
				buf_addc(b, '\'');
				break;
			}
		}
		buf_addc(b, ';');
	}
}

/* Feed ${n} bytes in pieces, as ${pieces} says (0: whole, 1: byte by byte), each in
 * memory of its own, so that a step beyond it is seen; whether it was bad. */
static inline int
rig_feed(struct decode_json * d, const uint8_t * p, size_t n, unsigned pieces)
{
	size_t most = pieces == 0 ? n : 1, i, take;
	char * copy;
	int bad = 0;

	for (i = 0; i < n && !bad; i += take) {
		if (pieces > 1)
			most = 1 + (pieces * 7 + i * 3) % 61;
		take = n - i < most ? n - i : most;
		if ((copy = malloc(take)) == NULL)
			abort();
		memcpy(copy, p + i, take);
		bad = decode_json_feed(d, copy, take);
		free(copy);
	}
	return (bad);
}

#endif
