"""Daemons that share a Redis, and a Redis that goes away (sections 7, 10)."""
import json
import os
import signal
import time

from daemon import Daemon, Pages, Redis, have, rest, wait
from tap import Tap

t = Tap()
if not have("redis-server") or not have("redis-cli"):
    t.skip_all("redis-server and redis-cli are needed")
pages = Pages()
r = Redis(keep=True)
env_file = os.path.join(r.dir, "env")
with open(env_file, "w") as f:
    f.write("MT_TOKEN=marker-s3cr3t\n")
a = Daemon("--redis", r.url, "--env-file", env_file)


def ticks(d, name, bad=False):
    """The times of all ticks; each must have one row."""
    rows = d.query("SELECT timestamp, count(*) AS n FROM metrics.%s "
                   "GROUP BY 1" % name)
    if any(x["n"] != 1 for x in rows):
        raise AssertionError("a bucket was done twice: %r" % rows)
    return [x["timestamp"] for x in rows]


# ---- what a person sees in redis-cli ----
t.eq(a.get("/readyz")[0], 200, "ready with a Redis")
t.eq(a.get("/v1/status")[1]["state"], {"backend": "redis", "up": True},
     "status names it")
a.create("one", pages.url, every=200, config={"auth": {
    "type": "bearer", "token_ref": "$env:MT_TOKEN"}})
t.ok(a.wait_ok("one"), "a connector runs", a.show("one"))
node = a.show("one")["node"]
wait(lambda: r.hash("moltler:status:one").get("status") == "connected")
h = r.hash("moltler:connector:one")
t.ok(h["type"] == "prometheus" and h["schedule_ms"] == "200" and
     h["target_table"] == "one" and h["node"] == node and
     json.loads(h["config"])["endpoint"] == pages.url,
     "moltler:connector:one is a hash to read", h)
h = r.hash("moltler:status:one")
t.ok(h["status"] == "connected" and h["last_rows"] == "1" and
     h["last_run_at"] and h["last_success_at"], "moltler:status:one", h)
h = r.hash("moltler:sync:one.metrics")
t.ok(h and h.get("connector") == "one", "moltler:sync:one.metrics", h)


def buckets():
    """Those claimed; the run at creation has a claim of its own, below 0."""
    keys = r.cli("KEYS", "moltler:lease:one.metrics:*").split()
    return [b for b in (int(k.rsplit(":", 1)[1]) for k in keys) if b > 0]


t.ok(wait(buckets) and all(b % 200 == 0 for b in buckets()),
     "moltler:lease:<sync>:<bucket>", buckets())


def lease():
    k = r.cli("KEYS", "moltler:lease:one.metrics:*").split("\n")[0]
    return int(r.cli("PTTL", k) or -2), r.cli("GET", k).split(" ")


ttl, held = wait(lambda: (lambda v: v if v[0] > 0 else None)(lease()))
t.ok(0 < ttl <= 60000 and held[0] == node and int(held[1]) > 0,
     "  with the node, a fence and a TTL", (ttl, held))
ttl = int(r.cli("PTTL", "moltler:node:" + node))
beat = json.loads(r.cli("GET", "moltler:node:" + node))
t.ok(0 < ttl <= 15000 and beat["pid"] == a.proc.pid,
     "moltler:node:<id> with a TTL", (ttl, beat))
t.eq(beat["listen"], "127.0.0.1:%d" % a.port, "  and the port it has")
t.eq(a.events("state_away"), [], "the state is not away at a start")
e = [json.loads(x) for x in
     r.cli("LRANGE", "moltler:events:one", "0", "-1").split("\n")]
t.eq([x["event"] for x in e], ["connected", "created"],
     "moltler:events:one, newest first")


def everything():
    out = []
    for k in r.cli("KEYS", "*").split("\n"):
        kind = r.cli("TYPE", k)
        out.append(k)
        out.append({"hash": lambda: r.cli("HGETALL", k),
                    "string": lambda: r.cli("GET", k),
                    "list": lambda: r.cli("LRANGE", k, "0", "-1"),
                    "set": lambda: r.cli("SMEMBERS", k),
                    "none": lambda: ""}[kind]())  # a lease that ran out
    return "\n".join(out)


out = everything()
t.ok("marker-" not in out and "$env:MT_TOKEN" in out,
     "secrets are references there", out)
t.ok(all(k.startswith("moltler:") for k in r.cli("KEYS", "*").split("\n")),
     "all keys begin with moltler:")

# ---- a second daemon ----
b = Daemon("--redis", r.url, "--env-file", env_file)
t.ok(b.wait_ok("one", 10), "a second daemon sees it", b.show("one"))
a.create("two", pages.url, every=200)
t.ok(wait(lambda: b.get("/v1/connectors/two")[0] == 200, 8),
     "made on A, seen on B within some seconds")
t.ok(b.wait_ok("two", 10) and b.show("two")["node"] == node,
     "  with its status and its node", b.show("two"))
st, out = b.post("/v1/connectors/two/trigger")
t.ok(st >= 400 and node in out["error"]["message"],
     "B does not run what A's target holds, and names A", (st, out))
try:
    b.query("SELECT count(*) AS n FROM metrics.two")
    t.ok(False, "B has none of A's rows")
except RuntimeError as x:
    t.ok("two" in str(x), "B has none of A's rows", x)
t.ok(not os.path.exists(os.path.join(b.data, "targets", "metrics.db")),
     "  nor a file for them")
t.eq(b.call("POST", "/v1/connectors/two/pause")[0], 204, "paused on B")
t.ok(wait(lambda: a.show("two")["status"] == "disabled", 8),
     "  it stops on A", a.show("two"))
t.eq(b.call("DELETE", "/v1/connectors/two")[0], 204, "deleted on B")
t.ok(wait(lambda: a.get("/v1/connectors/two")[0] == 404, 8),
     "  it is gone on A")
rest(0.3)
t.eq([k for k in r.cli("KEYS", "*").split("\n")
      if ":two" in k and ":lease:" not in k], [], "  and in Redis")
t.ok(ticks(a, "two"), "  its rows stay on A")
t.eq(b.close(), 0, "B goes")

# ---- it does not answer ----
r.signal(signal.SIGSTOP)
e = a.fails("CREATE CONNECTOR unsure TYPE 'prometheus' CONFIG {endpoint: '%s'}" % pages.url)
t.ok("has not answered" in e["message"] and "may have been done all the same" in
     e["message"], "what was asked of it may yet happen", e)
e = a.fails("DROP CONNECTOR unsure2")["message"]
t.ok("all the same" not in e, "  what was not asked does not", e)
t.ok(wait(lambda: (a.show("one")["last_error"] or "")
          .startswith("transient: "), 15),
     "Redis hangs: runs fail Transient", a.show("one")["last_error"])
t.ok("Redis" in a.show("one")["last_error"], "  saying what",
     a.show("one")["last_error"])
t0 = time.monotonic()
n = len(ticks(a, "one"))
t.ok(n > 0 and time.monotonic() - t0 < 3, "  queries go on")
st, out = a.get("/readyz")
t.ok(st == 503 and out["error"]["code"] == "state_away" and
     "redis" in out["error"]["message"], "  /readyz says why", out)
t.ok(a.get("/v1/status")[1]["state"] == {"backend": "redis", "up": False} and
     a.get("/healthz")[0] == 200, "  and /v1/status; it lives")
st, out = a.create("three", pages.url)
t.ok(st == 503 and "Redis" in out["error"]["message"],
     "  a change is refused with the reason", (st, out))
r.signal(signal.SIGCONT)
t.ok(wait(lambda: a.show("one")["status"] == "connected", 15),
     "it answers again: runs go on", a.show("one"))
a.query("DROP CONNECTOR IF EXISTS unsure")
t.ok(wait(lambda: len(ticks(a, "one")) > n), "  with new rows")
t.eq(a.get("/readyz")[0], 200, "  ready")

# ---- killed, and back with its data ----
before = set(ticks(a, "one"))
r.kill()
t.ok(wait(lambda: (a.show("one")["last_error"] or "")
          .startswith("transient: "), 10),
     "Redis is killed: Transient", a.show("one")["last_error"])
t.ok("Redis" in a.show("one")["last_error"], "  saying what",
     a.show("one")["last_error"])
t.eq(a.get("/readyz")[1]["error"]["code"], "state_away", "  not ready")
t.ok(before <= set(ticks(a, "one")), "  queries go on")
# A daemon that comes up meanwhile.
c = Daemon("--redis", r.url, "--env-file", env_file, start=False)
c.start(ready=False)
t.ok(wait(lambda: c.port, 20) and c.get("/healthz")[0] == 200,
     "a daemon started without its Redis comes up", c.log)
st, out = c.get("/readyz")
t.ok(st == 503 and "redis" in out["error"]["message"], "  and says so", out)
t.eq(c.query("SELECT 1 AS x"), [{"x": 1}], "  queries work")
t.ok(c.events("redis_down"), "  its log says so too")
t.ok(wait(lambda: c.events("state_away")), "  and after a moment what it waits "
     "for", c.log)
r.start()
t.ok(wait(lambda: a.show("one")["status"] == "connected", 10),
     "Redis is back: runs go on", a.show("one"))
t.ok(wait(lambda: set(ticks(a, "one")) - before), "  with new rows")
t.ok(before <= set(ticks(a, "one")), "  nothing is lost")
t.ok(wait(lambda: c.get("/readyz")[0] == 200, 10) and
     c.show("one").get("node") == node, "the other has loaded")
t.eq(c.close(), 0, "  and stops well")
e = json.loads(r.cli("LINDEX", "moltler:events:one", "0"))
t.ok(wait(lambda: json.loads(r.cli("LINDEX", "moltler:events:one", "0"))
          ["event"] == "connected"), "what was held back is written", e)
fence = int(r.cli("HGET", "moltler:fence", "one.metrics"))
t.ok(fence > 0, "fences go on")

# ---- it stops while Redis is away ----
before = set(ticks(a, "one"))
r.kill()
wait(lambda: a.get("/v1/status")[1]["state"]["up"] is False)
t0 = time.monotonic()
t.eq(a.stop(), 0, "stopped without its Redis: exit 0")
t.ok(time.monotonic() - t0 < 10, "  soon", time.monotonic() - t0)
r.start()
a.start()
t.ok(a.wait_ok("one") and before <= set(ticks(a, "one")),
     "  all is there at the next start")

# ---- back without its data ----
a.create("four", pages.url, every=200)
a.wait_ok("four")
before = set(ticks(a, "one"))
r.kill()
wait(lambda: a.get("/v1/status")[1]["state"]["up"] is False)
for f in ("appendonlydir", "dump.rdb"):
    os.system("rm -rf '%s/%s'" % (r.dir, f))
r.start()
t.ok(wait(lambda: a.get("/v1/status")[1]["state"]["up"], 10),
     "Redis comes back empty")
t.ok(wait(lambda: r.hash("moltler:connector:one") and
          r.hash("moltler:connector:four") and
          r.hash("moltler:sync:one.metrics") and
          r.hash("moltler:status:one").get("status") == "connected", 15),
     "  what the daemon knows is put back", r.cli("KEYS", "*"))
t.ok(a.show("one").get("status") == "connected" and
     wait(lambda: set(ticks(a, "one")) - before), "  and runs go on",
     a.show("one"))
t.ok(before <= set(ticks(a, "one")), "  nothing is lost")
t.ok(any("state_lost" == json.loads(x).get("event") for x in a.log
         if x.startswith("{")), "  the log says what happened")
a.call("DELETE", "/v1/connectors/four")
time.sleep(6)
t.ok(a.get("/v1/connectors/four")[0] == 404 and
     not r.hash("moltler:connector:four"), "  what is deleted stays so")
t.ok("marker-" not in everything() + "".join(a.log), "no secret anywhere")
t.eq(a.close(), 0, "exit 0")
r.close()
pages.close()
