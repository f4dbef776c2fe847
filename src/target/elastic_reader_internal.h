#ifndef MOLTLER_TARGET_ELASTIC_READER_INTERNAL_H
#define MOLTLER_TARGET_ELASTIC_READER_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "decode/decode_json.h"
#include "target/elastic_call.h"
#include "target/elastic_pit.h"
#include "target/elastic_place.h"
#include "target/elastic_reader.h"

/* What elastic_reader.c (whoever asks, and what he is given) and elastic_ask.c (the
 * cluster, until there is a page) share; nobody else includes this. */

enum reader_state {
	READER_NEW, READER_OPEN, READER_SEARCH, READER_BACKOFF, READER_PAGE,
	READER_FAILED, READER_END
};

struct elastic_reader {
	struct loop * L;
	struct elastic * el;
	struct plan * plan;
	struct read_ctx * ctx;
	const struct manifest_entity * hits;
	struct decode_plan * paths;
	struct decode_json * decoder;
	uint8_t * wanted;
	enum reader_state state;
	struct elastic_pit * pit;
	struct elastic_call * call;
	struct loop_timer * timer;
	struct soon soon;
	size_t size;
	unsigned attempt;
	uint64_t number;          /* of the page under way, from 1 */
	int bad_page;
	struct elastic_place place;
	int ended;                /* no page follows the present one */
	struct page * page;
	struct err e;
	reader_cb * cb;           /* somebody waits */
	void * arg;
};

/** elastic_reader_enter(r, s): The one place where the state changes. */
void elastic_reader_enter(struct elastic_reader * r, enum reader_state s);

/** elastic_reader_tell(r): Tell whoever asked how far it is. */
void elastic_reader_tell(struct elastic_reader * r);

/** elastic_reader_let_go(r): The call is cancelled and the point in time deleted;
 * nothing is waited for. */
void elastic_reader_let_go(struct elastic_reader * r);

/** elastic_reader_settle(r, s): A page is there, or none will be (READER_PAGE,
 * READER_FAILED, READER_END): who waits is told from the soon queue. */
void elastic_reader_settle(struct elastic_reader * r, enum reader_state s);

/** elastic_reader_fail(r, e): Settle with ${e} (copied), which gets the index and the
 * page's number before it. */
void elastic_reader_fail(struct elastic_reader * r, const struct err * e);

/** elastic_ask(r): From READER_NEW to a page, in the end elastic_reader_settle() or
 * _fail(): a point in time if there is none, then a search, and again after what
 * is transient.  elastic_ask_again(r): The same, of the timer of READER_BACKOFF. */
void elastic_ask(struct elastic_reader * r);
void elastic_ask_again(void * r);

#endif
