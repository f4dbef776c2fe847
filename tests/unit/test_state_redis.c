#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "test_state.h"

static char cli[4096];
#define ID7 "ffffffff-ffff-7000-8000-000000000000"

#define CLI(args, want) do { \
	redis_server_cli(&server, cli, sizeof(cli), args); \
	assert_string_equal(cli, want); \
} while (0)

/* What a person sees with redis-cli. */
void
test_keys(void ** state)
{
	json_t * info = json_pack("{s:s}", "host", "h");
	char number[24];
	int node;
	int64_t f;

	(void)state;
	PUT("connector", "prom-a", "{\"type\":\"prometheus\","
	    "\"schedule_ms\":5000,\"name\":\"12\",\"tags\":[\"x\"],"
	    "\"note\":\"two words\"}", 1);
	CLI("HGET moltler:connector:prom-a type", "prometheus");
	CLI("HGET moltler:connector:prom-a schedule_ms", "5000");
	CLI("HGET moltler:connector:prom-a name", "\"12\"");
	CLI("HGET moltler:connector:prom-a tags", "[\"x\"]");
	CLI("HGET moltler:connector:prom-a note", "two words");
	CLI("SMEMBERS moltler:connectors", "prom-a");
	PUT("sync", "s1", "{\"q\":\"SYNC\"}", 1);
	CLI("HGET moltler:sync:s1 q", "SYNC");
	CLI("SMEMBERS moltler:syncs", "s1");
	CLI("GET moltler:generation", "2");
	DO_JSON(action_put, "{\"state\":\"intent\",\"attempt\":1}", ID7, v_, 1);
	CLI("HGET moltler:action:" ID7 " state", "intent");
	CLI("ZREVRANGE moltler:actions 0 9", ID7);
	CLI("GET moltler:generation", "2");
	STATUS("prom-a", "{\"status\":\"ok\",\"last_rows\":7}");
	EVENT("prom-a", "{\"to\":\"ok\"}");
	DO(flush);
	CLI("HGET moltler:status:prom-a status", "ok");
	CLI("HGET moltler:status:prom-a last_rows", "7");
	CLI("LRANGE moltler:events:prom-a 0 -1", "{\"to\":\"ok\"}");
	DO_FENCE(lease_take, "s1", 1700000000000, 60000);
	f = fence;
	snprintf(number, sizeof(number), "%lld", (long long)f);
	redis_server_cli(&server, cli, sizeof(cli),
	    "GET moltler:lease:s1:1700000000000");
	assert_memory_equal(cli, "n1 ", 3);
	assert_memory_equal(cli + 3, number, strlen(number));
	assert_int_equal(strlen(cli), 3 + strlen(number) + 1 + 24);
	CLI("HGET moltler:fence s1", number);
	redis_server_cli(&server, cli, sizeof(cli),
	    "PTTL moltler:lease:s1:1700000000000");
	assert_in_range(atoi(cli), 50000, 60000);
	DO_FENCE(lease_keep, "s1", 1700000000000, f, 90000);
	redis_server_cli(&server, cli, sizeof(cli),
	    "PTTL moltler:lease:s1:1700000000000");
	assert_in_range(atoi(cli), 80000, 90000);
	DO_JSON(cursor_put, "{\"at\":\"2024-01-01T00:00:00Z\"}", "s1", f, v_);
	CLI("HGET moltler:cursor:s1 at", "2024-01-01T00:00:00Z");
	CLI("HGET moltler:cursor:s1 _fence", number);
	DO_JSON(cache_put, "{\"a\":1}", "abc", v_, 60000);
	CLI("GET moltler:cache:abc", "{\"a\":1}");
	redis_server_cli(&server, cli, sizeof(cli), "PTTL moltler:cache:abc");
	assert_in_range(atoi(cli), 50000, 60000);
	S->ops->node_beat(S, info, 60000);
	DO(node_list);
	json_decref(info);
	CLI("GET moltler:node:n1", "{\"host\":\"h\"}");
	redis_server_cli(&server, cli, sizeof(cli), "PTTL moltler:node:n1");
	node = atoi(cli);
	assert_in_range(node, 50000, 60000);
	DO(lease_drop, "s1", 1700000000000, f);
	CLI("EXISTS moltler:lease:s1:1700000000000", "0");
	DO(del, "connector", "prom-a");
	DO(del, "sync", "s1");
	CLI("EXISTS moltler:connector:prom-a moltler:status:prom-a "
	    "moltler:events:prom-a moltler:sync:s1 moltler:cursor:s1", "0");
	CLI("GET moltler:generation", "4");
}

static void
mark_of(char mark[200])
{
	snprintf(mark, 200, "%s", json_string_value(json_object_get(value,
	    "mark")));
}

#define CHANGED(mark, n) do { \
	DO(changes, mark); \
	if ((n) < 0) \
		assert_null(json_object_get(value, "changed")); \
	else \
		assert_int_equal(json_array_size(json_object_get(value, \
		    "changed")), n); \
} while (0)

/* What changed, by name, as long as nothing is missing. */
void
test_changes_by_name(void ** state)
{
	char mark[200], old[200], name[16];
	int k;

	(void)state;
	CHANGED(NULL, -1);
	assert_string_equal(json_string_value(json_object_get(value, "mark")),
	    "");
	CHANGED("", -1);
	PUT("connector", "a", "{\"n\":1}", 1);
	CHANGED(NULL, -1);
	mark_of(mark);
	CHANGED(mark, 0);
	PUT("sync", "a.items", "{\"n\":1}", 1);
	DO(del, "connector", "a");
	PUT("secret", "~a b", "{\"n\":1}", 1);
	CHANGED(mark, 3);
	assert_json(json_object_get(value, "changed"),
	    "[[\"secret\",\"~a b\"],[\"connector\",\"a\"],"
	    "[\"sync\",\"a.items\"]]");
	snprintf(old, sizeof(old), "%s", mark);
	mark_of(mark);
	CHANGED(mark, 0);
	/* A name that is taken is no change. */
	TRY_PUT("sync", "a.items", "{}", 1);
	CHANGED(mark, 0);
	/* Somebody who only counts; then the next says nothing of it. */
	CLI("INCR moltler:generation", "5");
	CHANGED(mark, -1);
	assert_string_equal(json_string_value(json_object_get(value, "mark")),
	    "");
	PUT("sync", "s", "{}", 1);
	CHANGED(mark, -1);
	mark_of(mark);
	CHANGED(mark, 0);
	/* What was before that is out of reach. */
	CHANGED(old, -1);
	/* As much as is kept, and one more. */
	for (k = 1; k <= STATE_CHANGES; k++) {
		snprintf(name, sizeof(name), "s%d", k);
		PUT("sync", name, "{}", 0);
		if (k == STATE_CHANGES - 1)
			CHANGED(mark, k);
	}
	CHANGED(mark, -1);
	snprintf(name, sizeof(name), "%d", STATE_CHANGES);
	CLI("LLEN moltler:changes", name);
	/* What nobody of ours wrote. */
	mark_of(mark);
	CLI("EVAL \"redis.call('RPUSH', KEYS[1], '999 ' .. string.char(255)) "
	    "return redis.call('SET', KEYS[2], '999')\" 2 moltler:changes "
	    "moltler:generation", "OK");
	CHANGED(mark, -1);
	CLI("DEL moltler:changes", "1");
	CHANGED(mark, -1);
	PUT("sync", "s", "{}", 0);
	CHANGED(mark, -1);
	mark_of(mark);
	CHANGED(mark, 0);
}

/* What a person changes there. */
void
test_by_hand(void ** state)
{
	(void)state;
	CLI("HSET moltler:connector:h a 5 b five c '\"5\"' d '[1' e ''", "5");
	CLI("SADD moltler:connectors h gone", "2");
	DO(get, "connector", "h");
	assert_json(value, "{\"a\":5,\"b\":\"five\",\"c\":\"5\",\"d\":\"[1\","
	    "\"e\":\"\"}");
	DO(list, "connector");
	assert_int_equal(json_array_size(value), 1);
	/* Bytes that are no UTF-8 show as U+FFFD. */
	redis_server_cli(&server, cli, sizeof(cli),
	    "HSET moltler:connector:h b \"$(printf 'x\\377y')\"");
	DO(get, "connector", "h");
	assert_string_equal(json_string_value(json_object_get(value, "b")),
	    "x\xef\xbf\xbdy");
	/* What is no record at all keeps nobody from the others. */
	CLI("SET moltler:connector:odd x", "OK");
	CLI("SADD moltler:connectors odd", "1");
	DO(list, "connector");
	assert_int_equal(json_array_size(value), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(
	    value, 1), "name")), "odd");
	assert_non_null(json_object_get(json_array_get(value, 1),
	    STATE_UNREADABLE));
	CLI("DEL moltler:connector:odd", "1");
	/* Nor do those share the work that no daemon ever says it is. */
	CLI("SADD moltler:nodes for-ever number list gone", "4");
	CLI("SET moltler:node:for-ever {}", "OK");
	CLI("SET moltler:node:number 1 EX 100", "OK");
	CLI("RPUSH moltler:node:list {}", "1");
	CLI("EXPIRE moltler:node:list 100", "1");
	DO(node_list);
	assert_int_equal(json_object_size(value), 0);
	CLI("SET moltler:cache:c 'not json'", "OK");
	DO(cache_get, "c");
	assert_null(value);
}

/* Two daemons see the same. */
void
test_shared(void ** state)
{
	struct state * two = open_state("n2"), * one = S;
	json_t * info = json_object();
	int64_t f;

	(void)state;
	UNTIL(two->ops->is_up(two), 5000);
	PUT("connector", "a", "{\"x\":1}", 1);
	STATUS("a", "{\"s\":1}");
	EVENT("a", "{\"n\":1}");
	DO(flush);
	S->ops->node_beat(S, info, 60000);
	DO_FENCE(lease_take, "s", 1, 60000);
	f = fence;
	DO_FENCE(limit_take, "l", 0.01, 2, 1);
	assert_int_equal(fence, 0);
	S = two;
	/* One bucket for both, that passes when it is full again. */
	DO_FENCE(limit_take, "l", 0.01, 2, 1);
	assert_int_equal(fence, 0);
	DO_FENCE(limit_take, "l", 0.01, 2, 1);
	assert_in_range(fence, 90000, 100000);
	redis_server_cli(&server, cli, sizeof(cli), "PTTL moltler:limit:l");
	assert_in_range(atoll(cli), 190000, 201000);
	DO(get, "connector", "a");
	assert_json(value, "{\"x\":1}");
	DO(status_get, "a");
	assert_json(value, "{\"s\":1}");
	DO(event_list, "a", 5);
	assert_json(value, "[{\"n\":1}]");
	S->ops->node_beat(S, info, 60000);
	DO(node_list);
	assert_json(value, "{\"n1\":{},\"n2\":{}}");
	DO_FENCE(lease_take, "s", 1, 60000);
	assert_int_equal(fence, 0);
	/* Knowing the number is not holding the lease. */
	DO_FENCE(lease_keep, "s", 1, f, 60000);
	assert_int_equal(fence, 0);
	DO(lease_drop, "s", 1, f);
	DO_FENCE(lease_take, "s", 1, 60000);
	assert_int_equal(fence, 0);
	DO_FENCE(lease_take, "s", 2, 60000);
	assert_true(fence > f);
	DO_JSON(cursor_put, "{\"at\":2}", "s", fence, v_);
	S = one;
	TRY_JSON(cursor_put, "{\"at\":1}", "s", f, v_);
	assert_string_equal(last.code, "fenced");
	/* Nor does a server that lost all of it fence us off our targets. */
	f = fence;
	CLI("FLUSHALL", "OK");
	DO_FENCE(lease_take, "s", 3, 60000);
	assert_true(fence > f);
	json_decref(info);
	two->ops->free(two);
}

void
test_away(void ** state)
{
	json_t * o = json_object();
	int c = calls, i;
	char ev[64];

	(void)state;
	STATUS("a", "{\"kept\":1,\"gone\":2}");
	DO(flush);
	redis_server_kill(&server);
	UNTIL(!S->ops->is_up(S), 5000);
	for (i = 0; i < 3; i++) {
		snprintf(ev, sizeof(ev), "{\"n\":%d}", i);
		EVENT("a", ev);
		STATUS("a", ev);
	}
	STATUS("a", "{\"gone\":null}");
	c = calls;
	TRY(get, "connector", "a");
	assert_true(failed);
	assert_int_equal(last.cls, ERR_TRANSIENT);
	assert_string_equal(last.code, "redis_away");
	TRY(list, "connector");
	assert_true(failed);
	TRY(status_get, "a");
	assert_true(failed);
	TRY(event_list, "a", 5);
	assert_true(failed);
	TRY(cursor_get, "a");
	assert_true(failed);
	TRY(generation);
	assert_true(failed);
	TRY(node_list);
	assert_true(failed);
	TRY(put, "connector", "a", o, 1);
	assert_true(failed);
	TRY(cache_put, "a", o, 1);
	assert_true(failed);
	TRY(flush);
	assert_true(failed);
	assert_int_equal(last.cls, ERR_TRANSIENT);
	S->ops->lease_take(S, "s", 1, 1000, on_fence, NULL);
	UNTIL(calls == c + 11, 1000);
	assert_true(failed);
	assert_int_equal(fence, 0);
	S->ops->node_beat(S, o, 1000);
	json_decref(o);
	redis_server_start(&server, NULL);
	UNTIL(S->ops->is_up(S), 8000);
	/* Nothing is told twice, and what was held back is written. */
	DO(flush);
	CLI("HGETALL moltler:status:a", "n\n2");
	CLI("LRANGE moltler:events:a 0 -1",
	    "{\"n\":2}\n{\"n\":1}\n{\"n\":0}");
	DO(status_get, "a");
	assert_json(value, "{\"n\":2}");
}

/* What another daemon told of a later run stays, whoever is late. */
void
test_older_run(void ** state)
{
	(void)state;
	CLI("HSET moltler:status:a run 11 verdict complete reason none", "3");
	STATUS("a", "{\"run\":10,\"verdict\":\"failed\",\"reason\":null}");
	DO(status_get, "a");
	assert_json(value, "{\"reason\":\"none\",\"run\":11,"
	    "\"verdict\":\"complete\"}");
	DO(flush);
	CLI("HMGET moltler:status:a run verdict reason", "11\ncomplete\nnone");
	/* What tells of no run does not ask, nor does the same run again. */
	STATUS("a", "{\"progress\":1}");
	DO(flush);
	CLI("HGET moltler:status:a progress", "1");
	STATUS("a", "{\"run\":11,\"verdict\":\"partial\",\"reason\":null,"
	    "\"progress\":null}");
	DO(flush);
	DO(status_get, "a");
	assert_json(value, "{\"run\":11,\"verdict\":\"partial\"}");
	STATUS("a", "{\"run\":12,\"verdict\":\"failed\"}");
	DO(flush);
	CLI("HMGET moltler:status:a run verdict", "12\nfailed");
	/* How far a run is says nothing of one that ended, nor of a later one. */
	STATUS("a", "{\"began_run\":12,\"node\":\"x\",\"progress\":5}");
	DO(flush);
	CLI("HMGET moltler:status:a node began_run", "");
	STATUS("a", "{\"began_run\":14,\"node\":\"y\",\"progress\":1}");
	DO(flush);
	STATUS("a", "{\"began_run\":13,\"node\":\"x\",\"progress\":null}");
	DO(status_get, "a");
	assert_json(value, "{\"began_run\":14,\"node\":\"y\",\"progress\":1,"
	    "\"run\":12,\"verdict\":\"failed\"}");
	DO(flush);
	CLI("HMGET moltler:status:a node began_run run", "y\n14\n12");
	/* But what became of that one is told still. */
	STATUS("a", "{\"run\":13,\"began_run\":13,\"verdict\":\"partial\"}");
	DO(flush);
	CLI("HMGET moltler:status:a node began_run run", "y\n14\n13");
	/* What is told late together with a run that goes on does not hide that. */
	CLI("HSET moltler:status:a run 15 began_run 15", "0");
	STATUS("a", "{\"run\":14,\"verdict\":\"failed\"}");
	STATUS("a", "{\"began_run\":16,\"node\":\"z\"}");
	DO(status_get, "a");
	assert_json(value, "{\"began_run\":16,\"node\":\"z\",\"progress\":1,"
	    "\"run\":15,\"verdict\":\"partial\"}");
	DO(flush);
	CLI("HMGET moltler:status:a node began_run run verdict",
	    "z\n16\n15\npartial");
}

/* Who says that he runs something no more has told what became of it. */
void
test_told_before_the_beat(void ** state)
{
	json_t * info = json_pack("{s:[]}", "syncs");

	(void)state;
	STATUS("a", "{\"run\":3,\"verdict\":\"complete\"}");
	S->ops->node_beat(S, info, 60000);
	DO(node_list);
	CLI("HGET moltler:status:a verdict", "complete");
	json_decref(info);
}

/* However often it changes, one HSET a second. */
void
test_merge_writes(void ** state)
{
	int64_t t0 = clock_mono_us(), n = 0, before;
	char st[64];

	(void)state;
	CLI("CONFIG RESETSTAT", "OK");
	while (clock_mono_us() - t0 < 2500000) {
		snprintf(st, sizeof(st), "{\"n\":%lld}", (long long)n++);
		STATUS("a", st);
		loop_turn(L, 1);
	}
	DO(flush);
	redis_server_cli(&server, cli, sizeof(cli), "INFO commandstats | "
	    "grep '^cmdstat_hset:' | sed 's/.*hset:calls=//; s/,.*//'");
	before = atoi(cli);
	assert_in_range(before, 2, 4);
	assert_true(n > 20);
	snprintf(st, sizeof(st), "%lld", (long long)n - 1);
	CLI("HGET moltler:status:a n", st);
}

/*
 * A relay between the state and the server, on the same loop, that can lose
 * what the server answers: it is swallowed, then the connection ends.
 */
static struct {
	struct loop_io * listen, * client, * srv;
	int lfd, cfd, sfd;
	int lose; /* swallow answers */
	size_t lost; /* bytes swallowed */
	char sock[96];
} relay;

static void
relay_cut(void)
{
	loop_io_free(relay.client);
	loop_io_free(relay.srv);
	relay.client = relay.srv = NULL;
	if (relay.cfd >= 0)
		close(relay.cfd);
	if (relay.sfd >= 0)
		close(relay.sfd);
	relay.cfd = relay.sfd = -1;
}

static void
relay_move(void * arg, int fd, int events)
{
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	(void)arg;
	(void)events;
	if (n <= 0) {
		relay_cut();
	} else if (fd == relay.cfd) {
		assert_int_equal(write(relay.sfd, buf, (size_t)n), n);
	} else if (relay.lose) {
		relay.lost += (size_t)n;
	} else {
		assert_int_equal(write(relay.cfd, buf, (size_t)n), n);
	}
}

static void
relay_accept(void * arg, int fd, int events)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)arg;
	(void)events;
	relay_cut();
	relay.cfd = accept(fd, NULL, NULL);
	relay.sfd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", server.sock);
	assert_int_equal(connect(relay.sfd, (struct sockaddr *)&a, sizeof(a)),
	    0);
	relay.client = loop_io_new(L, relay.cfd, LOOP_PRIO_NORMAL, relay_move,
	    NULL);
	relay.srv = loop_io_new(L, relay.sfd, LOOP_PRIO_NORMAL, relay_move,
	    NULL);
	assert_int_equal(loop_io_set(relay.client, LOOP_READ), 0);
	assert_int_equal(loop_io_set(relay.srv, LOOP_READ), 0);
}

/* From now on the state under test speaks through the relay. */
static void
relay_begin(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char url[128];
	struct err e;

	memset(&relay, 0, sizeof(relay));
	relay.cfd = relay.sfd = -1;
	snprintf(relay.sock, sizeof(relay.sock), "%.80s/relay", server.dir);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", relay.sock);
	relay.lfd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(relay.lfd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(relay.lfd, 5), 0);
	relay.listen = loop_io_new(L, relay.lfd, LOOP_PRIO_NORMAL,
	    relay_accept, NULL);
	assert_int_equal(loop_io_set(relay.listen, LOOP_READ), 0);
	S->ops->free(S);
	snprintf(url, sizeof(url), "unix://%s", relay.sock);
	S = state_redis_open(L, url, "n1", &e);
	assert_non_null(S);
	UNTIL(S->ops->is_up(S), 5000);
}

static void
relay_end(void)
{
	S->ops->free(S);
	S = NULL;
	relay_cut();
	loop_io_free(relay.listen);
	close(relay.lfd);
}

/* The server made the claim but its answer is lost: asking again finds it to
 * be ours, once. */
void
test_lost_claim(void ** state)
{
	char number[24];
	int64_t f;
	int c;

	(void)state;
	relay_begin();
	relay.lose = 1;
	c = calls;
	S->ops->lease_take(S, "s", 1, 60000, on_fence, NULL);
	UNTIL(relay.lost > 0, 5000);
	CLI("EXISTS moltler:lease:s:1", "1");
	relay_cut();
	relay.lose = 0;
	UNTIL(calls == c + 1, 5000);
	assert_true(failed);
	assert_int_equal(last.cls, ERR_TRANSIENT);
	assert_string_equal(last.code, "redis_lost");
	UNTIL(S->ops->is_up(S), 8000);
	/* The same claim: its fence is the one that is there. */
	redis_server_cli(&server, number, sizeof(number),
	    "HGET moltler:fence s");
	DO_FENCE(lease_take, "s", 1, 60000);
	assert_int_equal((f = fence), strtoll(number, NULL, 10));
	DO_FENCE(lease_keep, "s", 1, f, 60000);
	assert_int_equal(fence, f);
	DO_FENCE(lease_take, "s", 1, 60000);
	assert_int_equal(fence, 0);
	CLI("HGET moltler:fence s", number);
	relay_end();
}

/* Events whose answer was lost are written again, but not doubled. */
void
test_event_once(void ** state)
{
	int c;

	(void)state;
	relay_begin();
	EVENT("a", "{\"n\":0}");
	DO(flush);
	EVENT("a", "{\"n\":1}");
	EVENT("a", "{\"n\":1}");
	STATUS("a", "{\"n\":1}");
	relay.lose = 1;
	c = calls;
	S->ops->flush(S, on_value, NULL);
	UNTIL(relay.lost > 0, 5000);
	CLI("LLEN moltler:events:a", "3");
	relay_cut();
	relay.lose = 0;
	UNTIL(calls == c + 1, 5000);
	assert_true(failed);
	assert_int_equal(last.cls, ERR_TRANSIENT);
	EVENT("a", "{\"n\":2}");
	STATUS("a", "{\"m\":2}");
	UNTIL(S->ops->is_up(S), 8000);
	DO(flush);
	CLI("LRANGE moltler:events:a 0 -1",
	    "{\"n\":2}\n{\"n\":1}\n{\"n\":1}\n{\"n\":0}");
	DO(status_get, "a");
	assert_json(value, "{\"m\":2,\"n\":1}");
	relay_end();
}

/* A key somebody made something else of holds nothing else up. */
void
test_wrong_type(void ** state)
{
	(void)state;
	CLI("SET moltler:status:bad text", "OK");
	STATUS("bad", "{\"a\":1}");
	STATUS("good", "{\"a\":1}");
	TRY(flush);
	assert_true(failed);
	assert_non_null(strstr(logged, "state_dropped"));
	DO(flush);
	CLI("HGET moltler:status:good a", "1");
	TRY(status_get, "bad");
	assert_true(failed);
	assert_int_equal(last.cls, ERR_PERMANENT);
	CLI("SET moltler:connector:bad text", "OK");
	TRY(get, "connector", "bad");
	assert_true(failed);
	PUT("connector", "bad", "{\"a\":1}", 0);
	DO(get, "connector", "bad");
	assert_json(value, "{\"a\":1}");
}
