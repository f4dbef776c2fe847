"""Statements that are bad, that are left alone, and that are under way when things
change: clients leave at every moment, connectors are dropped, types are reloaded,
the daemon is told to stop."""
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wild_service as wild  # noqa: E402
from daemon import Daemon, Stopwatch, rest, sanitized, wait  # noqa: E402
from tap import Tap  # noqa: E402
from wild_service import ITEMS, answer, says  # noqa: E402

t = Tap()
s = wild.Wild()
types = tempfile.mkdtemp(prefix="moltler-types-")
wild.write_type(types, wild.manifest())


def daemon(*args):
    return Daemon("--connectors", types, *args, env={"TOK": "t1"})


d = daemon()


def make(name, d=None, **opts):
    o = dict({"cache_ttl": 0, "retry_count": 0}, **opts)
    (d or globals()["d"]).query(
        "CREATE CONNECTOR %s TYPE 'wild' CONFIG {\"url\": \"%s\", \"token\": "
        "\"$env:TOK\"} OPTIONS %s" % (name, s.base, json.dumps(o)))


def ask(sql, d=None, **more):
    """(status, rows, error or None)"""
    status, out = (d or globals()["d"]).post(
        "/v1/query", dict({"sql": sql, "format": "json"}, **more), timeout=90)
    if not isinstance(out, dict):
        return status, None, {"code": None, "message": repr(out)[:300]}
    return status, out.get("rows"), out.get("error") or {}


def refused(sql, code, *words, **more):
    watch = Stopwatch()
    status, rows, e = ask(sql, **more)
    codes = (code,) if isinstance(code, str) else code
    t.ok(e.get("code") in codes and all(x in e["message"] for x in words) and
         len(e["message"]) < 4000 and
         watch.took() < (60 if sanitized() else 5),
         "refused: " + repr(sql[:60]), (status, str(e)[:300],
                                        str(rows)[:100], watch.took()))


def idle(d=None):
    """Nothing runs any more, and nobody asks the service."""
    d = d or globals()["d"]
    ok = wait(lambda: d.metric("moltler_queries_running") == 0, 5)
    # What was on its way when the work ended may still arrive.
    end, n = time.monotonic() + 5, -1
    while n != len(s.asked) and time.monotonic() < end:
        n = len(s.asked)
        time.sleep(0.2)
    return ok and len(s.asked) == n


# ---- bad statements ----
make("w")
make("w2")
status, out = d.post("/v1/query", {"sql": "SELECT '" + "x" * (10 << 20) + "'"})
t.eq(status, 413, "a body of 10 MB")
refused("SELECT " + "(" * 10000 + "1" + ")" * 10000, "sql")
refused("SELECT " + "(" * 100000, "sql")
refused("BEGIN " * 10000 + "SELECT 1; " + "END; " * 10000, "sql")
refused("CREATE CONNECTOR x TYPE 'wild' CONFIG " + '{"a":' * 10000 +
        "1" + "}" * 10000, "sql")
refused("SELECT 1 FROM " + "(SELECT * FROM " * 5000 + "w.plain" + ")" * 5000,
        "sql")
refused("SELECT " + " + ".join(["1"] * 20000), "sql")
refused("SELECT " + ", ".join("id AS c%d" % n for n in range(5000)) +
        " FROM w.plain WHERE how = 'good'", "sql")
refused(" UNION ALL ".join(["SELECT 1"] * 1000), "sql")
refused("SELECT id FROM w.plain\0 WHERE how = 'good'", ("sql", "json"))
refused("CREATE CONNECTOR a\0b TYPE 'wild' CONFIG {}", ("sql", "json"))
for bad in (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"):
    status, _, out = d.call("POST", "/v1/query", b'{"sql": "SELECT \'' + bad +
                            b'\'"}', {"Content-Type": "application/json"})
    t.ok(status == 400 and b"error" in out, "invalid UTF-8: %r" % bad, out)
refused("SELECT tilte, nmae FROM w.plain WHERE how = 'good'", ("sql",
        "no_column"), "tilte")
refused("SELECT nmae FROM w.plain WHERE how = 'good'", ("sql", "no_column"),
        "nmae", "name")
refused("SELECT id FROM w.plian", "no_table", "plain")
refused("SELECT id FROM w3.plain", "no_table", "w")
refused("SELECT id FROM w.plain a JOIN w.plain b ON a.id = b.id WHERE "
        "a.how = 'good' AND b.how = 'good'", "sql", "ambiguous")
refused("SELECT how FROM w.plain, w2.plain WHERE how = 'good'", "sql",
        "ambiguous")
refused("SELECT id FROM plain", ("no_table", "sql", "ambiguous_name"), "plain")
refused("SELECT id FROM w.plain", ("needs", "inputs", "input", "sql",
                                   "no_list"), "how")
refused("", "sql")
refused(";;;", "sql")
refused("SELECT 1; SELECT 2", "sql")
refused("SELECT 'open", "sql", "line 1")
refused("/* open", "sql")
refused("PRAGMA page_size", ("sql", "denied"))
refused("ATTACH '/etc/passwd' AS x", ("sql", "denied"))
refused("SELECT readfile('/etc/passwd')", ("sql", "denied"))
refused("SELECT load_extension('x')", ("sql", "denied"))
refused("INSERT INTO w.plain VALUES (1)", ("sql", "denied"))
t.ok(d.alive(), "none of them did harm")

d2 = daemon()
d2.stop()
conf = os.path.join(d2.data, "moltler.conf")
with open(conf, "w") as f:
    f.write("[daemon]\nmax_body = 64m\n")
d2.args += ["-c", conf]
d2.start()
make("w", d2)
for sql in ("SELECT '" + "x" * (10 << 20) + "'",
            "SELECT " + "1+" * (5 << 20) + "1",
            "-- " + "x" * (10 << 20),
            "SELECT id FROM w.plain WHERE how IN (" + "'a', " * (2 << 20) +
            "'b')",
            "SELECT " + "(" * (10 << 20),
            "CREATE CONNECTOR a TYPE 'wild' CONFIG {\"url\": \"" + "x" *
            (10 << 20) + "\"}",
            "BEGIN " * (2 << 20),
            "EXEC w.pushed.touch(what => '" + "x" * (10 << 20) + "')",
            "\0" * (10 << 20)):
    watch = Stopwatch()
    status, rows, e = ask(sql, d2)
    t.ok(e and e.get("code") and len(e["message"]) < 4000 and
         watch.took() < (60 if sanitized() else 5),
         "10 MB of " + repr(sql[:30]), (status, e, watch.took()))
t.ok(sanitized() or d2.rss_kb() < 300 << 10, "and memory is given back",
     d2.rss_kb())
t.eq(d2.close(), 0, "and their daemon ends well")

# ---- what bounds a statement ----
s.how["endless"] = lambda s, w, a: answer(w, 200, {
    "items": [dict(ITEMS[0], id=len(s.asked) * 10 + n) for n in range(5)],
    "next": "c%d" % len(s.asked)})
endless = "SELECT id FROM w.cursors WHERE how = 'endless'"
s.forget()
refused(endless, "max_api_calls", "7 API calls", "filter by", max_api_calls=7)
t.eq(len(s.asked), 7, "max_api_calls is exact")
s.forget()
_, _, e = ask("SELECT count(*) FROM w.cursors a JOIN w2.cursors b ON a.id = "
              "b.id WHERE a.how = 'endless' AND b.how = 'endless'",
              max_api_calls=10)
t.ok(e.get("code") == "max_api_calls" and len(s.asked) <= 10,
     "of the statement, not of a table", (e, len(s.asked)))
rows = ask(endless + " LIMIT 12", max_api_calls=7)[1]
t.ok(rows and len(rows) == 12, "a LIMIT stays below it", rows)
d2 = daemon()
d2.stop()
conf = os.path.join(d2.data, "moltler.conf")
with open(conf, "w") as f:
    f.write("[daemon]\nquery_deadline = 2s\nquery_memory = 4m\n")
d2.args += ["-c", conf]
d2.start()
make("w", d2)
s.how["slow"] = lambda s, w, a: (time.sleep(0.2), s.how["endless"](s, w, a))[1]
watch = Stopwatch()
_, rows, e = ask("SELECT id FROM w.cursors WHERE how = 'slow'", d2)
t.ok(e.get("code") in ("deadline", "timeout") and
     1.5 < watch.wall() and watch.took() < 6, "query_deadline ends paging",
     (e, watch.wall(), watch.took()))
for how, f in (("hang", wild.hang), ("drip", wild.drip),
               ("r500", says(500, b""))):
    s.how[how] = f
    watch = Stopwatch()
    _, rows, e = ask("SELECT id FROM w.plain WHERE how = '%s'" % how, d2)
    t.ok(e.get("code") in ("deadline", "timeout", "http_500") and
         watch.took() < 6, "query_deadline: " + how, (e, watch.took()))
watch = Stopwatch()
_, rows, e = ask("SELECT count(*) FROM w.plain a, w.plain b, w.plain c, "
                 "w.plain d, w.plain e, w.plain f, w.plain g, w.plain h, "
                 "w.plain i, w.plain j WHERE %s AND a.id + b.id + c.id + d.id "
                 "+ e.id + f.id + g.id + h.id + i.id + j.id < 0" %
                 " AND ".join(x + ".how = 'good'" for x in "abcdefghij"), d2)
t.ok(e.get("code") == "deadline" and watch.took() < 6,
     "and a join that is all arithmetic", (e, watch.took()))
s.how["wide"] = says(200, json.dumps({"items": [
    {"id": n, "name": "n%d" % n, "v": "y" * 1000} for n in range(20000)]}
    ).encode())
for sql in ("SELECT id, v FROM w.plain WHERE how = 'wide' ORDER BY v || id",
            "SELECT count(DISTINCT v || id) FROM w.plain WHERE how = 'wide'",
            "SELECT length(group_concat(v)) FROM w.plain WHERE how = 'wide'",
            "SELECT a.id FROM w.plain a JOIN w.plain b ON a.v || a.id = "
            "b.v || b.id WHERE a.how = 'wide' AND b.how = 'wide'"):
    status, rows, e = ask(sql, d2)
    t.ok((e.get("code") in ("memory", "sql", "deadline")) or
         (not e and rows), "memory: " + sql[:50], (status, e))
t.ok(sanitized() or d2.rss_kb() < 200 << 10, "and stays bounded", d2.rss_kb())
t.eq(d2.close(), 0, "its daemon ends well")

# ---- clients that leave ----
s.how.update(hang=wild.hang, slow=lambda s, w, a: (
    time.sleep(0.05), s.how["endless"](s, w, a))[1],
    second=lambda s, w, a: (wild.hang if a.query.get("p") == "2" or
                            a.query.get("cursor") == "2" else wild.good)(
                                s, w, a),
    r500=says(500, b""))
make("slow1", rate_limit=0.1, rate_limit_burst=1)
make("again", retry_count=5)


def leave(sql, when, name):
    """Ask and go away; the work behind must end."""
    s.forget()
    c = socket.create_connection(("127.0.0.1", d.port))
    body = json.dumps({"sql": sql, "format": "ndjson"}).encode()
    c.sendall(b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
              b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) +
              body)
    if callable(when):
        wait(when, 5, 0.005)
    else:
        time.sleep(when)
    c.close()
    return t.ok(idle(), "left " + name, (d.metric("moltler_queries_running"),
                                         len(s.asked)))


def asked(n):
    return lambda: len(s.asked) >= n


leave("SELECT id FROM w.plain WHERE how = 'hang'", asked(1),
      "before the first page")
t.ok(wait(lambda: s.state["hung"] == 0), "its connection is closed", s.state)
leave("SELECT id FROM w.linked WHERE how = 'second'", asked(2),
      "between pages")
leave("SELECT id FROM w.cursors WHERE how = 'slow'", asked(4), "while rows flow")
leave("SELECT a.id FROM w.plain a JOIN w2.cursors b ON b.id = a.id WHERE "
      "a.how = 'good' AND b.how = 'second'", asked(2), "in a join")
leave("SELECT a.id FROM w.plain a JOIN w2.plain b ON b.how = a.name WHERE "
      "a.how = 'good'", 0.02, "in a join by key")
leave("SELECT id FROM w.plain WHERE how IN ('hang', 'good', 'half')", asked(1),
      "with several asked side by side")
leave("BEGIN TRY SELECT id FROM w.plain WHERE how = 'hang'; CATCH OTHERS THEN "
      "SELECT id FROM w.cursors WHERE how = 'slow'; FINALLY EXEC "
      "w.pushed.touch(what => 'finally'); END TRY; END", asked(1),
      "in a script")
t.eq([a.target for a in s.calls("/act")] + [a.target for a in s.calls("slow")],
     [], "what would have come after it does not")
leave("BEGIN SELECT id FROM w.plain WHERE how = 'hang'; EXEC w.pushed.touch("
      "what => 'x'); END", asked(1), "in a block")
t.eq(s.calls("/act"), [], "and no action is sent")
ask("SELECT id FROM slow1.plain WHERE how = 'good'")
leave("SELECT id FROM slow1.plain WHERE how = 'good'", 0.1,
      "while waiting for a limit")
t.eq(len(s.asked), 0, "then nothing was asked")
leave("EXEC slow1.pushed.touch(what => 'late')", 0.1,
      "an action waiting for a limit")
t.eq(len(s.asked), 0, "and that was not sent")
leave("SELECT id FROM again.plain WHERE how = 'r500'", asked(1),
      "while waiting to try again")
leave("SELECT id FROM w.cursors WHERE how = 'endless'", asked(2),
      "who does not read")
s.how["s429"] = says(429, b"", "Retry-After: 3")
make("later1", retry_count=3)
leave("SELECT id FROM later1.plain WHERE how = 's429'", asked(1),
      "while the service says later")
leave("TEST CONNECTOR later1", 0.01, "a TEST CONNECTOR")
leave("SELECT id FROM w.plain WHERE how IN (%s)" % ", ".join(
    "'k%d'" % n for n in range(900)), asked(3), "in a long IN")
leave("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT "
      "count(*) FROM r", 0.2, "one that computes for ever")
s.how["fat"] = lambda s, w, a: answer(w, 200, {
    "items": [dict(ITEMS[0], v="y" * 20000, id=n) for n in range(50)],
    "next": "c%d" % len(s.asked)})
before = d.rss_kb()
c = socket.create_connection(("127.0.0.1", d.port))
body = json.dumps({"sql": "SELECT * FROM w.cursors WHERE how = 'fat'",
                   "format": "ndjson"}).encode()
s.forget()
c.sendall(b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
          b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
wait(asked(2))
rest(1)
n = len(s.asked)
rest(0.5)
t.ok(len(s.asked) == n and n < 30 and (sanitized() or
     d.rss_kb() - before < 40 << 10), "who does not read holds the paging",
     (n, len(s.asked), before, d.rss_kb()))
c.close()
t.ok(idle(), "and leaves")
leave("EXPLAIN SELECT id FROM w.plain WHERE how = 'good'", 0, "an EXPLAIN")
leave("SYNTAX ERROR", 0, "an error")
for n in range(0, 40 if sanitized() else 120):
    c = socket.create_connection(("127.0.0.1", d.port))
    body = json.dumps({"sql": (
        "SELECT id FROM w.cursors WHERE how = 'slow' LIMIT 50",
        "SELECT a.id FROM w.linked a JOIN w2.kept b ON a.id = b.id WHERE "
        "a.how = 'good' AND b.how = 'good'",
        "BEGIN TRY SELECT id FROM w.plain WHERE how = 'r500'; CATCH OTHERS "
        "THEN SELECT id FROM w.linked WHERE how = 'good'; END TRY; END",
        "SELECT id FROM w.linked WHERE how IN ('good', 'a', 'b', 'c')")[n % 4]}
    ).encode()
    c.sendall(b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
              b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) +
              body)
    time.sleep(n // 4 * 0.0007)
    if n % 3 == 0:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     b"\1\0\0\0\0\0\0\0")
    c.close()
t.ok(idle() and d.alive(), "left at a hundred other moments")

# ---- things that change below ----
got = []


def later(sql, d=None):
    th = threading.Thread(target=lambda: got.append(ask(sql, d)))
    th.start()
    return th


gate = threading.Event()


def gated(s, w, a):
    """The second page waits for the test."""
    if a.query.get("p") == "2":
        gate.wait(20)
    return wild.good(s, w, a)


s.how["gated"] = gated
gated_sql = "SELECT id FROM x.linked WHERE how = 'gated'"
for name, change, after in (
        ("dropped", "DROP CONNECTOR x", "no_table"),
        ("replaced", "CREATE OR REPLACE CONNECTOR x TYPE 'wild' CONFIG "
         '{"url": "http://127.0.0.1:9", "token": "t"} OPTIONS {"cache_ttl": 0,'
         ' "retry_count": 0}', "connect"),
        ("altered", 'ALTER CONNECTOR x SET CONFIG {"url": '
         '"http://127.0.0.1:9", "token": "t"}', "connect")):
    ask("DROP CONNECTOR IF EXISTS x")
    make("x")
    gate.clear()
    got.clear()
    s.forget()
    th = later(gated_sql)
    wait(asked(2))
    _, _, e = ask(change)
    gate.set()
    th.join(30)
    t.ok(not e and got and got[0][1] and len(got[0][1]) == 6,
         "a connector %s while its query runs" % name, (e, got))
    _, rows, e = ask(gated_sql)
    t.eq(e.get("code"), after, "and then it is " + name)
ask("DROP CONNECTOR IF EXISTS x")
make("x")

# SIGHUP: what runs goes on with its manifest.
gate.clear()
got.clear()
s.forget()
th = later(gated_sql)
wait(asked(2))
m = wild.manifest()
m["entities"]["linked"]["lists"][0]["url"] = "/plain/{{in.how}}"
m["entities"]["linked"]["lists"][0]["paginate"] = {"kind": "none"}
del m["entities"]["nexts"]
wild.write_type(types, m)


def hup():
    n = len(d.events("reloaded")) + len(d.events("reload_failed"))
    d.proc.send_signal(signal.SIGHUP)
    wait(lambda: len(d.events("reloaded")) + len(d.events("reload_failed")) > n,
         3)


hup()
gate.set()
th.join(30)
t.ok(got and got[0][1] and len(got[0][1]) == 6 and
     s.calls("/linked/gated?p=4"), "a statement ends with the manifest it "
     "began with", got)
refused("SELECT id FROM x.nexts WHERE how = 'good'", "no_table", "nexts")
s.forget()
_, rows, e = ask("SELECT id FROM x.linked WHERE how = 'good'")
t.ok(not e and len(rows) == 6 and s.calls("/plain/good"),
     "the next one has the new", (e, rows))
t.eq(d.events("connector_type_changed")[-1].get("connector"), "x", "it is said")
make("y")
wild.write_type(types, m, "{ not json")
hup()
_, rows, e = ask("SELECT id FROM y.linked WHERE how = 'good'")
t.ok(not e and len(rows) == 6, "a manifest that breaks changes nothing", e)
t.ok(any("wild" in x and ("warn" in x or "error" in x) for x in d.log),
     "but it is said", d.log[-3:])
odd = os.path.join(types, "wild", "manifest.json")
for what, put in (("a pipe", lambda: os.mkfifo(odd)),
                  ("a folder", lambda: os.mkdir(odd)),
                  ("/dev/zero", lambda: os.symlink("/dev/zero", odd)),
                  ("a link to itself", lambda: os.symlink(odd, odd)),
                  ("another's file", lambda: os.symlink("/etc/passwd", odd)),
                  ("200 MB", lambda: open(odd, "w").truncate(200 << 20))):
    os.unlink(odd)
    put()
    n = len(d.log)
    hup()
    _, rows, e = ask("SELECT id FROM y.linked WHERE how = 'good'")
    t.ok(not e and len(rows) == 6 and "root:" not in "\n".join(d.log[n:]),
         "a manifest that is " + what, (e, d.log[n:]))
    if what == "a folder":
        os.rmdir(odd)
        os.mkfifo(odd)
os.unlink(odd)
wild.write_type(types, m, "[")
os.rename(types, types + ".away")
hup()
_, rows, e = ask("SELECT id FROM y.linked WHERE how = 'good'")
t.ok(not e and len(rows) == 6, "nor does a folder that is gone", e)
os.rename(types + ".away", types)
wild.write_type(types, wild.manifest())
hup()
s.forget()
_, rows, e = ask("SELECT id FROM y.linked WHERE how = 'good'")
t.ok(not e and len(rows) == 6 and len(s.calls("/linked/good")) == 3,
     "mended, it counts", (e, [a.target for a in s.asked]))

# ---- what scripts see of it ----
s.how.update(s401=says(401, {"message": "no"}), hang=wild.hang,
             s429=says(429, b"", "Retry-After: 100"), rst=wild.rst,
             html=says(200, b"<html>"), r500=says(500, b""))
for how, klass, other in (
        ("hang", "timeout_error", "auth_error"),
        ("s401", "auth_error", "timeout_error"),
        ("s429", "rate_limit_error", "auth_error"),
        ("rst", "connector_error", "config_error"),
        ("html", "connector_error", "rate_limit_error"),
        ("r500", "connector_error", "auth_error")):
    make("v", timeout_seconds=1)
    _, rows, e = ask(
        "BEGIN TRY SELECT id FROM v.plain WHERE how = '%s'; CATCH %s THEN "
        "SELECT 'wrong' AS c; CATCH %s THEN SELECT error.class AS c, "
        "error.code AS k, error.message AS m; END TRY; END" % (
            how, other, klass))
    t.ok(rows and rows[0]["c"] != "wrong" and rows[0]["k"] and
         "/plain/" + how in rows[0]["m"] if how != "s429" else
         rows and rows[0]["k"] == "rate_limit", "%s is a %s" % (how, klass),
         (rows, e))
    ask("DROP CONNECTOR v")

# ---- a crowd ----
gate.clear()
s.how["door"] = lambda s, w, a: (gate.wait(30), wild.good(s, w, a))[1]
got.clear()
s.forget()
before = d.rss_kb()
crowd = [later("SELECT id FROM w.plain WHERE how = 'door' AND id > %d" % -n)
         for n in range(200)]
running = wait(lambda: d.metric("moltler_queries_running") == 200, 20)
status, rows, e = ask("SELECT 1")
t.ok(running and status in (429, 503) and e.get("code") == "busy" and
     "200" in e["message"], "one more than 200", (running, status, e))
t.ok(d.get("/healthz")[0] == 200, "others are served")
gate.set()
for th in crowd:
    th.join(60)
bad = [g for g in got if g[2] or len(g[1] or []) != 6]
t.ok(len(got) == 200 and not bad, "200 at once", (len(got), bad[:2]))
t.eq(ask("SELECT 1 AS a")[1], [{"a": 1}], "then there is room again")

# ---- SIGTERM ----
gate.clear()
got.clear()
s.forget()
ask("SELECT id FROM slow1.plain WHERE how = 'good'")
for sql in ("SELECT id FROM w.plain WHERE how = 'hang'",
            "SELECT id FROM w.linked WHERE how = 'second'",
            "SELECT id FROM w.cursors WHERE how = 'slow'",
            "BEGIN TRY SELECT id FROM w.plain WHERE how = 'hang'; CATCH OTHERS "
            "THEN SELECT 1; END TRY; END",
            "SELECT id FROM slow1.plain WHERE how = 'good'",
            "EXEC w.pushed.touch(what => 'a')",
            "SELECT id FROM again.plain WHERE how = 'r500'"):
    later(sql)
s.how["a"] = wild.hang
wait(lambda: d.metric("moltler_queries_running") >= 5, 5)
rest(0.3)
watch = Stopwatch()
t.eq(d.stop(30), 0, "SIGTERM with statements under way")
t.ok(watch.took() < 15, "within the drain", watch.took())
wait(lambda: len(got) >= 7, 5)
bad = [g for g in got if not g[2] and g[1] and len(g[1]) not in (1, 6)]
t.ok(len(got) == 7 and not bad, "and each was answered", (len(got), got))
d.close()
