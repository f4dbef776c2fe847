#!/usr/bin/env python3
"""moltlerd beside vmagent and Prometheus on real, changing exporter pages.

A figure counts only beside another taken in the same minutes.  So the programs
run one after the other, each alone, in short rounds A B C B C A, and what is
judged is the ratio within a round: its median and spread over the rounds.
Before each comes a yardstick that has nothing to do with any of them (what a
step of a random walk through memory costs), so that bad minutes can be told.

Three parts: `compare` (the rounds), `size` (10,000 connectors at 15 s) and
`max` (how many samples a second one core sustains).  Samples are counted by
what the exporters' nginx has answered, and compared to what each program says
it took in; moltlerd's table is counted with SQL.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import pages
import parts

AIMS = []


def say(text=""):
    print(text, flush=True)


def aim(what, value, limit, unit="", least=False):
    """Note a figure against its aim, both for the last table."""
    met = value >= limit if least else value <= limit
    AIMS.append((what, value, limit, unit, least, met))


def yardstick(opt):
    out = subprocess.run([os.path.join(opt.build, "tests/bench/bench_memory")],
                         stdout=subprocess.PIPE, check=True).stdout
    return float(out.split()[0])


def measure(part, web, page, seconds):
    """Watch ${part} for a while; a dict of what it took."""
    stored, disk, wrote = part.stored(), part.disk(), part.written()
    asked, cpu, t = web.requests(), part.cpu(), time.monotonic()
    rss = 0
    while time.monotonic() < t + seconds:
        rss = max(rss, part.rss())
        part.alive()
        time.sleep(min(0.5, max(0.01, t + seconds - time.monotonic())))
    cpu, t = part.cpu() - cpu, time.monotonic() - t
    asked = web.requests() - asked
    wrote, disk = part.written() - wrote, part.disk() - disk
    stored = part.stored() - stored
    n = asked * page["samples"]
    if not n:
        raise RuntimeError("%s scraped nothing" % part.name)
    return {"name": part.name, "seconds": t, "scrapes": asked, "samples": n,
            "cpu": cpu, "rss": rss, "stored": stored / n,
            "cpu_m": cpu / n * 1e6, "us": cpu / asked * 1e6,
            "disk": disk / n, "written": wrote / n}


def settle(part, opt, web, page):
    """Wait until all targets are scraped at their pace and what is scraped is
    taken in: each one's first scrapes, which make the series, take their time
    (Prometheus 40 s of it on a slow machine).  How long it took."""
    start, interval = time.monotonic(), opt.every / 1000
    time.sleep(max(2 * interval, 5))
    while time.monotonic() < start + opt.settle:
        asked, stored, t = web.requests(), part.stored(), time.monotonic()
        time.sleep(max(interval, 2))
        asked = web.requests() - asked
        stored = part.stored() - stored
        t = time.monotonic() - t
        part.alive()
        if abs(asked / (t / interval * opt.targets) - 1) < 0.05 and \
                abs(stored / (asked * page["samples"]) - 1) < 0.05:
            break
    else:
        say("    %s did not come to its pace in %g s" % (part.name,
                                                         opt.settle))
    return time.monotonic() - start


def one(name, opt, web, page, seconds):
    """One program, from an empty folder to its end."""
    y = yardstick(opt)
    part = parts.PARTS[name]()
    try:
        start = web.requests()
        part.start(web.targets[:opt.targets], opt.every)
        settled = settle(part, opt, web, page)
        m = measure(part, web, page, seconds)
        m.update(yardstick=y, settled=settled)
        m["lines"], m["ok"] = part.check()
        part.stop()
        # All it ever took, with nothing left in memory.
        m["left"] = part.disk() / ((web.requests() - start) * page["samples"])
    finally:
        part.close()
    return m


def row(m):
    say("  %-11s %8.1f %7.0f %8.3f %8.0f %8.1f %7.2f %7.2f %7.2f %7.1f%%" % (
        m["name"], m["yardstick"], m["settled"], m["cpu_m"], m["us"],
        m["rss"] / 2**20, m["disk"], m["left"], m["written"],
        m["stored"] * 100))
    for line in m["lines"]:
        say("    " + line)
    if not m["ok"]:
        say("    THIS DOES NOT ADD UP")


def ratios(rounds, a, b, key):
    v = [r[a][key] / r[b][key] for r in rounds]
    return statistics.median(v), min(v), max(v)


def compare(opt, page):
    names = opt.only or ["moltler", "vmagent", "prometheus"]
    say("%d targets every %g s, %d rounds of %g s each, each alone"
        % (opt.targets, opt.every / 1000, opt.rounds, opt.seconds))
    head = "  %-11s %8s %7s %8s %8s %8s %7s %7s %7s %8s"
    say(head % ("", "ns/step", "settled", "CPU s", "CPU us", "RSS", "disk",
                "disk", "written", "stored"))
    say(head % ("", "of walk", "in s", "/M smp", "/scrape", "MiB", "B/smp",
                "at end", "B/smp", "/fetched"))
    web = pages.exporter(opt.pages, opt.targets, page_ms(opt.every), opt.gzip)
    parts.VmAgent.sink = pages.sink() if "vmagent" in names else None
    rounds = []
    try:
        for i in range(opt.rounds):
            # Turned round each time, so that none always comes after the same.
            order = names[i % len(names):] + names[:i % len(names)]
            r = {n: one(n, opt, web, page, opt.seconds) for n in order}
            say(" round %d" % (i + 1))
            for n in names:
                row(r[n])
            rounds.append(r)
    finally:
        web.stop()
        if parts.VmAgent.sink:
            parts.VmAgent.sink.stop()
    judge(rounds, names)
    return rounds


def judge(rounds, names):
    say()
    if "moltler" not in names:
        return
    say("  ratio of moltler to       median    min    max")
    for peer, key, what, limit in (
            ("vmagent", "cpu_m", "CPU a sample", 0.20),
            ("prometheus", "cpu_m", "CPU a sample", 0.10),
            ("vmagent", "rss", "RSS", 0.25),
            ("prometheus", "rss", "RSS", None),
            ("prometheus", "left", "disk at end", None),
            ("prometheus", "written", "bytes written", None)):
        if peer not in names:
            continue
        mid, low, high = ratios(rounds, "moltler", peer, key)
        say("  %-10s %-14s %6.3f %6.3f %6.3f" % (peer, what, mid, low, high))
        if limit:
            aim("%s at most %.2f of %s's" % (what, limit, peer), mid, limit)
    disk = statistics.median(r["moltler"]["left"] for r in rounds)
    aim("disk bytes a sample, all counted", disk, 3, "B")
    for r in rounds:
        m = r["moltler"]
        if not m["ok"] or abs(m["stored"] - 1) > 0.03:
            AIMS.append(("all that was fetched is stored", m["stored"], 1, "",
                         True, False))
            break
    else:
        AIMS.append(("all that was fetched is stored", 1, 1, "", True, True))
    say()


def page_ms(every):
    """How long a page stays, so that each scrape sees another one."""
    return 1000 if every >= 1000 else 100 if every >= 100 else 10


def size(opt, page):
    """Many connectors at a slow pace: memory and the loop's lag."""
    n, every = opt.connectors, opt.connectors_every
    web = pages.exporter(opt.pages, n, 1000, opt.gzip)
    say("%d connectors of %g s on %d addresses" % (n, every / 1000, web.hosts))
    part = parts.Moltler()
    try:
        t = time.monotonic()
        part.start(web.targets, every)
        say("  created through the API in %.1f s" % (time.monotonic() - t))
        time.sleep(1.2 * every / 1000)
        first = part.rss()
        # The lag is counted from the start: so that creating them is not in
        # it, and because a daemon is started more often than filled.
        part.stop()
        t = time.monotonic()
        part.launch()
        say("  started again with all of them in %.1f s" %
            (time.monotonic() - t))
        time.sleep(every / 1000)
        m = measure(part, web, page, opt.size_seconds)
        lag, c = part.status()["loop_lag_ms"], part.counts()
    finally:
        part.close()
        web.stop()
    say("  RSS %.1f MiB (%.1f before the restart), CPU %.1f %% of a core, "
        "%.3f s/M samples, %.0f us a scrape" % (
            m["rss"] / 2**20, first / 2**20, m["cpu"] / m["seconds"] * 100,
            m["cpu_m"], m["us"]))
    say("  loop lag p50 %.1f ms, p99 %.1f ms, max %.1f ms; runs: %d good, "
        "%d failed, %d missed" % (lag["p50"], lag["p99"], lag["max"], c["ok"],
                                  c["bad"], c["skipped"]))
    say()
    aim("RSS of %d connectors" % n, max(m["rss"], first) / 1e6, 200, "MB")
    aim("loop lag p99 then", lag["p99"], 20, "ms")
    aim("runs failed or missed then", c["bad"] + c["skipped"], 0)
    return {"size": m, "lag": lag, "counts": c, "first_rss": first}


def rate(opt, page, every, seconds):
    """One step of the search: all targets every so many ms."""
    web = pages.exporter(opt.pages, opt.targets, page_ms(every), opt.gzip)
    part = parts.Moltler()
    try:
        part.start(web.targets, every)
        time.sleep(max(2, 2 * every / 1000))
        before = part.counts()
        m = measure(part, web, page, seconds)
        after = part.counts()
        m.update({k: after[k] - before[k] for k in after})
        m["every"] = every
        m["lag"] = part.status()["loop_lag_ms"]["p99"]
    finally:
        part.close()
        web.stop()
    m["rate"] = m["rows"] / m["seconds"]
    m["cpu_rate"] = m["rows"] / m["cpu"]
    m["held"] = m["skipped"] + m["bad"] <= 0.001 * m["ok"]
    say("  every %5d ms: %5.2f M samples/s, %3.0f %% of a core, %5.2f M a CPU "
        "second, lag p99 %5.1f ms; %d good, %d failed, %d missed%s" % (
            every, m["rate"] / 1e6, m["cpu"] / m["seconds"] * 100,
            m["cpu_rate"] / 1e6, m["lag"], m["ok"], m["bad"], m["skipped"],
            "" if m["held"] else ": too fast"))
    return m


def sustained(opt, page):
    """The shortest schedule at which nothing is missed."""
    say("sustained: %d targets, faster until runs are missed" % opt.targets)
    every, low, steps, good = 1600, None, [], None
    while every >= 100:
        m = rate(opt, page, every, opt.max_seconds)
        steps.append(m)
        if not m["held"]:
            low = every
            break
        good, every = m, every // 2
    for _ in range(opt.max_steps if low and good else 0):
        every = int((low * good["every"]) ** 0.5)
        m = rate(opt, page, every, opt.max_seconds)
        steps.append(m)
        if m["held"]:
            good = m
        else:
            low = every
    best = max(m["cpu_rate"] for m in steps)
    say("  best held: %.2f M samples/s; %.2f M a CPU second at best" % (
        good["rate"] / 1e6 if good else 0, best / 1e6))
    say()
    aim("samples a second of one core (CPU time)", best / 1e6, 3, "M",
        least=True)
    return steps


def table():
    say("aims")
    for what, value, limit, unit, least, met in AIMS:
        say("  %-44s %9.3f %-2s (%s %g) %s" % (
            what, value, unit, ">=" if least else "<=", limit,
            "met" if met else "MISSED"))
    say("%d of %d aims met" % (sum(a[-1] for a in AIMS), len(AIMS)))


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse
                                .RawDescriptionHelpFormatter)
    a = p.add_argument
    a("--build", default=".", help="the build folder, with moltlerd in it")
    a("--pages", metavar="DIR", help="pages to serve (page-*), instead of "
      "those collected once into BUILD/bench-pages")
    a("--full", action="store_true",
      help="five rounds of 60 s, and longer steps: about half an hour")
    a("--part", action="append", choices=("compare", "size", "max"),
      help="only this part (may be given more than once)")
    a("--only", action="append", choices=sorted(parts.PARTS), metavar="NAME",
      help="compare only these programs: " + ", ".join(sorted(parts.PARTS)))
    a("--targets", type=int, default=1000)
    a("--every", type=float, default=5, metavar="SECONDS")
    a("--rounds", type=int)
    a("--seconds", type=float, help="how long each is watched in a round")
    a("--settle", type=float, metavar="SECONDS", default=120,
      help="how long each may take to come to its pace, before it counts")
    a("--gzip", action="store_true", help="let the exporters compress")
    a("--connectors", type=int, default=10000, help="for size")
    a("--connectors-every", type=float, default=15, metavar="SECONDS")
    a("--max-seconds", type=float, help="for each step of max")
    a("--max-steps", type=int, help="steps of max after the first miss")
    a("--json", metavar="FILE", help="also write all figures there")
    opt = p.parse_args()
    for key, short, full in (("rounds", 3, 5), ("seconds", 20, 60),
                             ("max_seconds", 6, 15), ("max_steps", 2, 4)):
        if getattr(opt, key) is None:
            setattr(opt, key, full if opt.full else short)
    opt.size_seconds = 60 if opt.full else 30
    opt.every = int(opt.every * 1000)
    opt.connectors_every = int(opt.connectors_every * 1000)
    opt.part = opt.part or ["compare", "size", "max"]
    parts.Moltler.build = opt.build
    return opt


def main():
    opt = options()
    # So that whatever was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    missing = [p for p in ("nginx", "prometheus-node-exporter", "vmagent",
                           "prometheus") if not shutil.which(p)]
    if missing:
        sys.exit("scrape.py: not installed: %s; Debian's packages are "
                 "nginx-light, prometheus-node-exporter, victoria-metrics and "
                 "prometheus" % ", ".join(missing))
    if opt.pages is None:
        opt.pages = os.path.join(os.path.abspath(opt.build), "bench-pages")
        pages.collect(opt.pages, say=say)
    page = pages.describe(opt.pages)
    say("%(pages)d pages of %(bytes).0f bytes and %(samples).1f samples" %
        page + "; %.0f %% of the samples change in 5 s" %
        (page["changed"] * 100))
    out = {"page": page}
    for name, f in (("compare", compare), ("size", size), ("max", sustained)):
        if name in opt.part:
            out[name] = f(opt, page)
    table()
    if opt.json:
        out["aims"] = AIMS
        with open(opt.json, "w", encoding="ascii") as f:
            json.dump(out, f, indent=1)


if __name__ == "__main__":
    main()
