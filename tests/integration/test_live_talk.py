"""Opsgenie, Zendesk, HubSpot and Slack on loopback: what goes down into a request
and what is looked at here give the same rows, in fewer calls; and a sync goes on
beyond what a search may hold."""
import calendar
import functools
import http.server
import json
import os
import random
import re
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, serve  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
rnd = random.Random(7)
T0 = 1770000000


def iso(s, ms=0):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(s)) + ".%03dZ" % ms


@functools.lru_cache(1 << 16)
def secs(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


ALERTS = [{"id": "a%03d" % n, "tinyId": str(n), "alias": "k%d" % n,
           "message": "disk %d" % n, "status": rnd.choice(["open", "closed"]),
           "acknowledged": n % 3 == 0, "isSeen": True, "snoozed": n % 5 == 0,
           "tags": [x for x in ("web", "db", "two words") if rnd.random() < .4],
           "priority": "P%d" % (n % 5 + 1), "count": n % 7, "source": "s",
           "owner": "" if n % 4 else "ann@x.example", "createdAt":
           iso(T0 + n * 50, n % 1000), "updatedAt": iso(T0 + n * 77, 1),
           "lastOccurredAt": iso(T0 + n * 90)} for n in range(1, 251)]
TICKETS = [{"id": 2 ** 53 + n, "subject": "s%d" % n, "status": rnd.choice(
            ["new", "open", "pending", "solved"]), "priority": rnd.choice(
            [None, "low", "high", "urgent"]), "type": rnd.choice(
            [None, "problem", "task"]), "assignee_id": rnd.choice(
            [None, 5, 6]), "requester_id": n % 9, "tags": [x for x in
            ("vip", "late") if rnd.random() < .4], "via": {"channel": "web"},
            "created_at": iso(T0 + n * 60)[:19] + "Z",
            "updated_at": iso(T0 + n * 61)[:19] + "Z"} for n in range(1, 251)]
DEALS = [{"id": str(n), "properties": {
    "dealname": rnd.choice(["Rope", "rope", "Fender"]),
    "amount": rnd.choice([None, "10", "10.5", "2000"]),
    "dealstage": rnd.choice(["won", "lost", "open"]), "pipeline": "default",
    "hubspot_owner_id": rnd.choice([None, "7", "8"])},
    "createdAt": iso(T0 + n, n % 1000), "updatedAt": iso(T0 + n // 40, n % 3),
    "archived": False} for n in range(1, 11201)]
MESSAGES = {c: [{"type": "message", "user": "U%d" % (n % 3), "text": "m%d" % n,
                 "ts": "%d.%06d" % (T0 + n * 30, n)} for n in range(240, 0, -1)]
            for c in ("C1", "C2")}
MANY = DEALS[600:]  # for the sync
del DEALS[600:]
ASKED = []


def alert_is(a, clause):
    key, op, v = re.match(r"(\w+)\s*(:|>=|<=)\s*(.*)$", clause).groups()
    v = v.strip('"')
    if key in ("createdAt", "updatedAt", "lastOccurredAt"):
        ms = secs(a[key]) * 1000 + int(a[key][20:23])
        return ms >= int(v) if op == ">=" else ms <= int(v)
    if key == "count":
        return a[key] >= int(v) if op == ">=" else a[key] <= int(v)
    if key == "tag":
        return v in a["tags"]
    if v[0] == "(":
        return a[key] in v.strip("()").split(" OR ")
    has = a[key]
    return (str(has).lower() if isinstance(has, bool) else has) == v


def ticket_is(x, query):
    """The words of one keyword are alternatives, keywords are conditions."""
    words = {}
    for w in re.findall(r'-?\w+(?:>=|<=|:|>)(?:"[^"]*"|\S+)', query):
        neg, key, op, v = re.match(r"(-?)(\w+)(>=|<=|:|>)(.*)", w).groups()
        name = {"assignee": "assignee_id", "requester": "requester_id",
                "ticket_type": "type", "created": "created_at",
                "updated": "updated_at"}.get(key, key)
        has = x[name]
        if op != ":":
            is_so = has >= v if op[0] == ">" else has <= v
        elif name == "tags":
            is_so = v in has
        else:
            is_so = str(has) == v or (has is None and v == "none")
        words.setdefault((key, op, neg), []).append(is_so != bool(neg))
    return all(any(v) for v in words.values())


def deal_is(x, f):
    at = {"createdate": "createdAt", "hs_lastmodifieddate": "updatedAt"}
    name, op = f["propertyName"], f["operator"]
    has = x["id"] if name == "hs_object_id" else x["properties"].get(name)
    if name in at:
        has = secs(x[at[name]]) * 1000 + int(x[at[name]][20:23])
        return has >= int(f["value"]) if op == "GTE" else has <= int(f["value"])
    if op in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return (has is not None) == (op == "HAS_PROPERTY")
    if op == "NEQ":
        return has is None or has.lower() != f["value"].lower()
    if has is None:
        return False
    if op == "IN":
        assert all(v == v.lower() for v in f["values"])
        return has in f["values"]
    if name == "amount":
        n, v = float(has), float(f["value"])
        return {"EQ": n == v, "GTE": n >= v, "LTE": n <= v}[op]
    return has.lower() == f["value"].lower()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *a):
        pass

    def answer(self, status, v):
        b = json.dumps(v).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        self.wfile.write(b)

    def do_GET(self):
        n = int(self.headers.get("Content-Length") or 0)
        data = json.loads(self.rfile.read(n)) if n else None
        u = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(u.query))
        ASKED.append(self.path)
        svc, _, path = u.path[1:].partition("/")
        return getattr(self, svc)("/" + path, q, data)
    do_POST = do_GET

    def og(self, path, q, data):
        rows = [a for a in ALERTS if all(alert_is(a, c) for c in
                q["query"].split(" AND "))] if "query" in q else list(ALERTS)
        rows.sort(key=lambda a: a[q["sort"]], reverse=q["order"] == "desc")
        at, size = int(q["offset"]), int(q["limit"])
        more = at + size < len(rows)
        self.answer(200, {"data": rows[at:at + size], "paging": {"next": "n"}
                          if more else {}})

    def zd(self, path, q, data):
        rows, name = TICKETS, "tickets"
        if path.endswith("/search/export"):
            rows, name = [x for x in rows if ticket_is(x, q["query"])], "results"
        if "/incremental/" in path:
            rows = [x for x in rows if secs(x["updated_at"]) >=
                    int(q["start_time"])]
            return self.answer(200, {name: rows, "end_of_stream": True})
        if "sort" in q:
            rows = sorted(rows, key=lambda x: x[q["sort"].lstrip("-")],
                          reverse=q["sort"][0] == "-")
        at, size = int(q.get("page[after]", 0)), int(q["page[size]"])
        self.answer(200, {name: rows[at:at + size], "meta": {
            "has_more": at + size < len(rows), "after_cursor": at + size}})

    def hs(self, path, q, data):
        if data is None:
            rows, at, size = DEALS, int(q.get("after", 0)), int(q["limit"])
        else:
            fs = data["filterGroups"][0]["filters"]
            rows = [x for x in DEALS if all(deal_is(x, f) for f in fs)]
            by = data["sorts"][0]
            key = {"hs_object_id": lambda x: int(x["id"]), "createdate":
                   lambda x: x["createdAt"], "hs_lastmodifieddate":
                   lambda x: x["updatedAt"]}[by["propertyName"]]
            rows = sorted(rows, key=key, reverse=by["direction"][0] == "D")
            at, size = int(data["after"]), data["limit"]
            if at + size > 10000:
                return self.answer(400, {"status": "error", "message":
                                         "paging through more than 10000"})
        v = {"total": len(rows), "results": rows[at:at + size]}
        if at + size < len(rows):
            v["paging"] = {"next": {"after": str(at + size)}}
        self.answer(200, v)

    def sl(self, path, q, data):
        if path == "/conversations.list":
            return self.answer(200, {"ok": True, "channels": [
                {"id": c, "is_member": c != "C3"} for c in ("C1", "C2", "C3")]})
        if q.get("channel") not in MESSAGES:
            return self.answer(200, {"ok": False, "error": "channel_not_found"})
        rows = [m for m in MESSAGES[q["channel"]] if
                float(q.get("oldest", 0)) <= float(m["ts"]) <=
                float(q.get("latest", 9e9))]
        at, size = int(q.get("cursor", 0)), int(q["limit"])
        self.answer(200, {"ok": True, "messages": rows[at:at + size],
                          "response_metadata": {"next_cursor": str(at + size)
                          if at + size < len(rows) else ""}})


server = serve(Handler)
base = "http://127.0.0.1:%d" % server.server_port
d = Daemon(env={"K": "key"})
OPT = ' OPTIONS {"cache_ttl": 0, "rate_limit": 1000, "rate_limit_burst": 1000}'
for name, typ, conf in (
        ("og", "opsgenie", '"api_key": "$env:K", "api_url": "%s/og"'),
        ("zd", "zendesk", '"api_token": "$env:K", "email": "a@x.example", '
         '"api_url": "%s/zd"'),
        ("hs", "hubspot", '"token": "$env:K", "api_url": "%s/hs"'),
        ("sl", "slack", '"token": "$env:K", "api_url": "%s/sl"')):
    d.query("CREATE CONNECTOR %s TYPE '%s' CONFIG {%s}%s" % (
        name, typ, conf % base, OPT))


def both(entity, key, conds, told=""):
    """The same with and without what goes down (+column stays here)."""
    where = lambda plus: " AND ".join(
        [told] * bool(told) + [c.replace("$", plus) for c in conds])
    sql = "SELECT %s FROM %s WHERE %s ORDER BY %s" % (key, entity, "%s", key)
    del ASKED[:]
    down = d.query(sql % where(""))
    calls = len(ASKED)
    del ASKED[:]
    here = d.query(sql % where("+"))
    ok = down == here and calls <= len(ASKED)
    if not ok:
        t.note("%s: %d rows in %d calls, here %d in %d" % (
            where(""), len(down), calls, len(here), len(ASKED)))
    return ok, len(down)


def tries(what, entity, key, pool, n, told=""):
    bad = rows = 0
    for _ in range(n):
        ok, k = both(entity, key, rnd.sample(pool, rnd.randint(1, 3)), told)
        bad += not ok
        rows += k
    t.ok(bad == 0 and rows > 0, what + ": the same rows, whoever looks", bad)


day = "'%s'" % iso(T0 + 6000)[:19]
later = "'%s'" % iso(T0 + 9000, 1)
tries("opsgenie", "og.alerts", "id", [
    "$status = 'open'", "$status != 'open'", "$status = 'Open'",
    "$priority IN ('P1', 'P3')", "$priority = 'P2'", "$acknowledged = 1",
    "$snoozed = 0", "$count >= 3", "$count < 5", "$owner = 'ann@x.example'",
    "$owner = ''", "$created_at >= " + day, "$created_at < " + later,
    "$updated_at > " + day, "$last_occurred_at <= " + later], 40)
tries("zendesk", "zd.tickets", "id", [
    "$status = 'open'", "$status IN ('new', 'open')", "$status != 'solved'",
    "$priority = 'high'", "$priority != 'low'", "$type IN ('task', 'problem')",
    "$assignee_id IS NULL", "$assignee_id IN (5, 6)", "$requester_id = 3",
    "$created_at >= " + day, "$created_at <= " + later,
    "$updated_at >= " + day, "$updated_at < " + later], 40)
tries("hubspot", "hs.deals", "id", [
    "$dealname = 'Rope'", "$dealname = 'none'", "$amount > 10",
    "$amount = 10.5", "$amount IS NULL", "$dealstage = 'won'",
    "$dealstage != 'won'", "$dealstage IN ('won', 'Lost')",
    "$owner_id IN ('7', '8')", "$owner_id IS NULL", "$created_at < '%s'" %
    iso(T0 + 900)[:19], "$updated_at >= '%s'" % iso(T0 + 100)[:19],
    "$id IN ('5', '6', '500')"], 20)
tries("slack", "sl.messages", "ts", [
    "$sent_at >= " + day, "$sent_at < '%s'" % iso(T0 + 7000, 500),
    "$ts > '%d.000100'" % (T0 + 3000), "$ts <= '%d.000150'" % (T0 + 4500),
    "$ts >= '%d'" % (T0 + 3000), "$user = 'U1'"], 20, "channel = 'C1'")
got = d.query("SELECT channel, count(*) AS n FROM sl.messages GROUP BY channel")
t.eq([(r["channel"], r["n"]) for r in got], [("C1", 240), ("C2", 240)],
     "slack: all channels that the app is in")
got = d.query("SELECT id FROM zd.tickets ORDER BY updated_at DESC LIMIT 2")
t.eq([r["id"] for r in got], [2 ** 53 + 250, 2 ** 53 + 249],
     "zendesk: exact ids, in the order of the service")
DEALS += MANY
got = d.query("SELECT count(*) AS n, count(DISTINCT id) AS k FROM hs.deals "
              "WHERE pipeline = 'default'")
t.eq((got[0]["n"], got[0]["k"]), (len(DEALS), len(DEALS)),
     "hubspot: more than a search may hold, in windows")

# ---- a sync beyond what a search may hold ----
d.query("SYNC CONNECTOR hs.deals TO deals INCREMENTAL ON updated_at",
        timeout=120)
t.eq(d.query("SELECT count(*) AS n FROM deals")[0]["n"], len(DEALS),
     "hubspot: the first run has all")
for x in DEALS:
    x["updatedAt"] = iso(T0 + 90000 + int(x["id"]) // 40, int(x["id"]) % 3)
    x["properties"]["dealstage"] = "done"
del ASKED[:]
d.query("SYNC CONNECTOR hs.deals TO deals INCREMENTAL ON updated_at",
        timeout=120)
t.ok(any("/search" in x for x in ASKED), "hubspot: the second run searches",
     ASKED[:2])
t.eq(d.query("SELECT count(*) AS n FROM deals WHERE dealstage = 'done'")[0]
     ["n"], len(DEALS), "hubspot: and has all that changed, 11,200 of them")
t.eq(d.close(), 0, "the daemon ends well")
server.shutdown()
