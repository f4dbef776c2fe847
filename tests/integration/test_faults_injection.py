"""What people write into SQL, arguments and configurations arrives at the service as
just that value, or not at all; and nothing goes where it must not."""
import json
import os
import re
import socket
import sys
import tempfile
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wild_service as wild  # noqa: E402
from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from wild_service import says  # noqa: E402

t = Tap()
s = wild.Wild()
types = tempfile.mkdtemp(prefix="moltler-types-")
wild.write_type(types, wild.manifest())
host = wild.manifest("hosty")
host["base_url"] = "http://{{config.base}}/top"
wild.write_type(types, host)
d = Daemon("--connectors", types, env={"TOK": "tok"})


def quote(v):
    return "'" + v.replace("'", "''") + "'"


def ask(sql, d=d):
    status, out = d.post("/v1/query", {"sql": sql, "format": "json"},
                         timeout=60)
    if not isinstance(out, dict):
        return None, {"code": None, "message": repr(out)[:300]}
    return out.get("rows"), out.get("error") or {}


def make(name, type="wild", d=d, **conf):
    conf = dict({"url": s.base, "token": "$env:TOK"}, **conf)
    return ask("CREATE OR REPLACE CONNECTOR %s TYPE '%s' CONFIG %s OPTIONS "
               '{"cache_ttl": 0, "retry_count": 0}' % (name, type,
                                                       json.dumps(conf)), d)[1]


VALUES = ["it's", 'a"b', "a\\b", "\\", "\"", "a\nb", "a\r\nX-Evil: 1",
          "a\r\n\r\nGET /evil HTTP/1.1\r\n\r\n", "a&evil=1", "a#b", "a?evil=1",
          "../../evil", "..", ".", "./x", "%2e%2e", "%2e%2e%2fevil", "%00",
          "%", "%zz", "a/b", "/", "//evil.example/", "\\..\\x", "a b+c", "a;b",
          "a,b", "a=b", "@evil", ":80", "x\" OR project = \"SECRET",
          "x\\\" OR 1=1 --", "') OR 1=1 --", "{{config.token}}",
          "{{secrets.x}}", "$env:TOK", "${TOK}", "ünï😀", "\u2028", "\x01\x1f",
          "\t", " ", "", "null", "x" * 3000, "[]", "{\"a\":1}", "<b>", "`id`"]
ROWS = [{"id": 1, "name": v, "v": v} for v in VALUES]
s.how.clear()
SAYS = says(200, {"items": ROWS})
s.how = type("Any", (dict,), {"get": lambda self, k, x=None: dict.get(
    self, k, SAYS)})()
make("w")


HEADERS = {"host", "user-agent", "accept", "accept-encoding", "x-arg", "x-extra",
           "x-said", "content-type", "authorization", "content-length"}


def clean(what, v, how=("pushed",)):
    """One request at most, to where it belongs, with no more headers or
    parameters than it has to have."""
    bad = [a for a in s.asked if a.kind not in how or "evil" in a.query or
           not set(a.headers) <= HEADERS or len(a.lines) != len(a.headers) or
           len(a.path.split("/")) > 4]
    return t.ok(not bad and len(s.asked) <= 1, "%s: %r goes nowhere else" % (
        what, v[:30]), [(a.raw, a.body) for a in s.asked])


def unquote_jql(text):
    m = re.fullmatch(r'v = "((?:[^"\\\x00-\x1f]|\\.)*)"', text, re.S)
    return None if m is None else re.sub(
        r"\\(u[0-9a-fA-F]{4}|.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}
        .get(m[1], chr(int(m[1][1:], 16)) if m[1][0] == "u" and len(m[1]) > 1
             else m[1]), m[1])


for v in VALUES:
    s.forget()
    rows, e = ask("SELECT id FROM w.pushed WHERE how = 'q' AND name = " +
                  quote(v))
    clean("query", v)
    t.ok(s.asked and s.asked[0].query.get("name", v) == v and not e and
         rows == [{"id": 1}], "query: %r is itself" % v[:30], (
             e, rows, s.asked and s.asked[0].target))

    s.forget()
    rows, e = ask("SELECT id FROM w.pushed WHERE how = " + quote(v))
    clean("path", v)
    t.ok(s.asked and urllib.parse.unquote(s.asked[0].path) == "/pushed/" + v
         or (not s.asked and e), "path: %r is one segment" % v[:30],
         (e, s.asked and s.asked[0].target))

    s.forget()
    rows, e = ask("SELECT id FROM w.pushed WHERE how = 'h' AND said = " +
                  quote(v))
    clean("header", v)
    got = s.asked and s.asked[0].headers.get("x-said", "").encode(
        "latin-1").decode("utf-8")
    t.ok(s.asked and got == v.strip(" \t") or (not s.asked and e) or
         (not s.asked[0].headers.get("x-said") and not v.strip()),
         "header: %r is itself or refused" % v[:30], (e, got))

    s.forget()
    rows, e = ask("SELECT id FROM w.pushed WHERE how = 'j' AND v = " +
                  quote(v))
    clean("clause", v)
    got = s.asked[0].query.get("jql") if s.asked else None
    t.ok(not e and rows == [{"id": 1}] and
         (got is None or unquote_jql(got) == v),
         "clause: %r is one value" % v[:30], (e, got, rows))

    s.forget()
    rows, e = ask("SELECT id FROM w.posted WHERE how = 'b' AND text = " +
                  quote(v))
    clean("body", v, ("posted",))
    t.ok(s.asked and json.loads(s.asked[0].body) == {"q": v} or
         (not s.asked and e and not v), "body: %r is itself" % v[:30],
         (e, s.asked and s.asked[0].body))

    s.forget()
    rows, e = ask("EXEC w.pushed.touch(%s)" % json.dumps(
        {"what": v, "head": v, "text": v}))
    clean("action", v, ("act",))
    a = s.asked[0] if s.asked else None
    t.ok(a is None and e or a is not None and
         urllib.parse.unquote(a.path) == "/act/%s/b" % v and
         json.loads(a.body)["text"] == v, "action: %r is itself" % v[:30],
         (e, a and a.raw))

    s.forget()
    e = make("c", extra=v, base=v)
    if not e:
        rows, e = ask("EXEC c.pushed.touch(what => 'x')")
    clean("config", v, ("act",))
    a = s.asked[0] if s.asked else None
    t.ok(a is None and e or a is not None and
         urllib.parse.unquote(a.path) == "/act/x/" + v,
         "config: %r is itself" % v[:30], (e, a and a.raw))

# ---- a host's name out of a configuration ----
other = wild.Wild()
at = "127.0.0.1:%d" % s.port
for v in (at + "/evil?", at + "#", "x@" + at, at + "/..", at + "\\@x",
          at + "\r\nX-Evil: 1", "%31" + at[1:], at + "%2f", "[::1]@" + at,
          "u:p@" + at, at + ";", ""):
    s.forget()
    e = make("h", "hosty", base=v)
    if not e:
        rows, e = ask("SELECT id FROM h.plain WHERE how = 'x'")
    t.ok(e and not s.asked, "no more than a host: %r" % v,
         (e, [a.raw for a in s.asked]))
e = make("h", "hosty", base=at)
s.forget()
rows, e = ask("SELECT id FROM h.plain WHERE how = 'x'")
t.ok(not e and s.asked[0].path == "/top/plain/x", "but a host", e)

# ---- URLs in a configuration ----
for url in ("file:///etc/passwd", "gopher://%s/" % at, "ftp://%s/" % at,
            "http://", "http://%s\r\nX-Evil: 1/" % at, "unix:/run/x", "//" + at,
            "javascript:1", "http://u:p@%s/" % at, "dict://%s/" % at,
            "http://%s/?x=" % at, "http://%s/#" % at):
    s.forget()
    e = make("u", url=url)
    if not e:
        rows, e = ask("SELECT id FROM u.plain WHERE how = 'x'")
    t.ok(e and not s.asked or all(a.kind == "plain" for a in s.asked),
         "the URL %r" % url[:40], (e, [a.raw for a in s.asked]))

# ---- a manifest that wants more than it may have ----
for n, change in enumerate((
        lambda m: m["entities"]["plain"]["lists"][0].update(
            url="file:///etc/passwd"),
        lambda m: m.update(base_url="file:///etc"),
        lambda m: m["entities"]["plain"]["lists"][0].update(
            url="http://other.example/{{config.token}}"),
        lambda m: m["entities"]["plain"]["lists"][0].update(
            query={"t": "{{config.token}}"}),
        lambda m: m["entities"]["plain"]["lists"][0].update(
            headers={"X\r\nEvil": "1"}),
        lambda m: m["entities"]["plain"]["lists"][0].update(
            query={"t": "{{secrets.other}}"}),
        lambda m: m["entities"]["plain"]["lists"][0].update(
            url="/{{env.HOME}}"))):
    m = wild.manifest("greedy")
    change(m)
    folder = tempfile.mkdtemp(prefix="moltler-types-")
    wild.write_type(folder, m)
    with socket.socket() as x:
        d2 = Daemon("--connectors", folder, env={"TOK": "tok-marker"})
    s.forget()
    e = make("g", "greedy", d2)
    if not e:
        rows, e = ask("SELECT * FROM g.plain WHERE how = 'x'", d2)
    t.ok(e and not s.asked and "root:" not in json.dumps(e) and
         "tok-marker" not in json.dumps(e) + "\n".join(d2.log),
         "a greedy manifest, %d" % n, (e, [a.raw for a in s.asked]))
    d2.close()

# ---- the types that come with moltler ----
s.how = {"rest": says(200, {"issues": [], "isLast": True}),
         "repos": says(200, []), "search": says(200, {"items": []})}
e = ask("CREATE CONNECTOR j TYPE 'jira' CONFIG {\"base_url\": \"%s/jira\", "
        '"email": "me@example.com", "api_token": "$env:TOK"} OPTIONS '
        '{"cache_ttl": 0, "retry_count": 0}' % s.base)[1]
t.ok(not e, "a Jira", e)
e = ask("CREATE CONNECTOR g TYPE 'github' CONFIG {\"api_url\": \"%s/gh\", "
        '"org": "acme", "repo": "web", "token": "$env:TOK"} OPTIONS '
        '{"cache_ttl": 0, "retry_count": 0}' % s.base)[1]
t.ok(not e, "a GitHub", e)


def strings_closed(jql):
    """The JQL without its quoted values; None if a quote is open."""
    out = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", jql, flags=re.S)
    return None if '"' in out or "'" in out else out


for v in VALUES:
    for col in ("status", "project", "labels", "summary"):
        op = "CONTAINS" if col == "labels" else "="
        s.forget()
        rows, e = ask("SELECT key FROM j.issues WHERE %s %s %s" % (
            col, op, quote(v)))
        jql = [a.query.get("jql") or (a.body and json.loads(a.body).get(
            "jql", "")) or "" for a in s.asked]
        left = [strings_closed(x) for x in jql]
        t.ok(all(x is not None and "evil" not in x and "SECRET" not in x and
                 " OR " not in x and "--" not in x for x in left) and
             (s.asked or e), "jira %s: %r" % (col, v[:30]), (e, jql))
    for sql in ("repo = ", "state = 'open' AND labels CONTAINS ",
                "assignee = "):
        s.forget()
        rows, e = ask("SELECT number FROM g.issues WHERE " + sql + quote(v))
        t.ok(all(re.fullmatch(r"/gh/(repos/acme/[^/]+/issues|search/issues|"
                              r"issues)", a.path) and
                 not re.search(r"/\.{1,2}(/|$)|/%2e(%2e)?(/|$)", a.path,
                               re.I) and "evil" not in a.query
                 for a in s.asked), "github %s%r" % (sql, v[:30]),
             (e, [a.target for a in s.asked]))
for v in ('\\" ) OR (project=S " \\" "', "x) OR (project = SECRET", 'a = "x', "a) --", "(a", "a\\"):
    s.forget()
    rows, e = ask("SELECT key FROM j.issues WHERE jql = " + quote(v))
    t.ok(e and not s.asked or not any(
        v in a.query.get("jql", "") + a.body.decode() for a in s.asked),
        "jql that does not close: %r" % v, (e, [a.target for a in s.asked]))

# ---- networks that are closed ----
d2 = Daemon("--connectors", types, env={
    "TOK": "tok", "MOLTLER_EGRESS_DENY": "127.0.0.0/8, ::1/128"})
for name in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001",
             "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
             "0.0.0.0", "0", "[::]", "127.0.0.1.", "localhost."):
    s.forget()
    e = make("e", d=d2, url="http://%s:%d" % (name, s.port))
    if not e:
        rows, e = ask("SELECT id FROM e.plain WHERE how = 'x'", d2)
    t.ok(e and not s.asked, "egress_deny: " + name, (
        e, [a.raw for a in s.asked]))
t.eq(d2.close(), 0, "its daemon ends well")
t.ok("tok" not in " ".join(x for x in d.log if "Bearer" in x),
     "no log line has what signs")
t.eq(d.close(), 0, "ends well")
