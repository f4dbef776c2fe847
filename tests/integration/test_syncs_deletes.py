#!/usr/bin/env python3
"""What the source has no more: marked, removed or left alone in both kinds of target,
and by no run that did not see all there is."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon  # noqa: E402
from fake_elastic import FakeElastic  # noqa: E402
from faulty_source import Bench, Source, manifest, types  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
es = FakeElastic()
moving = manifest()
moving["entities"]["asc"]["columns"]["dead"] = {"type": "boolean"}
moving["entities"]["asc"]["deleted"] = "dead"
d = Daemon("--connectors", types(moving),
           env={"MOLTLER_ELASTICSEARCH_URL": es.url,
                "MOLTLER_ELASTICSEARCH_RETRY": "1s"})
EVERY = 86400000        # each run is asked for


def live(kind, b, name):
    """The rows that are not marked, as Source.table()."""
    if kind == "sqlite":
        return b.stored(name, ' WHERE "_deleted_at" IS NULL') \
            if "_deleted_at" in columns(name) else b.stored(name)
    return b.docs(es, name, lambda v: "deleted_at" not in v.get("moltler", {}))


def every(kind, b, name):
    return b.stored(name) if kind == "sqlite" else b.docs(es, name)


def columns(name):
    rows = d.query('SELECT * FROM "%s" LIMIT 1' % name)
    return list(rows[0]) if rows else []


def ids(rows):
    return [r[0] for r in rows]


def third(src, how):
    """The third request from now on, and those after it, go wrong."""
    n = len(src.asked)
    return lambda p, q: how if len(src.asked) >= n + 3 else None


def torture(kind, prefix):
    src = Source(60)
    status, out = d.post("/v1/connectors", {
        "name": kind, "type": "moving", "config": {"url": src.url},
        "options": {"cache_ttl": 0, "retry_count": 0}})
    assert status == 201, out
    b = Bench.of(d, src)

    def define(name, entity="asc", **more):
        return b.define(entity, prefix + name, connector=kind,
                        schedule_ms=EVERY, **more)

    def say(what):
        return "%s: %s" % (kind, what)

    # ---- remove, mark, ignore ----
    how = {n: define(n, options={"deletes": n})
           for n in ("remove", "mark", "ignore")}
    for n, s in how.items():
        b.ended(s, 1)
        t.eq(every(kind, b, n), src.table(), say("%s: all at first" % n))
    was = src.table()
    src.drop(*range(10, 20))
    for n, s in how.items():
        v = b.run(s)
        t.ok(v["verdict"] == "complete" and v["last_deleted"] ==
             (0 if n == "ignore" else 10), say("%s: a run" % n), v)
    t.eq(every(kind, b, "remove"), src.table(), say("removed"))
    t.eq(every(kind, b, "mark"), was, say("marked ones are there"))
    t.eq(live(kind, b, "mark"), src.table(), say("  and known by their mark"))
    t.eq(every(kind, b, "ignore"), was, say("ignored"))
    for s in how.values():
        t.eq(b.run(s)["last_deleted"], 0, say("once is enough"))

    # ---- back again ----
    for i in (12, 13):
        src.put(i)
    for n, s in how.items():
        b.run(s)
    for n in ("remove", "mark"):
        t.eq(live(kind, b, n), src.table(), say("%s: what comes back" % n))

    # ---- too many at once ----
    rows = dict(src.rows)
    src.drop(*[i for i in list(src.rows) if i > 8])
    for n in ("remove", "mark"):
        v = b.run(how[n])
        t.ok(v["verdict"] == "partial" and "delete" in v["reason"] and
             v["last_deleted"] == 0, say("%s: too many at once" % n), v)
        t.eq(len(live(kind, b, n)), len(rows), say("  none is touched"))
    src.drop(*list(src.rows))
    v = b.run(how["remove"])
    t.ok(v["verdict"] == "partial" and v["last_deleted"] == 0 and
         len(live(kind, b, "remove")) == len(rows),
         say("an empty list empties nothing"), v)
    src.rows, src.sorted = dict(rows), {}
    v = b.run(how["remove"])
    t.eq(live(kind, b, "remove"), src.table(), say("all of them back"))
    src.drop(*[i for i in list(src.rows) if i > 8])
    t.eq(d.call("PATCH", "/v1/syncs/" + how["remove"],
                {"options": {"delete_ratio": 1}})[0], 204, say("delete_ratio"))
    v = b.run(how["remove"])
    t.ok(v["verdict"] == "complete" and
         live(kind, b, "remove") == src.table(), say("  said outright"), v)
    src.rows, src.sorted = dict(rows), {}
    for s in how.values():
        b.run(s)

    # ---- a run that did not see all ----
    src.drop(21, 22, 23)
    for how_bad, what in (((500, {}, {}), "500"), ("cut", "a cut body"),
                          ("drop", "a dropped connection"),
                          ((403, {}, {}), "403")):
        src.spoil = third(src, how_bad)
        v = b.run(how["remove"])
        t.ok(v["verdict"] != "complete" and v["last_deleted"] == 0,
             say("%s on page 3" % what), v)
        t.ok({21, 22, 23} <= set(ids(live(kind, b, "remove"))),
             say("  deletes nothing"))
        if v["disabled_reason"]:
            d.post("/v1/syncs/%s/resume" % how["remove"])
    # What goes on from where that one ended did not see all either.
    src.spoil = third(src, (503, {}, {}))
    b.run(how["remove"])
    src.well()
    n = len(src.asked)
    v = b.run(how["remove"])
    if not any(q.get("page", "1") == "1" for _, q in src.asked[n:]):
        t.ok(v["last_deleted"] == 0, say("a resumed run deletes nothing"), v)
        v = b.run(how["remove"])
    t.ok(v["last_deleted"] == 3 and live(kind, b, "remove") == src.table(),
         say("one that saw all does"), v)

    # ---- a total that differs ----
    loose = define("loose", "loose", options={"deletes": "remove"})
    b.ended(loose, 1)
    src.drop(30, 31)
    src.spoil = lambda p, q: dict(src.page(p, q), total=len(src.rows) + 2) \
        if p == "/loose" else None
    v = b.run(loose)
    t.ok(v["verdict"] == "partial" and "total" in v["reason"] and
         v["last_deleted"] == 0, say("a total that differs"), v)
    src.well()
    v = b.run(loose)
    t.ok(v["last_deleted"] == 2 and live(kind, b, "loose") == src.table(),
         say("  and does not"), v)

    # ---- a row that the target refused: it is not gone ----
    if kind == "elastic":
        src.put(40)
        es.item = lambda a, i, ident, doc: (
            400, "mapper_parsing_exception", "no") \
            if i == "loose" and doc and doc.get("id") == 40 else None
        v = b.run(loose)
        es.item = lambda *a: None
        t.ok(v["verdict"] == "partial" and v["last_deleted"] == 0 and
             40 in ids(live(kind, b, "loose")),
             say("a row refused is not deleted"), v)
        b.run(loose)

    # ---- incremental: only where all is read ----
    inc = define("inc", incremental="updated_at",
                 options={"deletes": "remove"})
    b.ended(inc, 1)
    gone = ids(src.table())[2:5]
    src.drop(*gone)
    src.put(50)
    v = b.run(inc)
    t.ok(v["last_deleted"] == 0 and set(gone) <= set(ids(
         live(kind, b, "inc"))), say("an incremental run deletes nothing"), v)
    runs = v["runs"]
    d.post("/v1/syncs/%s/run?full=1" % inc)
    v = b.ended(inc, runs + 1)
    t.ok(v["last_deleted"] == 3 and live(kind, b, "inc") == src.table(),
         say("a full one does"), v)

    # ---- the service says itself what is gone ----
    how = {n: define("said_" + n, incremental="updated_at",
                     options={"deletes": n})
           for n in ("remove", "mark", "ignore")}
    for s in how.values():
        b.ended(s, 1)
    src.put(50, dead=True)
    src.put(999, dead=True)         # none has seen it
    alive = [r for r in src.table() if r[0] not in (50, 999)]
    last = {n: b.run(s) for n, s in how.items()}
    for n, v in last.items():
        t.ok(v["verdict"] == "complete", say("%s: an incremental run" % n), v)
    t.eq({n: (v["last_rows"], v["last_deleted"]) for n, v in last.items()},
         {n: (2, 0) if n == "ignore" else (0, 2) for n in how},
         say("  deleted ones are counted as that"))
    t.eq(every(kind, b, "said_remove"), alive, say("  removed"))
    t.eq(every(kind, b, "said_mark"), src.table(), say("  all is there"))
    t.eq(live(kind, b, "said_mark"), alive, say("  but these are marked"))
    t.eq(live(kind, b, "said_ignore"), src.table(), say("  ignored"))
    src.put(50)
    src.drop(999)
    for n in ("remove", "mark"):
        b.run(how[n])
        t.eq(live(kind, b, "said_" + n), src.table(), say("  back again"))

    # ---- two syncs share one ----
    one = define("both", where="id < 31", options={"deletes": "remove"})
    two = define("both", where="id > 30", options={"deletes": "mark"})
    for s in (one, two):
        b.ended(s, 1)
    t.eq(live(kind, b, "both"), src.table(), say("two into one"))
    gone = [ids(src.table())[5], ids(src.table())[-3]]
    src.drop(*gone)
    v = b.run(one)
    t.ok(v["last_deleted"] == 1 and gone[1] in ids(live(kind, b, "both")),
         say("  each deletes what is its own"), v)
    v = b.run(two)
    t.ok(v["last_deleted"] == 1 and live(kind, b, "both") == src.table(),
         say("  and no more"), v)
    t.eq(sorted(set(ids(every(kind, b, "both"))) -
                set(ids(live(kind, b, "both")))), [gone[1]],
         say("  each in its way"))
    d.call("DELETE", "/v1/syncs/" + one)
    b.run(two)
    t.eq(live(kind, b, "both"), src.table(),
         say("  the rows of one that is dropped stay"))

    # ---- they overlap ----
    wide = define("over", options={"deletes": "remove"})
    b.ended(wide, 1)
    part = define("over", where="id > 40", options={"deletes": "remove"})
    b.ended(part, 1)
    gone = ids(src.table())[-2]
    src.drop(gone)
    for s in (wide, part, wide):
        b.run(s)
    t.eq(live(kind, b, "over"), src.table(), say("two that overlap"))

    src.close()


torture("sqlite", "sqlite:")
torture("elastic", "es:")
t.ok(d.alive(), "the daemon is alive")
t.eq(d.close(), 0, "ends well")
es.close()
