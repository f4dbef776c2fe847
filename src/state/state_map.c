#include "state/state_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hash64.h"

uint64_t
state_map_hash(struct state_map * m, const char * p, size_t n)
{
	if (m->key == 0) {
		if (getrandom(&m->key, sizeof(m->key), GRND_NONBLOCK) < 0)
			m->key = (uint64_t)clock_mono_us();
		m->key |= 1;
	}
	return (hash64(m->key, p, n));
}

static struct state_node *
skip_to(struct state_node * e, uint64_t hash)
{
	while (e != NULL && e->hash != hash)
		e = e->next;
	return (e);
}

struct state_node *
state_map_first(const struct state_map * m, uint64_t hash)
{
	if (m->nslots == 0)
		return (NULL);
	return (skip_to(m->slots[hash & (m->nslots - 1)], hash));
}

struct state_node *
state_map_next(const struct state_node * e)
{
	return (skip_to(e->next, e->hash));
}

static int
grow(struct state_map * m)
{
	size_t n = m->nslots ? m->nslots * 2 : 64, i;
	struct state_node ** slots = calloc(n, sizeof(*slots)), * e, * next;

	if (slots == NULL)
		return (-1);
	for (i = 0; i < m->nslots; i++) {
		for (e = m->slots[i]; e != NULL; e = next) {
			next = e->next;
			e->next = slots[e->hash & (n - 1)];
			slots[e->hash & (n - 1)] = e;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->nslots = n;
	return (0);
}

int
state_map_add(struct state_map * m, struct state_node * e, uint64_t hash)
{
	struct state_node ** slot;

	/* A full table that cannot grow goes on with longer chains. */
	if (m->n >= m->nslots && grow(m) && m->nslots == 0)
		return (-1);
	slot = &m->slots[hash & (m->nslots - 1)];
	e->hash = hash;
	e->next = *slot;
	*slot = e;
	m->n++;
	return (0);
}

void
state_map_del(struct state_map * m, struct state_node * e)
{
	struct state_node ** p = &m->slots[e->hash & (m->nslots - 1)];

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	e->next = NULL;
	m->n--;
}

void
state_map_clear(struct state_map * m)
{
	free(m->slots);
	memset(m, 0, sizeof(*m));
}
