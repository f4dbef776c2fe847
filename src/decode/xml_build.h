#ifndef MOLTLER_DECODE_XML_BUILD_H
#define MOLTLER_DECODE_XML_BUILD_H

#include <libxml/parser.h>
/* Out of memory is ours to report, not uthash's to exit on. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/buf.h"
#include "decode/xml_tree.h"

/* What the tree and those who build it share; nobody else includes this. */

#define XML_BUILD_TEXT_MAX ((size_t)32 << 20)

struct xml_name {
	UT_hash_handle hh;
	uint32_t id;
	uint32_t len;
	char s[];
};

/* An element that is not ended. */
struct xml_open {
	uint32_t node;
	uint32_t last;  /* child */
	size_t text;    /* where text that is not taken yet begins */
};

struct xml_tree {
	xmlParserCtxtPtr ctxt;
	struct xml_node * nodes; /* the first is none */
	size_t nnodes, nodes_cap;
	struct xml_name * names;     /* a hash */
	struct xml_name ** by_id;
	uint32_t * stamp;        /* by name: of which parent it was seen, ... */
	uint32_t * tail;         /* ... and the last child that has it */
	size_t nnames, names_cap;
	struct buf text;
	struct buf held;    /* bytes that libxml2 does not have yet */
	size_t bytes;       /* from the first that is no blank on */
	struct xml_open open[XML_TREE_DEPTH];
	size_t depth;
	int failed;
	struct err err;
};

/** xml_build_handler(sax): What libxml2 calls, with the tree, to build it. */
void xml_build_handler(xmlSAXHandler * sax);

/** xml_build_too_big(t, what) / xml_build_nomem(t): It failed, unless it had
 * before: Permanent "too_big", or for want of memory. */
void xml_build_too_big(struct xml_tree * t, const char * what);
void xml_build_nomem(struct xml_tree * t);

#endif
