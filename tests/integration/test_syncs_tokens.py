#!/usr/bin/env python3
"""Syncs that go on by what the service's last page said: Zendesk's stream of
changes, and Graph's delta, which each channel has its own of.  Only what changed is
asked for; a token that is forgotten leads back to the beginning; nothing is lost by
a kill."""
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, Daemon, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
LOCK = threading.Lock()


def iso(s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))


class Source:
    """Things by id in the order in which they last changed."""

    def __init__(self):
        self.log = []               # (n, id): what changed when
        self.things = {}
        self.n = 0
        self.epoch = 1              # tokens of others are forgotten

    def put(self, ident, **more):
        self.n += 1
        self.things[ident] = dict(self.things.get(ident, {}), id=ident,
                                  n=self.n, at=iso(time.time()), **more)
        self.log = [x for x in self.log if x[1] != ident] + [(self.n, ident)]

    def since(self, n, size):
        """(things, where it goes on, whether that is all)"""
        some = [x for x in self.log if x[0] > n]
        return ([self.things[i] for _, i in some[:size]],
                some[:size][-1][0] if some else n, len(some) <= size)


tickets = Source()
channels = {}                       # id -> Source
removed = set()
boards = {"a": 3, "b": 12}          # dashboard -> its last version
ASKED = []
slow = [0]
refuse = {}                         # channel -> status
lead = [None]                       # where delta links lead, if not here


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16              # an answer is one packet

    def log_message(self, *a):
        pass

    def answer(self, v, status=200):
        body = json.dumps(v).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        u = urllib.parse.urlsplit(self.path)
        q = {k: v[0] for k, v in urllib.parse.parse_qs(u.query).items()}
        path = urllib.parse.unquote(u.path)
        if slow[0]:
            time.sleep(slow[0])
        with LOCK:
            ASKED.append((path, q))
            if "/messages" in path:
                self.messages(path, q)
            elif path == "/teams":
                self.answer({"value": [{"id": "t1", "displayName": "One"}]})
            elif path.endswith("/channels"):
                self.answer({"value": [{"id": c, "displayName": c}
                                       for c in sorted(channels)
                                       if c not in removed]})
            elif path == "/api/search":
                self.answer([{"uid": c, "title": c, "type": "dash-db"}
                             for c in sorted(boards)])
            elif path.endswith("/versions"):
                uid = path.split("/")[4]
                self.answer({"continueToken": "", "versions": [
                    {"uid": uid, "version": n, "parentVersion": n - 1,
                     "restoredFrom": 0, "created": iso(1770000000 + n),
                     "createdBy": "ann", "message": "m%d" % n}
                    for n in range(boards[uid], 0, -1)]})
            elif "/incremental/" in path:
                self.stream(path, q)
            else:
                self.answer({"error": "RecordNotFound"}, 404)

    def stream(self, path, q):
        size = int(q.get("per_page", "1000"))
        if "cursor" in q:
            epoch, n = map(int, q["cursor"].split("-"))
            if "start_time" in q or epoch != tickets.epoch:
                self.answer({"error": "InvalidValue", "description":
                             "cursor"}, 422)
                return
        elif "start_time" not in q:
            self.answer({"error": "no start_time"}, 400)
            return
        else:
            n = 0
        rows, to, end = tickets.since(n, size)
        kind = path.split("/")[-2]
        self.answer({kind: [{
            "id": x["id"], "subject": "s%d" % x["n"], "name": "s%d" % x["n"],
            "status": x.get("status", "open"), "active": x.get("status") !=
            "deleted", "tags": [], "via": {"channel": "web"}, "created_at":
            x["at"], "updated_at": x["at"]} for x in rows],
            "after_cursor": "%d-%d" % (tickets.epoch, to),
            "after_url": None, "before_cursor": None, "end_of_stream": end})

    def messages(self, path, q):
        c = path.split("/")[4]
        src = channels[c]
        base = "http://%s%s?" % (self.headers["Host"],
                                 urllib.parse.quote(path))
        if c in refuse:
            self.answer({"error": {"code": "Forbidden"}}, refuse[c])
            return
        if not path.endswith("/delta"):
            n, token = int(q.get("$skiptoken", "0")), "$skiptoken"
        elif "$deltatoken" in q or "$skiptoken" in q:
            epoch, n = map(int, q.get("$deltatoken", q.get("$skiptoken"))
                           .split("-"))
            if epoch != src.epoch:
                self.answer({"error": {"code": "resyncRequired"}}, 410)
                return
        else:
            # Only what is newer than was asked for: here, nothing old.
            n = src.n - len([1 for x in src.things.values()
                             if x.get("fresh")])
        rows, to, end = src.since(n, 3)
        v = {"value": [{"id": x["id"], "body": {"content": "m%d" % x["n"],
             "contentType": "text"}, "createdDateTime": x["at"],
             "lastModifiedDateTime": x["at"], "deletedDateTime":
             x.get("deleted"), "channelIdentity": {"teamId": "t1",
             "channelId": c}} for x in rows]}
        if not path.endswith("/delta"):
            if not end:
                v["@odata.nextLink"] = base + "$skiptoken=%d" % to
        elif end:
            v["@odata.deltaLink"] = base + "$deltatoken=%d-%d" % (src.epoch,
                                                                  to)
            if lead[0]:
                v["@odata.deltaLink"] = lead[0] + "/x?" + str(to)
        else:
            v["@odata.nextLink"] = base + "$skiptoken=%d-%d" % (src.epoch, to)
        self.answer(v)


srv = serve(Service)
URL = "http://127.0.0.1:%d" % srv.server_port
d = Daemon(env={"K": "secret"})


def sql(s):
    r = d.post("/v1/query", {"sql": s})
    if r[0] != 200 or "error" in (r[1] or {}):
        raise RuntimeError("%s: %s" % (s, r))
    return r[1]


sql('CREATE CONNECTOR zd TYPE \'zendesk\' CONFIG {"api_url": "%s", "api_token": '
    '"$env:K", "email": "a@x.example"} OPTIONS {"batch_size": 50}' % URL)
sql('CREATE CONNECTOR tm TYPE \'teams\' CONFIG {"graph_url": "%s", "auth": '
    '{"type": "token", "token": "$env:K"}}' % URL)


def make(connector, entity, target, **more):
    status, out = d.post("/v1/syncs", dict({
        "connector": connector, "entity": entity, "target": target,
        "incremental": "updated_at", "schedule_ms": 86400000,
        "options": {"deletes": "remove"}}, **more))
    t.ok(status == 201, "a sync of %s.%s" % (connector, entity), out)
    return out.get("sync") or out.get("id")


def client(*args):
    return subprocess.run([os.path.join(BUILD, "moltler"), "--url",
                           "http://127.0.0.1:%d" % d.port, *args],
                          capture_output=True, check=False).returncode == 0


def show(ident):
    return d.get("/v1/syncs/" + ident)[1]


def run(ident, full=False):
    """One run to its end; what was asked meanwhile."""
    del ASKED[:]
    before = show(ident)["runs"]
    status, out = d.post("/v1/syncs/%s/run%s" % (
        ident, "?full=1" if full else ""))
    if status >= 300:
        raise RuntimeError(out)
    wait(lambda: show(ident)["runs"] > before and
         show(ident)["status"] != "running", 20)
    return list(ASKED)


def rows(table):
    return {r["id"]: r[c] for c in ("subject",) for r in d.query(
        "SELECT id, subject FROM %s" % table)}


def said(table):
    return {(r["channel_id"], r["id"]): r["body"] for r in d.query(
        "SELECT channel_id, id, body FROM %s" % table)}


def want_tickets():
    return {i: "s%d" % x["n"] for i, x in tickets.things.items()
            if x.get("status") != "deleted"}


def want_messages():
    return {(c, i): "m%d" % x["n"] for c, s in channels.items()
            for i, x in s.things.items() if not x.get("deleted")}


# ---- Zendesk ----
for i in range(1, 131):
    tickets.put(i)
s = make("zd", "tickets", "zt")
wait(lambda: show(s)["verdict"] == "complete", 20)
t.eq(rows("zt"), want_tickets(), "the first run reads all")
t.eq([q.get("cursor") for _, q in ASKED], [None, "1-50", "1-100"],
     "page by page, by the cursor alone")
tickets.put(7)
tickets.put(200)
tickets.put(9, status="deleted")
asked = run(s)
t.eq([q.get("cursor") for _, q in asked], ["1-130"],
     "the next one asks for what is new")
t.eq(rows("zt"), want_tickets(), "changed, new and deleted ones are as they are")
t.eq([q.get("cursor") for _, q in run(s)], ["1-133"], "and then for nothing")
t.eq(show(s)["last_rows"], 0, "which brings no rows")
t.eq(show(s)["cursor"]["tickets"]["parts"], 1, "what is kept is shown")
t.eq([q.get("start_time") for _, q in run(s, full=True)], ["0", None, None],
     "a full run begins anew")
t.eq(rows("zt"), want_tickets(), "and finds the same")
tickets.epoch += 1
tickets.put(8)
t.eq([q.get("cursor") for _, q in run(s)],
     ["1-133", None, "2-53", "2-103"],
     "a cursor that is forgotten leads to the beginning, once")
t.eq(rows("zt"), want_tickets(), "nothing is doubled or lost")
t.ok("no longer knew" in (show(s)["reason"] or ""), "and it is said", show(s))
x = d.get("/v1/syncs/%s/explain" % s)[1]["items"][0]
t.ok("cursor?start_time=0" in x["calls"][0]["request"] and "acknowledged"
     in x["commit"] and "1 part goes on" in x["note"], "EXPLAIN tells it", x)
# Killed in mid-run: what was acknowledged is not asked for again.
for i in range(1000, 4000):
    tickets.put(i)
slow[0] = 0.01
del ASKED[:]
d.post("/v1/syncs/%s/run" % s)
wait(lambda: len(ASKED) > 56, 20)
d.kill()
d.start()
slow[0] = 0
first = run(s)[0][1].get("cursor", "2-0")
t.ok(2500 < int(first.split("-")[1]) < 3000, "after a kill it goes on where "
     "all was acknowledged", first)
t.ok(rows("zt") == want_tickets(), "and nothing is lost")
u = make("zd", "users", "zu", incremental="updated_at")
wait(lambda: show(u)["verdict"] == "complete", 20)
t.eq(len(d.query("SELECT id FROM zu")), len(want_tickets()),
     "users that are not active are none")

# ---- Graph: a delta for each channel ----
for c in ("c1", "c2", "c3"):
    channels[c] = Source()
    for i in range(1, 8):
        channels[c].put("%s-%d" % (c, i))
m = make("tm", "messages", "tm_all")
wait(lambda: show(m)["verdict"] == "complete", 20)
t.eq(said("tm_all"), want_messages(), "the first run reads all, and old ones too")


def deltas(asked):
    return sorted(((p.split("/")[4], q.get("$deltatoken")) for p, q in asked
                   if p.endswith("/delta") and "$skiptoken" not in q),
                  key=lambda x: (x[0], x[1] or ""))


def plain(asked):
    return sorted({p.split("/")[4] for p, q in asked
                   if p.endswith("/messages")})


channels["c1"].put("c1-2")
channels["c2"].put("c2-9")
channels["c2"].put("c2-1", deleted=iso(time.time()))
asked = run(m)
t.eq(deltas(asked), [("c1", "1-7"), ("c2", "1-7"), ("c3", "1-7")],
     "then each channel is asked for what changed in it")
t.eq(plain(asked), [], "and nothing else")
t.eq(said("tm_all"), want_messages(), "changed, new and deleted messages")
t.eq(show(m)["cursor"]["messages"]["parts"], 3, "a token each")
channels["c4"] = Source()
for i in range(5):
    channels["c4"].put("c4-%d" % i)
channels["c1"].put("c1-11")
asked = run(m)
t.eq((deltas(asked), plain(asked)), ([("c1", "1-8"), ("c2", "1-9"), ("c3",
     "1-7"), ("c4", None)], ["c4"]), "a channel that is new is read whole")
t.eq(said("tm_all"), want_messages(), "and only that one")
refuse.update(c2=403, c5=403)
channels["c2"].put("c2-12")
channels["c3"].put("c3-12")
channels["c5"] = Source()
channels["c5"].put("c5-1")
for n in range(2):
    asked = run(m)
    out = show(m)
    # The first that was refused, which may be either.
    t.ok(out["verdict"] == "partial" and any(
        "/channels/%s/messages/delta answered 403" % c in out["reason"]
        for c in ("c2", "c5")) and "2 parts were left out" in out["reason"],
         "a channel that is refused is left out, and named", out)
    t.ok(("c2", "1-9") in deltas(asked) and ("c5", None) in deltas(asked) and
         plain(asked) == [], "and tried again by each run", asked)
    t.eq({k: v for k, v in said("tm_all").items() if k[0] != "c2"},
         {k: v for k, v in want_messages().items() if k[0] not in refuse},
         "the others go on")
    t.eq(len([k for k in said("tm_all") if k[0] == "c2"]), 7,
         "nothing of it is taken for deleted")
    channels["c3"].put("c3-7%d" % n)
t.eq(show(m)["status"], "partial", "the sync is on")
refuse.update({c: 403 for c in channels})
run(m)
out = show(m)
t.ok(out["verdict"] == "failed" and "lacks a permission" in out["reason"],
     "where all are refused it is the credentials", out)
refuse.clear()
d.post("/v1/syncs/%s/resume" % m)
asked = run(m)
t.ok(("c2", "1-9") in deltas(asked) and plain(asked) == ["c5"],
     "it goes on where it was", asked)
t.eq(said("tm_all"), want_messages(), "and has lost nothing")
channels["c3"].epoch = 2
channels["c3"].put("c3-13")
asked = run(m)
t.eq((deltas(asked)[2:4], plain(asked)), ([("c3", None), ("c3", "1-10")],
     ["c3"]),
     "a token that is gone: its channel is read whole, once")
t.eq(said("tm_all"), want_messages(), "nothing is doubled or lost")
t.ok("no longer knew" in (show(m)["reason"] or ""), "and it is said", show(m))
t.eq(deltas(run(m))[2], ("c3", "2-11"), "then by the new one")
lead[0] = "http://127.0.0.2:1"
channels["c1"].put("c1-20")
run(m)
t.eq(show(m)["verdict"], "failed", "a link to another host is none")
lead[0] = None
t.ok(("c1", "1-9") in deltas(run(m)), "and is not kept", ASKED)
t.eq(said("tm_all"), want_messages(), "nothing is lost by it")
# A backup has what each part goes on by.
old = deltas(run(m))
file = os.path.join(d.data, "backup")
t.ok(client("backup", file) and all(tok for _, tok in old), "a backup")
channels["c1"].put("c1-30")
run(m)
t.ok(deltas(run(m)) != old, "then it goes on")
t.ok(client("restore", file, "--force"), "and is put back")
wait(lambda: show(m)["enabled"])
t.eq(deltas(run(m)), old, "each channel goes on where it was then")
t.eq(said("tm_all"), want_messages(), "nothing is doubled or lost")
removed.add("c4")
run(m)
t.eq(show(m)["cursor"]["messages"]["parts"], 4,
     "a channel that is there no more is forgotten")
del ASKED[:]
w = make("tm", "messages", "tm_one", where="team_id = 't1' AND channel_id = "
         "'c1' AND reply_to_id = 'c1-1'")
wait(lambda: show(w)["verdict"] == "complete", 20)
t.ok(ASKED and not deltas(ASKED), "what has no delta is read as ever", ASKED)

# A first run that may not ask for all: the next ones go on.
for i in range(20):
    channels["c2"].put("c2-long%d" % i)
sql('CREATE CONNECTOR few TYPE \'teams\' CONFIG {"graph_url": "%s", "auth": '
    '{"type": "token", "token": "$env:K"}} OPTIONS {"max_api_calls": 11}' % URL)
w = make("few", "messages", "few_all")
wait(lambda: show(w)["verdict"], 20)
n = 1
while show(w)["verdict"] == "partial" and n < 12:
    if "goes on from there" not in show(w)["reason"]:
        break
    channels["c1"].put("c1-%d" % (40 + n))
    if n == 3:
        d.kill()
        d.start()
    run(w)
    n += 1
t.ok(show(w)["verdict"] == "complete" and 3 < n < 12,
     "few calls a run: each goes on, until all is read", (n, show(w)))
t.eq({k: v for k, v in said("few_all").items()},
     {k: v for k, v in want_messages().items() if k[0] not in removed},
     "nothing is lost by it")
asked = run(w)
t.eq((plain(asked), show(w)["cursor"]["messages"]["parts"]), ([], 4),
     "then each channel goes on by its token")

# ---- Grafana: a counter for each dashboard ----
sql('CREATE CONNECTOR gr TYPE \'grafana\' CONFIG {"url": "%s", "auth": '
    '{"type": "token", "token": "$env:K"}}' % URL)
g = make("gr", "dashboard_versions", "gr_versions", incremental="version")


def versions():
    return sorted((r["dashboard_uid"], r["version"]) for r in d.query(
        "SELECT dashboard_uid, version FROM gr_versions"))


def want_versions():
    return sorted((b, n) for b, last in boards.items()
                  for n in range(1, last + 1))


wait(lambda: show(g)["verdict"] == "complete", 20)
t.eq(versions(), want_versions(), "all versions of each dashboard")
boards["a"] = 5                     # far behind where b is
boards["c"] = 2
run(g)
t.eq(versions(), want_versions(), "each dashboard counts for itself")
t.eq(show(g)["last_rows"], 4, "and only what is new is written")
t.eq(show(g)["cursor"]["dashboard_versions"]["parts"], 3, "a cursor each")
d.close()
