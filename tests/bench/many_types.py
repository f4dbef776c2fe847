#!/usr/bin/env python3
"""What types and connectors cost that nobody asks anything of.

`load` reads the types that come with moltler, each time in a process of its own, in
turns with jansson alone reading the same files (bench_types.c); CPU.  SIGHUP looks
at them again, while nothing else happens.
`rest` creates 10,000 connectors of all types through the API, with the configurations
of the fixtures, which hold references to secrets; all their URLs are those of an nginx.
A connector's memory is what a daemon that holds them all has more than one that holds
none, divided: of the daemon that made them, of it when each was tested once and each
has a token, and of the same daemon started again.  Its anonymous memory counts, RSS is
told.  A start's CPU and time, and what a daemon uses while nothing is asked of it, are
beside the same of one without connectors.
`select` asks a SELECT of ten rows many times: of a daemon that knows one type, of one
that knows that and the 24, and of one that holds the connectors too.  CPU a
statement, as ratios within rounds A B C C B A.
"""
import argparse
import collections
import glob
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import parts
import query
from pages import end, free_port, get, until
from query import aim, ran, say, spread

CONFIGS = []


def configs():
    """Of each type the distinct configurations of its fixtures, in turns."""
    if CONFIGS:
        return CONFIGS
    by_type = {}
    for path in sorted(glob.glob(parts.TYPES + "/*/fixtures/*.json")):
        with open(path, encoding="utf-8") as f:
            v = json.load(f)
        kind = path.split(os.sep)[-3]
        for one in v if isinstance(v, list) else [v]:
            if "config" in one and "error" not in one:
                text = json.dumps(one["config"], sort_keys=True)
                by_type.setdefault(kind, {})[text] = one["config"]
    lists = [(k, list(v.values())) for k, v in sorted(by_type.items())]
    for i in range(max(len(v) for _, v in lists)):
        CONFIGS.extend((k, v[i % len(v)]) for k, v in lists)
    return CONFIGS


class Service:
    """nginx that says the same whatever it is asked."""

    def __init__(self, folder):
        self.port = free_port(18390)
        self.url = "http://127.0.0.1:%d" % self.port
        conf = folder + "/nginx.conf"
        answer = {"access_token": "fixture", "expires_in": 86400, "items": [],
                  "instance_url": self.url, "ok": True, "status": "success",
                  "user": {"active": True}}
        with open(conf, "w", encoding="ascii") as f:
            f.write("""daemon off; pid %s/pid; error_log %s/error.log;
events { worker_connections 4096; }
http { access_log off; default_type application/json;
client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;
uwsgi_temp_path %s/u; scgi_temp_path %s/s; keepalive_requests 1000000;
server { listen 127.0.0.1:%d; location / { return 200 '%s'; }
location = /1.0/auth/time { return 200 1700000000; } } }
""" % ((folder,) * 7 + (self.port, json.dumps(answer))))
        self.proc = subprocess.Popen(["nginx", "-c", conf, "-p", folder],
                                     stderr=subprocess.DEVNULL)
        until(lambda: get("127.0.0.1", self.port, "/"), 20, "nginx")

    def own(self, kind, config):
        """The configuration with this for each of its URLs."""
        with open("%s/%s/manifest.json" % (parts.TYPES, kind),
                  encoding="utf-8") as f:
            fields = json.load(f)["config"]
        return config | {k: self.url for k, v in fields.items()
                         if v["type"] == "url" and
                         (k in config or "default" in v or
                          k in ("api_url", "base_url", "endpoint"))}


class Daemon(query.Asked):
    """moltlerd with a folder of types of its own choice."""

    def __init__(self, types):
        super().__init__()
        self.types = types

    def start(self, *args):
        t = time.monotonic()
        self.launch("--types-dir", self.types, *args,
                    FIXTURE_SECRET="not-a-secret")
        return time.monotonic() - t, ran(self.proc)

    def fill(self, n, service=None):
        have = configs()
        if service is not None:
            have = [(k, service.own(k, v)) for k, v in have]
        self.calls([("PUT", "/v1/secrets/fixture", {"value": "not-a-secret"})])
        self.calls(("POST", "/v1/connectors", {
            "name": "rest%05d" % i, "type": have[i % len(have)][0],
            "config": have[i % len(have)][1],
            "options": {"retry_count": 0}}) for i in range(n))

    def test(self, n):
        """Test each of them; how many are (not) well."""
        said = collections.Counter()

        def some(first):
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            for i in range(first, n, 8):
                c.request("POST", "/v1/connectors/rest%05d/test" % i)
                r = c.getresponse()
                text = r.read()
                said[r.status == 200 and json.loads(text)["ok"]] += 1
            c.close()
        ts = [threading.Thread(target=some, args=(k,)) for k in range(8)]
        for t in ts:
            t.start()
        for t in ts:
            t.join()
        return said

    def anon(self):
        with open("/proc/%d/smaps_rollup" % self.proc.pid,
                  encoding="ascii") as f:
            text = f.read()
        m = re.search(r"^Anonymous:\s+(\d+)", text, re.M)
        return int(m.group(1)) * 1024


def load(opt):
    out = subprocess.run(
        [os.path.join(opt.build, "tests/bench/bench_types"), parts.TYPES,
         str(opt.loads)], check=True, capture_output=True, text=True).stdout
    v = json.loads(out)
    ours, raw = v["load"], v["raw"]
    say("%d types: loaded in %.1f ms [%.1f %.1f], jansson alone %.1f ms "
        "[%.1f %.1f]; heap %.1f MiB, jansson alone %.1f" % (
            (v["types"],) + tuple(ours["ms"]) + tuple(raw["ms"]) +
            (ours["heap"] / 2**20, raw["heap"] / 2**20)))
    say("  looked at again, unchanged: %.2f ms [%.2f %.2f]" %
        tuple(v["again"]["ms"]))
    aim("%d types loaded" % v["types"], ours["ms"][0], 20, "ms")
    aim("looked at again, unchanged", v["again"]["ms"][0], 10, "ms")


def idle(d, seconds):
    """CPU in per cent of a core."""
    cpu, t = ran(d.proc), time.monotonic()
    time.sleep(seconds)
    return (ran(d.proc) - cpu) / (time.monotonic() - t) * 100


def rest(opt):
    n = opt.connectors
    folder = tempfile.mkdtemp(prefix="moltler-bench-")
    d, web = Daemon(parts.TYPES), Service(folder)
    own, rss = {}, {}

    def look(when):
        time.sleep(opt.settle)
        own[when], rss[when] = d.anon() / 2**20, d.rss() / 2**20

    try:
        starts = [d.start()]
        look("empty")
        t, cpu = time.monotonic(), ran(d.proc)
        d.fill(n, web)
        say("%d connectors of %d types made in %.1f s, CPU %.1f s" % (
            n, len({k for k, _ in configs()}), time.monotonic() - t,
            ran(d.proc) - cpu))
        look("made")
        t, cpu = time.monotonic(), ran(d.proc)
        said = d.test(n)
        say("  tested in %.1f s, CPU %.1f s: %d well, %d not" % (
            time.monotonic() - t, ran(d.proc) - cpu, said[True], said[False]))
        look("tested")
        d.stop()
        starts.append(d.start())
        look("again")
        used = idle(d, opt.idle)
        d.stop()
        shutil.rmtree(d.data)
        starts.append(d.start())
        time.sleep(opt.settle)
        none = idle(d, opt.idle)
    finally:
        d.close()
        end(web.proc)
        shutil.rmtree(folder, ignore_errors=True)
    for k in own:
        say("  %-7s %6.1f MiB of its own, RSS %6.1f" % (k, own[k], rss[k]))
    say("  start: %.2f s, CPU %.3f s with them; %.2f s, CPU %.3f s without" %
        (starts[1] + starts[2]))
    say("  at rest: %.2f %% of a core with them, %.2f %% without" %
        (used, none))
    for k, what in (("made", "as made"), ("tested", "tested once"),
                    ("again", "started again")):
        aim("a connector, " + what, (own[k] - own["empty"]) * 2**20 / n, 8192,
            "B")
    aim("CPU at rest, more with %d" % n, used - none, 0.5, "%")


def select(opt):
    folder = tempfile.mkdtemp(prefix="moltler-bench-")
    web, ds = None, []
    try:
        web = query.Web(folder, 1, 10)
        query.write_type(folder + "/one")
        shutil.copytree(folder + "/one", folder + "/all")
        for path in glob.glob(parts.TYPES + "/*/manifest.json"):
            to = folder + "/all/" + path.split(os.sep)[-2]
            os.mkdir(to)
            shutil.copy(path, to)
        ds = [Daemon(folder + "/" + k) for k in ("one", "all", "all")]
        for d in ds:
            d.start()
            d.connect("fast", web.port)
        ds[2].fill(opt.connectors)
        ds[2].stop()
        ds[2].start()
        body = {"sql": query.FEW % "fast"}
        us = [[], [], []]
        for r in range(opt.rounds + 1):
            got = [0.0] * 3
            for k in (0, 1, 2, 2, 1, 0):
                cpu = ran(ds[k].proc)
                ds[k].calls([("POST", "/v1/query", body)] * opt.times)
                got[k] += (ran(ds[k].proc) - cpu) / opt.times / 2 * 1e6
            for k in range(3 if r else 0): # the first is for the caches
                us[k].append(got[k])
    finally:
        for part in ds + [web] * (web is not None):
            end(part.proc)
        for d in ds:
            d.close()
        shutil.rmtree(folder, ignore_errors=True)
    types = [a / b for a, b in zip(us[1], us[0])]
    held = [a / b for a, b in zip(us[2], us[1])]
    say("a SELECT of ten rows: CPU %.0f us with one type; with 25 %s of that, "
        "with %d connectors %s" % (statistics.median(us[0]), spread(types),
                                   opt.connectors, spread(held)))
    aim("CPU of a SELECT, 25 types to 1", statistics.median(types), 1.03)
    aim("the same, %d connectors to 1" % opt.connectors,
        statistics.median(held), 1.1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse
                                .RawDescriptionHelpFormatter)
    p.add_argument("--build", default=".")
    p.add_argument("--part", action="append",
                   choices=("load", "rest", "select"))
    p.add_argument("--loads", type=int, default=51)
    p.add_argument("--connectors", type=int, default=10000)
    p.add_argument("--settle", type=float, default=2,
                   help="seconds until memory is looked at")
    p.add_argument("--idle", type=float, default=20, help="seconds")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--times", type=int, default=200,
                   help="statements in one half of a round")
    opt = p.parse_args()
    opt.build = parts.Moltler.build = os.path.abspath(opt.build)
    todo = opt.part or ["load", "rest", "select"]
    for name, run in (("load", load), ("rest", rest), ("select", select)):
        if name in todo:
            run(opt)
    query.verdict()


if __name__ == "__main__":
    main()
