"""Marked values in every kind of secret; then all that came out is searched."""
import base64
import glob
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import urllib.parse

from daemon import BUILD, Daemon, Redis, have, serve, wait
from tap import Tap

t = Tap()

# One value a kind; each is unlike anything else and has a character that is
# written in other ways in URLs and JSON.
MARK = {kind: "MARK-%s-%s/q8Zv\"x" % (kind, os.urandom(6).hex())
        for kind in ("own", "own2", "env", "literal", "literal2", "literal3",
                     "password", "header", "stmt", "broken", "pipe")}
TOKEN = "MARK-token-" + os.urandom(12).hex()
KEY = os.urandom(32).hex()


def forms(value):
    """How a value may stand in something: as it is, percent-encoded, in JSON,
    within base64 at each of three places."""
    yield value.encode()
    yield urllib.parse.quote(value, safe="").encode()
    yield json.dumps(value)[1:-1].encode()
    for lead in range(3):
        b = base64.b64encode(b"\0" * lead + value.encode())
        yield b[lead + 1 if lead else 0:(lead + len(value)) * 8 // 6]


class Echo:
    """A service that cites what it was sent in every refusal."""

    def __init__(self):
        self.seen = []
        self.ok = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                n = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(n).decode("utf-8", "replace")
                said = dict(self.headers.items())
                outer.seen.append((self.path, said, body))
                if outer.ok:
                    status, out = 200, json.dumps({"items": [{"id": 1}]})
                    ctype = "application/json"
                    if "metrics" in self.path:
                        out, ctype = "up 1\n", "text/plain"
                else:
                    status = 400 if "bad" in self.path else 401
                    ctype = "application/json"
                    words = "%s %s" % (said, body)
                    out = json.dumps({"message": "you sent " + words,
                                      "error": words, "errors": [words]})
                out = out.encode()
                self.send_response(status)
                self.send_header("Content-Type", ctype)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_POST = do_PUT = do_GET

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.base = self.server.base

    def heard(self, text):
        return any(text in json.dumps(list(s)) for s in self.seen)


MANIFEST = {
    "format": 1, "type": "echo", "title": "Echo", "description": "Cites",
    "drive_model": "on_demand",
    "config": {
        "url": {"type": "url", "required": True},
        "how": {"type": "string", "default": "bearer",
                "values": ["bearer", "basic", "headers"]},
        "user": {"type": "string", "default": "u"},
        "key": {"type": "secret", "required": True},
        "other": {"type": "secret"},
    },
    "auth": {
        "choose": "{{config.how}}",
        "bearer": {"kind": "bearer", "token": "{{config.key}}"},
        "basic": {"kind": "basic", "username": "{{config.user}}",
                  "password": "{{config.key}}"},
        "headers": {"kind": "headers", "headers": {
            "X-Key": "{{config.key}}",
            "Authorization": "Token token={{config.other}}"}},
    },
    "base_url": "{{config.url}}",
    "error_text": ["message"],
    "entities": {
        "items": {
            "main": True, "key": ["id"],
            "columns": {"id": {"type": "integer"},
                        "name": {"type": "text"}},
            "lists": [{"url": "/items", "records": "items",
                       "paginate": {"kind": "none"}}],
            "actions": {"act": {"args": {"x": {"type": "string"}},
                                "method": "POST", "url": "/act",
                                "body": {"x": "{{in.x}}"}}},
        },
    },
    "test": {"entity": "items"},
}


class Everything:
    """All bytes that came out, and where."""

    def __init__(self):
        self.parts = []

    def add(self, where, data):
        if isinstance(data, str):
            data = data.encode()
        self.parts.append((where, data))

    def leaks(self):
        found = []
        for kind, value in list(MARK.items()) + [("token", TOKEN)]:
            for form in forms(value):
                found += ["%s in %s: ...%r" % (kind, where, data[max(
                    0, data.index(form) - 60):data.index(form) + 20])
                    for where, data in self.parts if form in data]
        for form in forms(KEY):
            found += ["the master key in " + where
                      for where, data in self.parts if form in data]
        return found


def folder(path, out):
    n = 0
    for root, _, files in os.walk(path):
        for f in files:
            if not os.path.isfile(os.path.join(root, f)):
                continue
            with open(os.path.join(root, f), "rb") as h:
                out.add("file " + f, h.read())
                n += 1
    return n


def redis_dump(r, out):
    """Every key's content, as redis-cli prints it, and as it is stored."""
    keys = r.cli("--scan").split("\n")
    for k in keys:
        kind = r.cli("TYPE", k)
        cmd = {"hash": ["HGETALL", k], "string": ["GET", k],
               "set": ["SMEMBERS", k], "list": ["LRANGE", k, "0", "-1"],
               "zset": ["ZRANGE", k, "0", "-1"]}.get(kind, ["DUMP", k])
        out.add("redis " + k, r.cli(*cmd))
    return keys


def run(backend):
    out = Everything()
    types = tempfile.mkdtemp(prefix="moltler-types-")
    os.mkdir(os.path.join(types, "echo"))
    with open(os.path.join(types, "echo", "manifest.json"), "w") as f:
        json.dump(MANIFEST, f)
    redis = Redis(keep=True) if backend == "redis" else None
    args = ["--log-level", "debug", "--connectors", types]
    if redis:
        args += ["--redis", redis.url]
    env = {"MARK_ENV": MARK["env"], "MOLTLER_TOKEN": TOKEN,
           "MOLTLER_MASTER_KEY": KEY}
    d = Daemon(*args, env=env, start=False)
    auth = {"Authorization": "Bearer " + TOKEN}
    plain = d.call

    def call(method, path, body=None, headers=None, timeout=30):
        r = plain(method, path, body, {**auth, **(headers or {})}, timeout)
        out.add("%s %s" % (method, path), r[2] + repr(r[1]).encode())
        return r

    d.call = call
    d.start()
    echo = Echo()
    cli_env = {**os.environ, "MOLTLER_TOKEN": TOKEN,
               "MOLTLER_URL": "http://127.0.0.1:%d" % d.port}

    def cli(*words, stdin=None):
        p = subprocess.run([os.path.join(BUILD, "moltler"), *words],
                           input=stdin, capture_output=True, text=True,
                           env=cli_env, timeout=60)
        out.add("moltler " + words[0], p.stdout + p.stderr)
        return p

    def sql(text):
        return call("POST", "/v1/query", {"sql": text})

    def say(what):
        return "%s: %s" % (backend, what)

    # ---- the API and the command line ----
    t.eq(call("PUT", "/v1/secrets/own", {"value": MARK["own"]})[0], 204,
         say("PUT a secret"))
    t.eq(cli("secrets", "set", "own2", MARK["own2"]).returncode, 0,
         say("secrets set"))
    t.eq(cli("secrets", "set", "pipe", stdin=MARK["pipe"] + "\n").returncode,
         0, say("secrets set from a pipe"))
    t.eq(cli("secrets", "set", "../x", MARK["own2"]).returncode, 2,
         say("a bad name is a wrong call"))
    t.eq(cli("secrets", "set").returncode, 2, say("so is none"))
    t.eq(cli("secrets", "rm", "nobody").returncode, 1,
         say("rm of what is not there fails"))
    t.eq(cli("secrets", "list").stdout, "own\nown2\npipe\n",
         say("secrets list"))
    t.eq(d.get("/v1/secrets"), (200, {"items": [
        {"name": n} for n in ("own", "own2", "pipe")]}),
        say("GET the names"))
    for body, status in (({}, 400), ({"value": 1}, 400), ([], 400),
                         ({"value": ""}, 400), ({"value": "x" * 65537}, 400),
                         ({"value": MARK["own"], "x": 1}, 400)):
        t.eq(call("PUT", "/v1/secrets/own", body)[0], status,
             say("PUT refuses %.30s" % json.dumps(body)))
    t.eq(call("PUT", "/v1/secrets/a%20b", {"value": MARK["own"]})[0], 400,
         say("PUT refuses a bad name"))
    t.eq(call("PUT", "/v1/secrets/~x", {"value": MARK["own"]})[0], 400,
         say("and a hidden one"))
    t.eq(call("PUT", "/v1/secrets/own", '{"value":"%s' % MARK["broken"][:20],
              {"Content-Type": "application/json"})[0], 400,
         say("PUT refuses half JSON"))
    t.eq(call("DELETE", "/v1/secrets/nobody")[0], 404, say("DELETE: 404"))

    # ---- connectors of every kind of reference ----
    def make(name, **config):
        st, _, body = call("POST", "/v1/connectors", {
            "name": name, "type": "echo", "config": {
                "url": echo.base, **config}})
        return st, body

    kinds = {"c_own": {"key": "{{secrets.own}}"},
             "c_env": {"key": "$env:MARK_ENV"},
             "c_lit": {"key": MARK["literal"]},
             "c_basic": {"how": "basic", "key": MARK["password"]},
             "c_head": {"how": "headers", "key": MARK["header"],
                        "other": "{{secrets.own2}}"}}
    for name, config in kinds.items():
        t.eq(make(name, **config)[0], 201, say("create " + name))
    st, body = make("c_hid", key="{{secrets.~x}}")
    t.ok(st == 400 and b"daemon's own" in body,
         say("a hidden name cannot be given"), body)
    st, body = make("c_stars", key="***")
    t.ok(st == 400 and b"config.key" in body, say("nor can ***"), body)
    st, body = make("c_part", key="Bearer {{secrets.own}}")
    t.ok(st == 400 and b"stands alone" in body,
         say("nor a reference among other text"), body)
    t.eq(make("c_lit", key=MARK["literal3"])[0], 409, say("a name taken"))
    t.eq(make("bad name", key=MARK["literal3"])[0], 400, say("a bad name"))
    t.eq(make("c_x", key=MARK["literal3"], kye=1)[0], 400,
         say("an unknown key"))
    t.eq(make("c_x", key=[MARK["literal3"]])[0], 400, say("an ill-typed key"))
    # What another type calls a secret stands where none belongs.
    call("POST", "/v1/connectors", {"name": "p", "type": "prometheus",
         "config": {"endpoint": echo.base, "auth": {
             "type": "bearer", "token_ref": MARK["literal3"]}}})
    st, body = make("c_url", key="x" * 10)
    shown = d.show("c_lit")
    t.eq(shown["config"]["key"], "***", say("a literal is shown as ***"))
    t.eq(d.show("c_own")["config"]["key"], "{{secrets.own}}",
         say("a reference as it is"))
    t.eq([x["name"] for x in d.get("/v1/secrets")[1]["items"]],
         ["own", "own2", "pipe"], say("hidden names are not listed"))
    t.eq(d.post("/v1/connectors", {
        "name": "prom", "type": "prometheus", "target_database": "metrics",
        "target_table": "prom", "schedule_ms": 200, "config": {
            "endpoint": echo.base + "/metrics", "auth": {
                "type": "basic", "username": "u",
                "password_ref": "{{secrets.own}}"}}})[0], 201,
         say("a scrape that signs in"))
    t.ok(d.wait_error("prom"), say("which is refused"), d.show("prom"))

    # ---- used, refused, changed ----
    statements = [
        "SELECT * FROM %s.items",
        "EXPLAIN SELECT * FROM %s.items WHERE id = 1",
        "TEST CONNECTOR %s", "SHOW CONNECTOR %s", "SHOW CONNECTOR %s STATUS",
        "DESCRIBE %s.items",
        "CONNECTOR_EXEC %s.items.act({\"x\": \"y\"})",
        "EXPLAIN CONNECTOR_EXEC %s.items.act({\"x\": \"y\"})",
        "SELECT key FROM %s.items", "SELECT * FROM %s.nothing",
        "BEGIN TRY SELECT * FROM %s.items; CATCH connector_error THEN "
        "SELECT error.message; END TRY; END",
    ]
    for ok in (False, True):
        echo.ok = ok
        for name in kinds:
            for s in statements:
                sql(s % name)
            st, _, body = sql("SELECT * FROM %s.items" % name)
            t.ok(st == 200 and b'"id":1' in body if ok else
                 st != 200 and b"***" in body and b"you sent" in body,
                 say("SELECT FROM %s is %s" %
                     (name, "answered" if ok else "refused and scrubbed")),
                 body)
            body = call("POST", "/v1/connectors/%s/test" % name)[2]
            t.ok(b'"ok":true' in body if ok else b"***" in body,
                 say("  and a test"), body)
            call("GET", "/v1/connectors/%s/events" % name)
            call("GET", "/v1/connectors/" + name)
    for s in ("SHOW CONNECTORS", "SHOW SECRETS", "SHOW TYPES", "DESCRIBE echo",
              "SET SECRET stmt = '%s'" % MARK["stmt"].replace("'", "''"),
              "SET SECRET stmt = '%s" % MARK["broken"],
              "SET SECRET stmt = %s" % MARK["broken"],
              "SET SECRET stmt '%s'" % MARK["broken"],
              "STE SECRET stmt = '%s'" % MARK["broken"],
              "SET SECRET 'stmt' = = '%s'" % MARK["broken"],
              "CREATE CONNECTOR s TYPE 'echo' CONFIG {\"url\": \"%s\", "
              "\"key\": %s}" % (echo.base, json.dumps(MARK["literal3"])),
              "CREATE CONNECTOR s TYPE 'echo' CONFIG {\"url\": \"%s\" "
              "\"key\": %s}" % (echo.base, json.dumps(MARK["broken"])),
              "CREATE CONNECTOR s2 TYPE 'echo' CONFIG {\"url\": \"%s\", "
              "\"kye\": %s}" % (echo.base, json.dumps(MARK["broken"])),
              "ALTER CONNECTOR s SET CONFIG {\"key\": %s" %
              json.dumps(MARK["broken"]),
              "ALTER CONNECTOR s SET CONFIG {\"key\": %s}" %
              json.dumps(MARK["literal3"]),
              "SELECT 1; SET SECRET stmt = '%s'" % MARK["broken"],
              "BEGIN SET SECRET stmt = '%s'; SELECT nothing; END" %
              MARK["stmt"], "DROP SECRET stmt", "DROP CONNECTOR s"):
        sql(s)
        cli("-e", s)
    t.eq([x["name"] for x in d.get("/v1/secrets")[1]["items"]],
         ["own", "own2", "pipe"], say("SET SECRET and DROP SECRET"))
    call("POST", "/v1/query", {"sqll": "SET SECRET x = '%s'" % MARK["broken"]})
    for name in kinds:
        t.ok(echo.seen, say("%s was asked" % name))
    t.eq(call("PATCH", "/v1/connectors/c_lit",
              {"config": {"key": MARK["literal2"]}})[0], 204,
         say("PATCH a literal"))
    t.eq(call("PATCH", "/v1/connectors/c_lit", {"config": {"key": "***"}})[0],
         400, say("*** is not taken for one"))
    t.eq(call("PATCH", "/v1/connectors/c_lit",
              {"config": {"nokey": MARK["literal3"]}})[0], 400,
         say("PATCH of an unknown key"))
    echo.ok = False
    sql("SELECT * FROM c_lit.items")
    call("POST", "/v1/connectors/c_lit/test")

    # ---- across a restart, and then gone ----
    out.add("log", "\n".join(d.log))
    t.eq(d.stop(), 0, say("stop"))
    d.log.clear()
    d.start()
    cli_env["MOLTLER_URL"] = "http://127.0.0.1:%d" % d.port
    echo.ok = True
    echo.seen.clear()
    call("POST", "/v1/connectors/prom/resume")
    t.ok(d.wait_ok("prom"), say("the store is there after a restart"),
         d.show("prom"))
    # What is sent is right; looked up in the service, not in what came out.
    want = base64.b64encode(("u:" + MARK["own"]).encode()).decode()
    t.ok(wait(lambda: echo.heard("Basic " + want)),
         say("and the secret was sent"),
         (want, echo.seen[-1:]))
    sql("SELECT * FROM c_lit.items")
    t.eq(call("DELETE", "/v1/secrets/own")[0], 204, say("DELETE"))
    t.ok(wait(lambda: any(v["names"] == "c_own, prom" for v in
                          d.events("secret_in_use"))),
         say("names who used it"), d.events("secret_in_use"))
    t.ok(wait(lambda: "no secret own" in (d.show("prom")["disabled_reason"] or
                                          "")),
         say("which say so"), d.show("prom"))
    for name in list(kinds) + ["prom", "c_url"]:
        t.eq(call("DELETE", "/v1/connectors/" + name)[0], 204,
             say("drop " + name))
    call("GET", "/metrics")
    call("GET", "/v1/status")
    out.add("log", "\n".join(d.log))
    if redis:
        keys = redis_dump(redis, out)
        t.ok("moltler:secret:own2" in keys, say("redis-cli shows names"), keys)
        left = [k for k in keys if "~" in k and "key-check" not in k]
        t.eq(left, [], say("nothing hidden is left"))
        folder(redis.dir, out)
    t.eq(d.stop(), 0, say("stop"))
    out.add("log", "\n".join(d.log))
    n = folder(d.data, out)
    t.ok(n >= 1, say("files were looked at"), n)
    found = out.leaks()
    t.ok(not found, say("nothing of %d places holds a secret" %
                        len(out.parts)), "\n".join(found[:20]))
    t.ok(any(b"***" in data for _, data in out.parts),
         say("and some would have, but for the scrubbing"))
    echo.server.shutdown()
    shutil.rmtree(types)
    if redis:
        redis.close()
    d.close()


def keys():
    """The master key's file: made, kept, refused, lost."""
    d = Daemon()
    path = os.path.join(d.data, "master.key")
    t.ok(not os.path.exists(path), "no key before the first secret")
    t.eq(d.call("PUT", "/v1/secrets/a", {"value": "hunter2x"})[0], 204,
         "the first secret")
    t.eq(os.stat(path).st_mode & 0o7777, 0o600, "makes a key of mode 0600")
    with open(path) as f:
        key = f.read()
    d.stop()

    os.chmod(path, 0o644)
    d.start(ready=False)
    t.ok(d.proc.wait(20) == 1 and any("chmod 600" in x for x in d.log) or
         wait(lambda: any("chmod 600" in x for x in d.log)),
         "a key that others may read is refused", d.log)
    os.chmod(path, 0o600)

    os.rename(path, path + ".away")
    d.log.clear()
    d.start()
    t.ok(wait(lambda: d.events("secrets_sealed")), "a key that is away is logged", d.log)
    st, out = d.call("PUT", "/v1/secrets/b", {"value": "x"})[::2]
    t.ok(st == 400 and b"master.key" in out, "and nothing is sealed", out)
    t.ok(not os.path.exists(path), "  nor is another made")
    d.stop()

    with open(path, "w") as f:
        f.write("0" * 64)
    os.chmod(path, 0o600)
    d.log.clear()
    d.start()
    st, out = d.call("PUT", "/v1/secrets/b", {"value": "x"})[::2]
    t.ok(st == 400 and b"another" in out, "a wrong key is told at once", out)
    with open(path, "w") as f:
        f.write(key)
    os.kill(d.proc.pid, 1)
    t.ok(wait(lambda: d.events("secrets_open")), "SIGHUP takes the right one")
    t.eq(d.call("PUT", "/v1/secrets/b", {"value": "x"})[0], 204, "which does")
    d.stop()

    with open(path, "w") as f:
        f.write("0" * 64)
    d.start()
    for name in "ab":
        t.eq(d.call("DELETE", "/v1/secrets/" + name)[0], 204,
             "what does not open can be removed")
    t.eq(d.call("PUT", "/v1/secrets/b", {"value": "x"})[0], 204,
         "and a new key serves")
    d.close()

    bad = Daemon(env={"MOLTLER_MASTER_KEY": "hunter2hunter2"}, start=False)
    bad.start(ready=False)
    rc = bad.proc.wait(20)
    bad.reader.join(5)
    t.ok(rc == 2 and "64 hex" in "".join(bad.log) and
         "hunter2" not in "".join(bad.log), "a passphrase is refused", bad.log)
    bad.close()


def shared():
    """Two daemons on one Redis; a third with another key."""
    r = Redis()
    env = {"MOLTLER_MASTER_KEY": KEY}
    a = Daemon("--redis", r.url, env=env)
    b = Daemon("--redis", r.url, env=env)
    a.call("PUT", "/v1/secrets/s", {"value": "hunter2x"})
    t.ok(wait(lambda: b.get("/v1/secrets")[1]["items"] == [{"name": "s"}], 15),
         "a secret that one daemon was given the other has")
    t.eq(b.call("DELETE", "/v1/secrets/s")[0], 204, "and can delete")
    t.ok(wait(lambda: a.get("/v1/secrets")[1]["items"] == [], 15),
         "which the first sees")
    a.call("PUT", "/v1/secrets/s", {"value": "hunter2x"})
    t.eq(b.call("DELETE", "/v1/secrets/s")[0], 204,
         "one it has not seen yet can be deleted too")
    a.call("PUT", "/v1/secrets/s", {"value": "hunter2x"})
    c = Daemon("--redis", r.url)
    st, out = c.call("PUT", "/v1/secrets/t", {"value": "x"})[::2]
    t.ok(st == 400 and b"sealed with a" in out,
         "a daemon without the key says so", out)
    t.ok(not glob.glob(os.path.join(c.data, "master.key*")),
         "and makes none")
    r.cli("FLUSHALL")
    t.ok(wait(lambda: r.cli("EXISTS", "moltler:secret:s") == "1", 15),
         "what Redis forgot is written again")
    for x in (a, b, c):
        x.close()
    r.close()


keys()
run("sqlite")
if have("redis-server") and have("redis-cli"):
    run("redis")
    shared()
else:
    t.skip("with Redis", "there is no redis-server")
