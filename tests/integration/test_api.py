"""The admin API of a real daemon, call by call."""
import json
import os
import re
import signal
import socket

from daemon import Daemon, JSON, Pages, SRC, wait
from tap import Tap

t = Tap()
d = Daemon()
pages = Pages()
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")

# ---- health ----
t.eq(d.get("/healthz"), (200, {"status": "ok"}), "healthz")
t.eq(d.get("/readyz")[0], 200, "readyz")

# ---- create ----
st, out = d.create("node", pages.url)
t.ok(st == 201 and list(out) == ["id"] and UUID.match(out["id"]),
     "create answers 201 with a uuid", out)
node = out["id"]
t.ok(d.wait_ok("node"), "the first run comes within the schedule",
     d.show("node"))


def refused(body, status, *words):
    st, out = d.post("/v1/connectors", body)
    err = (out or {}).get("error", {})
    t.ok(st == status and all(w in err.get("message", "") for w in words)
         and set(err) == {"code", "message", "request_id"},
         "create refuses %s" % json.dumps(body)[:90], (st, out))


good = {"name": "x", "type": "prometheus", "target_database": "metrics",
        "target_table": "x", "schedule_ms": 1000,
        "config": {"endpoint": pages.url}}
refused({**good, "name": "node"}, 409, "node")
refused({**good, "type": "promethius"}, 400, "promethius")
refused({**good, "nme": "x"}, 400, "nme", "did you mean name")
refused({**good, "config": {}}, 400, "endpoint", "missing")
refused({**good, "config": {"endpoint": "ftp://x"}}, 400, "endpoint")
for url in ("http://h:65536/", "http://u:p@h:x/", "http://[::1]:99999",
            "http://h/a b"):
    refused({**good, "config": {"endpoint": url}}, 400, "endpoint", "port")
refused({**good, "config": {"endpoint": pages.url, "x_y": 1}}, 400, "x_y")
refused({**good, "config": {"endpoint": pages.url, "auth":
        {"type": "none", "tokn": 1}}}, 400, "auth.tokn")
refused({**good, "config": {"endpoint": pages.url, "timeout_ms": 99}}, 400,
        "timeout_ms", "100")
refused({**good, "schedule_ms": 99}, 400, "schedule_ms", "100", "86400000")
refused({**good, "schedule_ms": 86400001}, 400, "schedule_ms")
refused({**good, "schedule_ms": "5s"}, 400, "schedule_ms")
refused({**good, "name": "a b"}, 400, "name")
refused({**good, "target_table": "a;b"}, 400, "target_table")
refused({**good, "target_database": "../x"}, 400, "target_database")
refused({**good, "target_table": "x" * 129}, 400, "at most 128")
refused({**good, "target_table": "sqlite_x"}, 400, "not with sqlite_")
refused({**good, "target_table": "a\0b"}, 400, "NUL character")
refused({**good, "options": {"retrycount": 1}}, 400, "retrycount")
refused([], 400, "object")
t.eq(d.call("POST", "/v1/connectors", '{"a":', JSON)[0], 400, "half JSON: 400")
t.eq(d.call("POST", "/v1/connectors", json.dumps(good),
            {"Content-Type": "text/plain"})[0], 415, "no JSON type: 415")
t.eq(d.call("POST", "/v1/connectors", b"x" * (2 << 20), JSON)[0], 413,
     "a body past the limit: 413")
t.eq(d.post("/v1/connectors", {**good, "name": "plain", "target_database": None,
     "target_table": None, "schedule_ms": None})[0], 201,
     "a connector without a sync")
t.eq(d.show("plain")["status"], "pending", "  is pending")

# ---- show and list ----
v = d.show("node")
t.eq(set(v), {"id", "name", "type", "target_database", "target_table",
     "schedule_ms", "drive_model", "enabled", "disabled_reason", "last_run_at",
     "last_success_at", "last_error", "last_rows_ingested", "config", "options",
     "status", "node"}, "show has the contract's fields")
t.ok(v["last_error"] is None and v["last_rows_ingested"] == 1 and
     v["enabled"] is True and v["disabled_reason"] is None, "  and says so", v)
t.eq(v["config"], {"endpoint": pages.url, "auth": {"type": "none"},
     "timeout_ms": 5000}, "  with the defaults filled in")
t.eq(d.show(node)["name"], "node", "show by id")
t.eq(d.get("/v1/connectors/nobody")[0], 404, "show of nobody: 404")
st, out = d.get("/v1/connectors")
t.eq([c["name"] for c in out["items"]], ["node", "plain"], "list by name")
st, out = d.get("/v1/connectors?limit=1")
t.ok(out["next"] == "node" and len(out["items"]) == 1, "list with a limit", out)
st, out = d.get("/v1/connectors?limit=1&after=node")
t.ok(out["next"] is None and out["items"][0]["name"] == "plain",
     "list after a name", out)
t.eq(d.get("/v1/connectors?limit=x")[0], 400, "a bad limit: 400")

# ---- methods and paths ----
st, h, out = d.call("PUT", "/v1/connectors", "{}", JSON)
t.ok(st == 405 and h.get("Allow") == "GET, POST", "405 with Allow", (st, h))
t.eq(d.get("/v1/nothing")[0], 404, "an unknown path: 404")
st, h, out = d.call("GET", "/v1/nothing")
t.ok(h["Content-Type"].startswith("application/json") and
     json.loads(out)["error"]["code"] == "not_found", "  as JSON", (h, out))
t.eq(d.call("HEAD", "/healthz")[0], 200, "HEAD")

# ---- who may ask ----
t.eq(d.get("/v1/connectors", headers={"Host": "evil.example"})[0], 403,
     "a foreign Host is refused")
t.eq(d.get("/v1/connectors", headers={"Host": "localhost:1"})[0], 200,
     "localhost is fine")
t.eq(d.post("/v1/connectors/node/pause",
            headers={"Origin": "http://evil.example"})[0], 403,
     "another site's page is refused")
for site, dest, method, want in (
        ("cross-site", "image", "GET", 403),
        ("same-site", "empty", "GET", 403),
        ("cross-site", "iframe", "GET", 403),
        ("cross-site", "document", "POST", 403),
        ("cross-site", "document", "GET", 200),
        ("same-origin", "empty", "GET", 200),
        ("none", "document", "GET", 200)):
    t.eq(d.call(method, "/v1/connectors", headers={
        "Sec-Fetch-Site": site, "Sec-Fetch-Dest": dest})[0], want,
        "what a browser says of a page: %s, %s, %s" % (site, dest, method))

# ---- types ----
st, out = d.get("/v1/types")
shipped = os.path.join(SRC, "connectors")
t.eq([x["type"] for x in out["items"]], sorted(
    n for n in os.listdir(shipped)
    if os.path.exists(os.path.join(shipped, n, "manifest.json"))), "types")
t.eq(d.get("/v1/types/prometheus")[1]["drive_model"], "periodic", "a type")
t.eq(d.get("/v1/types/x")[0], 404, "no such type: 404")

# ---- pause, resume, trigger, test ----
t.eq(d.call("POST", "/v1/connectors/node/pause")[0], 204, "pause: 204")
v = d.show("node")
t.ok(v["enabled"] is False and v["disabled_reason"] == "manual" and
     v["status"] == "disabled", "  disabled, reason manual", v)
n = len(pages.requests)
t.eq(d.post("/v1/connectors/node/trigger")[0], 409, "trigger while paused: 409")
t.eq(d.call("POST", "/v1/connectors/node/resume")[0], 204, "resume: 204")
t.ok(wait(lambda: len(pages.requests) > n), "  runs again")
d.create("slow", pages.url, every=86400000)
t.ok(d.wait_ok("slow"), "made with a day's schedule, it ran at once")
n = len(pages.requests)
t.eq(d.call("POST", "/v1/connectors/slow/trigger")[0], 202, "trigger: 202")
t.ok(wait(lambda: len(pages.requests) > n), "  runs at once")
rows = d.query("SELECT timestamp FROM metrics.slow")
t.ok(len(rows) == 1 and rows[0]["timestamp"].endswith("T00:00:00Z"),
     "  one tick a bucket all the same", rows)
st, out = d.post("/v1/connectors/node/test")
t.ok(st == 200 and out["ok"] is True and out["rows"] == 1, "test: 200", out)
d.create("gone", "http://127.0.0.1:1/x", every=86400000)
st, out = d.post("/v1/connectors/gone/test")
t.ok(st == 200 and out["ok"] is False and out["error"]["class"] == "transient"
     and out["error"]["code"] == "connect", "test of what is away", out)

# ---- patch ----
t.eq(d.call("PATCH", "/v1/connectors/node", {"schedule_ms": 300})[0], 204,
     "patch: 204")
t.eq(d.show("node")["schedule_ms"], 300, "  took effect")
st, _, out = d.call("PATCH", "/v1/connectors/node",
                    {"config": {"timeout_ms": 1}})
t.ok(st == 400 and b"timeout_ms" in out, "a bad patch: 400", out)
t.eq(d.call("PATCH", "/v1/connectors/node", {"config": {"timeout_ms": 700}})[0],
     204, "patch of one config key")
t.eq(d.show("node")["config"]["endpoint"], pages.url, "  keeps the others")
t.eq(d.call("PATCH", "/v1/connectors/node", {"type": "x"})[0], 400,
     "the type cannot be changed")
d.call("POST", "/v1/connectors/node/pause")
t.eq(d.call("PATCH", "/v1/connectors/node", {"enabled": True})[0], 204,
     "enabled:true")
t.eq(d.show("node")["disabled_reason"], None, "  clears the reason")
d.call("PATCH", "/v1/connectors/node", {"enabled": False})
d.call("PATCH", "/v1/connectors/node", {"enabled": True, "schedule_ms": 250,
       "options": {"retry_count": 2}})
st, out = d.get("/v1/connectors/node/events?limit=3")
t.eq([(e["event"], e["detail"]) for e in out["items"]], [("resumed", ""),
     ("changed", "schedule_ms, options"), ("paused", "manual")],
     "events say what a patch did")

# ---- events ----
st, out = d.get("/v1/connectors/node/events?limit=100")
kinds = [e["event"] for e in out["items"]]
t.ok(kinds[-1] == "created" and "connected" in kinds and "paused" in kinds and
     "resumed" in kinds and "changed" in kinds, "events, newest first", kinds)

# ---- metrics and status ----
st, h, out = d.call("GET", "/metrics")
text = out.decode()
for name in ("moltler_ticks_total{result=\"ok\"}", "moltler_rows_total",
             "moltler_tick_duration_seconds_bucket", "moltler_loop_lag_seconds",
             "moltler_last_success_timestamp_seconds{connector=\"node\"}",
             "moltler_http_requests_total{type=\"prometheus\",code=\"200\"}",
             "moltler_connectors{status=\"connected\"}",
             "process_resident_memory_bytes", "process_open_fds",
             "process_max_fds"):
    t.ok(name in text, "metrics have " + name)
d.create("self", "http://127.0.0.1:%d/metrics" % d.port, every=500)
t.ok(d.wait_ok("self"), "its own metrics are a good page", d.show("self"))
st, out = d.get("/v1/status")
t.ok(out["state"] == {"backend": "sqlite", "up": True} and
     out["connectors"]["connected"] >= 2, "status", out)

# ---- delete ----
t.eq(d.call("DELETE", "/v1/connectors/self")[0], 204, "delete: 204")
t.eq(d.get("/v1/connectors/self")[0], 404, "  gone")
t.eq(d.call("DELETE", "/v1/connectors/self")[0], 404, "  again: 404")
t.ok(d.query("SELECT count(*) AS n FROM metrics.self")[0]["n"] > 0,
     "  its rows stay")

# ---- names that differ in case are one in SQL ----
for name, db, table in (("case1", "CaseDb", "Node"), ("case2", "casedb", "node")):
    d.create(name, pages.url, every=86400000, target_database=db, table=table)
    t.ok(d.wait_ok(name), "a target %s.%s" % (db, table))
for table in ("CaseDb.Node", "casedb.node"):
    t.eq(d.query("SELECT count(*) AS n FROM %s" % table), [{"n": 2}],
         "  both connectors' rows are in " + table)
for name in ("case1", "case2"):
    d.call("DELETE", "/v1/connectors/" + name)

# ---- across a restart ----
last = d.show("node")["last_success_at"]
t.eq(d.stop(), 0, "SIGTERM: a drain and exit 0")
d.start()
t.eq([c["name"] for c in d.get("/v1/connectors")[1]["items"]],
     ["gone", "node", "plain", "slow"], "connectors are there after a restart")
t.ok((d.show("node")["last_success_at"] or "") >= last, "  with their status")
t.ok(d.wait_ok("node"), "  and run")
t.ok(any(e["event"] == "created" for e in
         d.get("/v1/connectors/node/events")[1]["items"]), "  and their events")

# ---- the unix socket, the token ----
d.stop()
path = os.path.join(d.data, "s")
d.args = ["--unix-socket", path]
d.env["MOLTLER_TOKEN"] = "0123456789abcdef0"
d.start()
t.eq(d.get("/v1/connectors")[0], 401, "without the token: 401")
t.eq(d.get("/healthz")[0], 200, "  but health is open")
t.eq(d.get("/v1/connectors", headers={"Authorization":
     "Bearer 0123456789abcdef0"})[0], 200, "  with it: 200")
t.eq(d.get("/v1/connectors", headers={"Authorization":
     "Bearer 0123456789abcdef1"})[0], 401, "  with another: 401")
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.sendall(b"GET /v1/connectors HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
t.ok(s.makefile("rb").readline().startswith(b"HTTP/1.1 200"),
     "the owner needs none over the unix socket")
t.eq(os.stat(path).st_mode & 0o777, 0o660, "  which others cannot open")
t.ok("0123456789abcdef0" not in "\n".join(d.log), "the token is in no log")
t.eq(d.stop(), 0, "exit 0")

# ---- SIGHUP reads the token file again ----
d.env.pop("MOLTLER_TOKEN")
secret = os.path.join(d.data, "token")


def write_token(text):
    with open(secret, "w") as f:
        f.write(text + "\n")
    os.chmod(secret, 0o600)


def token_status(token):
    return d.get("/v1/connectors", headers={"Authorization":
                 "Bearer " + token})[0]


write_token("first-token-01234")
d.args = ["--unix-socket", path]
d.env["MOLTLER_TOKEN_FILE"] = secret
d.start()
t.eq(token_status("first-token-01234"), 200, "the token of a file")
write_token("other-token-01234")
d.proc.send_signal(signal.SIGHUP)
t.ok(wait(lambda: token_status("other-token-01234") == 200),
     "  is read again on SIGHUP")
t.eq(token_status("first-token-01234"), 401, "  and the old one is none")
write_token("short")
d.proc.send_signal(signal.SIGHUP)
t.ok(wait(lambda: d.events("reload_failed")) and
     "token_file" in d.events("reload_failed")[0]["error"],
     "  a bad one is refused and logged")
t.eq(token_status("other-token-01234"), 200, "  and the one before stays")
d.env.pop("MOLTLER_TOKEN_FILE")
t.eq(d.stop(), 0, "exit 0")

# ---- refusing to start ----


def start_fails(args, *words, code=2):
    del d.log[:]
    d.args = args
    d.env.pop("MOLTLER_TOKEN", None)
    d.start()
    rc = d.stop()
    t.ok(rc == code and all(w in "\n".join(d.log) for w in words),
         "does not start with %s" % " ".join(args), (rc, d.log))


start_fails(["--listen", "0.0.0.0:0"], "token")
start_fails(["--redis", "nonsense"], "--redis: ")
start_fails(["--redis", "nonsense", "--check"], "--redis: ")
start_fails(["--env-file", "/nonexistent"], "--env-file: ", "/nonexistent")
start_fails(["--log-level", "loud"], "log_level")
other = Daemon()
start_fails(["--data-dir", other.data], "state.db", code=1)
other.close()
pages.close()
d.close()
