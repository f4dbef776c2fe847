#!/usr/bin/env python3
"""Syncs beside plain curl and beside peers, on the same pages.

100,000 records like a code host's issues (about 3 KB each, no two pages alike) are
served by nginx, 100 a page.  `keep` moves them, in short rounds A B C C B A, into a
sink that only reads what is sent to _bulk and answers each item (bulk_sink.c), into
SQLite, and to nowhere with curl; what counts is rows per CPU second of the whole
process, and as a ratio the CPU of curl that fetches the same pages in the same round.
nginx's CPU and the sink's count for nobody.  The RSS is the highest seen.  Into SQLite
each round has a table of its own; `again` writes the same rows into a table they are
in already.

--telegraf and --python name peers that are not there by themselves: a telegraf with
the http input and the elasticsearch output, and a python that has singer-sdk and dlt.

`many` lets three daemons on one Redis run 10,000 scheduled syncs of one small page,
each due once a minute, and counts Redis commands per due run (INFO commandstats) and
the daemons' CPU.
"""
import argparse
import hashlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import parts
import query
from pages import end, free_port, get, until
from query import aim, curl, ran, say, spread

HERE = os.path.dirname(os.path.abspath(__file__))


def write_pages(folder, npages, nrows):
    """Pages of nrows records: the records of 20 pages, each time with numbers, days
    and counts of their own."""
    rnd = random.Random(11)
    made = []
    for k in range(20 * nrows):
        r = query.record(k, rnd)
        r["number"] = r["id"] = "@N@"
        r["comments"] = "@C@"
        r["updated_at"] = "@T@"
        made.append(json.dumps(r).replace('"@N@"', "@N@")
                    .replace('"@C@"', "@C@"))
    os.makedirs(folder, exist_ok=True)
    for p in range(npages):
        rows = []
        for k in range(nrows):
            n = p * nrows + k
            rows.append(made[n % len(made)].replace("@N@", str(n))
                        .replace("@C@", str(rnd.randrange(1000)))
                        .replace("@T@", "2026-%02d-%02dT%02d:%02d:%02dZ" % (
                            n // 9000 + 1, n // 400 % 28 + 1, n % 24, n % 60,
                            n // 60 % 60)))
        with open("%s/%d.json" % (folder, p + 1), "w", encoding="utf-8") as f:
            f.write('{"items":[%s],"next":%s}' % (
                ",".join(rows), '"/pages/%d.json"' % (p + 2)
                if p + 1 < npages else "null"))


def write_type(folder):
    query.write_type(folder)
    path = folder + "/bench/manifest.json"
    with open(path, encoding="utf-8") as f:
        m = json.load(f)
    items = m["entities"]["items"]
    items["main"] = True
    items["columns"]["updated_at"] = {"type": "timestamp"}
    m["entities"]["few"] = {
        "key": ["number"],
        "columns": {k: items["columns"][k] for k in ("number", "title",
                                                     "state", "comments")},
        "lists": [{"name": "all", "url": "/few.json", "records": "items",
                   "paginate": {"kind": "none"}}]}
    del m["entities"]["many"]
    with open(path, "w", encoding="utf-8") as f:
        json.dump(m, f)


class Web(query.Web):
    """nginx with the pages, and one of three small records."""

    def __init__(self, folder, npages, nrows):
        super().__init__(folder, 1, 1)
        self.npages = npages
        write_pages(folder + "/www/pages", npages, nrows)
        with open(folder + "/www/few.json", "w", encoding="ascii") as f:
            json.dump({"items": [{"number": k, "title": "row", "state": "open",
                                  "comments": k} for k in range(3)]}, f)


class Sink:
    def __init__(self, build):
        self.port = free_port(18290)
        self.url = "http://127.0.0.1:%d" % self.port
        self.proc = subprocess.Popen(
            [os.path.join(build, "tests/bench/bulk_sink"), str(self.port)])
        until(lambda: get("127.0.0.1", self.port, "/_sink"), 20, "the sink")

    def docs(self):
        return json.loads(get("127.0.0.1", self.port, "/_sink"))["docs"]


class Daemon(parts.Moltler):
    """moltlerd with the bench type, a cluster and a connector a server."""

    def start(self, types, web, sink, *args, **env):
        self.launch("--connectors", types, *args,
                    MOLTLER_ELASTICSEARCH_URL=sink.url, **env)
        self.connect("fast", web)

    def connect(self, name, web):
        self.calls([("POST", "/v1/connectors", {
            "name": name, "type": "bench",
            "config": {"url": "http://127.0.0.1:%d" % web.port},
            "options": {"cache_ttl": 0, "max_api_calls": 100000}})])

    def sync(self, target):
        """Run a sync that has no schedule; how many rows it wrote."""
        row = self.sql("SYNC CONNECTOR fast.items TO %s" % target)
        if row["status"] != "completed":
            raise RuntimeError("the sync: %s" % row)
        return row["documents_synced"]


class Peak:
    """The highest RSS of a process while it is looked at, in MiB."""

    def __init__(self, proc):
        self.pid, self.peak, self.over = proc.pid, 0, False
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self):
        while not self.over:
            try:
                with open("/proc/%d/statm" % self.pid, encoding="ascii") as f:
                    rss = int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")
            except (OSError, IndexError):
                return
            self.peak = max(self.peak, rss / 2 ** 20)
            time.sleep(0.02)

    def end(self):
        self.over = True
        self.thread.join()
        return self.peak


def child(cmd, env=None, cwd=None):
    """CPU seconds and highest RSS (MiB) of a program that runs to its end."""
    p = subprocess.Popen(cmd, env=env, cwd=cwd, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE)
    said = []
    t = threading.Thread(target=lambda: said.append(p.stderr.read()))
    t.start()
    _, status, ru = os.wait4(p.pid, 0)
    t.join()
    p.returncode = status
    if status:
        raise RuntimeError("%s: %s" % (cmd[0], said[0][-2000:]))
    return ru.ru_utime + ru.ru_stime, ru.ru_maxrss / 1024


# ---- who takes part ----

class Kept:
    """moltlerd into one kind of target."""

    def __init__(self, name, d, sink, rows, target):
        self.name, self.d, self.sink, self.rows = name, d, sink, rows
        self.target, self.runs = target, 0

    def go(self):
        self.runs += 1
        docs, cpu, peak = self.sink.docs(), ran(self.d.proc), Peak(self.d.proc)
        target = self.target % {"run": self.runs}
        n = self.d.sync(target)
        cpu, peak = ran(self.d.proc) - cpu, peak.end()
        if target.startswith("es:"):
            there = self.sink.docs() - docs
        else:
            there = self.d.sql("SELECT count(*) AS n FROM %s" % target)["n"]
        if n != self.rows or there != self.rows:
            raise RuntimeError("%s: %d rows, %d are there, not %d" % (
                self.name, n, there, self.rows))
        return cpu, peak


class Telegraf:
    name = "telegraf, _bulk"

    def __init__(self, binary, web, sink, rows):
        self.binary, self.web, self.sink, self.rows = binary, web, sink, rows

    def go(self):
        # It follows no pages: it is told them all.
        urls = ",".join('"%s"' % u for u in self.web.urls(self.web.port))
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write("""[agent]
  metric_batch_size = 5000
  metric_buffer_limit = 200000
  omit_hostname = true
  quiet = true
[[inputs.http]]
  urls = [%s]
  timeout = "120s"
  data_format = "json_v2"
  [[inputs.http.json_v2]]
    measurement_name = "items"
    [[inputs.http.json_v2.object]]
      path = "items"
      disable_prepend_keys = true
      included_keys = ["number", "title", "body", "state", "user_login",
        "comments", "created_at", "html_url", "updated_at"]
[[outputs.elasticsearch]]
  urls = ["%s"]
  index_name = "bench"
  enable_sniffer = false
  enable_gzip = false
  manage_template = false
  health_check_interval = "0s"
  timeout = "60s"
""" % (urls, self.sink.url))
            f.flush()
            docs = self.sink.docs()
            cpu, rss = child([self.binary, f.name])
        n = self.sink.docs() - docs
        if n != self.rows:
            raise RuntimeError("telegraf: %d rows, not %d" % (n, self.rows))
        return cpu, rss


SINGER = r"""
import sys
from singer_sdk import Tap, typing as th
from singer_sdk.pagination import BaseHATEOASPaginator
from singer_sdk.streams import RESTStream
T = {"integer": th.IntegerType, "text": th.StringType}
class Next(BaseHATEOASPaginator):
    def get_next_url(self, response):
        return response.json().get("next")
class Items(RESTStream):
    name, path, primary_keys = "items", "/pages/1.json", ["number"]
    records_jsonpath = "$.items[*]"
    url_base = sys.argv[1]
    schema = th.PropertiesList(*[th.Property(k, T[v]()) for k, v in (
        ("number", "integer"), ("title", "text"), ("body", "text"),
        ("state", "text"), ("comments", "integer"), ("created_at", "text"),
        ("html_url", "text"), ("updated_at", "text"))]).to_dict()
    def get_new_paginator(self):
        return Next()
    def get_url(self, context):
        return self.url_base + self.at
    at = "/pages/1.json"
    def prepare_request(self, context, next_page_token):
        if next_page_token:
            self.at = next_page_token.path
        return super().prepare_request(context, next_page_token)
class Bench(Tap):
    name = "tap-bench"
    config_jsonschema = th.PropertiesList().to_dict()
    def discover_streams(self):
        return [Items(self)]
Bench(config={}).sync_all()
"""

SINGER_TARGET = r"""
import json, sys
import requests
from singer_sdk import Target, typing as th
from singer_sdk.sinks import BatchSink
url, http = sys.argv[1] + "/_bulk", requests.Session()
class Bulk(BatchSink):
    max_size = 5000
    def process_batch(self, context):
        lines = []
        for r in context["records"]:
            lines.append(json.dumps({"index": {"_index": "bench",
                                               "_id": str(r["number"])}}))
            lines.append(json.dumps(r))
        a = http.post(url, data="\n".join(lines) + "\n", headers={
            "Content-Type": "application/x-ndjson"}).json()
        if a["errors"]:
            raise RuntimeError(a)
class To(Target):
    name = "target-bench"
    config_jsonschema = th.PropertiesList().to_dict()
    default_sink_class = Bulk
To(config={}).listen(sys.stdin)
"""

DLT = r"""
import sys, tempfile
import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator
KEYS = ("number", "title", "body", "state", "comments", "created_at", "html_url",
        "updated_at")
@dlt.resource(name="items", primary_key="number", write_disposition="append")
def items():
    c = RESTClient(base_url=sys.argv[1],
                   paginator=JSONLinkPaginator(next_url_path="next"))
    for page in c.paginate("/pages/1.json", data_selector="items"):
        yield [{k: r[k] for k in KEYS} for r in page]
with tempfile.TemporaryDirectory() as d:
    p = dlt.pipeline("bench", pipelines_dir=d, destination=dlt.destinations.
                     filesystem("file://" + d), dataset_name="x")
    p.run(items(), loader_file_format="jsonl")
"""


class Python:
    """A peer in Python: a program, or two with a pipe between them."""

    def __init__(self, name, python, texts, web, sink, rows):
        self.name, self.python, self.texts = name, python, texts
        self.web, self.sink, self.rows = web, sink, rows

    def go(self):
        env = dict(os.environ, RUNTIME__DLTHUB_TELEMETRY="false",
                   DO_NOT_TRACK="1")
        docs = self.sink.docs()
        with tempfile.TemporaryDirectory() as d:
            line = []
            urls = ["http://127.0.0.1:%d" % self.web.port, self.sink.url]
            for k, text in enumerate(self.texts):
                with open("%s/%d.py" % (d, k), "w", encoding="ascii") as f:
                    f.write(text)
                line.append("%s %d.py %s" % (self.python, k, urls[k]))
            got = child(["bash", "-o", "pipefail", "-c", " | ".join(line)],
                        env, d)
        if len(self.texts) > 1 and self.sink.docs() - docs != self.rows:
            raise RuntimeError("%s: %d rows, not %d" % (
                self.name, self.sink.docs() - docs, self.rows))
        return got


def walk(build):
    """What tells good minutes from bad: ns of a step through 32 MB."""
    path = os.path.join(build, "tests/bench/bench_memory")
    if not os.path.exists(path):
        return "?"
    return subprocess.run([path], capture_output=True, text=True,
                          check=True).stdout.strip().splitlines()[-1]


def keep(opt, web, who):
    rows, got = opt.pages * opt.rows, {w.name: [] for w in who}
    for r in range(opt.rounds):
        base = curl(web.urls(web.port))[1]
        say("  round %d: curl %.2f s of CPU for the pages; memory %s" % (
            r + 1, base, walk(opt.build)))
        for w in who if r % 2 == 0 else reversed(who):
            cpu, rss = w.go()
            got[w.name].append((rows / cpu, cpu / base, rss))
            say("    %-22s %8.0f rows a CPU second, RSS %5.1f MiB" % (
                w.name, rows / cpu, rss))
    say("  %-22s %-30s %-26s %s" % ("", "rows a CPU second",
                                   "CPU, of curl's", "RSS MiB"))
    for w in who:
        v = got[w.name]
        rates = [x[0] for x in v]
        say("  %-22s %8.0f [%.0f %.0f]%s %-26s %.1f" % (
            w.name, statistics.median(rates), min(rates), max(rates),
            " " * 6, spread([x[1] for x in v]), max(x[2] for x in v)))
    return got


def at_least(what, value, limit):
    query.AIMS.append((what, value, limit, ">=", value >= limit))


def judge(got):
    rates = {k: [x[0] for x in v] for k, v in got.items()}
    for name, least in (("moltler, _bulk", 25000), ("moltler, SQLite", 60000)):
        at_least(name + ": rows a CPU second",
                 statistics.median(rates[name]), least)
        aim("%s: RSS" % name, max(x[2] for x in got[name]), 64, "MiB")
    for name, v in rates.items():
        if name.startswith("moltler") or "no target" in name:
            continue                # it writes nothing
        least = 3 if name.startswith("telegraf") else 20
        pairs = [b / a for a, b in zip(v, rates["moltler, _bulk"])]
        say("  moltler into _bulk has %s times the rows of %s" % (
            spread(pairs), name))
        at_least("times the rows of " + name, statistics.median(pairs), least)


# ---- many syncs, several daemons ----

class Redis:
    def __init__(self, folder):
        self.path = folder + "/redis"
        self.proc = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path,
             "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
        until(lambda: self.cli("PING") == "PONG", 20, "redis")

    def cli(self, *args):
        return subprocess.run(["redis-cli", "-s", self.path, *args],
                              capture_output=True, text=True,
                              check=False).stdout.strip()

    def commands(self):
        """Calls by command; what scripts call within is theirs, not Redis' clients'."""
        out = {}
        for line in self.cli("INFO", "commandstats").splitlines():
            if line.startswith("cmdstat_"):
                name, rest = line[8:].split(":", 1)
                out[name] = int(rest.split("calls=")[1].split(",")[0])
        return out


def commands_sent(r, seconds):
    """Commands that clients send, counted where they come in: MONITOR marks those of
    scripts with lua."""
    p = subprocess.Popen(["redis-cli", "-s", r.path, "MONITOR"],
                         stdout=subprocess.PIPE, text=True)
    found = {}

    def read():
        for line in p.stdout:
            if '"' in line and " lua]" not in line:
                name = line.split('"', 2)[1].lower()
                found[name] = found.get(name, 0) + 1
    t = threading.Thread(target=read)
    t.start()
    time.sleep(seconds)
    p.terminate()
    p.wait()
    t.join()
    return found


def runs(daemons):
    total = {}
    for d in daemons:
        for k, v in d.metrics("moltler_sync_runs_total").items():
            total[k] = total.get(k, 0) + v
    return total


def per_run(what, counts, done):
    say("  %s, per run: %s" % (what, ", ".join(
        "%s %.2f" % (k, v / done) for k, v in sorted(
            counts.items(), key=lambda x: -x[1]) if v / done > 0.01)))
    return sum(counts.values()) / done


def restore_many(d, n):
    """Take a backup, make n of the one sync in it, and put that back."""
    lines = get("127.0.0.1", d.port, "/v1/backup", 60).decode().splitlines()
    head, out = json.loads(lines[0]), []
    for line in lines[1:-1]:
        v = json.loads(line)
        if v["kind"] == "connector":
            out.append(line)
        elif v["kind"] == "sync":
            one = v
    head["counts"].update(sync=n, cursor=0)
    for k in range(n):
        r = dict(one["record"], connector="fast%d" % (k // 500),
                 target="many-%05d" % k)
        r["id"] = "%s.few_%05d" % (r["connector"], k)
        out.append(json.dumps({"kind": "sync", "name": r["id"], "record": r}))
    text = "\n".join([json.dumps(head)] + out) + "\n"
    text += '{"sha256":"%s"}\n' % hashlib.sha256(text.encode()).hexdigest()
    c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=600)
    c.request("POST", "/v1/restore?force=1", text,
              {"Content-Type": "application/x-ndjson"})
    r = c.getresponse()
    if r.status != 200:
        raise RuntimeError("restore: %s" % r.read())
    c.close()


def many(opt, folder, web, sink):
    r, daemons = Redis(folder), []
    try:
        for _ in range(3):
            d = Daemon()
            daemons.append(d)
            d.launch("--connectors", folder + "/types", "--redis",
                     "unix://" + r.path, MOLTLER_MAX_BODY="64m",
                     MOLTLER_ELASTICSEARCH_URL=sink.url)
        # A connector has so many at most.
        for k in range(0, opt.syncs, 500):
            daemons[0].connect("fast%d" % (k // 500), web)
        daemons[0].calls([("POST", "/v1/syncs", {
            "connector": "fast0", "entity": "few", "target": "es:many",
            "schedule_ms": 60000})])
        t = time.monotonic()
        restore_many(daemons[0], opt.syncs)
        say("  %d syncs restored in %.1f s" % (opt.syncs,
                                               time.monotonic() - t))
        # The first runs, whose targets are new, are not what is measured.
        until(lambda: sum(runs(daemons).values()) >= opt.syncs, 300,
              "the first runs")
        time.sleep(60)
        before, was = runs(daemons), r.commands()
        cpu, at = [ran(d.proc) for d in daemons], time.monotonic()
        time.sleep(opt.watch)
        now, took, sent = runs(daemons), time.monotonic() - at, r.commands()
        cpus = [100 * (ran(d.proc) - c) / took for d, c in zip(daemons, cpu)]
        done = sum(now.values()) - sum(before.values())
        say("  %d runs in %.0f s (%s); CPU %% of a core: %s; RSS MiB: %s" % (
            done, took, ", ".join("%s %d" % (k.split('"')[1], now[k] -
                                             before.get(k, 0)) for k in now),
            ", ".join("%.1f" % c for c in cpus),
            ", ".join("%.0f" % (d.rss() / 2 ** 20) for d in daemons)))
        per_run("what Redis executed, within scripts too",
                {k: sent[k] - was.get(k, 0) for k in sent if
                 sent[k] > was.get(k, 0)}, done)
        before = sum(runs(daemons).values())
        sent = commands_sent(r, opt.watch / 2)
        per = per_run("what it was sent", sent,
                      sum(runs(daemons).values()) - before)
        aim("runs missed of 1000", 1000 * (1 - done / (
            opt.syncs * took / 60)), 20)
        aim("Redis commands per due run", per, 6)
        aim("CPU of a daemon", max(cpus), 5, "% of a core")
    finally:
        for d in daemons:
            d.close()
        end(r.proc)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse
                                .RawDescriptionHelpFormatter)
    p.add_argument("--build", default=".")
    p.add_argument("--part", action="append", choices=("keep", "many"))
    p.add_argument("--pages", type=int, default=1000)
    p.add_argument("--rows", type=int, default=100, help="rows a page")
    p.add_argument("--rounds", type=int, default=4)
    p.add_argument("--syncs", type=int, default=10000)
    p.add_argument("--watch", type=int, default=120, help="seconds")
    p.add_argument("--telegraf", help="a telegraf that may take part")
    p.add_argument("--python", help="a python with singer-sdk and dlt")
    p.add_argument("--serve", action="store_true",
                   help="only serve the pages and the sink, until interrupted")
    opt = p.parse_args()
    todo = opt.part or ["keep", "many"]
    parts.Moltler.build = opt.build
    web = sink = d = None
    with tempfile.TemporaryDirectory(prefix="moltler-bench-") as folder:
        os.chmod(folder, 0o755)
        write_type(folder + "/types")
        try:
            web = Web(folder, opt.pages, opt.rows)
            sink = Sink(opt.build)
            say("%d pages of %d rows, %d bytes a page" % (
                opt.pages, opt.rows,
                os.path.getsize(folder + "/www/pages/1.json")))
            if opt.serve:
                say("http://127.0.0.1:%d %s/types %s" % (web.port, folder,
                                                         sink.url))
                sys.stdin.read()
                return
            if "keep" in todo:
                d = Daemon()
                d.start(folder + "/types", web, sink)
                rows = opt.pages * opt.rows
                who = [Kept("moltler, _bulk", d, sink, rows, "es:bench"),
                       Kept("moltler, SQLite", d, sink, rows,
                            "sqlite:bench_%(run)d"),
                       Kept("moltler, SQLite again", d, sink, rows,
                            "sqlite:bench_again")]
                if opt.telegraf:
                    who.append(Telegraf(opt.telegraf, web, sink, rows))
                if opt.python:
                    who += [Python(name, opt.python, texts, web, sink, rows)
                            for name, texts in (
                                ("singer-sdk, no target", (SINGER,)),
                                ("singer-sdk, _bulk", (SINGER,
                                                       SINGER_TARGET)),
                                ("dlt, files", (DLT,)))]
                judge(keep(opt, web, who))
            if "many" in todo:
                many(opt, folder, web, sink)
        finally:
            for part in (d, web, sink):
                if part is not None:
                    end(part.proc)
            if d is not None:
                d.close()
    say("\n%-42s %9s %9s" % ("", "is", "aim"))
    for what, value, limit, unit, met in query.AIMS:
        say("%-42s %9.3f %9.2f %-3s %s" % (what, value, limit, unit,
                                           "" if met else "MISSED"))


if __name__ == "__main__":
    main()
