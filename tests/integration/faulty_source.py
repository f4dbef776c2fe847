"""A service whose answers a test can spoil, one by one, and the type to ask it by:
that of moving_service.py."""
import atexit
import bisect
import http.server
import json
import os
import shutil
import socket
import tempfile
import threading
import time
import urllib.parse

import moving_service
from daemon import serve
from moving_service import stamp, stamp_of  # noqa: F401

BEGAN = 1790000000


def manifest(name="moving", per_page=10):
    """As moving_service.manifest(), with pages of that size."""
    m = moving_service.manifest(name)
    for e in m["entities"].values():
        e["lists"][0]["paginate"]["size"].update(default=per_page, max=per_page)
    return m


def types(*manifests):
    """A folder of those types, or of the one."""
    d = tempfile.mkdtemp(prefix="moltler-types-")
    atexit.register(shutil.rmtree, d, True)
    for m in manifests or [manifest()]:
        os.mkdir(os.path.join(d, m["type"]))
        rewrite(d, m, m["type"])
    return d


def rewrite(folder, m, name="moving"):
    """Another manifest in its place: an object, or any text."""
    path = os.path.join(folder, name, "manifest.json")
    with open(path + ".new", "w") as f:
        f.write(m if isinstance(m, str) else json.dumps(m))
    os.rename(path + ".new", path)


class Source:
    """rows: id -> record.  spoil(path, q): None, "cut", "drop", "stall", an object
    to answer with, or (status, headers, body).  delay: seconds before an answer;
    then(path, q) is called after it was made up."""

    def __init__(self, n=100):
        self.lock = threading.Lock()
        self.rows = {}
        self.sorted = {}
        self.delay = 0
        self.asked = []             # (path, query as an object)
        self.spoil = lambda path, q: None
        self.then = lambda path, q: None
        self.over = threading.Event()
        self.t = BEGAN
        for i in range(1, n + 1):
            self.put(i)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                outer.serve(self)

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.url = self.server.base

    def put(self, i, at=None, **more):
        """A record is made, or changes: a second later than the last one."""
        self.t += 1
        old = self.rows.get(i)
        self.rows[i] = dict({"id": i, "n": old["n"] + 1 if old else 0,
                             "name": "record %d" % i, "tags": ["x"],
                             "updated_at": stamp(at or self.t)}, **more)
        self.sorted = {}

    def drop(self, *ids):
        for i in ids:
            del self.rows[i]
        self.sorted = {}

    def order(self, by, down=False):
        if (by, down) not in self.sorted:
            self.sorted[by, down] = sorted(self.rows.values(),
                                           key=lambda r: r[by], reverse=down)
        return self.sorted[by, down]

    def page(self, path, q):
        if path == "/loose":
            rows = self.order("id")
            at, n = int(q.get("offset", 0)), int(q.get("limit", 10))
            return {"total": len(rows), "items": rows[at:at + n]}
        rows = self.order("updated_at", q.get(
            "direction", "desc" if path == "/desc" else "asc") == "desc")
        if path == "/asc" and "since" in q:
            rows = rows[bisect.bisect_left(rows, stamp_of(q["since"]),
                                           key=lambda r: r["updated_at"]):]
        n = int(q.get("per_page", 10))
        at = (int(q.get("page", 1)) - 1) * n
        return rows[at:at + n]

    def serve(self, h):
        url = urllib.parse.urlparse(h.path)
        q = dict(urllib.parse.parse_qsl(url.query))
        if self.delay:
            time.sleep(self.delay)
        with self.lock:
            self.asked.append((url.path, q))
            how = self.spoil(url.path, q)
            out, status, head = self.page(url.path, q), 200, {}
            self.then(url.path, q)
        if how == "stall":
            self.over.wait(120)
            h.close_connection = True
            return
        if how == "drop":
            h.connection.shutdown(socket.SHUT_RDWR)
            h.close_connection = True
            return
        if isinstance(how, tuple):
            status, head, out = how
        elif how is not None and how != "cut":
            out = how
        body = json.dumps(out).encode()
        h.send_response(status)
        h.send_header("Content-Type", "application/json")
        h.send_header("Content-Length", str(len(body)))
        for k, v in head.items():
            h.send_header(k, v)
        h.end_headers()
        if how == "cut":
            h.wfile.write(body[:len(body) // 2])
            h.wfile.flush()
            h.connection.shutdown(socket.SHUT_RDWR)
            h.close_connection = True
            return
        h.wfile.write(body)

    def well(self):
        self.spoil = lambda path, q: None
        self.delay = 0

    def table(self):
        """What must be in a target: (id, n, name, updated_at), by id."""
        with self.lock:
            return sorted((r["id"], r["n"], r["name"], r["updated_at"])
                          for r in self.rows.values())

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


class Bench:
    """A daemon, the connector m of a source, and what a test asks of them."""

    def __init__(self, d, src, options=None):
        self.d, self.src = d, src
        opts = {"cache_ttl": 0, "retry_count": 0}
        opts.update(options or {})
        status, out = d.post("/v1/connectors", {
            "name": "m", "type": "moving", "config": {"url": src.url},
            "options": opts})
        assert status == 201, out

    @classmethod
    def of(cls, d, src):
        """Where the connector is made already."""
        b = cls.__new__(cls)
        b.d, b.src = d, src
        return b

    def sync(self, sql):
        """SYNC ${sql}: (its row, None) or (None, the error)."""
        status, out = self.d.post("/v1/query", {
            "sql": "SYNC CONNECTOR " + sql, "format": "json"}, timeout=120)
        if isinstance(out, dict) and "error" in out:
            return None, out["error"]
        return self.one(out), None

    @staticmethod
    def one(out):
        """The row of an answer in JSON."""
        rows = out.get("rows", out) if isinstance(out, dict) else out
        return rows[0] if isinstance(rows, list) else rows

    def define(self, entity, target, **more):
        body = {"connector": "m", "entity": entity, "target": target}
        body.update(more)
        status, out = self.d.post("/v1/syncs", body)
        assert status == 201, out
        return out["id"]

    def shown(self, sync):
        return self.d.get("/v1/syncs/" + sync)[1]

    def run(self, sync, seconds=30):
        """Run it now; what it shows once that is over."""
        runs = self.shown(sync)["runs"]
        assert self.d.post("/v1/syncs/%s/run" % sync)[0] == 202
        return self.ended(sync, runs + 1, seconds)

    def ended(self, sync, runs, seconds=30):
        end = time.monotonic() + seconds
        while True:
            v = self.shown(sync)
            if v.get("runs", 0) >= runs and v["status"] != "running" or \
                    time.monotonic() > end:
                return v
            time.sleep(0.02)

    def stored(self, table, more=""):
        """What a table of SQLite holds, as Source.table()."""
        try:
            got = self.d.query("SELECT id, n, name, updated_at FROM \"%s\"%s "
                               "ORDER BY id" % (table, more))
        except RuntimeError:
            return None
        return [(r["id"], r["n"], r["name"], stamp_of(r["updated_at"]))
                for r in got]

    @staticmethod
    def docs(es, index, more=lambda v: True):
        """What an index holds, as Source.table()."""
        return sorted((v["id"], v.get("n"), v.get("name"),
                       stamp_of(v["updated_at"]))
                      for v in es.docs(index).values() if more(v))
