#ifndef MOLTLER_DECODE_XML_TREE_H
#define MOLTLER_DECODE_XML_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * XML as it arrives, kept as a dense tree: elements by their names without
 * namespaces, attributes as "@name" among the children, text beside elements as
 * "#text".  Type declarations are refused, and with them all entities but the five
 * that XML has; nothing is ever fetched.
 */
struct xml_node {
	uint32_t name;  /* a number, for xml_tree_name() */
	uint32_t text;  /* where its text begins */
	uint32_t len;
	uint32_t first; /* child; 0: none */
	uint32_t next;  /* child of the same parent; 0: none */
	uint32_t same;  /* the next of its parent's with the same name; 0: none */
	uint8_t follows; /* there is one of the same name before it */
	uint8_t is_attribute;
};

struct xml_tree;

#define XML_TREE_DEPTH 60

/**
 * xml_tree_new(): To be used again and again; NULL if no memory.
 * _begin(t): A new document.
 * _feed(t, p, n): The next bytes.  -1: it is bad; _end tells.
 * _end(t, e): It is complete.  0, or -1 with Permanent "xml" (with the line),
 * "nesting", "too_big".  Nothing of the document is cited.
 * _root(t): Its node; nodes live until the next _begin.
 * _node(t, i): One by its number.
 * _name(t, name, n), _text(t, node): Bytes, not ended by a NUL.
 */
struct xml_tree * xml_tree_new(void);
void xml_tree_free(struct xml_tree * t); /* NULL is a no-op */
int xml_tree_begin(struct xml_tree * t);
int xml_tree_feed(struct xml_tree * t, const char * p, size_t n);
int xml_tree_end(struct xml_tree * t, struct err * e) MUST_CHECK;
const struct xml_node * xml_tree_root(const struct xml_tree * t);
const struct xml_node * xml_tree_node(const struct xml_tree * t, uint32_t i);
const char * xml_tree_name(const struct xml_tree * t, uint32_t name, size_t * n);
const char * xml_tree_text(const struct xml_tree * t,
    const struct xml_node * node);
/** xml_tree_is_blank(s, n): Whether these bytes are white space alone (XML 1.0, 2.3). */
int xml_tree_is_blank(const char * s, size_t n);

#endif
