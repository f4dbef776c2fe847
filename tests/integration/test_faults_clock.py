"""A clock that jumps, signals at bad moments, files that are reloaded."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from daemon import Daemon, FaultServer, Pages, SRC, have, rest, sanitized, wait
from tap import Tap

t = Tap()
tmp = tempfile.mkdtemp(prefix="moltler-test-")
pages = Pages()
count = [0]


def page():
    count[0] += 1
    return b"a %d\nb %d\n" % (count[0], count[0] * 3)


pages.body = page

# ---- the clock ----
SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long
shift(void)
{
	static const char * path;
	char text[32] = "";
	int fd;

	if (path == NULL && (path = getenv("SHIFT_FILE")) == NULL)
		return (0);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return (0);
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return (atol(text));
}

int
clock_gettime(clockid_t id, struct timespec * ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += shift();
	return (rc);
}

/* Tell that the log was synced. */
int
fdatasync(int fd)
{
	const char * path = getenv("SYNC_FILE");
	int out = path ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;

	if (out >= 0) {
		if (write(out, "s", 1) != 1)
			abort();
		close(out);
	}
	return ((int)syscall(SYS_fdatasync, fd));
}

int
gettimeofday(struct timeval * restrict tv, void * restrict tz)
{
	struct timespec ts;

	(void)tz;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return (0);
}

time_t
time(time_t * out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return (ts.tv_sec);
}
"""


def times(d, name):
    rows = d.query("SELECT timestamp, count(*) AS n FROM metrics.%s "
                   "GROUP BY 1 ORDER BY 1" % name)
    return {r["timestamp"]: r["n"] for r in rows}


def clock():
    so = os.path.join(tmp, "shim.so")
    with open(os.path.join(tmp, "shim.c"), "w") as f:
        f.write(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", so,
                    os.path.join(tmp, "shim.c")], check=True)
    shift = os.path.join(tmp, "shift")

    def step(seconds):
        with open(shift + ".new", "w") as f:
            f.write(str(seconds))
        os.rename(shift + ".new", shift)

    step(0)
    # A sanitizer's runtime must come first.
    syncs = os.path.join(tmp, "syncs")
    env = {"LD_PRELOAD": so, "SHIFT_FILE": shift, "SYNC_FILE": syncs,
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
           ":verify_asan_link_order=0"}
    d = Daemon(env=env)
    d.create("c", pages.url, every=100)
    t.ok(d.wait_ok("c") and wait(lambda: len(times(d, "c")) > 5),
         "runs on a clock of ours")
    ahead = 0
    for name, seconds in (("an hour ahead", 3600), ("a day back", -86400),
                          ("half a second's worth ahead", -86399),
                          ("back to now", 0), ("a year ahead", 31536000),
                          ("two seconds back", 31535998)):
        was = times(d, "c")
        step(seconds)
        t0 = time.time()
        grown = wait(lambda: len(times(d, "c")) >= len(was) + 5, 12)
        t.ok(grown, "the clock steps %s: runs go on" % name, d.show("c"))
        now = times(d, "c")
        t.ok(set(was.items()) <= set(now.items()) and
             all(n == 2 for n in now.values()),
             "  nothing twice, nothing lost",
             [x for x in now.items() if x[1] != 2])
        new = sorted(set(now) - set(was))
        want = time.strftime("%Y-%m-%dT%H", time.gmtime(t0 + seconds))
        t.ok(new and (new[-1].startswith(want) or new[-1][:13] > want),
             "  in its time", (new[-3:], want))
        t.eq(d.show("c")["last_error"], None, "  without an error")

    def cpu():
        with open("/proc/%d/stat" % d.proc.pid) as f:
            return sum(map(int, f.read().split()[13:15]))

    for name, seconds in (("ahead", 86400), ("back", -86400)):
        step(seconds)
        time.sleep(2.5)     # what was begun before
        n, a = os.path.getsize(syncs), cpu()
        time.sleep(2)
        t.ok(cpu() - a < (150 if sanitized() else 60),
             "a day %s: nothing spins" % name, cpu() - a)
        t.ok(wait(lambda: os.path.getsize(syncs) > n, 8),
             "  what is stored is synced all the same", n)
    step(0)
    t0 = time.monotonic()
    t.ok(d.get("/healthz")[0] == 200 and d.close() == 0 and
         time.monotonic() - t0 < 10, "exit 0")


if have("cc"):
    clock()
else:
    t.skip("a clock that jumps", "no cc here")

# ---- signals ----
env_file = os.path.join(tmp, "env")
own = os.path.join(tmp, "types")
os.mkdir(own)
with open(env_file, "w") as f:
    f.write("MT_TOKEN=marker-one\n")
d = Daemon("--env-file", env_file, "--connectors", own)
fault = FaultServer()
LONG = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c " \
    "LIMIT 1000000000000) "


def client(sql, fmt="json"):
    """A query by a process of its own, which tells how it ended."""
    return subprocess.Popen(
        ["curl", "-sS", "-m", "60", "-H", "Content-Type: application/json",
         "-d", json.dumps({"sql": sql, "format": fmt}),
         "http://127.0.0.1:%d/v1/query" % d.port],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def stops(what, ready, check=None, q=None):
    d.start()
    ready()
    t0 = time.monotonic()
    rc = d.stop(40)
    t.ok(rc == 0 and time.monotonic() - t0 < 8,
         "SIGTERM during %s: exit 0, soon" % what,
         (rc, time.monotonic() - t0, d.log[-3:]))
    t.ok(not any('"drain_cut"' in x for x in d.log), "  of itself",
         d.log[-3:])


procs = []


def long_query():
    procs.append(client(LONG + "SELECT count(*) FROM c"))
    wait(lambda: d.metric("moltler_queries_running") == 1)


def streamed():
    procs.append(client(LONG + "SELECT x FROM c", "ndjson"))
    wait(lambda: d.metric("moltler_queries_running") == 1)
    time.sleep(0.2)


def slow_scrape():
    d.create("slow", fault.base + "/delay?ms=20000", every=60000,
             config={"timeout_ms": 30000})
    wait(lambda: d.get("/v1/status")[1]["running"] == 1)


d.stop()
if have("curl"):
    stops("a long query", long_query)
    out, err = procs[0].communicate(timeout=20)
    t.ok(b'"error"' in out and (b"shutting" in out or b"cancel" in out),
         "  the client is told", (out[-300:], err))
    stops("a streamed answer", streamed)
    out, err = procs[1].communicate(timeout=20)
    last = out.rstrip().rsplit(b"\n", 1)[-1]
    t.ok(b'"error"' in last or procs[1].returncode != 0,
         "  the client sees that it is not whole", (last, err))
else:
    t.skip("SIGTERM during queries", "no curl here")
stops("a slow scrape", slow_scrape)
d.start()
d.call("DELETE", "/v1/connectors/slow")

# ---- SIGHUP ----
ref = {"auth": {"type": "bearer", "token_ref": "$env:MT_TOKEN"}}
d.create("sec", pages.url, every=100, config=ref)
t.ok(d.wait_ok("sec"), "a connector with a secret", d.show("sec"))


def sent():
    return pages.requests[-1][1].get("Authorization")


def hup(event):
    n = len(d.events(event))
    d.proc.send_signal(signal.SIGHUP)
    return wait(lambda: len(d.events(event)) > n)


with open(env_file, "w") as f:
    f.write("MT_TOKEN=marker-two\n")
t.ok(hup("reloaded") and wait(lambda: sent() == "Bearer marker-two"),
     "SIGHUP reads the env file", d.log[-3:])
with open(env_file, "w") as f:
    f.write("MT_TOKEN=marker-three\n=what is this\n")
t.ok(hup("reload_failed") and env_file in json.dumps(
     d.events("reload_failed")[-1]), "a broken env file is told",
     d.log[-3:])
rest(0.4)
t.ok(sent() == "Bearer marker-two" and d.show("sec")["status"] ==
     "connected", "  and the old values stay", sent())
os.unlink(env_file)
t.ok(hup("reload_failed"), "one that is gone too")
rest(0.4)
t.eq(sent(), "Bearer marker-two", "  and the old values stay")
with open(env_file, "w") as f:
    f.write("MT_TOKEN=marker-two\n")
os.mkdir(os.path.join(own, "broken"))
with open(os.path.join(own, "broken", "manifest.json"), "w") as f:
    f.write('{"type": "broken", \n "entities": [')
before = [x["type"] for x in d.get("/v1/types")[1]["items"]]
t.ok(hup("bad_type") and "broken" in json.dumps(d.events("bad_type")[-1]),
     "a broken manifest is told, by name",
     d.log[-3:])
t.ok([x["type"] for x in d.get("/v1/types")[1]["items"]] == before and
     d.show("sec")["status"] == "connected" and d.alive(),
     "  and the old types stay")
shutil.rmtree(os.path.join(own, "broken"))
with open(os.path.join(SRC, "connectors", "prometheus",
                       "manifest.json")) as f:
    man = json.load(f)
man["type"] = "mine"
os.mkdir(os.path.join(own, "mine"))
with open(os.path.join(own, "mine", "manifest.json"), "w") as f:
    json.dump(man, f)
t.ok(hup("reloaded") and d.get("/v1/types/mine")[0] == 200,
     "a good new type is there", d.log[-3:])
st, out = d.post("/v1/connectors", {"name": "own", "type": "mine",
                 "target_database": "metrics", "target_table": "own",
                 "schedule_ms": 100, "config": {"endpoint": pages.url}})
t.ok(st == 201 and d.wait_ok("own"), "  and works", (st, out))
for i in range(20):
    d.proc.send_signal(signal.SIGHUP)
n = len(times(d, "own"))
t.ok(wait(lambda: len(times(d, "own")) > n + 3) and d.alive(),
     "SIGHUP twenty times: all goes on")
shutil.rmtree(os.path.join(own, "mine"))
t.ok(hup("reloaded") and d.get("/v1/types/mine")[0] == 404,
     "the type is gone again")
n = len(times(d, "own"))
t.ok(wait(lambda: len(times(d, "own")) > n + 3),
     "  a connector of it goes on with what it had")
t.eq(d.stop(), 0, "exit 0")
d.start()
v = d.show("own")
t.ok(v["enabled"] is False and "mine" in (v["disabled_reason"] or ""),
     "  at the next start it is disabled, saying why", v)
t.ok("marker-" not in "\n".join(d.log), "no secret in the log")
t.eq(d.close(), 0, "exit 0")
fault.close()
pages.close()
shutil.rmtree(tmp, ignore_errors=True)
