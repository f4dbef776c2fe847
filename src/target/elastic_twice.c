#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "target/elastic_writer.h"

/*
 * A list that moves while it is read gives a row twice, as it was and as it is.
 * Both bear one version, so it is the order of arrival that decides; and two
 * requests are under way, and single lines are sent again.  So of two in one batch
 * only the last is sent, and a batch with a document of one before it waits.
 */

#define SLOTS_MIN 256

static const char *
id_of(const struct elastic_batch * b, size_t i, size_t * n)
{
	return (elastic_doc_id(b->body.p + b->at[i], b->at[i + 1] - b->at[i],
	    n));
}

/* Where ${hash} stands, from slot ${k} on, or would. */
static size_t
find(const struct elastic_slot * slots, size_t nslots, uint32_t hash, size_t k)
{
	for (k &= nslots - 1; slots[k].i != 0 && slots[k].hash != hash;)
		k = (k + 1) & (nslots - 1);
	return (k);
}

static int
grow(struct elastic_batch * b)
{
	size_t n = b->nslots ? 2 * b->nslots : SLOTS_MIN, i, k;
	struct elastic_slot * slots;

	if ((slots = calloc(n, sizeof(*slots))) == NULL)
		return (-1);
	for (i = 0; i < b->nslots; i++) {
		if (b->slots[i].i == 0)
			continue;
		for (k = b->slots[i].hash & (n - 1); slots[k].i != 0;)
			k = (k + 1) & (n - 1);
		slots[k] = b->slots[i];
	}
	free(b->slots);
	b->slots = slots;
	b->nslots = n;
	return (0);
}

static int
is_under_way(const struct elastic_batch * b)
{
	return (b->state == BATCH_READY || b->state == BATCH_SENT ||
	    b->state == BATCH_WAITING);
}

static int
has(const struct elastic_batch * b, uint32_t hash)
{
	return (b->nslots > 0 && b->slots[find(b->slots, b->nslots, hash,
	    hash)].i != 0);
}

static int
same_id(const struct elastic_batch * b, size_t i, const char * id, size_t n)
{
	size_t len;
	const char * other = id_of(b, i, &len);

	return (len == n && memcmp(other, id, n) == 0);
}

int
elastic_twice_add(struct elastic_batch * b)
{
	const struct elastic_writer * w = b->w;
	size_t i = b->n - 1, k, n;
	const char * id = id_of(b, i, &n);
	uint32_t hash = (uint32_t)hash64(hash64_secret(), id, n);

	for (k = 0; k < BATCHES; k++)
		if (is_under_way(&w->batch[k]) && has(&w->batch[k], hash))
			b->after = 1;
	if (2 * b->n > b->nslots && grow(b))
		return (-1);
	k = find(b->slots, b->nslots, hash, hash);
	while (b->slots[k].i != 0 && !same_id(b, b->slots[k].i - 1, id, n))
		k = find(b->slots, b->nslots, hash, k + 1);
	if (b->slots[k].i != 0) {
		b->kind[b->slots[k].i - 1] = ENTRY_OLD;
		b->old++;
	}
	b->slots[k].hash = hash;
	b->slots[k].i = (uint32_t)i + 1;
	return (0);
}

int
elastic_twice_waits(const struct elastic_batch * b)
{
	const struct elastic_writer * w = b->w;
	size_t i;

	for (i = 0; b->after && i < BATCHES; i++)
		if (is_under_way(&w->batch[i]) && w->batch[i].seq < b->seq)
			return (1);
	return (0);
}
