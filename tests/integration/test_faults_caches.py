"""What is kept of answers, and when it is void; and a shared state that is away, hangs
or begins anew while statements use it."""
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
from daemon import Daemon, Redis, have, rest, wait  # noqa: E402
from tap import Tap  # noqa: E402
from wild_service import ITEMS, answer  # noqa: E402

t = Tap()
s = wild.Wild()
types = tempfile.mkdtemp(prefix="moltler-types-")
wild.write_type(types, wild.manifest())
envfile = os.path.join(types, "env")


def write_env(value):
    with open(envfile, "w") as f:
        f.write("CHANGING=%s\n" % value)


write_env("one")
d = Daemon("--connectors", types, "--env-file", envfile, env={"TOK": "t1",
                                                             "TOK2": "t2"})


def own(s, w, a):
    """The rows are the token's own."""
    who = a.headers["authorization"].split()[-1]
    answer(w, 200, {"items": [{"id": 1, "name": who}]})


s.how["own"] = own
SQL = "SELECT name FROM %s.plain WHERE how = 'own'"


def ask(sql, d=None):
    """(rows, error, stats)"""
    _, out = (d or globals()["d"]).post("/v1/query", {"sql": sql,
                                                      "format": "json"})
    if not isinstance(out, dict):
        return None, {"code": None, "message": repr(out)[:300]}, {}
    return out.get("rows"), out.get("error") or {}, out.get("stats") or {}


def make(name, token="$env:TOK", d=None, **opts):
    o = dict({"retry_count": 0}, **opts)
    e = ask("CREATE OR REPLACE CONNECTOR %s TYPE 'wild' CONFIG {\"url\": "
            "\"%s\", \"token\": \"%s\"} OPTIONS %s" % (
                name, s.base, token, json.dumps(o)), d)[1]
    if e:
        t.ok(False, "a connector", e)


def who(name, want, calls, what):
    s.forget()
    rows, e, st = ask(SQL % name)
    t.ok(rows == [{"name": want}] and len(s.asked) == calls, what,
         (rows, e, st, len(s.asked)))


# ---- whose results they are ----
make("a")
make("b", "$env:TOK2")
who("a", "t1", 1, "asked once")
who("a", "t1", 0, "and kept")
who("b", "t2", 1, "another connector's credentials: not shared")
who("b", "t2", 0, "but kept, too")
who("a", "t1", 0, "each its own")
ask('ALTER CONNECTOR a SET CONFIG {"url": "%s", "token": "$env:TOK2"}' % s.base)
who("a", "t2", 1, "SET CONFIG makes results void")
ask('ALTER CONNECTOR a SET CONFIG {"url": "%s", "token": "literal-1"}' % s.base)
who("a", "literal-1", 1, "with a literal, too")
ask('ALTER CONNECTOR a SET CONFIG {"url": "%s", "token": "literal-2"}' % s.base)
who("a", "literal-2", 1, "and with another literal")
ask("SET SECRET tok = 's1'")
make("a", "{{secrets.tok}}")
who("a", "s1", 1, "a secret of the own store")
who("a", "s1", 0, "its results are kept")
ask("SET SECRET tok = 's2'")
who("a", "s2", 1, "SET SECRET anew makes them void")
who("a", "s2", 0, "and they are kept again")
d.call("PUT", "/v1/secrets/tok", {"value": "s3"})
who("a", "s3", 1, "by the API, too")
gate = threading.Event()
s.how["own"] = lambda s, w, a: (gate.wait(10), own(s, w, a))[1]
ask("SET SECRET tok = 's4'")
got = []
s.forget()
th = threading.Thread(target=lambda: got.append(ask(SQL % "a")))
th.start()
wait(lambda: s.asked)
ask("SET SECRET tok = 's5'")
gate.set()
th.join()
s.how["own"] = own
who("a", "s5", 1, "what was being read meanwhile is not kept")
ask("DROP SECRET tok")
rows, e, _ = ask(SQL % "a")
t.ok(e.get("code") == "secret" and "tok" in e["message"],
     "without its secret it has no results", (rows, e))
make("a", "$env:CHANGING")
who("a", "one", 1, "from the env file")
who("a", "one", 0, "kept")
write_env("two")
n = len(d.events("reloaded"))
d.proc.send_signal(signal.SIGHUP)
wait(lambda: len(d.events("reloaded")) > n)
who("a", "two", 1, "read anew, results are void")
ask("DROP CONNECTOR a")
make("a", "$env:TOK")
who("a", "t1", 1, "a name made again is another connector")

# ---- actions ----
who("a", "t1", 0, "kept")
for how, say in (("done", None), ("hang", wild.hang), ("rst", wild.rst)):
    if say:
        s.how[how] = say
    make("f", timeout_seconds=1)
    ask(SQL % "f")
    who("f", "t1", 0, "kept before the action")
    ask("EXEC f.pushed.touch(what => '%s')" % how)
    who("f", "t1", 1, "an action (%s) makes results void" % how)
who("a", "t1", 0, "those of others stay")

# ---- how long, and what ----
make("z", cache_ttl=0)
who("z", "t1", 1, "cache_ttl 0")
who("z", "t1", 1, "asks each time")
make("z", cache_ttl=1)
who("z", "t1", 1, "cache_ttl 1")
time.sleep(1.2)
who("z", "t1", 1, "asks after a second")
make("z")
s.forget()
ask("SELECT id FROM z.linked WHERE how = 'good' LIMIT 1")
rows = ask("SELECT id FROM z.linked WHERE how = 'good'")[0]
t.ok(rows and len(rows) == 6, "what LIMIT left unread is no whole result", rows)
s.how["bad2"] = lambda s, w, a: (wild.half if a.query.get("p") == "2" and
                                 len(s.asked) < 4 else wild.good)(s, w, a)
s.forget()
e = ask("SELECT id FROM z.linked WHERE how = 'bad2'")[1]
n = len(s.asked)
while len(s.asked) < 4:
    s.asked.append(s.asked[0])
rows = ask("SELECT id FROM z.linked WHERE how = 'bad2'")[0]
t.ok(e and rows and len(rows) == 6, "what failed is not kept", (e, rows, n))
rows = ask("SELECT count(*) AS n FROM z.linked a JOIN z.linked b ON a.id = "
           "b.id WHERE a.how = 'good' AND b.how = 'good'")[0]
t.eq(rows, [{"n": 6}], "a join with itself")

# ---- ETags ----
make("k", cache_ttl=0)
KEPT = "SELECT id FROM k.kept WHERE how = 'good'"
rows = ask(KEPT)[0]
first = [a.headers.get("if-none-match") for a in s.calls("/kept/good")]
t.ok(len(rows) == 6 and first == [None] * 3, "ETags: the first time", first)
rest(0.3)
s.forget()
rows, e, st = ask(KEPT)
t.ok(len(rows) == 6 and len(s.asked) == 3 and
     all(a.headers.get("if-none-match") for a in s.asked),
     "the second time asks whether it changed", (rows, e, st))
rest(0.3)
d.stop()
d.start()
s.forget()
rows, e, st = ask(KEPT)
t.ok(len(rows) == 6 and [a.headers.get("if-none-match") for a in s.asked] ==
     ['"e-0"', '"e-2"', '"e-4"'], "also after a restart",
     (rows, e, [a.headers for a in s.asked]))
s.state["etag"] = "f"
s.forget()
rows, e, st = ask(KEPT)
t.ok(len(rows) == 6 and len(s.asked) == 3, "and when it changed", (rows, e))
make("k2", "$env:TOK2", cache_ttl=0)
s.forget()
ask(KEPT.replace("k.", "k2."))
t.ok(not any(a.headers.get("if-none-match") for a in s.asked),
     "another connector's ETags are not used")
s.how["liar"] = lambda s, w, a: answer(w, 304, b"", ['ETag: "x"'])
rows, e, _ = ask("SELECT id FROM k.kept WHERE how = 'liar'")
t.eq(e.get("code"), "http_304", "a 304 nobody asked for is an error")
t.eq(d.close(), 0, "ends well")

# ---- a shared state that is away ----
if not have("redis-server"):
    t.skip("Redis", "redis-server is not installed")
    s.close()
    sys.exit(0)
r = Redis()
ENV = {"TOK": "t1", "MOLTLER_MASTER_KEY": "5a" * 32}
d = Daemon("--connectors", types, "--redis", r.url, env=ENV)
make("k", cache_ttl=0, rate_limit=500)
make("c", rate_limit=500)


def good(name, most=8):
    begun = time.monotonic()
    rows, e, _ = ask(KEPT)
    took = time.monotonic() - begun
    ok = rows is not None and len(rows) == 6 and took < most
    rows, e2, _ = ask("SELECT id FROM c.linked WHERE how = 'good' AND id > %d" %
                      -int(time.monotonic() * 1000))
    return t.ok(ok and rows and len(rows) == 6, name, (took, e, e2))


good("with Redis")
rest(0.2)
s.forget()
good("and what it keeps")
t.ok(any(a.headers.get("if-none-match") for a in s.calls("/kept/")),
     "ETags in Redis")
t.ok(r.cli("KEYS", "moltler:cache:*"), "a person can see them")
t.ok("t1" not in r.cli("--raw", "KEYS", "*").split(), "but no secret")
d2 = Daemon("--connectors", types, "--redis", r.url, env=ENV)
wait(lambda: ask("SHOW CONNECTOR k", d2)[0], 10)
s.forget()
rows = ask(KEPT, d2)[0]
t.ok(rows and len(rows) == 6 and any(a.headers.get("if-none-match")
                                     for a in s.asked),
     "another daemon uses them", [a.headers for a in s.asked][:1])
make("l", cache_ttl=0, rate_limit=2, rate_limit_burst=2)
wait(lambda: not ask("SELECT id FROM l.plain WHERE how = 'good'", d2)[1], 10)
time.sleep(2)
s.forget()
crowd = [threading.Thread(target=ask, args=(
    "SELECT id FROM l.plain WHERE how = 'good'", x)) for x in (d, d2) * 3]
begun = time.monotonic()
for c in crowd:
    c.start()
for c in crowd:
    c.join()
took = time.monotonic() - begun
t.ok(len(s.asked) == 6 and took > 1.4, "one budget for both daemons",
     (len(s.asked), took))
# A secret set through one makes the other's results void.
ask("SET SECRET both = 'v1'")
make("m", "{{secrets.both}}")
wait(lambda: (ask(SQL % "m", d2)[0] or [{}])[0].get("name") == "v1", 12)
t.eq(ask(SQL % "m", d2)[0], [{"name": "v1"}], "a secret of both")
ask("SET SECRET both = 'v2'")
t.ok(wait(lambda: ask(SQL % "m", d2)[0] == [{"name": "v2"}], 15, 0.3),
     "set anew at one, it counts at the other", ask(SQL % "m", d2))
d2.close()

r.signal(signal.SIGSTOP)
for sql in (KEPT, SQL % "m", "SET SECRET both = 'v3'", "SHOW CONNECTOR k STATUS",
            "ALTER CONNECTOR k SET OPTIONS {\"cache_ttl\": 0}",
            "BEGIN %s; %s; END" % (KEPT, SQL % "m")):
    c = socket.create_connection(("127.0.0.1", d.port))
    body = json.dumps({"sql": sql}).encode()
    c.sendall(b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
              b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) +
              body)
    time.sleep(0.05)
    c.close()
t.ok(wait(lambda: d.metric("moltler_queries_running") == 0, 15),
     "left while Redis hangs", d.metric("moltler_queries_running"))
r.signal(signal.SIGCONT)
wait(lambda: d.get("/readyz")[0] == 200, 15)
good("and then it goes on")
r.signal(signal.SIGSTOP)
good("Redis hangs", 20)
good("and hangs", 20)
r.signal(signal.SIGCONT)
good("goes on")
r.kill()
good("is away")
good("stays away")
r.start()
wait(lambda: d.get("/readyz")[0] == 200, 15)
good("comes back empty")
stop, bad, n = threading.Event(), [], [0]


def hammer():
    while not stop.is_set():
        rows, e, _ = ask(KEPT)
        n[0] += 1
        if e or len(rows) != 6:
            bad.append((rows, e))


crowd = [threading.Thread(target=hammer) for _ in range(4)]
for c in crowd:
    c.start()
for _ in range(3):
    r.kill()
    time.sleep(0.3)
    r.start()
    time.sleep(0.3)
    r.signal(signal.SIGSTOP)
    time.sleep(0.5)
    r.signal(signal.SIGCONT)
stop.set()
for c in crowd:
    c.join()
t.ok(not bad and n[0] > 10, "statements while it comes and goes",
     (n[0], bad[:3]))
r.signal(signal.SIGSTOP)
th = threading.Thread(target=ask, args=(KEPT,))
th.start()
rest(0.2)
begun = time.monotonic()
rc = d.stop(40)
r.signal(signal.SIGCONT)
t.ok(rc == 0 and time.monotonic() - begun < 35, "SIGTERM while it hangs",
     (rc, time.monotonic() - begun))
th.join()
d.close()
r.close()
