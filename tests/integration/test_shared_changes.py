#!/usr/bin/env python3
"""Two daemons on one Redis behind a balancer: what one was told the other knows, at
once where it is asked for and soon otherwise; whatever else changes, and also when
Redis goes and comes back."""
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Redis, have, sanitized, wait  # noqa: E402
from fake_elastic import FakeElastic  # noqa: E402
from faulty_source import Source, types  # noqa: E402
from tap import Tap  # noqa: E402

if not have("redis-server"):
    Tap.skip_all("redis-server is not installed")
t = Tap()
redis = Redis(keep=True)
src = Source(20)
es = FakeElastic()
folder = types()
a, b = [Daemon("--redis", redis.url, "--connectors", folder,
               env={"MOLTLER_ELASTICSEARCH_URL": es.url,
                    "MOLTLER_MASTER_KEY": "5a" * 32}) for _ in range(2)]
CONFIG = {"url": src.url}


def create(d, name):
    return d.post("/v1/connectors", {"name": name, "type": "moving",
                                     "config": CONFIG})[0]


def calls(command):
    """How often a client asked Redis that."""
    for line in redis.cli("INFO", "commandstats").splitlines():
        if line.startswith("cmdstat_%s:" % command):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


# ---- each request goes to the other daemon than the one before ----
def balanced():
    """What went wrong."""
    late, turns = [], [a, b]

    def step(what, method, path, body=None, want=200):
        turns.reverse()
        st, _, out = turns[0].call(method, path, body)
        if st != want or b'"error"' in out:
            late.append((what, st, out[:300]))
        return out

    def sql(text, holds=""):
        out = step(text, "POST", "/v1/query", {"sql": text}).decode()
        if holds not in out:
            late.append((text, holds, out[:300]))

    for i in range(5):
        n = "lb%d" % i
        step("create", "POST", "/v1/connectors",
             {"name": n, "type": "moving", "config": CONFIG}, 201)
        sql("SELECT count(*) AS n FROM %s.asc" % n)
        sql("EXPLAIN SELECT * FROM %s.desc" % n)
        sql("ALTER CONNECTOR %s SET OPTIONS {\"timeout_seconds\": 7}" % n)
        out = step("show", "GET", "/v1/connectors/" + n)
        if json.loads(out)["options"] != {"timeout_seconds": 7}:
            late.append(("options", out))
        sql("SYNC CONNECTOR %s.asc TO es:%s SCHEDULE '0 0 1 1 *'" % (n, n))
        sql("SHOW SYNC %s.asc" % n)
        sql("PAUSE SYNC %s.asc" % n)
        out = step("sync", "GET", "/v1/syncs/%s.asc" % n)
        if json.loads(out)["enabled"]:
            late.append(("paused", out))
        sql("DROP SYNC %s.asc" % n)
        sql("SHOW CONNECTORS", n)
        sql("SET SECRET of_%s = 'xyzzy'" % n)
        sql("SHOW SECRETS", "of_" + n)
        sql("DROP SECRET of_%s" % n)
        sql("DROP CONNECTOR %s" % n)
        # Of the same name, at once.
        sql("CREATE CONNECTOR %s TYPE 'moving' CONFIG {\"url\": \"%s\"}" %
            (n, src.url))
        step("delete", "DELETE", "/v1/connectors/" + n, None, 204)
        sql("BEGIN CREATE CONNECTOR %s TYPE 'moving' CONFIG {\"url\": "
            "\"%s\"}; SELECT count(*) AS n FROM %s.asc; END" %
            (n, src.url, n))
        sql("BEGIN SELECT 1 AS n FROM %s.asc LIMIT 1; DROP CONNECTOR %s; END" %
            (n, n))
    return late


t.eq(balanced(), [], "what one was told the other knows at once")
st, out = b.post("/v1/query", {"sql": "SELECT 1 FROM nobody.asc"})
t.ok(st == 400 and out["error"]["code"] == "no_table", "what nobody has is "
     "still unknown", (st, out))

# ---- nothing is asked for that changed nothing ----
create(a, "rest")
time.sleep(1.1)
begun = time.monotonic()
redis.cli("CONFIG", "RESETSTAT")
time.sleep(1.5)
gets = calls("get")
t.ok(calls("smembers") <= 2 and calls("lrange") == 0 and
     gets <= 4 * (time.monotonic() - begun) + 1,
     "at rest a counter is looked at", redis.cli("INFO", "commandstats"))

# ---- much changes on both: soon all the same, and nothing else is read ----
N = 40 if sanitized() else 120
made, seen, bad = {}, {}, []


def maker(d, other, begin):
    for i in range(N):
        name = "%s%d" % (begin, i)
        if create(d, name) != 201:
            bad.append(name)
        made[name] = (time.monotonic(), other)


def names(d):
    # /metrics and statuses do not look: so no more than what it noticed.
    return d.metric("moltler_connectors")


redis.cli("CONFIG", "RESETSTAT")
makers = [threading.Thread(target=maker, args=x)
          for x in ((a, b, "a"), (b, a, "b"))]
for m in makers:
    m.start()
for m in makers:
    m.join()
began = time.monotonic()
ok = wait(lambda: names(a) == names(b) == 2 * N + 1, 20)
took = time.monotonic() - began
t.eq(bad, [], "both make many at a time")
t.ok(ok and took < (10 if sanitized() else 3),
     "and know each other's", (took, names(a), names(b)))
# Who lives is asked for that way, now and then.
t.ok(calls("smembers") <= 3, "  nothing is read but those", calls("smembers"))
for i in range(N):
    a.call("DELETE", "/v1/connectors/b%d" % i)
    b.call("DELETE", "/v1/connectors/a%d" % i)
t.ok(wait(lambda: names(a) == names(b) == 1), "dropped crosswise",
     (names(a), names(b)))

# ---- one does not hear of it, and comes back ----
os.kill(b.proc.pid, signal.SIGSTOP)
create(a, "deaf")
a.post("/v1/query", {"sql": "DROP CONNECTOR rest"})
os.kill(b.proc.pid, signal.SIGCONT)
t.eq([b.get("/v1/connectors/" + n)[0] for n in ("deaf", "rest")], [200, 404],
     "who was stopped knows when it goes on")
redis.kill()
t.eq(create(a, "late"), 503, "without Redis nothing is made")
began = time.monotonic()
st, out = b.post("/v1/query", {"sql": "SHOW CONNECTOR deaf"})
t.ok(st == 200 and time.monotonic() - began < 3,
     "  and what is known is told, without delay", (st, out))
redis.start()
wait(lambda: a.get("/readyz")[0] == b.get("/readyz")[0] == 200, 20)
t.eq(create(a, "late"), 201, "with it again")
t.eq(b.get("/v1/connectors/late")[0], 200, "  the other knows")

# ---- Redis hangs ----
redis.signal(signal.SIGSTOP)
began = time.monotonic()
st, out = b.post("/v1/query", {"sql": "SHOW CONNECTOR deaf"})
first = time.monotonic() - began
began = time.monotonic()
st2, out = b.post("/v1/query", {"sql": "SHOW CONNECTOR deaf"})
t.ok(st == st2 == 200 and first < 4 and time.monotonic() - began < 1,
     "a Redis that hangs is waited for once, and not long",
     (st, st2, first, time.monotonic() - began))
redis.signal(signal.SIGCONT)
t.ok(wait(lambda: a.get("/readyz")[0] == b.get("/readyz")[0] == 200, 20),
     "it goes on")

t.eq((a.close(), b.close()), (0, 0), "both end well")
redis.close()
es.close()
