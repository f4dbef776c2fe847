"""A service whose records change while they are read, and the type to ask it by:
the same records as a list by time ascending that can be asked from a time on
(asc), newest first (desc), and in no order that tells anything (loose)."""
import http.server
import json
import random
import threading
import time
import urllib.parse

from daemon import serve

# Times of whole seconds, so that many records share one, also across pages.
PER_PAGE = 10


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def manifest(name="moving"):
    """The type's manifest, as an object that may be changed."""
    cols = {"id": {"type": "integer", "not_null": True, "description": "Id"},
            "n": {"type": "integer", "not_null": True,
                  "description": "How often it changed"},
            "name": {"type": "text", "description": "Name"},
            "tags": {"type": "list", "description": "Words"},
            "updated_at": {"type": "timestamp", "not_null": True,
                           "description": "When it changed"}}
    pages = {"kind": "page", "query": "page", "first": 1,
             "short_page_ends": True, "max_pages": 5000,
             "size": {"query": "per_page", "default": PER_PAGE, "max": 100}}
    order = {"columns": {"updated_at": "updated"},
             "query": {"sort": "{{order.column}}",
                       "direction": "{{order.direction}}"}}

    def entity(what, how, **more):
        one = {"url": "/" + what, "paginate": dict(pages)}
        one.update(more)
        return {"description": what, "key": ["id"], "columns": dict(cols),
                "lists": [one],
                "cursor": {"column": "updated_at", "order": how}}
    return {
        "format": 1, "type": name, "title": name, "description": "For tests",
        "drive_model": "on_demand",
        "config": {"url": {"type": "url", "required": True,
                           "description": "Where"}},
        "base_url": "{{config.url}}",
        "test": {"url": "/asc"},
        "entities": {
            "asc": entity("asc", "asc", order=order, push={"updated_at": {
                "op": [">=", ">"], "query": "since", "time": "iso8601"}}),
            "desc": entity("desc", "desc", order=order),
            "loose": entity("loose", "none", paginate={
                "kind": "offset", "query": "offset", "total": "total",
                "max_pages": 5000, "size": {
                    "query": "limit", "default": PER_PAGE, "max": 100}},
                records="items")}}


class Moving:
    """The service.  It changes a few records at each request until freeze()."""

    def __init__(self, records=300, seed=1, delay=(0, 0.004)):
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.delay = delay
        self.frozen = False
        self.changes = 0
        self.requests = 0
        self.rows = {}
        now = time.time()
        for i in range(1, records + 1):
            self._put(i, now - records + i)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                body = outer.answer(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.url = self.server.base

    def _put(self, i, at):
        old = self.rows.get(i)
        self.rows[i] = {"id": i, "n": old["n"] + 1 if old else 0,
                        "name": "record %d's name" % i,
                        "tags": ["t%d" % (i % 7), "x"],
                        "updated_at": stamp(at)}

    def _change(self):
        """Some records change, some are new."""
        for _ in range(self.random.randint(0, 3)):
            self.changes += 1
            if self.random.random() < 0.1:
                self._put(len(self.rows) + 1, time.time())
            else:
                self._put(self.random.randint(1, len(self.rows)), time.time())

    def freeze(self):
        with self.lock:
            self.frozen = True

    def answer(self, path):
        url = urllib.parse.urlparse(path)
        q = dict(urllib.parse.parse_qsl(url.query))
        with self.lock:
            self.requests += 1
            rows = sorted(self.rows.values(), key=lambda r: r["id"])
            if url.path == "/loose":
                at, n = int(q.get("offset", 0)), int(q.get("limit", PER_PAGE))
                out = {"total": len(rows), "items": rows[at:at + n]}
            else:
                down = q.get("direction", "desc" if url.path == "/desc" else
                             "asc") == "desc"
                rows.sort(key=lambda r: r["updated_at"], reverse=down)
                if url.path == "/asc" and "since" in q:
                    rows = [r for r in rows
                            if r["updated_at"] >= stamp_of(q["since"])]
                n = int(q.get("per_page", PER_PAGE))
                at = (int(q.get("page", 1)) - 1) * n
                out = rows[at:at + n]
            body = json.dumps(out).encode()
            if not self.frozen:
                self._change()
            wait = self.random.uniform(*self.delay)
        time.sleep(wait)
        return body

    def table(self):
        """What must be in a target: (id, n, updated_at), by id."""
        with self.lock:
            return sorted((r["id"], r["n"], r["updated_at"])
                          for r in self.rows.values())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def stamp_of(s):
    """A time of a request as records show it."""
    return s[:19] + "Z"
