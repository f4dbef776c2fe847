#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "sync/backup_internal.h"

/* What a restore meets: what is there already, and which nodes are. */
#define LISTED 5          /* names in a message */
#define NAMES_MAX 1000    /* in an answer */

int
backup_fit_have(struct backup_wait * w, enum backup_kind kind,
    const json_t * list, struct err * e)
{
	const char * name;
	const json_t * rec;
	size_t i;

	if ((w->have[kind] = json_object()) == NULL)
		return (err_nomem(e, "a backup"));
	json_array_foreach(list, i, rec) {
		name = json_str(rec, kind == BACKUP_SYNC ? "id" : "name");
		if (name == NULL || (kind == BACKUP_SECRET &&
		    strcmp(name, SECRET_STORE_CHECK) == 0))
			continue;
		if (json_object_set_new(w->have[kind], name, json_true()))
			return (err_nomem(e, "a backup"));
	}
	return (0);
}

/* "3 connectors (a, b, c)" */
static void
describe(struct buf * b, const json_t * have, const char * word)
{
	size_t n = json_object_size(have), i = 0;
	const char * name;
	json_t * v;

	if (n == 0)
		return;
	buf_addf(b, "%s%zu %s%s (", b->len > 0 ? ", " : "", n, word,
	    n == 1 ? "" : "s");
	json_object_foreach((json_t *)(uintptr_t)have, name, v) {
		if (i < LISTED)
			buf_addf(b, "%s%.40s", i > 0 ? ", " : "",
			    *name == '~' ? "one of a connector" : name);
		i++;
	}
	buf_addf(b, "%s)", n > LISTED ? ", ..." : "");
}

/* Connectors' names that differ in case only are one name to people. */
static int
check_case(struct backup_wait * w, const json_t * records, struct err * e)
{
	const char * name, * other;
	char fold[300];
	json_t * v, * folds = json_object();
	size_t i;
	int rc = folds == NULL ? err_nomem(e, "a backup") : 0;

	json_object_foreach(w->have[BACKUP_CONNECTOR], name, v) {
		for (i = 0; name[i] != '\0' && i + 1 < sizeof(fold); i++)
			fold[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ?
			    name[i] | 0x20 : name[i]);
		fold[i] = '\0';
		json_object_set_new(folds, fold, json_string(name));
	}
	json_object_foreach((json_t *)(uintptr_t)records, name, v) {
		for (i = 0; name[i] != '\0' && i + 1 < sizeof(fold); i++)
			fold[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ?
			    name[i] | 0x20 : name[i]);
		fold[i] = '\0';
		other = json_str(folds, fold);
		if (rc == 0 && other != NULL && strcmp(other, name) != 0)
			rc = err_set(e, ERR_CONFIG, "exists", "the backup has a "
			    "connector %.100s, and there is %.100s here: drop "
			    "that one first; nothing was changed", name, other);
	}
	json_decref(folds);
	return (rc);
}

int
backup_fit_check(struct backup_wait * w, struct err * e)
{
	const struct backup_text * doc = backup_text_doc(w->in);
	struct buf b = BUF_INIT(4096);

	if (json_object_size(doc->records[BACKUP_SECRET]) > 0 &&
	    w->B->o.secret_store != NULL &&
	    secret_store_fits(w->B->o.secret_store, doc->key_check, e)) {
		err_prefix(e, "nothing was changed");
		return (-1);
	}
	if (!(w->flags & BACKUP_FORCE)) {
		describe(&b, w->have[BACKUP_CONNECTOR], "connector");
		describe(&b, w->have[BACKUP_SYNC], "sync");
		describe(&b, w->have[BACKUP_SECRET], "secret");
		if (b.len > 0)
			err_set(e, ERR_CONFIG, "not_empty", "there is something "
			    "already: %s. With --force what has the same name "
			    "is replaced and the rest stays; nothing was "
			    "changed", b.p);
	}
	if (b.len > 0) {
		buf_free(&b);
		return (-1);
	}
	return (check_case(w, doc->records[BACKUP_CONNECTOR], e));
}

static void
note(json_t * answer, const char * key, const char * name)
{
	json_t * a = json_object_get(answer, key);

	if (json_array_size(a) < NAMES_MAX)
		json_array_append_new(a, json_string(name));
}

/* Whether the target of a sync is a file of its node. */
static int
is_of_node(const json_t * rec)
{
	const char * engine = json_str(rec, "engine");

	return (engine == NULL || strcmp(engine, "sqlite") == 0);
}

static void
fit_one(struct backup_wait * w, enum backup_kind kind, const char * name,
    json_t * rec)
{
	struct backup_text * doc = backup_text_doc(w->in);
	const char * node = json_str(rec, "node"), * ours = w->B->o.node;

	if (node == NULL || strcmp(node, ours) == 0)
		return;
	if (strcmp(w->B->o.state->ops->name, "sqlite") != 0) {
		if (json_object_get(w->nodes, node) != NULL)
			return;
		if (!(w->flags & BACKUP_HERE)) {
			note(w->answer, "elsewhere", name);
			return;
		}
	}
	json_object_set_new(rec, "node", json_string(ours));
	note(w->answer, "pinned_here", name);
	if (kind != BACKUP_SYNC || !is_of_node(rec) ||
	    (w->flags & BACKUP_KEEP_CURSORS) ||
	    json_object_get(doc->records[BACKUP_CURSOR], name) == NULL)
		return;
	json_object_del(doc->records[BACKUP_CURSOR], name);
	json_object_del(doc->records[BACKUP_PART], name);
	note(w->answer, "cursors_left", name);
}

int
backup_fit_nodes(struct backup_wait * w, struct err * e)
{
	struct backup_text * doc = backup_text_doc(w->in);
	const char * name;
	json_t * rec;

	w->answer = json_pack("{s:O?, s:O?, s:[], s:[], s:[]}",
	    "made_at", json_object_get(doc->header, "made_at"),
	    "node", json_object_get(doc->header, "node"),
	    "pinned_here", "elsewhere", "cursors_left");
	if (w->answer == NULL)
		return (err_nomem(e, "a backup"));
	json_object_foreach(doc->records[BACKUP_CONNECTOR], name, rec)
		fit_one(w, BACKUP_CONNECTOR, name, rec);
	json_object_foreach(doc->records[BACKUP_SYNC], name, rec)
		fit_one(w, BACKUP_SYNC, name, rec);
	return (0);
}
