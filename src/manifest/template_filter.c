#include "base/quote.h"
#include "manifest/template_internal.h"

/* What stands behind the | of an expression. */

/* The quote that is open behind what was written so far; '\0': none is. */
static char
open_quote(const struct buf * so_far, char esc)
{
	char in = '\0', c;
	size_t i;

	for (i = 0; i < so_far->len; i++) {
		c = so_far->p[i];
		if (c == esc && (in != '\0' || esc == '\\'))
			i++;
		else if (in != '\0')
			in = c == in ? '\0' : in;
		else if (c == '"' || c == '\'')
			in = c;
	}
	return (in);
}

/* The asker's own words: where the manifest has quotes around them they are a text,
 * else whole clauses. */
static int
raw_text(const struct template_expr * x, const struct buf * text,
    const struct buf * so_far, enum template_quote quote, struct buf * out,
    struct err * e)
{
	char esc = quote == QUOTE_SELECTOR ? '~' : '\\';
	char in = open_quote(so_far, esc), ends[3] = { in, esc };

	if (in == '\0')
		return (quote_balanced(out, text->p, text->len, x->path, e));
	return (quote_within(out, text->p, text->len, ends, x->path, e));
}

int
template_filter(const struct template_expr * x, struct buf * text,
    const struct buf * so_far, enum template_quote quote, struct err * e)
{
	struct buf out = BUF_INIT(TEMPLATE_TEXT_MAX);
	int rc = 0;

	switch (x->filter) {
	case FILTER_NONE:
		return (0);
	case FILTER_JQL:
		rc = quote_jql(&out, text->p, text->len, x->path, e);
		break;
	case FILTER_QUERY:
		rc = quote_query_string(&out, text->p, text->len, x->path, e);
		break;
	case FILTER_SOQL:
		rc = quote_entity(&out, text->p, text->len, x->path, e);
		break;
	case FILTER_URL:
		quote_percent(&out, text->p, text->len, "");
		break;
	case FILTER_RAW:
		rc = raw_text(x, text, so_far, quote, &out, e);
		break;
	case FILTER_LIKE:
	case FILTER_PREFIX:
		/* What stands for something in a pattern is no such value: the
		 * rules of LIKE let none pass. */
		if (x->filter == FILTER_LIKE)
			buf_addc(&out, '%');
		buf_add(&out, text->p, text->len);
		buf_addc(&out, '%');
		break;
	case FILTER_KEY:
		return (0);
	case FILTER_PATH:
		return (quote_path_ok(text->p, text->len, x->path, e));
	case FILTER_BASE64:
		rc = quote_base64(&out, text->p, text->len, e);
		break;
	case FILTER_NUMBER:
		if (quote_is_number(text->p, text->len))
			return (0);
		return (err_set(e, ERR_CONFIG, "template", "{{%s}} must be a "
		    "number", x->path));
	case FILTER_ADF:
		return (err_set(e, ERR_CONFIG, "template", "{{%s|adf}} is a "
		    "document: it stands alone in a JSON string", x->path));
	}
	buf_wipe(text);
	*text = out;
	if (rc == 0 && (out.failed || (out.p == NULL && buf_adds(text, ""))))
		rc = err_nomem(e, "a request");
	return (rc);
}
