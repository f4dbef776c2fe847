#!/usr/bin/env python3
"""A daemon that is killed at any moment while it syncs a source that changes:
after the last run the target is what the source is.  MOLTLER_KILLS says how
often (default 30 a target).  The cluster is a fake; real ones come too where
MOLTLER_KILL_REAL=1 and their folders are there."""
import json
import os
import random
import sqlite3
import tempfile
import threading
import time
import urllib.request

import daemon
import elastic_server
import fake_elastic
import moving_service
import tap

t = tap.Tap()
KILLS = int(os.environ.get("MOLTLER_KILLS", "30"))
rng = random.Random(int(os.environ.get("MOLTLER_SEED", "7")))
# (entity, column that it goes on by or None: all each time, name in the target)
SYNCS = (("asc", "updated_at", "asc"), ("desc", "updated_at", "desc"),
         ("loose", "updated_at", "loose"), ("asc", None, "full"))
types = tempfile.mkdtemp(prefix="moltler-types-")
os.mkdir(os.path.join(types, "moving"))
with open(os.path.join(types, "moving", "manifest.json"), "w") as f:
    json.dump(moving_service.manifest(), f)


def rows(d, table, env):
    """(id, n, updated_at) by id; None while there is no such table."""
    try:
        # What a real cluster does by itself once a second.
        if env:
            urllib.request.urlopen(urllib.request.Request(
                "%s/%s/_refresh" % (env["MOLTLER_ELASTICSEARCH_URL"],
                                    table.strip('"')), method="POST")).read()
        got = d.query("SELECT id, n, updated_at FROM %s ORDER BY id" % table)
    except (RuntimeError, OSError):
        return None
    return [(r["id"], r["n"], moving_service.stamp_of(r["updated_at"]))
            for r in got]


def define(d, target):
    for entity, column, name in SYNCS:
        body = {"connector": "m", "entity": entity, "schedule_ms": 150,
                "target": target % name}
        if column is not None:
            body["incremental"] = column
        status, out = d.post("/v1/syncs", body)
        t.ok(status == 201, "a sync of %s into %s" % (entity, target % name),
             out)


def difference(want, got):
    got = got or []
    w, g = set(want), set(got)
    return "missing or old: %s\nnot in the source: %s\ntwice: %d" % (
        sorted(w - g)[:8], sorted(g - w)[:8], len(got) - len(g))


def torture(what, target, env=None):
    src = moving_service.Moving()
    d = daemon.Daemon("--connectors", types, env=env)
    t.ok(d.post("/v1/connectors", {
        "name": "m", "type": "moving", "config": {"url": src.url},
        "options": {"cache_ttl": 0}})[0] == 201, "%s: the connector" % what)
    define(d, target)
    tables = [target % name for _, _, name in SYNCS]
    died = 0
    for _ in range(KILLS):
        time.sleep(rng.uniform(0, 0.35))
        died += not d.alive()
        d.kill()
        d.start()
    t.eq(died, 0, "%s: it never died by itself" % what)
    t.ok(src.changes > KILLS, "%s: the source changed meanwhile" % what)
    src.freeze()
    want = src.table()
    for table in tables:
        name = '"%s"' % table.split(":")[-1]
        daemon.wait(lambda n=name: rows(d, n, env) == want, 30, 0.1)
        got = rows(d, name, env)
        t.ok(got == want, "%s: %s is the source's, after %d kills and %d "
             "changes" % (what, name, KILLS, src.changes),
             difference(want, got))
    items = d.get("/v1/syncs")[1]["items"]
    t.ok(len(items) == len(SYNCS) and all(i["verdict"] == "complete" for i in items),
         "%s: the last runs are complete" % what, items)
    d.close()
    src.close()


def interrupted():
    """A run that is killed is shown as one that began and did not end."""
    src = moving_service.Moving(delay=(0.3, 0.3))
    d = daemon.Daemon("--connectors", types)
    d.post("/v1/connectors", {"name": "m", "type": "moving", "config": {
        "url": src.url}, "options": {"cache_ttl": 0}})

    def by_hand():
        try:
            d.post("/v1/query", {"sql": "SYNC CONNECTOR m.asc TO by_hand"})
        except OSError:
            pass                # the daemon is killed
    hand = threading.Thread(target=by_hand)
    hand.start()
    clock = d.post("/v1/syncs", {"connector": "m", "entity": "desc", "target":
                                 "by_clock", "schedule_ms": 86400000})[1]["id"]
    begun = {}

    def noted(s):
        """Whether the disk has that it began."""
        db = sqlite3.connect("file:%s/state.db?mode=ro" % d.data, uri=True)
        try:
            v = dict(db.execute("SELECT name, body FROM status")).get(s, "{}")
        finally:
            db.close()
        v = json.loads(v)
        return v.get("began_at", "") > v.get("last_run_at", "")
    t.ok(daemon.wait(lambda: all((d.get("/v1/syncs/" + s)[1].get("progress")
                                  or {}).get("rows") for s in ("m.asc", clock)
                                 ), 10), "two runs, by hand and by the clock")
    for s in ("m.asc", clock):
        begun[s] = d.get("/v1/syncs/" + s)[1]
        t.ok(begun[s]["status"] == "running" and begun[s]["interrupted_at"] is
             None, "  they run", begun[s])
    daemon.wait(lambda: noted("m.asc") and noted(clock), 10)
    d.kill()
    hand.join()
    src.delay = (0, 0)
    d.start()
    v = d.get("/v1/syncs/m.asc")[1]
    t.ok(v["status"] == "interrupted" and v["interrupted_at"] ==
         begun["m.asc"]["last_run_at"] and v["verdict"] is None and
         v["progress"] is None, "by hand: it is interrupted, since it began", v)
    t.eq(d.query("SHOW SYNCS")[0]["status"], "interrupted", "  in the list, too")
    d.stop()
    d.start()
    for s in ("m.asc", clock):
        if s != clock:
            d.post("/v1/syncs/%s/run" % s)
        t.ok(daemon.wait(lambda s=s: d.get("/v1/syncs/" + s)[1]["verdict"] ==
                         "complete", 20), "%s: the next run is complete" % s)
        v = d.get("/v1/syncs/" + s)[1]
        t.ok(v["status"] == "complete" and v["interrupted_at"] is None,
             "  and none is interrupted", v)
        got = [(e["event"], begun[s]["last_run_at"] in e["detail"]) for e in
               d.get("/v1/syncs/%s/events" % s)[1]["items"]]
        t.eq(got.count(("interrupted", True)), 1, "  the event stays, once")
    # One that is ended in good order is none.
    src.delay = (0.3, 0.3)
    d.post("/v1/syncs/m.asc/run?full=1")
    t.ok(daemon.wait(lambda: (d.get("/v1/syncs/m.asc")[1].get("progress") or
                              {}).get("rows"), 10), "once more")
    daemon.wait(lambda: noted("m.asc"), 10)
    d.stop()
    d.start()
    v = d.get("/v1/syncs/m.asc")[1]
    t.ok(v["status"] == "complete" and v["interrupted_at"] is None,
         "one that was stopped in good order did not happen", v)
    d.close()
    src.close()


interrupted()
torture("sqlite", "kept_%s")
fake = fake_elastic.FakeElastic()
torture("fake cluster", "es:kept-%s", {"MOLTLER_ELASTICSEARCH_URL": fake.url})
fake.close()
for product in ("opensearch", "elasticsearch"):
    home, why = elastic_server.find(product)
    if os.environ.get("MOLTLER_KILL_REAL") != "1":
        why = "MOLTLER_KILL_REAL is not 1"
    if why:
        t.skip("killed while it writes into %s" % product, why)
        continue
    server = elastic_server.Server(product)
    torture(product, "es:kept-%s", {"MOLTLER_ELASTICSEARCH_URL": server.url})
    server.close()
