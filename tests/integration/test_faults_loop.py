"""A query that computes for seconds holds up nobody else."""
import datetime
import http.client
import os
import shutil
import tempfile
import threading
import time

from daemon import Daemon, Pages, Stopwatch, delayed, sanitized
from tap import Tap

t = Tap()
SECONDS = 10
LAG_MS, HEALTH_MS = (200, 1000) if sanitized() else (20, 100)
SQL = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c " \
    "LIMIT 1000000000000) SELECT count(*) FROM c"
pages = Pages()
pages.body = b"".join(b"m%d %d\n" % (i, i) for i in range(100))


def healths(port, until, out):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < until:
        t0 = time.monotonic()
        c.request("GET", "/healthz")
        c.getresponse().read()
        out.append((time.monotonic() - t0) * 1000)
        time.sleep(0.05)
    c.close()


def ms(text):
    return datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00")).timestamp() * 1000


def gaps(d, name, every, begin, end):
    """Buckets in between that have no tick."""
    rows = d.query("SELECT DISTINCT timestamp FROM metrics.%s" % name)
    have = {round(ms(r["timestamp"])) for r in rows}
    first = -(-begin // every) * every
    return [b for b in range(int(first), int(end), every) if b not in have]


def one_round():
    """One query of ten seconds; what it did to the others."""
    conf = os.path.join(pages_dir, "conf")
    with open(conf, "w") as f:
        f.write("[daemon]\nquery_deadline = %ds\n" % SECONDS)
    d = Daemon("-c", conf)
    for i in range(4):
        d.create("m%d" % i, pages.url, every=200)
    for i in range(4):
        d.wait_ok("m%d" % i)
    begin, out, answer = time.time() * 1000 + 500, [], []
    watch, waited = Stopwatch(), delayed(d.proc.pid)
    th = threading.Thread(target=lambda: answer.append(
        d.post("/v1/query", {"sql": SQL}, timeout=60)))
    h = threading.Thread(target=healths, args=(
        d.port, time.monotonic() + SECONDS - 1, out))
    th.start()
    h.start()
    h.join()
    st = d.get("/v1/status")[1]
    end = time.time() * 1000 - 1000
    th.join()
    waited = (delayed(d.proc.pid) - waited) / watch.wall()
    v = {"p99": st["loop_lag_ms"]["p99"], "max": st["loop_lag_ms"]["max"],
         "queries": st["queries"], "health": max(out), "answer": answer[0],
         "skipped": d.metric("moltler_ticks_skipped_total"),
         "gaps": sum(len(gaps(d, "m%d" % i, 200, begin, end))
                     for i in range(4)),
         "ticks": d.metric("moltler_ticks_total", result="ok"),
         "cpu": d.metric("process_cpu_seconds_total"), "waited": waited}
    d.close()
    return v


pages_dir = tempfile.mkdtemp(prefix="moltler-test-")
best = None
for i in range(3):
    v = one_round()
    t.note({k: x for k, x in v.items() if k != "answer"})
    # The least bad round in all that counts.
    cost = max(v["p99"] / LAG_MS, v["health"] / HEALTH_MS,
               1.1 if v["skipped"] or v["gaps"] else 0)
    if best is None or cost < best[0]:
        best = (cost, v)
    if cost < 1:
        break
v = best[1]


def judge(ok, name):
    """A daemon that others let wait cannot be told from one that is slow."""
    if not ok and v["waited"] > 0.2:
        t.skip(name, "others had the processors: it waited for one %d %% of the "
               "time" % (100 * v["waited"]))
    else:
        t.ok(ok, name, v)


judge(v["answer"][0] == 503 and v["answer"][1]["error"]["code"] == "deadline"
      and v["queries"] == 1 and v["cpu"] > SECONDS / 4,
      "a query computes for %d s" % SECONDS)
judge(v["p99"] < LAG_MS, "the loop's lag stays under %d ms (p99)" % LAG_MS)
judge(v["health"] < HEALTH_MS, "/healthz answers within %d ms" % HEALTH_MS)
judge(v["skipped"] == 0 and v["gaps"] == 0 and v["ticks"] > 4 * 4 * SECONDS,
      "no bucket of four connectors is missed")
pages.close()

shutil.rmtree(pages_dir, True)
