"""A small Elasticsearch that a test can spoil: it refuses, stalls, takes half,
finds bodies too large and items too many, and checks versions."""
import fnmatch
import gzip
import http.server
import json
import re
import socket
import ssl
import threading
import urllib.parse


def error(status, kind, reason, **more):
    body = {"error": {"type": kind, "reason": reason,
                      "root_cause": [{"type": kind, "reason": reason}]},
            "status": status}
    body["error"].update(more)
    return status, body


class FakeElastic:
    """indices: name -> {"mappings": properties, "docs": id -> doc}; a doc is
    {"source", "version", "seq", "shown"}: shown is (source, seq) as of the last
    refresh, which is what searches see, or None.

    spoil(method, path, body) may return None, (status, object[, headers]),
    "drop" (the connection ends), "half" (the answer breaks off in its middle) or
    "stall" (nothing comes until close()).
    item(action, index, id, doc) may return None or (status, type, reason)."""

    def __init__(self, opensearch=False, version=None, root=200, auth=None,
                 flat=True, auto_create=True, tls=None):
        self.opensearch = opensearch
        self.version = version or ("2.19.1" if opensearch else "8.17.0")
        self.root = root                # of GET /
        self.auth = auth                # the Authorization header wanted
        self.flat = flat                # knows flattened or flat_object
        self.auto_create = auto_create
        self.max_body = None            # beyond: 413
        self.spoil = lambda method, path, body: None
        self.item = lambda action, index, ident, doc: None
        self.templates = {}
        self.indices = {}
        self.requests = []              # (method, path, headers, body)
        self.bulks = []                 # rows of each _bulk
        self.active = self.most_active = 0
        self.seq = 0
        self.pits = 0                   # open points in time
        self.lock = threading.Lock()
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def run(self):
                outer.serve(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = run

            def log_message(self, *a):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *a: None
        scheme = "http"
        if tls:
            scheme = "https"
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(*tls)
            self.server.socket = ctx.wrap_socket(self.server.socket,
                                                 server_side=True)
        self.port = self.server.server_port
        self.url = "%s://127.0.0.1:%d" % (scheme, self.port)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    # One request.
    def serve(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        if self.max_body is not None and len(body) > self.max_body:
            return self.answer(h, 413, None)
        if h.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with self.lock:
            self.requests.append((h.command, h.path, dict(h.headers), body))
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        try:
            self.dispatch(h, body)
        finally:
            with self.lock:
                self.active -= 1

    def dispatch(self, h, body):
        if self.auth and h.headers.get("Authorization") != self.auth:
            return self.answer(h, *error(401, "security_exception",
                                         "missing authentication credentials"))
        how = self.spoil(h.command, h.path, body)
        if how == "drop":
            h.connection.shutdown(socket.SHUT_RDWR)
            h.close_connection = True
            return
        if how == "stall":
            self.over.wait(60)
            h.close_connection = True
            return
        if isinstance(how, tuple):
            return self.answer(h, *how)
        with self.lock:
            reply = self.route(h.command, h.path, body)
        self.answer(h, *reply, half=how == "half")

    def answer(self, h, status, obj, headers=None, half=False):
        raw = b"" if obj is None else json.dumps(obj).encode() \
            if not isinstance(obj, bytes) else obj
        h.send_response(status)
        h.send_header("Content-Type", "application/json")
        h.send_header("Content-Length", str(len(raw)))
        if not self.opensearch:
            h.send_header("X-elastic-product", "Elasticsearch")
        for k, v in (headers or {}).items():
            h.send_header(k, v)
        h.end_headers()
        if half:
            h.wfile.write(raw[:len(raw) * 2 // 3])
            h.wfile.flush()
            h.connection.shutdown(socket.SHUT_RDWR)
            h.close_connection = True
            return
        h.wfile.write(raw)

    def route(self, method, path, body):
        parts = urllib.parse.urlsplit(path)
        words = [urllib.parse.unquote(w) for w in parts.path.split("/")[1:]]
        if words == [""]:
            if self.root != 200:
                return error(self.root, "illegal", "no handler")
            v = {"number": self.version}
            if self.opensearch:
                v["distribution"] = "opensearch"
            return 200, {"version": v}
        if words[0] == "_nodes":
            return 200, {"nodes": {"n1": {"version": self.version}}}
        read = self.read(method, words, body)
        if read:
            return read
        if words[0] == "_index_template":
            return self.put_template(words[1], json.loads(body))
        if words[-1] == "_bulk":
            return self.bulk(words[0], body,
                             "refresh=true" in parts.query)
        if words[-1] == "_mapping":
            return self.mapping(method, words[0], body)
        if len(words) == 1 and method == "PUT":
            if words[0] in self.indices:
                return error(400, "resource_already_exists_exception",
                             "index [%s] already exists" % words[0])
            self.make(words[0])
            return 200, {"acknowledged": True}
        if words[0] not in self.indices:
            return error(404, "index_not_found_exception",
                         "no such index [%s]" % words[0])
        if words[1] == "_refresh":
            for d in self.indices[words[0]]["docs"].values():
                self.show(d)
            return 200, {"_shards": {"failed": 0}}
        if words[1] in ("_count", "_search"):
            return self.search(words[0], json.loads(body),
                               words[1] == "_count")
        return error(400, "illegal_argument_exception", "no such call")

    def unknown_type(self, properties):
        for f in properties.values():
            t = f.get("type", "object")
            if t in ("flattened", "flat_object") and (not self.flat or (
                    t == "flat_object") != self.opensearch):
                return error(400, "mapper_parsing_exception",
                             "No handler for type [%s] declared" % t)
        return None

    def put_template(self, name, body):
        bad = self.unknown_type(body["template"]["mappings"]["properties"])
        if bad:
            return bad
        self.templates[name] = body
        return 200, {"acknowledged": True}

    def make(self, name):
        props = {}
        for t in self.templates.values():
            if name in t["index_patterns"]:
                props = dict(t["template"]["mappings"]["properties"])
        self.indices[name] = {"mappings": props, "docs": {}}

    def mapping(self, method, index, body):
        if index not in self.indices:
            return error(404, "index_not_found_exception",
                         "no such index [%s]" % index)
        have = self.indices[index]["mappings"]
        if method == "GET":
            return 200, {index: {"mappings": {"properties": have}}}
        props = json.loads(body)["properties"]
        bad = self.unknown_type(props)
        if bad:
            return bad
        have.update(props)
        return 200, {"acknowledged": True}

    def bulk(self, index, body, refresh):
        lines = body.split(b"\n")
        assert lines[-1] == b"", "a _bulk ends with a line's end"
        items, rows, i = [], 0, 0
        while i < len(lines) - 1:
            (action, meta), = json.loads(lines[i]).items()
            doc = None
            i += 1
            if action != "delete":
                doc = json.loads(lines[i])
                i += 1
            rows += 1
            items.append({action: self.one(action, meta, doc, index, refresh)})
        self.bulks.append(rows)
        return 200, {"took": 1, "errors": any(
            "error" in v for it in items for v in it.values()), "items": items}

    def one(self, action, meta, doc, index, refresh):
        index = meta.get("_index", index)
        ident = meta["_id"]

        def fail(status, kind, reason):
            return {"_id": ident, "status": status,
                    "error": {"type": kind, "reason": reason}}

        if not ident or len(ident.encode()) > 512:
            return fail(400, "illegal_argument_exception", "bad _id")
        bad = self.item(action, index, ident, doc)
        if bad:
            return fail(*bad)
        if index not in self.indices:
            if not self.auto_create:
                return fail(404, "index_not_found_exception",
                            "no such index [%s]" % index)
            self.make(index)
        docs = self.indices[index]["docs"]
        have = docs.get(ident)
        version = meta.get("version")
        if version is not None and have and have["version"] > version:
            return fail(409, "version_conflict_engine_exception",
                        "[%s]: version conflict, current version [%d] is higher"
                        " than the one provided [%d]"
                        % (ident, have["version"], version))
        if "if_seq_no" in meta and (not have or
                                    have["seq"] != meta["if_seq_no"]):
            return fail(409, "version_conflict_engine_exception", "seq")
        self.seq += 1
        if action == "delete":
            if have:
                del docs[ident]
            return {"_id": ident, "status": 200 if have else 404}
        if action == "update":
            source = dict(have["source"])
            for k, v in doc["doc"].items():
                if isinstance(v, dict):
                    v = dict(source.get(k, {}), **v)
                source[k] = v
            have.update(source=source, version=have["version"] + 1,
                        seq=self.seq)
        else:
            docs[ident] = {"source": doc, "version": version or 1,
                           "seq": self.seq,
                           "shown": have["shown"] if have else None}
        if refresh:
            self.show(docs[ident])
        return {"_id": ident, "status": 200 if have else 201}

    @staticmethod
    def show(d):
        d["shown"] = (d["source"], d["seq"])

    def search(self, index, body, count):
        q = body["query"]["bool"]
        sync = fence = None
        for f in q["filter"]:
            if "term" in f:
                sync = f["term"]["moltler.sync"]
            else:
                fence = f["range"]["moltler.fence"]["lt"]
        hits = []
        for ident, d in self.indices[index]["docs"].items():
            if not d["shown"]:
                continue
            source, seq = d["shown"]
            m = source.get("moltler", {})
            if m.get("sync") != sync or \
                    (fence is not None and m["fence"] >= fence) or \
                    ("must_not" in q and "deleted_at" in m):
                continue
            hits.append({"_index": index, "_id": ident, "_seq_no": seq,
                         "_primary_term": 1})
        if count:
            return 200, {"count": len(hits)}
        return 200, {"hits": {"hits": hits[:body["size"]]}}

    # Reading: mappings of patterns, points in time, pages.
    def read(self, method, words, body):
        if words[-1] == "_mapping" and method == "GET" and "*" in words[0]:
            return 200, {n: {"mappings": {"properties":
                                          self.indices[n]["mappings"]}}
                         for n in self.named(words[0])}
        if words[-1] in ("_pit", "point_in_time"):
            if (words[-1] == "_pit") == self.opensearch:
                return error(400, "illegal_argument_exception",
                             "no handler found")
            return self.pit(method, words[0])
        if words == ["_search"]:
            return self.page(json.loads(body))
        return None

    def named(self, names):
        got = []
        for n in names.split(","):
            if n.startswith("-"):
                got = [g for g in got if not fnmatch.fnmatch(g, n[1:])]
            else:
                got += [i for i in sorted(self.indices)
                        if fnmatch.fnmatch(i, n)]
        return got

    def pit(self, method, names):
        if method == "DELETE":
            self.pits -= 1
            return 200, {"succeeded": True}
        if "*" not in names and names not in self.indices:
            return error(404, "index_not_found_exception",
                         "no such index [%s]" % names)
        self.pits += 1
        return 200, {"pit_id" if self.opensearch else "id": "p:" + names}

    @classmethod
    def lets(cls, query, ident, source):
        """Whether a row passes the query."""
        if not query:
            return True
        (kind, arg), = query.items()
        if kind == "bool":
            return all(cls.lets(f, ident, source)
                       for f in arg.get("filter", [])) and \
                not any(cls.lets(f, ident, source)
                        for f in arg.get("must_not", [])) and \
                ("should" not in arg or any(cls.lets(f, ident, source)
                                            for f in arg["should"]))
        (field, want), = arg.items()
        if kind == "ids":
            return ident in want
        v = source
        for word in (want if kind == "exists" else field).split("."):
            v = v.get(word) if isinstance(v, dict) else v
        if kind == "terms":
            return any(x in want for x in (v if isinstance(v, list) else [v]))
        if kind == "range":
            def whole(t):               # times in one form
                return t[:-1] + ".000Z" if isinstance(t, str) and \
                    t.endswith("Z") and "." not in t else t
            v, want = whole(v), {k: whole(x) for k, x in want.items()}
            return v is not None and \
                not ("gt" in want and v <= want["gt"]) and \
                not ("gte" in want and v < want["gte"]) and \
                not ("lt" in want and v >= want["lt"]) and \
                not ("lte" in want and v > want["lte"])
        return v is not None

    def page(self, body):
        (by, _), = body["sort"][0].items()
        if (by == "_doc") != self.opensearch:
            return error(400, "illegal_argument_exception", "sort " + by)
        hits, n = [], -1
        for name in self.named(body["pit"]["id"][2:]):
            for ident, d in self.indices[name]["docs"].items():
                n += 1
                at = n // 3 if self.opensearch else n
                if "search_after" in body and at <= body["search_after"][0]:
                    continue
                if not d["shown"] or not self.lets(body.get("query"), ident,
                                                   d["shown"][0]):
                    continue
                hits.append({"_index": name, "_id": ident, "sort": [at],
                             "_source": d["shown"][0]})
        return 200, {"pit_id": body["pit"]["id"], "timed_out": False,
                     "_shards": {"failed": 0},
                     "hits": {"hits": hits[:body["size"]]}}

    # For tests.
    def docs(self, index):
        return {k: d["source"] for k, d in
                self.indices.get(index, {"docs": {}})["docs"].items()}

    def asked(self, pattern):
        return [r for r in self.requests if re.search(pattern, r[0] + " " + r[1])]
