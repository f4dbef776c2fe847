"""A service that misbehaves in every way a test asks for, on loopback, and the
type to ask it by.  What it is to do is the last segment of the path."""
import gzip
import json
import os
import socket
import struct
import threading
import time
import urllib.parse

ITEMS = [{"id": n, "name": "item %d" % n, "v": "x"} for n in range(1, 7)]


def manifest(name="wild", **more):
    """The type's manifest, as an object that may be changed."""
    cols = {"id": {"type": "integer", "not_null": True, "description": "Id"},
            "name": {"type": "text", "description": "Name"},
            "v": {"type": "text", "description": "Value"},
            "n": {"type": "integer", "description": "Number"},
            "at": {"type": "timestamp", "description": "When"},
            "how": {"type": "text", "input": True, "description": "Which"}}

    def entity(kind, paginate, **kw):
        one = {"url": "/%s/{{in.how}}" % kind, "needs": ["how"],
               "records": "items", "paginate": paginate}
        one.update(kw)
        return {"description": kind, "key": ["id"], "columns": dict(cols),
                "lists": [one]}
    size = {"query": "limit", "default": 2, "max": 100}
    m = {"format": 1, "type": name, "title": name, "description": "For tests",
         "drive_model": "on_demand",
         "config": {"url": {"type": "url", "required": True,
                            "description": "Where"},
                    "token": {"type": "secret", "required": True,
                              "description": "Token"},
                    "extra": {"type": "string", "description": "A header"},
                    "base": {"type": "string", "default": "b",
                             "description": "A path's segment"}},
         "auth": {"kind": "bearer", "token": "{{config.token}}"},
         "base_url": "{{config.url}}",
         "headers": {"X-Extra": "{{config.extra}}"},
         "limits": {"headers": {"limit": "X-RateLimit-Limit",
                                "remaining": "X-RateLimit-Remaining",
                                "reset": "X-RateLimit-Reset",
                                "reset_unit": "epoch_s"}},
         "error_text": ["message"],
         "entities": {
             "plain": entity("plain", {"kind": "none"}),
             "linked": entity("linked", {"kind": "link", "rel": "next"}),
             "cursors": entity("cursors", {"kind": "cursor", "query": "cursor",
                                           "from": "next"}),
             "offsets": entity("offsets", {"kind": "offset", "query": "offset",
                                           "size": size, "total": "total",
                                           "max_pages": 50}),
             "numbered": entity("numbered", {"kind": "page", "query": "page",
                                             "size": size, "max_pages": 50}),
             "nexts": entity("nexts", {"kind": "next_url", "from": "next"}),
             "kept": entity("kept", {"kind": "link", "rel": "next"},
                            revalidate=True)}}
    m["entities"]["plain"]["main"] = True
    pushed = entity("pushed", {"kind": "none"}, url="/pushed/{{in.how}}",
                    headers={"X-Said": "{{in.said}}"},
                    push={"name": {"op": "=", "query": "name"},
                          "v": {"op": "=", "clause": "jql",
                                "text": "v = {{value}}"}},
                    clauses={"jql": {"query": "jql", "join": " AND "}})
    pushed["columns"]["said"] = {"type": "text", "input": True,
                                 "default": "nothing",
                                 "description": "A header"}
    pushed["actions"] = {"touch": {
        "description": "Do it", "method": "POST",
        "url": "/act/{{in.what}}/{{config.base}}",
        "headers": {"X-Arg": "{{in.head}}"},
        "args": {"what": {"type": "string", "required": True,
                          "description": "What"},
                 "head": {"type": "string", "description": "A header"},
                 "text": {"type": "string", "description": "In the body"}},
        "body": {"text?": "{{in.text}}"}}}
    posted = entity("posted", {"kind": "none"}, method="POST",
                    body={"q": "{{in.text}}"}, needs=["how", "text"])
    posted["columns"]["text"] = {"type": "text", "input": True,
                                 "description": "In the body"}
    m["entities"].update(pushed=pushed, posted=posted)
    m.update(more)
    return m


def write_type(folder, m, text=None):
    """Put a manifest where a daemon looks for the user's own."""
    path = os.path.join(folder, m["type"])
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "manifest.json"), "w") as f:
        f.write(text if text is not None else json.dumps(m))


class Asked:
    """One request, as it came."""

    def __init__(self, raw, body):
        head = raw.decode("latin-1").split("\r\n")
        self.raw, self.body, self.at = raw, body, time.monotonic()
        self.method, self.target = head[0].split(" ")[:2]
        self.lines = head[1:]
        self.headers = {k.strip().lower(): v.strip() for k, v in
                        (x.split(":", 1) for x in self.lines if ":" in x)}
        self.path, _, query = self.target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, True))
        self.kind, self.how = (self.path.split("/") + ["", ""])[1:3]
        self.how = urllib.parse.unquote(self.how)


class Wild:
    """asked: what came.  how[NAME]: a function (self, w, asked) that answers, or
    does not.  open: connections that are."""

    def __init__(self, host="127.0.0.1"):
        self.asked, self.how, self.open = [], {}, 0
        self.lock = threading.Lock()
        self.state = {}
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((host, 0))
        self.sock.listen(512)
        self.port = self.sock.getsockname()[1]
        self.base = "http://%s:%d" % (host, self.port)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                w, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(w,),
                             daemon=True).start()

    def _serve(self, w):
        with self.lock:
            self.open += 1
        have = b""
        try:
            while True:
                while b"\r\n\r\n" not in have:
                    more = w.recv(65536)
                    if not more:
                        return
                    have += more
                raw, _, have = have.partition(b"\r\n\r\n")
                a = Asked(raw, b"")
                need = int(a.headers.get("content-length", 0))
                while len(have) < need:
                    have += w.recv(65536)
                a.body, have = have[:need], have[need:]
                self.asked.append(a)
                if self.how.get(a.how, good)(self, w, a) is False:
                    return
        except (OSError, ValueError):
            pass        # who was told to stop, has stopped
        finally:
            w.close()
            with self.lock:
                self.open -= 1

    def calls(self, part=""):
        return [a for a in list(self.asked) if part in a.target]

    def forget(self):
        self.asked = []

    def close(self):
        self.sock.close()


def answer(w, status=200, body=b"", headers=(), length=True):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = ["HTTP/1.1 %d X" % status]
    if length is True:
        length = len(body)
    if length is not None and status not in (204, 304):
        head.append("Content-Length: %d" % length)
    names = [h.split(":")[0].lower() for h in headers]
    if "content-type" not in names:
        head.append("Content-Type: application/json")
    w.sendall(("\r\n".join(head + list(headers)) + "\r\n\r\n").encode() + body)


def good(s, w, a):
    """Six items, two a page, each kind of paging its own way."""
    if a.kind == "act":
        return answer(w, 200, {"did": a.path})
    if a.kind in ("plain", "pushed", "posted"):
        return answer(w, 200, {"items": ITEMS})
    key = {"linked": "p", "kept": "p", "cursors": "cursor", "nexts": "p",
           "offsets": "offset", "numbered": "page"}[a.kind]
    at = int(a.query.get(key, "0") or 0)
    if a.kind == "numbered":
        at = (at - 1) * 2
    part, nxt = ITEMS[at:at + 2], at + 2
    body, headers = {"items": part}, []
    if nxt < 6:
        url = "%s%s?p=%d" % (s.base, a.path, nxt)
        if a.kind in ("linked", "kept"):
            headers = ['Link: <%s>; rel="next"' % url]
        elif a.kind == "cursors":
            body["next"] = str(nxt)
        elif a.kind == "nexts":
            body["next"] = url
    if a.kind == "kept":
        tag = '"%s-%d"' % (s.state.get("etag", "e"), at)
        if a.headers.get("if-none-match") == tag:
            return answer(w, 304, b"", ["ETag: " + tag] + headers)
        headers.append("ETag: " + tag)
    return answer(w, 200, body, headers)


def until_gone(w, seconds=60):
    """Wait until the other side has left."""
    w.settimeout(seconds)
    try:
        while w.recv(65536):
            pass
    except OSError:
        pass
    return False


def hang(s, w, a):
    """state["hung"] says how many wait in vain."""
    with s.lock:
        s.state["hung"] = s.state.get("hung", 0) + 1
    try:
        return until_gone(w)
    finally:
        with s.lock:
            s.state["hung"] -= 1


def reset(w):
    w.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    w.close()
    return False


def rst(s, w, a):
    return reset(w)


def half(s, w, a):
    body = json.dumps({"items": ITEMS}).encode()
    answer(w, 200, body[:len(body) // 2], length=len(body))
    return False


def half_rst(s, w, a):
    body = json.dumps({"items": ITEMS}).encode()
    answer(w, 200, body[:len(body) // 2], length=len(body))
    time.sleep(0.05)
    return reset(w)


def half_eof(s, w, a):
    """No length: only the JSON itself tells that it is cut."""
    body = json.dumps({"items": ITEMS}).encode()
    answer(w, 200, body[:len(body) // 2], ["Connection: close"], None)
    return False


def drip(s, w, a):
    answer(w, 200, b"", length=100000)
    try:
        while True:
            w.sendall(b" ")
            time.sleep(0.02)
    except OSError:
        return False


def endless(s, w, a):
    """A body of a gigabyte; state["sent"] says how far it came."""
    answer(w, 200, b'{"items": [', ["Connection: close"], None)
    piece = (json.dumps(dict(ITEMS[0], v="y" * 1000)) + ",").encode() * 1000
    s.state["sent"] = 0
    while s.state["sent"] < 1 << 30:
        w.sendall(piece)
        s.state["sent"] += len(piece)
    return False


def bomb(s, w, a):
    """300 MB in some kilobytes."""
    if "bomb" not in s.state:
        row = (json.dumps(dict(ITEMS[0], v="y" * 1000)) + ",").encode() * 1000
        s.state["bomb"] = gzip.compress(b'{"items": [' + row * 300 + b"{}]}",
                                        1)
    answer(w, 200, s.state["bomb"], ["Content-Encoding: gzip"])


class Nowhere:
    """Where an answer goes that nobody asked for: to have it ready."""

    def sendall(self, data):
        pass


def broken_gzip(s, w, a):
    body = gzip.compress(json.dumps({"items": ITEMS}).encode())
    answer(w, 200, body[:20] + b"\0" * 20, ["Content-Encoding: gzip"])


def says(status, body, *headers):
    """A fixed answer."""
    def f(s, w, a):
        answer(w, status, body, headers)
    return f


def raw(data):
    def f(s, w, a):
        w.sendall(data)
        return False
    return f
