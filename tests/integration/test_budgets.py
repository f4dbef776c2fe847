#!/usr/bin/env python3
"""Budgets of services, through the whole daemon: buckets of their own, as each service
tells of them, which of them a call waits for, what two daemons share, and a region
that is down beside others."""
import http.server
import json
import os
import re
import sys
import tempfile
import threading
import time
from urllib.parse import urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Redis, have, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
calls = []
down = {"me-south-1"}
held = []       # what it says of when to come again
EC2 = """<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<reservationSet><item><ownerId>1</ownerId><instancesSet><item>
<instanceId>i-%s</instanceId><instanceState><name>running</name></instanceState>
</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"""
UNAVAILABLE = """<Response><Errors><Error><Code>Unavailable</Code>
<Message>on fire</Message></Error></Errors></Response>"""
INDEX = "total=100; remaining=0; resets=2"


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _do(self):
        path = urlsplit(self.path).path
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        calls.append((time.monotonic(), path))
        status, more, out = 200, {}, None
        if path == "/api/v2/tickets":
            more = {"Zendesk-RateLimit-tickets-index": INDEX,
                    "ratelimit-limit": "700", "ratelimit-remaining": "699",
                    "ratelimit-reset": "41"}
            out = {"tickets": [{"id": 1}], "meta": {"has_more": False}}
        elif path == "/api/v2/users":
            out = {"users": [{"id": 7}], "meta": {"has_more": False}}
        elif path.endswith("/Microsoft.ResourceGraph/resources"):
            more = {"x-ms-user-quota-remaining": "0",
                    "x-ms-user-quota-resets-after": "00:00:02"}
            out = {"data": [{"id": "/a", "name": "a"}],
                   "resultTruncated": "false"}
        elif path == "/desk/held" and held:
            status, more, out = 429, {"Retry-After": held[0]}, {}
        elif path.startswith("/desk/"):
            out = [{"id": 1}]
        else:
            region = re.search(r"Credential=[^/]*/\d+/([^/]*)/", self.headers.get(
                "Authorization", ""))[1]
            status, out = (503, UNAVAILABLE) if region in down else \
                (200, EC2 % region)
            more = {"Content-Type": "text/xml"}
        data = (out if isinstance(out, str) else json.dumps(out)).encode()
        self.send_response(status)
        for k, v in {"Content-Type": "application/json", **more}.items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_GET = do_POST = _do

    def log_message(self, *a):
        pass


server = serve(Service)
HOST = "127.0.0.1:%d" % server.server_port
BASE = "http://" + HOST


def sent(end):
    return [at for at, path in calls if path.endswith(end)]


def status_of(d, name):
    return {r["property"]: r["value"]
            for r in d.query("SHOW CONNECTOR %s STATUS" % name)}


d = Daemon()
for name, kind, config, options in (
        ("zd", "zendesk", {"api_url": BASE, "email": "a@b.c",
                           "api_token": "x"}, {}),
        ("az", "azure", {"api_url": BASE, "auth": "bearer",
                         "access_token": "x"}, {}),
        ("gh", "github", {"token": "x", "org": "acme", "repo": "web"}, {}),
        ("own", "github", {"token": "x", "org": "acme", "repo": "web",
                           "api_url": BASE}, {}),
        ("aws", "aws", {"access_key": "AK", "secret_key": "x", "endpoint": BASE,
                        "region": "eu-central-1", "regions": [
                            "eu-central-1", "me-south-1", "eu-west-1"]},
         {"retry_count": 0})):
    d.query("CREATE CONNECTOR %s TYPE '%s' CONFIG %s OPTIONS %s" % (
        name, kind, json.dumps(config), json.dumps({"cache_ttl": 0, **options})))

# ---- a bucket that is empty holds up those who name it alone ----
EMPTY = (("zd", "tickets", "tickets_index", "users", "/tickets"),
         ("az", "resources", "graph", None, "/resources"))
waiting = []
for con, ent, bucket, free, end in EMPTY:
    ask = "SELECT count(*) AS n FROM %s.%s" % (con, ent)
    t.eq(d.query(ask), [{"n": 1}], "%s: the first is answered" % con)
    waiting.append(threading.Thread(target=d.query, args=(ask,)))
    waiting[-1].start()
for con, ent, bucket, free, end in EMPTY:
    key = "%s:%s:%s" % (HOST, con, bucket)
    t.ok(wait(lambda: d.metric("moltler_limit_waiting", budget=key) == 1, 1.5),
         "%s: a call waits, and metrics say for what" % con,
         d.metric("moltler_limit_waiting"))
    said = status_of(d, con).get("budget_" + bucket) or ""
    t.ok(re.match(r"1 call waiting, nobody asks before 20\S+Z \(its "
                  r"quota is used up\), 0 left", said),
         "%s: and SHOW CONNECTOR" % con, status_of(d, con))
    if free:
        d.query("SELECT count(*) FROM %s.%s" % (con, free))
        t.eq(len(sent(end)), 1, "%s: others go on" % con)
        t.eq(status_of(d, con).get("budget"), "699 left of 700",
             "%s: the account's own budget is another" % con)
for th in waiting:
    th.join()
for con, ent, bucket, free, end in EMPTY:
    at = sent(end)
    t.ok(len(at) == 2 and at[1] - at[0] > 1.5, "%s: until the reset" % con, at)

# ---- what a call takes ----
plan = d.query("EXPLAIN CONNECTOR_EXEC gh.repos.create_branch(repo => 'web', "
               "branch => 'x', from => 'main')")
t.ok([r.get("cost") for r in plan if r["method"] == "POST"] ==
     ["5 of points"], "a write costs five", plan)
t.ok(all(r["cost"] == "" for r in plan if r["method"] == "GET"),
     "and a look before it no more than any", plan)
plan = d.query("EXPLAIN CONNECTOR_EXEC own.issues.create(title => 'x')")
t.ok("cost" not in plan[0], "an own server counts no points", plan)
plan = d.query("EXPLAIN SELECT * FROM zd.tickets")
t.ok(plan[0]["calls"].endswith(", each takes 1 of tickets_index"),
     "EXPLAIN SELECT names the budget", plan)
d.query("CREATE CONNECTOR real TYPE 'zendesk' CONFIG {\"subdomain\": \"acme\", "
        "\"email\": \"a@b.c\", \"api_token\": \"x\"}")
d.query("CREATE CONNECTOR rich TYPE 'zendesk' CONFIG {\"subdomain\": \"acme\", "
        "\"email\": \"a@b.c\", \"api_token\": \"x\", \"high_volume\": true}")
for con, want in (("real", ", each takes 1 of export"), ("zd", ""),
                  ("rich", ", each takes 1 of export_fast")):
    plan = d.query("EXPLAIN SELECT * FROM %s.tickets WHERE "
                   "updated_at >= '2026-01-01T00:00:00Z'" % con)[0]
    t.ok("incremental" in plan["request"] and
         plan["calls"].partition(",")[2] == want[1:],
         "%s: the budget of such a connector" % con, plan)

# ---- a region that is down ----


def stats(sql):
    return d.post("/v1/query", {"sql": sql, "format": "json"})[1]


out = stats("SELECT instance_id FROM aws.ec2 ORDER BY 1")
t.ok("i-eu-central-1" in str(out) and "i-eu-west-1" in str(out) and
     out["stats"]["skipped"] == 1 and "503" in out["stats"]["skipped_why"],
     "the others are listed, and it is said", out)
out = d.query("SYNC CONNECTOR aws.ec2 TO sqlite:cloud")[0]
t.ok(out["status"] == "partial" and out["documents_synced"] == 2 and
     "503" in str(out), "a sync of them is partial", out)
try:
    t.ok(False, "one region alone: no answer", d.query(
        "SELECT count(*) FROM aws.ec2 WHERE region = 'me-south-1'"))
except RuntimeError as e:
    t.ok("http_503" in str(e) and "on fire" in str(e),
         "one region alone is an error", e)
down |= {"eu-west-1", "eu-central-1"}
try:
    t.ok(False, "all are down: no answer",
         d.query("SELECT count(*) FROM aws.ec2"))
except RuntimeError as e:
    t.ok("http_503" in str(e), "all are down: an error", e)
t.eq(d.close(), 0, "it ends well")

# ---- two daemons, one bucket ----
DESK = {"format": 1, "type": "desk", "title": "Desk", "drive_model": "on_demand",
        "config": {}, "base_url": BASE, "test": {"url": "/desk/me"},
        "limits": {"scope": "acme", "buckets": {
            "search": {"rate": 10, "burst": 10}}},
        "entities": {n: {"key": ["id"], "columns": {"id": {"type": "integer"}},
                         "lists": [{"url": "/desk/" + n, **more}]}
                     for n, more in (("found", {"bucket": "search", "cost": 5}),
                                     ("items", {}), ("held", {}))}}

# ---- a service that says days ----
with tempfile.TemporaryDirectory() as folder:
    os.mkdir(os.path.join(folder, "desk"))
    with open(os.path.join(folder, "desk", "manifest.json"), "w") as f:
        json.dump(DESK, f)
    d = Daemon("--connectors", folder)
    d.query("CREATE CONNECTOR dk TYPE 'desk' CONFIG {}")

    def sync():
        return d.get("/v1/syncs/dk.held")[1]

    def runs():
        return sync()["runs"]

    for secs, ask in (
            # It waits: in the queue; or it would be too long, and it failed.
            ("40000", "TEST CONNECTOR dk"),
            ("200000", "RESUME SYNC dk.held"),
            ("200000", "ALTER CONNECTOR dk SET OPTIONS {\"timeout_seconds\": 20}"),
            ("40000", "ALTER CONNECTOR dk ENABLE")):
        held[:] = [secs]
        d.query("SYNC CONNECTOR dk.held TO sqlite:dk SCHEDULE '0 0 29 2 *'")
        t.ok(wait(lambda: "waits_until" in status_of(d, "dk")),
             "%s s, so it waits" % secs, status_of(d, "dk"))
        s = status_of(d, "dk")
        until = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() + int(secs)))
        t.ok(s["waits_until"].startswith(until) and "refused" in s["waits_why"],
             "  and says until when, and why", s)
        row = d.query("SHOW CONNECTORS")[0]["Last Sync"]
        t.ok(", waits until %s" % s["waits_until"] in row and
             s["waits_why"] in row, "  SHOW CONNECTORS too", row)
        t.eq(d.get("/v1/connectors/dk")[1]["waits_until"], s["waits_until"],
             "  and the API")
        if secs == "200000":
            t.ok(wait(lambda: sync()["verdict"] == "failed") and
                 s["waits_until"][:10] in sync()["last_error"],
                 "  a run that would wait too long failed", sync())
        del held[:]
        n = runs()
        d.query(ask)
        t.ok(wait(lambda: runs() > n and sync()["verdict"] == "complete"),
             "%s: it asks again at once" % ask.split(" SET")[0], sync())
        t.ok("waits_until" not in status_of(d, "dk"), "  and waits no more",
             status_of(d, "dk"))
        d.query("DROP SYNC dk.held")
    t.eq(d.close(), 0, "it ends well")
if have("redis-server") and have("redis-cli"):
    r = Redis()
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "desk"))
        with open(os.path.join(folder, "desk", "manifest.json"), "w") as f:
            json.dump(DESK, f)
        two = [Daemon("--redis", r.url, "--connectors", folder)
               for _ in range(2)]
        two[0].query("CREATE CONNECTOR desk TYPE 'desk' CONFIG {} OPTIONS "
                     '{"cache_ttl": 0}')
        wait(lambda: two[1].get("/v1/connectors/desk")[0] == 200, 15)
        ths = [threading.Thread(target=x.query, args=(
            "SELECT count(*) FROM desk.found",)) for x in two * 2]
        for th in ths:
            th.start()
        for x in two:
            x.query("SELECT count(*) FROM desk.items")
        for th in ths:
            th.join()
        at = sent("/found")
        # Two at once, then two a second, whoever asks.
        t.ok(len(at) == 4 and at[3] - at[0] > 0.8,
             "together they keep to it", at)
        t.ok(max(sent("/items")) < at[3], "other calls do not wait",
             sent("/items"))
        t.eq(r.cli("KEYS", "moltler:limit:*"),
             "moltler:limit:%s:desk:acme:search" % HOST, "by name in Redis")
        for x in two:
            x.close()
    r.close()
else:
    t.skip("two daemons, one bucket", "no redis-server here")
server.shutdown()
