"""The client in pipes, interrupted, on a terminal, and its status, against a daemon
that answers by rote."""
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cli_fixture  # noqa: E402
from cli_fixture import (ANSWERS, MOLTLER, STATUS, Terminal, daemon,  # noqa: E402
                         env, get, left, run, stalled, t, tmp)
from daemon import Stopwatch, wait  # noqa: E402
from fake_daemon import FakeDaemon  # noqa: E402

# --- Pipes and interrupts --------------------------------------------------
left.clear()
p = subprocess.Popen([MOLTLER, "-e", "endless"], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, env=env())
t.eq(p.stdout.readline(), b'{"name":"a row that is to fill a pipe","n":1}\n',
     "rows come while the statement runs")
p.stdout.close()
err = p.stderr.read()
t.eq((p.wait(20), err), (-signal.SIGPIPE, b""),
     "a reader that leaves ends the client quietly")
t.ok(left.wait(20), "and the daemon sees it")
left.clear()
p = subprocess.Popen([MOLTLER, "-e", "endless"], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, env=env())
t.ok(wait(lambda: stalled(p.stdout), 20), "a pipe that nobody reads is full")
p.send_signal(signal.SIGINT)
t.eq(p.wait(60), 130, "SIGINT ends it also while its reader sleeps")
t.ok(left.wait(20), "and the daemon sees that too")
p.stdout.close()
p.stderr.close()
# The signal comes when the client has looked for one and is about to write: a
# write that finds the pipe full would not end by it.
SHIM = r"""
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t
write(int fd, const void * p, size_t n)
{
	static int come;
	int held;

	if (fd == 1 && !come && ioctl(fd, FIONREAD, &held) == 0 &&
	    held + n > 65536) {
		come = 1;
		raise(SIGINT);
	}
	return (syscall(SYS_write, fd, p, n));
}
"""
so = os.path.join(tmp.name, "shim.so")
with open(so + ".c", "w") as f:
    f.write(SHIM)
subprocess.run(["cc", "-shared", "-fPIC", "-o", so, so + ".c"], check=True)
left.clear()
p = subprocess.Popen(
    [MOLTLER, "-e", "endless"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    # A sanitizer's runtime must come first.
    env=env(LD_PRELOAD=so, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") +
            ":verify_asan_link_order=0"))
wait(lambda: p.poll() is not None or stalled(p.stdout), 20)
if p.poll() is None:            # a second one would end it by itself: not 130
    p.send_signal(signal.SIGINT)
t.eq(p.wait(60), 130, "SIGINT ends it just before it writes, too")
p.stdout.close()
p.stderr.close()
left.clear()
p = subprocess.Popen([MOLTLER, "-e", "slow then watch"], env=env(),
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdout.readline()
watch = Stopwatch()
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=20)
t.eq((p.returncode, out, err), (130, b"", b""), "SIGINT while it waits")
t.ok(left.wait(20) and watch.took() < 5,
     "closes the connection at once")
p = subprocess.Popen([MOLTLER, "-e", "slow"], env=env(),
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
out, err = p.communicate(timeout=20)
t.eq((p.returncode, err), (0, b""), "no progress where stderr is no terminal")

# --- On a terminal ---------------------------------------------------------
t.eq(Terminal("-e", "two").wait(), (0, """\
┌───────┬─────┐
│ \x1b[1mname\x1b[0m  │   \x1b[1mn\x1b[0m │
├───────┼─────┤
│ alpha │   1 │
│ \x1b[2mNULL\x1b[0m  │ -20 │
└───────┴─────┘
(2 rows, 12 ms)
"""), "a table is the format on a terminal, NULL dim")
t.eq(Terminal("-e", "wide", size=(24, 40), NO_COLOR="1").wait(), (0, """\
┌────────┬──────────────┬──────────────┐
│     id │ title        │ labels       │
├────────┼──────────────┼──────────────┤
│      1 │ 日本語の題…  │ {"a":"xxxxx… │
│ 123456 │ short        │ {}           │
└────────┴──────────────┴──────────────┘
(2 rows, 12 ms)
"""), "cut to the terminal's width, numbers whole, no color when told so")
t.eq(Terminal("-e", "wide", size=(24, 20), TERM="dumb").wait(), (0, """\
[ row 1 ]───────────
id     │ 1
title  │ 日本語の題…
labels │ {"a":"xxxx…
[ row 2 ]───────────
id     │ 123456
title  │ short
labels │ {}
(2 rows, 12 ms)
"""), "a row a block where even cut columns do not fit")
rc, text = Terminal("-e", "slow", TERM="dumb").wait()
parts = text.split("\r\x1b[K")
t.ok(rc == 0 and parts[0] == "" and len(parts) > 2
     and re.fullmatch(r"1 row, [01] rows/s, [1-9]\.\d s", parts[1])
     and parts[-1].startswith("┌"),
     "progress after a second, taken away before the rows", repr(text))
rc, text = Terminal("-e", "syncing", size=(24, 120), TERM="dumb").wait()
parts = text.split("\r\x1b[K")
t.ok(rc == 0 and parts[1].startswith("issues (2 of 3): 120 rows, 3 pages, "
                                     "80 rows/s, 1."),
     "a sync's progress", repr(text))
t.ok("issues (2 of 3) [############>...........] 50%, 120 of 240 rows, 3 pages,"
     " 80 rows/s" in text and parts[-1].startswith("┌"),
     "with a bar where the total is known", repr(text))
left.clear()
term = Terminal("-e", "slow then watch", "--format=table", TERM="dumb")
text = term.read(b"(", 4)
t.ok("│ a    │ 1 │\n" in text.replace("\r\x1b[K", ""),
     "held rows are shown after two seconds", repr(text))
term.type(b"\x03")
rc, text = term.wait()
t.ok(rc == 130 and "moltler:" not in text, "Ctrl-C ends with 130", repr(text))
t.ok(left.wait(20), "and closes the connection")
term = Terminal("-e", "slow", stdout=False)
out = term.p.stdout.read().decode()
rc, text = term.wait()
t.ok(rc == 0 and "1 row, 1 rows/s" in text and
     out == '{"name":"a","n":1}\n{"name":"b","n":2}\n',
     "progress on the terminal while rows go into a pipe", repr((out, text)))
rc, text = Terminal(stdout=False).wait()
t.ok(rc == 2 and text.startswith("moltler: no statement: give one with -e")
     and "usage: moltler" in text, "no statement, and rows go elsewhere: help",
     repr(text))

# --- status ----------------------------------------------------------------
t.eq(run("status"), (0, """\
moltlerd 0.1.0 at %s, node n1, up 1d2h
state sqlite up; loop lag 0.05 ms (p99 0.4, max 3.25); 1,234,567 rows taken in
connectors: 1 connected, 1 in error, 1 disabled, 0 pending
┌──────────┬────────────┬───────────┬───────┬───────────────┬───────┬───────────\
───────────────────────┐
│ Name     │ Type       │ Status    │ Every │ Last success  │  Rows │ Error     \
                       │
├──────────┼────────────┼───────────┼───────┼───────────────┼───────┼───────────\
───────────────────────┤
│ node-a   │ prometheus │ connected │ 5s    │ 5 minutes ago │ 1,507 │           \
                       │
│ node b&c │ prometheus │ error     │ 1m    │ never         │     0 │ http://h/m\
etrics: 404\\nnot found │
│ off      │ prometheus │ disabled  │       │ never         │       │ manual    \
                       │
└──────────┴────────────┴───────────┴───────┴───────────────┴───────┴───────────\
───────────────────────┘
""" % daemon.url, ""), "status: the daemon and its connectors, page by page")
rc, out, err = run("status", "--format=json")
facts = json.loads(out)
t.eq((rc, facts["status"], [i["name"] for i in facts["connectors"]],
      out.count("\n")), (0, STATUS, ["node-a", "node b&c", "off"], 1),
     "status as JSON: the facts as they came")
cli_fixture.paging_for_ever.append(1)
t.eq(run("status")[0], 0, "a list that says it goes on for ever ends")
cli_fixture.paging_for_ever.clear()
p = subprocess.Popen([MOLTLER, "status", "--watch", "--format=json"],
                     env=env(), stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
watch = Stopwatch()
two = [json.loads(p.stdout.readline()) for _ in range(2)]
t.ok(1.5 < watch.wall() and watch.took() < 10 and two[0]["status"] == STATUS,
     "status --watch prints again after two seconds")
p.send_signal(signal.SIGINT)
t.eq(p.wait(20), 0, "and ends with 0 on Ctrl-C")
p.stdout.close()
p.stderr.close()
STATUS["syncs"] = {"total": 7, "running": 6, "scheduled": 6, "paused": 1,
                   "partial": 0, "failed": 2}
STATUS["nodes"] = [
    {"node": "n1", "here": True, "listen": "127.0.0.1:8080",
     "syncs": ["a.%d" % i for i in range(6)]},
    {"node": "n2\x1b", "here": False, "syncs": []}]
out = run("status")[1]
t.ok("""pending
syncs: 7 total, 6 running, 6 scheduled, 1 paused, 0 partial, 2 failed
* n1 at 127.0.0.1:8080: runs a.0, a.1, a.2, a.3, a.4 and 1 more
  n2?: runs no sync
┌""" in out, "syncs, and the daemons and what each runs", out)
del STATUS["syncs"], STATUS["nodes"]
coming = FakeDaemon(ANSWERS, get)
term = Terminal("status", "--watch", "--url", coming.url, size=(12, 100),
                TERM="dumb")
text = term.read(b"more\r\n")
t.ok(text.startswith("\x1b[H\x1b[2Jmoltlerd 0.1.0") and "node b&c" in text
     and " off " in text and "node-a" not in text and "and 1 more" in text,
     "watching a small terminal: cleared, trouble first, the rest counted",
     repr(text))
coming.stop()
t.ok("(tried again every 2 s)" in term.read(b"every 2 s)"),
     "a daemon that goes away is waited for", repr(term.seen[-500:]))
term.seen = b""
coming = FakeDaemon(ANSWERS, get, port=coming.port)
t.ok("moltlerd 0.1.0" in term.read(b"more\r\n"), "and seen when it is back")
term.type(b"\x03")
t.eq(term.wait()[0], 0, "Ctrl-C on the terminal ends watching with 0")
coming.stop()
daemon.stop()
