#ifndef MOLTLER_CLI_PROMPT_COMPLETE_H
#define MOLTLER_CLI_PROMPT_COMPLETE_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "cli/prompt_names.h"

/* Where names come from; as prompt_names_get and prompt_names_type. */
struct prompt_source {
	const json_t * (*names)(void * arg, enum prompt_names_kind kind,
	    const char * a, const char * b);
	const char * (*type)(void * arg, const char * connector);
	void * arg;
};

struct prompt_completion {
	size_t from;       /* the bytes [from, cursor) are replaced ... */
	struct buf insert; /* ... by this, if it is not empty */
	json_t * list;     /* all candidates, in order */
};

/**
 * prompt_complete(src, s, len, at, out):
 * What the cursor at byte ${at} of the text can be completed to: as much as all
 * candidates have in common, with what stands behind it if there is one only.
 * Keywords are written in the case the word is begun in.  0, or -1 when out of
 * memory; prompt_completion_free in any case.
 */
int prompt_complete(const struct prompt_source * src, const char * s,
    size_t len, size_t at, struct prompt_completion * out) MUST_CHECK;

/** prompt_complete_word(words, s, len, out): The same for a word of a list that
 * is ended by NULL, at the text's end. */
int prompt_complete_word(const char * const * words, const char * s,
    size_t len, struct prompt_completion * out) MUST_CHECK;

/** prompt_completion_free(out): Give the memory back. */
void prompt_completion_free(struct prompt_completion * out);

#endif
