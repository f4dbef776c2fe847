#!/usr/bin/env python3
"""Syncs whose disk is full, whose target's file is gone or garbage, whose clock
jumps, and several of them into one table."""
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import SRC, Daemon, sanitized, wait  # noqa: E402
from fake_elastic import FakeElastic  # noqa: E402
from faulty_source import Bench, Source, manifest, types  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
DAY = 86400000
src = Source(200)
m = manifest(per_page=50)
fewer = manifest("fewer", 50)
for e in fewer["entities"].values():
    del e["columns"]["name"], e["columns"]["tags"]
other = manifest("other", 50)
for e in other["entities"].values():
    e["columns"]["n"] = {"type": "text"}
folder = types(m, fewer, other)
d = Daemon("--connectors", folder)
b = Bench(d, src)


def limit(proc, size):
    resource.prlimit(proc.pid, resource.RLIMIT_FSIZE,
                     (size, resource.RLIM_INFINITY))


# ---- a disk that is full: the target's file and the state's ----
s = b.define("asc", "full", incremental="updated_at", schedule_ms=DAY)
b.ended(s, 1)
t.eq(b.stored("full"), src.table(), "a sync into SQLite")
for i in list(src.rows):
    src.put(i, name="long " * 400)
was = b.shown(s)["cursor"]
limit(d.proc, 65536)
d.post("/v1/syncs/%s/run" % s)
said = wait(lambda: d.events("rows_retry"), 20)
t.ok(said and "moltler.db" in said[-1]["error"] and
     re.search("full|disk", said[-1]["error"]) and
     wait(lambda: d.events("state_failed"), 20),
     "the disk is full: it says so and waits for room", (said, b.shown(s)))
t.ok(d.alive() and d.query("SELECT count(*) AS n FROM full")[0]["n"] == 200,
     "  the daemon goes on, and reads")
st, out = d.post("/v1/syncs", {"connector": "m", "entity": "desc",
                               "target": "late"})
t.ok(st in (201, 503) and (st == 201 or out["error"]["message"]),
     "  another one is kept or refused, not lost", (st, out))
limit(d.proc, resource.RLIM_INFINITY)
b.ended(s, 2)
t.ok(wait(lambda: b.run(s)["verdict"] == "complete", 20, 0.5),
     "  with room it runs", b.shown(s))
t.eq(b.stored("full"), src.table(), "  and nothing is missing")
t.eq(d.get("/v1/syncs/m.desc")[0], 200 if st == 201 else 404,
     "  what it took is there, what it refused is not")
d.stop()
d.start()
t.eq((b.stored("full"), d.get("/v1/syncs/m.desc")[0]),
     (src.table(), 200 if st == 201 else 404), "  also after a restart")
if st == 201:
    d.query("DROP SYNC m.desc")

# ---- the file is gone between two runs ----
path = os.path.join(d.data, "targets", "moltler.db")


def without():
    for x in ("", "-wal", "-shm"):
        if os.path.exists(path + x):
            os.unlink(path + x)


s2 = b.define("asc", "sqlite:gone", schedule_ms=DAY)
b.ended(s2, 1)
d.stop()
without()
d.start()
v = b.run(s2)
t.ok(v["verdict"] == "complete" and b.stored("gone") == src.table(),
     "the file was removed: a full run brings it all", v)
v = b.run(s)
t.ok(v["verdict"] == "complete" and b.stored("full") == src.table() and
     d.events("sync_begins_anew"),
     "  an incremental one begins anew, and says so", v)

# Removed while the daemon has it open.
without()
v = b.run(s2)
t.ok(d.alive() and v["status"] != "running", "removed under the daemon", v)
if v["verdict"] == "complete":
    t.eq(b.stored("gone"), src.table(), "  the rows are to be had")
else:
    t.ok("moltler.db" in v["reason"], "  says so", v)
d.stop()
d.start()
d.post("/v1/syncs/%s/resume" % s2)
v = b.run(s2)
t.ok(v["verdict"] == "complete" and b.stored("gone") == src.table(),
     "  started again all is there", v)

# ---- garbage ----
d.stop()
without()
with open(path, "wb") as f:
    f.write(b"this is no database, but some text\n" * 400)
d.start()
runs = b.shown(s2)["runs"]
d.post("/v1/syncs/%s/run" % s2)
v = b.ended(s2, runs + 1)
t.ok(v["verdict"] == "failed" and v["last_error"].startswith("config: ") and
     "moltler.db" in v["last_error"] and "move it away" in v["last_error"] and
     not v["enabled"], "garbage in its place: a person must look", v)
d.stop()
without()
d.start()
d.post("/v1/syncs/%s/resume" % s2)
v = b.run(s2)
t.ok(v["verdict"] == "complete" and b.stored("gone") == src.table(),
     "  moved away and resumed it is whole", v)

# ---- the folder becomes read-only ----


def mount(*args):
    return os.geteuid() == 0 and subprocess.run(
        ["mount"] + list(args), capture_output=True).returncode == 0


where = tempfile.mkdtemp(prefix="moltler-test-")
if mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", where):
    x = Daemon("--connectors", folder, data=where)
    bx = Bench(x, src)
    sx = bx.define("asc", "ro", schedule_ms=DAY)
    bx.ended(sx, 1)
    block = os.path.join(where, "block")
    with open(block, "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096):
                pass
        except OSError:
            pass
    for i in list(src.rows):
        src.put(i, name="other " * 400)
    x.post("/v1/syncs/%s/run" % sx)
    said = wait(lambda: x.events("rows_retry"), 20)
    t.ok(said and "moltler.db" in said[-1]["error"],
         "a full tmpfs, state and all: it says so", (said, bx.shown(sx)))
    t.ok(x.alive(), "  the daemon goes on")
    os.unlink(block)
    bx.ended(sx, 2)
    t.ok(wait(lambda: bx.run(sx)["verdict"] == "complete", 20, 0.5) and
         bx.stored("ro") == src.table(), "  with room it is whole",
         bx.shown(sx))
    t.eq(x.stop(), 0, "  exit 0")
    subprocess.run(["umount", "-l", where])
else:
    t.skip("a full tmpfs", "no mount here")
os.rmdir(where)

# ---- several into one table ----
for kind in ("fewer", "other"):
    st, out = d.post("/v1/connectors", {
        "name": kind, "type": kind, "config": {"url": src.url},
        "options": {"cache_ttl": 0, "retry_count": 0}})
    assert st == 201, out


def into(target, read):
    one = b.define("asc", target, schedule_ms=DAY)
    b.ended(one, 1)
    t.eq(read(), src.table(), "%s: the one with all columns" % target)
    two = b.define("asc", target, connector="fewer", schedule_ms=DAY)
    v = b.ended(two, 1)
    return one, two, v


one, two, v = into("shared", lambda: b.stored("shared"))
t.ok(v["verdict"] == "complete" and b.stored("shared") == src.table(),
     "one with fewer columns leaves the others' as they are", v)
for i in (5, 6):
    src.put(i)
b.run(two)
got = {r["id"]: r for r in d.query("SELECT id, n, name FROM shared")}
t.ok(got[5]["n"] == src.rows[5]["n"] and got[5]["name"],
     "  and writes its own", got[5])
b.run(one)
t.eq(b.stored("shared"), src.table(), "  with the other one all is whole")
three = b.define("asc", "shared", connector="other", schedule_ms=DAY)
v = b.ended(three, 1)
t.ok(v["verdict"] == "failed" and "column n" in v["reason"] and
     "another target" in v["reason"], "another type in a column: refused", v)
t.eq(b.stored("shared"), src.table(), "  and nothing is spoilt")
d.query("DROP SYNC " + three)
t.eq(d.close(), 0, "ends well")

# ---- the clock ----
text = open(os.path.join(SRC, "tests/integration/test_faults_clock.py")).read()
shim = re.search(r'SHIM = r"""(.*?)"""', text, re.S).group(1)
tmp = tempfile.mkdtemp(prefix="moltler-test-")
so, shift = os.path.join(tmp, "shim.so"), os.path.join(tmp, "shift")
with open(os.path.join(tmp, "shim.c"), "w") as f:
    f.write(shim)
subprocess.run(["cc", "-shared", "-fPIC", "-o", so,
                os.path.join(tmp, "shim.c")], check=True)


def step(seconds):
    with open(shift + ".new", "w") as f:
        f.write(str(seconds))
    os.rename(shift + ".new", shift)


if sanitized():
    t.skip("a clock that jumps", "a sanitizer's runtime must come first")
else:
    # Begin in the middle of a minute of the daemon's clock.
    zero = int(30 - time.time() % 60)
    step(zero)
    x = Daemon("--connectors", folder,
               env={"LD_PRELOAD": so, "SHIFT_FILE": shift})
    b = Bench(x, src)
    every = b.define("asc", "every", schedule_ms=300)
    hourly = b.define("desc", "hourly", schedule="0 * * * *")
    b.ended(every, 2)
    v = b.ended(hourly, 1)
    t.eq(v["runs"], 1, "a cron's first run")

    def goes_on(what):
        n = b.shown(every)["runs"]
        t.ok(wait(lambda: b.shown(every)["runs"] >= n + 3, 8),
             "%s: every 300 ms goes on" % what, b.shown(every))

    step(zero + 2 * 3600)
    t.ok(wait(lambda: b.shown(hourly)["runs"] == 2, 8),
         "two hours ahead: the cron runs", b.shown(hourly))
    goes_on("ahead")
    n = b.shown(every)["runs"]
    time.sleep(1.5)
    t.ok(b.shown(every)["runs"] - n < 12, "  what was skipped is not made up",
         b.shown(every)["runs"] - n)
    t.eq(b.shown(hourly)["runs"], 2, "  the cron ran once for all it missed")
    step(zero)
    goes_on("back")
    time.sleep(1)
    n = b.shown(hourly)["runs"]
    t.ok(n in (2, 3), "  the cron runs at most once for that", n)
    at = b.shown(hourly)["next_run_at"]
    now = time.time() + zero
    t.ok(at and at[14:19] == "00:00" and at[:13] == time.strftime(
         "%Y-%m-%dT%H", time.gmtime(now - now % 3600 + 3600)),
         "  and next at the hour of this clock", (at, time.gmtime(now)))
    step(zero - 5 * 3600)
    goes_on("five hours back")
    for i in (1, 2):
        src.put(i)
    t.ok(wait(lambda: b.stored("every") == src.table(), 10),
         "  the rows come")
    step(zero)
    goes_on("right again")
    t.eq(x.close(), 0, "ends well")
src.close()
