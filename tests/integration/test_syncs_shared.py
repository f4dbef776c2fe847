#!/usr/bin/env python3
"""Three daemons on one Redis, 150 syncs into one cluster: who runs what, how often,
and what is in the cluster in the end.  One is killed, one is stopped past its lease
and goes on, Redis hangs and is restarted, and the source changes all the time."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Redis, sanitized, serve, wait  # noqa: E402
from fake_elastic import FakeElastic  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
if shutil.which("redis-server") is None:
    print("1..0 # SKIP no redis-server")
    sys.exit(77)

CONNECTORS, ENTITIES, ROWS = 15, 10, 5
SYNCS = CONNECTORS * ENTITIES
EVERY = 6 if sanitized() else 3         # seconds
LEASE = 3
# What each of three gets is spread about a third: by chance, for they make up
# their names.
FEWEST, MOST = 28, 72


class Source:
    """Each list has some records, whose n grows until freeze()."""

    def __init__(self):
        self.frozen_at = None
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                outer.asked += 1
                body = json.dumps(outer.rows(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.base = self.server.base

    def rows(self, path):
        """What a list holds now; path: /c3/e7"""
        now = self.frozen_at or time.time()
        return [{"id": i, "n": int(now / 3) + i, "name": path}
                for i in range(ROWS)]


def manifest():
    cols = {"id": {"type": "integer", "not_null": True},
            "n": {"type": "integer"}, "name": {"type": "text"}}
    return {
        "format": 1, "type": "many", "title": "Many", "description": "Tests",
        "drive_model": "on_demand",
        "config": {"url": {"type": "url", "required": True}},
        "base_url": "{{config.url}}",
        "entities": {"e%d" % i: {
            "description": "One of them", "key": ["id"], "columns": cols,
            "lists": [{"url": "/e%d" % i, "records": "$"}]}
            for i in range(ENTITIES)}}


src = Source()
es = FakeElastic()
redis = Redis(keep=True)
types = tempfile.mkdtemp(prefix="moltler-types-")
os.mkdir(types + "/many")
with open(types + "/many/manifest.json", "w") as f:
    json.dump(manifest(), f)


def daemon():
    return Daemon("--redis", redis.url, "--connectors", types,
                  "--log-level", "debug",
                  env={"MOLTLER_LEASE": "%ds" % LEASE,
                       "MOLTLER_ELASTICSEARCH_URL": es.url})


ds = [daemon() for _ in range(3)]
for i in range(CONNECTORS):
    status, out = ds[i % 3].post("/v1/connectors", {
        "name": "c%d" % i, "type": "many",
        "config": {"url": "%s/c%d" % (src.base, i)}})
    if status != 201:
        t.ok(False, "a connector", out)
wait(lambda: all(len(d.get("/v1/connectors?limit=100")[1]["items"]) ==
                 CONNECTORS for d in ds), 20)
bad = []
for i in range(CONNECTORS):
    for k in range(ENTITIES):
        status, out = ds[k % 3].post("/v1/syncs", {
            "connector": "c%d" % i, "entity": "e%d" % k,
            "target": "t%d-*" % i, "schedule_ms": EVERY * 1000})
        if status != 201:
            bad.append(out)
t.eq(bad, [], "%d syncs" % SYNCS)


def completed(d, frm=0):
    """(sync, bucket) of the runs that ended well, from that line on."""
    out = []
    for line in list(d.log)[frm:]:
        if '"sync_ok"' in line:
            v = json.loads(line)
            out.append((v["sync"], v["bucket"]))
    return out


def mark():
    return [len(d.log) for d in ds]


def per_sync(marks):
    """How often each sync ran since; and those buckets that ran twice."""
    n, seen, twice = {}, set(), []
    for d, frm in zip(ds, marks):
        for one in completed(d, frm):
            n[one[0]] = n.get(one[0], 0) + 1
            if one in seen:
                twice.append(one)
            seen.add(one)
    return n, twice


def shares(marks):
    return [len({s for s, _ in completed(d, frm)})
            for d, frm in zip(ds, marks)]


def all_ran(marks, seconds):
    return wait(lambda: len(per_sync(marks)[0]) == SYNCS, seconds, 0.5)


start = mark()
t.ok(all_ran(start, 10 * EVERY), "all of them run",
     len(per_sync(start)[0]))

# ---- in peace ----
before = mark()
mon = subprocess.Popen(["redis-cli", "-s", redis.path, "MONITOR"],
                       stdout=subprocess.PIPE, text=True)
lines = []
reader = threading.Thread(target=lambda: lines.extend(
    x for x in mon.stdout if " lua]" not in x), daemon=True)
reader.start()
time.sleep(3 * EVERY)
mon.kill()
mon.wait()
reader.join(5)
n, twice = per_sync(before)
runs = sum(n.values())
t.ok(abs(runs - 3 * SYNCS) <= SYNCS // 3, "each in its time", runs)
t.eq(twice, [], "no bucket twice")
each = shares(before)
t.ok(sum(each) == SYNCS and all(FEWEST <= x <= MOST for x in each),
     "evenly spread, each sync by one daemon", each)
# Where all is slow, runs also tell how far they are.
t.ok(len(lines) / max(runs, 1) <= (9 if sanitized() else 6),
     "at most 6 commands of Redis a run",
     "%d commands, %d runs: %.2f" % (len(lines), runs, len(lines) / runs))
t.note("%.2f commands a run" % (len(lines) / max(runs, 1)))

# ---- one dies ----
before = mark()
ds[0].kill()
dead = ds[0]
began = time.monotonic()
gone = mark()
ok = wait(lambda: len({s for d, frm in list(zip(ds, gone))[1:]
                       for s, _ in completed(d, frm)}) == SYNCS, 60, 0.5)
t.ok(ok, "a killed one's syncs are taken over")
took = time.monotonic() - began
t.ok(took < LEASE + EVERY + 4, "within a lease, and their time to be due",
     took)
t.eq(per_sync(before)[1], [], "no bucket twice")
dead.start()

# ---- one is stopped past its lease, and goes on ----
before = mark()
t.ok(wait(lambda: FEWEST <= shares(before)[0], 60, 0.5),
     "who comes back gets its share", shares(before))
before = mark()
os.kill(ds[1].proc.pid, signal.SIGSTOP)
gone = mark()
ok = wait(lambda: len({s for d, frm in zip([ds[0], ds[2]],
                                           [gone[0], gone[2]])
                       for s, _ in completed(d, frm)}) == SYNCS, 60, 0.5)
t.ok(ok, "a stopped one's syncs are taken over")
os.kill(ds[1].proc.pid, signal.SIGCONT)
again = mark()
ok = wait(lambda: FEWEST <= shares(again)[1], 60, 0.5)
t.ok(ok, "it gets its share again", shares(again))
t.eq(per_sync(before)[1], [], "no bucket twice")

# ---- Redis hangs, then dies ----
before = mark()
redis.signal(signal.SIGSTOP)
time.sleep(2 * LEASE + 6)
began = time.monotonic()
st, out = ds[0].get("/v1/syncs?limit=5")
took = time.monotonic() - began
t.ok(st == 200 and len(out["items"]) == 5 and
     all(x["stale"] for x in out["items"]) and took < 10,
     "meanwhile each still shows what it remembers", (took, out))
redis.signal(signal.SIGCONT)
again = mark()
t.ok(all_ran(again, 60), "Redis hung: they go on", len(per_sync(again)[0]))
redis.kill()
time.sleep(3)
redis.start()
again = mark()
t.ok(all_ran(again, 60), "Redis restarted: they go on",
     len(per_sync(again)[0]))
t.eq(per_sync(before)[1], [], "no bucket twice")

# ---- a data directory that was copied ----
t.eq([d.events("node_twice") for d in ds], [[], [], []],
     "restarts are no second daemon")
copy = tempfile.mkdtemp(prefix="moltler-test-")
shutil.copy(ds[0].data + "/node_id", copy)
twin = Daemon("--redis", redis.url, "--connectors", types, data=copy,
              env={"MOLTLER_LEASE": "%ds" % LEASE,
                   "MOLTLER_ELASTICSEARCH_URL": es.url})
t.ok(wait(lambda: ds[0].events("node_twice") or twin.events("node_twice"),
          20), "two daemons that take themselves for one are told",
     list(twin.log)[-3:])
t.eq(twin.stop(), 0, "one of them ends")
shutil.rmtree(copy)

# ---- what is there ----
src.frozen_at = time.time()


def differ():
    out = []
    for i in range(CONNECTORS):
        for k in range(ENTITIES):
            want = sorted((r["id"], r["n"], r["name"])
                          for r in src.rows("/c%d/e%d" % (i, k)))
            got = sorted((v["id"], v["n"], v["name"]) for v in
                         es.docs("t%d-e%d" % (i, k)).values())
            if got != want:
                out.append(((i, k), got, want))
    return out


t.ok(wait(lambda: not differ(), 60, 1), "the cluster has the source's rows",
     differ()[:2])


def unlike():
    """Those that do not say that all went well."""
    st, out = ds[2].get("/v1/syncs?limit=1000")
    if st != 200 or len(out["items"]) != SYNCS:
        return [(st, out)]
    return [(x["id"], x["verdict"], x["reason"]) for x in out["items"]
            if x["verdict"] != "complete"]


# Statuses are written at most a second later.
t.ok(wait(lambda: not unlike(), 2.5, 0.5), "each says that it is complete",
     unlike()[:5])
t.eq([d.stop() for d in ds], [0, 0, 0], "they end in good order")
for d in ds:
    d.close()
redis.close()
es.close()
shutil.rmtree(types)
