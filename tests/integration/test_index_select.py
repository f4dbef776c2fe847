#!/usr/bin/env python3
"""SELECT FROM an index, through the daemon: against a cluster that can be spoiled,
and, where they are to be had, against the real ones."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon                       # noqa: E402
import elastic_server               # noqa: E402
import fake_elastic                 # noqa: E402
import tap                          # noqa: E402
import urllib.request               # noqa: E402

T = tap.Tap()
KEYWORD = {"type": "text", "fields": {"keyword": {"type": "keyword",
                                                  "ignore_above": 1024}}}
FIELDS = {"id": {"type": "long"}, "title": KEYWORD,
          "state": {"type": "keyword"}, "at": {"type": "date"},
          "labels": {"type": "keyword", "meta": {"moltler": "list"}},
          "moltler": {"properties": {"sync": {"type": "keyword"},
                                     "fence": {"type": "long"},
                                     "deleted_at": {"type": "date"}}}}
ROWS = 2300


def send(url, method, path, body, kind="application/json"):
    r = urllib.request.Request(url + path, body.encode(), {"Content-Type": kind},
                               method=method)
    with urllib.request.urlopen(r, timeout=60) as a:
        return json.loads(a.read())


def row(i):
    out = {"id": i, "title": "issue %d" % i,
           "state": "open" if i % 3 else "closed",
           "at": "2026-01-%02dT10:00:00Z" % (i % 28 + 1),
           "labels": ["bug" if i % 4 else "debug", "x"]}
    if i % 10 == 0:
        out["moltler"] = {"sync": "s", "fence": 1,
                          "deleted_at": "2026-02-01T00:00:00Z"}
    return out


def fill(url, index, first):
    lines = []
    for i in range(first, first + ROWS):
        lines.append(json.dumps({"index": {"_id": str(i)}}))
        lines.append(json.dumps(row(i)))
    got = send(url, "POST", "/%s/_bulk?refresh=true" % index,
               "\n".join(lines) + "\n", "application/x-ndjson")
    assert not got["errors"], got["items"][:3]


def start(url):
    return daemon.Daemon(env={"MOLTLER_ELASTICSEARCH_URL": url})


def rows(d, sql):
    return d.query(sql)


def reads(d, name):
    both = list(range(2 * ROWS))
    T.eq(rows(d, "SELECT count(*) AS n, sum(id) AS s FROM moltler-read-*"),
         [{"n": 2 * ROWS, "s": sum(both)}], name + ": all pages of both")
    T.eq(rows(d, "SELECT id, labels, _id FROM moltler-read-a WHERE title = "
              "'issue 7'"), [{"id": 7, "labels": ["bug", "x"], "_id": "7"}],
         name + ": one row")
    T.eq(rows(d, "SELECT count(*) AS n FROM es:moltler-read-* WHERE labels "
              "CONTAINS 'bug' AND state = 'open' AND at < '2026-01-03' AND "
              "_deleted_at IS NULL"),
         [{"n": sum(1 for i in both if i % 4 and i % 3 and i % 28 < 2 and
                    i % 10)}], name + ": filters")
    T.eq(rows(d, "SELECT count(*) AS n FROM moltler-read-b WHERE "
              "_deleted_at = '2026-02-01'"), [{"n": ROWS // 10}],
         name + ": rows marked as deleted are rows")
    T.eq(len(rows(d, "SELECT * FROM moltler-read-a LIMIT 5")), 5,
         name + ": LIMIT")
    for index in ("moltler-read-a", "es:moltler-read-a", "moltler-read-*"):
        got = {r["column"]: r["type"] for r in rows(d, "DESCRIBE " + index)}
        T.eq([got.get(c) for c in ("id", "title", "at", "labels")],
             ["integer", "text", "timestamp", "json"],
             name + ": DESCRIBE " + index)
    got = rows(d, "EXPLAIN SELECT id FROM moltler-read-a WHERE id > 5")
    T.ok("\"gt\":5" in got[0]["request"], name + ": EXPLAIN", got)


def with_fake(opensearch):
    name = "fake OpenSearch" if opensearch else "fake Elasticsearch"
    c = fake_elastic.FakeElastic(opensearch=opensearch)
    for i, index in enumerate(("moltler-read-a", "moltler-read-b")):
        c.indices[index] = {"mappings": FIELDS, "docs": {}}
        fill(c.url, index, i * ROWS)
    d = start(c.url)
    try:
        reads(d, name)
        T.ok(daemon.wait(lambda: c.pits == 0), name + ": nothing is left open",
             c.pits)
        faults(d, c, name)
    finally:
        d.close()
        c.close()


def fails(d, sql):
    try:
        return "no error but %s" % d.query(sql)[:3]
    except RuntimeError as e:
        return str(e)


def faults(d, c, name):
    pages = []

    def third(method, path, body):
        if not path.startswith("/_search?"):
            return None
        pages.append(1)
        return None if len(pages) < 3 else \
            (500, {"error": {"type": "broken", "reason": "it is"}})
    c.spoil = third
    got = fails(d, "SELECT id FROM moltler-read-*")
    T.ok("es.moltler-read-*, page 3" in got and "broken" in got,
         name + ": 500 in the middle ends the statement", got)
    c.spoil = lambda *a: None
    T.ok("no table nowhere" in fails(d, "SELECT 1 FROM nowhere"),
         name + ": no such index")
    c.auth = "Basic x"
    got = fails(d, "SELECT 1 FROM elsewhere")
    T.ok("401" in got and "credentials" in got, name + ": 401", got)
    got = fails(d, "DESCRIBE elsewhere-2")
    T.ok("line 1, column 10: " in got and "credentials" in got,
         name + ": DESCRIBE tells it, too", got)
    c.auth = None
    T.ok(daemon.wait(lambda: c.pits == 0), name + ": nothing is left open", c.pits)


def with_real(s, product):
    d = None
    name = "%s %s" % (product, s.version)
    try:
        for i, index in enumerate(("moltler-read-a", "moltler-read-b")):
            send(s.url, "PUT", "/" + index, json.dumps(
                {"settings": {"number_of_shards": 3},
                 "mappings": {"properties": FIELDS}}))
            fill(s.url, index, i * ROWS)
        d = start(s.url)
        reads(d, name)

        def contexts():
            got = s.call("GET", "/_nodes/stats/indices/search")[1]
            return sum(n["indices"]["search"]["open_contexts"]
                       for n in got["nodes"].values())
        T.ok(daemon.wait(lambda: contexts() == 0),
             name + ": nothing is left open", contexts())
    finally:
        if d:
            d.close()
        s.close()


with_fake(False)
with_fake(True)
for p in ("opensearch", "elasticsearch"):
    # Each takes half a minute to start.
    home, why = elastic_server.find(p) if os.environ.get("MOLTLER_ELASTIC") == \
        "1" else (None, "MOLTLER_ELASTIC=1 runs the real ones")
    if home is None:
        T.skip(p, why)
    else:
        with_real(elastic_server.Server(p), p)
