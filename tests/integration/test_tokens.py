#!/usr/bin/env python3
"""Tokens that are fetched, from SQL to the wire: a service whose refresh tokens
serve once and whose access tokens end, one daemon, two on a Redis, and what is
never shown."""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, Daemon, Redis, have, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
KEY = "7b" * 32


class Auth:
    """The service.  Its words are kept, so that the logs can be searched."""

    def __init__(self):
        self.lock = threading.Lock()
        self.n = 0              # the refresh token it takes
        self.reused = 0
        self.fetched = 0
        self.client = 0         # of client credentials
        self.good = set()       # access tokens
        self.calls = []
        self.keys = []          # of ?key=
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                n = int(self.headers.get("Content-Length") or 0)
                form = dict(urllib.parse.parse_qsl(
                    self.rfile.read(n).decode()))
                if self.path == "/token":
                    time.sleep(0.1)
                    self.answer(*outer.token(form))
                else:
                    self.api()

            def do_GET(self):
                self.api()

            def api(self):
                word = (self.headers.get("Authorization") or "")[7:]
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                with outer.lock:
                    outer.calls.append(self.path)
                    outer.keys.append(query.get("key"))
                    ok = word in outer.good
                if not ok:
                    self.answer(401, {"message": "not good: " + word})
                else:
                    self.answer(200, [{"id": 1, "name": "one"},
                                      {"id": 2, "name": "two"}])

            def log_message(self, *args):
                pass

        self.srv = serve(Handler)
        self.base = self.srv.base

    def token(self, form):
        with self.lock:
            if form.get("grant_type") == "client_credentials":
                if form.get("client_secret") != "client-s3cret":
                    return 401, {"error": "invalid_client",
                                 "error_description": "bad secret: " +
                                 form.get("client_secret", "")}
                self.client += 1
                word = "client-access-%d" % self.client
                self.good.add(word)
                return 200, {"access_token": word, "expires_in": 3600}
            if form.get("refresh_token") != "refresh-secret-%d" % self.n:
                self.reused += 1
                return 400, {"error": "invalid_grant"}
            self.n += 1
            self.fetched += 1
            self.good = {"rotating-access-%d" % self.n}
            return 200, {"access_token": "rotating-access-%d" % self.n,
                         "refresh_token": "refresh-secret-%d" % self.n,
                         "expires_in": 3600}


def manifest(name, auth, config):
    fields = {"url": {"type": "url", "required": True, "description": "u"}}
    fields.update(config)
    return {"format": 1, "type": name, "title": name, "description": "d",
            "drive_model": "on_demand", "config": fields, "auth": auth,
            "base_url": "{{config.url}}",
            "entities": {"things": {
                "main": True, "description": "d", "key": ["id"],
                "columns": {"id": {"type": "integer"},
                            "name": {"type": "text"}},
                "lists": [{"url": "/things", "records": "$"}],
                "actions": {"make": {"description": "m", "method": "POST",
                                     "url": "/things"}}}},
            "test": {"url": "/things"}}


def secret(text):
    return {"type": "secret", "required": True, "description": text}


home = tempfile.mkdtemp(prefix="moltler-types-")
FORM = {"url": "/token", "form": {"grant_type": "refresh_token",
                                  "refresh_token": "{{config.refresh}}"}}
types = {
    "rotating": ({"kind": "token", "request": FORM, "token": "access_token",
                  "expires_in": "expires_in",
                  "rotates": {"from": "refresh_token", "to": "refresh"}},
                 {"refresh": secret("refresh token")}),
    "client": ({"kind": "token", "request": {"url": "/token", "form": {
        "grant_type": "client_credentials",
        "client_secret": "{{config.secret}}"}}, "token": "access_token",
        "expires_in": "expires_in"}, {"secret": secret("secret")}),
    "keyed": ({"kind": "headers", "headers": {
        "Authorization": "Bearer {{config.secret}}"},
        "query": {"key": "{{config.secret}}"}}, {"secret": secret("key")}),
}
for name, (auth, config) in types.items():
    os.makedirs(os.path.join(home, name))
    with open(os.path.join(home, name, "manifest.json"), "w") as f:
        json.dump(manifest(name, auth, config), f)

s = Auth()
ENV = {"MOLTLER_MASTER_KEY": KEY, "CLIENT": "client-s3cret", "WRONG": "wr0ng!!",
       "KEYED": "rotating-access-x"}
ARGS = ["--connectors", home, "--log-level", "debug"]
seen = []


def fails(d, sql):
    status, out = d.post("/v1/query", {"sql": sql, "format": "json"})
    seen.append(json.dumps(out) if isinstance(out, dict) else str(out))
    return out["error"] if isinstance(out, dict) and "error" in out else {}


def rows(d, name):
    out = d.query("SELECT id, name FROM %s.things" % name)
    seen.append(json.dumps(out))
    return len(out)


def make(d, name, kind, config):
    return d.query("CREATE CONNECTOR %s TYPE '%s' CONFIG %s OPTIONS "
                   '{"cache_ttl": 0, "retry_count": 0}' %
                   (name, kind, json.dumps(dict(config, url=s.base))))


# ---- one daemon ----
try:
    d = Daemon(*ARGS, env=ENV)
except RuntimeError:
    ARGS = ARGS[:2]
    d = Daemon(*ARGS, env=ENV)
make(d, "cc", "client", {"secret": "$env:CLIENT"})
t.eq([rows(d, "cc") for _ in range(3)], [2, 2, 2], "client credentials")
t.eq(s.client, 1, "  one token for all")
s.good.clear()
t.eq(rows(d, "cc"), 2, "a token that was revoked is fetched again")
t.eq(s.client, 2, "  once")
make(d, "bad", "client", {"secret": "$env:WRONG"})
e = fails(d, "SELECT * FROM bad.things")
t.ok("invalid_client" not in e.get("code", "") and
     "bad secret" in e.get("message", ""), "a refusal is told", e)
t.ok("wr0ng" not in json.dumps(e), "  without the secret it cites", e)
n = len(s.calls)
got = d.query("EXPLAIN CONNECTOR_EXEC cc.things.make({})")
seen.append(json.dumps(got))
t.ok("/things" in json.dumps(got) and len(s.calls) == n,
     "EXPLAIN shows the request and sends nothing", got)
t.ok(d.query("TEST CONNECTOR cc")[0]["ok"], "TEST CONNECTOR")

# ---- a key in the URL ----
s.good.add("rotating-access-x")
make(d, "keyed", "keyed", {"secret": "$env:KEYED"})
t.eq(rows(d, "keyed"), 2, "a key in the query")
t.eq(s.keys[-1], "rotating-access-x", "  was sent")
s.good.discard("rotating-access-x")
e = fails(d, "SELECT * FROM keyed.things")
t.ok("401" in e.get("message", ""), "  and is told when refused", e)
t.ok("access-x" not in json.dumps(e), "  without being shown", e)

# ---- refresh tokens that serve once ----
d.query("SET SECRET rt = 'refresh-secret-0'")
make(d, "rot", "rotating", {"refresh": "{{secrets.rt}}"})
t.eq(rows(d, "rot"), 2, "a refresh token that is replaced")
s.good.clear()
t.eq(rows(d, "rot"), 2, "  the new one serves next")
t.eq((s.fetched, s.reused), (2, 0), "  none twice")
d.stop()
d.start()
t.eq(rows(d, "rot"), 2, "  also after a start")
t.eq((s.fetched, s.reused), (3, 0), "  for it was stored")
make(d, "lit", "rotating", {"refresh": "refresh-secret-%d" % s.n})
t.eq(rows(d, "lit"), 2, "a literal is replaced, too")
s.good.clear()
t.eq(rows(d, "lit"), 2, "  and used")
t.eq(s.reused, 0, "  none twice")
os.environ["RT"] = "x"
make(d, "env", "rotating", {"refresh": "$env:RT"})
e = fails(d, "SELECT * FROM env.things")
t.ok("{{secrets.NAME}}" in e.get("message", ""),
     "one that cannot be stored is not used up", e)
t.eq(s.reused, 0, "  nothing was asked")
d.stop()
logs = list(d.log)

# ---- two daemons ----
if have("redis-server"):
    r = Redis()
    a = Daemon("--redis", r.url, *ARGS, env=ENV)
    b = Daemon("--redis", r.url, *ARGS, env=ENV)
    s.n, s.fetched, s.reused = 0, 0, 0
    a.query("SET SECRET rt = 'refresh-secret-0'")
    make(a, "rot", "rotating", {"refresh": "{{secrets.rt}}"})
    wait(lambda: b.get("/v1/connectors/rot")[0] == 200 and
         b.query("SHOW SECRETS"), 20)
    for i in range(3):
        out = []
        both = [threading.Thread(target=lambda d=d: out.append(rows(d, "rot")))
                for d in (a, b) for _ in range(3)]
        for x in both:
            x.start()
        for x in both:
            x.join()
        t.eq(out, [2] * 6, "two daemons ask at once, round %d" % (i + 1))
        t.eq(s.reused, 0, "  no refresh token twice")
        s.good.clear()
    t.ok(s.fetched <= 6, "  few were fetched", s.fetched)
    dump = "".join(r.cli("GET", k) for k in
                   r.cli("KEYS", "moltler:cache:*").split("\n"))
    t.ok("rotating-access" not in dump, "what Redis keeps is sealed")
    for d in (a, b):
        d.stop()
        logs += d.log
    r.kill()
else:
    t.skip("two daemons", "redis-server is not installed")

# ---- fixtures ----
fx = [{"description": "signed with what stands in for a token",
       "config": {"url": "https://a.test", "secret": "$env:FIXTURE_SECRET"},
       "entity": "things", "columns": ["id"],
       "exchanges": [{"request": {"method": "GET",
                                  "url": "https://a.test/things",
                                  "headers": {"Authorization":
                                              "Bearer fixture-token"}},
                      "response": {"status": 200, "body": [{"id": 1}]}}],
       "rows": [[1]]},
      {"description": "with one that is fetched", "token": "fetch",
       "config": {"url": "https://a.test", "secret": "$env:FIXTURE_SECRET"},
       "test": True,
       "exchanges": [{"request": {
           "method": "POST", "url": "https://a.test/token",
           "body": "grant_type=client_credentials&client_secret="
                   "fixture-secret"},
           "response": {"status": 200, "body": {"access_token": "x1"}}},
           {"request": {"method": "GET", "url": "https://a.test/things",
                        "headers": {"Authorization": "Bearer x1"}},
            "response": {"status": 200, "body": []}}],
       "result": None}]
os.makedirs(os.path.join(home, "client", "fixtures"))
with open(os.path.join(home, "client", "fixtures", "all.json"), "w") as f:
    json.dump(fx, f)
got = subprocess.run([os.path.join(BUILD, "moltler"), "manifest", "test",
                      os.path.join(home, "client")], capture_output=True,
                     text=True)
t.eq(got.returncode, 0, "fixtures play with and without fetching")
if got.returncode:
    t.note(got.stdout + got.stderr)

words = ["client-s3cret", "wr0ng!!", "refresh-secret-", "client-access-",
         "rotating-access-"]
text = "\n".join(logs + seen)
t.eq([w for w in words if w in text], [], "no log, error or answer shows any")
shutil.rmtree(home)
