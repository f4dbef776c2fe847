#!/usr/bin/env python3
"""Splunk, behind a certificate of its own, and Microsoft Graph on loopback: what goes
down and what is looked at here give the same rows, more events than one answer has
come whole, and syncs have all that came since."""
import fnmatch
import http.server
import json
import os
import random
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, have  # noqa: E402
from tap import Tap  # noqa: E402

if not have("openssl"):
    Tap.skip_all("openssl is not there")
t = Tap()
rnd = random.Random(11)
T0 = 1770000000
FOLDER = tempfile.mkdtemp(prefix="moltler-splunk-")
CERT, KEY = os.path.join(FOLDER, "own.pem"), os.path.join(FOLDER, "own.key")
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                "-keyout", KEY, "-out", CERT, "-days", "2", "-subj",
                "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
               check=True, capture_output=True)


def iso(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + \
        ".%03dZ" % (ms % 1000)


def event(n, ms):
    host = rnd.choice(["Pier1", "pier2", "cafe*", 'q"uay \\ 1'])
    return {"_time": iso(ms)[:-1] + "+00:00", "at": ms / 1000, "_bkt": "web~1~A",
            "_cd": "1:%d" % n, "_raw": "event %d" % n, "host": host,
            "index": rnd.choice(["web", "mail"]), "source": rnd.choice(
                ["/var/log/a", "/var/log/b", "C:\\x"]),
            "sourcetype": rnd.choice(["access", "error"]),
            "_indextime": str(ms // 1000 + 1), "n": str(n)}


# Densely in one place, thinly elsewhere.
EVENTS = [event(n, (T0 + (n if n < 1500 else 1500 + n * 997)) * 1000 +
                n % 1000) for n in range(3000)]
SESSIONS, SEEN, HEC = set(), [], []


def unquote(s):
    return re.sub(r"\\(.)", r"\1", s[1:-1]) if s.startswith('"') else s


def term(key, op, values):
    """Whether an event is one of those: any case, and * is any text."""
    if key.startswith("_index_"):
        n = int(values[0])
        return (lambda e: int(e["_indextime"]) >= n) if "earl" in key else \
            (lambda e: int(e["_indextime"]) < n)
    res = [re.compile(fnmatch.translate(re.sub(
        r"([\[?])", r"[\1]", unquote(v).lower()))) for v in values]
    return lambda e: any(r.match(e.get(key, "").lower())
                         for r in res) == (op == "=")


def spl(text, form):
    head, *pipes = text.split(" | ")
    assert head.startswith("search"), head
    lo = float(form.get("earliest_time", 0))
    hi = float(form.get("latest_time", 1e12))
    value = r'"(?:[^"\\]|\\.)*"|[^\s(),"]+'
    terms = [term(key, op, [v]) for key, op, v in
             re.findall(r"(\w+)(!?=)(%s)" % value, head)]
    terms += [term(key, "=", re.findall(value, v)) for key, v in
              re.findall(r"(\w+) IN \(((?:%s|, )+)\)" % value, head)]
    rows = [e for e in EVENTS if lo <= e["at"] < hi and
            all(x(e) for x in terms)]
    rows.reverse()
    for p in pipes:
        word, *rest = p.split()
        if word == "sort":
            rows.sort(key=lambda e: e["_time"], reverse=rest[-1] == "desc")
        elif word == "head":
            rows = rows[:int(rest[0])]
    return rows


class Splunk(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *a):
        pass

    def answer(self, status, body):
        b = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        self.wfile.write(b)

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        auth = self.headers.get("Authorization", "")
        if self.path == "/services/collector/event":
            HEC.append((auth, json.loads(raw)))
            return self.answer(200, {"text": "Success", "code": 0})
        form = dict(urllib.parse.parse_qsl(raw))
        if self.path == "/services/auth/login":
            SESSIONS.add("s%d" % len(SEEN))
            return self.answer(200, {"sessionKey": "s%d" % len(SEEN)})
        if auth[7:] not in SESSIONS:
            return self.answer(401, {"messages": [{
                "type": "WARN", "text": "call not properly authenticated"}]})
        SEEN.append(form["search"])
        if form["search"].startswith("|"):
            rows = [{"count": str(len(EVENTS))}]
        else:
            rows = spl(form["search"], form)
        out = [json.dumps({"preview": False, "offset": i, "result": r})
               for i, r in enumerate(rows)] + ['{"preview":false,"lastrow":true}']
        self.answer(200, ("\n".join(out) + "\n").encode())


# ---- Graph: three channels of two teams ----
CHANNELS = {("t1", "19:a@x"): 130, ("t1", "19:b@x"): 0, ("t2", "19:c@x"): 60}
MESSAGES = {k: [{"id": str(T0 + i), "body": {"content": "m%d" % i},
                 "createdDateTime": iso((T0 + i) * 1000),
                 "lastModifiedDateTime": iso((T0 + 100 * i) * 1000),
                 "deletedDateTime": iso((T0 + i) * 1000) if i % 7 == 0 else
                 None, "channelIdentity": {"teamId": k[0], "channelId": k[1]}}
                for i in range(n)] for k, n in CHANNELS.items()}
ASKED = []


class Graph(Splunk):
    def do_GET(self):
        u = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(u.query))
        at = [urllib.parse.unquote(x) for x in u.path.split("/")[2:]]
        ASKED.append(self.path)
        if len(ASKED) == 3:
            self.send_response(429)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if at == ["teams"]:
            return self.answer(200, {"value": [
                {"id": x, "displayName": x, "isArchived": None}
                for x in ("t1", "t2")]})
        if len(at) == 2:
            return self.answer(200, {"id": at[1], "isArchived": at[1] == "t2"})
        if len(at) == 3:
            return self.answer(200, {"value": [{"id": c} for x, c in CHANNELS
                                               if x == at[1]]})
        rows = MESSAGES[at[1], at[3]]
        if at[-1] == "delta" and "$filter" in q:
            since = re.match(r"lastModifiedDateTime gt (.*)$",
                             q["$filter"]).group(1)
            rows = [m for m in rows if m["lastModifiedDateTime"] > since]
        if at[-1] == "delta" and "since" in q:
            rows = [m for m in rows if m["lastModifiedDateTime"] > q["since"]]
            since = q["since"]
        skip = int(q.get("$skiptoken", 0))
        body = {"value": rows[skip:skip + 50]}
        if skip + 50 < len(rows):
            body["@odata.nextLink"] = "%s%s?$skiptoken=%d" % (
                graph, u.path[5:], skip + 50)
            if at[-1] == "delta":
                body["@odata.nextLink"] += "&since=" + urllib.parse.quote(since)
        elif at[-1] == "delta":
            body["@odata.deltaLink"] = "%s%s?since=%s" % (
                graph, u.path[5:], urllib.parse.quote(max(
                    [m["lastModifiedDateTime"] for m in rows] + [since])))
        self.answer(200, body)


def serve(handler, tls=False):
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    s.daemon_threads = True
    s.handle_error = lambda *a: None
    if tls:
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(CERT, KEY)
        s.socket = c.wrap_socket(s.socket, server_side=True,
                                 do_handshake_on_connect=False)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s, "%s://127.0.0.1:%d" % ("https" if tls else "http",
                                     s.server_port)


s1, splunk = serve(Splunk, True)
s2, graph = serve(Graph)
graph += "/v1.0"
d = Daemon(env={"K": "key"})


def splunk_connector(name, more, size=300):
    d.query("CREATE CONNECTOR %s TYPE 'splunk' CONFIG {\"url\": \"%s\", "
            '"auth": {"type": "session", "username": "ops", "password": '
            '"$env:K"}, "hec_url": "%s", "hec_token": "$env:K"} OPTIONS '
            '{"cache_ttl": 0, "rate_limit": 1000, "rate_limit_burst": 1000, '
            '"retry_count": 0, "batch_size": %d%s}' %
            (name, splunk, splunk, size, more))


def fails(sql, *words):
    try:
        d.query(sql)
    except RuntimeError as e:
        return all(w in str(e) for w in words) or t.note(str(e))
    return False


# ---- whom to trust ----
splunk_connector("strict", "")
t.ok(fails("SELECT host FROM strict.search LIMIT 1", "certificate", "ca_file"),
     "a certificate of nobody is refused, and it is said what to do")
splunk_connector("own", ', "ca_file": "%s"' % CERT)
splunk_connector("any", ', "tls_verify": false', 5000)
for name in ("own", "any"):
    t.eq(len(d.query("SELECT host FROM %s.search LIMIT 3" % name)), 3,
         name + ": rows, and the session too")
t.ok(fails("SELECT host FROM strict.search LIMIT 1", "certificate"),
     "which helps no other connector")
GONE = os.path.join(FOLDER, "gone.pem")
try:
    splunk_connector("gone", ', "ca_file": "%s"' % GONE)
    why = "nothing"
except RuntimeError as e:
    why = str(e)
t.ok("options.ca_file" in why and GONE in why and "No such file" in why,
     "a file that is not there is refused at once", why)
shutil.copy(CERT, GONE)
splunk_connector("gone", ', "ca_file": "%s"' % GONE)
os.unlink(GONE)
t.ok(fails("SELECT host FROM gone.search LIMIT 1", GONE) or
     fails("SELECT host FROM gone.search LIMIT 1", "ca_file"),
     "one that goes away is an error, of each call")
t.eq(d.query("ALTER CONNECTOR gone SET CONFIG {\"url\": \"%s\"}" % splunk)
     is not None, True, "and keeps nobody from changing another thing")
t.ok(fails("ALTER CONNECTOR gone SET CONFIG {\"url\": \"%s/?q=1\"}" % splunk,
           "config.url", "behind which no path"), "but a URL with a question in it")
t.ok(fails("ALTER CONNECTOR gone SET OPTIONS {\"client_cert\": \"%s\"}" % CERT,
           "options.ca_file", "options.client_cert", "client_key"),
     "a certificate without a key: all that is wrong is said")

# ---- events ----
n = len(SEEN)
t.eq(SEEN[-1], "search index=* | head 3", "a LIMIT goes down")
SESSIONS.clear()
t.eq(len(d.query("SELECT host FROM own.search LIMIT 2")), 2,
     "a session that has ended is made anew")
got = d.query("SELECT count(*) AS n, count(DISTINCT _cd) AS k FROM own.search")
t.eq((got[0]["n"], got[0]["k"]), (3000, 3000),
     "ten times what one answer has: all, once")
t.ok(len(SEEN) - n < 90, "in few searches", len(SEEN) - n)
POOL = ["$host = 'pier1'", "$host = 'cafe*'", "$host != 'PIER2'",
        "$host IN ('Pier1', 'q\"uay \\ 1')", "$host LIKE 'pier%'",
        "$host LIKE '%uay%'", "$source LIKE '/var/%'", "$source = 'C:\\x'",
        "$sourcetype != 'error'", '"index" = \'web\'', '"index" IN (\'mail\', \'none\')',
        "$_time >= '%s'" % iso(T0 * 1000 + 700500),
        "$_time < '%s'" % iso(T0 * 1000 + 1400003),
        "$_time <= '%s'" % iso(T0 * 1000 + 2000000),
        "$_indextime > '%s'" % iso(T0 * 1000 + 400000)]
bad = rows = 0
for _ in range(25):
    conds = rnd.sample(POOL, 3)
    text = "SELECT _cd FROM any.search WHERE %s ORDER BY _cd"
    down = d.query(text % " AND ".join(c.replace("$", "") for c in conds))
    here = d.query(text % " AND ".join(c.replace("$", "+") for c in conds))
    if down != here:
        bad += 1
        t.note("%s: %d rows, here %d" % (conds, len(down), len(here)))
    rows += len(down)
t.ok(bad == 0 and rows > 0, "the same events, whoever looks", bad)
got = d.query("SELECT n FROM (SELECT json_extract(fields, '$.n') AS n, _time "
              "FROM own.search WHERE host LIKE 'p%' ORDER BY _time DESC "
              "LIMIT 3)")
t.eq(got, [{"n": e["n"]} for e in reversed(EVENTS)
           if e["host"][0] in "pP"][:3], "the newest, by fields")
got = d.query("SELECT json_extract(fields, '$.count') AS n FROM own.search "
              "WHERE search = '| tstats count'")
t.eq(got, [{"n": "3000"}], "a search of one's own")
d.query('EXEC own.search.send_event({"event": "late", "index": "web"})')
t.eq(HEC, [("Splunk key", {"event": "late", "index": "web"})],
     "an event goes to the collector, with its own token")

# ---- a sync ----
SYNC = "SYNC CONNECTOR own.search TO events INCREMENTAL ON _time"
t.eq(d.query(SYNC)[0]["documents_synced"], 3000, "a sync has all")
late = max(int(e["_indextime"]) for e in EVENTS)
EVENTS += [event(3000 + i, (late + i) * 1000) for i in range(5)]
n = len(SEEN)
d.query(SYNC)
t.eq(d.query("SELECT count(*) AS n FROM events")[0]["n"], 3005,
     "and then what came since")
t.eq(len(SEEN) - n, 1, "in one search")

SYNC = "SYNC CONNECTOR own.search TO late INCREMENTAL ON _indextime"
d.query(SYNC)
EVENTS.append(event(4000, (T0 + 5) * 1000))
EVENTS[-1]["_indextime"] = str(int(time.time()))
n = len(SEEN)
d.query(SYNC)
t.eq((d.query("SELECT count(*) AS n FROM late")[0]["n"], len(SEEN) - n),
     (3006, 1), "what happened long ago and came late, by its _indextime")

# ---- Graph ----
d.query("CREATE CONNECTOR ms TYPE 'teams' CONFIG {\"auth\": {\"type\": \"token\""
        ', "token": "$env:K"}, "graph_url": "%s"} OPTIONS {"cache_ttl": 0}' %
        graph)
got = d.query("SELECT team_id, channel_id, count(*) AS n FROM ms.messages "
              "GROUP BY 1, 2 ORDER BY 1, 2")
t.eq([((r["team_id"], r["channel_id"]), r["n"]) for r in got],
     [(k, n) for k, n in CHANNELS.items() if n],
     "teams: all messages of all channels, by pages of 50")
since = "updated_at >= '%s'" % iso((T0 + 11000) * 1000)
text = "SELECT team_id, id FROM ms.messages WHERE %s ORDER BY 1, 2"
# Delta looks back eight months only; the fake's clock stands still.
del ASKED[:]
old = d.query(text % since)
t.eq((len(old), any("delta" in x for x in ASKED)),
     (20, time.time() < T0 + 11000 + 20000000),
     "teams: what changed since, by delta as long as it looks back")
shift = int(time.time()) - T0 - 20000
for rows in MESSAGES.values():
    for i, m in enumerate(rows):
        m["lastModifiedDateTime"] = iso((T0 + shift + 100 * i) * 1000)
since = "updated_at >= '%s'" % iso((T0 + shift + 4000) * 1000)
del ASKED[:]
new = d.query(text % since)
t.ok(any("delta" in x for x in ASKED), "teams: by delta", ASKED)
del ASKED[:]
t.eq(new, d.query(text % ("+" + since)), "teams: the same as looked at here")
t.ok(not any("delta" in x for x in ASKED), "teams: which reads all", ASKED)
t.eq(d.query("SELECT id, is_archived FROM ms.teams ORDER BY id"),
     [{"id": "t1", "is_archived": False}, {"id": "t2", "is_archived": True}],
     "teams: what the list does not tell is asked of each")
SYNC = "SYNC CONNECTOR ms.messages TO talk INCREMENTAL ON updated_at"
t.eq(d.query(SYNC)[0]["documents_synced"], 190, "teams: a sync has all")
MESSAGES["t2", "19:c@x"][3]["lastModifiedDateTime"] = iso(
    (T0 + shift + 19000) * 1000)
MESSAGES["t2", "19:c@x"][3]["body"] = {"content": "edited"}
del ASKED[:]
d.query(SYNC)
t.ok(all("delta" in x for x in ASKED if "messages" in x),
     "teams: the next asks for what changed", ASKED)
t.eq(d.query("SELECT body FROM talk WHERE team_id = 't2' AND id = '%d'" %
             (T0 + 3)), [{"body": "edited"}], "teams: and has it")
t.eq(d.close(), 0, "the daemon ends well")
s1.shutdown()
s2.shutdown()
shutil.rmtree(FOLDER)
