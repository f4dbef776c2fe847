"""What the types ask, checked against descriptions of the services' APIs: each
listing and each action of their fixtures is asked for in SQL, and the request must
be one that the description allows.  MOLTLER_SPECS names the folder that has the
descriptions (github.json, ...: OpenAPI 3), MOLTLER_NODE_MODULES the one where npm
has put @stoplight/prism-cli; MOLTLER_ONLY may name the few that are meant."""
import http.client
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, SRC, Daemon, free_port, have, reap, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

SPECS = os.environ.get("MOLTLER_SPECS", "")
ONLY = os.environ.get("MOLTLER_ONLY", "")
NODE = os.environ.get("MOLTLER_NODE_MODULES") or os.path.join(BUILD,
                                                              "node_modules")
PRISM = os.path.join(NODE, ".bin", "prism")
NAMES = ("github", "jira", "datadog", "pagerduty", "bitbucket", "opsgenie",
         "zendesk", "hubspot", "slack", "grafana", "newrelic", "dynatrace",
         "scaleway", "ovh", "gcp", "aws",
         "splunk", "teams")
if not SPECS or not os.path.isfile(os.path.join(SPECS, "github.json")):
    Tap.skip_all("MOLTLER_SPECS names no folder with API descriptions")
if not have("node") or not os.path.exists(PRISM):
    Tap.skip_all("@stoplight/prism-cli is not in " + NODE)

t = Tap()
BASE = {"github": "api_url", "jira": "base_url", "datadog": "api_url",
        "pagerduty": "api_url", "bitbucket": "api_url", "opsgenie": "api_url",
        "zendesk": "api_url", "hubspot": "api_url", "slack": "api_url",
        "grafana": "url", "newrelic": "api_url",
        "dynatrace": "environment_url", "scaleway": "api_url",
        "ovh": "api_url", "gcp": "compute_url", "aws": "endpoint",
        "splunk": "url", "teams": "graph_url"}
# What the connector's URL holds behind the host.
PREFIX = {"bitbucket": "/2.0", "slack": "/api", "teams": "/v1.0"}
# Where a description is narrower than the service: a part of the request, and why.
NARROW = {"github": [("created=", "GitHub takes ranges (..), the description "
                      "says date-time")],
          "datadog": [("POST /api/v2/events", "another host's, which wants "
                       "one key, where the description wants two")],
          "jira": [],
          "pagerduty": [("POST /v2/enqueue", "another host's, which wants its "
                         "key in the body")],
          "bitbucket": [("state=OPEN&state=MERGED", "Bitbucket takes several, "
                         "the description one"),
                        ("/issues/1", "the description knows no body")],
          "zendesk": [("/tags", "it has no body for it, and the docs have"),
                      ("/organizations/", "the same"),
                      ("/users/5", "it wants a name of who is changed, too")],
          "hubspot": [("POST /crm/objects/2026-09/contacts", "the docs make "
                       "contacts without associations, too")],
          "aws": [("/functions/arn", "functions take any JSON, the "
                   "description an object")],
          "scaleway": [("/regions/region/", "its example of a namespace is in "
                        "no region")],
          "splunk": [("POST /services/collector/event", "another host's, which "
                      "wants a token of its own"),
                     ("/dispatch", "it has no body for it, and the docs have")]}
# Calls that a description does not speak of at all.
UNTOLD = {"zendesk": re.compile(r"/job_statuses/"),
          "opsgenie": re.compile(r"/alerts/requests/"),
          "github": re.compile(r"/repos/[^/]+/[^/]+/(contents/|git/ref)"),
          "gcp": re.compile(r"/v2/projects/.*/operations/"),
          "bitbucket": re.compile(r"/(src(/.*)?|refs/branches(/.*)?)$"),
          "ovh": re.compile(r"^/v2/"),
          "grafana": re.compile(r"/dashboards/uid/[^/]+/versions$"),
          # Of objects it has the listing alone.
          "aws": re.compile(r"^/tide/"),
          # The teams of one user, and what became of a channel.
          "teams": re.compile(r"/users/|/operations")}


def plain_sorts(body):
    """HubSpot sorts by objects, its description says texts."""
    v = json.loads(body or b"{}")
    if "sorts" in v:
        v["sorts"] = [x["propertyName"] for x in v["sorts"]]
    return json.dumps(v).encode() if "sorts" in v else body


REWRITE = {"hubspot": plain_sorts}
# Descriptions that are called otherwise.
CALLED = {"teams": "microsoft_teams"}


def talk(name, config, base):
    """Sessions and tokens come from hosts that are not described."""
    if name == "splunk":
        config.update(hec_url=base, hec_token="$env:FIXTURE_SECRET")
    if name == "splunk" and config["auth"]["type"] == "session":
        config["auth"] = {"type": "bearer", "token": "$env:FIXTURE_SECRET"}
    if name == "teams":
        config["auth"] = {"type": "token", "token": "$env:FIXTURE_SECRET"}


def service_account():
    """The file of a key that Google never made."""
    if not have("openssl"):
        return {}
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"],
                         capture_output=True, text=True).stdout
    return {"credentials": json.dumps({
        "type": "service_account", "private_key_id": "k1", "private_key": key,
        "client_email": "mole@mole-harbour.iam.gserviceaccount.com"})}


class Prism:
    """The mock, and a proxy before it that keeps what it said."""

    def __init__(self, name):
        self.port = free_port()
        self.seen = []
        self.rewrite = REWRITE.get(name, lambda body: body)
        self.log = tempfile.TemporaryFile()
        self.proc = subprocess.Popen(
            [PRISM, "mock", os.path.join(
                SPECS, CALLED.get(name, name) + ".json"), "-h",
             "127.0.0.1", "-p", str(self.port), "--errors"],
            stdout=self.log, stderr=self.log)
        reap(self)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                outer.forward(self)
            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.base = self.server.base

    def ready(self):
        def up():
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port,
                                               timeout=5)
                c.request("GET", "/none")
                c.getresponse().read()
                return True
            except OSError:
                return False
        return wait(up, 60, 0.3)

    def forward(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        # The descriptions call every answer application/json; the services
        # know their own media types too.
        head = {k: v for k, v in h.headers.items() if k.lower() not in
                ("host", "accept", "accept-encoding", "connection")}
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = self.rewrite(body)
        head = {k: v for k, v in head.items() if k.lower() != "content-length"}
        if h.path == "/token":
            # Google's description wants a token of all, also of who asks for one.
            head["Authorization"] = "Bearer none"
        c.request(h.command, h.path, sent or None, head)
        r = c.getresponse()
        out = r.read()
        status = r.status
        if status == 404 and ("/alerts/requests/" in h.path or
                              "/job_statuses/" in h.path):
            status, shown = 200, b'{"isSuccess": true, "job_status": ' \
                b'{"status": "completed"}}'
        else:
            shown = out
        self.seen.append((h.command, h.path, body.decode(), r.status,
                          out.decode("utf-8", "replace")))
        h.send_response(status)
        h.send_header("Content-Type", r.getheader("Content-Type") or
                      "application/json")
        h.send_header("Content-Length", str(len(shown)))
        h.end_headers()
        h.wfile.write(shown)
        c.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.proc.kill()
        self.proc.wait()


def literal(v):
    if isinstance(v, bool):
        return "1" if v else "0"
    return str(v) if isinstance(v, (int, float)) else \
        "'" + str(v).replace("'", "''") + "'"


def condition(w):
    col, op, v = '"%s"' % w["column"], w["op"], w.get("value")
    if op == "in":
        return "%s IN (%s)" % (col, ", ".join(map(literal, v)))
    if op in ("is_null", "is_not_null"):
        return col + (" IS NULL" if op == "is_null" else " IS NOT NULL")
    if op.startswith("like"):
        return "%s LIKE %s" % (col, literal(v))
    if op == "contains":
        return "%s CONTAINS %s" % (col, literal(v))
    return "%s %s %s" % (col, op, literal(v))


def statement(conn, fx):
    if "action" in fx:
        return "EXEC %s.%s(%s)" % (conn, fx["action"],
                                   json.dumps(fx.get("args", {})))
    if fx.get("sync") is True:      # a list that syncs alone use
        return "SYNC CONNECTOR %s.%s TO sqlite:%s INCREMENTAL ON %s" % (
            conn, fx["entity"], conn, fx["on"])
    sql = "SELECT %s FROM %s.%s" % (
        ", ".join('"%s"' % c for c in fx.get("columns", [])) or "*", conn,
        fx["entity"])
    if fx.get("where"):
        sql += " WHERE " + " AND ".join(map(condition, fx["where"]))
    if fx.get("order"):
        sql += " ORDER BY " + ", ".join('"%s" %s' % tuple(o)
                                        for o in fx["order"])
    return sql + " LIMIT 1"


def cursor_of(name, entity):
    path = os.path.join(SRC, "connectors", name, "manifest.json")
    with open(path, encoding="utf-8") as f:
        return json.load(f)["entities"][entity]["cursor"]["column"]


def fixtures(name):
    folder = os.path.join(SRC, "connectors", name, "fixtures")
    for f in sorted(os.listdir(folder)):
        with open(os.path.join(folder, f), encoding="utf-8") as h:
            v = json.load(h)
        for fx in v if isinstance(v, list) else [v]:
            # What is refused before it is sent, or refused by the service.
            if "test" in fx or not fx["exchanges"] or "error" in fx:
                continue
            # Nor can be asked for from where an earlier run ended.
            if "sync" in fx and fx["sync"] is not True:
                continue
            if "sync" in fx:
                fx["on"] = cursor_of(name, fx["entity"])
            yield f[:-5], fx


def judge(name, prism, what):
    """Each request of what was just asked is one that may be."""
    if not prism.seen:
        return t.ok(False, what, "nothing was asked")
    bad = []
    for method, path, body, status, out in prism.seen:
        if "stoplight.io/prism/errors" not in out:
            continue
        if name in UNTOLD and UNTOLD[name].search(path.split("?")[0]) and \
                ("NO_PATH_MATCHED" in out or "NO_METHOD_MATCHED" in out):
            continue
        if any(part in method + " " + path for part, why in NARROW.get(name, ())) and \
                any(e in out for e in ("UNPROCESSABLE", "INVALID_CONTENT_TYPE",
                                       "UNAUTHORIZED", "find serializer")):
            continue
        bad.append("%s %s %s\n%d %s" % (method, path, body, status, out[:700]))
    return t.ok(not bad, what, "\n".join(bad))


account = service_account()
types = tempfile.mkdtemp(prefix="moltler-types-")
for n in NAMES:
    os.mkdir(os.path.join(types, n))
    with open(os.path.join(SRC, "connectors", n, "manifest.json")) as f:
        m = f.read().replace("https://event-management-intake.{{config.site}}",
                             "{{config.api_url}}")
    with open(os.path.join(types, n, "manifest.json"), "w") as f:
        f.write(m)
d = Daemon("--types-dir", types, env={"FIXTURE_SECRET": "fixture-secret"})
# What takes Opsgenie's place has a description of its own, and CloudWatch has.
RUNS = [(n, n) for n in NAMES] + [("opsgenie", "jsm_operations"),
                                  ("aws", "aws_cloudwatch")]
for n, spec in RUNS:
    if ONLY and spec not in ONLY.split():
        continue
    prism = Prism(spec)
    if not t.ok(prism.ready(), spec + ": the mock is up"):
        continue
    for i, (f, fx) in enumerate(fixtures(n)):
        config = dict(fx["config"])
        if ("cloud_id" in config) != (spec == "jsm_operations"):
            continue
        host = fx["exchanges"][0]["request"]["url"].split("/")[2]
        if n == "aws" and host.startswith("monitoring.") != \
                (spec == "aws_cloudwatch"):
            continue
        config["jsm_url" if "cloud_id" in config else BASE[n]] = prism.base + \
            PREFIX.get(n, "")
        talk(n, config, prism.base)
        if n == "gcp" and config.get("auth") != "bearer":
            config.update(account, storage_url=prism.base,
                          functions_url=prism.base,
                          token_url=prism.base + "/token")
        if n == "pagerduty":
            config["events_url"] = prism.base + "/v2"
        conn = "c_%s_%d" % (spec, i)
        try:
            d.query("CREATE CONNECTOR %s TYPE '%s' CONFIG %s OPTIONS "
                    '{"cache_ttl": 0, "retry_count": 0, "max_api_calls": 4}' %
                    (conn, n, json.dumps(config)))
        except RuntimeError as e:
            t.ok(False, "%s/%s: the connector" % (n, f), e)
            continue
        prism.seen = []
        # Examples of a description need not be rows: what counts is the asking.
        d.post("/v1/query", {"sql": statement(conn, fx), "format": "ndjson"})
        judge(n, prism, "%s/%s: %s" % (n, f, fx.get("description", "")))
    prism.close()
t.eq(d.close(), 0, "the daemon ends well")
shutil.rmtree(types)
