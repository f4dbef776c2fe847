"""Two daemons on one Redis: what each says of the other's."""
import os
import shutil
import subprocess
import tempfile

from daemon import Daemon, Pages, have, wait
from tap import Tap

if not have("redis-server"):
    Tap.skip_all("redis-server is not installed")

t = Tap()
home = tempfile.mkdtemp(prefix="moltler-shared-")
sock = os.path.join(home, "redis")


def redis():
    p = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", sock,
                          "--save", "", "--dir", home],
                         stdout=subprocess.DEVNULL)
    wait(lambda: os.path.exists(sock))
    return p


server = redis()
pages = Pages()
# A short lease: who is gone is missed after half of it.
a, b = [Daemon("--redis", "unix://" + sock, env={"MOLTLER_LEASE": "3s"})
        for _ in range(2)]
node = a.get("/v1/status")[1]["node"]

# ---- a target belongs to one node, and the other says whose it is ----
t.eq(a.create("one", pages.url, every=500)[0], 201, "made on one")
t.ok(a.wait_ok("one"), "  runs there", a.show("one"))
t.ok(wait(lambda: b.get("/v1/connectors/one")[0] == 200), "the other sees it")
t.eq(b.show("one")["node"], node, "  and whose it is")
for table in ("metrics.one", "one", "METRICS.One"):
    st, out = b.post("/v1/query", {"sql": "SELECT 1 FROM " + table})
    t.ok(st == 409 and out["error"]["code"] == "not_here" and
         node in out["error"]["message"],
         "the other says where %s is" % table, (st, out))
st, out = b.post("/v1/query", {"sql": "SELECT 1 FROM metrics.two"})
t.ok(st == 400 and out["error"]["code"] == "no_table",
     "  but nobody has metrics.two", (st, out))

row = b.query("SHOW TARGETS")[0]
t.eq((row["target"], row["node"]), ("metrics.one", node),
     "  as SHOW TARGETS does")
t.eq(b.query("SHOW SYNCS")[0]["node"], node, "  and SHOW SYNCS")
t.eq(a.query("SHOW TARGETS")[0]["node"], None, "  at home it is here")
for what in "SELECT 1 FROM metrics.one", "RUN SYNC one.metrics":
    st, out = b.post("/v1/query", {"sql": what})
    t.ok(st == 409 and node + " (at 127.0.0.1:" in out["error"]["message"],
         "  and where that is to be asked: " + what, (st, out))

# ---- a Redis that forgot everything: not in silence ----
server.kill()
server.wait()
os.unlink(sock)
n = a.query("SELECT count(*) AS n FROM metrics.one")[0]["n"]
t.ok(n > 0, "queries go on without it")
t.eq(a.get("/readyz")[0], 503, "  but it is not ready")
server = redis()
t.ok(wait(lambda: a.events("state_lost") or b.events("state_lost"), 20),
     "whoever sees it first says that the state lost things", a.log[-5:])
t.ok(wait(lambda: a.show("one").get("status") == "connected" and
          b.show("one").get("name") == "one", 20),
     "  and what they know is put back", (a.show("one"), b.show("one")))
t.ok(a.query("SELECT count(*) AS n FROM metrics.one")[0]["n"] >= n,
     "rows stay")

# ---- who runs it is gone: it is not called well ----
t.ok(b.wait_ok("one", 10), "the other sees that it runs")
a.kill()
t.ok(wait(lambda: b.show("one")["status"] == "error", 25, 0.2) and
     node + " (which is not running)" in b.show("one")["last_error"],
     "its daemon is killed: the other says so", b.show("one"))
row = b.query("SHOW CONNECTORS")[0]
t.eq(row["Status"], "error", "  in SHOW CONNECTORS, too")
t.eq(b.metric("moltler_connectors", status="error"), 1, "  and in /metrics")
a.start()
t.ok(wait(lambda: b.show("one")["status"] == "connected", 25, 0.2),
     "it is back", b.show("one"))

t.eq((a.close(), b.close()), (0, 0), "both end well")
pages.close()
server.kill()
server.wait()
shutil.rmtree(home)
