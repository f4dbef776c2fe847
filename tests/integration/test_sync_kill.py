#!/usr/bin/env python3
"""A daemon that is killed at any moment while it syncs a source that changes:
after the last run the target is what the source is.  MOLTLER_KILLS says how
often (default 30 a target).  The cluster is a fake; real ones come too where
MOLTLER_KILL_REAL=1 and their folders are there."""
import json
import os
import random
import tempfile
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
