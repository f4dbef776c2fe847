#!/usr/bin/env python3
"""The types that fetch OAuth tokens, against a service that gives them: what is
asked, that a refresh token which serves once is replaced, that a token which has
ended is fetched anew, what a refusal says, and that none of it is shown."""
import base64
import http.server
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, serve  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()

# Type: where it gets tokens, how the request is written, the config that leads here
# ({}: the service), an entity to EXPLAIN, and whether the refresh token is replaced.
TYPES = {
    "gitlab": ("/oauth/token", "form", {"api_url": "{}/api/v4",
               "token_url": "{}/oauth/token"}, "issues", True),
    "bitbucket": ("/site/oauth2/access_token", "form",
                  {"api_url": "{}/2.0", "workspace": "w",
                   "token_url": "{}/site/oauth2/access_token"}, "repos", True),
    "jira": ("/oauth/token", "json", {"base_url": "{}/ex/jira/5f0c",
             "token_url": "{}/oauth/token"}, "projects", True),
    "confluence": ("/oauth/token", "json",
                   {"base_url": "{}/ex/confluence/5f0c",
                    "token_url": "{}/oauth/token"}, "spaces", True),
    "slack": ("/api/oauth.v2.access", "form", {"api_url": "{}/api"}, "users",
              True),
    "pagerduty": ("/oauth/token", "form", {"api_url": "{}",
                  "token_url": "{}/oauth/token"}, "services", True),
    "zendesk": ("/oauth/tokens", "json", {"api_url": "{}"}, "tickets", True),
    "hubspot": ("/oauth/v1/token", "form", {"api_url": "{}"}, "contacts",
                False),
}
CLIENT = {"bitbucket": {}, "pagerduty": {"scope": "as_account-us.w x.read"},
          "zendesk": {}}
# One answer to all test calls.
FINE = {"ok": True, "user": {"active": True}, "values": [], "results": []}


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    n = 0               # the refresh token it takes
    rotates = True
    slack = False
    good = None         # the access token
    asked = []

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        kind = self.headers.get("Content-Type") or ""
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = json.loads(text) if "json" in kind else \
            dict(urllib.parse.parse_qsl(text))
        form["kind"] = "json" if "json" in kind else "form"
        word = self.headers.get("Authorization") or ""
        if word.startswith("Basic "):
            form["client_id"], form["client_secret"] = base64.b64decode(
                word[6:]).decode().split(":", 1)
        cls = Service
        cls.asked.append((self.path, form))
        ok = form.get("client_secret") == "app-s3cret" and \
            form.get("client_id") == "the-app"
        if form.get("grant_type") == "refresh_token":
            ok = ok and form.get("refresh_token") == "refresh-s3cret-%d" % cls.n
            cls.n += ok and cls.rotates
        if not ok:
            self.answer(200 if cls.slack else 400,
                        {"ok": False, "error": "invalid_refresh_token" if
                         cls.slack else "invalid_grant"})
            return
        cls.good = "access-s3cret-%d" % len(cls.asked)
        out = {"ok": True, "access_token": cls.good, "expires_in": 3600}
        if form["grant_type"] == "refresh_token":
            out["refresh_token"] = "refresh-s3cret-%d" % cls.n
        self.answer(200, out)

    def do_GET(self):
        if self.headers.get("Authorization") == "Bearer %s" % self.good:
            self.answer(200, FINE)
        elif self.slack:
            self.answer(200, {"ok": False, "error": "token_expired"})
        else:
            self.answer(401, {"message": "no"})

    def log_message(self, *args):
        pass


srv = serve(Service)
BASE = "http://127.0.0.1:%d" % srv.server_address[1]
d = Daemon("--log-level", "debug", env={"MOLTLER_MASTER_KEY": "7b" * 32,
                                        "APP": "app-s3cret"})
seen = []


def ask(sql):
    status, out = d.post("/v1/query", {"sql": sql, "format": "json"})
    seen.append(json.dumps(out))
    return json.dumps(out)


def make(conn, kind, config):
    fill = {k: v.format(BASE) for k, v in TYPES[kind][2].items()}
    return ask("CREATE CONNECTOR %s TYPE '%s' CONFIG %s OPTIONS "
               '{"cache_ttl": 0, "retry_count": 0}' % (conn, kind, json.dumps(
                   {**fill, "client_id": "the-app",
                    "client_secret": "$env:APP", **config})))


def works(conn):
    out = ask("TEST CONNECTOR %s" % conn)
    return '"ok": true' in out or '"ok":true' in out or out


for kind, (path, how, _, ent, rotates) in TYPES.items():
    Service.n, Service.rotates, Service.slack = 0, rotates, kind == "slack"
    Service.good, Service.asked = None, []
    ask("SET SECRET %s_rt = 'refresh-s3cret-0'" % kind)
    make(kind, kind, {"auth": "refresh_token",
                      "refresh_token": "{{secrets.%s_rt}}" % kind})
    got = ask("EXPLAIN SELECT * FROM %s.%s" % (kind, ent))
    t.ok(BASE in got and not Service.asked, kind + ": EXPLAIN asks nothing",
         got)
    t.eq(works(kind), True, "  signed in with a refresh token")
    Service.good = None
    t.eq(works(kind), True, "  a token that has ended is fetched anew")
    t.eq([(p, f["kind"], f.get("refresh_token")) for p, f in Service.asked],
         [(path, how, "refresh-s3cret-%d" % (i if rotates else 0))
          for i in range(2)],
         "  by what the service wants, no refresh token twice" if rotates else
         "  by what the service wants")
    Service.good, Service.n = None, 99
    got = works(kind)
    t.ok(got is not True and "no token" in got and "invalid_" in got,
         "  a refusal is told", got)
for kind, more in CLIENT.items():
    Service.good, Service.asked, Service.slack = None, [], False
    make(kind + "_cc", kind, {"auth": "client_credentials", **more})
    t.eq(works(kind + "_cc"), True, kind + ": signed in by client credentials")
    t.eq([(p, f["kind"], f["grant_type"]) for p, f in Service.asked],
         [(TYPES[kind][0], TYPES[kind][1], "client_credentials")],
         "  by what the service wants")
d.stop()
text = "\n".join(d.log + seen)
t.eq([w for w in ("app-s3cret", "refresh-s3cret", "access-s3cret")
      if w in text], [], "no log, error, EXPLAIN or answer shows any")
