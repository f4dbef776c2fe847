#include "target/elastic_pit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/json.h"

#define REJECTED "-rejected"

struct elastic_pit {
	LIST_ENTRY(elastic_pit) all;
	struct elastic * el;
	struct elastic_know * know;
	struct elastic_call * call;
	char * index;
	char * id;
	int64_t keep_ms;
	int is_opensearch, by_doc;
	int is_left;         /* nobody waits: delete it once it is there */
	elastic_pit_cb * cb;
	void * arg;
};

static LIST_HEAD(, elastic_pit) pits = LIST_HEAD_INITIALIZER(pits);

int
elastic_pit_path(const char * index, struct buf * out)
{
	size_t n = strlen(index), r = strlen(REJECTED);

	if (elastic_path_add(out, index))
		return (-1);
	if (strchr(index, '*') == NULL || (n >= r &&
	    strcmp(index + n - r, REJECTED) == 0))
		return (0);
	return (buf_adds(out, ",-*" REJECTED));
}

static void
pit_free(struct elastic_pit * p)
{
	LIST_REMOVE(p, all);
	elastic_know_cancel(p->know);
	elastic_call_cancel(p->call);
	free(p->index);
	free(p->id);
	free(p);
}

static void
on_deleted(void * arg, const struct http_res * res, const struct err * e)
{
	/* It goes by itself, later. */
	(void)arg;
	(void)res;
	(void)e;
}

static void
delete_it(struct elastic_pit * p)
{
	struct elastic_ask a = { .method = "DELETE", .max_body = 1 << 20,
	    .timeout_ms = 10000 };
	json_t * o;
	char * s;

	a.path = p->is_opensearch ? "/_search/point_in_time" : "/_pit";
	o = p->is_opensearch ? json_pack("{s:[s]}", "pit_id", p->id) :
	    json_pack("{s:s}", "id", p->id);
	s = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (s != NULL) {
		a.body = s;
		a.body_len = strlen(s);
		(void)elastic_call(p->el, &a, on_deleted, NULL);
	}
	free(s);
}

static void
opened(struct elastic_pit * p, const struct err * e)
{
	if (!p->is_left) {
		p->cb(p->arg, e);
		return;
	}
	if (p->id != NULL)
		delete_it(p);
	pit_free(p);
}

static void
on_open(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_pit * p = arg;
	struct err mine;
	const char * id;
	json_t * o;

	p->call = NULL;
	if (e != NULL) {
		mine = *e;
		opened(p, &mine);
		return;
	}
	if (res->status < 200 || res->status > 299) {
		elastic_err(&mine, res, "point in time");
		if (res->status == 404) {
			mine.cls = ERR_CONFIG;
			memcpy(mine.code, "no_index", sizeof("no_index"));
		}
		opened(p, &mine);
		return;
	}
	o = json_parse(res->body, res->body_len, "a point in time", &mine);
	id = json_str(o, p->is_opensearch ? "pit_id" : "id");
	if (o != NULL && id == NULL)
		err_set(&mine, ERR_PERMANENT, "pit", "the cluster opened a "
		    "point in time without a name");
	if (id != NULL && (p->id = strdup(id)) == NULL)
		err_nomem(&mine, "a point in time");
	json_decref(o);
	opened(p, p->id == NULL ? &mine : NULL);
}

static int
ask(struct elastic_pit * p, const struct elastic_who * who, struct err * e)
{
	struct elastic_ask a = { .method = "POST", .max_body = 1 << 20 };
	struct buf path = BUF_INIT(16384);

	if (who->is_opensearch ? who->major < 2 ||
	    (who->major == 2 && who->minor < 4) :
	    who->major < 7 || (who->major == 7 && who->minor < 10))
		return (err_set(e, ERR_CONFIG, "too_old", "%s %s has no points "
		    "in time, without which an index cannot be read whole: "
		    "Elasticsearch has them since 7.10, OpenSearch since 2.4",
		    elastic_name(who), who->version));
	p->is_opensearch = who->is_opensearch;
	p->by_doc = who->is_opensearch || (who->major == 7 && who->minor < 12);
	buf_addc(&path, '/');
	if (elastic_pit_path(p->index, &path) == 0)
		buf_addf(&path, "%s?keep_alive=%llds", p->is_opensearch ?
		    "/_search/point_in_time" : "/_pit",
		    (long long)((p->keep_ms + 999) / 1000));
	a.path = path.p;
	if (!path.failed)
		p->call = elastic_call(p->el, &a, on_open, p);
	buf_free(&path);
	return (p->call == NULL ? err_nomem(e, "a point in time") : 0);
}

static void
on_who(void * arg, const struct elastic_who * who, const struct err * e)
{
	struct elastic_pit * p = arg;
	struct err mine;

	p->know = NULL;
	if (e != NULL) {
		mine = *e;
		opened(p, &mine);
	} else if (ask(p, who, &mine))
		opened(p, &mine);
}

struct elastic_pit *
elastic_pit_open(struct elastic * el, const char * index, int64_t keep_ms,
    elastic_pit_cb * cb, void * arg)
{
	struct elastic_pit * p = calloc(1, sizeof(*p));

	if (p == NULL)
		return (NULL);
	LIST_INSERT_HEAD(&pits, p, all);
	p->el = el;
	p->keep_ms = keep_ms;
	p->cb = cb;
	p->arg = arg;
	if ((p->index = strdup(index)) == NULL ||
	    (p->know = elastic_know(el, on_who, p)) == NULL) {
		pit_free(p);
		return (NULL);
	}
	return (p);
}

void
elastic_pit_close(struct elastic_pit * p)
{
	if (p == NULL)
		return;
	if (p->call != NULL) {
		p->is_left = 1;
		return;
	}
	if (p->id != NULL)
		delete_it(p);
	pit_free(p);
}

const char *
elastic_pit_id(const struct elastic_pit * p)
{
	return (p->id);
}

int
elastic_pit_renew(struct elastic_pit * p, const char * id)
{
	char * s;

	if (strcmp(p->id, id) == 0)
		return (0);
	if ((s = strdup(id)) == NULL)
		return (-1);
	free(p->id);
	p->id = s;
	return (0);
}

int
elastic_pit_by_doc(const struct elastic_pit * p)
{
	return (p->by_doc);
}

void
elastic_pit_cleanup(void)
{
	struct elastic_pit * p, * next;

	for (p = LIST_FIRST(&pits); p != NULL; p = next) {
		next = LIST_NEXT(p, all);
		if (p->is_left)
			pit_free(p);
	}
}
