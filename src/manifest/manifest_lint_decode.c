#include "manifest/manifest_parts.h"

/* Paths that lead to nothing in answers of the kind that they are for. */

/* What a list of lines has: elements, and no members. */
static void
check_root(struct mread * r, const char * key, const struct json_path * p)
{
	if (p != NULL && p->n > 0 && (p->steps[0].kind == PATH_KEY ||
	    p->steps[0].kind == PATH_VALUES))
		mread_warn(r, key, "leads to nothing: the answer is a list of "
		    "its lines ($); what is in them begins with [*], or is a "
		    "column's path");
}

static void
check_lists(struct mread * r, const struct manifest_entity * ent)
{
	static const struct {
		enum body_field field;
		const char * key;
	} fields[] = { { BODY_CURSOR, "from" }, { BODY_NEXT_URL, "from" },
	    { BODY_MORE, "more" }, { BODY_LAST, "last" },
	    { BODY_TOTAL, "total" } };
	const struct manifest_list * list;
	size_t at = mread_enter(r, "lists"), i, k, sub, page;

	for (i = 0; i < ent->nlists; i++) {
		list = &ent->lists[i];
		sub = mread_enter_index(r, i);
		check_root(r, "records", list->records);
		page = mread_enter(r, "paginate");
		for (k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
			check_root(r, fields[k].key,
			    list->paginate.field[fields[k].field]);
		mread_leave(r, page);
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

/* Whether ${p} leads into something that is a text. */
static int
is_deep(const struct json_path * p)
{
	return (p != NULL && (p->n > 1 ||
	    (p->n == 1 && p->steps[0].kind != PATH_KEY)));
}

static void
check_fields(struct mread * r, const struct manifest_entity * ent)
{
	size_t at, sub, i;

	if (ent->explode != NULL)
		mread_warn(r, "explode", "has no meaning: CSV's fields are "
		    "texts");
	if (is_deep(ent->drop_if))
		mread_warn(r, "drop_if", "leads into a field of CSV, which is a "
		    "text");
	at = mread_enter(r, "columns");
	for (i = 0; i < ent->ncolumns; i++) {
		if (!is_deep(ent->columns[i].path))
			continue;
		sub = mread_enter(r, ent->columns[i].name);
		mread_warn(r, "path", "leads into a field of CSV, which is a "
		    "text; a name with a dot in it needs quotes: "
		    "\"\\\"a.b\\\"\"");
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

static void
check_actions(struct mread * r, const struct manifest_entity * ent)
{
	const struct manifest_action * act;
	size_t at = mread_enter(r, "actions"), sub, i;

	for (i = 0; i < ent->nactions; i++) {
		act = &ent->actions[i];
		sub = mread_enter(r, act->name);
		if (act->text && act->result != NULL && act->result->n > 0)
			mread_warn(r, "result", "leads to nothing: the answer "
			    "is text");
		else if (act->decode == DECODE_NDJSON ||
		    act->decode == DECODE_CSV)
			check_root(r, "result", act->result);
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

void
manifest_lint_decode(struct mread * r, const struct manifest_entity * ent)
{
	if (ent->decode == DECODE_NDJSON || ent->decode == DECODE_CSV)
		check_lists(r, ent);
	if (ent->decode == DECODE_CSV)
		check_fields(r, ent);
	check_actions(r, ent);
}
