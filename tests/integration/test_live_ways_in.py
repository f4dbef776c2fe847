#!/usr/bin/env python3
"""Salesforce, OVHcloud, Grafana and GitLab on loopback: a query that the service runs by
itself comes whole as CSV, page after page, and a sync of it doubles nothing; a cursor goes
both ways in headers; and who asks is proven by a password, a cookie, a token in the query,
and tokens signed here, whose signatures openssl checks."""
import base64
import csv
import hashlib
import hmac
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, have, serve  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
FOLDER = tempfile.mkdtemp(prefix="moltler-ways-")
JOB = "750Ak00000JobQ1IAJ"
ODD = ["plain", 'a "word"', "two\nlines", "", None, "comma, comma", "ünï", " x ",
       "=1+1", "\r\n"]
ROWS = [{"Id": "001Ak%013d" % n, "Name": ODD[n % len(ODD)], "N": str(n)}
        for n in range(2500)]
KINDS = ["dedicatedServer", "vps", "domain"]
THINGS = [{"urn": "urn:v1:eu:resource:%s:x%d" % (KINDS[n % 3], n), "id": str(n),
           "name": "x%d" % n, "displayName": "X", "type": KINDS[n % 3],
           "owner": "o", "tags": {"n": str(n)}} for n in range(450)]


def as_csv(rows):
    """As Salesforce writes it: all in quotes, but what is empty is nothing."""
    out = io.StringIO()
    w = csv.writer(out, quoting=csv.QUOTE_NOTNULL if hasattr(
        csv, "QUOTE_NOTNULL") else csv.QUOTE_ALL, lineterminator="\n")
    w.writerow(["Id", "Name", "N"])
    for r in rows:
        if r["Name"] is None and not hasattr(csv, "QUOTE_NOTNULL"):
            out.write('"%s",,"%s"\n' % (r["Id"], r["N"]))
        else:
            w.writerow(list(r.values()))
    return out.getvalue()


def unpack(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))


class Services(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked, looks, jwts, cookies, forms = [], [0], [], [], []
    ended = [None]               # the JWT that has ended
    session = ["s1"]

    def log_message(self, *a):
        pass

    def answer(self, status, body, **headers):
        if not isinstance(body, str):
            body = json.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", headers.pop("type", "application/json"))
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.endswith("/oauth2/token"):
            form = dict(urllib.parse.parse_qsl(body))
            self.forms.append(form)
            if form.get("grant_type") == "password" and \
                    form["password"] != "pass&word+TOKEN":
                return self.answer(400, {
                    "error": "invalid_grant",
                    "error_description": "authentication failure"})
            return self.answer(200, {"access_token": "sf!1", "expires_in": 3600,
                                     "instance_url": base})
        self.asked.append((self.path, json.loads(body)))
        self.looks[0] = 0
        return self.answer(200, {"id": JOB, "state": "UploadComplete"})

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(url.query))
        self.asked.append((self.path, dict(self.headers)))
        if url.path.startswith("/api/v4/"):
            return self.gitlab(q)
        if url.path.startswith("/graf/"):
            return self.grafana()
        if url.path.startswith("/v2/"):
            return self.ovh(q)
        if self.headers.get("Authorization") != "Bearer sf!1":
            return self.answer(401, [{"errorCode": "INVALID_SESSION_ID",
                                      "message": "Session expired"}])
        if url.path.endswith("/results"):
            return self.results(q)
        self.looks[0] += 1
        return self.answer(200, {"id": JOB, "state": "JobComplete"})

    def results(self, q):
        n, at = int(q["maxRecords"]), int(q.get("locator", "@0")[1:])
        end = at + n
        self.answer(200, as_csv(ROWS[at:end]), type="text/csv",
                    Sforce_Locator="@%d" % end if end < len(ROWS) else "null")

    def ovh(self, q):
        rows = [x for x in THINGS if x["type"] == q.get("resourceType",
                                                        x["type"])]
        n = int(self.headers["X-Pagination-Size"])
        at = int(self.headers.get("X-Pagination-Cursor", "c:0")[2:])
        more = {"X_Pagination_Cursor_Next": "c:%d" % (at + n)} if \
            at + n < len(rows) else {}
        self.answer(200, rows[at:at + n], **more)

    def grafana(self):
        jwt, cookie = [self.headers.get(x) for x in
                       ("X-JWT-Assertion", "Cookie")]
        self.jwts.append(jwt)
        self.cookies.append(cookie)
        if jwt and jwt == self.ended[0]:
            return self.answer(401, {"message": "JWT has expired"})
        if not jwt and cookie != "_oauth2_proxy=" + self.session[0]:
            return self.answer(302, "<a>sign in</a>", type="text/html",
                               Location="https://sso.example/start")
        self.answer(200, [{"id": 1, "uid": "u", "title": "T", "type": "dash-db",
                           "url": "/d/u", "tags": [], "isStarred": False}])

    def gitlab(self, q):
        if q.get("private_token") != "glpat-s3cret":
            return self.answer(401, {"message": "401 Unauthorized"})
        page = int(q.get("page", 1))
        # It says its own URL again, and what it was asked with.
        more = {"Link": '<%s/api/v4/projects?page=2&private_token=glpat-s3cret>'
                '; rel="next"' % base} if page == 1 else {}
        self.answer(200, [{"id": page, "path_with_namespace": "g/p%d" % page}],
                    **more)


srv = serve(Services)
base = srv.base
S = Services
d = Daemon("--log-level", "debug", env={
    "MOLTLER_MASTER_KEY": "5a" * 32, "PW": "pass&word+TOKEN", "GL": "glpat-s3cret",
    "HS": "k" * 40, "SESSION": "s1"})


def make(name, kind, config, options='{"cache_ttl": 0, "retry_count": 0}'):
    d.query("CREATE CONNECTOR %s TYPE '%s' CONFIG %s OPTIONS %s" %
            (name, kind, json.dumps(config), options))


def fails(sql):
    try:
        return "no error: %s" % d.query(sql)
    except RuntimeError as e:
        return str(e)


# ---- Salesforce: a password, and a query that is run by itself ----
SF = {"base_url": base, "auth": "password", "client_id": "3MVGx",
      "username": "ops@pier.example", "password": "$env:PW"}
make("sf", "salesforce", SF, '{"cache_ttl": 0, "retry_count": 0, '
     '"batch_size": 700, "timeout_seconds": 20}')
got = d.query("EXEC sf.bulk_jobs.create(query => 'SELECT Id, Name, N FROM "
              "Account')")[0]
t.ok(JOB in json.dumps(got) and "JobComplete" in json.dumps(got) and
     S.looks[0] == 1, "a query that is run by itself, until it is done", got)
t.eq(S.forms, [{"grant_type": "password", "client_id": "3MVGx",
                "username": "ops@pier.example", "password": "pass&word+TOKEN"}],
     "signed in by a password, once")
t.eq(S.asked[0][1], {"operation": "query", "query": "SELECT Id, Name, N FROM "
                     "Account", "contentType": "CSV", "columnDelimiter":
                     "COMMA", "lineEnding": "LF"}, "what it asks for")
del S.asked[:]
got = d.query("SELECT Id, fields FROM sf.bulk_rows WHERE job = '%s'" % JOB)
t.ok([json.loads(r["fields"]) if isinstance(r["fields"], str) else r["fields"]
      for r in got] == ROWS, "2,500 rows of CSV, whatever is in them", got[:12])
t.eq([p.split("?")[1] for p, h in S.asked],
     ["maxRecords=700"] + ["maxRecords=700&locator=%%40%d" % n
                           for n in (700, 1400, 2100)],
     "in four calls, by the place that a header names")
t.eq({h.get("Accept") for p, h in S.asked}, {"text/csv"}, "as CSV")
del S.asked[:]
t.eq(len(d.query("SELECT Id FROM sf.bulk_rows WHERE job = '%s' LIMIT 3" % JOB)),
     3, "a few")
t.eq([p.split("?")[1] for p, h in S.asked], ["maxRecords=3"], "  are asked for")
SYNC = "SYNC CONNECTOR sf.bulk_rows TO bulk WHERE job = '%s'" % JOB
for again in ("", " again"):
    t.eq(d.query(SYNC)[0]["documents_synced"], 2500, "a sync" + again)
    t.eq(d.query("SELECT count(*) AS n, count(DISTINCT Id) AS k FROM bulk"),
         [{"n": 2500, "k": 2500}], "  has each row once")
e = fails("SELECT Id FROM sf.bulk_rows")
t.ok("job" in e, "a job must be told", e)
make("sfx", "salesforce", dict(SF, password="wr0ng-pass"))
e = fails("SELECT Id FROM sfx.bulk_jobs")
t.ok("authentication failure" in e and "wr0ng" not in e, "a wrong password", e)

# ---- OVHcloud: places and sizes in headers ----
make("ovh", "ovh", {"api_url": base, "auth": "oauth2", "client_id": "c",
                    "client_secret": "$env:PW", "token_url":
                    base + "/auth/oauth2/token"})
del S.asked[:]
t.eq(d.query("SELECT count(*) AS n, count(DISTINCT urn) AS k FROM "
             "ovh.resources"), [{"n": 450, "k": 450}], "all services, once")
t.eq([(h.get("X-Pagination-Cursor"), h["X-Pagination-Size"])
      for p, h in S.asked], [(None, "200"), ("c:200", "200"), ("c:400", "200")],
     "in three calls, by a place in a header")
t.eq({p for p, h in S.asked}, {"/v2/iam/resource"}, "  and nothing in the URL")
del S.asked[:]
t.eq(len(d.query("SELECT urn FROM ovh.resources WHERE type = 'vps' LIMIT 2")), 2,
     "a filter and a limit")
t.eq([(p, h["X-Pagination-Size"]) for p, h in S.asked],
     [("/v2/iam/resource?resourceType=vps", "2")], "  go down")

# ---- Grafana: a proxy's cookie, and tokens that are signed here ----
GRAF = {"url": base + "/graf"}
make("gc", "grafana", dict(GRAF, auth={"type": "cookie",
                                       "value": "$env:SESSION"}))
t.eq(len(d.query("SELECT uid FROM gc.dashboards")), 1, "a session's cookie")
t.eq(S.cookies[-1], "_oauth2_proxy=s1", "  as a browser sends it")
S.session[0] = "s2"
e = fails("SELECT uid FROM gc.dashboards")
t.ok("sign-in page" in e and "config" in e or "cookie of auth has ended" in e,
     "a session that has ended is said to have", e)


def signed_by(name, alg, key, check):
    make(name, "grafana", dict(GRAF, auth={
        "type": "jwt", "alg": alg, "subject": "moltler", "key": key,
        "key_id": "k-" + alg, "audience": "grafana"}))
    t.eq(len(d.query("SELECT uid FROM %s.dashboards" % name)), 1,
         alg + ": a token that is signed here")
    jwt = S.jwts[-1]
    head, claims, sig = jwt.split(".")
    h, c = json.loads(unpack(head)), json.loads(unpack(claims))
    t.eq(h, {"alg": alg, "typ": "JWT", "kid": "k-" + alg}, "  its head")
    t.ok(c.pop("exp") - c.pop("iat") == 600 and
         c == {"sub": "moltler", "aud": "grafana"}, "  its claims", c)
    t.ok(check((head + "." + claims).encode(), unpack(sig)), "  its signature")
    # It serves until it ends; then another is made, once.
    d.query("SELECT uid FROM %s.dashboards" % name)
    t.eq(S.jwts[-1], jwt, "  serves again")
    if alg == "RS256":
        return
    S.ended[0] = jwt
    if alg == "HS256":
        time.sleep(1.01)        # iat is in seconds; ES256 is never the same
    n = len(S.jwts)
    t.eq(len(d.query("SELECT uid FROM %s.dashboards" % name)), 1,
         "  one that has ended")
    t.ok(S.jwts[n] == jwt and S.jwts[n + 1] not in (jwt, None) and
         len(S.jwts) == n + 2, "  is made anew")


signed_by("gh", "HS256", "$env:HS", lambda text, sig: hmac.compare_digest(
    hmac.new(b"k" * 40, text, hashlib.sha256).digest(), sig))


def der(sig):
    """r and s as openssl wants them."""
    def whole(b):
        b = b.lstrip(b"\0") or b"\0"
        b = b"\0" * (b[0] >> 7) + b
        return b"\x02" + bytes([len(b)]) + b
    both = whole(sig[:32]) + whole(sig[32:])
    return b"\x30" + bytes([len(both)]) + both


def openssl_says(pem, text, sig):
    path = os.path.join(FOLDER, "sig")
    with open(path, "wb") as f:
        f.write(sig)
    return subprocess.run(["openssl", "dgst", "-sha256", "-prverify", pem,
                           "-signature", path], input=text,
                          capture_output=True).returncode == 0


if have("openssl"):
    for name, alg, how in (
            ("ge", "ES256", ["ecparam", "-name", "prime256v1", "-genkey",
                             "-noout"]),
            ("gr", "RS256", ["genpkey", "-algorithm", "RSA"])):
        pem = os.path.join(FOLDER, name + ".pem")
        subprocess.run(["openssl", *how, "-out", pem], check=True,
                       capture_output=True)
        with open(pem) as f:
            key = f.read()
        signed_by(name, alg, key, lambda text, sig: openssl_says(
            pem, text, der(sig) if alg == "ES256" else sig))
else:
    t.skip("ES256 and RS256", "openssl is not there")

# ---- GitLab: a token in the query, that nobody else sees ----
make("gl", "gitlab", {"auth": "query", "token": "$env:GL",
                      "api_url": base + "/api/v4"})
t.eq(d.query("SELECT id FROM gl.projects ORDER BY id"), [{"id": 1}, {"id": 2}],
     "a token in the query, on both pages")
t.ok(not any("glpat-s3cret" in x for x in d.log + [json.dumps(d.query(
    "EXPLAIN SELECT id FROM gl.projects"))]), "which no log and no EXPLAIN has")
t.eq(d.close(), 0, "the daemon ends well")
t.ok(not any(x in line for line in d.log for x in (
    "pass&word", "k" * 40, "_oauth2_proxy=s")), "and no log has a secret")
srv.shutdown()
shutil.rmtree(FOLDER)
