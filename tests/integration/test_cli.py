"""The client against a daemon that answers by rote: what it prints, byte for
byte, how it ends, in pipes and on a terminal."""
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_daemon import FakeDaemon, free_port  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
MOLTLER = os.path.join(os.environ.get("builddir", "."), "moltler")
tmp = tempfile.TemporaryDirectory()

COLS = {"columns": [{"name": "name", "type": "TEXT"},
                    {"name": "n", "type": "INTEGER"}]}


def stats(rows, ms=12, calls=0, pages=0, hits=0):
    return {"stats": {"rows": rows, "ms": ms, "pages": pages, "calls": calls,
                      "cache_hits": hits}}


left = threading.Event()


def cut(h):
    h.head()
    h.chunk(json.dumps(COLS) + '\n["a",1]\n["b",2]\n["c"')
    h.close_connection = True


def ends_early(h):
    h.lines(COLS, ["a", 1], ["b", 2])


def slow_then_watch(h):
    """One row, then nothing: notes that the client went away."""
    h.head()
    h.chunk(json.dumps(COLS) + '\n["a",1]\n')
    if h.gone():
        left.set()


def slow(h):
    h.head()
    h.chunk(json.dumps(COLS) + '\n["a",1]\n')
    time.sleep(1.6)
    h.chunk('["b",2]\n' + json.dumps(stats(2)) + "\n")
    h.end()


def syncing(h):
    """A sync that tells how far it is: once without a total, then with one."""
    h.head()
    far = {"entity": "issues", "entities_done": 1, "entities": 3, "rows": 130,
           "written": 120, "rate": 80}
    for more in ({}, {"total": 240}):
        h.chunk(json.dumps({"progress": {
            "rows": 0, "pages": 3, "calls": 4, "ms": 900,
            "sync": dict(far, **more)}}) + "\n")
        time.sleep(1.4)
    h.chunk(json.dumps(COLS) + '\n["a",1]\n' + json.dumps(stats(1)) + "\n")
    h.end()


def endless(h):
    h.head()
    h.chunk(json.dumps(COLS) + "\n")
    rows = '["a row that is to fill a pipe",1]\n' * 1000
    try:
        while True:
            h.chunk(rows)
    except OSError:
        left.set()


def in_pieces(h):
    """Each byte for itself: lines and characters torn apart."""
    h.head()
    for b in (json.dumps(COLS) + '\n["é\\u00e9",1]\r\n\n'
              + json.dumps(stats(1)) + "\n").encode():
        h.chunk(bytes([b]))
    h.end()


def no_final_chunk(h):
    h.head()
    h.chunk(json.dumps(COLS) + '\n["a",1]\n' + json.dumps(stats(1)) + "\n")
    h.close_connection = True


def many(h):
    h.head()
    h.chunk(json.dumps(COLS) + "\n")
    for i in range(120):
        h.chunk("".join('["r%d",%d]\n' % (j, j)
                        for j in range(i * 100, i * 100 + 100)))
    h.chunk(json.dumps(stats(12000)) + "\n")
    h.end()


WIDE = {"columns": [{"name": "id", "type": "INTEGER"},
                    {"name": "title", "type": "TEXT"},
                    {"name": "labels", "type": "JSON"}]}

ANSWERS = {
    "SELECT 1": lambda h: h.lines(
        {"columns": [{"name": "1", "type": ""}]}, [1], stats(1, 3)),
    "two": lambda h: h.lines(COLS, ["alpha", 1], [None, -20], stats(2)),
    "none": lambda h: h.lines(COLS, stats(0)),
    "nothing": lambda h: h.lines(stats(0)),
    "calls": lambda h: h.lines(COLS, ["a", 1], stats(1, 40, 3, 2, 1)),
    "skips": lambda h: h.lines(COLS, ["a", 1], {"stats": dict(
        stats(1)["stats"], skipped=2,
        skipped_why="https://x/y answered 403\x1b[2J")}),
    "skip": lambda h: h.lines(COLS, ["a", 1], {"stats": dict(
        stats(1)["stats"], skipped=1, skipped_why="https://x/y gone")}),
    "types": lambda h: h.lines(
        {"columns": [{"name": c, "type": x} for c, x in
                     (("a", ""), ("a", ""), ("real", "REAL"),
                      ("labels", "JSON"), ("text", "TEXT"))]},
        '[1,"x",0.1,{"job":"node","deep":[1.50,"\\u001b"]},'
        '"q\\"uo,te"]',
        '[9223372036854775807,"",1e400,"{\\"k\\": 1}","two\\nlines"]',
        '[null,null,null,null,null]',
        '[true,false,-0.0,"{no","\\ud83d\\ude00 \\ud800 \\u001b[31m"]',
        stats(4)),
    "wide": lambda h: h.lines(
        WIDE, [1, "日本語の題名です" * 4, {"a": "x" * 80}],
        [123456, "short", {}], stats(2)),
    "cut": cut,
    "ends early": ends_early,
    "error line": lambda h: h.lines(
        COLS, ["a", 1], {"error": {"code": "http_503", "class": "transient",
                                   "message": "https://x/y page 2: gone"}}),
    "error first": lambda h: h.lines(
        {"error": {"code": "sql", "class": "permanent", "message":
                   "line 1, column 8: found FROM\n  SELECT FROM\n"
                   "         ^\x1b[2J\x07\u009b"}}),
    "error unreachable": lambda h: h.lines(
        {"error": {"code": "unreachable", "class": "transient",
                   "message": "https://x/y: refused"}}),
    "short count": lambda h: h.lines(COLS, ["a", 1], stats(2)),
    "bad row": lambda h: h.lines(COLS, '["a",1', stats(1)),
    "long row": lambda h: h.lines(COLS, ["a", 1, 2], stats(1)),
    "after": lambda h: h.lines(COLS, stats(0), ["a", 1]),
    "not json": lambda h: h.body(200, "hello\n", "text/plain"),
    "400": lambda h: h.body(400, json.dumps({"error": {
        "code": "bad_sql", "message": "the body has no sql",
        "request_id": "r1"}})),
    "503": lambda h: h.body(503, json.dumps({"error": {
        "code": "draining", "message": "the daemon is ending",
        "request_id": "r2"}})),
    "401": lambda h: h.body(401, json.dumps({"error": {
        "code": "unauthorized", "message": "no", "request_id": "r3"}})),
    "500": lambda h: h.body(500, "<html>" + "x" * 200000, "text/html"),
    "302": lambda h: (h.send_response(302),
                      h.send_header("Location", "http://127.0.0.1:1/"),
                      h.send_header("Content-Length", "0"), h.end_headers()),
    "hangs up": lambda h: setattr(h, "close_connection", True),
    "slow": slow,
    "syncing": syncing,
    "slow then watch": slow_then_watch,
    "endless": endless,
    "in pieces": in_pieces,
    "no final chunk": no_final_chunk,
    "many": many,
    "two '\ufffd'": lambda h: h.lines(COLS, stats(0)),
    "x" * 1500000: lambda h: h.lines(stats(0)),
}

ITEMS = [
    {"id": "1", "name": "node-a", "type": "prometheus", "enabled": True,
     "status": "connected", "schedule_ms": 5000, "last_run_at": None,
     "last_success_at": None, "last_error": None, "last_rows_ingested": 1507,
     "disabled_reason": None},
    {"id": "2", "name": "node b&c", "type": "prometheus", "enabled": True,
     "status": "error", "schedule_ms": 60000, "last_success_at": None,
     "last_error": "http://h/metrics: 404\nnot found", "disabled_reason": None,
     "last_rows_ingested": 0},
    {"id": "3", "name": "off", "type": "prometheus", "enabled": False,
     "status": "disabled", "schedule_ms": None, "last_success_at": None,
     "last_error": "old", "disabled_reason": "manual",
     "last_rows_ingested": None},
]
STATUS = {"node": "n1", "version": "0.1.0", "uptime_s": 93784,
          "state": {"backend": "sqlite", "up": True},
          "loop_lag_ms": {"p50": 0.05, "p99": 0.4, "max": 3.25},
          "connectors": {"connected": 1, "error": 1, "disabled": 1,
                         "pending": 0}, "rows_total": 1234567}
paging_for_ever = False


def get(h):
    if h.path == "/v1/status":
        return h.body(200, json.dumps(STATUS))
    if paging_for_ever:
        return h.body(200, json.dumps({"items": [], "next": "again"}))
    if "after=" not in h.path:
        ok = {**ITEMS[0], "last_success_at": time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 300))}
        return h.body(200, json.dumps({"items": [ok, ITEMS[1]],
                                       "next": "node b&c"}))
    if h.path.endswith("after=node%20b%26c"):
        return h.body(200, json.dumps({"items": ITEMS[2:], "next": None}))
    return h.body(404, "{}")


daemon = FakeDaemon(ANSWERS, get)


def env(**more):
    e = {k: v for k, v in os.environ.items()
         if not k.startswith("MOLTLER_") and k not in ("LC_ALL", "LANG",
                                                       "NO_COLOR")}
    e.update(LC_ALL="C.UTF-8", TERM="xterm", MOLTLER_URL=daemon.url,
             http_proxy="http://127.0.0.1:1")
    e.update(more)
    return e


def run(*args, stdin="", **more):
    p = subprocess.run([MOLTLER, *args], input=stdin.encode(),
                       capture_output=True, env=env(**more), timeout=60)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


class Terminal:
    """The client on a terminal of its own."""

    def __init__(self, *args, size=(24, 80), stdin=True, stdout=True, **more):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", size[0], size[1], 0, 0))

        def control():
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        self.p = subprocess.Popen(
            [MOLTLER, *args], env=env(**more), preexec_fn=control,
            stdin=slave if stdin else subprocess.DEVNULL,
            stdout=slave if stdout else subprocess.PIPE, stderr=slave)
        os.close(slave)
        self.seen = b""

    def read(self, until=None, seconds=20):
        """What it shows, up to ${until} or its end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until is not None and until in self.seen:
                break
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    piece = os.read(self.master, 65536)
                except OSError:
                    break
                if not piece:
                    break
                self.seen += piece
        return self.seen.decode().replace("\r\n", "\n")

    def type(self, data):
        os.write(self.master, data)

    def wait(self):
        text = self.read()
        code = self.p.wait(20)
        os.close(self.master)
        return code, text


# --- Formats ---------------------------------------------------------------
t.eq(run("-e", "two"), (0, '{"name":"alpha","n":1}\n{"name":null,"n":-20}\n',
                        ""), "ndjson is the format in a pipe")
path, headers, body = daemon.requests[-1]
t.eq((path, body), ("/v1/query", {"sql": "two", "format": "rows"}),
     "the statement is posted")
t.eq((headers.get("Accept"), headers.get("Content-Type"),
      headers.get("Authorization"), headers.get("Expect")),
     ("application/x-moltler-rows", "application/json", None, None),
     "the request's headers")
t.eq(run("-e", "two", "--format", "json"),
     (0, '[\n{"name":"alpha","n":1},\n{"name":null,"n":-20}\n]\n', ""),
     "json is one array")
t.eq(run("-e", "none", "--format=json"), (0, "[]\n", ""),
     "json without rows is an empty array")
t.eq(run("-e", "two", "--format=csv"), (0, "name,n\nalpha,1\n,-20\n", ""),
     "csv has a head, NULL is empty")
t.eq(run("-e", "none", "--format=csv"), (0, "name,n\n", ""),
     "csv without rows is its head")
t.eq(run("-e", "two", "--format=table"), (0, """\
┌───────┬─────┐
│ name  │   n │
├───────┼─────┤
│ alpha │   1 │
│ NULL  │ -20 │
└───────┴─────┘
(2 rows, 12 ms)
""", ""), "a table, numbers to the right")
t.eq(run("-e", "two", "--format=table", LC_ALL="C"), (0, """\
+-------+-----+
| name  |   n |
+-------+-----+
| alpha |   1 |
| NULL  | -20 |
+-------+-----+
(2 rows, 12 ms)
""", ""), "a table in ASCII where the locale has no more")
t.eq(run("-e", "none", "--format=table"), (0, """\
┌──────┬───┐
│ name │ n │
├──────┼───┤
└──────┴───┘
(0 rows, 12 ms)
""", ""), "a table without rows")
t.eq(run("-e", "calls", "--format=table")[1].splitlines()[-1],
     "(1 row, 40 ms, 3 calls, 2 pages, 1 cache hit)",
     "the footer tells calls, pages and cache hits")
for form in "table", "csv":
    rc, out, err = run("-e", "skips", "--format=" + form)
    t.eq((rc, err), (0, "moltler: 2 parts were left out: https://x/y answered "
                     "403[2J, ...\n"), "%s: what is not there is said" % form)
t.eq(run("-e", "skip", "--format=csv")[2],
     "moltler: 1 part was left out: https://x/y gone\n", "and one part alone")
t.eq(run("-e", "nothing", "--format=table"), (0, "(0 rows, 12 ms)\n", ""),
     "a statement without a result")
rc, out, err = run("-e", "types")
t.eq(out, '{"a":1,"a_2":"x","real":0.1,'
     '"labels":{"job":"node","deep":[1.50,"\\u001b"]},"text":"q\\"uo,te"}\n'
     '{"a":9223372036854775807,"a_2":"","real":1e400,"labels":{"k": 1},'
     '"text":"two\\nlines"}\n'
     '{"a":null,"a_2":null,"real":null,"labels":null,"text":null}\n'
     '{"a":true,"a_2":false,"real":-0.0,"labels":"{no",'
     '"text":"\\ud83d\\ude00 \\ud800 \\u001b[31m"}\n',
     "ndjson keeps numbers and documents as written, and names apart")
t.eq(run("-e", "types", "--format=csv")[1],
     'a,a,real,labels,text\n'
     '1,x,0.1,"{""job"":""node"",""deep"":[1.50,""\\u001b""]}",'
     '"q""uo,te"\n'
     '9223372036854775807,"",1e400,"{""k"": 1}","two\nlines"\n'
     ',,,,\n'
     'true,false,-0.0,{no,😀 � \x1b[31m\n', "csv quotes what needs it")
t.eq(run("-e", "types", "--format=table")[1], """\
┌─────────────────────┬───────┬───────┬───────────────────────────────────────\
┬───────────────┐
│ a                   │ a     │  real │ labels                                \
│ text          │
├─────────────────────┼───────┼───────┼───────────────────────────────────────\
┼───────────────┤
│ 1                   │ x     │   0.1 │ {"job":"node","deep":[1.50,"\\u001b"]} \
│ q"uo,te       │
│ 9223372036854775807 │       │ 1e400 │ {"k": 1}                              \
│ two\\nlines    │
│ NULL                │ NULL  │  NULL │ NULL                                  \
│ NULL          │
│ true                │ false │  -0.0 │ {no                                   \
│ 😀 � \\x1b[31m │
└─────────────────────┴───────┴───────┴───────────────────────────────────────\
┴───────────────┘
(4 rows, 12 ms)
""", "a table in a pipe is as wide as it is, controls escaped")
t.eq(run("-e", "in pieces"), (0, '{"name":"é\\u00e9","n":1}\n', ""),
     "an answer that comes byte by byte")
t.eq(run("-e", "no final chunk"), (0, '{"name":"a","n":1}\n', ""),
     "stats make an answer whole, however the connection ends")
rc, out, err = run("-e", "many")
t.eq((rc, out, err), (0, "".join('{"name":"r%d","n":%d}\n' % (i, i)
                                 for i in range(12000)), ""), "many rows")
rc, out, err = run("-e", "many", "--format=table")
rows = out.splitlines()
t.eq((len(rows), rows[9999 + 3], rows[11999 + 3], rows[-1]),
     (12005, "│ r9999 │ 9999 │", "│ r119… │ 119… │", "(12000 rows, 12 ms)"),
     "the first 10,000 rows set a table's widths")

# --- Where statements come from --------------------------------------------
script = os.path.join(tmp.name, "script.sql")
with open(script, "w") as f:
    f.write("-- first; a comment\n/* ; */ two;\n;;\n  none\n;\n")
daemon.requests.clear()
t.eq(run("-f", script, "--format=csv"), (0, "name,n\nalpha,1\n,-20\nname,n\n",
                                         ""), "statements of a file")
t.eq([r[2]["sql"] for r in daemon.requests], ["two", "none"],
     "each without comments around it and without semicolon")
t.eq(run("--format=csv", stdin="none;SELECT 1")[:2], (0, "name,n\n1\n1\n"),
     "statements of standard input")
t.eq(run("-f", "-", "-e", "none", "--format=csv", stdin="SELECT 1")[:2],
     (0, "1\n1\nname,n\n"), "-f and -e in the order given")
t.eq(run("-f", script, "-e", "two;\n\n cut; two", "--format=csv"),
     (1, "name,n\nalpha,1\n,-20\nname,n\nname,n\nalpha,1\n,-20\n"
      "name,n\na,1\nb,2\n",
      "moltler: statement 4 of 5 (-e, line 3): the answer was cut off after "
      "2 rows\n"), "the first failure ends all and is named")
t.eq(run(stdin=" -- nothing\n;")[0:3:2],
     (2, "moltler: there is no statement in standard input\n"),
     "no statement at all")
t.eq(run("-f", "/nonexistent/x.sql")[0:3:2],
     (2, "moltler: cannot read /nonexistent/x.sql: No such file or directory\n"),
     "a file that is not there")
t.eq(run(stdin="x" * 1500000)[0], 0, "a statement of 1.5 MB")
with open(os.path.join(tmp.name, "latin1.sql"), "wb") as f:
    f.write(b"two;\n\ntwo\n'\xe9'")
rc, out, err = run("-f", f.name)
t.ok(rc == 1 and err.startswith("moltler: statement 2 of 2 (%s, line 3): byte "
     "0xe9 in line 4 is no UTF-8 text" % f.name),
     "a statement that is not UTF-8 is not sent as something else", (rc, err))
rc, out, err = run(stdin="two 'a\0b'")
t.ok(rc == 1 and "byte 0x00 in line 1" in err, "nor one with a NUL", (rc, err))

# --- Failures --------------------------------------------------------------
for sql, rc, out, err in (
    ("cut", 1, '{"name":"a","n":1}\n{"name":"b","n":2}\n',
     "the answer was cut off after 2 rows"),
    ("ends early", 1, '{"name":"a","n":1}\n{"name":"b","n":2}\n',
     "the answer was cut off after 2 rows"),
    ("error line", 1, '{"name":"a","n":1}\n',
     "https://x/y page 2: gone"),
    ("error first", 1, "", "line 1, column 8: found FROM\n  SELECT FROM\n"
     "         ^[2J"),
    ("error unreachable", 1, "", "https://x/y: refused"),
    ("short count", 1, '{"name":"a","n":1}\n',
     "the answer is not whole: 1 rows came, the daemon sent 2"),
    ("bad row", 1, "",
     "the daemon sent a row that is not a JSON array (byte 6)"),
    ("long row", 1, "", "the daemon sent a row of more than 2 values"),
    ("after", 1, "", "what answers is not moltlerd, or of another version: "
     "more after the end"),
    ("not json", 1, "", "what answers is not moltlerd, or of another version: "
     "the answer is not made of JSON lines"),
    ("400", 1, "", "the body has no sql"),
    ("503", 1, "", "the daemon is ending (request r2)"),
    ("401", 1, "", "moltlerd at URL wants a token, or another one: set "
     "MOLTLER_TOKEN or give --token-file"),
    ("500", 1, "", "URL answers with status 500 and not as moltlerd does: is "
     "it another server?"),
    ("302", 1, "", "URL answers with status 302 and not as moltlerd does: is "
     "it another server?"),
    ("hangs up", 3, "", "cannot reach moltlerd at URL: Empty reply from "
     'server. Is it running? Start it with "moltlerd" or give --url'),
):
    t.eq(run("-e", sql), (rc, out, "moltler: %s\n"
                          % err.replace("URL", daemon.url)), "failure: " + sql)
t.eq(run("-e", "error line", "--format=json"),
     (1, '[\n{"name":"a","n":1}\n', "moltler: https://x/y page 2: gone\n"),
     "json of a failed statement is not closed")
rc, out, err = run("-e", "error line", "--format=table")
t.eq((rc, out), (1, """\
┌──────┬───┐
│ name │ n │
├──────┼───┤
│ a    │ 1 │
└──────┴───┘
"""), "a failed statement shows the rows that came, without a count")
nobody = "http://127.0.0.1:%d" % free_port()
refused = ('moltler: cannot reach moltlerd at %s: %s. Is it running? Start it '
           'with "moltlerd" or give --url\n')
t.eq(run("-e", "two", "--url", nobody),
     (3, "", refused % (nobody, "Connection refused")), "nobody listens")
t.eq(run("status", "--url", nobody),
     (3, "", refused % (nobody, "Connection refused")),
     "nobody listens: status")
t.eq(run("-e", "two", "--url", "unix:///nonexistent/s"),
     (3, "", refused % ("unix:///nonexistent/s",
                        "No such file or directory")), "no such socket")
with open("/dev/full", "wb") as full:
    p = subprocess.run([MOLTLER, "-e", "two"], stdout=full, env=env(),
                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
t.eq((p.returncode, p.stderr), (1, b"moltler: cannot write to standard output:"
                                b" No space left on device\n"), "a full disk")

# --- Options ---------------------------------------------------------------
for args, err in (
    (["SELECT 1"], 'SQL is given with -e; there is no command "SELECT 1"'),
    (["--format", "xml", "-e", "two"],
     '--format is table, json, ndjson or csv, not "xml"'),
    (["--watch", "-e", "two"], "--watch belongs to status"),
    (["status", "-e", "two"], "status takes no statement"),
    (["status", "now"], 'status takes no "now"'),
    (["status", "--format=csv"], "status has the formats table and json"),
):
    t.eq(run(*args), (2, "", "moltler: %s (moltler --help tells more)\n" % err),
         "usage: " + " ".join(args))
for args, err in (
    (["--nonsense"], 'there is no option "--nonsense"'),
    (["--formt", "csv"],
     'there is no option "--formt" (did you mean --format?)'),
    (["-x"], 'there is no option "-x"'),
    (["--url"], 'a value is missing behind "--url"'),
    (["statsu"], 'SQL is given with -e; there is no command "statsu" (did '
                 'you mean status?)'),
):
    t.eq(run(*args), (2, "", "moltler: %s (moltler --help tells more)\n" % err),
         "usage: " + " ".join(args))
for args, begins in (
    (["help"], "usage: moltler ["), (["help", "secrets"], "usage: moltler ["),
    (["status", "--help"], "usage: moltler ["), (["version"], "moltler "),
    (["manifest", "check", "--help"], "usage: moltler manifest new"),
    (["manifest", "new", "-h"], "usage: moltler manifest new"),
    (["manifest", "record", "--help"], "usage: moltler manifest record"),
):
    got = run(*args)
    t.ok(got[0] == 0 and got[1].startswith(begins) and got[2] == "",
         "help: " + " ".join(args), got)
for url, err in (
    ("localhost:8080", "it cannot be read"),
    ("ftp://h/", "its scheme is not known"),
    ("http://h/?a=b", "it has a query or a fragment"),
    ("unix://x", "the socket's path must begin with /"),
):
    t.eq(run("-e", "two", "--url", url), (
        2, "", 'moltler: bad URL "%s": %s (expected http://HOST:PORT, '
        "https://HOST:PORT or unix:///PATH)\n" % (url, err)),
         "a bad URL: " + url)
rc, out, err = run("-e", "two", "--url", "http://me:geheim@h/")
t.ok(rc == 2 and "geheim" not in err, "a password in a URL is not echoed")
rc, out, err = run("--help")
t.ok(rc == 0 and out.startswith("usage: moltler") and err == "", "--help")
t.ok(run("-V")[1].startswith("moltler "), "-V")
t.eq(run("-e", "two", "--url", daemon.url + "/")[0], 0,
     "a URL that ends in a slash")
token = os.path.join(tmp.name, "token")
with open(token, "w") as f:
    f.write("from-file\n")
run("-e", "two", MOLTLER_TOKEN="from-env")
t.eq(daemon.requests[-1][1].get("Authorization"), "Bearer from-env",
     "a token of the environment")
run("-e", "two", "--token-file", token, MOLTLER_TOKEN="from-env")
t.eq(daemon.requests[-1][1].get("Authorization"), "Bearer from-file",
     "a token of a file comes before it")
rc, out, err = run("-e", "two", MOLTLER_TOKEN="a\r\nX-Evil: 1")
t.ok(rc == 2 and "X-Evil" not in err, "a token that is none is not sent")
sock = os.path.join(tmp.name, "s")
unix = FakeDaemon(ANSWERS, get, path=sock)
t.eq(run("-e", "two", "--format=csv", "--url", unix.url)[:2],
     (0, "name,n\nalpha,1\n,-20\n"), "over a unix socket")
t.eq(unix.requests[-1][1].get("Host"), "localhost", "and its Host header")
unix.stop()

# --- TLS -------------------------------------------------------------------
names = ("an https daemon with a certificate that is trusted",
         "one that is not trusted")
if shutil.which("openssl"):
    cert, key = (os.path.join(tmp.name, n) for n in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                    cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    safe = FakeDaemon(ANSWERS, get, tls=context)
    t.eq(run("-e", "two", "--format=csv", "--url", safe.url,
             SSL_CERT_FILE=cert), (0, "name,n\nalpha,1\n,-20\n", ""), names[0])
    rc, out, err = run("-e", "two", "--url", safe.url, MOLTLER_TOKEN="secret")
    t.ok((rc, out) == (3, "") and "certificate" in err and
         len(safe.requests) == 1, names[1], err)
    safe.stop()
else:
    for name in names:
        t.skip(name, "openssl is not installed")

# --- Pipes and interrupts --------------------------------------------------
left.clear()
p = subprocess.Popen([MOLTLER, "-e", "endless"], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, env=env())
t.eq(p.stdout.readline(), b'{"name":"a row that is to fill a pipe","n":1}\n',
     "rows come while the statement runs")
p.stdout.close()
err = p.stderr.read()
t.eq((p.wait(20), err), (-signal.SIGPIPE, b""),
     "a reader that leaves ends the client quietly")
t.ok(left.wait(20), "and the daemon sees it")
left.clear()
p = subprocess.Popen([MOLTLER, "-e", "endless"], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, env=env())
time.sleep(0.3)
p.send_signal(signal.SIGINT)
t.eq(p.wait(20), 130, "SIGINT ends it also while its reader sleeps")
t.ok(left.wait(20), "and the daemon sees that too")
p.stdout.close()
p.stderr.close()
left.clear()
p = subprocess.Popen([MOLTLER, "-e", "slow then watch"], env=env(),
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdout.readline()
start = time.monotonic()
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=20)
t.eq((p.returncode, out, err), (130, b"", b""), "SIGINT while it waits")
t.ok(left.wait(20) and time.monotonic() - start < 5,
     "closes the connection at once")
p = subprocess.Popen([MOLTLER, "-e", "slow"], env=env(),
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
out, err = p.communicate(timeout=20)
t.eq((p.returncode, err), (0, b""), "no progress where stderr is no terminal")

# --- On a terminal ---------------------------------------------------------
t.eq(Terminal("-e", "two").wait(), (0, """\
┌───────┬─────┐
│ \x1b[1mname\x1b[0m  │   \x1b[1mn\x1b[0m │
├───────┼─────┤
│ alpha │   1 │
│ \x1b[2mNULL\x1b[0m  │ -20 │
└───────┴─────┘
(2 rows, 12 ms)
"""), "a table is the format on a terminal, NULL dim")
t.eq(Terminal("-e", "wide", size=(24, 40), NO_COLOR="1").wait(), (0, """\
┌────────┬──────────────┬──────────────┐
│     id │ title        │ labels       │
├────────┼──────────────┼──────────────┤
│      1 │ 日本語の題…  │ {"a":"xxxxx… │
│ 123456 │ short        │ {}           │
└────────┴──────────────┴──────────────┘
(2 rows, 12 ms)
"""), "cut to the terminal's width, numbers whole, no color when told so")
t.eq(Terminal("-e", "wide", size=(24, 20), TERM="dumb").wait(), (0, """\
[ row 1 ]───────────
id     │ 1
title  │ 日本語の題…
labels │ {"a":"xxxx…
[ row 2 ]───────────
id     │ 123456
title  │ short
labels │ {}
(2 rows, 12 ms)
"""), "a row a block where even cut columns do not fit")
rc, text = Terminal("-e", "slow", TERM="dumb").wait()
parts = text.split("\r\x1b[K")
t.ok(rc == 0 and parts[0] == "" and len(parts) > 2
     and parts[1] == "1 row, 1 rows/s, 1.0 s"
     and parts[-1].startswith("┌"),
     "progress after a second, taken away before the rows", repr(text))
rc, text = Terminal("-e", "syncing", size=(24, 120), TERM="dumb").wait()
parts = text.split("\r\x1b[K")
t.ok(rc == 0 and parts[1].startswith("issues (2 of 3): 120 rows, 3 pages, "
                                     "80 rows/s, 1."),
     "a sync's progress", repr(text))
t.ok("issues (2 of 3) [############>...........] 50%, 120 of 240 rows, 3 pages,"
     " 80 rows/s" in text and parts[-1].startswith("┌"),
     "with a bar where the total is known", repr(text))
left.clear()
term = Terminal("-e", "slow then watch", "--format=table", TERM="dumb")
text = term.read(b"(", 4)
t.ok("│ a    │ 1 │\n" in text.replace("\r\x1b[K", ""),
     "held rows are shown after two seconds", repr(text))
term.type(b"\x03")
rc, text = term.wait()
t.ok(rc == 130 and "moltler:" not in text, "Ctrl-C ends with 130", repr(text))
t.ok(left.wait(20), "and closes the connection")
term = Terminal("-e", "slow", stdout=False)
out = term.p.stdout.read().decode()
rc, text = term.wait()
t.ok(rc == 0 and "1 row, 1 rows/s" in text and
     out == '{"name":"a","n":1}\n{"name":"b","n":2}\n',
     "progress on the terminal while rows go into a pipe", repr((out, text)))
rc, text = Terminal(stdout=False).wait()
t.ok(rc == 2 and text.startswith("moltler: no statement: give one with -e")
     and "usage: moltler" in text, "no statement, and rows go elsewhere: help",
     repr(text))

# --- status ----------------------------------------------------------------
t.eq(run("status"), (0, """\
moltlerd 0.1.0 at %s, node n1, up 1d2h
state sqlite up; loop lag 0.05 ms (p99 0.4, max 3.25); 1,234,567 rows taken in
connectors: 1 connected, 1 in error, 1 disabled, 0 pending
┌──────────┬────────────┬───────────┬───────┬───────────────┬───────┬───────────\
───────────────────────┐
│ Name     │ Type       │ Status    │ Every │ Last success  │  Rows │ Error     \
                       │
├──────────┼────────────┼───────────┼───────┼───────────────┼───────┼───────────\
───────────────────────┤
│ node-a   │ prometheus │ connected │ 5s    │ 5 minutes ago │ 1,507 │           \
                       │
│ node b&c │ prometheus │ error     │ 1m    │ never         │     0 │ http://h/m\
etrics: 404\\nnot found │
│ off      │ prometheus │ disabled  │       │ never         │       │ manual    \
                       │
└──────────┴────────────┴───────────┴───────┴───────────────┴───────┴───────────\
───────────────────────┘
""" % daemon.url, ""), "status: the daemon and its connectors, page by page")
rc, out, err = run("status", "--format=json")
facts = json.loads(out)
t.eq((rc, facts["status"], [i["name"] for i in facts["connectors"]],
      out.count("\n")), (0, STATUS, ["node-a", "node b&c", "off"], 1),
     "status as JSON: the facts as they came")
paging_for_ever = True
t.eq(run("status")[0], 0, "a list that says it goes on for ever ends")
paging_for_ever = False
p = subprocess.Popen([MOLTLER, "status", "--watch", "--format=json"],
                     env=env(), stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
start = time.monotonic()
two = [json.loads(p.stdout.readline()) for _ in range(2)]
t.ok(1.5 < time.monotonic() - start < 10 and two[0]["status"] == STATUS,
     "status --watch prints again after two seconds")
p.send_signal(signal.SIGINT)
t.eq(p.wait(20), 0, "and ends with 0 on Ctrl-C")
p.stdout.close()
p.stderr.close()
STATUS["syncs"] = {"total": 7, "running": 6, "scheduled": 6, "paused": 1,
                   "partial": 0, "failed": 2}
STATUS["nodes"] = [
    {"node": "n1", "here": True, "listen": "127.0.0.1:8080",
     "syncs": ["a.%d" % i for i in range(6)]},
    {"node": "n2\x1b", "here": False, "syncs": []}]
out = run("status")[1]
t.ok("""pending
syncs: 7 total, 6 running, 6 scheduled, 1 paused, 0 partial, 2 failed
* n1 at 127.0.0.1:8080: runs a.0, a.1, a.2, a.3, a.4 and 1 more
  n2?: runs no sync
┌""" in out, "syncs, and the daemons and what each runs", out)
del STATUS["syncs"], STATUS["nodes"]
coming = FakeDaemon(ANSWERS, get)
term = Terminal("status", "--watch", "--url", coming.url, size=(12, 100),
                TERM="dumb")
text = term.read(b"more\r\n")
t.ok(text.startswith("\x1b[H\x1b[2Jmoltlerd 0.1.0") and "node b&c" in text
     and " off " in text and "node-a" not in text and "and 1 more" in text,
     "watching a small terminal: cleared, trouble first, the rest counted",
     repr(text))
coming.stop()
t.ok("(tried again every 2 s)" in term.read(b"every 2 s)"),
     "a daemon that goes away is waited for", repr(term.seen[-500:]))
term.seen = b""
coming = FakeDaemon(ANSWERS, get, port=coming.port)
t.ok("moltlerd 0.1.0" in term.read(b"more\r\n"), "and seen when it is back")
term.type(b"\x03")
t.eq(term.wait()[0], 0, "Ctrl-C on the terminal ends watching with 0")
coming.stop()
daemon.stop()
