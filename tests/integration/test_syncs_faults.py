#!/usr/bin/env python3
"""Syncs into a cluster that refuses, stalls, takes a part, is away, or says nothing
of what it took: each fault has its word in what the sync shows, the daemon goes on,
and once it is over the cluster holds what the source has."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, free_port, sanitized, wait  # noqa: E402
from fake_elastic import FakeElastic  # noqa: E402
from faulty_source import Bench, Source, manifest, types  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
src = Source(120)
es = FakeElastic()
d = Daemon("--connectors", types(manifest(), manifest("big", 500)), env={
    "MOLTLER_ELASTICSEARCH_URL": es.url, "MOLTLER_ELASTICSEARCH_RETRY": "1s"})
b = Bench(d, src)


def same(index, what):
    return t.eq(b.docs(es, index), src.table(), "  then %s is the source" % what)


def logged(sync, cls):
    return [v for v in d.events("sync_failed")
            if v["sync"] == sync and v["error_class"] == cls]


# ---- it refuses ----
for status, cls, word in ((401, "config", "credentials"),
                          (403, "config", "credentials"),
                          (404, "config", "404"), (503, "transient", "503"),
                          (500, "transient", "500"), (429, "transient", "429")):
    index = "refused-%d" % status
    es.spoil = lambda m, p, body, s=status: (s, {"error": {
        "type": "some_exception", "reason": "because"}, "status": s})
    row, err = b.sync("m.asc TO " + index)
    sync = [i["id"] for i in d.get("/v1/syncs")[1]["items"]
            if i["target"] == index][0]
    v = b.shown(sync)
    t.ok(err and err["code"] == "http_%d" % status and word in err["message"]
         and "because" in err["message"] and (index in err["message"] or es.url in err["message"]) and
         v["verdict"] == "failed" and v["last_error"].startswith(cls + ": ") and
         v["enabled"] == (cls != "config") and wait(lambda: logged(sync, cls)),
         "%d: %s" % (status, cls), (err, v))
    es.spoil = lambda *a: None
    if cls == "config":
        t.eq(d.post("/v1/syncs/%s/run" % sync)[0], 409, "  it waits for a person")
        d.post("/v1/syncs/%s/resume" % sync)
    v = b.run(sync)
    t.ok(v["verdict"] == "complete" and v["enabled"] and not v["last_error"],
         "  resumed it is well", v)
    same(index, index)
    d.call("DELETE", "/v1/syncs/" + sync)

# ---- nobody listens ----
x = Daemon("--connectors", d.args[1], env={
    "MOLTLER_ELASTICSEARCH_URL": "http://127.0.0.1:%d" % free_port(),
    "MOLTLER_ELASTICSEARCH_RETRY": "1s"})
bx = Bench(x, src)
row, err = bx.sync("m.asc TO nobody")
v = bx.shown("m.asc")
t.ok(err and "127.0.0.1" in err["message"] and v["verdict"] == "failed" and
     v["last_error"].startswith("transient: "), "connection refused", (err, v))
t.eq(x.close(), 0, "  ends well")

# ---- it takes the rows and never answers ----
es.spoil = lambda m, p, body: "stall" if "_bulk" in p else None
s1 = b.define("asc", "stalled", schedule_ms=86400000)
t.ok(wait(lambda: es.asked("stalled/_bulk") and
          b.shown(s1)["status"] == "running", 10), "a stalled cluster: it waits",
     b.shown(s1))
t.ok(b.sync("m.asc TO sqlite:beside")[0], "  others do not")
begun = time.monotonic()
t.eq(d.post("/v1/syncs/%s/pause" % s1)[0], 204, "  it can be paused")
v = wait(lambda: b.shown(s1)["status"] == "paused" and b.shown(s1), 5)
t.ok(v and time.monotonic() - begun < 5, "  at once", b.shown(s1))
es.spoil = lambda *a: None
d.post("/v1/syncs/%s/resume" % s1)
b.run(s1)
same("stalled", "what was written")
d.call("DELETE", "/v1/syncs/" + s1)

# ---- a part is too much, a part is refused for good ----
busy, bad = {}, {7, 70, 117}


def half(action, index, ident, doc):
    if index != "half":
        return None
    if doc["id"] in bad:
        return (400, "mapper_parsing_exception", "not this one")
    if doc["id"] % 3 == 0 and busy.setdefault(doc["id"], 2) > 0:
        busy[doc["id"]] -= 1
        return (429, "es_rejected_execution_exception", "busy")
    return None


es.item = half
row, err = b.sync("m.asc TO half")
want = [r for r in src.table() if r[0] not in bad]
t.ok(row and row["verdict"] == "partial" and row["rejected"] == 3 and
     row["documents_synced"] == 117 and "not this one" in row["reason"],
     "a part 429, a part 400", (row, err))
t.eq(b.docs(es, "half"), want, "  the rest is there")
t.eq(sorted(json.loads(r["row"])["id"] if isinstance(r.get("row"), str) else
            r.get("row", {}).get("id") for r in es.docs("half-rejected")
            .values()), sorted(bad), "  and what is not lies beside")
es.item = lambda *a: None
row, err = b.sync("m.asc TO half")
t.ok(row and row["verdict"] == "complete" and row["rejected"] == 0,
     "  it is well again", (row, err))
same("half", "half")

# ---- a cursor does not pass what the cluster did not take ----
inc = b.define("asc", "inc", incremental="updated_at", schedule_ms=86400000)
b.ended(inc, 1)
same("inc", "an incremental one's index")
was = b.shown(inc)["cursor"]
for i in (3, 4, 5):
    src.put(i)
es.spoil = lambda m, p, body: (503, {"error": {
    "type": "no_shard_available_action_exception", "reason": "away"},
    "status": 503}) if "_bulk" in p else None
v = b.run(inc)
t.ok(v["verdict"] == "failed" and v["cursor"] == was,
     "it took nothing: the cursor stays", v)
es.spoil = lambda *a: None
b.run(inc)
same("inc", "it")
t.ok(b.shown(inc)["cursor"] != was, "  and the cursor moved")

# ---- it takes the rows, and the answer is lost ----
lost = [0]


def taken(m, p, body):
    """Do it and drop the connection: nobody knows."""
    if "_bulk" in p and lost[0] > 0:
        lost[0] -= 1
        with es.lock:
            es.route(m, p, body)
        return "drop"
    return None


for n in (1, 2):
    lost[0] = n
    es.spoil = taken
    src.put(10 + n)
    row, err = b.sync("m.asc TO unsure")
    t.ok(lost[0] == 0 and row and row["verdict"] == "complete" and
         row["rejected"] == 0, "%d answers are lost" % n, (row, err))
    same("unsure", "nothing is double, and unsure")
lost[0] = 1000
v = b.run(inc)
src.put(20)
v = b.run(inc)
t.ok(v["verdict"] == "failed" and v["last_error"].startswith("transient"),
     "all answers are lost: failed", v)
es.spoil = lambda *a: None
b.run(inc)
same("inc", "nothing is double, and inc")

# ---- somebody deleted the index ----
del es.indices["inc"]
src.put(21)
es.spoil = lambda m, p, body: (503, {}) if "_bulk" in p else None
b.run(inc)                  # what failed looks again at what is there
es.spoil = lambda *a: None
b.run(inc)
same("inc", "the index was deleted: all is read again, and inc")
d.call("DELETE", "/v1/syncs/" + inc)

# ---- names ----
for name in ("_hidden", "-dash", "+plus", "Big", "a/b", "a b", "a\\b", "a,b",
             "a#b", "a:b:c", ".", "..", "x" * 256, "a?b", "a|b", "a<b"):
    status, out = d.post("/v1/syncs", {
        "connector": "m", "entity": "asc", "target": "es:" + name})
    t.ok(status == 400 and out["error"]["code"] == "bad_target" and
         out["error"]["message"], "no index is called %s" % name[:20],
         (status, out))

# ---- a field of another type ----
es.indices["typed"] = {"docs": {}, "mappings": {
    "id": {"type": "long"}, "name": {"type": "date"}}}


def typed(action, index, ident, doc):
    if index == "typed" and es.indices["typed"]["mappings"]["name"]["type"] == \
            "date" and "name" in doc:
        return (400, "mapper_parsing_exception", "failed to parse field [name] "
                "of type [date]")
    return None


es.item = typed
row, err = b.sync("m.asc TO typed")
said = json.dumps(row or err)
t.ok("name" in said and (err or row["verdict"] == "partial" and
                         row["rejected"] == len(src.rows)),
     "a field that has another type", (row, err))
es.indices["typed"] = {"docs": {}, "mappings": {}}
row, err = b.sync("m.asc TO typed")
t.ok(row and row["verdict"] == "complete", "  made anew it goes", (row, err))
same("typed", "typed")
es.item = lambda *a: None

# ---- too large ----
text, huge = "ü" * 20000, "x" * (3 << 20)
src.rows[1]["name"], src.rows[2]["name"] = text, huge
es.max_body = 1 << 20
row, err = b.sync("m.asc TO large")
t.ok(row and row["verdict"] == "partial" and row["rejected"] == 1 and
     row["documents_synced"] == len(src.rows) - 1,
     "a document beyond the cluster's limit is one row", (row, err))
t.ok(es.docs("large")["1"]["name"] == text and
     "2" not in es.docs("large"), "  a long text is whole, the rest is there")
p = es.templates["moltler-large"]["template"]["mappings"]["properties"]["name"]
t.ok(p["fields"]["keyword"].get("ignore_above", 10 ** 9) * 4 <= 32766,
     "  a keyword is none of a text beyond 32766 bytes", p)
src.rows[1]["name"] = src.rows[2]["name"] = "small again"
src.sorted = {}
es.max_body = None
row, err = b.sync("m.asc TO large")
t.ok(row and row["verdict"] == "complete", "  small again", (row, err))
same("large", "large")

# ---- it is away for long, while 100,000 rows wait ----
N = 20000 if sanitized() else 100000
big = Source(N)
status, out = d.post("/v1/connectors", {
    "name": "big", "type": "big", "config": {"url": big.url},
    "options": {"cache_ttl": 0, "max_api_calls": 100000}})
es.spoil = lambda m, p, body: (503, {"error": {"type": "x", "reason": "away"},
                                     "status": 503})
sync = d.post("/v1/syncs", {"connector": "big", "entity": "asc",
                            "target": "away", "incremental": "updated_at",
                            "schedule_ms": 86400000})[1]["id"]
b.ended(sync, 1)
before, asked = d.rss_kb(), len(big.asked)
for _ in range(3):
    v = b.run(sync)
    t.ok(v["verdict"] == "failed" and "503" in v["last_error"],
         "away: it fails", v)
es.spoil = lambda m, p, body: (503, {"error": {"type": "x", "reason": "away"},
                                     "status": 503}) if "_bulk" in p else None
peak = [0]
over = threading.Event()


def watch():
    while not over.wait(0.02):
        peak[0] = max(peak[0], d.rss_kb())


w = threading.Thread(target=watch)
w.start()
v = b.run(sync)
t.ok(v["verdict"] == "failed", "away once it is to write: it fails", v)
t.ok(len(big.asked) - asked < 60,
     "  and asks for no more than it can hold", len(big.asked) - asked)
# Slow, so that all batches are full while the source goes on.
es.spoil = lambda m, p, body: time.sleep(0.6) if "_bulk" in p else None
v = b.run(sync, 120)
over.set()
w.join()
t.ok(v["verdict"] == "complete" and v["last_rows"] == N, "back: it catches up",
     v)
t.eq(b.docs(es, "away") == big.table(), True, "  with all there is")
if not sanitized():
    t.ok(peak[0] - before < 48 * 1024, "  in bounded memory", (before, peak))
t.ok(d.alive() and not d.events("no_memory"), "the daemon is alive")
t.eq(d.close(), 0, "ends well")
for s in (src, big, es):
    s.close()
