#ifndef MOLTLER_DECODE_XML_JSON_H
#define MOLTLER_DECODE_XML_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "decode/decode_json_plan.h"
#include "decode/xml_tree.h"
#include "manifest/json_path.h"

/*
 * XML as JSON, in the shape that paths ask for: "$" is the root element's content,
 * elements are members by their names, and those that come more than once, or that
 * some path takes for a list, are the elements of one.  Where an element has none of
 * a list that a path wants there, the list is empty.  Texts stay texts; an empty
 * element is null.  Attributes are there where a path asks for them ("\"@id\"").
 */
typedef int xml_json_sink(void * arg, const char * p, size_t n);

/** xml_json_write(t, plan, sink, arg): Write ${t} for what ${plan} looks for, in pieces
 * given to ${sink}; -1 if that said so, or there was no memory. */
int xml_json_write(const struct xml_tree * t, const struct decode_plan * plan,
    xml_json_sink * sink, void * arg) MUST_CHECK;

/** xml_json_read(p, n, paths, npaths, e): The document as a tree for these paths, owned
 * by the caller; NULL with ${e}. */
json_t * xml_json_read(const char * p, size_t n,
    const struct json_path * const * paths, size_t npaths, struct err * e)
    MUST_CHECK;

#endif
