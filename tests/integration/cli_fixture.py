"""What the tests of the client share: a daemon that answers by rote, and the client
run by itself or on a terminal of its own."""
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import rest, wait  # noqa: E402
from fake_daemon import FakeDaemon  # noqa: E402
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
paging_for_ever = []        # when there is something in it


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


def stalled(pipe):
    """Whether whoever writes into this pipe waits for its reader: it is full, and
    stays so."""
    def held():
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"0000"))[0]
    n = held()
    rest(0.3)
    return n > 16384 and held() == n


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
        def over():
            if until is not None and until in self.seen:
                return True
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    piece = os.read(self.master, 65536)
                except OSError:
                    return True
                self.seen += piece
                return not piece
            return False
        wait(over, seconds, 0)
        return self.seen.decode().replace("\r\n", "\n")

    def type(self, data):
        os.write(self.master, data)

    def wait(self):
        text = self.read()
        code = self.p.wait(60)
        os.close(self.master)
        return code, text
