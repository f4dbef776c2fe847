#include "cli/status_syncs.h"

#include <string.h>

#include "base/json.h"

/* Daemons that are shown, and syncs of each. */
#define NODES_MAX 20
#define RUNNING_MAX 5

/* Text of a daemon's: nothing that drives the terminal. */
static void
add_plain(struct buf * out, const char * s)
{
	for (; s != NULL && *s != '\0'; s++)
		buf_addc(out, *s >= 0x20 && *s < 0x7f ? *s : '?');
}

static void
add_count(struct buf * out, const json_t * o, const char * key,
    const char * sep)
{
	buf_addf(out, "%s%" JSON_INTEGER_FORMAT " %s", sep,
	    json_int(o, key, 0), key);
}

static void
add_node(const json_t * n, struct buf * out)
{
	const json_t * syncs = json_object_get(n, "syncs");
	size_t i, all = json_array_size(syncs);

	buf_adds(out, json_is_true(json_object_get(n, "here")) ? "* " : "  ");
	add_plain(out, json_str(n, "node"));
	if (json_str(n, "listen") != NULL) {
		buf_adds(out, " at ");
		add_plain(out, json_str(n, "listen"));
	}
	buf_adds(out, all == 0 ? ": runs no sync" : ": runs ");
	for (i = 0; i < all && i < RUNNING_MAX; i++) {
		buf_adds(out, i > 0 ? ", " : "");
		add_plain(out, json_string_value(json_array_get(syncs, i)));
	}
	if (all > RUNNING_MAX)
		buf_addf(out, " and %zu more", all - RUNNING_MAX);
	buf_addc(out, '\n');
}

void
status_syncs(const json_t * st, struct buf * out)
{
	const json_t * s = json_object_get(st, "syncs"), * n;
	const json_t * nodes = json_object_get(st, "nodes");
	size_t i;

	/* A daemon of before there were syncs says nothing of them. */
	if (s == NULL)
		return;
	buf_adds(out, "syncs:");
	add_count(out, s, "total", " ");
	add_count(out, s, "running", ", ");
	add_count(out, s, "scheduled", ", ");
	add_count(out, s, "paused", ", ");
	add_count(out, s, "partial", ", ");
	add_count(out, s, "failed", ", ");
	buf_addc(out, '\n');
	json_array_foreach(nodes, i, n) {
		if (i == NODES_MAX) {
			buf_addf(out, "  and %zu more\n",
			    json_array_size(nodes) - i);
			break;
		}
		add_node(n, out);
	}
}

size_t
status_syncs_lines(const json_t * st)
{
	size_t n = json_array_size(json_object_get(st, "nodes"));

	if (json_object_get(st, "syncs") == NULL)
		return (0);
	return (1 + (n > NODES_MAX ? NODES_MAX + 1 : n));
}
