#!/usr/bin/env python3
"""Secrets of a Vault: a real server (bao, OpenBao's), from $MOLTLER_BAO or PATH."""
import http.client
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, free_port, reap, serve, wait
from tap import Tap

MARK = "marker-8d1f0c"            # begins every value that must not be seen
BAO = os.environ.get("MOLTLER_BAO") or shutil.which("bao")
if not BAO or not os.access(BAO, os.X_OK):
    Tap.skip_all("there is no bao, neither in $MOLTLER_BAO nor in PATH")


ROLE = "11111111-2222-3333-4444-555555555555"
SID = "sid-6c0a4fd2-9b1e-4b0e-8a55-0d4e6a1f77aa"


CONF = """listener "tcp" {
  address = "127.0.0.1:%d"
  tls_cert_file = "cert.pem"
  tls_key_file = "key.pem"
}
"""


class Vault:
    """A server in memory; it is not there before start()."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="moltler-vault-")
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.tls_port = free_port()
        self.ca = os.path.join(self.dir, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=v",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        "key.pem", "-out", "cert.pem"], cwd=self.dir,
                       check=True, capture_output=True)
        with open(os.path.join(self.dir, "tls.hcl"), "w") as f:
            f.write(CONF % self.tls_port)
        self.root = "root-token-of-the-test"
        self.proc = None
        self.key = None
        reap(self)

    def start(self):
        self.proc = subprocess.Popen(
            [BAO, "server", "-dev", "-dev-no-store-token",
             "-dev-root-token-id=" + self.root, "-config=tls.hcl",
             "-dev-listen-address=127.0.0.1:%d" % self.port], cwd=self.dir,
            env=dict(os.environ, HOME=self.dir), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.proc.stdout:
            if line.startswith("Unseal Key:"):
                self.key = line.split()[-1]
            if line.startswith("Root Token:"):
                break
        if not wait(lambda: self.key and self.ready(), 15, 0.05):
            raise RuntimeError("bao does not answer")

    def ready(self):
        try:
            return self.call("GET", "sys/health")[0] == 200
        except OSError:
            return False

    def seal(self):
        self.must("PUT", "sys/seal")

    def unseal(self):
        self.must("PUT", "sys/unseal", {"key": self.key})
        wait(self.ready, 10)

    def call(self, method, path, body=None, token=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            c.request(method, "/v1/" + path,
                      None if body is None else json.dumps(body),
                      {"X-Vault-Token": self.root if token is None else token})
            r = c.getresponse()
            out = r.read()
            return r.status, json.loads(out) if out else {}
        finally:
            c.close()

    def must(self, *args):
        status, out = self.call(*args)
        if status // 100 != 2:
            raise RuntimeError("%r: %d %r" % (args[:2], status, out))
        return out

    def put(self, path, **values):
        mount, name = path.split("/", 1)
        if mount == "old":
            self.must("POST", path, values)
        else:
            self.must("POST", "%s/data/%s" % (mount, name), {"data": values})

    def close(self):
        self.proc.kill()
        self.proc.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def secret_file(path, text):
    with open(path, "w") as f:
        os.chmod(path, 0o600)
        f.write(text + "\n")


def set_up(v):
    """Mounts, values, a policy and at last a role, which opens the door."""
    v.must("POST", "sys/mounts/old", {"type": "kv",
                                      "options": {"version": "1"}})
    v.must("POST", "sys/mounts/team/deep", {"type": "kv",
                                            "options": {"version": "2"}})
    v.put("secret/app/web", token=MARK + "-one", other=MARK + "-o")
    v.put("secret/denied", token=MARK + "-denied")
    v.put("secret/gone", token=MARK + "-gone")
    v.put("old/app", token=MARK + "-v1")
    v.must("POST", "team/deep/data/app", {"data": {"token": MARK + "-deep"}})
    v.must("DELETE", "secret/data/gone")
    v.must("PUT", "sys/policies/acl/moltler", {"policy": """
path "secret/data/app/*" { capabilities = ["read"] }
path "secret/data/gone" { capabilities = ["read"] }
path "secret/metadata/*" { capabilities = ["list"] }
path "old/*" { capabilities = ["read"] }
path "team/deep/*" { capabilities = ["read"] }
"""})
    v.must("POST", "sys/auth/approle", {"type": "approle"})
    v.must("POST", "auth/approle/role/moltler", {
        "token_policies": "moltler", "token_ttl": "1s", "token_max_ttl": "2s"})
    v.must("POST", "auth/approle/role/moltler/role-id", {"role_id": ROLE})
    v.must("POST", "auth/approle/role/moltler/custom-secret-id",
           {"secret_id": SID})


class Guarded:
    """A metrics page behind a bearer token, which can be another one later."""

    def __init__(self, want):
        self.want = want
        self.seen = []              # what was given, in order
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                got = self.headers.get("Authorization", "")
                outer.seen.append(got)
                ok = got == "Bearer " + outer.want
                body = b"up 1\n" if ok else b"who is " + got.encode()
                self.send_response(200 if ok else 401)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.url = self.server.base + "/metrics"


def bearer(ref):
    return {"auth": {"type": "bearer", "token_ref": ref}}


def last_error(d, name):
    return d.show(name).get("last_error") or ""


def ticks_ok(d, name, seconds=10):
    """Whether a run from now on goes well."""
    before = d.show(name).get("last_success_at") or ""
    return wait(lambda: (d.show(name).get("last_success_at") or "") > before and
                not d.show(name).get("last_error"), seconds)


def conf_file(v, lines, url=None):
    path = os.path.join(v.dir, "moltler.conf")
    with open(path, "w") as f:
        f.write("[daemon]\n[vault]\nurl = %s\n%s" % (url or v.url, lines))
    return path




t = Tap()
v = Vault()
sid_file = os.path.join(v.dir, "secret-id")
secret_file(sid_file, SID)
APPROLE = "role_id = %s\nsecret_id_file = %s\ncache = 1s\n" % (ROLE, sid_file)
page = Guarded(MARK + "-one")
daemons = []
answers = []                        # all that was ever shown

# ---- Vault down at the start, and then up ----
d = Daemon("-c", conf_file(v, APPROLE))
daemons.append(d)
t.eq(d.create("web", page.url, config=bearer("vault:secret/app/web#token"))[0],
     201, "a connector with a reference to Vault")
err = d.wait_error("web")
t.ok("waiting for Vault" in err and "token resolve" in err,
     "its runs say what they wait for", err)
t.eq(d.show("web")["enabled"], True, "and it is not disabled")
t.ok(d.alive() and d.metric("moltler_vault_up") == 0,
     "the daemon is up, and Vault is not")
t.ok(page.seen == [], "the service was asked nothing")
v.start()
set_up(v)
t.ok(d.wait_ok("web"), "Vault is there: the connector runs", d.show("web"))
v.seal()
t.ok(wait(lambda: "sealed" in last_error(d, "web"), 10),
     "a sealed Vault is waited for", last_error(d, "web"))
t.eq(d.show("web")["enabled"], True, "and disables nothing, either")
v.unseal()
t.ok(ticks_ok(d, "web"), "unsealed: it goes on", d.show("web"))
t.ok(d.metric("moltler_vault_up") == 1, "Vault is up in /metrics")
t.eq(set(page.seen), {"Bearer " + MARK + "-one"}, "with the value of Vault")
t.ok(d.events("vault_away") and d.events("vault_ready"), "both are logged")

# ---- what Vault says no to ----
WRONG = [
    ("key", "vault:secret/app/web#tokn", "no such key; it has other, token"),
    ("path", "vault:secret/app/none#token", "nothing there"),
    ("gone", "vault:secret/gone#token", "deleted"),
    ("policy", "vault:secret/denied#token", "policies"),
    ("mount", "vault:nowhere/app#token", "no such mount"),
    ("data", "vault:secret/data/app/web#token", "leave 'data/' out"),
]
for ref in ("vault:secret#token", "vault:secret/../x#token"):
    status, said = d.create("no_path", page.url, config=bearer(ref))
    t.ok(status == 400 and "MOUNT/NAME" in said["error"]["message"],
         "%s: refused at once" % ref, said)
for name, ref, _ in WRONG:
    d.create("no_" + name, page.url, config=bearer(ref))
for name, ref, says in WRONG:
    wait(lambda: d.show("no_" + name).get("disabled_reason"), 10)
    why = d.show("no_" + name).get("disabled_reason") or ""
    t.ok(why.startswith("token resolve: ") and ref in why and says in why,
         "%s: disabled, and why" % name, why)
for name, ref, kind in [("old", "vault:old/app#token", MARK + "-v1"),
                        ("deep", "vault:team/deep/app#token", MARK + "-deep")]:
    other = Guarded(kind)
    d.create("ok_" + name, other.url, config=bearer(ref))
    t.ok(d.wait_ok("ok_" + name), "%s: a mount of another kind" % name,
         d.show("ok_" + name))
shown = json.dumps(d.query("SHOW CONNECTOR web"))
t.ok("vault:secret/app/web#token" in shown, "SHOW CONNECTOR has the reference")


# ---- rotation: the service says 401, Vault has the new one ----
v.put("secret/app/web", token=MARK + "-two", other=MARK + "-o")
page.want = MARK + "-two"
t.ok(wait(lambda: page.seen[-1] == "Bearer " + MARK + "-two", 5),
     "a value that is refused is read again", page.seen[-3:])
t.ok(ticks_ok(d, "web"), "and the runs go on")

# ---- the token ends, is revoked, and another is fetched ----
n = len(d.events("vault_login"))
t.ok(wait(lambda: len(d.events("vault_login")) > n, 10),
     "at the end of its longest life there is another token")
accessors = v.must("LIST", "auth/token/accessors")["data"]["keys"]
for a in accessors:
    who = v.call("POST", "auth/token/lookup-accessor", {"accessor": a})[1]
    if (who.get("data") or {}).get("display_name") == "approle":
        v.call("POST", "auth/token/revoke-accessor", {"accessor": a})
v.put("secret/app/web", token=MARK + "-three")
page.want = MARK + "-three"
t.ok(wait(lambda: page.seen[-1] == "Bearer " + MARK + "-three", 10),
     "a revoked token is noticed, and a new login made", d.log[-3:])
t.ok(ticks_ok(d, "web"), "and the runs go on again", d.show("web"))
t.eq(d.show("web")["enabled"], True, "nothing was disabled")
answers.append(json.dumps(d.get("/v1/connectors")[1]) +
               str(d.call("GET", "/metrics")[2]) +
               "".join(json.dumps(d.get("/v1/connectors/%s/events" % c)[1])
                       for c in ["web", "no_key", "no_policy"]))

# ---- a given token, in a file, over TLS; revoked; another in its place ----
def periodic():
    return v.must("POST", "auth/token/create", {
        "policies": ["moltler"], "ttl": "1h"})["auth"]["client_token"]


token_file = os.path.join(v.dir, "token")
token = periodic()
secret_file(token_file, token)
TLS = "https://127.0.0.1:%d" % v.tls_port
strange = Daemon("-c", conf_file(v, "token_file = %s\n" % token_file, TLS))
strange.create("web", page.url, config=bearer("vault:secret/app/web#token"))
d2 = Daemon("-c", conf_file(v, "token_file = %s\ncache = 1s\nca_file = %s\n" %
                            (token_file, v.ca), TLS))
err = strange.wait_error("web")
t.ok("waiting for Vault" in err and "certificate" in err,
     "one whose certificate nobody signed is told nothing", err)
strange.close()
daemons.append(d2)
d2.create("web", page.url, config=bearer("vault:secret/app/web#token"))
t.ok(d2.wait_ok("web"), "a token in a file", d2.show("web"))
v.must("POST", "auth/token/revoke", {"token": token})
t.ok(wait(lambda: "refuses our token" in last_error(d2, "web"), 10),
     "revoked: said so", last_error(d2, "web"))
t.eq(d2.show("web")["enabled"], True, "and waited for another")
token = periodic()
secret_file(token_file, token)
t.ok(d2.wait_ok("web"), "another one in the file is taken", d2.show("web"))
answers.append(json.dumps(d2.get("/v1/connectors")[1]))

# ---- nothing is ever seen ----
for d in daemons:
    t.eq(d.stop(), 0, "it ends")
    for top, _, files in os.walk(d.data):
        for name in files:
            with open(os.path.join(top, name), "rb") as f:
                answers.append(f.read().decode("latin-1"))
    d.close()
hay = "\n".join(answers + [line for d in daemons for line in d.log])
for what in [MARK, SID, token]:
    t.ok(what not in hay, "no value in logs, answers and files",
         hay[max(0, hay.find(what) - 300):hay.find(what) + 80])
v.close()
