#include "decode/xml_tree.h"

#include <stdlib.h>
#include <string.h>

#include "decode/xml_build.h"

/* A page is held until it is whole. */
#define BYTES_MAX ((size_t)32 << 20)
#define PIECE ((size_t)1 << 20)
/* So much of a token that is not whole is looked at again with each piece. */
#define PENDING_SMALL ((size_t)16 << 10)

/* Memory of an unusual page is not kept for the usual ones. */
#define KEEP ((size_t)4 << 20)

struct xml_tree *
xml_tree_new(void)
{
	struct xml_tree * t = calloc(1, sizeof(*t));

	if (t != NULL) {
		t->text.max = XML_BUILD_TEXT_MAX;
		t->held.max = BYTES_MAX;
	}
	return (t);
}

static void
forget_parser(struct xml_tree * t)
{
	if (t->ctxt == NULL)
		return;
	xmlFreeParserCtxt(t->ctxt);
	t->ctxt = NULL;
}

static void
reset(struct xml_tree * t)
{
	size_t i;

	forget_parser(t);
	HASH_CLEAR(hh, t->names);
	for (i = 0; i < t->nnames; i++)
		free(t->by_id[i]);
	t->nnames = 0;
	if (t->text.cap > KEEP)
		buf_free(&t->text);
	buf_clear(&t->text);
	buf_free(&t->held);
	if (t->nodes_cap * sizeof(*t->nodes) > KEEP) {
		free(t->nodes);
		t->nodes = NULL;
		t->nodes_cap = 0;
	}
	t->nnodes = 0;
	t->bytes = 0;
	t->depth = 0;
	t->failed = 0;
}

void
xml_tree_free(struct xml_tree * t)
{
	if (t == NULL)
		return;
	reset(t);
	buf_free(&t->text);
	buf_free(&t->held);
	free(t->nodes);
	free(t->by_id);
	free(t->stamp);
	free(t->tail);
	free(t);
}

int
xml_tree_begin(struct xml_tree * t)
{
	xmlSAXHandler sax;

	reset(t);
	xml_build_handler(&sax);
	t->ctxt = xmlCreatePushParserCtxt(&sax, t, NULL, 0, NULL);
	if (t->ctxt == NULL)
		return (-1);
	/* No DTD is ever loaded, no entity replaced, and no text longer than
	 * libxml2's own bounds taken (XML_PARSE_HUGE would lift them). */
	xmlCtxtUseOptions(t->ctxt, XML_PARSE_NONET);
	/* The node that is none. */
	if ((t->nodes = realloc(t->nodes, (t->nodes_cap ? t->nodes_cap : 256) *
	    sizeof(*t->nodes))) == NULL) {
		t->nodes_cap = 0;
		return (-1);
	}
	if (t->nodes_cap == 0)
		t->nodes_cap = 256;
	memset(&t->nodes[0], 0, sizeof(t->nodes[0]));
	t->nnodes = 1;
	return (0);
}

/* How many bytes libxml2 has of a token that is not whole. */
static size_t
pending(const struct xml_tree * t)
{
	const xmlParserInput * in = t->ctxt->input;

	return (in != NULL && in->end > in->cur ? (size_t)(in->end - in->cur) :
	    0);
}

static void
parse(struct xml_tree * t, const char * p, size_t n)
{
	size_t take;

	for (; n > 0 && !t->failed; p += take, n -= take) {
		take = n < PIECE ? n : PIECE;
		xmlParseChunk(t->ctxt, p, (int)take, 0);
	}
}

/* All that was held goes on as one piece. */
static void
release(struct xml_tree * t)
{
	if (t->held.len > 0 && !t->failed)
		xmlParseChunk(t->ctxt, t->held.p, (int)t->held.len, 0);
	buf_clear(&t->held);
}

int
xml_tree_feed(struct xml_tree * t, const char * p, size_t n)
{
	size_t wait;

	/* Nothing may stand before an XML declaration, but for some a blank line
	 * does. */
	while (t->bytes == 0 && n > 0 && strchr(" \t\r\n", *p) != NULL &&
	    *p != '\0') {
		p++;
		n--;
	}
	if (n > BYTES_MAX - t->bytes)
		xml_build_too_big(t, "the page is larger than 32 MiB");
	else
		t->bytes += n;
	if (t->failed)
		return (-1);
	/* libxml2 reads a long attribute anew with each piece: it is given as
	 * much again as it has of it. */
	wait = pending(t);
	if (wait <= PENDING_SMALL && t->held.len == 0) {
		parse(t, p, n);
		return (t->failed ? -1 : 0);
	}
	if (buf_add(&t->held, p, n))
		xml_build_nomem(t);
	else if (t->held.len >= wait)
		release(t);
	return (t->failed ? -1 : 0);
}

int
xml_tree_end(struct xml_tree * t, struct err * e)
{
	if (!t->failed && t->bytes == 0) {
		err_set(&t->err, ERR_PERMANENT, "xml",
		    "the page is empty, not XML");
		t->failed = 1;
	}
	release(t);
	if (!t->failed)
		xmlParseChunk(t->ctxt, NULL, 0, 1);
	if (!t->failed && (!t->ctxt->wellFormed || t->depth > 0 ||
	    t->nnodes < 2)) {
		err_set(&t->err, ERR_PERMANENT, "xml", "the page is not "
		    "well-formed XML: it is cut off");
		t->failed = 1;
	}
	forget_parser(t);
	if (t->failed) {
		*e = t->err;
		return (-1);
	}
	return (0);
}

const struct xml_node *
xml_tree_root(const struct xml_tree * t)
{
	return (&t->nodes[1]);
}

const struct xml_node *
xml_tree_node(const struct xml_tree * t, uint32_t i)
{
	return (&t->nodes[i]);
}

const char *
xml_tree_name(const struct xml_tree * t, uint32_t name, size_t * n)
{
	*n = t->by_id[name]->len;
	return (t->by_id[name]->s);
}

const char *
xml_tree_text(const struct xml_tree * t, const struct xml_node * node)
{
	return (node->len > 0 ? t->text.p + node->text : "");
}

int
xml_tree_is_blank(const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strchr(" \t\r\n", s[i]) == NULL)
			return (0);
	return (1);
}
