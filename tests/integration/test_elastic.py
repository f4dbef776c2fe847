#!/usr/bin/env python3
"""The writer of Elasticsearch and OpenSearch against a cluster that fails in every
way it can."""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon                       # noqa: E402
import fake_elastic                 # noqa: E402
import tap                          # noqa: E402

T = tap.Tap()
DRIVE = os.path.join(daemon.BUILD, "tests/integration/elastic_drive")


def drive(cluster, env=None, **kw):
    """One run of the writer; what it says."""
    order = {"url": getattr(cluster, "url", cluster), "table": "t-issues",
             "sync": "gh.issues", "fence": 10, "retry_ms": 3000}
    order.update(kw)
    p = subprocess.run([DRIVE], input=json.dumps(order).encode(),
                       capture_output=True, timeout=120, env=dict(os.environ, **(env or {})))
    if p.returncode != 0:
        raise RuntimeError("elastic_drive: %s" % p.stderr.decode()[-3000:])
    return json.loads(p.stdout)


COLUMNS = [{"name": "id", "type": "integer", "key": True},
           {"name": "title", "type": "text"},
           {"name": "score", "type": "real"},
           {"name": "open", "type": "boolean"},
           {"name": "at", "type": "timestamp"},
           {"name": "labels", "type": "list"},
           {"name": "user", "type": "map"}]
ROWS = [[1, 'a "quoted"\nline', 0.1, True, "2026-11-21T10:00:00Z", ["x", "y"],
         {"login": "kim", "n": None}],
        [2, "b", 2.0, False, None, [{"name": "o"}, "plain"], {}],
        [3, None, None, None, None, None, None]]
WANT = {"1": {"id": 1, "title": 'a "quoted"\nline', "score": 0.1, "open": True,
              "at": "2026-11-21T10:00:00Z", "labels": ["x", "y"],
              "user": {"login": "kim", "n": None}},
        "2": {"id": 2, "title": "b", "score": 2.0, "open": False,
              "labels": ['{\n  "name": "o"\n }', "plain"], "user": {}},
        "3": {"id": 3}}


def scrub(docs):
    """A nested object's text may have any space."""
    return json.loads(json.dumps(docs).replace("\\\\n", "").replace("  ", " ")
                      .replace("  ", " "))


def test_rows():
    for os_ in (False, True):
        c = fake_elastic.FakeElastic(opensearch=os_)
        r = drive(c, columns=COLUMNS, rows=ROWS)
        T.eq(r.get("acked"), 3, "three rows are acknowledged")
        docs = c.docs("t-issues")
        docs["2"]["labels"][0] = docs["2"]["labels"][0].replace("\n", "")
        want = json.loads(json.dumps(WANT))
        want["2"]["labels"][0] = docs["2"]["labels"][0]
        T.eq(docs, want, "documents are the rows")
        T.eq(json.loads(docs["2"]["labels"][0]), {"name": "o"},
             "a list's object is its text")
        p = c.templates["moltler-t-issues"]["template"]["mappings"]["properties"]
        T.eq([p["id"]["type"], p["title"]["type"], p["score"]["type"],
              p["open"]["type"], p["at"]["type"], p["labels"]["type"],
              p["user"]["type"]],
             ["long", "text", "double", "boolean", "date", "keyword",
              "flat_object" if os_ else "flattened"], "fields have their types")
        T.eq(p["title"]["fields"]["keyword"]["type"], "keyword",
             "a text has its keyword")
        T.ok("moltler" not in p and "moltler" not in docs["1"],
             "nothing of ours where no marks are wanted")
        T.eq(c.templates["moltler-t-issues"]["index_patterns"], ["t-issues"],
             "the template is of this index alone")
        paths = [q[1] for q in c.requests]
        T.ok(paths.index("/_index_template/moltler-t-issues") <
             min(i for i, x in enumerate(paths) if "_bulk" in x),
             "the template comes before the rows")
        # Again, and it is the same.
        r = drive(c, columns=COLUMNS, rows=ROWS, fence=11)
        T.eq((r.get("acked"), len(c.docs("t-issues"))), (3, 3),
             "a second time leaves it the same")
        c.close()


def test_prepared_once():
    c = fake_elastic.FakeElastic()
    r = drive(c, count=5, runs=3)
    T.eq((r["acked"], len(c.asked("_index_template")), len(c.asked("_bulk"))),
         (5, 2, 3), "what is there is not asked for in each run")
    n = [0]

    def gone(action, index, ident, doc):
        n[0] += 1
        return (404, "index_not_found_exception", "no") if n[0] == 6 else None
    c.item = gone
    r = drive(c, count=5, runs=2, fence=11)
    T.eq(r["failed"]["class"], "config", "until something is wrong")
    c.close()


def test_products():
    c = fake_elastic.FakeElastic(root=405)
    T.eq(drive(c, count=1).get("acked"), 1, "a build that answers GET / with 405")
    T.ok(c.asked("_nodes/_local"), "is asked by its node's page")
    c.close()
    for kw in ({"flat": False}, {"opensearch": True, "version": "2.5.0"},
               {"opensearch": True, "flat": False}):
        c = fake_elastic.FakeElastic(**kw)
        r = drive(c, columns=COLUMNS, rows=ROWS)
        T.eq(r.get("acked"), 3, "a cluster without a type for maps: %s" % kw)
        f = c.indices["t-issues"]["mappings"]["user"]
        T.eq((f["type"], f["enabled"]), ("object", False), "keeps them whole")
        c.close()
    page = daemon.Pages()
    r = drive(page.url.replace("/metrics", ""), count=1)
    T.eq(r["failed"]["class"], "config", "what is no cluster is said to be none")
    page.close()


def test_ids():
    c = fake_elastic.FakeElastic()
    cols = [{"name": "a", "type": "text", "key": True},
            {"name": "b", "type": "text", "key": True}]
    rows = [["a|", "b"], ["a", "|b"], ["a\\", "|b"], ["", ""], [None, ""],
            ["x" * 600, "y"]]
    r = drive(c, columns=cols, rows=rows)
    T.eq((r["acked"], len(c.docs("t-issues"))), (6, 6),
         "keys of two columns are joined unambiguously")
    long = "\\H" + hashlib.sha256(b"x" * 600 + b"|y").hexdigest()
    T.ok(long in c.docs("t-issues"), "a long key is its SHA-256")
    rows = [["plain"], [""], ["\\E"], ["\\N"], ["\u00fc"]]
    r = drive(c, columns=cols[:1], rows=rows, table="one")
    T.eq(sorted(c.docs("one")), sorted(["plain", "\\E", "\\\\E", "\\\\N",
                                        "\u00fc"]),
         "a key of one column is its text")
    # Rows without a key would be one document: none is lost in another.
    cols[0]["name"], more = "k", [{"name": "v", "type": "integer"}]
    for keys in (1, 2):
        t = "none%d" % keys
        rows = [[None] * keys + [i] for i in range(3)] + [["a"] * keys + [9]]
        for fence in (1, 2):
            r = drive(c, columns=cols[:keys] + more, rows=rows, table=t,
                      fence=fence)
            T.eq((r["acked"], r["stats"]["rejected"], len(c.docs(t)),
                  len(c.docs(t + "-rejected"))), (4, 3, 1, 3),
                 "rows whose key is NULL are put aside")
    r = drive(c, columns=[{"name": "a", "type": "text"}], rows=[["x"]])
    T.eq(r["open_error"]["code"], "no_key", "without a key nothing is opened")
    c.close()


def test_names():
    for name in ("Upper", "a b", "-a", "_a", "+a", "a/b", "a,b", "a#b", "..",
                 "a*", "x" * 256, "", 'a"b', "a:b"):
        r = drive("http://127.0.0.1:1", table=name, count=1)
        T.eq(r["open_error"]["code"], "bad_target", "refused: %.20r" % name)


def test_column_names():
    for name in ("moltler", "_id", "_source", "_deleted_at"):
        r = drive("http://127.0.0.1:1", rows=[[1, 1]],
                  columns=[{"name": "id", "type": "integer", "key": True},
                           {"name": name, "type": "integer"}])
        T.eq(r["open_error"]["code"], "bad_target",
             "a column called %s is refused" % name)


def test_long_conflict():
    """A long key of another sync's row, that says of itself what an answer does."""
    cols = [{"name": "k", "type": "text", "key": True}]
    c = fake_elastic.FakeElastic()
    for key in ("k" * 510, "current version [7] current version ["):
        drive(c, columns=cols, rows=[[key]], sync="other", fence=20)
        r = drive(c, columns=cols, rows=[[key]], fence=10)
        T.eq((r.get("acked"), r.get("failed"), r["stats"].get("passed")),
             (1, None, 1),
             "another sync's row is there: %.30s" % key)
        drive(c, columns=cols, rows=[[key]], fence=30)
        r = drive(c, columns=cols, rows=[[key]], fence=29)
        T.eq((r.get("failed") or {}).get("code"), "fenced",
             "our own later run's is there: %.30s" % key)
    c.close()


def test_twice():
    """A row that comes twice in a run is at last as it came last."""
    for size in (100, 2):
        c = fake_elastic.FakeElastic()
        late = []

        def item(action, index, ident, doc):
            if doc and doc.get("title") == "old" and len(late) < 3:
                late.append(ident)
                return (429, "es_rejected_execution_exception", "queue full")
        c.item = item
        rows = [[1, "old"], [2, "x"], [3, "x"], [1, "new"], [4, "x"],
                [5, "x"], [6, "x"], [1, "newest"]]
        r = drive(c, columns=COLUMNS[:2], rows=rows[:4], batch_rows=size)
        T.eq((r["acked"], c.docs("t-issues")["1"]["title"], len(late)),
             (4, "new", 3 if size == 2 else 0),
             "batches of %d: what was busy does not come after it" % size)
        r = drive(c, columns=COLUMNS[:2], rows=rows, batch_rows=size)
        T.eq((r["acked"], len(c.docs("t-issues")),
              c.docs("t-issues")["1"]["title"]), (8, 6, "newest"),
             "batches of %d: the last one stays" % size)
        # The request that had it first breaks off and comes again.
        c.item = lambda *a: None
        n = []

        def spoil(method, path, body):
            if b'"old"' in body and not n:
                n.append(1)
                time.sleep(0.3)
                return "drop"
        c.spoil = spoil
        r = drive(c, columns=COLUMNS[:2], rows=rows[:4], batch_rows=size, fence=11)
        T.eq((r["acked"], c.docs("t-issues")["1"]["title"]), (4, "new"),
             "batches of %d: also after a request that broke off" % size)
        c.close()


def test_batches():
    c = fake_elastic.FakeElastic()
    r = drive(c, count=2500, batch_rows=100)
    T.eq((r["acked"], len(c.docs("t-issues"))), (2500, 2500), "2500 rows")
    T.eq(max(c.bulks), 100, "bounded by rows")
    T.ok(r["acks"] == sorted(r["acks"]) and r["acks"][-1] == 2500,
         "acknowledged in order")
    T.ok(c.most_active == 2, "two requests are in flight, not %d" % c.most_active)
    T.ok(r["blocked"] > 5, "the giver waited for room")
    c.bulks.clear()
    r = drive(c, count=2000, batch_bytes=10000, fence=11)
    big = max(len(q[3]) for q in c.asked("_bulk"))
    T.ok(r["acked"] == 2000 and big < 20000, "bounded by bytes: %d" % big)
    # The second is answered before the first, whichever came first.
    c2 = fake_elastic.FakeElastic()
    seen = []

    def slow_first(method, path, body):
        if "_bulk" in path:
            seen.append(1)
            # The third comes when the second is answered: two are in flight.
            if b'"title of 0"' in body:
                daemon.wait(lambda: len(seen) == 3)
    c2.spoil = slow_first
    r = drive(c2, count=300, batch_rows=100)
    # The third's answer may be there when the first's is.
    T.ok(r["acks"] in ([300], [200, 300]),
         "in order although the first came last", r["acks"])
    T.eq(drive(c2, count=0, fence=12).get("acked"), None, "no rows, no _bulk")
    T.ok("t-issues" in c2.indices, "but an index")
    c.close()
    c2.close()


def test_gzip():
    c = fake_elastic.FakeElastic()
    r = drive(c, count=1000, gzip="on")
    q = c.asked("_bulk")
    T.eq((r["acked"], q[0][2].get("Content-Encoding")), (1000, "gzip"), "gzip on")
    T.ok(r["stats"]["bytes"] < len(q[0][3]) / 3, "is smaller")
    drive(c, count=10, fence=11)
    T.ok("Content-Encoding" not in c.asked("_bulk")[-1][2],
         "auto: not on loopback")
    c.close()


def test_busy():
    c = fake_elastic.FakeElastic()
    hits = {}

    def item(action, index, ident, doc):
        hits[ident] = hits.get(ident, 0) + 1
        if int(ident) % 3 == 0 and hits[ident] < 3:
            return (429, "es_rejected_execution_exception", "queue full")
    c.item = item
    r = drive(c, count=300, batch_rows=100)
    T.eq((r["acked"], len(c.docs("t-issues"))), (300, 300),
         "items that find a full queue are sent again")
    T.eq((max(hits.values()), hits["1"]), (3, 1), "and only these")
    T.eq(r["stats"]["rejected"], 0, "none is rejected")
    c.item = lambda *a: None
    n = [0]

    def refuse(status, headers=None, times=2):
        n[0] = 0

        def spoil(method, path, body):
            if "_bulk" in path:
                n[0] += 1
                if n[0] <= times:
                    return (status, {"error": {"type": "x", "reason": "y"}},
                            headers or {})
        return spoil
    for fence, status in enumerate((429, 503, 502, 500)):
        c.spoil = refuse(status)
        r = drive(c, count=10, fence=20 + fence)
        T.eq((r.get("acked"), n[0], r.get("failed")), (10, 3, None),
             "%d twice, then all is well" % status)
    c.spoil = refuse(429, {"Retry-After": "1"}, 1)
    t = time.time()
    drive(c, count=10, fence=2000)
    T.ok(time.time() - t >= 1, "Retry-After is honoured")
    for how in ("drop", "half"):
        n[0] = 0

        def broken(method, path, body, how=how):
            if "_bulk" in path:
                n[0] += 1
                return how if n[0] < 4 else None
        c.spoil = broken
        r = drive(c, count=500, batch_rows=200, fence=3000)
        T.eq((r.get("acked"), len(c.docs("t-issues"))), (500, 500),
             "answers that break off (%s)" % how)
    c.spoil = refuse(503, times=1000)
    r = drive(c, count=10, fence=4000, retry_ms=700)
    T.eq((r["failed"]["class"], r["failed"]["code"]), ("transient", "http_503"),
         "busy for too long")
    T.ok("tried" in r["failed"]["msg"] and c.url in r["failed"]["msg"],
         "says how long: " + r["failed"]["msg"])
    c.close()
    r = drive(c, count=10, retry_ms=700)
    T.eq(r["failed"]["class"], "transient", "a cluster that is away")


def test_answers():
    """Answers to _bulk that are none, or not of all rows."""
    c = fake_elastic.FakeElastic()
    n = [0]
    for bad in (b"{}", b"<html>busy</html>", b'{"errors":false,"items":[',
                b'{"errors":true,"items":[{"index":{"status":201}}]}',
                b'{"errors":false,"items":[{"index":{"status":201}}]}'):
        n[0] = 0

        def spoil(method, path, body, bad=bad):
            if "_bulk" in path:
                n[0] += 1
                return (200, bad) if n[0] == 1 else None
        c.spoil = spoil
        r = drive(c, count=5)
        T.eq((r.get("acked"), n[0]), (5, 2), "not believed: %s" % bad.decode())
    c.spoil = lambda m, p, b: (200, b'{"took":1,"errors":false,"items":[]}') \
        if "_bulk" in p else None
    T.eq(drive(c, count=5).get("acked"), 5, "errors:false speaks for all")
    c.close()


def test_rejected():
    c = fake_elastic.FakeElastic()

    def item(action, index, ident, doc):
        if index == "t-issues" and int(ident) in (3, 7):
            return (400, "document_parsing_exception", "failed to parse field [x]")
    c.item = item
    r = drive(c, count=10)
    T.eq((r["acked"], r["stats"]["rejected"], len(c.docs("t-issues"))),
         (10, 2, 8), "two rows are put aside")
    T.ok("failed to parse" in r["stats"]["reject_why"], "with the reason")
    aside = c.docs("t-issues-rejected")
    T.eq(len(aside), 2, "they are in the index of rejected rows")
    one = next(d for d in aside.values() if '"id":3' in d["row"])
    T.eq((one["sync"], json.loads(one["row"])),
         ("gh.issues", {"id": 3, "title": "title of 3"}), "with all of the row")
    T.ok("failed to parse field [x]" in one["reason"] and one["at"][-1] == "Z",
         "and why and when")
    r = drive(c, count=10, fence=11)
    T.eq(len(c.docs("t-issues-rejected")), 2, "a second run does not double them")

    def worse(action, index, ident, doc):
        return (400, "document_parsing_exception", "no")
    c.item = worse
    r = drive(c, count=10, fence=12)
    T.eq((r["failed"]["class"], r["failed"]["code"]), ("config", "rejected"),
         "a rejected row that is rejected ends it")
    # All of many.
    c.item = lambda a, index, i, d: (400, "x", "y") if index == "t-issues" \
        else None
    r = drive(c, count=3000, batch_rows=500, fence=13)
    T.eq((r["acked"], r["stats"]["rejected"]), (3000, 3000), "all are rejected")
    T.eq(len(c.docs("t-issues-rejected")), 3000, "and all are kept")
    # Busy in between.
    k = [0]

    def mixed(action, index, ident, doc):
        k[0] += 1
        if k[0] % 4 == 0:
            return (429, "es_rejected_execution_exception", "full")
        if index == "t-issues" and int(ident) % 5 == 0:
            return (400, "x", "y")
    c.item = mixed
    c.indices.clear()
    r = drive(c, count=400, batch_rows=100, fence=14)
    T.eq((r["acked"], r["stats"]["rejected"], len(c.docs("t-issues")),
          len(c.docs("t-issues-rejected"))), (400, 80, 320, 80),
         "busy and rejected mixed: each row is somewhere")
    c.close()


def test_large():
    c = fake_elastic.FakeElastic()
    c.max_body = 20000
    r = drive(c, count=1000, batch_rows=1000)
    T.eq((r["acked"], len(c.docs("t-issues"))), (1000, 1000),
         "a 413 halves the batch until it is taken")
    rows = [[i, "x" * (150000 if i == 4 else 10)] for i in range(8)]
    c.max_body = 100000
    r = drive(c, columns=COLUMNS[:2], rows=rows, fence=11)
    T.eq((r["acked"], r["stats"]["rejected"]), (8, 1),
         "a document that alone is too large is put aside")
    aside = list(c.docs("t-issues-rejected").values())
    T.ok("413" in aside[0]["reason"] and len(aside[0]["row"]) == 65536,
         "the beginning of it")
    c.close()


def test_fenced():
    c = fake_elastic.FakeElastic()
    drive(c, count=10, fence=20)
    r = drive(c, count=10, fence=19)
    T.eq((r["failed"]["class"], r["failed"]["code"]), ("permanent", "fenced"),
         "an earlier run of the same sync cannot write over a later one")
    T.eq(drive(c, count=10, fence=20).get("acked"), 10, "the same run may")
    r = drive(c, count=10, fence=19, sync="other.sync")
    T.eq(r.get("acked"), 10, "what another sync wrote later stands")
    T.eq(drive(c, count=10, fence=21, sync="other.sync").get("acked"), 10,
         "and is written by what comes after")
    c.close()


def test_mapping():
    c = fake_elastic.FakeElastic()
    c.indices["t-issues"] = {"mappings": {"id": {"type": "long"}}, "docs": {}}
    r = drive(c, columns=COLUMNS, rows=ROWS)
    T.eq(r.get("acked"), 3, "an index that is there")
    T.eq(sorted(c.indices["t-issues"]["mappings"]),
         sorted(x["name"] for x in COLUMNS), "gets the new fields")
    c.indices["t-issues"]["mappings"]["title"] = {"type": "long"}
    r = drive(c, columns=COLUMNS, rows=ROWS, fence=11)
    f = r["failed"]
    T.eq((f["class"], f["code"]), ("config", "mapping"), "a conflict")
    T.ok("title" in f["msg"] and "long" in f["msg"] and "text" in f["msg"] and
         "another index" in f["msg"], "says all: " + f["msg"])
    # Two syncs with different columns.
    c.indices.clear()
    drive(c, columns=COLUMNS[:3], rows=[r[:3] for r in ROWS])
    drive(c, columns=COLUMNS[:1] + COLUMNS[4:], sync="b",
          rows=[[9] + r[4:] for r in ROWS[:1]])
    T.eq(len(c.indices["t-issues"]["mappings"]), 6, "columns are added")
    c.spoil = lambda m, p, b: fake_elastic.error(
        400, "illegal_argument_exception", "template conflicts") \
        if "_index_template" in p else None
    r = drive(c, count=1)
    T.ok(r["failed"]["class"] == "config" and "template conflicts" in
         r["failed"]["msg"], "a template that is refused: " + r["failed"]["msg"])
    c.close()


def test_credentials():
    key = "ApiKey c2VjcmV0LWtleQ=="
    c = fake_elastic.FakeElastic(auth=key)
    T.eq(drive(c, count=3, api_key="c2VjcmV0LWtleQ==").get("acked"), 3, "API key")
    r = drive(c, count=3, api_key="$env:ES_KEY",
              env={"ES_KEY": "c2VjcmV0LWtleQ=="})
    T.eq(r.get("acked"), 3, "API key by reference")
    r = drive(c, count=3, api_key="wrong-one")
    T.eq(r["failed"]["class"], "config", "a wrong key")
    T.ok("wrong-one" not in json.dumps(r), "is not shown")
    r = drive(c, count=3, api_key="$env:NO_SUCH_KEY_HERE")
    T.ok(r["failed"]["class"] == "config" and "NO_SUCH_KEY_HERE" in
         r["failed"]["msg"], "a reference to nothing: " + r["failed"]["msg"])
    c.auth = "Basic " + base64.b64encode(b"kim:pa:ss").decode()
    r = drive(c, count=3, username="kim", password="$env:ES_PW", fence=11,
              env={"ES_PW": "pa:ss"})
    T.eq(r.get("acked"), 3, "basic")
    c.close()
    for kw, word in (({"url": "http://u:hunter2@h:1"}, "credentials"),
                     ({"url": "ftp://h"}, "http://"),
                     ({"url": "http://h/?a=b"}, "query"),
                     ({"url": "http://"}, "host"),
                     ({"username": "x"}, "password is missing"),
                     ({"api_key": "k", "username": "x", "password": "y"},
                      "either")):
        r = drive("http://127.0.0.1:1", **kw)
        e = r["open_error"]
        T.ok(e["class"] == "config" and word in e["msg"] and
             "hunter2" not in e["msg"], "refused: " + e["msg"])


def test_tls():
    d = tempfile.mkdtemp(prefix="moltler-tls-")
    crt, key = d + "/c.pem", d + "/k.pem"
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                        "-nodes", "-keyout", key, "-out", crt, "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True,
                       capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        T.skip("TLS", "openssl cannot make a certificate")
        return
    c = fake_elastic.FakeElastic(tls=(crt, key))
    T.eq(drive(c, count=3, ca_file=crt).get("acked"), 3, "https with its CA")
    r = drive(c, count=3)
    T.ok("ca_file" in r["failed"]["msg"] and r["failed"]["code"] == "tls",
         "without: " + r["failed"]["msg"])
    c.close()


def test_refresh():
    c = fake_elastic.FakeElastic()
    r = drive(c, count=250, batch_rows=100, refresh=True, marks=True)
    T.eq((r["acked"], all(d["shown"] for d in
                          c.indices["t-issues"]["docs"].values())),
         (250, True), "acknowledged is visible where somebody waits")
    T.eq(len(c.asked("_refresh")), 1, "by one _refresh")
    # Written again it is found as it was, until somebody looks anew.
    drive(c, count=250, fence=11, marks=True)
    doc = c.indices["t-issues"]["docs"]["7"]
    T.eq((doc["shown"][0]["moltler"]["fence"],
          doc["source"]["moltler"]["fence"]), (10, 11),
         "what nobody waits for is seen later, and meanwhile as it was")
    # The first answer comes last, when the others are there already.
    c.requests.clear()
    slow = [0.3]
    c.spoil = lambda m, p, b: time.sleep(slow.pop()) \
        if "_bulk" in p and slow else None
    r = drive(c, count=250, batch_rows=100, refresh=True, fence=12)
    T.eq((r["acked"], len(c.asked("_refresh"))), (250, 1),
         "also when answers are late")
    c.requests.clear()
    r = drive(c, count=200, batch_rows=100, refresh=True, fence=12)
    T.eq((r["acked"], len(c.asked("_refresh"))), (200, 1),
         "also when the last batch was full")
    c.requests.clear()
    drive(c, count=250, batch_rows=100, fence=13)
    T.eq(len(c.asked("_refresh")), 0, "and by none where nobody does")
    c.close()


def seed(c, n, **kw):
    drive(c, count=n, marks=True, fence=10, **kw)
    drive(c, count=5, marks=True, fence=10, sync="another", **{"from": 100000})


def test_sweep():
    c = fake_elastic.FakeElastic()
    seed(c, 2500)
    T.eq(c.docs("t-issues")["7"]["moltler"], {"sync": "gh.issues", "fence": 10},
         "rows remember their sync")
    r = drive(c, count=2500, marks=True, fence=11, sweep="remove", ratio=0.5)
    T.eq((r["swept"], r.get("sweep_error")), (0, None), "nothing is gone")
    r = drive(c, count=500, marks=True, fence=12, sweep="remove", ratio=0.5)
    T.ok(r["sweep_error"]["code"] == "delete_ratio" and
         "2000 of 2500" in r["sweep_error"]["msg"],
         "too many: " + r["sweep_error"]["msg"])
    T.eq(len(c.docs("t-issues")), 2505, "none is removed")
    r = drive(c, count=500, marks=True, fence=13, sweep="remove", ratio=0.9)
    T.eq((r["swept"], r.get("sweep_error"), len(c.docs("t-issues"))),
         (2000, None, 505), "2000 are removed, others' rows stay")
    c.indices.clear()
    seed(c, 20)
    r = drive(c, count=15, marks=True, fence=11, sweep="mark", ratio=0.5)
    docs = c.docs("t-issues")
    T.eq((r["swept"], sorted(k for k, d in docs.items()
                             if "deleted_at" in d["moltler"])),
         (5, ["15", "16", "17", "18", "19"]), "five are marked")
    T.ok(docs["15"]["title"] == "title of 15", "and stay otherwise as they were")
    r = drive(c, count=15, marks=True, fence=12, sweep="mark", ratio=0.5)
    T.eq(r["swept"], 0, "marked once")
    r = drive(c, count=20, marks=True, fence=13, sweep="mark", ratio=0.5)
    T.ok("deleted_at" not in c.docs("t-issues")["16"]["moltler"],
         "a row written again has no mark")
    # A cluster that stumbles.
    n = [0]

    def spoil(method, path, body):
        n[0] += 1
        return (503, {}) if n[0] % 2 else None
    c.spoil = spoil
    k = [0]

    def item(action, index, ident, doc):
        k[0] += 1
        return (429, "es_rejected_execution_exception", "full") \
            if k[0] % 3 == 0 else None
    c.item = item
    r = drive(c, count=15, marks=True, fence=14, sweep="remove", ratio=0.5,
              retry_ms=20000)
    T.eq((r.get("swept"), len(c.docs("t-issues"))), (5, 20),
         "a sweep gets through a cluster that stumbles")
    c.spoil = lambda *a: None
    # A later run writes what this one would remove.
    c.item = lambda action, index, ident, doc: (
        409, "version_conflict_engine_exception", "x") \
        if action == "delete" else None
    r = drive(c, count=10, marks=True, fence=15, sweep="remove", ratio=0.5)
    T.eq((r.get("swept"), r.get("sweep_error")), (0, None),
         "what a later run wrote is left alone")
    c.close()


def test_hopeless():
    for status, kind in ((404, "index_not_found_exception"),
                         (400, "index_closed_exception"),
                         (403, "security_exception")):
        c = fake_elastic.FakeElastic()
        c.item = lambda *a, s=status, k=kind: (s, k, "no")
        r = drive(c, count=5)
        T.eq(r["failed"]["class"], "config", "the whole index: %s" % kind)
        c.close()
    c = fake_elastic.FakeElastic(auto_create=False)
    T.eq(drive(c, count=5).get("acked"), 5,
         "a cluster that makes no index by itself")
    n = [0]

    def full(action, index, ident, doc):
        n[0] += 1
        if n[0] < 20:
            return (403, "cluster_block_exception", "disk usage exceeded")
    c.item = full
    T.eq(drive(c, count=5, fence=11).get("acked"), 5, "a full disk passes")
    n = [0]

    def start(method, path, body):
        n[0] += 1
        return "drop" if n[0] < 6 else None
    c.spoil = start
    c.item = lambda *a: None
    T.eq(drive(c, count=5, fence=12, retry_ms=20000).get("acked"), 5,
         "a cluster that comes up slowly")
    c.close()


for name in sys.argv[1:] or sorted(k for k in globals()
                                   if k.startswith("test_")):
    T.note(name)
    globals()[name]()
