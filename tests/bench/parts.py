"""What is measured: moltlerd and its peers, each with a folder of its own."""
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from pages import end, free_port, get, until

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = os.path.normpath(os.path.join(HERE, "..", "..", "connectors"))
TICK = os.sysconf("SC_CLK_TCK")


class Part:
    """A program under measurement."""
    name = "?"

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="moltler-bench-%s-" % self.name)
        self.data = os.path.join(self.dir, "data")
        self.proc = None
        self.port = None
        self.log = open(os.path.join(self.dir, "log"), "ab")

    def spawn(self, cmd, env=None):
        self.proc = subprocess.Popen(cmd, stdin=subprocess.DEVNULL,
                                     stdout=self.log, stderr=self.log,
                                     cwd=self.dir, env=env)

    def alive(self):
        if self.proc.poll() is not None:
            with open(self.log.name, "rb") as f:
                raise RuntimeError("%s ended with %d:\n%s" % (
                    self.name, self.proc.returncode,
                    f.read()[-2000:].decode("utf-8", "replace")))
        return True

    def up(self, path):
        until(lambda: self.alive() and get("127.0.0.1", self.port, path), 60,
              self.name)

    def cpu(self):
        """CPU seconds of all its threads, user and system."""
        with open("/proc/%d/stat" % self.proc.pid, encoding="ascii") as f:
            rest = f.read().rsplit(")", 1)[1].split()
        return (int(rest[11]) + int(rest[12])) / TICK

    def rss(self):
        with open("/proc/%d/status" % self.proc.pid, encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    def written(self):
        with open("/proc/%d/io" % self.proc.pid, encoding="ascii") as f:
            return int(re.search(r"write_bytes: (\d+)", f.read()).group(1))

    def disk(self):
        total = 0
        for at, _, files in os.walk(self.data):
            for name in files:
                try:
                    total += os.lstat(os.path.join(at, name)).st_blocks * 512
                except OSError:
                    pass
        return total

    def metrics(self, *prefixes):
        """Its own /metrics: lines by name (with labels), numbers."""
        out = {}
        text = get("127.0.0.1", self.port, "/metrics", 60).decode()
        for line in text.splitlines():
            if line.startswith(prefixes):
                k, v = line.rsplit(" ", 1)
                out[k] = float(v)
        return out

    def stored(self):
        """Samples it says it took in since its start."""
        raise NotImplementedError

    def check(self):
        """What is really there, as (lines to print, ok)."""
        return [], True

    def stop(self):
        end(self.proc)

    def close(self):
        end(self.proc)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Moltler(Part):
    name = "moltler"
    build = "."

    def launch(self, *args, **env):
        self.port = free_port(18080)
        e = {k: v for k, v in os.environ.items()
             if not k.startswith("MOLTLER_")}
        e.update({"MOLTLER_QUERY_DEADLINE": "1h"})
        e.update(env)
        self.spawn([os.path.join(os.path.abspath(self.build), "moltlerd"),
                    "--data-dir", self.data, "--types-dir", TYPES,
                    "--log-level", "warn",
                    "--listen", "127.0.0.1:%d" % self.port] + list(args), e)
        self.up("/readyz")

    def start(self, targets, every_ms):
        self.launch()
        self.create(targets, every_ms)

    def calls(self, calls):
        """Send (method, path, body) one after the other on one connection."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            for method, path, body in calls:
                c.request(method, path,
                          json.dumps(body) if body is not None else None,
                          {"Content-Type": "application/json"})
                r = c.getresponse()
                text = r.read()
                if r.status >= 300:
                    raise RuntimeError("%s %s: %d %s" % (method, path,
                                       r.status, text[:300]))
            return text
        finally:
            c.close()

    def create(self, targets, every_ms):
        self.names = ["bench%05d" % i for i in range(len(targets))]
        self.calls(("POST", "/v1/connectors", {
            "name": n, "type": "prometheus", "target_table": "bench",
            "schedule_ms": every_ms,
            "config": {"endpoint": "http://%s/metrics" % t}})
            for n, t in zip(self.names, targets))

    def pause(self):
        self.calls(("POST", "/v1/connectors/%s/pause" % n, None)
                   for n in self.names)
        until(lambda: self.status()["running"] == 0, 60, "the last runs")

    def status(self):
        return json.loads(get("127.0.0.1", self.port, "/v1/status", 60))

    def counts(self):
        m = self.metrics("moltler_ticks", "moltler_rows_total")
        return {"ok": m['moltler_ticks_total{result="ok"}'],
                "bad": sum(v for k, v in m.items() if
                           k.startswith("moltler_ticks_total") and
                           "ok" not in k),
                "skipped": m["moltler_ticks_skipped_total"],
                "rows": m["moltler_rows_total"]}

    def stored(self):
        return self.counts()["rows"]

    def sql(self, text):
        v = json.loads(self.calls([("POST", "/v1/query", {"sql": text})]))
        if "error" in v:
            raise RuntimeError("%s: %s" % (text, v["error"]))
        return v["rows"][0]

    def check(self):
        self.pause()
        c = self.counts()
        t = time.monotonic()
        row = self.sql("SELECT count(*) AS n FROM bench")
        t = time.monotonic() - t
        n = row["n"]
        row = self.sql("SELECT count(DISTINCT value) AS n FROM bench "
                       "WHERE name = 'node_time_seconds'")
        d = row["n"]
        ok = n == c["rows"] and n > 0 and d > 1 and c["bad"] == 0
        return ["moltler's table holds %d rows (SELECT count(*) took %.1f s), "
                "%d runs said they wrote %d, %d failed, %d were missed; "
                "node_time_seconds has %d values"
                % (n, t, c["ok"], c["rows"], c["bad"], c["skipped"], d)], ok


class Prometheus(Part):
    name = "prometheus"

    def start(self, targets, every_ms):
        self.port = free_port(19090)
        conf = os.path.join(self.dir, "prometheus.yml")
        with open(conf, "w", encoding="ascii") as f:
            f.write(scrape_config(targets, every_ms))
        self.spawn(["prometheus", "--config.file=" + conf,
                    "--storage.tsdb.path=" + self.data, "--log.level=warn",
                    "--web.listen-address=127.0.0.1:%d" % self.port])
        self.up("/-/ready")

    def stored(self):
        return sum(self.metrics(
            "prometheus_tsdb_head_samples_appended_total").values())


class VmAgent(Part):
    name = "vmagent"
    sink = None

    def start(self, targets, every_ms):
        self.port = free_port(18429)
        conf = os.path.join(self.dir, "vmagent.yml")
        with open(conf, "w", encoding="ascii") as f:
            f.write(scrape_config(targets, every_ms))
        self.spawn(["vmagent", "-promscrape.config=" + conf,
                    "-remoteWrite.url=http://127.0.0.1:%d/api/v1/write" %
                    self.sink.port, "-remoteWrite.tmpDataPath=" + self.data,
                    "-httpListenAddr=127.0.0.1:%d" % self.port,
                    "-loggerLevel=ERROR"])
        self.up("/health")

    def stored(self):
        return sum(self.metrics(
            "vm_promscrape_scraped_samples_sum").values())


def scrape_config(targets, every_ms):
    return ("global:\n  scrape_interval: %dms\n  scrape_timeout: %dms\n"
            "scrape_configs:\n- job_name: bench\n  static_configs:\n"
            "  - targets: [%s]\n"
            % (every_ms, every_ms, ", ".join("'%s'" % t for t in targets)))


PARTS = {p.name: p for p in (Moltler, Prometheus, VmAgent)}
