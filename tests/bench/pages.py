"""Real exporter pages that change, and the nginx that serves them.

The pages are those of Debian's prometheus-node-exporter on this machine, taken
a second apart, so that from one scrape to the next just that changes which
changes in life.  nginx picks one by the time: all targets see the page of the
moment, and another one at the next scrape.
"""
import http.client
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PAGES = 120


def free_port(first=19100):
    """A port below those the kernel gives to outgoing connections."""
    for port in range(first, 32000):
        s = socket.socket()
        # As nginx does; old connections that linger do not matter.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return port
        except OSError:
            pass
        finally:
            s.close()
    raise RuntimeError("no free port from %d on" % first)


class Refused(RuntimeError):
    """An answer other than 200."""


def get(addr, port, path, timeout=10):
    c = http.client.HTTPConnection(addr, port, timeout=timeout)
    try:
        c.request("GET", path)
        r = c.getresponse()
        body = r.read()
        if r.status != 200:
            raise Refused("http://%s:%d%s: %d %s" % (addr, port, path,
                                                     r.status, body[:200]))
        return body
    finally:
        c.close()


def until(cond, seconds, what):
    end = time.monotonic() + seconds
    while True:
        try:
            v = cond()
            if v:
                return v
        except (OSError, Refused):
            pass
        if time.monotonic() > end:
            raise RuntimeError("gave up waiting for " + what)
        time.sleep(0.05)


def end(proc, seconds=60):
    """End a process we started: politely, then not."""
    if proc is None or proc.poll() is not None:
        return
    proc.send_signal(signal.SIGTERM)
    try:
        proc.wait(seconds)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait()


def files_allowed(want):
    """Raise the number of files we and our children may open; what we got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < want:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (want, want))
        except (ValueError, OSError):
            pass
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    top = want if hard == resource.RLIM_INFINITY else min(want, hard)
    if soft < top:
        resource.setrlimit(resource.RLIMIT_NOFILE, (top, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def collect(folder, n=PAGES, say=print):
    """Fill ${folder} with ${n} pages unless they are there."""
    if os.path.isdir(folder) and len(names(folder)) >= 2:
        return
    say("collecting %d pages of prometheus-node-exporter, one a second" % n)
    part = tempfile.mkdtemp(prefix="pages-", dir=os.path.dirname(folder))
    port = free_port(19900)
    proc = subprocess.Popen(
        ["prometheus-node-exporter",
         "--web.listen-address=127.0.0.1:%d" % port],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: get("127.0.0.1", port, "/metrics"), 10,
              "prometheus-node-exporter")
        start = time.monotonic()
        for i in range(n):
            time.sleep(max(0, start + i - time.monotonic()))
            with open(os.path.join(part, "page-%03d" % i), "wb") as f:
                f.write(get("127.0.0.1", port, "/metrics"))
        os.rename(part, folder)
    finally:
        end(proc)
        shutil.rmtree(part, ignore_errors=True)


def names(folder):
    return sorted(f for f in os.listdir(folder) if f.startswith("page-"))


def samples(text):
    """The page's sample lines as {series: value as written}."""
    out = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            out[series] = value
    return out


def describe(folder):
    """{pages, bytes, samples, changed}: means; changed between pages 5 apart."""
    ps, size = [], 0
    for f in names(folder):
        with open(os.path.join(folder, f), encoding="utf-8") as fh:
            text = fh.read()
        size += len(text.encode())
        ps.append(samples(text))
    moved = total = 0
    for a, b in zip(ps, ps[5:] or ps[1:]):
        total += len(b)
        moved += sum(1 for k, v in b.items() if a.get(k) != v)
    return {"pages": len(ps), "bytes": size / len(ps),
            "samples": sum(map(len, ps)) / len(ps),
            "changed": moved / max(total, 1)}


class Nginx:
    """One nginx process; everything it writes is in a folder of its own."""

    def __init__(self, servers, files=1024, http_lines=()):
        self.dir = tempfile.mkdtemp(prefix="moltler-bench-nginx-")
        self.port = free_port()
        self.asked = 0
        temps = "".join("    %s_temp_path %s/tmp;\n" % (t, self.dir) for t in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("daemon off;\nmaster_process off;\nworker_processes 1;\n"
                    "pid %s/pid;\nerror_log %s/error.log warn;\n"
                    "events { worker_connections %d; }\nhttp {\n"
                    "    access_log off;\n    sendfile on;\n"
                    "    tcp_nopush on;\n    keepalive_timeout 3600;\n"
                    "    keepalive_requests 1000000000;\n"
                    "    client_max_body_size 0;\n"
                    "    open_file_cache max=1000 inactive=3600;\n"
                    "    open_file_cache_valid 3600;\n%s%s%s"
                    "    server { listen unix:%s/status; location / "
                    "{ stub_status; } }\n}\n"
                    % (self.dir, self.dir, files, temps, "".join(http_lines),
                       "".join(servers).replace("@PORT@", str(self.port)),
                       self.dir))
        self.proc = subprocess.Popen(
            ["nginx", "-c", conf, "-p", self.dir,
             "-e", os.path.join(self.dir, "error.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        until(lambda: self.proc.poll() is not None or self.requests() >= 0,
              20, "nginx")
        if self.proc.poll() is not None:
            raise RuntimeError("nginx did not start; see %s/error.log" %
                               self.dir)

    def requests(self):
        """How many requests were answered, ours apart."""
        s = socket.socket(socket.AF_UNIX)
        with s:
            s.settimeout(10)
            s.connect(os.path.join(self.dir, "status"))
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(4096), b""))
        self.asked += 1
        m = re.search(rb"(\d+) (\d+) (\d+) \n", text)
        return int(m.group(3)) - self.asked

    def stop(self):
        end(self.proc)
        shutil.rmtree(self.dir, ignore_errors=True)


def address(i):
    return "127.%d.%d.%d" % (i // 62500, i // 250 % 250, i % 250 + 1)


def exporter(folder, targets, page_ms=1000, gzip=False):
    """An nginx with ${targets} exporters, each an address of its own in 127/8
    (all loopback), whose page changes every ${page_ms}."""
    files = files_allowed(2 * targets + 1024)
    hosts = min(targets, (files - 512) // 2)
    ps = names(folder)
    # The last three digits of the time in units of page_ms.
    digits = {1000: r"(?<last>\d\d\d)\.", 100: r"(?<last>\d\d\.\d)",
              10: r"(?<last>\d\.\d\d)"}[page_ms]
    lines = ["    map $msec $tick { default 0; \"~%s\" $last; }\n" % digits,
             "    map $tick $page { default %s;\n" % ps[0]]
    for t in range(1000):
        key = "%03d" % t
        key = {1000: key, 100: key[:2] + "." + key[2],
               10: key[0] + "." + key[1:]}[page_ms]
        lines.append("        \"%s\" %s;\n" % (key, ps[t % len(ps)]))
    lines.append("    }\n")
    if gzip:
        lines.append("    gzip on; gzip_comp_level 1; gzip_types *;\n")
    listen = "".join("        listen %s:@PORT@;\n" % address(i)
                     for i in range(hosts))
    server = ("    server {\n" + listen + "        location = /metrics {\n"
              "            default_type 'text/plain; version=0.0.4; "
              "charset=utf-8';\n"
              "            alias " + os.path.abspath(folder) + "/$page;\n"
              "        }\n    }\n")
    web = Nginx([server], files=3 * targets + 1024, http_lines=lines)
    web.hosts = hosts
    web.targets = ["%s:%d" % (address(i % hosts), web.port)
                   for i in range(targets)]
    return web


def sink():
    """A server that reads what is sent and answers 204."""
    return Nginx(["    server { listen 127.0.0.1:@PORT@; "
                  "location / { return 204; } }\n"])
