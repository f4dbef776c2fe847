#!/usr/bin/env python3
"""Very many syncs made one after the other on one of three daemons: what that costs
Redis and the loops.  MOLTLER_MANY says how many (default 1500)."""
import http.client
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import JSON, Daemon, Redis, sanitized, starved, wait  # noqa: E402
from faulty_source import types  # noqa: E402
from tap import Tap  # noqa: E402

if shutil.which("redis-server") is None:
    Tap.skip_all("no redis-server")
t = Tap()
N = int(os.environ.get("MOLTLER_MANY", "1500"))
EACH = 250              # of a connector
redis = Redis()
folder = types()
ds = [Daemon("--redis", redis.url, "--connectors", folder) for _ in range(3)]
for i in range((N + EACH - 1) // EACH):
    status, out = ds[0].post("/v1/connectors", {
        "name": "c%d" % i, "type": "moving",
        "config": {"url": "http://127.0.0.1:1/"}})
    assert status == 201, out
wait(lambda: all(len(d.get("/v1/connectors?limit=1000")[1]["items"]) == i + 1
                 for d in ds), 20)


def calls(command):
    """How often Redis was asked that by a client."""
    for line in redis.cli("INFO", "commandstats").splitlines():
        if line.startswith("cmdstat_%s:" % command):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


redis.cli("CONFIG", "RESETSTAT")
begun = time.monotonic()
bad = []
con = http.client.HTTPConnection("127.0.0.1", ds[0].port)
for i in range(N):
    con.request("POST", "/v1/syncs", json.dumps({
        "connector": "c%d" % (i // EACH), "entity": "asc",
        "target": "sqlite:t%d" % i, "schedule": "0 0 1 1 *"}), JSON)
    answer = con.getresponse()
    said = answer.read()
    if answer.status != 201:
        bad.append(said)
con.close()
took = time.monotonic() - begun
rows = calls("hgetall")
t.eq(bad, [], "%d syncs are made" % N)
t.note("%.1f s, %.1f rows of listings a sync" % (took, rows / N))
# A list takes ten times as long as it took before the next one may begin; while
# they are few that is often, but then a list is short.
t.ok(rows < 3 * N * (took / 2 + 3),
     "each daemon reads the list once in some seconds", (rows, took))
t.ok(wait(lambda: all(d.get("/v1/status")[1]["syncs"]["total"] == N
                      for d in ds), 60, 0.2), "all of them know all",
     [d.get("/v1/status")[1]["syncs"]["total"] for d in ds])
# The creator's own are not read back again and again once it is quiet.
time.sleep(3)
rows = calls("hgetall")
time.sleep(3)
t.ok(calls("hgetall") - rows < N, "and then it is quiet",
     calls("hgetall") - rows)
for d in ds:
    lag = d.metric("moltler_loop_lag_seconds", quantile="0.99")
    t.timed(sanitized() or lag < 0.02, "the loop's lag: p99 below 20 ms",
            starved(d.proc.pid), lag)
t.eq([d.close() for d in ds], [0, 0, 0], "they end well")
redis.close()
