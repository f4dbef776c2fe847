#ifndef MOLTLER_DECODE_XML_STATES_H
#define MOLTLER_DECODE_XML_STATES_H

#include <stddef.h>
#include <stdint.h>

#include "decode/decode_json_plan.h"
#include "decode/xml_tree.h"

/* Where in the shape that paths ask for an element of XML is, for xml_json.c. */

/*
 * What paths with conditions lead to is met by others, too, so at one place paths
 * may be in several states: these in ${states} from ${from} to ${to}.  An element of
 * a list is what the states ${list_from} to ${list_to} lead to.
 */
struct xml_set {
	size_t from, to;
	size_t list_from, list_to;
};

/* A stack that sets lie on: who is done with one sets ${n} back to its ${from}. */
struct xml_states {
	const struct xml_tree * t;
	const struct decode_plan * plan;
	uint32_t * states; /* malloc's; whoever made it frees it */
	size_t n, cap;
	int failed;        /* no memory, or too many */
};

/** xml_states_push(x, state): One more, of the set that lies last. */
void xml_states_push(struct xml_states * x, uint32_t state);

/** xml_states_at(x, i): The ${i}th of the stack (borrowed of the plan). */
const struct decode_state * xml_states_at(const struct xml_states * x,
    size_t i);

/** xml_states_member(x, in, s, n): The states of the member ${s} of what is in the
 * states ${in}.  xml_states_element(x, in, v, k): Of ${v}, the ${k}th element of a list
 * that is in them. */
struct xml_set xml_states_member(struct xml_states * x, struct xml_set in,
    const char * s, size_t n);
struct xml_set xml_states_element(struct xml_states * x, struct xml_set in,
    const struct xml_node * v, size_t k);

/** xml_states_is_list(x, s): Whether some path takes what is in these for a list.
 * xml_states_wants_members(x, s): Whether paths go on into it by keys.
 * xml_states_asks_for(x, s, name, n): Whether by this key, or a condition of the
 * list's is about it. */
int xml_states_is_list(const struct xml_states * x, struct xml_set s);
int xml_states_wants_members(const struct xml_states * x, struct xml_set s);
int xml_states_asks_for(const struct xml_states * x, struct xml_set s,
    const char * name, size_t n);

#endif
