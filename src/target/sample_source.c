#include <stdlib.h>
#include <string.h>

#include "target/sample_internal.h"

/* More is a mistake, and ids index an array. */
#define SOURCES_MAX (UINT32_C(1) << 22)

struct sample_source *
sample_source_make(struct sample_store * S, uint32_t id, uint32_t tbl,
    const char * name)
{
	struct sample_source * src, ** v;
	size_t len = strlen(name);
	uint32_t cap = S->capsources;

	if (id >= SOURCES_MAX || (id < S->nsources && S->sources[id] != NULL))
		return (NULL);
	if (id >= cap) {
		while (id >= cap)
			cap = cap ? cap * 2 : 64;
		if ((v = realloc(S->sources, cap * sizeof(*v))) == NULL)
			return (NULL);
		S->sources = v;
		S->capsources = cap;
	}
	if ((src = calloc(1, sizeof(*src))) == NULL ||
	    (src->key = malloc(sizeof(tbl) + len + 1)) == NULL) {
		free(src);
		return (NULL);
	}
	memcpy(src->key, &tbl, sizeof(tbl));
	src->name = src->key + sizeof(tbl);
	memcpy(src->name, name, len + 1);
	src->S = S;
	src->id = id;
	src->tbl = tbl;
	src->fence = src->last_at = src->oldest_at = SAMPLE_NONE;
	for (; S->nsources <= id; S->nsources++)
		S->sources[S->nsources] = NULL;
	S->sources[id] = src;
	HASH_ADD_KEYPTR(hh, S->by_name, src->key, sizeof(tbl) + len, src);
	return (src);
}

static struct sample_source *
source_find(struct sample_store * S, uint32_t tbl, const char * name)
{
	struct sample_source * src;
	size_t len = strlen(name);
	char * key;

	if ((key = malloc(sizeof(tbl) + len + 1)) == NULL)
		return (NULL);
	memcpy(key, &tbl, sizeof(tbl));
	memcpy(key + sizeof(tbl), name, len + 1);
	HASH_FIND(hh, S->by_name, key, sizeof(tbl) + len, src);
	free(key);
	return (src);
}

struct sample_tbl *
sample_source_tbl(struct sample_store * S, uint32_t id, const char * name)
{
	struct sample_tbl * v;

	v = realloc(S->tbls, (S->ntbls + 1) * sizeof(*v));
	if (v == NULL)
		return (NULL);
	S->tbls = v;
	v += S->ntbls;
	v->id = id;
	v->is_stored = 0;
	if ((v->name = strdup(name)) == NULL)
		return (NULL);
	S->ntbls++;
	return (v);
}

struct sample_source *
sample_source_open(struct sample_store * S, const char * table,
    const char * name, struct err * e)
{
	struct sample_source * src = NULL;
	struct sample_tbl * t = NULL;
	uint32_t i, top = 0;

	for (i = 0; i < S->ntbls; i++) {
		if (strcmp(S->tbls[i].name, table) == 0)
			t = &S->tbls[i];
		if (S->tbls[i].id > top)
			top = S->tbls[i].id;
	}
	/* Their rows are written together with the first tick. */
	if (t == NULL)
		t = sample_source_tbl(S, top + 1, table);
	if (t != NULL && (src = source_find(S, t->id, name)) == NULL)
		src = sample_source_make(S, S->nsources > 0 ? S->nsources : 1,
		    t->id, name);
	if (src == NULL || src->opens == UINT16_MAX) {
		err_nomem(e, "a source of samples");
		return (NULL);
	}
	src->opens++;
	return (src);
}

void
sample_source_release(struct sample_source * src)
{
	free(src->last);
	src->last = NULL;
	src->nlast = 0;
	src->run_len = 0;
	sample_layout_unref(src->layout);
	src->layout = NULL;
	if (src->lay != NULL)
		sample_lay_unref(src->S, src->lay, 1);
	src->lay = NULL;
}

void
sample_source_close(struct sample_source * src)
{
	struct sample_group * g;
	uint32_t i;

	if (src == NULL || src->opens == 0 || --src->opens > 0)
		return;
	/* What is pending is still committed; nobody waits for it now. */
	g = &src->S->group;
	for (i = 0; i < g->n; i++)
		if (g->v[i].src == src)
			g->v[i].cb = NULL;
	if (src->inflight == 0)
		sample_source_release(src);
}

void
sample_source_free(struct sample_source * src)
{
	if (src == NULL)
		return;
	sample_layout_unref(src->layout);
	free(src->last);
	free(src->key);
	free(src);
}

struct sample_layout *
sample_source_layout(const struct sample_source * src)
{
	return (src->layout);
}

int64_t
sample_source_last_at(const struct sample_source * src)
{
	return (src->last_at);
}

void
sample_source_retain(struct sample_source * src, int64_t ms)
{
	src->retain_ms = ms > 0 ? ms : 0;
	sample_compact_kick(src->S);
}
