"""moltler backup and moltler restore between real daemons: SQLite and Redis."""
import json
import os
import shutil
import stat
import subprocess
import tempfile

from daemon import BUILD, Daemon, Pages, Redis, have, wait
from tap import Tap

t = Tap()
KEY = os.urandom(32).hex()
ENV = {"MOLTLER_MASTER_KEY": KEY}
work = tempfile.mkdtemp(prefix="moltler-backup-")
FILE = os.path.join(work, "b.ndjson")


def cli(d, *args, stdin=None):
    """(exit code, stdout, stderr)"""
    env = dict(os.environ, MOLTLER_URL="http://127.0.0.1:%d" % d.port)
    p = subprocess.run([os.path.join(BUILD, "moltler"), *args], env=env,
                       input=stdin, capture_output=True, text=True,
                       timeout=60)
    return p.returncode, p.stdout, p.stderr


def shown(d):
    """What a daemon shows of its connectors, but for what its runs say."""
    keep = ("id", "name", "type", "target_database", "target_table",
            "schedule_ms", "enabled", "disabled_reason", "config", "options")
    items = d.get("/v1/connectors")[1]["items"]
    return [{k: d.show(i["name"]).get(k) for k in keep} for i in items]


pages = Pages()
a = Daemon(env=ENV)
cli(a, "secrets", "set", "tok", "MARK-own")
a.create("web", pages.url, config={"auth": {"type": "bearer",
                                            "token_ref": "{{secrets.tok}}"}})
t.eq(a.post("/v1/connectors", {"name": "gh", "type": "github", "config": {
    "token": "MARK-literal", "owner": "o",
    "api_url": pages.url.rsplit("/", 1)[0]}})[0], 201, "one with a literal")
a.post("/v1/connectors/gh/pause")
t.ok(a.wait_ok("web"), "the first daemon scrapes with its secret")
before = shown(a)

# ---- the file ----

rc, out, err = cli(a, "backup", FILE)
t.eq((rc, err), (0, ""), "a backup is made")
t.ok("2 connectors, 1 sync, 0 cursors, 2 secrets" in out, "it says of what",
     out)
t.eq(stat.S_IMODE(os.stat(FILE).st_mode), 0o600, "its file is ours alone")
t.eq(os.listdir(work), ["b.ndjson"], "nothing else is left there")
text = open(FILE).read()
t.ok("MARK" not in text and KEY not in text, "no secret is in it in clear")
head = json.loads(text.splitlines()[0])
t.eq((head["format"], head["version"], head["state"],
      head["counts"]["connector"]), ("moltler-backup", 2, "sqlite", 2),
     "its first line says what it is")
rc, out, err = cli(a, "backup", FILE)
t.ok(rc == 1 and "--force" in err, "a file is not replaced", err)
t.eq(open(FILE).read(), text, "and stays as it was")
t.eq(cli(a, "backup", FILE, "--force")[0], 0, "but with --force")
rc, out, err = cli(a, "backup", "-")
t.eq(out.splitlines()[1:-1], text.splitlines()[1:-1],
     "- is standard output, and the same again")
rc, out, err = cli(a, "backup", os.path.join(work, "no", "where"))
t.ok(rc == 1 and "No such file" in err, "a folder that is not there", err)
for args in (["backup"], ["restore"], ["backup", "a", "b"],
             ["backup", "x", "--here"], ["--force", "status"],
             ["backup", "x", "-e", "SELECT 1"],
             ["backup", "x", "--format", "csv"]):
    rc, out, err = cli(a, *args)
    t.ok(rc == 2 and err, "usage: %s" % " ".join(args), (rc, out, err))

# ---- into another one ----

b = Daemon(env=ENV)
rc, out, err = cli(b, "restore", FILE)
t.eq((rc, err), (0, ""), "it is restored elsewhere")
t.ok("2 connectors, 1 sync," in out and "Now this node's:" in out,
     "which says what, and whose it is now", out)
t.ok(wait(lambda: len(b.get("/v1/connectors")[1]["items"]) == 2),
     "the daemon takes the connectors over")
t.eq(shown(b), before, "all are as they were")
pages.requests.clear()
t.ok(b.wait_ok("web"), "and run", b.show("web"))
t.ok(wait(lambda: any(h.get("Authorization") == "Bearer MARK-own"
                      for _, h in pages.requests)), "with their secrets")
t.eq(cli(b, "secrets", "list")[1], "tok\n", "which are listed")
b.post("/v1/connectors/gh/resume")
b.post("/v1/connectors/gh/test", {})
t.ok(any("MARK-literal" in h.get("Authorization", "")
         for _, h in pages.requests), "a literal came along",
     pages.requests[-1:])
rc, out, err = cli(b, "restore", FILE)
t.ok(rc == 1 and "2 connectors (gh, web)" in err and "--force" in err,
     "what is not empty is not restored into", err)
rc, out, err = cli(b, "restore", FILE, "--force", "--format", "json")
t.eq(json.loads(out)["replaced"], 5, "but with --force")
t.ok(wait(lambda: b.show("gh")["disabled_reason"] == "manual"),
     "which takes effect, too", b.show("gh"))
t.eq(b.stop(), 0, "the daemon stops")
b.start()
t.eq(shown(b), before, "all is there after a new start")
t.ok(b.wait_ok("web"), "and runs")

# ---- what is no backup ----

c = Daemon("--listen", "127.0.0.1:0", env=dict(ENV, MOLTLER_MAX_BODY="1024"))
bad = os.path.join(work, "bad")
for name, what, say in (
        ("cut", text[:len(text) // 2], "cut"),
        ("changed", text.replace('"owner":"o"', '"owner":"p"'), "checksum"),
        ("garbage", "\x00\x01garbage\n" * 400, "no backup"),
        ("newer", text.replace('"version":2', '"version":9'), "newer"),
        ("empty", "", "is empty")):
    open(bad, "w").write(what)
    rc, out, err = cli(c, "restore", bad)
    t.ok(rc == 1 and say in err, "refused: " + name, (rc, err))
t.eq(c.get("/v1/connectors")[1]["items"], [], "nothing was changed")
rc, out, err = cli(c, "restore", os.path.join(work, "none"))
t.eq(rc, 2, "a file that is not there")
with open(FILE) as f:
    rc, out, err = cli(c, "restore", "-", stdin=f.read())
t.eq((rc, err), (0, ""), "- is standard input; small bodies, many pieces")
t.ok(wait(lambda: len(c.get("/v1/connectors")[1]["items"]) == 2),
     "it is there")
c.close()

c = Daemon(env={"MOLTLER_MASTER_KEY": os.urandom(32).hex()})
rc, out, err = cli(c, "restore", FILE)
t.ok(rc == 1 and "another master key" in err and "nothing was changed" in err,
     "another master key", err)
t.eq((c.get("/v1/connectors")[1]["items"], cli(c, "secrets", "list")[1]),
     ([], ""), "nothing was changed")
c.close()
c = Daemon()
rc, out, err = cli(c, "restore", FILE)
key = os.path.join(c.data, "master.key")
t.ok(rc == 1 and key in err, "no master key: where to put it", err)
t.ok(not os.path.exists(key), "none was made")
with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
    f.write(KEY + "\n")
t.eq(cli(c, "restore", FILE)[0], 0, "with that file it is restored")
t.ok(c.wait_ok("web"), "and runs", c.show("web"))
c.close()

# ---- the API ----

c = Daemon(env=ENV)
t.eq(c.post("/v1/restore", text, headers={
    "Content-Type": "application/x-ndjson"})[0], 200, "POST of a whole backup")
t.eq(c.post("/v1/restore", text, headers={
    "Content-Type": "application/x-ndjson"})[0], 409, "not empty: 409")
t.eq(c.post("/v1/restore?force=1", text, headers={
    "Content-Type": "application/x-ndjson"})[0], 200, "?force=1")
t.eq(c.post("/v1/restore?force=maybe", text, headers={
    "Content-Type": "application/x-ndjson"})[0], 400, "?force=maybe")
t.eq(c.post("/v1/restore", {"bytes": 1 << 30})[0], 413, "too large")
t.eq(c.post("/v1/restore", {"bytes": -1})[0], 400, "no size")
t.eq(c.post("/v1/restore/nix", {})[0], 404, "no such upload")
status, v = c.post("/v1/restore", {"bytes": 10})
t.eq(status, 201, "begin of one in pieces")
t.eq(c.call("PUT", "/v1/restore/%s?at=5" % v["id"], "abc", headers={
    "Content-Type": "application/x-ndjson"})[0], 400, "a piece out of place")
t.eq(c.call("PUT", "/v1/restore/%s" % v["id"], "abc", headers={
    "Content-Type": "application/x-ndjson"})[0], 400, "or without one")
t.eq(c.post("/v1/restore/%s" % v["id"], {})[0], 400, "the end before the end")
t.eq(c.call("GET", "/v1/restore")[0], 405, "GET /v1/restore")
status, headers, body = c.call("GET", "/v1/backup")
t.eq((status, headers["Content-Type"], headers["Cache-Control"]),
     (200, "application/x-ndjson", "no-store"), "GET /v1/backup")
c.close()

# ---- syncs and their cursors ----

os.makedirs(os.path.join(work, "types", "shop"))
with open(os.path.join(work, "types", "shop", "manifest.json"), "w") as f:
    json.dump({
        "format": 1, "type": "shop", "title": "Shop", "description": "Orders",
        "drive_model": "on_demand",
        "config": {"url": {"type": "url", "required": True}},
        "base_url": "{{config.url}}",
        "entities": {"orders": {
            "main": True, "key": ["id"],
            "columns": {"id": {"type": "integer", "not_null": True},
                        "changed": {"type": "timestamp"}},
            "lists": [{"name": "all", "url": "/orders", "records": "items",
                       "paginate": {"kind": "none"}}]}}}, f)
shop = Pages()
shop.headers = {"Content-Type": "application/json"}
shop.body = json.dumps({"items": [
    {"id": k, "changed": "2026-01-%02dT00:00:00Z" % k}
    for k in range(1, 21)]}).encode()
TYPES = ("--connectors", os.path.join(work, "types"))
s = Daemon(*TYPES, env=ENV)
s.post("/v1/connectors", {"name": "shop", "type": "shop", "config": {
    "url": shop.url.rsplit("/", 1)[0]}, "options": {"cache_ttl": 0}})
made = s.query("SYNC CONNECTOR shop.orders TO orders INCREMENTAL ON changed "
               "SCHEDULE '0 0 1 1 *'")[0]


def sync(d):
    items = d.get("/v1/syncs")[1]["items"]
    return next((i for i in items if i["id"] == "shop.orders"), {})


t.ok(wait(lambda: sync(s).get("verdict") == "complete"), "a sync ran",
     sync(s))
cursor = s.get("/v1/syncs/shop.orders")[1]["cursor"]
t.ok(cursor, "it has a cursor", cursor)
SYNCS = os.path.join(work, "syncs")
rc, out, err = cli(s, "backup", SYNCS)
t.ok("1 connector, 1 sync, 1 cursor, 0 secrets" in out, "all are in it", out)
keep = ("id", "connector", "entities", "target", "schedule", "incremental",
        "enabled", "deletes", "engine")
old = {k: sync(s).get(k) for k in keep}

# The same node, whose state was lost.
s.stop()
for name in os.listdir(s.data):
    if name.startswith("state.db"):
        os.unlink(os.path.join(s.data, name))
s.start()
t.eq(s.get("/v1/syncs")[1]["items"], [], "the state is empty")
rc, out, err = cli(s, "restore", SYNCS)
t.ok(rc == 0 and "1 cursor," in out and "again" not in out,
     "restored with its cursor", (out, err))
t.ok(wait(lambda: sync(s)), "the sync is taken over")
t.eq({k: sync(s).get(k) for k in keep}, old, "as it was")
t.eq(s.get("/v1/syncs/shop.orders")[1]["cursor"], cursor, "with its cursor")
s.query("RUN SYNC shop.orders")
t.ok(wait(lambda: sync(s).get("verdict") == "complete"), "it runs", sync(s))
t.eq(s.query("SELECT count(*) AS n FROM orders")[0]["n"], 20,
     "nothing is lost or doubled")
s.close()

# Another node, which has none of the rows: the cursor would hide them.
s = Daemon(*TYPES, env=ENV)
rc, out, err = cli(s, "restore", SYNCS)
t.ok(rc == 0 and "0 cursors" in out and "again from the beginning" in out,
     "another node is to read all again", (out, err))
t.ok(wait(lambda: sync(s)), "the sync is there")
s.query("RUN SYNC shop.orders")
t.ok(wait(lambda: sync(s).get("verdict") == "complete"), "it runs", sync(s))
t.eq(s.query("SELECT count(*) AS n FROM orders")[0]["n"], 20,
     "and all rows come")
t.ok(s.metric("moltler_sync_runs_total", verdict="complete") >= 1,
     "metrics: runs by verdict")
t.eq(s.metric("moltler_sync_rows_total"), 20, "metrics: rows")
t.eq((s.metric("moltler_syncs", status="scheduled"), s.metric("moltler_nodes"),
      s.metric("moltler_syncs_mine"), s.metric("moltler_leases_held"),
      s.metric("moltler_sync_rejected_total"),
      s.metric("moltler_sync_deleted_total")), (1, 1, 1, 0, 0, 0),
     "metrics: syncs, nodes, claims")
t.ok(s.metric("moltler_cursor_age_seconds", sync="shop.orders") > 0,
     "metrics: the cursor's age")
s.close()
shop.close()

# ---- Redis ----

if have("redis-server"):
    r = Redis()
    x = Daemon("--redis", r.url, env=ENV)
    y = Daemon("--redis", r.url, env=ENV)
    rc, out, err = cli(x, "restore", FILE)
    t.eq((rc, err), (0, ""), "from SQLite into Redis")
    t.ok("--here" in out, "what belongs to nodes elsewhere waits", out)
    t.ok(wait(lambda: len(y.get("/v1/connectors")[1]["items"]) == 2),
         "the other daemon takes it over, too")
    t.eq(shown(y), before, "as it was")
    rc, out, err = cli(x, "restore", FILE, "--force", "--here")
    t.ok(rc == 0 and "Now this node's: gh, web" in out, "--here", (out, err))
    t.ok(x.wait_ok("web"), "makes it run here", x.show("web"))
    again = os.path.join(work, "redis")
    t.eq(cli(y, "backup", again)[0], 0, "a backup of Redis")
    z = Daemon(env=ENV)
    t.eq(cli(z, "restore", again)[0], 0, "into SQLite")
    t.ok(z.wait_ok("web"), "runs there", z.show("web"))
    t.eq(shown(z), before, "as it was")
    z.close()
    r.kill()
    rc, out, err = cli(y, "backup", os.path.join(work, "away"))
    t.ok(rc == 1 and err, "a state that is away is said", (rc, err))
    t.ok(not [f for f in os.listdir(work) if f.startswith("away")],
         "and leaves no file")
    x.close()
    y.close()
    r.close()
else:
    t.skip("Redis", "no redis-server")

rc, out, err = cli(b, "backup", os.path.join(work, "gone"))
t.eq(rc, 0, "still there")
port = b.port
b.close()
b.port = port
t.eq(cli(b, "backup", os.path.join(work, "gone2"))[0], 3, "nobody there: 3")
t.eq(cli(b, "restore", FILE)[0], 3, "nobody there: 3")
a.close()
pages.close()
shutil.rmtree(work)
