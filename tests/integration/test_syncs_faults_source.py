#!/usr/bin/env python3
"""Syncs of a service that fails in the middle of a list, whose type changes under
them, and that are ended while it is slow: what is acknowledged counts, what was
missed is read by the next run, and nothing hangs."""
import copy
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, rest, wait  # noqa: E402
from faulty_source import Bench, Source, manifest, rewrite, types  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
DAY = 86400000


def parts():
    """The type with a list for each of four groups."""
    m = manifest()
    m["errors"] = [{"status": [403], "contains": "not for you", "do": "skip"}]
    text = {"type": "text", "not_null": True}
    m["entities"]["groups"] = {
        "description": "Groups", "key": ["id"], "columns": {"id": text},
        "lists": [{"url": "/groups", "records": "$"}]}
    e = copy.deepcopy(m["entities"]["loose"])
    e["columns"]["grp"] = dict(text, input=True)
    e["lists"][0].update(url="/part/{{in.grp}}", partition={
        "over": "groups", "bind": {"grp": "id"}})
    del e["lists"][0]["paginate"]["total"]
    m["entities"]["parts"] = e
    return m


src = Source(60)
folder = types(parts())
d = Daemon("--connectors", folder)
b = Bench(d, src)


def third(how):
    """The third request from now on, and those after it, go wrong."""
    n = len(src.asked)
    return lambda p, q: how if len(src.asked) >= n + 3 else None


def bump():
    for i in list(src.rows):
        src.put(i)


# ---- in the middle of a list ----
for entity in ("asc", "desc", "loose"):
    s = b.define(entity, entity, incremental="updated_at", schedule_ms=DAY)
    b.ended(s, 1)
    t.eq(b.stored(entity), src.table(), "%s: all at first" % entity)
    for how, cls, word in (
            ((500, {}, {}), "transient", "500"), ("cut", "transient", "broke"),
            ("drop", "transient", "broke"), ((403, {}, {}), "config", "403"),
            ((404, {}, {}), None, "404"), ((400, {}, {}), "permanent", "400"),
            ((200, {"Content-Type": "text/html"}, "<html>"), "permanent", ""),
            ((200, {}, {"error": "what"}), "permanent", "")):
        bump()
        was = b.shown(s)["cursor"]
        src.spoil = third(how)
        v = b.run(s)
        what = "%s: %s" % (entity, how if isinstance(how, str) else how[0])
        t.ok(v["verdict"] == "failed" and word in v["reason"] and
             (cls is None or v["last_error"].startswith(cls + ": ")) and
             "/" + entity in v["reason"], what, v)
        if entity != "asc":
            t.eq(v["cursor"], was, "  the cursor stays")
        src.well()
        d.post("/v1/syncs/%s/resume" % s)
        v = b.run(s)
        t.ok(v["verdict"] == "complete" and b.stored(entity) == src.table(),
             "  then nothing is missing", v)
    # It gives the same page again and again.
    bump()
    page = copy.deepcopy(src.page("/" + entity, {"direction": "asc"}))
    src.spoil = lambda p, q, x=page: x
    v = b.run(s, 20)
    t.ok(v["status"] != "running" and v["verdict"] != "complete" and
         v["reason"], "%s: pages repeat" % entity, v)
    src.well()
    d.post("/v1/syncs/%s/resume" % s)
    v = b.run(s)
    t.ok(v["verdict"] == "complete" and b.stored(entity) == src.table(),
         "  then nothing is missing", v)
    d.call("DELETE", "/v1/syncs/" + s)

# ---- many rows of one time, and the service stops between its pages ----
s = b.define("asc", "equal", incremental="updated_at", schedule_ms=DAY)
b.ended(s, 1)
for i in range(1, 36):
    src.put(i, at=src.t)
    src.t -= 1
src.spoil = third((500, {}, {}))
v = b.run(s)
t.eq(v["verdict"], "failed", "35 rows of one time, cut off between pages")
src.well()
for i in (3, 33, 61, 62):       # of the same time again
    src.put(i, at=src.t)
    src.t -= 1
v = b.run(s)
t.eq(b.stored("equal"), src.table(), "  then nothing is missing")
b.run(s)
t.eq(b.stored("equal"), src.table(), "  nor twice")
d.call("DELETE", "/v1/syncs/" + s)

# ---- one part of several ----
SPLIT = {"/groups": lambda q: [{"id": "g%d" % k} for k in range(4)]}


def split(path, q):
    if path == "/groups":
        return SPLIT[path](q)
    if not path.startswith("/part/"):
        return None
    if path == refused[0]:
        return (403, {}, {"message": "not for you"})
    k = int(path[-1])
    rows = [r for r in src.order("id") if r["id"] % 4 == k]
    at, n = int(q.get("offset", 0)), int(q.get("limit", 10))
    return {"items": rows[at:at + n]}


refused = [None]
src.spoil = split
s = b.define("parts", "parts", schedule_ms=DAY, options={"deletes": "remove"})
v = b.ended(s, 1)
t.ok(v["verdict"] == "complete" and b.stored("parts") == src.table(),
     "four parts", v)
src.put(1), src.put(2)
src.drop(9, 10)
refused[0] = "/part/g1"
v = b.run(s)
t.ok(v["verdict"] == "partial" and "1 part was left out" in v["reason"] and
     "403" in v["reason"] and v["last_deleted"] == 0 and
     v["enabled"], "403 on one part: partial, with the reason", v)
refused[0] = None
v = b.run(s)
t.ok(v["verdict"] == "complete" and b.stored("parts") == src.table() and
     v["last_deleted"] == 2, "  then nothing is missing", v)
refused[0] = "/part/g1"
src.spoil = lambda p, q: (403, {}, {"message": "not for you"}) \
    if p.startswith("/part") else split(p, q)
v = b.run(s)
t.ok(v["verdict"] == "partial" and "4 parts were left out" in v["reason"] and
     v["last_deleted"] == 0, "403 on every part: never green", v)
src.well()
d.call("DELETE", "/v1/syncs/" + s)

# ---- the service lets it wait for an hour ----
s = b.define("asc", "limited", incremental="updated_at", schedule_ms=DAY)
b.ended(s, 1)
bump()
src.spoil = third((429, {"Retry-After": "3600"}, {}))
n = len(src.asked)
d.post("/v1/syncs/%s/run" % s)
wait(lambda: len(src.asked) >= n + 3, 5)
rest(0.3)
t.eq((b.shown(s)["status"], len(src.asked)), ("running", n + 3),
     "a rate limit of an hour: it waits")
begun = time.monotonic()
d.post("/v1/syncs/%s/pause" % s)
t.ok(wait(lambda: not b.shown(s)["held_by"], 5) and
     time.monotonic() - begun < 5, "  and can be paused", b.shown(s))
src.well()
d.call("DELETE", "/v1/syncs/" + s)
d.call("DELETE", "/v1/connectors/m")
b = Bench(d, src)

# ---- ended in the middle ----
for i in range(63, 200):
    src.put(i)


def slow(target, **more):
    """A sync in the middle of a list."""
    src.delay = 0.25
    s = b.define("asc", target, schedule_ms=DAY, **more)
    wait(lambda: (b.shown(s)["progress"] or {}).get("written", 0) > 0, 10)
    return s


def quickly(what, do, seconds=5):
    begun = time.monotonic()
    out = do()
    took = time.monotonic() - begun
    t.ok(took < seconds, "%s: at once" % what, (took, out))
    return out


def calm():
    """Nobody asks any more."""
    time.sleep(0.4)
    n = len(src.asked)
    time.sleep(0.6)
    return len(src.asked) == n


s = slow("paused", incremental="updated_at")
quickly("PAUSE", lambda: d.query("PAUSE SYNC " + s))
t.ok(wait(lambda: not b.shown(s)["held_by"], 5) and calm(),
     "  nothing runs", b.shown(s))
n = len(b.stored("paused"))
t.ok(0 < n < len(src.rows), "  what was written is there", n)
src.delay = 0
d.query("RESUME SYNC " + s)
b.run(s)
t.eq(b.stored("paused"), src.table(), "  and the rest comes")
d.query("DROP SYNC " + s)

s = slow("dropped")
quickly("DROP SYNC", lambda: d.query("DROP SYNC " + s))
t.ok(d.get("/v1/syncs/" + s)[0] == 404 and calm(), "  it is gone")
t.ok(len(b.stored("dropped")) > 0, "  its rows stay")
src.delay = 0
t.ok(b.sync("m.asc TO dropped")[0], "  the name is free")
t.eq(b.stored("dropped"), src.table(), "  and it begins anew")
d.query("DROP SYNC m.asc")

s = slow("again", incremental="updated_at")
runs = b.shown(s)["runs"]
out = quickly("redefined", lambda: d.post("/v1/syncs", {
    "connector": "m", "entity": "asc", "target": "again", "schedule_ms": DAY,
    "incremental": "updated_at", "where": "id < 40"}))
src.delay = 0
s2 = out[1]["id"]
if s2 == s:
    t.ok(False, "a WHERE is another sync", out)
d.query("DROP SYNC " + s2)
out = quickly("redefined", lambda: d.post("/v1/syncs", {
    "connector": "m", "entity": "asc", "target": "again",
    "schedule_ms": DAY - 1000}))
t.ok(out[0] == 201 and out[1]["replaced"] and out[1]["id"] == s,
     "  in its place", out)
b.run(s)
t.eq(b.stored("again"), src.table(), "  it runs as it is now")
d.query("DROP SYNC " + s)

s = slow("disabled", incremental="updated_at")
quickly("DISABLE", lambda: d.query("ALTER CONNECTOR m DISABLE"))
t.ok(wait(lambda: not b.shown(s)["held_by"], 8) and calm(),
     "  the connector's run ends", b.shown(s))
src.delay = 0
d.query("ALTER CONNECTOR m ENABLE")
b.run(s)
t.eq(b.stored("disabled"), src.table(), "  and comes again")
d.query("DROP SYNC " + s)

s = slow("gone")
quickly("DROP CONNECTOR", lambda: d.query("DROP CONNECTOR m"))
t.ok(d.get("/v1/syncs/" + s)[0] == 404 and calm(), "  its syncs end")
t.ok(len(b.stored("gone")) > 0, "  their rows stay")
src.delay = 0
b = Bench(d, src)

# ---- another type of the same name ----


def sighup(m):
    rewrite(folder, m)
    n = len(d.events("reloaded")) + len(d.events("types_reloaded"))
    d.proc.send_signal(signal.SIGHUP)
    wait(lambda: len(d.events("reloaded")) +
         len(d.events("types_reloaded")) > n, 1)


def with_columns(**cols):
    m = manifest()
    for e in m["entities"].values():
        for k, v in cols.items():
            if v is None:
                del e["columns"][k]
            else:
                e["columns"][k] = v
    return m


s = slow("moved", incremental="updated_at")
sighup(with_columns(extra={"type": "text"}))
src.delay = 0
wait(lambda: b.shown(s)["status"] != "running", 10)
for i in list(src.rows):
    src.put(i, extra="e%d" % i)
v = b.run(s)
t.ok(v["verdict"] == "complete" and [r["extra"] for r in d.query(
     "SELECT extra FROM moved ORDER BY id")] ==
     ["e%d" % i for i in sorted(src.rows)], "a column more", v)

src.delay = 0.25
bump()
d.post("/v1/syncs/%s/run" % s)
sighup(with_columns(tags=None))
src.delay = 0
wait(lambda: b.shown(s)["status"] != "running", 10)
v = b.run(s)
t.ok(v["verdict"] == "complete" and b.stored("moved") == src.table(),
     "columns less", v)
t.ok("tags" in d.query("SELECT * FROM moved LIMIT 1")[0],
     "  are not dropped")

src.delay = 0.25
bump()
d.post("/v1/syncs/%s/run" % s)
sighup(with_columns(n={"type": "text"}))
src.delay = 0
wait(lambda: b.shown(s)["status"] != "running", 10)
v = b.run(s)
t.ok(v["verdict"] == "failed" and "column n" in v["reason"] and
     "another target" in v["reason"], "a column of another type", v)
sighup(manifest())
d.post("/v1/syncs/%s/resume" % s)
v = b.run(s)
t.ok(v["verdict"] == "complete" and b.stored("moved") == src.table(),
     "  as it was again", v)

m = with_columns(updated_at=None)
for e in m["entities"].values():
    del e["cursor"]
    e.pop("push", None)
    e["lists"][0].pop("push", None)
    e["lists"][0].pop("order", None)
rewrite(folder, m)
src.delay = 0.25
bump()
d.post("/v1/syncs/%s/run" % s)
sighup(m)
src.delay = 0
wait(lambda: b.shown(s)["status"] != "running", 10)
v = b.run(s)
t.ok(v["verdict"] == "failed" and "updated_at" in v["reason"] and
     v["enabled"], "the cursor's column is gone", v)
rewrite(folder, "{ this is no manifest")
d.proc.send_signal(signal.SIGHUP)
time.sleep(0.5)
v = b.run(s)
t.ok(d.alive() and v["verdict"] == "failed", "the type is broken altogether", v)
sighup(manifest())
d.post("/v1/syncs/%s/resume" % s)
bump()
v = wait(lambda: (lambda x: x if x["verdict"] == "complete" else None)(
    b.run(s)), 10, 0.5) or b.shown(s)
t.ok(v["verdict"] == "complete" and
     [r[0] for r in b.stored("moved")] == sorted(src.rows),
     "  mended it goes on", v)
d.query("DROP SYNC " + s)

# ---- a text that is longer than a row of the target may be, and one than any ----
name = src.rows[7]["name"]
src.put(7, name="x" * (6 << 20))
row = d.query("SYNC CONNECTOR m.asc TO big")[0]
t.ok(row["verdict"] == "partial" and row["rejected"] == 1 and
     row["documents_synced"] == len(src.rows) - 1 and
     "rejected" in row["reason"], "a row of 6 MiB is put aside", row)
src.put(7, name="x" * (33 << 20))
try:
    said = d.query("SYNC CONNECTOR m.asc TO big")
except RuntimeError as e:
    said = str(e)
t.ok("longer than 32 MiB" in said, "one of 33 MiB ends the run, which says so",
     said[:500])
src.put(7, name=name)
t.eq(d.query("SYNC CONNECTOR m.asc TO big")[0]["verdict"], "complete",
     "  without it all is well")
d.query("DROP SYNC m.asc")

# ---- SIGTERM ----
s = slow("stopped", incremental="updated_at")
begun = time.monotonic()
t.eq(d.stop(), 0, "SIGTERM in the middle of a run: exit 0")
t.ok(time.monotonic() - begun < 8, "  within seconds",
     time.monotonic() - begun)
src.delay = 0
d.start()
n = len(b.stored("stopped"))
t.ok(wait(lambda: b.stored("stopped") == src.table(), 15),
     "  started again it does the rest by itself", b.shown(s))
# The last rows are there before the run has said that it is over.
v = wait(lambda: (lambda x: x if x["verdict"] else None)(b.shown(s)), 10, 0.1) \
    or b.shown(s)
t.ok(v["verdict"] == "complete" and n > 0, "  what was written was kept",
     (n, v))
src.spoil = lambda p, q: "stall"
d.post("/v1/syncs/%s/run" % s)
wait(lambda: b.shown(s)["status"] == "running", 5)
begun = time.monotonic()
t.eq(d.close(), 0, "SIGTERM while the service hangs: exit 0")
t.ok(time.monotonic() - begun < 8, "  within seconds",
     time.monotonic() - begun)
src.close()
