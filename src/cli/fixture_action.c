#include <string.h>

#include "base/json.h"
#include "cli/fixture_internal.h"
#include "conn/action.h"
#include "conn/probe.h"
#include "conn/request.h"
#include "conn/send.h"

#define TIMEOUT_MS 3000
#define TIMEOUT_LIVE_MS 60000
/* What {{action.id}} is there. */
#define FIXTURE_ID "01890a5d-ac96-774b-bcce-b302099a8057"

static void
on_answer(void * arg, const json_t * answer, const struct action_end * did,
    const struct err * e)
{
	struct fixture_run * run = arg;

	(void)did;
	run->got = answer != NULL ? json_deep_copy(answer) : json_null();
	fixture_done(run, e);
}

static const struct manifest_action *
find(const struct fixture_run * run, struct err * e)
{
	const char * name = json_str(run->fx, "action"), * dot;
	const struct manifest_entity * ent = NULL;
	const struct manifest_action * act = NULL;
	char entity[128];

	if (name != NULL && (dot = strchr(name, '.')) != NULL &&
	    (size_t)(dot - name) < sizeof(entity)) {
		memcpy(entity, name, (size_t)(dot - name));
		entity[dot - name] = '\0';
		ent = manifest_entity(run->m, entity);
		act = ent != NULL ? manifest_action(ent, dot + 1) : NULL;
	}
	if (act == NULL)
		err_set(e, ERR_CONFIG, "fixture", "there is no action %s; write "
		    "ENTITY.ACTION", name != NULL ? name : "?");
	return (act);
}

int
fixture_action(struct fixture_run * run)
{
	const struct manifest_action * act = find(run, &run->err);
	struct action_opts o = { .timeout_ms = TIMEOUT_MS, .id = FIXTURE_ID };
	struct action * a;
	json_t * args;
	int rc;

	if (act == NULL || (args = action_args(run->c, act,
	    json_object_get(run->fx, "args"), &run->err)) == NULL)
		return (-1);
	if (run->live) {
		/* A service may know an old id, and do nothing. */
		o.id = NULL;
		o.timeout_ms = TIMEOUT_LIVE_MS;
	}
	a = action_start(&run->env, run->c, act, args, &o, on_answer,
	    run);
	if (a == NULL) {
		json_decref(args);
		return (err_nomem(&run->err, "an action"));
	}
	rc = fixture_wait(run);
	if (run->hangs)
		action_cancel(a);
	json_decref(args);
	return (rc);
}

static void
on_tested(void * arg, const struct http_res * res, const struct err * e)
{
	struct fixture_run * run = arg;
	struct err why;

	if (e == NULL && probe_judge(run->m, res, res->url, &why))
		e = &why;
	run->got = json_null();
	fixture_done(run, e);
}

int
fixture_test(struct fixture_run * run)
{
	static const struct send_opts none;
	struct request * r;
	struct send * sent;
	int rc = -1;

	if ((r = request_test(run->c, &run->err)) == NULL)
		return (-1);
	sent = send_start(&run->env, r, &none, on_tested, run);
	if (sent == NULL)
		err_nomem(&run->err, "a request");
	else
		rc = fixture_wait(run);
	if (run->hangs)
		send_cancel(sent);
	request_free(r);
	return (rc);
}
