#!/usr/bin/env python3
"""serve.py [PORT]: a small stand-in for Crossref's REST API (works and journals),
so that docs/build-your-own.md can be followed without an account and without a
network.  Everybody may ask; who sends a Plus token must send "letmein"."""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

TYPES = ("journal-article", "book", "posted-content")
TITLES = ("On tides", "A map of lichens", "Notes on rust", "Salt roads",
          "Counting swifts", "The second lens", "Ice in ropes")
PEOPLE = (("Ada", "Moor"), ("Lin", "Okafor"), ("Jo", "Hale"))


def day(i):
    return [2025 + i // 4, 1 + i * 2 % 12, 1 + i * 5 % 28]


def work(i):
    y, m, d = day(i)
    given, family = PEOPLE[i % 3]
    return {
        "DOI": "10.5555/moltler.%d" % i, "type": TYPES[i % 3],
        "title": [TITLES[i]], "publisher": "Example Press",
        "container-title": ["Annals of Examples"] if i % 3 == 0 else [],
        "ISSN": ["1234-5679"] if i % 3 == 0 else [],
        "author": [{"given": given, "family": family, "sequence": "first"}],
        "issued": {"date-parts": [[y, m, d]]},
        "indexed": {"date-time": "2026-0%d-01T08:00:00Z" % (i + 1)},
        "is-referenced-by-count": i * 3,
        "URL": "https://doi.org/10.5555/moltler.%d" % i}


WORKS = [work(i) for i in range(7)]
JOURNALS = [{"title": t, "publisher": "Example Press", "ISSN": [n],
             "counts": {"total-dois": c}}
            for t, n, c in (("Annals of Examples", "1234-5679", 3),
                            ("Letters in Fixtures", "2345-6785", 0),
                            ("Mock Review", "3456-7891", 0))]


def passes(w, name, value):
    """Whether a work passes the filter; None: there is no such filter."""
    at = "%04d-%02d-%02d" % tuple(w["issued"]["date-parts"][0])
    seen = w["indexed"]["date-time"][:10]
    return {"type": w["type"] == value, "issn": value in w["ISSN"],
            "from-pub-date": at >= value, "until-pub-date": at <= value,
            "from-index-date": seen >= value,
            "until-index-date": seen <= value}.get(name)


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Rate-Limit-Limit", "50")
        self.send_header("X-Rate-Limit-Interval", "1s")
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, kind, why):
        self.answer(status, {"status": "failed", "message-type": kind,
                             "message": [{"type": kind, "message": why}]})

    def do_GET(self):
        url = urlsplit(self.path)
        q = dict(parse_qsl(url.query))
        token = self.headers.get("Crossref-Plus-API-Token")
        if token not in (None, "Bearer letmein"):
            return self.refuse(401, "unauthorized", "unknown token")
        rows = int(q.get("rows", 20))
        if url.path == "/journals":
            at = int(q.get("offset", 0))
            return self.listed("journal-list", JOURNALS, JOURNALS[at:at + rows])
        if url.path != "/works":
            return self.refuse(404, "not-found", "Resource not found.")
        found = WORKS
        for f in filter(None, q.get("filter", "").split(",")):
            name, _, value = f.partition(":")
            if passes(WORKS[0], name, value) is None:
                return self.refuse(400, "filter-not-available",
                                   "Filter %s specified but there is no such "
                                   "filter for this route" % name)
            found = [w for w in found if passes(w, name, value)]
        if q.get("sort") == "issued":
            found = sorted(found, key=lambda w: w["issued"]["date-parts"],
                           reverse=q.get("order") != "asc")
        at = 0 if q.get("cursor", "*") == "*" else int(q["cursor"][3:])
        # There is always another cursor, also behind the last work.
        self.listed("work-list", found, found[at:at + rows],
                    {"next-cursor": "AoJ%d" % (at + rows)})

    def listed(self, kind, found, items, more=None):
        self.answer(200, {"status": "ok", "message-type": kind, "message": {
            "total-results": len(found), "items": items, **(more or {})}})


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8799
    server = ThreadingHTTPServer(("127.0.0.1", port), Api)
    print("serving http://127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()
