#!/usr/bin/env python3
"""Live SELECTs beside plain curl on the same pages.

Pages of records like a code host's issues (about 3 KB each) are served by nginx.
`select` reads 100 pages of 100 rows through moltlerd and, in turn, with one curl
connection, in rounds A B B A, and compares wall time and CPU within a round; once
as fast as nginx goes, and once with 20 ms added to each page.  What is asked for is
eight columns as a person would list issues by; beside it are shown the same from
records of 1 KB, a count, which
is what fetching and reading the pages costs, and all ten columns with the texts of
2 KB, four fifths of all bytes, which then are also written out again.
`first` is how long after the first page the first row is out.  `memory` streams a
million rows.  `many` runs 200 statements at once against slow pages and looks at the
loop's lag.  Where that is allowed moltlerd comes first there: what 200 clients and a
proxy take of the CPUs that they share with it is none of its lag.  For the first row
all who have a part in it do.
"""
import argparse
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import parts
from pages import end, free_port, until

HERE = os.path.dirname(os.path.abspath(__file__))
AIMS = []
FEW = ("SELECT number, title, state, labels, author, comments, created_at,"
       " html_url FROM %s.items")
ALL = ("SELECT number, title, body, state, labels, assignee, author, comments,"
       " created_at, html_url FROM %s.items")
COUNT = "SELECT count(*) FROM %s.items"


def say(text=""):
    print(text, flush=True)


def aim(what, value, limit, unit=""):
    AIMS.append((what, value, limit, unit, value <= limit))


def verdict():
    say("\n%-34s %9s %9s" % ("", "is", "aim"))
    for what, value, limit, unit, met in AIMS:
        say("%-34s %9.3f %9.2f %-3s %s" % (what, value, limit, unit,
                                           "" if met else "MISSED"))


def record(n, rnd, text_words):
    words = ("disk full node latency alert pager retry queue cache deploy "
             "rollback quota token lease shard index cursor").split()
    text = " ".join(rnd.choice(words) for _ in range(text_words))
    user = {"login": "user%d" % (n % 97), "id": 1000 + n % 97,
            "url": "https://api.example.com/users/user%d" % (n % 97),
            "type": "User", "site_admin": False}
    return {
        "id": 10 ** 9 + n, "number": n, "title": "Issue %d: %s" % (
            n, " ".join(rnd.choice(words) for _ in range(6))),
        "url": "https://api.example.com/repos/o/r/issues/%d" % n,
        "html_url": "https://example.com/o/r/issues/%d" % n,
        "user": user, "assignee": user if n % 3 else None,
        "labels": [{"id": k, "name": rnd.choice(words), "color": "ff0000",
                    "default": False, "description": "a label of the project"}
                   for k in range(n % 4)],
        "state": "open" if n % 2 else "closed", "locked": False,
        "comments": n % 31, "body": text + "\n" + text,
        "created_at": "2026-%02d-%02dT%02d:00:00Z" % (
            n % 12 + 1, n % 28 + 1, n % 24),
        "updated_at": "2026-11-01T00:00:00Z", "closed_at": None,
        "reactions": {"total_count": 0, "+1": 0, "-1": 0, "heart": 0},
    }


def write_pages(folder, npages, nrows, text_words=150):
    rnd = random.Random(7)
    name = os.path.basename(folder)
    os.makedirs(folder, exist_ok=True)
    for p in range(npages):
        body = {"items": [record(p * nrows + k, rnd, text_words)
                          for k in range(nrows)],
                "next": "/%s/%d.json" % (name, p + 2) if p + 1 < npages
                        else None}
        with open("%s/%d.json" % (folder, p + 1), "w", encoding="utf-8") as f:
            json.dump(body, f)


def write_type(folder):
    os.makedirs(folder + "/bench")
    columns = {
        "number": {"type": "integer", "not_null": True}, "title": {"type": "text"},
        "body": {"type": "text"}, "state": {"type": "text"},
        "labels": {"type": "list", "path": "labels[*].name"},
        "assignee": {"type": "text", "path": "assignee.login"},
        "author": {"type": "text", "path": "user.login"},
        "comments": {"type": "integer"}, "created_at": {"type": "timestamp"},
        "html_url": {"type": "text"}}
    # One more for the million: every page but the last is one of two files.
    lists = {"items": {"url": "/pages/1.json", "records": "items",
                       "paginate": {"kind": "next_url", "from": "next",
                                    "max_pages": 100000}},
             "small": {"url": "/small/1.json", "records": "items",
                       "paginate": {"kind": "next_url", "from": "next",
                                    "max_pages": 100000}},
             "many": {"url": "/many", "records": "items",
                      "paginate": {"kind": "page", "query": "page", "first": 1,
                                   "size": {"query": "size", "default": 1000,
                                            "max": 1000},
                                   "short_page_ends": True,
                                   "max_pages": 100000}}}
    with open(folder + "/bench/manifest.json", "w", encoding="utf-8") as f:
        json.dump({"format": 1, "type": "bench", "title": "Bench",
                   "description": "Pages from a file server",
                   "drive_model": "on_demand",
                   "config": {"url": {"type": "url", "required": True}},
                   "base_url": "{{config.url}}",
                   "entities": {n: {"key": ["number"], "columns": columns,
                                    "lists": [dict(v, name="all")]}
                                for n, v in lists.items()}}, f)


class Web:
    """nginx with the pages."""

    def __init__(self, folder, npages, nrows):
        self.dir, self.port, self.npages = folder, free_port(18090), npages
        write_pages(folder + "/www/pages", npages, nrows)
        write_pages(folder + "/www/small", npages, nrows, 22)
        rnd = random.Random(3)
        small = [{"number": k, "title": "row %d" % k, "state": "open",
                  "comments": k, "user": {"login": "u"}} for k in range(1000)]
        for name in ("odd", "even"):
            for r in small:
                r["comments"] = rnd.randrange(100)
            with open("%s/www/%s.json" % (folder, name), "w",
                      encoding="ascii") as f:
                json.dump({"items": small}, f)
        with open(folder + "/www/last.json", "w", encoding="ascii") as f:
            f.write('{"items":[]}')
        conf = folder + "/nginx.conf"
        with open(conf, "w", encoding="ascii") as f:
            f.write("""%sworker_processes 1; daemon off; pid %s/pid;
error_log %s/error.log; events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;
uwsgi_temp_path %s/u; scgi_temp_path %s/s;
types { application/json json; }
map $arg_page $many { ~^1001$ /last.json; ~[13579]$ /odd.json;
  default /even.json; }
server { listen 127.0.0.1:%d; root %s/www; location = /many { rewrite ^ $many; }
} }
""" % ((self.user(),) + (folder,) * 7 + (self.port, folder)))
        self.proc = subprocess.Popen(["nginx", "-c", conf, "-p", folder],
                                     stderr=subprocess.DEVNULL)
        until(lambda: self._up(), 20, "nginx")

    @staticmethod
    def user():
        """Workers of a master that is root must still read our folder."""
        return "user root; " if os.geteuid() == 0 else ""

    def _up(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def urls(self, port, folder="pages"):
        return ["http://127.0.0.1:%d/%s/%d.json" % (port, folder, p + 1)
                for p in range(self.npages)]


class Proxy:
    def __init__(self, target, ms, log=None):
        self.port = free_port(18190)
        self.proc = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "slow_proxy.py"),
             str(self.port), str(target), str(ms)] + ([log] if log else []))
        until(lambda: self._up(), 20, "the proxy")

    _up = Web._up


class Asked(parts.Moltler):
    """moltlerd with the bench type and a connector a server."""

    def start(self, types):
        self.launch("--connectors", types)

    def connect(self, name, port):
        self.calls([("POST", "/v1/connectors", {
            "name": name, "type": "bench",
            "config": {"url": "http://127.0.0.1:%d" % port},
            "options": {"cache_ttl": 0, "max_api_calls": 100000}})])

    def ask(self, sql, out="/dev/null"):
        """Run a statement with curl; the seconds it took."""
        t = time.monotonic()
        run = subprocess.run(
            ["curl", "-sS", "--fail-with-body", "-N", "-o", out, "-H",
             "Content-Type: application/json", "-H",
             "Accept: application/x-ndjson", "--data-binary",
             json.dumps({"sql": sql}),
             "http://127.0.0.1:%d/v1/query" % self.port], check=False)
        if run.returncode:
            with open(out, "rb") as f:
                raise RuntimeError("%s: %s" % (sql, f.read(2000)))
        return time.monotonic() - t


def curl(urls):
    """The same pages one after another on one connection: wall, CPU."""
    with tempfile.NamedTemporaryFile("w", suffix=".curl") as f:
        f.write("".join('url = "%s"\noutput = /dev/null\n' % u for u in urls))
        f.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        t = time.monotonic()
        subprocess.run(["curl", "-sS", "-f", "-K", f.name], check=True)
        t = time.monotonic() - t
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return t, (after.ru_utime + after.ru_stime -
               before.ru_utime - before.ru_stime)


def spread(v):
    return "%.3f [%.3f %.3f]" % (statistics.median(v), min(v), max(v))


def ran(proc):
    """CPU seconds of all its threads, exact; 10 ms would be half a statement."""
    total = 0
    for t in os.listdir("/proc/%d/task" % proc.pid):
        with open("/proc/%d/task/%s/schedstat" % (proc.pid, t),
                  encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def ahead(pid, nice=-20):
    """Let a process come before all others; whether that is allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    except PermissionError:
        return False
    return True


def select(m, web, opt, what, sql, port, delay, wall_aim, cpu_aim,
           folder="pages"):
    walls, cpus, lines = [], [], web.npages * opt.rows
    out = os.path.join(web.dir, "rows")
    m.ask(sql, out)
    with open(out, "rb") as f:
        n = sum(1 for _ in f)
    if "count" not in sql and n not in (lines, lines + 1):
        raise RuntimeError("%d rows came, %d are there" % (n, lines))
    for r in range(opt.rounds):
        pair = {}
        for who in ("mc", "cm")[r % 2]:
            if who == "m":
                cpu = ran(m.proc)
                wall = sum(m.ask(sql) for _ in range(opt.times))
                pair["m"] = (wall, ran(m.proc) - cpu)
            else:
                got = [curl(web.urls(port, folder)) for _ in range(opt.times)]
                pair["c"] = tuple(sum(g[k] for g in got) for k in (0, 1))
        walls.append(pair["m"][0] / pair["c"][0])
        cpus.append(pair["m"][1] / pair["c"][1])
    say("  %-46s wall %s of curl   CPU %s of curl" % (
        "%s, %d pages, %d ms each" % (what, web.npages, delay),
        spread(walls), spread(cpus)))
    if wall_aim:
        aim("wall of curl, %d ms a page" % delay, statistics.median(walls),
            wall_aim)
    if cpu_aim:
        aim("CPU of curl, %d ms a page" % delay, statistics.median(cpus),
            cpu_aim)


def logged(log):
    """When the first page went out; None: nothing is known of it yet."""
    with open(log, encoding="ascii") as f:
        # What the log was cut of leaves NULs before.
        text = f.read().replace("\0", "")
    return float(text.split()[0]) if "\n" in text else None


def first(m, web, opt):
    """Row one of a statement whose second page is late."""
    log = os.path.join(web.dir, "proxy.log")
    p = Proxy(web.port, 100, log)
    took = []
    for pid in (m.proc.pid, p.proc.pid, os.getpid()):
        ahead(pid)
    try:
        m.connect("late", p.port)
        for _ in range(opt.times * 3):
            body = json.dumps({"sql": "SELECT number FROM late.items"})
            with socket.create_connection(("127.0.0.1", m.port)) as s:
                open(log, "w").close()
                s.sendall(("POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           "Content-Type: application/json\r\n"
                           "Accept: application/x-ndjson\r\n"
                           "Content-Length: %d\r\n\r\n%s" % (
                               len(body), body)).encode())
                got = b""
                while b"number" not in got:
                    piece = s.recv(65536)
                    if not piece:
                        raise RuntimeError("no rows came")
                    got += piece
                t = time.monotonic()
            # The row may be here before the proxy has come to say so.
            page = until(lambda: logged(log), 10, "the proxy's word")
            took.append((t - page) * 1e3)
            # Until it is noticed that we left, its pages go on coming.
            time.sleep(0.5)
    finally:
        end(p.proc)
        ahead(os.getpid(), 0)
    say("  first row after the first page: median %.2f ms [%.2f %.2f]" % (
        statistics.median(took), min(took), max(took)))
    aim("first row after first page", statistics.median(took), 2, "ms")


def memory(m, web):
    m.ask("SELECT count(*) FROM fast.items")
    before, peak, done = m.rss(), [0], []

    def watch():
        while not done:
            peak[0] = max(peak[0], m.rss())
            time.sleep(0.02)
    t = threading.Thread(target=watch)
    t.start()
    out = os.path.join(web.dir, "rows")
    took = m.ask("SELECT number, title, state, comments FROM fast.many",
                    out)
    done.append(1)
    t.join()
    with open(out, "rb") as f:
        n = sum(1 for _ in f)
    if n not in (1000000, 1000001):
        raise RuntimeError("%d rows came, not a million" % n)
    grown = (peak[0] - before) / 2 ** 20
    say("  a million rows in %.1f s: %.1f MiB more at most" % (took, grown))
    aim("RSS growth, a million rows", grown, 16, "MiB")


def many(m, web, opt):
    p = Proxy(web.port, 20)
    try:
        comes_first = ahead(m.proc.pid)
        m.connect("slow200", p.port)
        m.calls([("GET", "/metrics", None)])
        ts = [threading.Thread(target=m.ask, args=(
            "SELECT count(*) FROM slow200.items WHERE title LIKE '%%%d%%'" %
            k,)) for k in range(opt.statements)]
        for t in ts:
            t.start()
        for t in ts:
            t.join()
        lag = {k: v for k, v in m.metrics("moltler_loop_lag_seconds").items()}
    finally:
        end(p.proc)
    p99 = [v for k, v in lag.items() if '0.99' in k or "p99" in k]
    if not p99:
        raise RuntimeError("no p99 among %s" % lag)
    say("  %d statements at once: loop lag p99 %.1f ms%s" % (
        opt.statements, p99[0] * 1e3, "" if comes_first else
        " (with what others took of the CPUs)"))
    aim("loop lag p99, %d statements" % opt.statements, p99[0] * 1e3, 10, "ms")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse
                                .RawDescriptionHelpFormatter)
    p.add_argument("--build", default=".")
    p.add_argument("--part", action="append",
                   choices=("select", "first", "memory", "many"))
    p.add_argument("--pages", type=int, default=100)
    p.add_argument("--rows", type=int, default=100, help="rows a page")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--times", type=int, default=3,
                   help="statements in one half of a round")
    p.add_argument("--statements", type=int, default=200)
    opt = p.parse_args()
    todo = opt.part or ["select", "first", "memory", "many"]
    parts.Moltler.build = opt.build
    web = m = slow = None
    with tempfile.TemporaryDirectory(prefix="moltler-bench-") as folder:
        write_type(folder + "/types")
        try:
            web = Web(folder, opt.pages, opt.rows)
            m = Asked()
            m.start(folder + "/types")
            m.connect("fast", web.port)
            size = os.path.getsize(folder + "/www/pages/1.json")
            say("%d pages of %d rows, %d bytes a page" % (
                opt.pages, opt.rows, size))
            if "select" in todo:
                select(m, web, opt, "8 columns", FEW % "fast", web.port, 0,
                       1.15, 1.5)
                small = (FEW % "fast").replace(".items", ".small")
                select(m, web, opt, "8 columns, %d bytes" % os.path.getsize(
                    folder + "/www/small/1.json"), small, web.port, 0, None,
                       None, "small")
                select(m, web, opt, "count(*)", COUNT % "fast", web.port, 0,
                       None, None)
                select(m, web, opt, "10 columns", ALL % "fast", web.port, 0,
                       None, None)
                slow = Proxy(web.port, 20)
                m.connect("slow", slow.port)
                select(m, web, opt, "8 columns", FEW % "slow", slow.port, 20,
                       1.05, None)
            if "first" in todo:
                first(m, web, opt)
            if "memory" in todo:
                memory(m, web)
            if "many" in todo:
                many(m, web, opt)
        finally:
            for part in (m, web, slow):
                if part is not None:
                    end(part.proc)
            if m is not None:
                m.close()
    verdict()


if __name__ == "__main__":
    main()
