"""What is not so is not said: of a connector by somebody's mistake, of a service by a
proxy's page, of what is there by a daemon that has not read it yet."""
import http.server
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, Daemon, free_port, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()


class Service(http.server.BaseHTTPRequestHandler):
    """GitHub, or what stands before it."""
    protocol_version = "HTTP/1.1"
    kind, body = "application/json", None

    def do_GET(self):
        body = self.body or (b"[]" if "issues" in self.path else b"{}")
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *a):
        pass


s = serve(Service)
d = Daemon(env={"GH_TOKEN": "ghp_good"})
CONFIG = '{"token": "$env:GH_TOKEN", "owner": "o", "repo": "r", "api_url": "%s"}' % s.base


def shown():
    return [r["Status"] for r in d.query("SHOW CONNECTORS") if r["Name"] == "gh"][0]


# ---- a wrong literal says nothing of the service ----
d.query("CREATE CONNECTOR gh TYPE 'github' CONFIG %s OPTIONS {\"cache_ttl\": 0}" % CONFIG)
d.query("SELECT title FROM gh.issues")
t.eq(shown(), "connected", "it was asked")
for sql, what in (
        ("SELECT title FROM gh.issues WHERE number = 'abc'", "number is a number"),
        ("SELECT title FROM gh.issues WHERE created_at > 'yesterday'", "is a time"),
        ("SELECT title FROM gh.issues WHERE labels = 'bug'", "a list")):
    t.ok(what in d.fails(sql)["message"], sql, d.fails(sql))
    t.eq(shown(), "connected", "a mistake in a statement is no connector's")

# ---- a connector is no table ----
e = d.fails("SELECT title FROM GH LIMIT 1")["message"]
t.ok("gh is a connector" in e and "gh.issues" in e, "what stands after FROM", e)

# ---- the place is marked, and no keyword hidden ----
e = d.fails("CREATE CONNECTOR x TYPE 'github' CONFIG {token: 'hush'} OPTIONS "
            "{sync_interval: '5 min'}")["message"]
t.ok("{token: '***'} OPTIONS {sync_interval: '***'}" in e, "only values are hidden", e)
e = d.fails("CREATE CONNECTOR x TYPE 'github' CONFIG {token: 'hush'} OPTIONS {timeout: 3, "
            "cache_ttl: 'x', max_api_calls: -1}")["message"]
t.ok(e.endswith("^") and "{timeout:" in e and "the options are: " in e,
     "also where much is to be said", e)

# ---- what can be done is said, and nothing that cannot ----
Service.body = b"[" + b" " * (65 << 20) + b"]"
e = d.fails("SELECT title FROM gh.issues LIMIT 1")["message"]
t.ok("more than 67108864 bytes" in e and "set batch_size in OPTIONS" in e and
     "raise" not in e, "a page that is too large", e)
d.query("SYNC CONNECTOR gh.repos TO kept SCHEDULE '@yearly'")
d.query("ALTER CONNECTOR gh DISABLE")
e = d.fails("RUN SYNC gh.repos")["message"]
t.ok("ALTER CONNECTOR gh ENABLE" in e, "a sync of a connector that is disabled", e)
d.query("ALTER CONNECTOR gh ENABLE")

for set_, what in (('{"token": "$env:NO_SUCH_TOKEN"}', "ALTER CONNECTOR ... ENABLE"),
                   ('{"token": "$env:GH_TOKEN", "api_url": "%s"}' %
                    s.base.replace("http:", "https:"), "does not speak TLS")):
    d.query("ALTER CONNECTOR gh SET CONFIG " + set_)
    e = d.fails("SELECT title FROM gh.issues LIMIT 1")["message"]
    t.ok(what in e and "name the authority" not in e, what, e)
d.query("ALTER CONNECTOR gh SET CONFIG {\"api_url\": \"%s\"}" % s.base)

# ---- TEST: an answer that is none ----
for Service.kind, Service.body, what in (
        ("text/html; charset=utf-8", b"<html><body>Sign in</body></html>", "HTML"),
        ("application/json", b'{"resources": {', "JSON")):
    row = d.query("TEST CONNECTOR gh")[0]
    t.ok(row["ok"] is False and what in (row["error_message"] or ""),
         "TEST and an answer of " + what, row)
Service.kind, Service.body = "text/plain", b"OK"
t.eq(d.query("TEST CONNECTOR gh")[0]["ok"], True, "plain text may be what there is")
t.eq(d.close(), 0, "exit 0")

# ---- a state that was not read yet ----
d = Daemon("--redis", "redis://127.0.0.1:%d" % free_port(), start=False)
d.start(ready=False)
wait(lambda: d.port)
for sql in ("SHOW CONNECTORS", "SHOW SYNCS", "SHOW SECRETS", "DROP SECRET x", "SELECT title FROM gh.issues",
            "DESCRIBE gh.issues", "TEST CONNECTOR gh", "SHOW CONNECTOR gh",
            "EXEC gh.issues.create(title => 'x')", "RUN SYNC gh.issues"):
    e = d.fails(sql)
    t.ok("not known yet: Redis at" in e["message"], "nobody knows: " + sql, e)
t.eq(d.query("SELECT 1 AS x"), [{"x": 1}], "what needs no state goes on")
t.eq(d.query("DESCRIBE github")[0]["kind"], "config", "types, too")
for path in ("/v1/connectors", "/v1/connectors/gh", "/v1/syncs", "/v1/secrets"):
    status, out = d.get(path)
    t.ok(status == 503 and "not known yet" in json.dumps(out), path, out)
t.eq(d.get("/v1/status")[0], 200, "the status is told")
for args, rc in (([], 0), (["--format", "json"], 1)):
    p = subprocess.run([os.path.join(BUILD, "moltler"), "status", "--url",
                        "http://127.0.0.1:%d" % d.port] + args, capture_output=True, text=True)
    t.ok(p.returncode == rc and "not known yet" in p.stdout + p.stderr,
         "moltler status " + " ".join(args), (p.returncode, p.stdout, p.stderr))
d.stop()
s.shutdown()
