#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "run/secret_store_internal.h"

/* ---- calls ---- */

static void
op_free(struct sop * op)
{
	*op->prevp = op->next;
	if (op->next != NULL)
		op->next->prevp = op->prevp;
	loop_soon_cancel(op->st->loop, &op->soon);
	free(op->name);
	free(op->sealed);
	free(op->check);
	free(op);
}

void
secret_store_op_end(struct sop * op, const struct err * e)
{
	if (op->cb != NULL)
		op->cb(op->arg, e);
	else if (e != NULL)
		log_event(LOG_WARN, "secret_failed", LOG_E(e));
	op_free(op);
}

static void
on_op_soon(void * arg)
{
	struct sop * op = arg;

	secret_store_op_end(op, op->e.code[0] != '\0' ? &op->e : NULL);
}

/* End it from the soon queue, with op->e if that was filled. */
static void
op_soon(struct sop * op)
{
	loop_soon(op->st->loop, &op->soon, on_op_soon, op);
}

struct sop *
secret_store_op(struct secret_store * st, const char * name, secret_store_cb * cb,
    void * arg)
{
	struct sop * op = calloc(1, sizeof(*op));

	if (op == NULL || (name != NULL &&
	    (op->name = strdup(name)) == NULL)) {
		/* Nobody could be told; the state's own calls do the same. */
		log_event(LOG_ERROR, "out_of_memory", LOG_S("for", "a secret"));
		abort();
	}
	op->st = st;
	op->cb = cb;
	op->arg = arg;
	op->next = st->ops;
	op->prevp = &st->ops;
	if (op->next != NULL)
		op->next->prevp = &op->next;
	st->ops = op;
	return (op);
}

/* ---- set ---- */

json_t *
secret_store_record(const char * name, const char * sealed)
{
	return (json_pack("{s:s, s:s, s:I}", "name", name, "sealed", sealed,
	    "at", (json_int_t)clock_wall_ms()));
}

void
secret_store_keep(struct secret_store * st, const char * name, const char * sealed)
{
	int is_new = secrets_sealed(st->secrets, name) == NULL;
	struct err e;

	if (secrets_put(st->secrets, name, sealed, &e))
		log_event(LOG_ERROR, "secret_not_kept", LOG_E(&e));
	else if (is_new && strcmp(name, SECRET_CHECK) != 0)
		st->n++;
}

void
secret_store_lose(struct secret_store * st, const char * name)
{
	if (secrets_sealed(st->secrets, name) == NULL)
		return;
	/* The name may be the very one that goes. */
	if (strcmp(name, SECRET_CHECK) != 0)
		st->n--;
	secrets_drop(st->secrets, name);
}

static void
on_set(void * arg, json_t * v, const struct err * e)
{
	struct sop * op = arg;

	(void)v;
	if (e == NULL) {
		op->st->changes++;
		secret_store_keep(op->st, op->name, op->sealed);
	}
	secret_store_op_end(op, e);
}

static void
put_record(struct sop * op)
{
	struct secret_store * st = op->st;
	json_t * rec = secret_store_record(op->name, op->sealed);

	if (rec == NULL) {
		err_nomem(&op->e, "a secret");
		op_soon(op);
		return;
	}
	st->state->ops->put(st->state, SECRET_KIND, op->name, rec, 0, on_set, op);
	json_decref(rec);
}

/* Whether the key is still the one that ${op} was sealed with. */
static int
same_key(const struct sop * op)
{
	struct buf b = BUF_INIT(SECRET_VALUE_MAX);
	int rc;

	rc = secret_box_open(secrets_key_get(op->st->secrets), op->name,
	    op->sealed, &b, NULL);
	buf_wipe(&b);
	return (rc == 0);
}

/* Somebody else's check record was there first. */
static void
on_their_check(void * arg, json_t * v, const struct err * e)
{
	struct sop * op = arg;
	struct secret_store * st = op->st;
	const char * check = json_str(v, "sealed");

	if (e == NULL && check != NULL &&
	    secret_store_check(st, check, &op->e)) {
		secret_store_trouble(st, &op->e);
		secret_store_load(st, NULL, NULL);
		e = &op->e;
	} else if (e == NULL && (check == NULL || !same_key(op))) {
		err_set(&op->e, ERR_TRANSIENT, "busy",
		    "the master key is being changed; try again");
		e = &op->e;
	}
	if (e != NULL) {
		secret_store_op_end(op, e);
		return;
	}
	secret_store_keep(st, SECRET_CHECK, check);
	put_record(op);
}

static void
on_check(void * arg, json_t * v, const struct err * e)
{
	struct sop * op = arg;
	struct secret_store * st = op->st;

	(void)v;
	if (e != NULL && strcmp(e->code, "exists") == 0) {
		st->state->ops->get(st->state, SECRET_KIND, SECRET_CHECK, on_their_check, op);
		return;
	}
	if (e != NULL) {
		secret_store_op_end(op, e);
		return;
	}
	st->changes++;
	st->checked = 1;
	secret_store_keep(st, SECRET_CHECK, op->check);
	put_record(op);
}

static void
put_check(struct sop * op)
{
	struct secret_store * st = op->st;
	struct buf b = BUF_INIT(1024);
	json_t * rec;

	if (secret_store_seal_check(st, &b, &op->e)) {
		buf_free(&b);
		op_soon(op);
		return;
	}
	op->check = b.p;
	if ((rec = secret_store_record(SECRET_CHECK, b.p)) == NULL) {
		err_nomem(&op->e, "a secret");
		op_soon(op);
		return;
	}
	st->state->ops->put(st->state, SECRET_KIND, SECRET_CHECK, rec, 1,
	    on_check, op);
	json_decref(rec);
}

static int
check_value(const char * value, size_t len, struct err * e)
{
	if (len == 0)
		return (err_set(e, ERR_CONFIG, "bad_value",
		    "a secret cannot be empty"));
	if (len > SECRET_VALUE_MAX)
		return (err_set(e, ERR_CONFIG, "bad_value", "a secret has at "
		    "most %d bytes; this one has %zu", SECRET_VALUE_MAX, len));
	if (memchr(value, '\0', len) != NULL)
		return (err_set(e, ERR_CONFIG, "bad_value",
		    "a secret cannot hold a NUL byte"));
	return (0);
}

static void
set(struct sop * op, const char * value, size_t len)
{
	struct secret_store * st = op->st;
	struct buf b = BUF_INIT(SECRET_VALUE_MAX * 2);

	if (op->e.code[0] != '\0' || check_value(value, len, &op->e) ||
	    secret_store_need_key(st, &op->e)) {
		op_soon(op);
		return;
	}
	if (st->n >= SECRETS_MAX &&
	    secrets_sealed(st->secrets, op->name) == NULL)
		err_set(&op->e, ERR_CONFIG, "too_many", "there are %d secrets "
		    "already, the most there can be", SECRETS_MAX);
	else if (secret_box_seal(secrets_key_get(st->secrets), op->name, value,
	    len, &b, &op->e) == 0)
		op->sealed = b.p;
	if (op->sealed == NULL) {
		buf_free(&b);
		op_soon(op);
	} else if (st->checked) {
		put_record(op);
	} else {
		put_check(op);
	}
}

static int
err_name(const char * name, struct err * e)
{
	return (err_set(e, ERR_CONFIG, "bad_name", "a secret's name holds "
	    "letters, digits, _ . and -, 1 to 128 of them, not '%.140s'",
	    name));
}

void
secret_store_set(struct secret_store * st, const char * name,
    const char * value, size_t len, secret_store_cb * cb, void * arg)
{
	struct sop * op = secret_store_op(st, name, cb, arg);

	if (!secret_name_ok(name))
		err_name(name, &op->e);
	set(op, value, len);
}

void
secret_store_set_hidden(struct secret_store * st, const char * name,
    const char * value, size_t len, secret_store_cb * cb, void * arg)
{
	set(secret_store_op(st, name, cb, arg), value, len);
}

/* ---- refresh ---- */

static void
on_refreshed(void * arg, json_t * v, const struct err * e)
{
	struct sop * op = arg;
	const char * sealed = json_str(v, "sealed");

	if (e == NULL && sealed != NULL)
		secret_store_keep(op->st, op->name, sealed);
	else if (e == NULL)
		secret_store_lose(op->st, op->name);
	secret_store_op_end(op, e);
}

void
secret_store_refresh(struct secret_store * st, const char * name,
    secret_store_cb * cb, void * arg)
{
	struct sop * op = secret_store_op(st, name, cb, arg);

	st->state->ops->get(st->state, SECRET_KIND, name, on_refreshed, op);
}

/* ---- del ---- */

static void
forget_check(struct secret_store * st)
{
	st->state->ops->del(st->state, SECRET_KIND, SECRET_CHECK, NULL, NULL);
	secret_store_lose(st, SECRET_CHECK);
	secret_store_trouble(st, NULL);
}

static void
on_del(void * arg, json_t * v, const struct err * e)
{
	struct sop * op = arg;
	struct secret_store * st = op->st;

	(void)v;
	if (e == NULL) {
		st->changes++;
		secret_store_lose(st, op->name);
		/* With the last one any key will do for the next. */
		if (st->has_trouble && st->n == 0)
			forget_check(st);
	}
	secret_store_op_end(op, e);
}

static void
del(struct sop * op)
{
	op->st->state->ops->del(op->st->state, SECRET_KIND, op->name, on_del, op);
}

static void
on_looked(void * arg, json_t * v, const struct err * e)
{
	struct sop * op = arg;

	if (e == NULL && v == NULL) {
		err_set(&op->e, ERR_CONFIG, "not_found",
		    "there is no secret '%.140s'", op->name);
		e = &op->e;
	}
	if (e != NULL)
		secret_store_op_end(op, e);
	else
		del(op);
}

void
secret_store_del(struct secret_store * st, const char * name,
    secret_store_cb * cb, void * arg)
{
	struct sop * op = secret_store_op(st, name, cb, arg);

	if (!secret_name_ok(name)) {
		err_set(&op->e, ERR_CONFIG, "not_found",
		    "there is no secret '%.140s'", name);
		op_soon(op);
	} else if (secrets_sealed(st->secrets, name) != NULL) {
		del(op);
	} else {
		/* Another daemon may have made it a moment ago. */
		st->state->ops->get(st->state, SECRET_KIND, name, on_looked, op);
	}
}

void
secret_store_del_hidden(struct secret_store * st, const char * name)
{
	del(secret_store_op(st, name, NULL, NULL));
}

/* ---- the object ---- */

struct secret_store *
secret_store_new(const struct secret_store_opts * o, struct err * e)
{
	struct secret_store * st;

	if ((st = calloc(1, sizeof(*st))) == NULL ||
	    (st->key_file = strdup(o->key_file)) == NULL) {
		free(st);
		err_nomem(e, "the secrets");
		return (NULL);
	}
	st->loop = o->loop;
	st->state = o->state;
	st->secrets = o->secrets;
	st->may_make = o->may_make;
	st->key_given = o->key != NULL;
	if (o->key != NULL)
		secrets_key(st->secrets, o->key);
	else if (secret_store_read_key(st, e)) {
		secret_store_free(st);
		return (NULL);
	}
	return (st);
}

void
secret_store_free(struct secret_store * st)
{
	if (st == NULL)
		return;
	while (st->ops != NULL)
		op_free(st->ops);
	free(st->key_file);
	free(st);
}
