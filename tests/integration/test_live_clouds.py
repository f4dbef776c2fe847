"""Azure and Google Cloud as a person asks them, against fakes that page, want a
token, accept what they do later, and say when something is missing; GitHub, asked as
an app."""
import base64
import http.server
import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, have, serve  # noqa: E402
from tap import Tap  # noqa: E402

if not have("openssl"):
    Tap.skip_all("openssl is not installed")
t = Tap()
SUBS = ["5b5b0000-0000-4000-8000-00000000000%d" % i for i in (1, 2)]
PER_PAGE, PAGES = 40, 3
calls = []
state = {"polls": 0, "lost": False}


def vm_id(sub, n, group="quay"):
    return "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Compute/" \
        "virtualMachines/vm%d" % (sub, group, n)


def vms(sub, q):
    """A page of machines; where only states are asked, in another case."""
    at, only = int(q.get("$skip", ["0"])[0]), "statusOnly" in q
    out = []
    for n in range(at, at + PER_PAGE):
        v = {"id": vm_id(sub, n, "QUAY" if only else "quay"),
             "name": "vm%d" % n, "location": "westeurope", "properties": {}}
        if only:
            v["properties"]["instanceView"] = {"statuses": [
                {"displayStatus": "Provisioning succeeded",
                 "code": "ProvisioningState/succeeded"},
                {"displayStatus": "VM deallocated" if n % 10 == 0 else
                 "VM running", "code": "PowerState/x"}]}
        out.append(v)
    return {"value": out}, at + PER_PAGE if at + PER_PAGE < \
        PER_PAGE * PAGES else None


def instances():
    here = "https://h/compute/v1/projects/mole/zones/"
    items = {"zones/a": {"instances": [
        {"id": str(2 ** 64 - 1 - n), "name": "i%d" % n, "zone": here + "a",
         "status": "RUNNING", "creationTimestamp":
             "2026-01-01T00:00:00.000-08:00"} for n in range(3)]},
        "zones/b": {"warning": {"code": "UNREACHABLE" if state["lost"] else
                                "NO_RESULTS_ON_PAGE"}}}
    return {"items": items}


class Cloud(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _do(self):
        u = urlsplit(self.path)
        q, body = parse_qs(u.query), self.rfile.read(int(
            self.headers.get("Content-Length") or 0)).decode()
        calls.append((self.command, u.path, self.headers.get("Authorization"),
                      body))
        status, more, out = 200, {}, None
        parts = u.path.split("/")
        if u.path in ("/t.example/oauth2/v2.0/token", "/token"):
            out = {"access_token": "tok", "expires_in": 3599}
        elif u.path == "/app/installations/41/access_tokens":
            status, out = 201, {"token": "tok",
                                "expires_at": "2099-01-01T00:00:00Z"}
        elif self.headers.get("Authorization") != "Bearer tok":
            status, out = 401, {"error": {"code": "x", "message": "who?"}}
        elif u.path == "/subscriptions":
            out = {"value": [{"subscriptionId": s} for s in SUBS]}
        elif u.path.endswith("/deallocate"):
            status, more = 202, {"Azure-AsyncOperation": BASE + "/ops/1",
                                 "Retry-After": "1"}
        elif u.path == "/ops/1":
            state["polls"] += 1
            more = {"Retry-After": "1"}
            out = {"status": "Succeeded" if state["polls"] > 1 else
                   "InProgress"}
        elif u.path.endswith("/virtualMachines"):
            out, after = vms(parts[2], q)
            if after is not None:
                out["nextLink"] = BASE + self.path.split("&$skip")[0] + \
                    "&$skip=%d" % after
        elif u.path == "/orgs/acme/repos":
            out = [{"id": 1, "name": "web", "owner": {"login": "acme"}}]
        elif "/aggregated/" in u.path:
            out = instances()
        else:
            status, out = 404, {"error": {"code": "NotFound",
                                          "message": "no " + u.path}}
        data = b"" if out is None else json.dumps(out).encode()
        self.send_response(status)
        for k, v in more.items():
            self.send_header(k, v)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_GET = do_POST = do_PATCH = _do

    def log_message(self, *a):
        pass


server = serve(Cloud)
BASE = server.base
key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"],
                     capture_output=True, text=True).stdout
account = {"private_key": key, "private_key_id": "k1",
           "client_email": "mole@mole.iam.gserviceaccount.com"}
d = Daemon(env={"CLOUD_SECRET": "hush", "CLOUD_KEY": json.dumps(account)})


def asked(part):
    return sum(part in c[1] for c in calls)


def ask(sql):
    calls.clear()
    return d.query(sql)


# ---- Azure ----
d.query("CREATE CONNECTOR az TYPE 'azure' CONFIG %s" % json.dumps(
    {"tenant": "t.example", "client_id": "c", "api_url": BASE,
     "client_secret": "$env:CLOUD_SECRET", "login_url": BASE}))
t.ok(ask("TEST CONNECTOR az")[0]["ok"], "azure: the test call")
t.ok("client_secret=hush" in calls[0][3] and "scope=http" in calls[0][3],
     "azure: with a token that is fetched", calls)
rows = ask("SELECT count(*) AS n, count(DISTINCT id) AS ids, "
           "count(DISTINCT subscription_id) AS subs FROM az.vms")
n = PER_PAGE * PAGES * len(SUBS)
t.eq(rows, [{"n": n, "ids": n, "subs": 2}], "azure: all pages of all "
     "subscriptions, no row twice")
t.eq(asked("/virtualMachines"), PAGES * 2, "azure: a call a page")
for what, want in (("name", False), ("power_state", True)):
    t.eq(", and those of vm_states, for each different subscription_id" in
         ask("EXPLAIN SELECT %s FROM az.vms" % what)[0]["calls"], want,
         "azure: EXPLAIN tells what %s costs" % what)
rows = ask("SELECT name FROM az.vms WHERE power_state = 'VM deallocated'")
t.eq(len(rows), n // 10, "azure: states, though ids differ in case")
t.ok(asked("/virtualMachines") <= 2 * PAGES * 2,
     "azure: each subscription's states are listed once", len(calls))
rows = ask("SELECT count(*) AS n FROM az.vms WHERE resource_group = 'Quay' AND "
           "subscription_id = '%s'" % SUBS[0])
t.eq(rows, [{"n": PER_PAGE * PAGES}], "azure: a resource group in any case")
t.eq(asked("/resourceGroups/Quay/"), PAGES, "azure: by its path")
t.eq(ask("SELECT name FROM az.storage WHERE resource_group = 'none' AND "
         "subscription_id = '%s'" % SUBS[0]), [],
     "azure: a group there is not has no rows")
rows = ask("EXEC az.vms.deallocate(subscription => '%s', resource_group => "
           "'quay', name => 'vm1')" % SUBS[0])
t.eq(rows, [{"status": "Succeeded"}], "azure: an action is waited for")
t.eq(state["polls"], 2, "azure: as long as it is in progress")
out = ask("SYNC CONNECTOR az.vms TO sqlite:azvms")[0]
t.ok(out["verdict"] == "complete" and out["documents_synced"] == n and
     out["calls"] <= 1 + 2 * PAGES * 2,
     "azure: a sync lists states once for all pages", out)
t.eq(d.query("SELECT count(*) AS n, count(power_state) AS p FROM azvms"),
     [{"n": n, "p": n}], "azure: and all rows have theirs")

# ---- Google Cloud ----
d.query("CREATE CONNECTOR g TYPE 'gcp' CONFIG %s OPTIONS {\"cache_ttl\": 0}" %
        json.dumps({"project": "mole", "credentials": "$env:CLOUD_KEY",
                    "compute_url": BASE, "token_url": BASE + "/token"}))
rows = ask("SELECT id, name, zone, project FROM g.compute ORDER BY name LIMIT 1")
t.eq(rows, [{"id": str(2 ** 64 - 1), "name": "i0", "zone": "a",
             "project": "mole"}], "gcp: instances of all zones")
t.ok(any(c[1] == "/token" and "assertion=eyJ" in c[3] for c in calls),
     "gcp: with a token for a signed assertion", calls)
out = ask("SYNC CONNECTOR g.compute TO sqlite:gvms")[0]
t.eq(out["verdict"], "complete", "gcp: scopes without rows are none missing")
state["lost"] = True
out = ask("SYNC CONNECTOR g.compute TO sqlite:glost")[0]
t.ok(out["verdict"] == "partial" and "UNREACHABLE" in out["reason"],
     "gcp: a zone that does not answer makes a sync partial", out)
try:
    out = ask("TEST CONNECTOR g")[0]
    t.ok(not out["ok"] and "no /compute/v1/projects/mole" in
         out["error_message"], "gcp: a project there is not", out)
except RuntimeError as e:
    t.ok(False, "gcp: a project there is not", e)

# ---- a GitHub App, whose key is PEM alone ----
d.query("CREATE CONNECTOR gh TYPE 'github' CONFIG %s" % json.dumps(
    {"auth": "app", "client_id": "Iv1", "installation_id": "41", "org": "acme",
     "private_key": key, "api_url": BASE}))
t.eq(ask("SELECT name FROM gh.repos"), [{"name": "web"}], "github: as an app")
words = [c[2][7:].split(".") for c in calls if "/access_tokens" in c[1]]
head, claims = [json.loads(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
                for x in words[0][:2]] if words else ({}, {})
t.ok(head.get("alg") == "RS256" and claims.get("iss") == "Iv1" and
     claims["exp"] - claims["iat"] == 600,
     "github: by a signed assertion, of ten minutes", calls)
t.eq(d.close(), 0, "the daemon ends well")
server.shutdown()
