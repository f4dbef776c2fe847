"""A disk that is full, files that are damaged, folders that cannot be used."""
import atexit
import json
import os
import resource
import shutil
import subprocess
import tempfile

from daemon import Daemon, Pages, wait
from tap import Tap

t = Tap()
pages = Pages()
SERIES = 200
count = [0]


def page():
    """200 series, all of which change with every page."""
    count[0] += 1
    return b"".join(b"m%d %d.%d\n" % (i, i * 7919 + count[0] * 104729, i)
                    for i in range(SERIES))


pages.body = page


def whole(d, name, least=1):
    """Whether every tick of it has all its rows."""
    rows = d.query("SELECT timestamp, count(*) AS n, count(DISTINCT name) AS k "
                   "FROM metrics.%s GROUP BY 1" % name)
    return len(rows) >= least and all(
        r["n"] == SERIES and r["k"] == SERIES for r in rows) or rows[-5:]


def ticks(d, name):
    return d.query("SELECT count(DISTINCT timestamp) AS n FROM metrics." +
                   name)[0]["n"]


def no_space(d, what, fill, free):
    """Ticks while there is no space, and after."""
    t.ok(wait(lambda: ticks(d, "m") > 3), what + ": runs before")
    fill()
    t.ok(wait(lambda: (d.show("m")["last_error"] or "")
              .startswith("transient: "), 20), "  then runs fail Transient",
         d.show("m"))
    e = d.show("m")["last_error"]
    t.ok("metrics.db" in e and ("space" in e or "I/O" in e),
         "  saying what and where", e)
    n = ticks(d, "m")
    t.ok(n > 3 and d.alive(), "  queries go on")
    t.ok(d.metric("moltler_ticks_total", result="transient") > 0 and
         d.get("/v1/status")[0] == 200, "  so does the rest")
    t.eq(whole(d, "m"), True, "  nothing half-stored")
    free()
    t.ok(wait(lambda: d.show("m")["status"] == "connected", 20),
         "  with space again it goes on by itself", d.show("m"))
    t.ok(wait(lambda: ticks(d, "m") > n + 3), "  and stores")
    t.eq(whole(d, "m"), True, "  every tick is whole")
    t.ok(wait(lambda: [e["event"] for e in d.get(
              "/v1/connectors/m/events")[1]["items"]][:2] ==
              ["connected", "error"]), "  both are events",
         d.get("/v1/connectors/m/events"))


# ---- a file that may not grow ----
d = Daemon()
d.create("m", pages.url, every=100)
t.ok(d.wait_ok("m"), "a connector of 200 series", d.show("m"))


def limit(size):
    resource.prlimit(d.proc.pid, resource.RLIMIT_FSIZE,
                     (size, resource.RLIM_INFINITY))


no_space(d, "a limit of file size", lambda: limit(65536),
         lambda: limit(resource.RLIM_INFINITY))
t.eq(d.create("n", pages.url, every=100)[0], 201, "changes are kept again")
t.ok(d.wait_ok("n"), "  and run")
d.call("DELETE", "/v1/connectors/n")

# ---- a second daemon in the same folder ----
other = Daemon(data=d.data, start=False)
other.start()
t.ok(other.stop() == 1 and any("another moltlerd" in x and
     str(d.proc.pid) in x for x in other.log),
     "a second daemon in one data dir: refused, naming the first",
     other.log)
t.ok(d.alive() and whole(d, "m") is True, "  which goes on")
t.eq(d.stop(), 0, "exit 0")


# ---- damaged files ----
def start_says(words, code=1):
    del d.log[:]
    d.start()
    rc = d.stop()
    return rc == code and all(w in "\n".join(d.log) for w in words)


state = os.path.join(d.data, "state.db")
shutil.copy(state, state + ".good")
with open(state, "wb") as f:
    f.write(b"this is no database, but some text\n" * 400)
t.ok(start_says(["state.db", "damaged", "move it away"]),
     "state.db is no database: does not start, says so", d.log)
shutil.copy(state + ".good", state)
with open(state, "r+b") as f:
    f.seek(4096)
    f.write(os.urandom(2 * 4096))
t.ok(start_says(["state.db", "damaged", "move it away"]),
     "state.db with a damaged page: the same", d.log)
os.unlink(state)
del d.log[:]
d.start()
t.ok(d.get("/readyz")[0] == 200 and
     d.get("/v1/connectors")[1]["items"] == [], "moved away: begins anew")
before = ticks(d, "m")
d.create("m", pages.url, every=100)
t.ok(d.wait_ok("m"), "  the connector made anew runs", d.show("m"))
t.ok(wait(lambda: ticks(d, "m") > before), "  into the table there was")
d.stop()
shutil.copy(state + ".good", state)

db = os.path.join(d.data, "targets", "metrics.db")
for x in ("-wal", "-shm"):
    if os.path.exists(db + x):
        os.unlink(db + x)
shutil.copy(db, db + ".good")
with open(db, "wb") as f:
    f.write(b"no database either\n" * 1000)
d.start()
t.ok(d.get("/readyz")[0] == 200, "a target that is no database: starts")
e = d.wait_error("m")
t.ok(e.startswith("config: ") and "metrics.db" in e and "move it away" in e,
     "  its runs fail Config, with the remedy", e)
t.ok(wait(lambda: "metrics.db" in (d.show("m")["disabled_reason"] or "")),
     "  and wait for a person", d.show("m"))
t.eq(d.create("o", pages.url, every=100, target_database="other")[0], 201,
     "  another target")
t.ok(d.wait_ok("o"), "    is none the worse", d.show("o"))
shutil.copy(db + ".good", db)
t.eq(d.call("POST", "/v1/connectors/m/resume")[0], 204, "restored, resumed")
runs = d.metric("moltler_ticks_total", result="ok")
t.ok(wait(lambda: d.metric("moltler_ticks_total", result="ok") > runs + 1) and
     whole(d, "m", before) is True, "  it goes on with all it had",
     d.show("m"))
t.ok(whole(d, "n") is True, "  also what no connector writes any more")
d.call("DELETE", "/v1/connectors/o")
d.stop()
# Pages in the middle: what is hit says so, the rest is read and written.
shutil.copy(db, db + ".good")
size = os.path.getsize(db)
with open(db, "r+b") as f:
    for at in range(8192, size, 16384):
        f.seek(at)
        f.write(os.urandom(4096))
d.start()
wait(lambda: d.show("m")["last_error"], 10)
e = d.show("m")["last_error"] or ""
try:
    d.query("SELECT count(*) AS n, sum(value) AS s FROM metrics.m")
    said = ""
except RuntimeError as x:
    said = str(x)
t.ok(e.startswith("config: ") or "malformed" in said or "corrupt" in said,
     "a damaged target says so", (e, said))
t.ok(d.alive(), "  the daemon goes on")
t.eq(d.stop(), 0, "  and stops")
shutil.copy(db + ".good", db)

# ---- folders ----
bad = tempfile.mkdtemp(prefix="moltler-test-")
atexit.register(shutil.rmtree, bad, True)
path = os.path.join(bad, "file")
open(path, "w").close()
x = Daemon(data=path, start=False)
x.start()
t.ok(x.stop() == 1 and path in "\n".join(x.log),
     "the data dir is a file: does not start", x.log)
x = Daemon(data="/proc/moltler", start=False)
x.start()
t.ok(x.stop() == 1 and "/proc/moltler" in "\n".join(x.log),
     "it cannot be made: does not start", x.log)


def mount(*args):
    return os.geteuid() == 0 and subprocess.run(
        ["mount"] + list(args), capture_output=True).returncode == 0


where = os.path.join(bad, "m")
os.mkdir(where)
if mount("-t", "tmpfs", "-o", "size=6m", "tmpfs", where):
    atexit.register(lambda: subprocess.run(["umount", "-l", where],
                                           capture_output=True))
    m = Daemon(data=where)
    m.create("m", pages.url, every=100)
    m.wait_ok("m")
    block = os.path.join(where, "block")

    def fill():
        with open(block, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096):
                    pass
            except OSError:
                pass

    no_space(m, "a full disk", fill, lambda: os.unlink(block))
    fill()
    wait(lambda: (m.show("m")["last_error"] or "").startswith("transient"))
    st, out = m.create("late", pages.url)
    t.ok(st in (201, 503) and (st == 201 or "state.db" in
         out["error"]["message"]), "a change is kept or refused, not lost",
         (st, out))
    m.kill()
    m.start(ready=False)
    t.ok(wait(lambda: m.proc.poll() is not None or
              m.port and m.get("/readyz")[0] == 200, 20) and
         (m.proc.poll() is None or any("state.db" in x for x in m.log)),
         "killed, started on the full disk: it runs or says why not",
         m.log[-3:])
    m.stop()
    os.unlink(block)
    m.start()
    t.ok(m.wait_ok("m") and whole(m, "m") is True,
         "  with space all is there", m.show("m"))
    if st == 201:
        t.eq(m.get("/v1/connectors/late")[0], 200, "  what it took too")
    else:
        t.eq(m.get("/v1/connectors/late")[0], 404, "  what it refused not")
    t.eq(m.stop(), 0, "  exit 0")
    if mount("-o", "remount,ro", where):
        m.start()
        t.ok(m.stop() == 1 and where in "\n".join(m.log) and
             "ead-only" in "\n".join(m.log),
             "a read-only data dir: does not start, says so", m.log)
    else:
        t.skip("a read-only data dir", "cannot remount")
else:
    t.skip("a full disk", "no mount of a small tmpfs here")
    t.skip("a read-only data dir", "no mount here")
file = os.path.join(bad, "file")
open(file, "w").close()
for where in (file, os.path.join(file, "below")):
    x = Daemon(data=where, start=False)
    x.start()
    t.ok(x.stop() == 1 and where in x.log[-1] and "Not a directory" in x.log[-1],
         "a data dir that is a file, or below one: said to be that", x.log)
if os.geteuid() != 0:
    os.chmod(bad, 0o500)
    x = Daemon(data=os.path.join(bad, "new"), start=False)
    x.start()
    t.ok(x.stop() == 1 and bad in "\n".join(x.log), "no permission", x.log)
    os.chmod(bad, 0o700)
pages.close()
d.close()
