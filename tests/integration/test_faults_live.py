"""Services that misbehave, asked live: each answer ends in the right rows or in an
error that says what it is, never in a part that looks like the whole, and the
daemon goes on as if nothing had been."""
import json
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wild_service as wild  # noqa: E402
from daemon import Daemon, Stopwatch, sanitized, wait  # noqa: E402
from tap import Tap  # noqa: E402
from wild_service import ITEMS, answer, says  # noqa: E402

t = Tap()
s = wild.Wild()
other = wild.Wild()
types = tempfile.mkdtemp(prefix="moltler-types-")
wild.write_type(types, wild.manifest())
d = Daemon("--connectors", types, env={"TOK": "tok-marker-1"})


def make(name, **opts):
    o = dict({"cache_ttl": 0, "retry_count": 0, "timeout_seconds": 2}, **opts)
    d.query("CREATE CONNECTOR %s TYPE 'wild' CONFIG {\"url\": \"%s\", \"token\": "
            "\"$env:TOK\"} OPTIONS %s" % (name, s.base, json.dumps(o)))


def ask(sql, fmt="json"):
    """(status, rows, error or None)"""
    status, out = d.post("/v1/query", {"sql": sql, "format": fmt}, timeout=90)
    if not isinstance(out, dict):
        return status, None, {"code": None, "message": repr(out)[:300]}
    return status, out.get("rows"), out.get("error")


def listing(entity, how, cols="id, name"):
    return "SELECT %s FROM w.%s WHERE how = '%s'" % (cols, entity, how)


def fails(entity, how, f, code, *words, cols="id, name", con="w"):
    s.how[how] = f
    s.forget()
    status, rows, e = ask(listing(entity, how, cols).replace("w.", con + ".", 1))
    codes = (code,) if isinstance(code, str) else code
    t.ok(e is not None and e["code"] in codes and
         all(x.lower() in e["message"].lower() for x in words) and
         "tok-marker" not in json.dumps(e), "%s.%s: %s" % (entity, how, code),
         (status, e, rows and rows[:2]))
    return e or {"message": ""}


def gives(entity, how, f, want, cols="id, name"):
    s.how[how] = f
    s.forget()
    status, rows, e = ask(listing(entity, how, cols))
    if want == len(ITEMS):
        want = [[x["id"], x["name"]] for x in ITEMS]
    t.ok(e is None and [list(r.values()) if isinstance(r, dict) else r
                        for r in rows or []] == want,
         "%s.%s: its rows" % (entity, how), (status, e, rows))


make("w")
for kind in ("plain", "linked", "cursors", "offsets", "numbered", "nexts",
             "kept"):
    gives(kind, "good", wild.good, 6)

# ---- the transport ----
fails("plain", "hang", wild.hang, "timeout", "/plain/hang")
fails("plain", "drip", wild.drip, "timeout", "/plain/drip")
fails("plain", "rst", wild.rst, ("recv", "connect"))
fails("plain", "half", wild.half, "recv")
fails("plain", "half_rst", wild.half_rst, "recv")
fails("plain", "half_eof", wild.half_eof, "json")
fails("plain", "nothttp", wild.raw(b"hello there\r\n\r\n"), "protocol")
fails("plain", "closes", wild.raw(b""), "recv")
fails("plain", "brokengzip", wild.broken_gzip, ("protocol", "recv", "json"))
# What ends by its size is not to end by its time on a busy machine.
make("calm", timeout_seconds=60)
before = d.rss_kb()
fails("plain", "endless", wild.endless, "too_big", "limit", con="calm")
t.ok(s.state["sent"] < 100 << 20, "a body without end is cut short",
     s.state["sent"])
wild.bomb(s, wild.Nowhere(), None)
fails("plain", "bomb", wild.bomb, "too_big", con="calm")
t.ok(sanitized() or d.rss_kb() - before < 100 << 10,
     "and a bomb does not stay in memory", (before, d.rss_kb()))
fails("plain", "headers", wild.raw(
    b"HTTP/1.1 200 OK\r\n" + b"X-A: %s\r\n" % (b"y" * 1000) * 2000 +
    b"\r\n{}"), ("protocol", "recv", "too_big"))
fails("plain", "lies", wild.raw(
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{\"items\": []}"),
    ("protocol", "recv", "json"))

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
for name, tail in (("cut", b"d\r\n{\"items\": []}\r\n"),
                   ("bad", b"zz\r\n{\"items\": []}\r\n0\r\n\r\n"),
                   ("huge", b"ffffffffffffffffff\r\n{\"items\": []}"),
                   ("minus", b"-1\r\n{\"items\": []}")):
    fails("plain", "chunk" + name, wild.raw(CHUNKED + tail), ("recv",
          "protocol", "timeout"))


def two(late):
    """An answer that nobody asked for, after the one that was."""
    def f(s, w, a):
        answer(w, 200, {"items": ITEMS})
        time.sleep(0.05 * late)
        answer(w, 200, {"items": [{"id": 666, "name": "forged"}]})
    return f


for late in (0, 1):
    for _ in range(3):
        gives("plain", "two%d" % late, two(late), 6)
        time.sleep(0.1)
        gives("plain", "good", wild.good, 6)
gives("plain", "cookie", says(
    200, {"items": ITEMS}, "Set-Cookie: a=stolen; Path=/", "Alt-Svc: "
    "http/1.1=\"127.0.0.1:%d\"; ma=86400" % other.port, "WWW-Authenticate: "
    "Basic realm=x", "Refresh: 0; url=%s/" % other.base, "Content-Location: "
    "%s/" % other.base), 6)
gives("plain", "cookie", s.how["cookie"], 6)
t.ok(not any("cookie" in a.headers for a in s.asked) and not other.asked,
     "no cookies are kept, nor other ways to go", s.asked[0].raw)

# ---- bodies ----
fails("plain", "empty", says(200, b""), "json", "empty")
fails("plain", "html", says(200, b"<html><body>sign in</body></html>",
                            "Content-Type: text/html"), "json", "HTML")
gives("plain", "textplain", says(200, {"items": ITEMS},
                                 "Content-Type: text/plain"), 6)
fails("plain", "text", says(200, b"all is well"), "json")
fails("plain", "norecords", says(200, {"things": []}), "records", "items")
gives("plain", "nullrecords", says(200, {"items": None}), [])
fails("plain", "records7", says(200, {"items": 7}), "records", "items")
fails("plain", "alist", says(200, [1, 2]), "records")
fails("plain", "anull", says(200, b"null"), "records")
fails("plain", "scalars", says(200, {"items": [1, "a"]}), ("records", "row",
                                                          "json"))
fails("plain", "twice", says(200, b'{"items": []}{"items": []}'), "json")
fails("plain", "deep", says(200, b'{"items": [{"id": 1, "v": ' + b"[" * 10000 +
                            b"]" * 10000 + b"}]}"), "nesting")
fails("plain", "deepskip", says(200, b'{"x": ' + b"[" * 100000 +
                                b"]" * 100000 + b', "items": []}'), "nesting")
fails("plain", "badutf8", says(200, b'{"items": [{"id": 1, "name": "a\xff\xfe'
                               b'"}]}'), "json")
fails("plain", "overlong", says(200, b'{"items": [{"id": 1, "name": '
                                b'"\xc0\x80"}]}'), "json")
gives("plain", "surrogate", says(200, b'{"items": [{"id": 1, "name": '
                                 b'"a\\ud800b"}]}'), [[1, "a\ufffdb"]])
gives("plain", "dupkeys", says(200, b'{"items": [{"id": 1, "name": "a", '
                               b'"name": "b"}]}'), [[1, "b"]])
gives("plain", "numbers", says(200, b'{"items": [{"id": 9223372036854775807, '
                               b'"name": "max"}]}'),
      [[9223372036854775807, "max"]])
for n, v in enumerate((b"9223372036854775808", b"1e400", b"-1e400",
                       b"1" * 400, b"0.5", b'"12x"', b"{}")):
    s.how["num%d" % n] = says(200, b'{"items": [{"id": 1, "n": ' + v + b"}]}")
    status, rows, e = ask(listing("plain", "num%d" % n, "id, n"))
    got = rows and rows[0]["n" if isinstance(rows[0], dict) else 1]
    t.ok(e is not None or got is None or
         got == json.loads(v) or str(got).encode() == v,
         "a number out of range is no other number: " + v.decode()[:20],
         (e, rows))
gives("plain", "wide", says(200, {"items": [dict(
    {"c%d" % n: n for n in range(10000)}, id=1, name="wide")]}), [[1, "wide"]])
gives("plain", "large", says(200, {"items": [dict(
    ITEMS[0], v="y" * (3 << 20))]}), [[3 << 20]], cols="length(v)")
fails("plain", "huge", says(200, {"items": [dict(
    ITEMS[0], v="y" * (20 << 20))]}), "sql", "4 MiB", cols="length(v)",
      con="calm")
gives("plain", "nul", says(200, b'{"items": [{"id": 1, "name": "a\\u0000b"}]}'),
      [[1, "a\0b"]])

# ---- statuses ----
gives("plain", "s204", says(204, b""), [])
fails("plain", "s304", says(304, b""), "http_304", "not asked")
fails("plain", "s401", says(401, {"message": "no"}), "http_401", "credentials")
fails("plain", "s404", says(404, {"message": "nowhere"}), "http_404",
      "nowhere")
fails("plain", "s500", says(500, b"\xff\xfe<oops>"), "http_500")
fails("plain", "s999", says(999, b""), ("http_999", "protocol"))
fails("plain", "s100", wild.raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 5),
      ("recv", "protocol", "timeout"))
other.forget()
for code in (301, 302, 307, 308):
    fails("plain", "s%d" % code, says(code, b"", "Location: %s/stolen" %
                                      other.base), "http_%d" % code,
          "redirect")
t.eq(other.asked, [], "a redirect is followed nowhere")
fails("plain", "echo", lambda s, w, a: answer(w, 400, {
    "message": "bad token " + a.headers["authorization"]}), "http_400")

# ---- Retry-After and budgets ----
make("patient", retry_count=2)
s.forget()
fails("plain", "atonce", says(429, b"", "Retry-After: 0"), "rate_limit")
t.ok(len(s.asked) < 30, "Retry-After: 0 for ever is never", len(s.asked))
fails("plain", "busy", says(503, b""), "http_503", con="patient")
t.eq(len(s.asked), 3, "retry_count 2 is three calls")
d.query("DROP CONNECTOR w")
make("w")
for n, after in enumerate(("31536000", "-5", "soon", "1e999", "99999999999999",
                           "Fri, 01 Jan 2100 00:00:00 GMT", "")):
    name = "later%d" % n
    watch = Stopwatch()
    fails("plain", name, says(429, {"message": "slow"}, "Retry-After: " +
                              after), "rate_limit", "until")
    t.ok(watch.took() < 5, "Retry-After: %r is told at once" % after)
    d.query("DROP CONNECTOR w")
    make("w")
for n, lines in enumerate((
        ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: nonsense"],
        ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: -1"],
        ["X-RateLimit-Remaining: -7", "X-RateLimit-Reset: 1e30"],
        ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 60"],  # no epoch
        ["X-RateLimit-Limit: NaN", "X-RateLimit-Remaining: inf"],
        ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: %d" % (
            time.time() - 3600)],              # a clock that is slow
        ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: %d" % (
            time.time() + 400 * 86400)],       # and one that is fast
        ["Date: Thu, 01 Jan 1970 00:00:00 GMT"])):
    name = "budget%d" % n
    gives("plain", name, says(200, {"items": ITEMS}, *lines), 6)
    gives("plain", name, s.how[name], 6)

# ---- lists that do not end, or not where they say ----
make("c", max_api_calls=30)


def link_to(url):
    return lambda s, w, a: answer(w, 200, {"items": ITEMS[:1], "next": url},
                                  ['Link: <%s>; rel="next"' % url])


def circle(s, w, a):
    """A, B, C, A: no two pages in a row are the same."""
    at = int(a.query.get("p", a.query.get("cursor", "0"))) + 1
    url = "%s%s?p=%d" % (s.base, a.path, at % 3)
    body = {"items": [ITEMS[at % 3]], "next":
            str(at % 3) if a.kind == "cursors" else url}
    answer(w, 200, body, ['Link: <%s>; rel="next"' % url])


for kind in ("linked", "cursors", "nexts"):
    fails(kind, "circle", circle, "page_repeats", con="c")
    t.ok(len(s.asked) < 15, "%s: and soon" % kind, len(s.asked))
for kind in ("linked", "nexts"):
    fails(kind, "selflink", link_to(s.base + "/%s/selflink" % kind),
          "page_repeats", con="c")
    other.forget()
    for url in (other.base + "/x", "http://[::1]:%d/x" % other.port,
                "http://u:p@127.0.0.1:%d/x" % other.port,
                "//127.0.0.1:%d/x" % other.port, "file:///etc/passwd",
                "http://127.0.0.1:%d@127.0.0.1:%d/x" % (s.port, other.port),
                s.base.replace("http:", "https:") + "/x",
                "gopher://127.0.0.1:%d/x" % other.port):
        fails(kind, "elsewhere", link_to(url), "page_host", "page 2",
              con="c")
    t.eq(other.asked, [], "%s: nobody else was asked" % kind)
fails("offsets", "forever", lambda s, w, a: answer(w, 200, {
    "items": [dict(ITEMS[0], id=len(s.asked))] * 2}), ("max_api_calls",
                                                      "max_pages"), con="c")
fails("numbered", "same", says(200, {"items": ITEMS[:2]}), "page_repeats",
      con="c")
fails("cursors", "stuck", lambda s, w, a: answer(w, 200, {
    "items": ITEMS[:1], "next": "c1"}), "page_repeats", con="c")
gives("cursors", "scroll", lambda s, w, a: answer(w, 200, dict({
    "items": ITEMS[len(s.asked) - 1:][:1]},
    **({"next": "same"} if len(s.asked) < 6 else {}))), 6)
fails("cursors", "hollow", lambda s, w, a: answer(w, 200, {
    "items": [], "next": "c%d" % len(s.asked)}), "max_api_calls", con="c")
for n, total in enumerate(("abc", -5, 1e300, "", None, [], "6x")):
    gives("offsets", "total%d" % n, lambda s, w, a, total=total: answer(
        w, 200, {"total": total, "items": ITEMS[int(a.query.get("offset", 0)):][:2]}),
        6)
for kind, how in (("linked", "p=2"), ("cursors", "cursor=2"),
                  ("offsets", "offset=2"), ("numbered", "page=2"),
                  ("nexts", "p=2")):
    for bad, code in ((says(200, b"<html>"), "json"), (wild.half, "recv"),
                      (says(200, {}), "records"), (wild.rst, "recv"),
                      (says(500, b""), "http_500")):
        e = fails(kind, "second", lambda s, w, a, bad=bad, how=how: (
            bad if how in a.target else wild.good)(s, w, a), code)
        t.ok("page 2" in e["message"], "%s: and which page" % kind, e)

# ---- all of it many times over ----
d.query("DROP CONNECTOR w")
make("w", timeout_seconds=1)
names = [n for n in s.how if n not in ("hang", "drip", "endless", "bomb",
                                       "huge", "s100", "atonce") and
         "budget" not in n and "later" not in n]


def rounds(n):
    for _ in range(n):
        for name in names:
            ask(listing("linked", name))
            ask(listing("plain", name))


rounds(2)
before = d.rss_kb()
rounds(2 if sanitized() else 12)
t.ok(sanitized() or d.rss_kb() - before < 4096,
     "nothing is left behind by them", (before, d.rss_kb()))
s.how["huge"] = says(200, json.dumps({"items": [dict(
    ITEMS[0], v="y" * (20 << 20))]}).encode())
crowd = [threading.Thread(target=ask, args=(listing("plain", n),))
         for n in ("hang", "drip", "deep", "wide", "endless", "bomb", "huge",
                   "half") for _ in range(3)]
for c in crowd:
    c.start()
for c in crowd:
    c.join()
lag = d.get("/v1/status")[1]["loop_lag_ms"]
t.ok(lag["p99"] < (2000 if sanitized() else 200) and lag["max"] < 10000,
     "and the loop is never away for long", lag)
t.ok(wait(lambda: d.metric("moltler_queries_running") in (0, None)), "none is left")
gives("linked", "good", wild.good, 6)
t.ok("tok-marker" not in "\n".join(d.log), "the log never has the token")
t.eq(d.close(), 0, "ends well")
