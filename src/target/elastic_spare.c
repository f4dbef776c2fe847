#include "target/elastic_spare.h"

#include <string.h>

#include "decode/decode_json.h"
#include "target/elastic_columns.h"

/* Compiled paths cost about what a page does, and scratch space is a page's size:
 * both are kept for who comes next. */
#define KEPT 4
static struct {
	struct manifest * m;
	struct decode_plan * paths;
} kept[KEPT];
static unsigned next_kept;
static struct decode_json * spare[KEPT];
static size_t nspare;

struct decode_plan *
elastic_spare_paths(struct manifest * m, struct err * e)
{
	const struct manifest_entity * hits = &m->entities[ELASTIC_HITS];
	struct decode_plan * p;
	size_t i;

	for (i = 0; i < KEPT; i++)
		if (kept[i].m == m)
			return (decode_plan_ref(kept[i].paths));
	if ((p = decode_plan_new(hits, &hits->lists[0], e)) == NULL)
		return (NULL);
	i = next_kept++ % KEPT;
	manifest_unref(kept[i].m);
	decode_plan_unref(kept[i].paths);
	kept[i].m = manifest_ref(m);
	kept[i].paths = decode_plan_ref(p);
	return (p);
}

struct decode_json *
elastic_spare_decoder(void)
{
	return (nspare > 0 ? spare[--nspare] : decode_json_new());
}

void
elastic_spare_give(struct decode_json * d)
{
	if (d != NULL && nspare < KEPT)
		spare[nspare++] = d;
	else
		decode_json_free(d);
}

void
elastic_spare_cleanup(void)
{
	size_t i;

	for (i = 0; i < KEPT; i++) {
		manifest_unref(kept[i].m);
		decode_plan_unref(kept[i].paths);
	}
	memset(kept, 0, sizeof(kept));
	while (nspare > 0)
		decode_json_free(spare[--nspare]);
}
