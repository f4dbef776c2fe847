#include "cli/status_cmd.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/status_syncs.h"
#include "cli/table.h"

#define WATCH_MS 2000
#define PAGE_ITEMS 500
#define ITEMS_MAX 100000
/* Lines around the connectors: three of the daemon (one may be folded), the
 * table's four, one for what is not shown and the one the cursor is left on. */
#define WATCH_FRAME 10

struct facts {
	json_t * status;
	json_t * items;
	struct err unknown; /* why there are none; no message: there may be */
};

static json_t *
get_json(struct client_http * c, const char * path, struct err * e)
{
	struct buf body = BUF_INIT(0);
	json_t * o = NULL;

	if (client_http_get(c, path, &body, e) == 0 &&
	    (o = json_parse(body.p != NULL ? body.p : "", body.len, path,
	    e)) != NULL && !json_is_object(o)) {
		json_decref(o);
		o = NULL;
		err_set(e, ERR_PERMANENT, "answer", "%s answers %s not as "
		    "moltlerd does", client_http_url(c), path);
	}
	buf_free(&body);
	return (o);
}

static void
add_escaped(struct buf * b, const char * s)
{
	for (; *s != '\0'; s++) {
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		    (*s >= '0' && *s <= '9') || *s == '_' || *s == '-')
			buf_addc(b, *s);
		else
			buf_addf(b, "%%%02X", (unsigned char)*s);
	}
}

/* One page of connectors after the name ${after}, put behind ${items}. */
static json_t *
get_page(struct client_http * c, const char * after, json_t * items,
    struct err * e)
{
	struct buf path = BUF_INIT(8192);
	json_t * o = NULL;

	buf_addf(&path, "/v1/connectors?limit=%d", PAGE_ITEMS);
	if (after != NULL) {
		buf_adds(&path, "&after=");
		add_escaped(&path, after);
	}
	if (path.failed)
		err_nomem(e, "the request");
	else
		o = get_json(c, path.p, e);
	buf_free(&path);
	if (o != NULL && json_array_extend(items,
	    json_object_get(o, "items")) != 0) {
		err_set(e, ERR_PERMANENT, "answer", "%s lists no connectors",
		    client_http_url(c));
		json_decref(o);
		o = NULL;
	}
	return (o);
}

static json_t *
get_connectors(struct client_http * c, struct err * e)
{
	json_t * items = json_array(), * page = NULL, * o;
	const char * after = NULL;
	size_t had;

	if (items == NULL) {
		err_nomem(e, "the connectors");
		return (NULL);
	}
	do {
		had = json_array_size(items);
		if ((o = get_page(c, after, items, e)) == NULL) {
			json_decref(page);
			json_decref(items);
			return (NULL);
		}
		json_decref(page);
		page = o;
		after = json_str(page, "next");
		/* A page that brings nothing would go on for ever. */
	} while (after != NULL && json_array_size(items) > had &&
	    json_array_size(items) < ITEMS_MAX);
	json_decref(page);
	return (items);
}

static int
get_facts(struct client_http * c, struct facts * f, struct err * e)
{
	if ((f->status = get_json(c, "/v1/status", e)) == NULL)
		return (-1);
	f->unknown.msg[0] = '\0';
	if ((f->items = get_connectors(c, e)) != NULL)
		return (0);
	/* How the daemon is can be told all the same. */
	if (strcmp(e->code, "http_503") == 0 &&
	    (f->items = json_array()) != NULL) {
		f->unknown = *e;
		return (0);
	}
	json_decref(f->status);
	return (-1);
}

static int
add_json(const struct facts * f, struct buf * out, struct err * e)
{
	json_t * o = json_pack("{s:O,s:O}", "status", f->status, "connectors",
	    f->items);
	char * s = o == NULL ? NULL :
	    json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));

	json_decref(o);
	if (s == NULL)
		return (err_nomem(e, "the answer"));
	buf_adds(out, s);
	buf_addc(out, '\n');
	free(s);
	return (0);
}

/* A time span for people: what is small beside the rest is left out. */
static void
add_span(struct buf * out, json_int_t s)
{
	char text[DURATION_LEN];

	if (s < 0)
		s = 0;
	if (s > (json_int_t)366 * 86400 * 1000)
		s = (json_int_t)366 * 86400 * 1000;
	if (s >= 86400)
		s -= s % 3600;
	else if (s >= 3600)
		s -= s % 60;
	duration_format((int64_t)s * 1000, text);
	buf_adds(out, text);
}

/* An integer with its thousands apart. */
static void
add_grouped(struct buf * out, json_int_t v)
{
	char d[32];
	int i, n = snprintf(d, sizeof(d), "%" JSON_INTEGER_FORMAT, v);

	for (i = 0; i < n; i++) {
		if (i > 0 && d[i - 1] != '-' && (n - i) % 3 == 0)
			buf_addc(out, ',');
		buf_addc(out, d[i]);
	}
}

static double
number_at(const json_t * o, const char * key)
{
	return (json_number_value(json_object_get(o, key)));
}

/* Text of the daemon's outside a table: nothing that drives the terminal. */
static void
add_plain(struct buf * out, const char * s)
{
	for (; s != NULL && *s != '\0'; s++)
		buf_addc(out, *s >= 0x20 && *s < 0x7f ? *s : '?');
}

static void
add_daemon(const struct client_http * c, const json_t * st, struct buf * out)
{
	const json_t * lag = json_object_get(st, "loop_lag_ms");
	const json_t * state = json_object_get(st, "state");
	const json_t * n = json_object_get(st, "connectors");

	buf_adds(out, "moltlerd ");
	add_plain(out, json_str(st, "version"));
	buf_addf(out, " at %s, node ", client_http_url(c));
	add_plain(out, json_str(st, "node"));
	buf_adds(out, ", up ");
	add_span(out, json_int(st, "uptime_s", 0));
	buf_adds(out, "\nstate ");
	add_plain(out, json_str(state, "backend"));
	buf_adds(out, json_is_true(json_object_get(state, "up")) ? " up" :
	    " DOWN");
	buf_addf(out, "; loop lag %.3g ms (p99 %.3g, max %.3g); ",
	    number_at(lag, "p50"), number_at(lag, "p99"),
	    number_at(lag, "max"));
	add_grouped(out, json_int(st, "rows_total", 0));
	buf_adds(out, " rows taken in\n");
	buf_addf(out, "connectors: %" JSON_INTEGER_FORMAT " connected, %"
	    JSON_INTEGER_FORMAT " in error, %" JSON_INTEGER_FORMAT
	    " disabled, %" JSON_INTEGER_FORMAT " pending\n",
	    json_int(n, "connected", 0), json_int(n, "error", 0),
	    json_int(n, "disabled", 0), json_int(n, "pending", 0));
	status_syncs(st, out);
}

static int
text_cell(struct table * t, const char * s)
{
	return (table_cell(t, TABLE_TEXT, s, strlen(s)));
}

/* When something was: a time as RFC 3339 or in milliseconds. */
static int
ago_cell(struct table * t, const json_t * v)
{
	char text[DURATION_LEN];
	int64_t ms;

	if (json_is_integer(v))
		ms = json_integer_value(v);
	else if (!json_is_string(v) || rfc3339_parse(json_string_value(v),
	    json_string_length(v), &ms, NULL))
		return (text_cell(t, "never"));
	duration_ago(clock_wall_ms() - ms, text);
	return (text_cell(t, text));
}

static int
every_cell(struct table * t, json_int_t ms)
{
	char text[DURATION_LEN];

	if (ms <= 0)
		return (text_cell(t, ""));
	duration_format((int64_t)ms, text);
	return (text_cell(t, text));
}

static int
rows_cell(struct table * t, const json_t * v)
{
	struct buf b = BUF_INIT(64);
	int rc;

	if (!json_is_integer(v))
		return (text_cell(t, ""));
	add_grouped(&b, json_integer_value(v));
	rc = table_cell(t, TABLE_NUMBER, b.p, b.len);
	buf_free(&b);
	return (rc);
}

static const char *
or_empty(const char * s)
{
	return (s != NULL ? s : "");
}

/* What is wrong with it, or what it waits for; into ${text} where need be. */
static const char *
trouble(const json_t * item, char text[200])
{
	const char * s = json_str(item, "disabled_reason");

	if ((s == NULL || *s == '\0') &&
	    json_str(item, "waits_until") != NULL) {
		snprintf(text, 200, "waits until %.40s: %.140s",
		    json_str(item, "waits_until"),
		    or_empty(json_str(item, "waits_why")));
		return (text);
	}
	if (s == NULL || *s == '\0')
		s = json_str(item, "last_error");
	return (or_empty(s));
}

static int
add_item(struct table * t, const json_t * item)
{
	char text[200];

	return (text_cell(t, or_empty(json_str(item, "name"))) ||
	    text_cell(t, or_empty(json_str(item, "type"))) ||
	    text_cell(t, or_empty(json_str(item, "status"))) ||
	    every_cell(t, json_int(item, "schedule_ms", 0)) ||
	    ago_cell(t, json_object_get(item, "last_success_at")) ||
	    rows_cell(t, json_object_get(item, "last_rows_ingested")) ||
	    text_cell(t, trouble(item, text)));
}

/* Add up to ${most} connectors; where not all fit, those in trouble first. */
static int
add_items(struct table * t, const json_t * items, size_t most)
{
	static const char * const first[] = { "error", "disabled", "pending" };
	size_t pass, i, j, passes = json_array_size(items) > most ? 4 : 1;
	const json_t * item;
	const char * status;

	for (pass = 0; pass < passes; pass++) {
		json_array_foreach(items, i, item) {
			status = or_empty(json_str(item, "status"));
			for (j = 0; j < 3 && strcmp(status, first[j]) != 0; j++)
				continue;
			if (passes > 1 && j != pass)
				continue;
			if (most-- == 0)
				return (0);
			if (add_item(t, item))
				return (-1);
		}
	}
	return (0);
}

static int
add_table(const struct screen * scr, const json_t * items, size_t most,
    struct buf * out)
{
	static const char * const names[] = { "Name", "Type", "Status", "Every",
	    "Last success", "Rows", "Error" };
	const struct table_opts o = { .width = scr->width, .utf8 = scr->utf8,
	    .color = scr->color };
	size_t i, n = sizeof(names) / sizeof(names[0]);
	struct table * t = table_new(&o, n);
	int rc = t == NULL;

	for (i = 0; i < n && rc == 0; i++)
		rc = table_head(t, i, names[i], strlen(names[i]), i == 5);
	if (rc == 0)
		rc = add_items(t, items, most) || table_end(t, out);
	table_free(t);
	if (rc == 0 && json_array_size(items) > most)
		buf_addf(out, "and %zu more\n", json_array_size(items) - most);
	return (rc ? -1 : 0);
}

static int
render(struct client_http * c, const struct screen * scr, const struct facts * f,
    enum output_format fmt, int watch, struct buf * out, struct err * e)
{
	size_t most = SIZE_MAX, frame;

	if (fmt == OUTPUT_JSON && f->unknown.msg[0] != '\0') {
		*e = f->unknown;
		return (-1);
	}
	if (fmt == OUTPUT_JSON)
		return (add_json(f, out, e));
	frame = WATCH_FRAME + status_syncs_lines(f->status);
	if (watch && scr->out_tty)
		most = scr->height > frame + 1 ? scr->height - frame : 1;
	add_daemon(c, f->status, out);
	if (f->unknown.msg[0] != '\0') {
		add_plain(out, f->unknown.msg);
		buf_addc(out, '\n');
	} else if (add_table(scr, f->items, most, out))
		return (err_nomem(e, "the table"));
	return (0);
}

static int
show(struct client_http * c, struct screen * scr, enum output_format fmt,
    int watch, struct err * e)
{
	struct buf out = BUF_INIT(0);
	struct facts f;
	int rc;

	if (get_facts(c, &f, e))
		return (-1);
	/* Cleared only now, together with what is shown instead. */
	if (watch && scr->out_tty && fmt == OUTPUT_TABLE)
		buf_adds(&out, "\033[H\033[2J");
	rc = render(c, scr, &f, fmt, watch, &out, e);
	if (rc == 0)
		rc = screen_write(scr, &out, e);
	json_decref(f.status);
	json_decref(f.items);
	buf_free(&out);
	return (rc);
}

/* Ctrl-C is how watching ends well. */
static int
leave_watch(struct screen * scr)
{
	screen_end_line(scr);
	return (EXIT_CODE_DONE);
}

int
status_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, int watch)
{
	struct err e;
	int rounds = 0, rc;

	for (;;) {
		screen_measure(scr);
		rc = show(c, scr, f, watch, &e);
		if (watch && interrupt_seen())
			return (leave_watch(scr));
		/* Whoever watches wants to see the daemon come back. */
		if (rc && (!watch || rounds == 0 ||
		    strcmp(e.code, SCREEN_FAILED) == 0)) {
			if (client_http_exit_code(&e) == EXIT_CODE_INTERRUPTED)
				screen_end_line(scr);
			else
				screen_complain(scr, "%s", e.msg);
			return (client_http_exit_code(&e));
		}
		if (rc)
			screen_complain(scr, "%s (tried again every 2 s)",
			    e.msg);
		if (!watch)
			return (EXIT_CODE_DONE);
		rounds = 1;
		if (interrupt_sleep(WATCH_MS))
			return (leave_watch(scr));
	}
}
