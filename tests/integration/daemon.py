"""A real moltlerd and its friends on loopback, for the tests in Python."""
import atexit
import glob
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.abspath(os.path.join(HERE, "..", ".."))
BUILD = os.environ.get("builddir", SRC)
JSON = {"Content-Type": "application/json"}


def delayed(pid="self", field=1):
    """How many seconds this process and all that it started, as far as they live,
    were ready to run and had no processor (field 0: had one); 0 where the kernel
    does not tell."""
    n = 0
    for task in glob.glob("/proc/%s/task/*" % pid):
        try:
            with open(task + "/schedstat") as f:
                n += int(f.read().split()[field]) / 1e9
            with open(task + "/children") as f:
                n += sum(delayed(x, field) for x in f.read().split())
        except (OSError, IndexError):
            pass                    # it has just ended
    return n


def starved(pid):
    """The part of the time in which it could have run that others ran instead."""
    waited, ran = delayed(pid), delayed(pid, 0)
    return waited / (waited + ran or 1)


class Stopwatch:
    """How long something takes: took() is less by the time for which others had
    the processors, so that a busy machine makes nothing slow."""

    def __init__(self):
        self.begun = time.monotonic()
        self.delayed = delayed()

    def wall(self):
        return time.monotonic() - self.begun

    def took(self):
        return max(0, self.wall() - max(0, delayed() - self.delayed))


def wait(cond, seconds=10, every=0.02):
    """Wait until cond() is true; its last value.  On a busy machine it has more
    time, up to six times as long."""
    watch = Stopwatch()
    while True:
        v = cond()
        if v or watch.wall() > 6 * seconds or (
                watch.wall() > seconds and watch.took() > seconds):
            return v
        time.sleep(every)


def rest(seconds):
    """Leave the others that much time with a processor, for what comes by itself
    and is not to be seen."""
    watch = Stopwatch()
    wait(lambda: watch.took() >= seconds, seconds)


def reap(thing):
    """A test that dies leaves no process behind."""
    def end():
        if thing.proc is not None and thing.proc.poll() is None:
            thing.proc.kill()
            thing.proc.wait()
    atexit.register(end)


class Daemon:
    """moltlerd with a data directory of its own.  Ports are free ones."""

    def __init__(self, *args, data=None, env=None, start=True):
        self.own = data is None
        self.data = data or tempfile.mkdtemp(prefix="moltler-test-")
        self.args = list(args)
        self.env = dict(os.environ)
        self.env.update(env or {})
        self.log = []
        self.proc = None
        self.port = None
        self.preexec = None         # run in the child: limits
        reap(self)
        if start:
            self.start()

    def start(self, ready=True):
        cmd = [os.path.join(BUILD, "moltlerd"), "--data-dir", self.data,
               "--types-dir", os.path.join(SRC, "connectors")]
        if "--listen" not in self.args:
            cmd += ["--listen", "127.0.0.1:0"]
        self.proc = subprocess.Popen(cmd + self.args, env=self.env,
                                     preexec_fn=self.preexec,
                                     stderr=subprocess.PIPE)
        self.port = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if ready and not wait(lambda: self.port or self.proc.poll() is not None,
                              20):
            raise RuntimeError("moltlerd does not listen: %s" % self.log[-5:])
        if ready and self.proc.poll() is None:
            wait(lambda: self.get("/readyz")[0] == 200, 20)
        return self

    def _read(self):
        for line in self.proc.stderr:
            line = line.decode("utf-8", "replace").rstrip("\n")
            self.log.append(line)
            try:
                v = json.loads(line)
                if v.get("event") == "listening":
                    self.port = v["port"]
            except ValueError:
                pass

    def events(self, name):
        return [v for v in map(self._json, self.log) if v.get("event") == name]

    @staticmethod
    def _json(line):
        try:
            return json.loads(line)
        except ValueError:
            return {}

    def call(self, method, path, body=None, headers=None, timeout=30):
        """(status, headers, bytes)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            h = dict(headers or {})
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
                h.setdefault("Content-Type", "application/json")
            c.request(method, path, body, h)
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read()
        finally:
            c.close()

    def get(self, path, **kw):
        """(status, parsed JSON or bytes)"""
        status, _, body = self.call("GET", path, **kw)
        try:
            return status, json.loads(body)
        except ValueError:
            return status, body

    def post(self, path, body=None, **kw):
        status, _, out = self.call("POST", path, body, **kw)
        try:
            return status, json.loads(out) if out else None
        except ValueError:
            return status, out

    def metric(self, name, **labels):
        """A value of /metrics; the sum of those that bear the labels."""
        found = None
        for line in self.call("GET", "/metrics")[2].decode().splitlines():
            if line.startswith(name) and line[len(name)] in "{ " and \
                    all('%s="%s"' % kv in line for kv in labels.items()):
                found = (found or 0) + float(line.rsplit(" ", 1)[1])
        return found

    def create(self, name, endpoint, every=200, table=None, config=None, **more):
        """A prometheus connector into metrics.<name>."""
        conf = {"endpoint": endpoint}
        conf.update(config or {})
        body = {"name": name, "type": "prometheus",
                "target_database": "metrics", "target_table": table or name,
                "schedule_ms": every, "config": conf}
        body.update(more)
        return self.post("/v1/connectors", body)

    def show(self, name):
        return self.get("/v1/connectors/" + name)[1]

    def query(self, sql, fmt="ndjson", timeout=60):
        """Rows as a list, or raises with the error's message."""
        status, out = self.post("/v1/query", {"sql": sql, "format": fmt},
                                timeout=timeout)
        if status != 200:
            raise RuntimeError("%s: %s" % (status, out))
        if isinstance(out, dict):   # one line is JSON by itself
            rows = [out]
        else:
            rows = [json.loads(x) for x in (out or b"").splitlines()]
        if rows and list(rows[-1]) == ["error"]:
            raise RuntimeError(rows[-1]["error"])
        return rows

    def fails(self, sql):
        """The error of a statement; one without a code if there is none."""
        out = self.post("/v1/query", {"sql": sql, "format": "json"})[1]
        e = out.get("error") if isinstance(out, dict) else None
        return e or {"code": None, "message": str(out)[:300]}

    def shown(self, sync):
        return self.get("/v1/syncs/" + sync)[1]

    def ended(self, sync, n):
        """Wait for the sync's n-th run to have ended."""
        return wait(lambda: self.shown(sync).get("runs", 0) >= n and
                    self.shown(sync)["status"] != "running", 20)

    def wait_ok(self, name, seconds=15):
        return wait(lambda: self.show(name).get("status") == "connected",
                    seconds)

    def wait_error(self, name, seconds=15):
        wait(lambda: self.show(name).get("last_error"), seconds)
        return self.show(name).get("last_error") or ""

    def alive(self):
        return self.proc.poll() is None and self.get("/healthz")[0] == 200

    def rss_kb(self):
        with open("/proc/%d/status" % self.proc.pid) as f:
            for line in f:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])

    def kill(self):
        self.proc.kill()
        self.proc.wait()
        self.reader.join(5)

    def stop(self, seconds=20):
        """SIGTERM; the exit code."""
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(seconds)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.reader.join(5)
        return self.proc.returncode

    def close(self):
        rc = self.stop()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)
        return rc


class FaultServer:
    """tests/integration/fault_server.py and its ports."""

    def __init__(self):
        self.proc = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "fault_server.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        reap(self)
        self.info = json.loads(self.proc.stdout.readline())
        self.base = "http://127.0.0.1:%d" % self.info["port"]

    def close(self):
        self.proc.kill()
        self.proc.wait()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *a):
        # Who is killed leaves without a word.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*a)


def serve(handler):
    """A server on a free port with threads of its own; its .base is its URL."""
    server = _Server(("127.0.0.1", 0), handler)
    server.base = "http://127.0.0.1:%d" % server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Pages:
    """A metrics page that a test can change: pages.body, .status, .headers."""

    def __init__(self):
        self.body = b"up 1\n"
        self.status = 200
        self.headers = {"Content-Type": "text/plain; version=0.0.4"}
        self.requests = []          # (time, headers)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.requests.append((time.time(), dict(self.headers)))
                body = outer.body
                if callable(body):
                    body = body()
                self.send_response(outer.status)
                for k, v in outer.headers.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.url = self.server.base + "/metrics"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Redis:
    """redis-server on a unix socket in a folder of its own.  keep: with its
    data on disk, every write."""

    def __init__(self, keep=False):
        self.dir = tempfile.mkdtemp(prefix="moltler-redis-")
        self.path = os.path.join(self.dir, "s")
        self.url = "unix://" + self.path
        self.keep = keep
        reap(self)
        self.start()

    def start(self):
        cmd = ["redis-server", "--port", "0", "--unixsocket", self.path,
               "--save", "", "--dir", self.dir]
        if self.keep:
            cmd += ["--appendonly", "yes", "--appendfsync", "always"]
        self.proc = subprocess.Popen(cmd, stdout=subprocess.DEVNULL)
        wait(lambda: self.cli("PING") == "PONG", 20)

    def cli(self, *args):
        return subprocess.run(["redis-cli", "-s", self.path, *args],
                              capture_output=True, text=True).stdout.strip()

    def hash(self, key):
        v = self.cli("HGETALL", key).split("\n")
        return dict(zip(v[::2], v[1::2]))

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def signal(self, signo):
        self.proc.send_signal(signo)

    def close(self):
        self.signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def sanitized():
    """Whether the build is one with sanitizers, whose memory says nothing and
    which is slower."""
    try:
        with open(os.path.join(BUILD, "config.status")) as f:
            return "--enable-sanitizers" in f.read()
    except OSError:
        return False


def free_port():
    """A port that nobody has, and that no other test is given by the system until
    it is used: those come from 32768 on."""
    while True:
        with socket.socket() as s:
            port = random.SystemRandom().randrange(10000, 32000)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def have(program):
    return shutil.which(program) is not None
