"""SIGTERM at bad moments: an exit code of 0, and everybody gets an answer."""
import http.client
import json
import os
import re
import socket
import threading
import time

from daemon import Daemon, JSON, rest, wait
from tap import Tap

t = Tap()


class DeafRedis:
    """Says that it is there, and then nothing more."""

    def __init__(self):
        self.asked = []
        self.s = socket.create_server(("127.0.0.1", 0))
        self.url = "redis://127.0.0.1:%d/0" % self.s.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            c, _ = self.s.accept()
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        while True:
            try:
                b = c.recv(65536)
            except OSError:
                return
            if not b:
                return
            words = [w.upper() for w in re.findall(rb"[A-Za-z:]+", b)]
            self.asked += words
            for w in words:
                if w in (b"PING", b"AUTH", b"SELECT"):
                    c.sendall(b"+PONG\r\n" if w == b"PING" else b"+OK\r\n")


# ---- while the connectors are being loaded ----
deaf = DeafRedis()
d = Daemon("--redis", deaf.url, start=False)
d.start(ready=False)
t.ok(wait(lambda: b"SMEMBERS" in deaf.asked, 10), "a load is under way")
t.eq(d.stop(), 0, "SIGTERM meanwhile: exit 0")
t.eq(len(d.events("stopped")), 1, "  and it says so")
d.close()

# ---- while a query streams to a slow reader ----
d = Daemon()
c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=30)
c.request("POST", "/v1/query", json.dumps({
    "format": "ndjson", "sql": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL "
    "SELECT n + 1 FROM c) SELECT n FROM c"}), JSON)
r = c.getresponse()
first = r.read(100000)
t.eq(r.status, 200, "a query streams")
rest(0.3)  # the rest fills the sockets
codes = []
stopper = threading.Thread(target=lambda: codes.append(d.stop()))
stopper.start()
wait(lambda: d.events("stopping"), 10)
rest(0.5)
last = (first + r.read()).rstrip(b"\n").split(b"\n")[-1]
stopper.join(30)
t.ok(b"cancelled" in last, "its last line tells why it ends", last[:200])
t.eq(codes, [0], "  and exit 0")
d.close()

# ---- while nobody reads ----
d = Daemon()
c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=30)
c.request("POST", "/v1/query", json.dumps({
    "sql": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL "
    "SELECT n + 1 FROM c) SELECT n FROM c"}), JSON)
c.getresponse().read(100000)
rest(0.3)
begun = time.monotonic()
t.eq(d.stop(), 0, "who never reads on: exit 0")
t.ok(time.monotonic() - begun < 15, "  soon", time.monotonic() - begun)
d.close()

# ---- and a machine that failed at the wrong moment ----
d = Daemon()
d.stop()
open(os.path.join(d.data, "node_id"), "w").close()
d.start()
t.eq(d.get("/readyz")[0], 200, "an empty node_id is written anew")
d.close()
