#!/usr/bin/env python3
"""The writer against real servers, one after the other."""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon                       # noqa: E402
import elastic_server               # noqa: E402
import tap                          # noqa: E402

T = tap.Tap()
DRIVE = os.path.join(daemon.BUILD, "tests/integration/elastic_drive")
COLUMNS = [{"name": "id", "type": "integer", "key": True},
           {"name": "title", "type": "text"},
           {"name": "score", "type": "real"},
           {"name": "open", "type": "boolean"},
           {"name": "at", "type": "timestamp"},
           {"name": "labels", "type": "list"},
           {"name": "user", "type": "map"}]


def drive(server, **kw):
    order = {"url": server.url, "table": "t-issues", "sync": "gh.issues",
             "fence": 115000000000000, "retry_ms": 60000}
    order.update(kw)
    if "fence" in kw:
        order["fence"] += 115000000000000
    p = subprocess.run([DRIVE], input=json.dumps(order).encode(),
                       capture_output=True, timeout=300)
    if p.returncode != 0:
        raise RuntimeError("elastic_drive: %s" % p.stderr.decode()[-3000:])
    return json.loads(p.stdout)


def rows(s, what):
    # (OpenSearch refuses a text over 32766 bytes in a map.)
    deep = {"a": {"b": [1, {"c": None}], "d.e": "x"}, "n": 1.5, "t": True}
    data = [[1, 'a "quoted"\nline', 0.1, True, "2026-11-21T10:00:00.123Z",
             ["x", "y"], {"login": "kim", "n": None}],
            [2, "b" * 40000, 2.0, False, None, [{"name": "o"}, "p"], {}],
            [3, None, None, None, None, None, None],
            [9007199254740993, "\u00fc\U0001f600", 1e300, None,
             "1969-12-31T23:59:59Z", [], deep],
            [-5, "", -0.5, True, "2026-11-21T10:00:00Z", ["w" * 40000],
             {"long": "v" * (30000 if "open" in what else 40000)}]]
    r = drive(s, columns=COLUMNS, rows=data)
    T.eq((r.get("acked"), r.get("failed"),
          r.get("stats", {}).get("reject_why")),
         (5, None, ""), what + ": rows of all types")
    docs = s.docs("t-issues")
    T.eq(len(docs), 5, what + ": are there")
    for row in data:
        want = {c["name"]: v for c, v in zip(COLUMNS, row) if v is not None}
        got = docs.get(str(row[0]), {})
        if row[0] == 2:
            got["labels"][0] = json.loads(got["labels"][0])
        T.ok(got == want, what + ": row %s as it was" % row[0],
             "%.300r" % got)
    m = s.call("GET", "/t-issues/_mapping")[1]["t-issues"]["mappings"]
    T.note("fields: " + json.dumps({k: v.get("type", "object") for k, v in
                                    m["properties"].items()}))
    hits = s.call("POST", "/t-issues/_count", {"query": {"bool": {"filter": [
        {"term": {"labels": "x"}}, {"term": {"open": True}},
        {"range": {"at": {"gte": "2026-01-01T00:00:00Z"}}}]}}})[1]["count"]
    T.eq(hits, 1, what + ": and found by what they say")
    r = drive(s, columns=COLUMNS, rows=data, fence=1)
    T.eq((r.get("acked"), len(s.docs("t-issues"))), (5, 5),
         what + ": a second run leaves it the same")


def conflicts(s, what):
    r = drive(s, columns=COLUMNS, fence=2, rows=[[1, "x", None, None,
              "2026-11-21T10:00:00Z", None, None], [8, "bad", None, None,
              "not a time", None, None]])
    T.eq((r.get("acked"), r["stats"]["rejected"]), (2, 1),
         what + ": a row the engine refuses is put aside")
    aside = list(s.docs("t-issues-rejected").values())
    T.ok(len(aside) == 1 and json.loads(aside[0]["row"])["id"] == 8 and
         aside[0]["sync"] == "gh.issues" and aside[0]["reason"],
         what + ": with its reason", str(aside)[:500])
    r = drive(s, columns=COLUMNS[:2], rows=[[1, "late"]], fence=1)
    T.eq(r["failed"]["code"], "fenced", what + ": a late run is fenced off")
    r = drive(s, columns=COLUMNS[:2], rows=[[1, "late"]], fence=1, sync="b")
    T.eq((r.get("acked"), s.docs("t-issues")["1"]["title"]), (1, "x"),
         what + ": another sync's later row stands")
    bad = [dict(COLUMNS[0]), {"name": "title", "type": "integer"}]
    r = drive(s, columns=bad, rows=[[1, 1]], fence=3)
    T.ok(r["failed"]["code"] == "mapping" and "title" in r["failed"]["msg"],
         what + ": a mapping conflict: " + r["failed"]["msg"])
    more = COLUMNS[:2] + [{"name": "extra", "type": "integer"}]
    r = drive(s, columns=more, rows=[[1, "x", 5]], fence=4)
    m = s.call("GET", "/t-issues/_mapping")[1]["t-issues"]["mappings"]
    T.eq((r.get("acked"), m["properties"]["extra"]["type"]), (1, "long"),
         what + ": a new column is a new field")


def many(s, what):
    r = drive(s, count=50000, table="many", gzip="on")
    n = s.call("POST", "/many/_refresh") and \
        s.call("GET", "/many/_count")[1]["count"]
    T.eq((r.get("acked"), n), (50000, 50000), what + ": 50000 rows, gzip")
    T.note("cpu %d ms" % r["cpu_ms"])
    r = drive(s, count=10, table="seen", refresh=True)
    T.eq(s.call("GET", "/seen/_count")[1]["count"], 10,
         what + ": visible at once where somebody waits")


def deletes(s, what):
    drive(s, count=3000, table="gone", marks=True)
    drive(s, count=7, table="gone", marks=True, sync="b", **{"from": 90000})
    r = drive(s, count=500, table="gone", marks=True, fence=1, sweep="remove",
              ratio=0.5)
    T.ok("2500 of 3000" in r.get("sweep_error", {}).get("msg", ""),
         what + ": too many deletes", r)
    r = drive(s, count=2990, table="gone", marks=True, fence=2, sweep="mark",
              ratio=0.5)
    docs = s.docs("gone")
    marked = sorted(d["id"] for d in docs.values()
                    if "deleted_at" in d["moltler"])
    T.eq((r.get("swept"), marked), (10, list(range(2990, 3000))),
         what + ": marked")
    r = drive(s, count=2995, table="gone", marks=True, fence=3, sweep="mark",
              ratio=0.5)
    docs = s.docs("gone")
    T.eq((r.get("swept"), "deleted_at" in docs["2991"]["moltler"],
          "deleted_at" in docs["2999"]["moltler"]), (0, False, True),
         what + ": written again is not marked, marked stays")
    r = drive(s, count=500, table="gone", marks=True, fence=4, sweep="remove",
              ratio=0.9)
    T.eq((r.get("swept"), r.get("sweep_error"), len(s.docs("gone"))),
         (2500, None, 507), what + ": removed, what another sync wrote is not")


def away(s, what):
    """Killed in the middle of it, and started again."""
    out = {}

    def run():
        out.update(drive(s, count=200000, table="away", batch_rows=1000,
                         retry_ms=240000))
    th = threading.Thread(target=run)
    th.start()
    daemon.wait(lambda: (s.call("GET", "/away/_stats/indexing")[1].get("_all", {})
                .get("total", {}).get("indexing", {}).get("index_total", 0))
                > 20000, 60, 0.1)
    s.kill()
    time.sleep(1)
    s.start()
    th.join()
    s.call("POST", "/away/_refresh")
    T.eq((out.get("acked"), s.call("GET", "/away/_count")[1].get("count")),
         (200000, 200000), what + ": killed and started again, nothing is lost")
    T.ok(out.get("rss_kb", 0) < 65536 or daemon.sanitized(),
         what + ": in %s KB of memory" % out.get("rss_kb"))


ran = 0
for product in ("opensearch", "elasticsearch"):
    if sys.argv[1:] and product not in sys.argv[1:]:
        continue
    home, why = elastic_server.find(product)
    if home is None:
        reason = why
        if sys.argv[1:] or ran:
            T.skip(product, why)
        continue
    server = elastic_server.Server(product)
    ran += 1
    name = "%s %s" % (product, server.version)
    T.note(name)
    try:
        for part in (rows, conflicts, many, deletes, away):
            part(server, name)
    finally:
        server.close()
if not ran:
    T.skip_all(reason)
