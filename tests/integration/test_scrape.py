"""Section 5 of the promise: scraping, with a server that misbehaves."""
import json
import os
import re
import shutil
import subprocess
import time

from daemon import Daemon, FaultServer, Pages, free_port, have, wait
from tap import Tap

t = Tap()
env_file = "/tmp/moltler-env-%d" % os.getpid()
open(env_file, "w").close()
d = Daemon("--env-file", env_file)
pages = Pages()
fault = FaultServer()
BAD = {"every": 1000, "config": {"timeout_ms": 400},
       "options": {"retry_count": 0}}

# ---- rows ----
pages.body = (b"# HELP a help\n# TYPE a counter\n"
              b"a{x=\"1\",y=\"q\\\"\\\\\\n\xc3\xa9\"} 1\n"
              b"nan NaN\ninf +Inf\nninf -Inf\nplain 0.1\nts 5 1700000000000\n")
d.create("rows", pages.url, every=100)
t.ok(d.wait_ok("rows"), "a page is scraped", d.show("rows"))
for of in ("timestamp", "m"):
    sub = "SELECT name, timestamp, max(timestamp) AS m FROM metrics.rows GROUP BY name"
    t.eq(d.query("SELECT count(*) AS n FROM (%s) WHERE %s > datetime('now', "
                 "'-1 minute') AND %s < datetime('now', '+1 minute')"
                 % (sub, of, of)), d.query("SELECT count(DISTINCT name) AS n FROM "
                                           "metrics.rows"),
         of + " is a time out of a subquery, too")
t.eq([c["type"] for c in d.post("/v1/query", {
    "sql": "SELECT timestamp, value FROM metrics.rows LIMIT 0", "format": "json"}
    )[1]["columns"]], ["TIMESTAMP", "REAL"], "types of samples' columns")
rows = d.query("SELECT * FROM metrics.rows WHERE timestamp = "
               "(SELECT max(timestamp) FROM metrics.rows)")
t.eq([list(r) for r in rows], [["timestamp", "name", "value", "labels"]] * 6,
     "the columns")
t.eq([(r["name"], r["value"]) for r in rows], [("a", 1), ("nan", None),
     ("inf", None), ("ninf", None), ("plain", 0.1), ("ts", 5)],
     "names and values; what is no number is null")
t.eq(rows[0]["labels"], {"x": "1", "y": "q\"\\\n\u00e9"}, "labels are a map")
t.eq(rows[1]["labels"], {}, "  {} if none")
stamp = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d00)?Z$")
t.ok(all(stamp.match(r["timestamp"]) for r in
     d.query("SELECT DISTINCT timestamp FROM metrics.rows")),
     "the timestamp is the bucket's")
t.ok("openmetrics-text" in pages.requests[-1][1]["Accept"] and
     "version=0.0.4" in pages.requests[-1][1]["Accept"],
     "Accept advertises both formats")
n = d.query("SELECT count(*) - count(DISTINCT timestamp || name) AS n "
            "FROM metrics.rows")
t.eq(n[0]["n"], 0, "one tick a bucket")

pages2 = Pages()
pages2.headers = {"Content-Type": "application/openmetrics-text; version=1.0.0;"
                  " charset=utf-8"}
pages2.body = (b"# TYPE c counter\n# UNIT c seconds\n" .replace(b"# UNIT c seconds\n", b"")
               + b"c_total{a=\"b\"} 3 # {trace_id=\"x\"} 0.5 1.2\n# EOF\n")
d.create("om", pages2.url, every=100)
t.ok(d.wait_ok("om"), "an OpenMetrics page with an exemplar", d.show("om"))
pages2.body = b"a 1\n"
t.ok("EOF" in d.wait_error("om"), "  without # EOF it is no page",
     d.show("om"))
pages2.close()

# ---- faults: what last_error says ----
faults = [
    ("silent", "http://127.0.0.1:%d/" % fault.info["silent"], "transient",
     "400 ms"),
    ("never", fault.base + "/never", "transient", "400 ms"),
    ("drip", fault.base + "/drip?n=1000&ms=100", "transient", "400 ms"),
    ("closed", "http://127.0.0.1:%d/" % fault.info["closed"], "transient",
     "connect"),
    ("half", fault.base + "/half", "transient", "broke off"),
    ("reset", fault.base + "/reset", "transient", "broke off"),
    ("garbage", fault.base + "/garbage", "permanent", ""),
    ("s204", fault.base + "/status/204", "permanent", "204"),
    ("s404", fault.base + "/status/404", "permanent", "404"),
    ("s401", fault.base + "/status/401", "permanent", "401"),
    ("s503", fault.base + "/status/503", "transient", "503"),
    ("s429", fault.base + "/status/429", "transient", "429"),
    ("redirect", fault.base + "/redirect?to=http://127.0.0.1:1/", "permanent",
     "302"),
    ("tlsname", "https://127.0.0.1:%d/ok" % fault.info["tls_wrong"],
     "permanent", "certificate"),
    ("tlsself", "https://127.0.0.1:%d/ok" % fault.info["tls_self"],
     "permanent", "certificate"),
    ("headers", fault.base + "/hugeheaders", "permanent", "headers"),
]
for name, url, cls, word in faults:
    d.create(name, url, **BAD)
for name, url, cls, word in faults:
    # One that is to fail otherwise may first have been too slow.
    wait(lambda: word in d.wait_error(name), 10)
    e = d.wait_error(name)
    t.ok(e.startswith(cls + ": ") and word in e,
         "%s: %s" % (name, cls), e)
t.ok(d.alive(), "the daemon goes on")
t.ok(all(d.query("SELECT count(*) AS n FROM metrics.%s" % f[0])[0]["n"] == 0
         for f in faults if f[0] in ("half", "garbage", "drip")),
     "no part of a page was kept")

# a gigabyte and a bomb: ended by the cap, the memory stays small
before = d.rss_kb()
d.create("big", fault.base + "/big", every=60000, config={"timeout_ms": 60000})
d.create("bomb", fault.base + "/bomb", every=60000,
         config={"timeout_ms": 60000})
for name in ("big", "bomb"):
    e = d.wait_error(name, 60)
    t.ok(e.startswith("permanent: "), "%s: permanent" % name, e)
san = "sanit" in os.environ.get("builddir", "")
t.ok(san or d.rss_kb() - before < 32 * 1024, "  in bounded memory",
     (before, d.rss_kb()))
for name in ("big", "bomb"):
    d.call("DELETE", "/v1/connectors/" + name)
for f in faults:
    d.call("DELETE", "/v1/connectors/" + f[0])

# ---- what a URL may hold besides the place ----
for status, ctype in ((200, "text/html"), (404, "text/plain")):
    odd = Pages()
    odd.status = status
    odd.headers = {"Content-Type": ctype}
    d.create("secret", odd.url.replace("http://", "http://user:hunter2@") +
             "?key=hunter3", every=60000)
    e = d.wait_error("secret")
    t.ok(("404" in e or "text/html" in e) and "hunter" not in e,
         "%d %s: the error names no secret of the URL" % (status, ctype), e)
    d.call("DELETE", "/v1/connectors/secret")
    odd.close()
t.ok(not any("hunter" in line for line in d.log), "  nor does the log")

# ---- a page that is none ----
pages.headers = {"Content-Type": "text/html"}
pages.body = b"<!DOCTYPE html><html>login</html>"
e = d.wait_error("rows")
t.ok(e.startswith("permanent: ") and "text/html" in e, "HTML", e)
pages.headers = {"Content-Type": "text/plain"}
t.ok(wait(lambda: "line 1" in d.show("rows")["last_error"]),
     "HTML that says it is text: line and byte", d.show("rows")["last_error"])
n = d.query("SELECT count(*) AS n FROM metrics.rows")[0]["n"]
pages.body = b"good 1\nbad{ 2\n"
t.ok(wait(lambda: "line 2" in d.show("rows")["last_error"] and
          re.search(r"byte (offset )?1[0-9]", d.show("rows")["last_error"])),
     "a fault in line 2", d.show("rows")["last_error"])
t.eq(d.query("SELECT count(*) AS n FROM metrics.rows")[0]["n"], n,
     "  nothing of that page was committed")
pages.body = b""
t.ok(d.wait_ok("rows"), "an empty page is a good page of no rows",
     d.show("rows"))

# ---- retries ----
seen = []


def flaky():
    seen.append(time.monotonic())
    pages.status = 503 if len(seen) < 3 else 200
    return b"up 1\n"


pages.body = flaky
pages.status = 503
d.call("DELETE", "/v1/connectors/rows")
d.create("flaky", pages.url, every=20000)
t.ok(d.wait_ok("flaky"), "503, 503, 200: the tick is good", d.show("flaky"))
gaps = [b - a for a, b in zip(seen, seen[1:])]
t.ok(len(seen) >= 3 and 0.04 < gaps[0] < 3 and 0.09 < gaps[1] < 3,
     "  with growing waits", gaps)
d.call("DELETE", "/v1/connectors/flaky")

# ---- secrets ----
pages.body = b"up 1\n"
pages.status = 200
ref = {"auth": {"type": "bearer", "token_ref": "$env:MT_TOKEN"}}
d.create("sec", pages.url, every=200, config=ref)
wait(lambda: d.show("sec")["disabled_reason"])
v = d.show("sec")
t.ok(v["status"] == "disabled" and
     v["disabled_reason"].startswith("token resolve: "),
     "a token that does not resolve disables", v)
n = len(pages.requests)
with open(env_file, "w") as f:
    f.write("MT_TOKEN=marker-s3cr3t\nMT_PW=marker-pa55\n")
t.eq(d.call("POST", "/v1/connectors/sec/resume")[0], 204, "resume")
t.ok(d.wait_ok("sec"), "  reads the env file again and runs", d.show("sec"))
t.eq(pages.requests[-1][1].get("Authorization"), "Bearer marker-s3cr3t",
     "  and sends the token")
basic = {"auth": {"type": "basic", "username": "u", "password_ref": "$env:MT_PW"}}
d.create("basic", pages.url, every=200, config=basic)
t.ok(d.wait_ok("basic"), "basic auth")
t.ok(any(r[1].get("Authorization") == "Basic dTptYXJrZXItcGE1NQ=="
         for r in pages.requests), "  sends user and password")
d.create("nopw", pages.url, every=200, config={"auth": {"type": "basic",
         "username": "u", "password_ref": "$env:MT_NONE"}})
wait(lambda: d.show("nopw")["disabled_reason"])
t.ok((d.show("nopw")["disabled_reason"] or "").startswith("password resolve: "),
     "a password that does not resolve")
out = json.dumps(d.get("/v1/connectors")[1]) + "".join(d.log) + \
    d.call("GET", "/metrics")[2].decode()
t.ok("marker-" not in out, "no secret in API, logs, metrics")
d.stop()
leaks = subprocess.run(["grep", "-rl", "marker-", d.data],
                       capture_output=True, text=True).stdout
t.eq(leaks, "", "no secret in the files")
d.start()

# ---- a real exporter ----
if have("prometheus-node-exporter"):
    port = free_port()
    ne = subprocess.Popen(["prometheus-node-exporter",
                           "--web.listen-address=127.0.0.1:%d" % port],
                          stderr=subprocess.DEVNULL)
    d.create("real", "http://127.0.0.1:%d/metrics" % port, every=500)
    t.ok(d.wait_ok("real"), "a real node_exporter", d.show("real"))
    r = d.query("SELECT count(*) AS n, count(DISTINCT name) AS names "
                "FROM metrics.real WHERE timestamp = "
                "(SELECT max(timestamp) FROM metrics.real)")[0]
    t.ok(r["n"] > 200 and r["names"] > 100, "  hundreds of rows a tick", r)
    ne.kill()
    ne.wait()
    t.ok("refused" in d.wait_error("real") or "connect" in
         d.wait_error("real"), "  which goes away")
else:
    t.ok(True, "a real node_exporter # SKIP not installed")

# ---- kill -9 ----
pages.body = b"".join(b"m%d %d\n" % (i, i) for i in range(200))
d.create("k", pages.url, every=100)
d.wait_ok("k")


def ticks():
    return d.query("SELECT count(DISTINCT timestamp) AS n FROM metrics.k")[0]["n"]


for i in range(6):
    n = ticks()
    wait(lambda: ticks() > n)
    d.kill()
    d.start()
rows = d.query("SELECT timestamp, count(*) AS n FROM metrics.k GROUP BY 1")
t.ok(len(rows) >= 6 and all(r["n"] == 200 for r in rows),
     "killed six times: every tick is whole", rows)
d.close()
fault.close()
pages.close()
os.unlink(env_file)
