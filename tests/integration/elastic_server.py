"""A real Elasticsearch or OpenSearch on loopback, of a folder kept between runs
(MOLTLER_SERVERS, else ~/.cache/moltler/servers).  With MOLTLER_ELASTIC=1 what is
not there is fetched from Maven Central; without, its tests are skipped."""
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile

import daemon

VERSIONS = {"opensearch": "2.19.1", "elasticsearch": "8.17.0"}
ARTIFACT = "org.%s.distribution.integ-test-zip:%s:%s:zip"
HEAP = "-Xms512m -Xmx512m"


def folder():
    return os.environ.get("MOLTLER_SERVERS") or \
        os.path.expanduser("~/.cache/moltler/servers")


def java_home():
    for path in [os.environ.get("JAVA_HOME")] + \
            sorted(glob.glob("/usr/lib/jvm/*-17-*")):
        if path and os.path.exists(os.path.join(path, "bin/java")):
            return path
    return None


def find(product):
    """(home, None), or (None, why not)."""
    name = "%s-%s" % (product, VERSIONS[product])
    home = os.path.join(folder(), name)
    if java_home() is None:
        return None, "no JDK 17 (JAVA_HOME)"
    if os.path.exists(os.path.join(home, "bin", product)):
        return home, None
    if os.environ.get("MOLTLER_ELASTIC") != "1":
        return None, "no %s in %s; MOLTLER_ELASTIC=1 fetches it" % (
            name, folder())
    if not daemon.have("mvn"):
        return None, "no mvn to fetch %s with" % name
    os.makedirs(folder(), exist_ok=True)
    p = subprocess.run(["mvn", "-q", "-B", "dependency:copy", "-Dartifact=" +
                        ARTIFACT % (product, product, VERSIONS[product]),
                        "-DoutputDirectory=" + folder()], capture_output=True)
    zipped = home + ".zip"
    if p.returncode != 0 or not os.path.exists(zipped):
        return None, "%s cannot be fetched" % name
    with zipfile.ZipFile(zipped) as z:
        z.extractall(folder())
    for f in glob.glob(os.path.join(home, "bin", "*")):
        os.chmod(f, 0o755)
    return home, None


class Server:
    """One node; .url.  What it needs to write lies in a folder of its own."""

    def __init__(self, product, settings=None):
        home, why = find(product)
        if home is None:
            raise RuntimeError(why)
        self.product = product
        self.dir = tempfile.mkdtemp(prefix="moltler-" + product + "-")
        self.port = daemon.free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.proc = None
        daemon.reap(self)
        # It refuses root, and nobody must be able to read it.
        self.home = os.path.join(self.dir, "home")
        shutil.copytree(home, self.home, symlinks=True)
        conf = {"discovery.type": "single-node", "network.host": "127.0.0.1",
                "http.port": self.port, "transport.port": daemon.free_port(),
                "cluster.routing.allocation.disk.threshold_enabled": "false"}
        if product == "elasticsearch":
            conf["xpack.security.enabled"] = "false"
        conf.update(settings or {})
        with open(os.path.join(self.home, "config", product + ".yml"), "w") as f:
            for k, v in conf.items():
                f.write("%s: %s\n" % (k, v))
        self.start()

    def start(self):
        env = dict(os.environ)
        java = java_home()
        if self.product == "opensearch":
            env.update(OPENSEARCH_JAVA_OPTS=HEAP, OPENSEARCH_JAVA_HOME=java)
        else:
            env.update(ES_JAVA_OPTS=HEAP, ES_JAVA_HOME=java)
        cmd = [os.path.join(self.home, "bin", self.product)]
        kw = {}
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody", self.dir], check=True)
            cmd = ["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                   "--clear-groups"] + cmd
        self.out = open(os.path.join(self.dir, "out"), "ab")
        self.proc = subprocess.Popen(cmd, env=env, stdin=subprocess.DEVNULL,
                                     stdout=self.out, stderr=self.out,
                                     start_new_session=True, **kw)
        if not daemon.wait(lambda: self.up() or self.proc.poll() is not None,
                           180, 0.5) or not self.up():
            with open(os.path.join(self.dir, "out"), "rb") as f:
                tail = f.read()[-2000:].decode("utf-8", "replace")
            self.close()
            raise RuntimeError("%s does not start: %s" % (self.product, tail))
        self.version = next(iter(self.call(
            "GET", "/_nodes/_local?filter_path=nodes.*.version")[1]["nodes"]
            .values()))["version"]

    def up(self):
        try:
            return self.call("GET", "/_cluster/health")[1].get("status") in (
                "green", "yellow")
        except (OSError, ValueError):
            return False

    def call(self, method, path, body=None, timeout=60):
        """(status, object)"""
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request(self.url + path, data, method=method,
                                     headers={"Content-Type":
                                              "application/json"})
        try:
            with urllib.request.urlopen(req, timeout=timeout) as r:
                raw, status = r.read(), r.status
        except urllib.error.HTTPError as e:
            raw, status = e.read(), e.code
        return status, json.loads(raw) if raw else None

    def docs(self, index, size=10000):
        """id -> document, all of an index."""
        self.call("POST", "/%s/_refresh" % index)
        body = self.call("POST", "/%s/_search" % index,
                         {"size": size, "query": {"match_all": {}}})[1]
        return {h["_id"]: h["_source"] for h in body["hits"]["hits"]}

    def kill(self):
        """All of it at once, as by a power cut."""
        if self.proc is not None and self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()

    def close(self):
        if self.proc is not None and self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGTERM)
            try:
                self.proc.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.out.close()
        shutil.rmtree(self.dir, ignore_errors=True)
