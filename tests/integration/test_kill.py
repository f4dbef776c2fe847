"""Killed at any moment: what is stored is whole, what was told is there."""
import datetime
import random
import time

from daemon import Daemon, Pages, sanitized, wait
from tap import Tap

t = Tap()
SERIES, CONNECTORS, KILLS = 500, 5, 25
seed = int(time.time())
rnd = random.Random(seed)
t.note("seed %d" % seed)
count = [0]


def page():
    """Most values change; now and then the series do too."""
    count[0] += 1
    k = count[0]
    extra = k // 40
    return b"".join(b'm%d{of="%d"} %d.%d\n' % (
        i, extra if i > SERIES - 20 else 0, (k * (i % 7)) % 100000, i % 10)
        for i in range(SERIES))


pages = Pages()
pages.body = page
d = Daemon()
names = ["k%d" % i for i in range(CONNECTORS)]
for n in names:
    d.create(n, pages.url, every=100)
t.ok(all(d.wait_ok(n) for n in names), "five connectors of 500 series")
told = {n: set() for n in names}      # buckets known to be stored
rows = 0
missing = []


def at(text):
    # "...:26Z" and "...:26.100Z" do not sort as text.
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def look():
    """What the daemon says is stored now."""
    stamps = {}
    for n in names:
        v = d.show(n)
        if v.get("last_success_at"):
            stamps[n] = v["last_success_at"]
    return d.metric("moltler_rows_total"), stamps


def stored():
    out = {}
    for n in names:
        for r in d.query("SELECT timestamp, count(*) AS n, "
                         "count(DISTINCT name) AS k FROM metrics.%s "
                         "GROUP BY 1" % n):
            out[n, r["timestamp"]] = (r["n"], r["k"])
    return out


base = 0
acked = seen = {}
bad = []
t0 = time.monotonic()
for i in range(KILLS):
    time.sleep(rnd.random() * 0.5)
    rows, stamps = look()
    if rnd.random() < 0.5:
        seen = stored()
    time.sleep(rnd.random() * 0.06)
    d.kill()
    d.start()
    now = stored()
    if sum(x[0] for x in now.values()) < base + rows:
        bad.append("kill %d: %d rows, %d had been told" % (
            i, sum(x[0] for x in now.values()), base + rows))
    for key in seen:
        if key not in now:
            bad.append("kill %d: %r had been read and is gone" % (i, key))
    for n, said in stamps.items():
        newest = max(at(x[1]) for x in now if x[0] == n)
        # A run that ended then is of a bucket not long before it.
        if (at(said) - newest).total_seconds() > 1:
            bad.append("kill %d: %s told of %s, has %s" % (
                i, n, said, newest))
    bad += ["kill %d: %r has %r" % (i, k, x) for k, x in now.items()
            if x != (SERIES, SERIES)]
    seen = now
    # Counted by the next process from nothing.
    base = sum(x[0] for x in now.values()) - \
        (d.metric("moltler_rows_total") or 0)
    if time.monotonic() - t0 > 45 and i >= 9:
        t.note("a slow machine: %d kills" % (i + 1))
        break
t.eq(bad[:10], [], "killed %d times: every tick whole, none lost" % (i + 1))
now = stored()
t.ok(len(now) > 5 * 10, "  %d ticks" % len(now))
t.ok(all(d.wait_ok(n) for n in names), "  all connectors go on")
t.eq([e for n in names for e in [d.show(n)["last_error"]] if e], [],
     "  without an error")
n = d.query("SELECT count(*) AS n, count(DISTINCT timestamp) AS t FROM "
            "metrics.k0")[0]
t.eq(n["n"], n["t"] * SERIES, "  no timestamp twice")
t.eq(d.stop(), 0, "exit 0")
d.start()
t.ok(set(now) <= set(stored()), "  and after a good end all is there")
t.eq(d.close(), 0, "exit 0")
pages.close()
