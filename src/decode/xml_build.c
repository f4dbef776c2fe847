#include "decode/xml_build.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Nodes are held until the page is whole. */
#define NODES_MAX ((size_t)1 << 20)
#define NAMES_MAX 10000

static void
fail(struct xml_tree * t)
{
	t->failed = 1;
	xmlStopParser(t->ctxt);
}

void
xml_build_too_big(struct xml_tree * t, const char * what)
{
	if (!t->failed)
		err_set(&t->err, ERR_PERMANENT, "too_big", "%s: ask for fewer "
		    "records a page", what);
	fail(t);
}

void
xml_build_nomem(struct xml_tree * t)
{
	if (!t->failed)
		err_nomem(&t->err, "an XML page");
	fail(t);
}

static void
fail_html(struct xml_tree * t)
{
	if (!t->failed)
		err_set(&t->err, ERR_PERMANENT, "xml", "the page is HTML, not "
		    "XML: a proxy's or a sign-in page, or the URL is none of "
		    "an API");
	fail(t);
}

static int
more_names(struct xml_tree * t)
{
	size_t cap = t->names_cap ? 2 * t->names_cap : 128;
	struct xml_name ** by_id;
	uint32_t * stamp, * tail;

	if ((by_id = realloc(t->by_id, cap * sizeof(*by_id))) == NULL)
		return (-1);
	t->by_id = by_id;
	if ((stamp = realloc(t->stamp, cap * sizeof(*stamp))) == NULL)
		return (-1);
	t->stamp = stamp;
	if ((tail = realloc(t->tail, cap * sizeof(*tail))) == NULL)
		return (-1);
	t->tail = tail;
	t->names_cap = cap;
	return (0);
}

/* The number of the name ${mark} (a letter, or 0) and ${s}; -1: failed. */
static int64_t
name_id(struct xml_tree * t, char mark, const char * s)
{
	char key[256];
	struct xml_name * n;
	size_t len = strlen(s), pre = mark != 0;

	if (len + pre >= sizeof(key)) {
		xml_build_too_big(t, "the page has a name of more than 254 bytes");
		return (-1);
	}
	key[0] = mark;
	memcpy(key + pre, s, len);
	len += pre;
	HASH_FIND(hh, t->names, key, len, n);
	if (n != NULL)
		return (n->id);
	if (t->nnames == NAMES_MAX) {
		xml_build_too_big(t, "the page has more than 10000 different names");
		return (-1);
	}
	if ((t->nnames == t->names_cap && more_names(t)) ||
	    (n = malloc(sizeof(*n) + len)) == NULL) {
		xml_build_nomem(t);
		return (-1);
	}
	n->len = (uint32_t)len;
	memcpy(n->s, key, len);
	HASH_ADD(hh, t->names, s, len, n);
	if (n->hh.tbl == NULL) {
		free(n);
		xml_build_nomem(t);
		return (-1);
	}
	n->id = (uint32_t)t->nnames++;
	t->by_id[n->id] = n;
	t->stamp[n->id] = 0;
	return (n->id);
}

/* A new node below the innermost open element; 0: failed. */
static uint32_t
add_node(struct xml_tree * t, char mark, const char * name)
{
	int64_t id = name_id(t, mark, name);
	struct xml_node * v;
	struct xml_open * up;
	size_t cap;
	uint32_t at;

	if (id < 0)
		return (0);
	if (t->nnodes == t->nodes_cap) {
		cap = t->nodes_cap ? 2 * t->nodes_cap : 256;
		if (cap > NODES_MAX) {
			xml_build_too_big(t, "the page has more than a million "
			    "elements and attributes");
			return (0);
		}
		if ((v = realloc(t->nodes, cap * sizeof(*v))) == NULL) {
			xml_build_nomem(t);
			return (0);
		}
		t->nodes = v;
		t->nodes_cap = cap;
	}
	at = (uint32_t)t->nnodes++;
	memset(&t->nodes[at], 0, sizeof(*v));
	t->nodes[at].name = (uint32_t)id;
	if (t->depth > 0) {
		up = &t->open[t->depth - 1];
		if (up->last != 0)
			t->nodes[up->last].next = at;
		else
			t->nodes[up->node].first = at;
		up->last = at;
	}
	return (at);
}

static void
add_text(struct xml_tree * t, const char * s, size_t n)
{
	if (buf_add(&t->text, s, n) == 0)
		return;
	if (t->text.len + n > XML_BUILD_TEXT_MAX)
		xml_build_too_big(t, "the page's texts are larger than 32 MiB");
	else
		xml_build_nomem(t);
}

/* Text stands beside elements: it is a child of its own, unless it is blank. */
static void
take_text(struct xml_tree * t)
{
	struct xml_open * up = &t->open[t->depth - 1];
	size_t from = up->text, n = t->text.len - from;
	uint32_t at;

	if (n == 0 || xml_tree_is_blank(t->text.p + from, n)) {
		t->text.len = from;
		return;
	}
	if ((at = add_node(t, 0, "#text")) == 0)
		return;
	t->nodes[at].text = (uint32_t)from;
	t->nodes[at].len = (uint32_t)n;
}

static void
add_attribute(struct xml_tree * t, const char * name, const char * s, size_t n)
{
	size_t from = t->text.len;
	uint32_t at;

	if ((at = add_node(t, '@', name)) == 0)
		return;
	add_text(t, s, n);
	t->nodes[at].text = (uint32_t)from;
	t->nodes[at].len = (uint32_t)n;
	t->nodes[at].is_attribute = 1;
}

static void
on_start(void * arg, const xmlChar * name, const xmlChar * prefix,
    const xmlChar * uri, int nns, const xmlChar ** ns, int nattrs,
    int ndefaulted, const xmlChar ** attrs)
{
	struct xml_tree * t = arg;
	uint32_t at;
	int i;

	(void)prefix;
	(void)uri;
	(void)nns;
	(void)ns;
	(void)ndefaulted;
	if (t->failed)
		return;
	if (t->depth == 0 && strcasecmp((const char *)name, "html") == 0) {
		fail_html(t);
		return;
	}
	if (t->depth == XML_TREE_DEPTH) {
		err_set(&t->err, ERR_PERMANENT, "nesting", "the page is nested "
		    "more than %d levels deep", XML_TREE_DEPTH);
		fail(t);
		return;
	}
	if (t->depth > 0)
		take_text(t);
	if (t->failed || (at = add_node(t, 0, (const char *)name)) == 0)
		return;
	t->open[t->depth].node = at;
	t->open[t->depth].last = 0;
	t->depth++;
	/* Five a piece: name, prefix, namespace, where it begins and ends. */
	for (i = 0; i < nattrs && !t->failed; i++)
		add_attribute(t, (const char *)attrs[5 * i],
		    (const char *)attrs[5 * i + 3],
		    (size_t)(attrs[5 * i + 4] - attrs[5 * i + 3]));
	t->open[t->depth - 1].text = t->text.len;
}

/* Chain the children that have the same name. */
static void
chain(struct xml_tree * t, uint32_t parent)
{
	struct xml_node * n;
	uint32_t i;

	for (i = t->nodes[parent].first; i != 0; i = n->next) {
		n = &t->nodes[i];
		if (t->stamp[n->name] == parent) {
			t->nodes[t->tail[n->name]].same = i;
			n->follows = 1;
		}
		t->stamp[n->name] = parent;
		t->tail[n->name] = i;
	}
}

/* Whether it has children that are no attributes, which come first. */
static int
has_elements(const struct xml_tree * t, const struct xml_open * o)
{
	return (o->last != 0 && !t->nodes[o->last].is_attribute);
}

static void
on_end(void * arg, const xmlChar * name, const xmlChar * prefix,
    const xmlChar * uri)
{
	struct xml_tree * t = arg;
	struct xml_open * o;

	(void)name;
	(void)prefix;
	(void)uri;
	if (t->failed)
		return;
	o = &t->open[t->depth - 1];
	if (has_elements(t, o))
		take_text(t);
	else {
		t->nodes[o->node].text = (uint32_t)o->text;
		t->nodes[o->node].len = (uint32_t)(t->text.len - o->text);
	}
	if (t->failed)
		return;
	chain(t, o->node);
	t->depth--;
	/* What follows of the parent's text begins here. */
	if (t->depth > 0)
		t->open[t->depth - 1].text = t->text.len;
}

static void
on_text(void * arg, const xmlChar * s, int n)
{
	struct xml_tree * t = arg;

	if (!t->failed && t->depth > 0 && n > 0)
		add_text(t, (const char *)s, (size_t)n);
}

/* A document type: all that entities need, and no API has one. */
static void
on_doctype(void * arg, const xmlChar * name, const xmlChar * id,
    const xmlChar * uri)
{
	struct xml_tree * t = arg;

	(void)id;
	(void)uri;
	if (t->failed)
		return;
	if (name != NULL && strcasecmp((const char *)name, "html") == 0) {
		fail_html(t);
		return;
	}
	err_set(&t->err, ERR_PERMANENT, "xml", "the page has a document type "
	    "declaration, which is refused: no API's answer needs one");
	fail(t);
}

/* libxml2's own words cite the document. */
static const char *
words_for(int code)
{
	switch (code) {
	case XML_ERR_DOCUMENT_EMPTY:
		return ("an element expected");
	case XML_ERR_DOCUMENT_END:
	case XML_ERR_TAG_NOT_FINISHED:
		return ("there is more after its end, or it is cut off");
	case XML_ERR_TAG_NAME_MISMATCH:
		return ("the end of another element expected");
	case XML_ERR_UNDECLARED_ENTITY:
		return ("an entity that XML does not have");
	case XML_ERR_INTERNAL_ERROR:
	case XML_ERR_NAME_TOO_LONG:
	case XML_ERR_ATTRIBUTE_NOT_FINISHED:
		return ("a text or a name is longer than may be, or has no end");
	case XML_ERR_INVALID_CHAR:
	case XML_ERR_INVALID_ENCODING:
		return ("a character that may not stand there");
	default:
		return ("this may not stand here");
	}
}

#if LIBXML_VERSION < 21200
typedef xmlError * error_ptr;
#else
typedef const xmlError * error_ptr;
#endif

static void
on_error(void * arg, error_ptr x)
{
	struct xml_tree * t = arg;

	if (t->failed || x->level < XML_ERR_FATAL)
		return;
	if (x->code == XML_ERR_NO_MEMORY)
		err_nomem(&t->err, "an XML page");
	else
		err_set(&t->err, ERR_PERMANENT, "xml", "the page is not "
		    "well-formed XML at line %d: %s", x->line,
		    words_for(x->code));
	fail(t);
}

void
xml_build_handler(xmlSAXHandler * sax)
{
	memset(sax, 0, sizeof(*sax));
	sax->initialized = XML_SAX2_MAGIC;
	sax->startElementNs = on_start;
	sax->endElementNs = on_end;
	sax->characters = on_text;
	sax->ignorableWhitespace = on_text;
	sax->cdataBlock = on_text;
	sax->internalSubset = on_doctype;
	sax->serror = on_error;
}
