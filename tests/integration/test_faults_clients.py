"""Clients that are too many, too slow, or gone; queries that are too large."""
import http.client
import json
import os
import resource
import socket
import struct
import time

from daemon import Daemon, Pages, Stopwatch, rest, sanitized, wait
from tap import Tap

t = Tap()
san = sanitized()
pages = Pages()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, 20000),
                                                max(hard, 20000)))
except (ValueError, OSError):
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
MANY = 10000 if files >= 20000 else 3000

d = Daemon()
d.create("m", pages.url, every=100)
d.wait_ok("m")


def connect(n):
    """n connections that say nothing; those that could be had."""
    out = []
    for i in range(n):
        s = socket.socket()
        s.settimeout(5)
        try:
            s.connect(("127.0.0.1", d.port))
            out.append(s)
        except OSError:
            s.close()
    return out


def answers(socks):
    """How many were answered 429, closed, or are still open."""
    refused = closed = still = 0
    for s in socks:
        s.setblocking(False)
        try:
            head = s.recv(64)
            refused += head.startswith(b"HTTP/1.1 429")
            closed += head == b""
        except BlockingIOError:
            still += 1
        except OSError:
            closed += 1
    return refused, closed, still


def goes_on(what):
    n = d.query("SELECT count(DISTINCT timestamp) AS n FROM metrics.m")
    t.ok(wait(lambda: d.query("SELECT count(DISTINCT timestamp) AS n FROM "
              "metrics.m")[0]["n"] > n[0]["n"] + 3), what)


def admitted():
    """A request that gets in, once the idle ones are gone."""
    try:
        return d.get("/healthz", timeout=5)[0] == 200
    except OSError:
        return False


# ---- ten thousand idle connections ----
rss = d.rss_kb()
socks = connect(MANY)
t.ok(len(socks) > MANY * 0.9, "%d connections" % MANY, len(socks))
rest(0.5)
r, c, s = answers(socks)
t.ok(s <= 1024 + 300 and r > 0 and r + c >= len(socks) - s,
     "1024 are kept, the rest is answered 429 or closed", (r, c, s))
t.ok(d.proc.poll() is None, "  the daemon lives")
t.ok(san or d.rss_kb() - rss < 48 * 1024, "  in bounded memory",
     (rss, d.rss_kb()))
for x in socks:
    x.close()
t.ok(wait(admitted, 20), "  they go: others get in")
goes_on("  connectors went on")
t.ok(d.metric("moltler_api_refused_total") > 0, "  it counted them")
t.ok(wait(lambda: d.get("/v1/status")[1]["connections"] < 5),
     "  and forgot them", d.get("/v1/status"))
d.stop()
conf = os.path.join(d.data, "conf")
with open(conf, "w") as f:
    f.write("[daemon]\nmax_connections = 12000\n")
d.args = ["-c", conf]
d.preexec = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
if MANY == 10000:
    d.start()
    d.wait_ok("m")
    rss = d.rss_kb()
    socks = connect(MANY)
    t.ok(wait(lambda: d.get("/v1/status")[1]["connections"] >= MANY, 20),
         "max_connections = 12000: all 10,000 are kept",
         d.get("/v1/status")[1])
    t.eq(answers(socks), (0, 0, MANY), "  none is refused")
    t.ok(san or d.rss_kb() - rss < 256 * 1024, "  in bounded memory",
         (rss, d.rss_kb()))
    watch = Stopwatch()
    d.get("/healthz")
    t.ok(watch.took() < 1, "  it answers", watch.took())
    goes_on("  connectors go on")
    for x in socks:
        x.close()
    t.ok(wait(lambda: d.get("/v1/status")[1]["connections"] < 5, 20),
         "  they go")
    d.stop()
else:
    t.skip("max_connections = 12000", "only %d files here" % files)
d.preexec = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
del d.log[:]
d.start()
t.ok(d.stop() == 1 and "max_connections" in "\n".join(d.log),
     "more than the files allow: does not start, says so", d.log)

# ---- clients that drip ----
d.preexec = None
with open(conf, "w") as f:
    f.write("[daemon]\nquery_deadline = 3s\nquery_memory = 8m\n"
            "max_body = 64k\n")
d.start()
d.wait_ok("m")
drips = connect(300)
for i in range(4):
    for x in drips:
        x.sendall((b"GET /healthz HTTP/1.1\r\nX: ")[i * 3:i * 3 + 3])
    time.sleep(0.1)
watch = Stopwatch()
t.ok(d.get("/healthz")[0] == 200 and watch.took() < 2,
     "300 clients that drip: others are served")
goes_on("  connectors go on")
for x in drips:
    x.close()
x = socket.create_connection(("127.0.0.1", d.port), 5)
x.sendall(b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\n"
          b"Content-Type: application/json\r\nContent-Length: 999999\r\n\r\n")
t.ok(x.recv(64).startswith(b"HTTP/1.1 413"),
     "a body past the limit is refused before it comes")
x.close()

# ---- deadline and memory ----
ROWS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c " \
    "LIMIT %d) "
watch = Stopwatch()
st, out = d.post("/v1/query", {"sql": ROWS % 10**12 +
                 "SELECT count(*) FROM c"})
t.ok(st == 504 or st == 503, "a query past its deadline", (st, out))
t.ok(out["error"]["code"] == "deadline" and "3000 ms" in
     out["error"]["message"] and watch.took() < 10,
     "  says so in time", (out, watch.took()))
st, out = d.post("/v1/query", {"sql": ROWS % 10**5 +
                 "SELECT group_concat(x || '%s') FROM c" % ("y" * 200)})
t.ok(st == 400 and "4 MiB" in out["error"]["message"],
     "one that makes a value too large says so", (st, out))
st, out = d.post("/v1/query", {"sql": ROWS % 10**5 +
                 "SELECT count(DISTINCT x || '%s') FROM c" % ("y" * 200)})
t.ok(st >= 400 and "memory" in out["error"]["message"] and
     "8" in out["error"]["message"], "one past its memory says so", (st, out))
st, out = d.post("/v1/query", {"sql": ROWS % 10**5 + "SELECT x || '%s' "
                 "FROM c ORDER BY x * 7919 %% 10007" % ("y" * 200)})
t.ok(st >= 400 and "memory" in out["error"]["message"],
     "  so does one that sorts too much", (st, out))
st, _, out = d.call("POST", "/v1/query", {"format": "ndjson",
                    "sql": ROWS % 10**12 + "SELECT x FROM c"})
last = json.loads(out.splitlines()[-1])
t.ok(st == 200 and last["error"]["code"] == "deadline" and
     json.loads(out.splitlines()[0]) == {"x": 1},
     "one that had begun to answer ends with the error", last)
t.ok(d.alive(), "  the daemon goes on")
d.stop()

# ---- a client that leaves, and one that reads slowly ----
d.args = []
d.start()
d.wait_ok("m")
BODY = json.dumps({"format": "ndjson", "sql": ROWS % (5 * 10**6) +
                   "SELECT x, 'some text to fill the row' AS t FROM c"})


def ask(body=BODY, rcvbuf=None):
    s = socket.socket()
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(20)
    s.connect(("127.0.0.1", d.port))
    s.sendall(("POST /v1/query HTTP/1.1\r\nHost: localhost\r\n"
               "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
               % (len(body), body)).encode())
    return s


def running():
    return d.metric("moltler_queries_running")


for how in ("FIN", "RST"):
    s = ask()
    s.recv(65536)
    t.ok(wait(lambda: running() == 1, 5), "a large answer under way")
    if how == "RST":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    s.close()
    watch = Stopwatch()
    t.ok(wait(lambda: running() == 0, 10) and watch.took() < 2,
         "  its client leaves (%s): the query ends" % how, watch.took())
s = ask(json.dumps({"sql": ROWS % 10**12 + "SELECT count(*) FROM c"}))
t.ok(wait(lambda: running() == 1, 5), "a query that computes")
rest(0.3)
s.close()
watch = Stopwatch()
t.ok(wait(lambda: running() == 0, 10) and watch.took() < 2,
     "  its client leaves: it ends too", watch.took())
rest(0.3)
rss = d.rss_kb()
slow = [ask(rcvbuf=4096) for i in range(10)]
most = 0
for i in range(30):
    for s in slow:
        s.recv(4096)
    most = max(most, d.rss_kb())
    time.sleep(0.05)
t.eq(running(), 10, "ten slow readers of millions of rows")
t.ok(san or most - rss < 64 * 1024, "  in bounded memory", (rss, most))
goes_on("  connectors go on")
for s in slow:
    s.close()
t.ok(wait(lambda: running() == 0, 5), "  they leave")
t0 = time.monotonic()
s = ask(json.dumps({"format": "ndjson", "sql": ROWS % 200000 +
        "SELECT x FROM c"}), rcvbuf=65536)
got = b""
r = http.client.HTTPResponse(s)
r.begin()
while True:
    part = r.read(20000)
    if not part:
        break
    got += part
    if len(got) < 400000:
        time.sleep(0.01)
lines = got.splitlines()
t.ok(len(lines) == 200000 and json.loads(lines[-1]) == {"x": 200000},
     "a slow reader gets all", len(lines))
s.close()

# ---- many short connections, each with one request, beside runs ----
lost = []
for i in range(1200):
    try:
        a = d.create("s%d" % i, pages.url, every=86400000)[0]
        b = d.call("DELETE", "/v1/connectors/s%d" % i)[0]
        if (a, b) != (201, 204):
            lost.append((i, a, b))
    except (OSError, http.client.HTTPException) as x:
        lost.append((i, repr(x)))
t.eq(lost, [], "2400 requests on connections of their own: all answered")
t.eq(d.close(), 0, "exit 0")
pages.close()
