#!/usr/bin/env python3
"""Lists longer than a service shows, on loopback: a PagerDuty of 25,000 incidents
that refuses what lies beyond 10,000, ranges of more than half a year and ranges with
one end; a SELECT and a sync get all, and one that is killed goes on.  And a
GitHub that says that nothing changed."""
import bisect
import calendar
import http.server
import json
import os
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
N = 25000
END = int(time.time()) - 86400
# Most of them within two months, some long ago.
AT = sorted(END - (i * 200 if i < N - 2000 else 46 * 10 ** 5 + i * 4000)
            for i in range(N))
HALF = 184 * 86400
CALLS = []
REPOS = [{"id": n, "name": "r%d" % n, "full_name": "o/r%d" % n,
          "owner": {"login": "o"}, "private": False, "fork": False,
          "updated_at": "2026-01-%02dT00:00:00Z" % n,
          "created_at": "2025-01-01T00:00:00Z"} for n in range(1, 9)]
SLOW = [0]


def iso(s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))


def secs(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


BODY = ['{"id":"Q%d","incident_number":%d,"title":"i","status":"resolved",'
        '"created_at":"%s"}' % (i, i, iso(at)) for i, at in enumerate(AT)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *a):
        pass

    def answer(self, status, text, **headers):
        b = text.encode()
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        if status != 304:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        if status != 304:
            self.wfile.write(b)

    def refuse(self, why):
        self.asked["refused"] = why
        self.answer(400, json.dumps({"error": {
            "message": "Arguments Caused Error", "code": 2002,
            "errors": [why]}}))

    def incidents(self, q):
        lo, hi = 0, N
        time.sleep(SLOW[0])
        if "date_range" not in q:
            if "since" not in q or "until" not in q:
                return self.refuse("a range has two ends")
            since, until = secs(q["since"]), secs(q["until"])
            if until - since > HALF:
                return self.refuse("the range is longer than six months")
            self.asked["since"] = since
            lo, hi = bisect.bisect_left(AT, since), bisect.bisect_left(AT, until)
        o, n = int(q["offset"]), int(q["limit"])
        if o + n > 10000:
            return self.refuse("Offset+limit exceeds maximum allowed value "
                               "of 10000. Please try to refine your search")
        if q.get("sort_by", "").endswith(":asc"):
            part = BODY[lo + o:min(lo + o + n, hi)]
        else:
            top = hi - o
            part = BODY[max(lo, top - n):max(lo, top)][::-1]
        total = ',"total":%d' % (hi - lo) if q.get("total") == "true" else ""
        self.answer(200, '{"incidents":[%s],"more":%s%s}' % (
            ",".join(part), "true" if o + n < hi - lo else "false", total))

    def repos(self, q):
        key = {"updated": "updated_at"}.get(q.get("sort"), "id")
        rows = sorted(REPOS, key=lambda r: r[key],
                      reverse=q.get("direction") == "desc")
        text = json.dumps(rows)
        tag = '"%x"' % (hash(text) & 0xffffffff)
        if self.headers.get("If-None-Match") == tag:
            self.asked["same"] = True
            return self.answer(304, "", ETag=tag)
        self.answer(200, text, ETag=tag)

    def do_GET(self):
        u = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(u.query))
        self.asked = {"path": u.path, "q": q}
        CALLS.append(self.asked)
        if u.path == "/incidents":
            self.incidents(q)
        else:
            self.repos(q)


server = serve(Handler)
url = "http://127.0.0.1:%d" % server.server_port
fast = {"cache_ttl": 0, "rate_limit": 100000, "rate_limit_burst": 1000}

d = Daemon()
for name, kind, config in (
        ("pd", "pagerduty", {"api_key": "k", "api_url": url}),
        ("gh", "github", {"token": "t", "api_url": url})):
    status, out = d.post("/v1/connectors", {
        "name": name, "type": kind, "config": config, "options": fast})
    t.ok(status == 201, "a connector of %s" % kind, out)


def refused():
    return sorted({c["refused"] for c in CALLS if "refused" in c})


CALLS.clear()
rows = d.query("SELECT count(*) AS n, count(DISTINCT id) AS ids, "
               "min(created_at) AS lo FROM pd.incidents")
t.eq((rows[0]["n"], rows[0]["ids"], rows[0]["lo"][:19]),
     (N, N, iso(AT[0])[:19]), "SELECT counts all incidents")
t.eq(refused(), [], "and asks for nothing that is refused")
t.note("%d calls" % len(CALLS))
t.ok(len(CALLS) < 450, "in not many more calls than pages", len(CALLS))
CALLS.clear()
rows = d.query("SELECT id FROM pd.incidents ORDER BY created_at DESC LIMIT 150")
t.eq([r["id"] for r in rows], ["Q%d" % (N - 1 - i) for i in range(150)],
     "the newest of them")
t.eq((len(CALLS), refused()), (2, []), "in two calls")

CALLS.clear()
SLOW[0] = 0.01
status, out = d.post("/v1/syncs", {
    "connector": "pd", "entity": "incidents", "incremental": "created_at",
    "schedule_ms": 300, "target": "inc"})
t.ok(status == 201, "a sync of incidents", out)
# Past the empty years and well into the rows.
wait(lambda: sum("since" in c and c["since"] > AT[500] for c in CALLS) > 60, 20)
d.kill()
CALLS.clear()
SLOW[0] = 0
d.start()


def count():
    try:
        return d.query("SELECT count(*) AS n, count(DISTINCT id) AS ids "
                       "FROM inc")[0]
    except RuntimeError:
        return None


wait(lambda: (count() or {}).get("n") == N, 20, 0.1)
t.eq(count(), {"n": N, "ids": N}, "killed in mid-run, it has all at its end")
t.eq(refused(), [], "and asks for nothing that is refused")
first = min(c["since"] for c in CALLS if "since" in c)
t.ok(first > AT[0], "it went on where it was", (iso(first), iso(AT[0])))
wait(lambda: d.get("/v1/syncs")[1]["items"][0].get("verdict") == "complete", 10)
t.eq(d.get("/v1/syncs")[1]["items"][0].get("verdict"), "complete",
     "the run is complete")


def sync():
    CALLS.clear()
    out = d.query("SYNC CONNECTOR gh.repos TO repos INCREMENTAL ON updated_at")
    return out[0], sum("same" in c for c in CALLS if c["path"] != "/incidents")


out, same = sync()
t.eq((out["status"], out["documents_synced"], same), ("completed", 8, 0),
     "a sync of repositories")
out, same = sync()
t.eq((out["documents_synced"], same), (0, 0), "from the cursor on")
out, same = sync()
t.eq((out["status"], out["documents_synced"], same), ("completed", 0, 1),
     "nothing changed: not modified")
t.ok("not modified" in json.dumps(out), "and it says so", out)
REPOS[2]["updated_at"] = "2026-02-01T00:00:00Z"
out, same = sync()
t.eq((out["documents_synced"], same), (1, 0), "one changed")
sync()
out, same = sync()
t.eq((out["documents_synced"], same), (0, 1), "and nothing again")
d.close()
server.shutdown()
