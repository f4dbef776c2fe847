"""Services that answer as GitHub, Jira, Datadog and PagerDuty do, on loopback: they
filter, sort and page on their own terms, count what they were asked, and can be
told to fail.  One server, a path prefix a service."""
import http.server
import json
import re
import threading
import time
import urllib.parse

from daemon import serve

WORDS = "disk node latency alert pager retry queue cache deploy quota".split()


def issue(n, repo="web", pull=False):
    v = {"id": 10 ** 15 + n, "number": n,
         "title": "%s trouble %d" % (WORDS[n % 10], n),
         "body": None if n % 7 == 0 else "It was %s.\n\"quoted\" \\ %d" % (
             WORDS[n % 10], n),
         "state": "open" if n % 3 else "closed", "state_reason": None,
         "labels": [{"id": k, "name": x} for k, x in enumerate(
             ["bug", "debug", "incident", "ünï"]) if (n >> k) & 1],
         "assignee": {"login": "octo%d" % (n % 4)} if n % 5 else None,
         "assignees": [{"login": "octo%d" % (n % 4)}] if n % 5 else [],
         "milestone": {"title": "v1", "number": 1} if n % 11 == 0 else None,
         "user": {"login": "author%d" % (n % 6)}, "comments": n % 13,
         "created_at": "2026-%02d-%02dT%02d:%02d:00Z" % (
             n % 11 + 1, n % 28 + 1, n % 24, n % 60),
         "updated_at": "2026-%02d-%02dT%02d:30:%02dZ" % (
             n % 10 + 2, n % 27 + 1, n % 23, n % 60),
         "closed_at": None if n % 3 else "2026-11-%02dT00:00:00Z" % (
             n % 20 + 1),
         "repository": {"name": repo, "full_name": "acme/" + repo},
         "html_url": "https://github.example/acme/%s/issues/%d" % (repo, n)}
    if pull:
        v["pull_request"] = {"url": "https://github.example/pulls/%d" % n}
    return v


def pull(n, repo="web"):
    return {"id": 2 * 10 ** 9 + n, "number": n,
            "title": "OPS-%d: mend %s" % (n * 3 % 40, WORDS[n % 10]),
            "body": "", "state": "open" if n % 4 else "closed",
            "merged_at": None, "draft": n % 5 == 0,
            "head": {"ref": "fix-%d" % n}, "base": {"ref": "main"},
            "user": {"login": "author%d" % (n % 6)},
            "requested_reviewers": [{"login": "octo1"}] if n % 2 else [],
            "created_at": "2026-10-%02dT00:00:00Z" % (n % 28 + 1),
            "updated_at": "2026-11-%02dT00:00:00Z" % (n % 20 + 1),
            "html_url": "https://github.example/acme/%s/pull/%d" % (repo, n)}


def ticket(n):
    named = ["High", "Critical", "Low", "Medium"]
    return {"id": str(10000 + n), "key": "OPS-%d" % n, "fields": {
        "summary": "Ticket %d about %s" % (n, WORDS[n % 10]),
        "description": {"type": "doc", "version": 1, "content": [
            {"type": "paragraph", "content": [
                {"type": "text", "text": "What happened %d" % n}]}]},
        "issuetype": {"name": "Incident" if n % 2 else "Task"},
        "status": {"name": "Resolved" if n % 5 == 0 else "Open",
                   "statusCategory": {"key": "done" if n % 5 == 0 else "new"}},
        "priority": {"name": named[n % 4]},
        "assignee": None if n % 3 else {"displayName": "Ann", "accountId": "a1"},
        "reporter": {"displayName": "Bob", "accountId": "b1"},
        "labels": ["ops"] if n % 2 else [], "project": {"key": "OPS"},
        "created": "2026-10-%02dT10:00:00.000+0200" % (n % 28 + 1),
        "updated": "2026-11-%02dT10:00:00.000+0000" % (n % 20 + 1),
        "resolutiondate": None}}


def monitor(n):
    return {"id": 5000000000000 + n, "name": "monitor %d" % n,
            "type": "metric alert", "query": "avg(last_5m):x > %d" % n,
            "message": "@pager", "priority": n % 5 + 1, "tags": ["team:ops"],
            "overall_state": ["OK", "Alert", "Warn"][n % 3],
            "overall_state_modified": "2026-11-%02dT00:00:00+00:00" % (
                n % 20 + 1),
            "creator": {"handle": "ann@example.com"},
            "state": {"groups": {"host:a": {
                "last_triggered_ts": 1790000000 + n * 1000}}},
            "created": "2026-01-01T00:00:00+00:00",
            "modified": "2026-10-01T00:00:00.123456+00:00"}


def incident(n):
    return {"id": "P%05d" % n, "incident_number": n, "title": "Down %d" % n,
            "status": ["triggered", "acknowledged", "resolved"][n % 3],
            "urgency": "high" if n % 2 else "low",
            "service": {"id": "S1", "summary": "web"},
            "assignments": [{"assignee": {"summary": "Ann"}}],
            "escalation_policy": {"summary": "default"}, "priority": None,
            "created_at": "2026-11-%02dT01:02:03Z" % (n % 20 + 1),
            "updated_at": "2026-11-20T00:00:00Z", "resolved_at": None,
            "html_url": "https://pagerduty.example/incidents/P%05d" % n}


class Services:
    """tokens: who may ask.  asked: (method, path with query, headers, body).
    fail: {path prefix: [(status, headers, body) or seconds to hang]} used up one
    an answer.  delay: seconds before each answer."""

    def __init__(self, issues=250, pulls=40, tickets=60):
        self.issues = {"web": [issue(n, pull=n % 9 == 0)
                               for n in range(1, issues + 1)],
                       "api": [issue(n, "api") for n in range(1, 31)]}
        self.pulls = {"web": [pull(n) for n in range(1, pulls + 1)],
                      "api": [pull(n, "api") for n in range(1, 4)]}
        self.tickets = [ticket(n) for n in range(1, tickets + 1)]
        self.monitors = [monitor(n) for n in range(1, 121)]
        self.incidents = [incident(n) for n in range(1, 131)]
        self.asked, self.fail, self.delay = [], {}, 0
        self.remaining, self.lock = 5000, threading.Lock()
        self.etags = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                outer.handle(self)
            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.port = self.server.server_port
        self.base = self.server.base

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def calls(self, part=""):
        with self.lock:
            return [a for a in self.asked if part in a[1]]

    def forget(self):
        with self.lock:
            self.asked = []

    def handle(self, h):
        n = int(h.headers.get("Content-Length") or 0)
        body = h.rfile.read(n)
        with self.lock:
            self.asked.append((h.command, h.path, dict(h.headers), body))
            now = None
            for prefix, answers in self.fail.items():
                if h.path.startswith(prefix) and answers:
                    now = answers.pop(0)
                    break
        if self.delay:
            time.sleep(self.delay)
        if isinstance(now, (int, float)):
            time.sleep(now)
        elif now is not None:
            return self.send(h, *now)
        url = urllib.parse.urlsplit(h.path)
        q = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        q = {k: v if k.endswith("[]") else v[-1] for k, v in q.items()}
        service, _, path = url.path.lstrip("/").partition("/")
        try:
            data = json.loads(body) if body else None
        except ValueError:
            return self.send(h, 400, {}, {"message": "no JSON"})
        fn = getattr(self, "do_" + service, None)
        if fn is None:
            return self.send(h, 404, {}, {"message": "Not Found"})
        return fn(h, "/" + path, q, data)

    @staticmethod
    def send(h, status, headers, body):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode() if body is not None else b""
        h.send_response(status)
        for k, v in {"Content-Type": "application/json", **headers}.items():
            h.send_header(k, v)
        h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        h.wfile.write(body)
        return None

    # ---- GitHub ----
    def do_github(self, h, path, q, data):
        if h.headers.get("Authorization") != "Bearer ghp_good":
            return self.send(h, 401, {}, {"message": "Bad credentials"})
        if not h.headers.get("User-Agent"):
            return self.send(h, 403, {}, {"message": "no User-Agent"})
        self.remaining -= 1
        head = {"X-RateLimit-Limit": "5000",
                "X-RateLimit-Remaining": str(self.remaining),
                "X-RateLimit-Reset": str(int(time.time()) + 1800)}
        if path == "/rate_limit":
            self.remaining += 1
            return self.send(h, 200, head, {"resources": {}})
        if path == "/user":
            return self.send(h, 200, head, {"login": "me"})
        m = re.fullmatch(r"/repos/acme/(\w+)/issues", path)
        if m and h.command == "POST":
            return self.send(h, 201, head, dict(issue(999), **{
                "title": data["title"], "body": data.get("body"),
                "labels": [{"name": x} for x in data.get("labels", [])]}))
        if m:
            rows = self.issues.get(m.group(1))
            if rows is None:
                return self.send(h, 404, head, {"message": "Not Found"})
            return self.pages(h, self.github_issues(rows, q), q, head)
        if path == "/orgs/acme/issues":
            rows = self.issues["web"] + self.issues["api"]
            return self.pages(h, self.github_issues(rows, q), q, head)
        m = re.fullmatch(r"/repos/acme/\w+/issues/(\d+)", path)
        if m and h.command == "PATCH":
            return self.send(h, 200, head, dict(issue(int(m.group(1))), **data))
        m = re.fullmatch(r"/repos/acme/(\w+)/pulls", path)
        if m:
            rows = [p for p in self.pulls.get(m.group(1), [])
                    if q.get("state", "open") in ("all", p["state"])]
            return self.pages(h, rows, q, head)
        if re.fullmatch(r"/repos/acme/\w+/actions/runs", path):
            return self.send(h, 200, head, {"total_count": 5, "workflow_runs": [
                {"id": n, "name": "ci", "status": "completed",
                 "conclusion": "success", "run_number": n,
                 "created_at": "2026-11-0%dT00:00:00Z" % n,
                 "updated_at": "2026-11-0%dT00:00:00Z" % n,
                 "repository": {"name": path.split("/")[3],
                                "owner": {"login": "acme"}}}
                for n in range(5, 0, -1)]})
        if path == "/orgs/acme/repos":
            return self.pages(h, [{
                "id": k, "name": r, "full_name": "acme/" + r,
                "owner": {"login": "acme"},
                "description": None, "private": False, "archived": False,
                "language": "C", "stargazers_count": 1, "forks_count": 0,
                "default_branch": "main", "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
                "pushed_at": "2026-01-01T00:00:00Z",
                "html_url": "https://github.example/acme/" + r}
                for k, r in enumerate(("web", "api"))], q, head)
        return self.send(h, 404, head, {"message": "Not Found"})

    @staticmethod
    def github_issues(rows, q):
        state = q.get("state", "open")
        if state != "all":
            rows = [r for r in rows if r["state"] == state]
        for x in filter(None, q.get("labels", "").split(",")):
            rows = [r for r in rows if x.lower() in [
                k["name"].lower() for k in r["labels"]]]
        a = q.get("assignee")
        if a == "none":
            rows = [r for r in rows if r["assignee"] is None]
        elif a not in (None, "*"):
            rows = [r for r in rows if (r["assignee"] or {}).get(
                "login", "").lower() == a.lower()]
        if "creator" in q:
            rows = [r for r in rows if r["user"]["login"].lower() ==
                    q["creator"].lower()]
        if "since" in q:
            rows = [r for r in rows if r["updated_at"] >= q["since"]]
        key = {"created": "created_at", "updated": "updated_at",
               "comments": "comments"}[q.get("sort", "created")]
        return sorted(rows, key=lambda r: (r[key], r["id"]),
                      reverse=q.get("direction", "desc") == "desc")

    def pages(self, h, rows, q, head):
        size, page = int(q.get("per_page", 30)), int(q.get("page", 1))
        if size > 100:
            return self.send(h, 422, head, {"message": "Validation Failed"})
        part = rows[(page - 1) * size:page * size]
        if page * size < len(rows):
            url = urllib.parse.urlsplit(h.path)
            args = dict(urllib.parse.parse_qsl(url.query), page=page + 1)
            head = dict(head, Link='<%s%s?%s>; rel="next", <%s%s>; rel="last"'
                        % (self.base, url.path, urllib.parse.urlencode(args),
                           self.base, url.path))
        if self.etags:
            tag = '"%x"' % (hash(json.dumps(part)) & (2 ** 60 - 1))
            head = dict(head, ETag=tag)
            if h.headers.get("If-None-Match") == tag:
                self.remaining += 1
                return self.send(h, 304, head, None)
        return self.send(h, 200, head, part)

    # ---- Jira ----
    def do_jira(self, h, path, q, data):
        if not (h.headers.get("Authorization") or "").startswith("Basic "):
            return self.send(h, 401, {}, b"no")
        if path == "/rest/api/3/myself":
            return self.send(h, 200, {}, {"accountId": "a1"})
        if path == "/rest/api/3/search/jql":
            jql = (data or q).get("jql", "")
            rows, err = jql_run(self.tickets, jql)
            if err:
                return self.send(h, 400, {}, {"errorMessages": [err],
                                              "errors": {}})
            at = int(q.get("nextPageToken") or 0)
            size = min(int(q.get("maxResults", 50)), 25)
            out = {"issues": rows[at:at + size],
                   "isLast": at + size >= len(rows)}
            if not out["isLast"]:
                out["nextPageToken"] = str(at + size)
            return self.send(h, 200, {}, out)
        return self.send(h, 404, {}, {"errorMessages": ["Not found"]})

    # ---- Datadog ----
    def do_datadog(self, h, path, q, data):
        if h.headers.get("DD-API-KEY") != "dd1" or \
                h.headers.get("DD-APPLICATION-KEY") != "dd2":
            return self.send(h, 403, {}, {"errors": ["Forbidden"]})
        if path == "/api/v1/validate":
            return self.send(h, 200, {}, {"valid": True})
        if path == "/api/v1/monitor":
            rows = [m for m in self.monitors if q.get("name", "").lower() in
                    m["name"]]
            size, page = int(q.get("page_size", 100)), int(q.get("page", 0))
            return self.send(h, 200, {"X-RateLimit-Remaining": "99",
                                      "X-RateLimit-Reset": "10"},
                             rows[page * size:(page + 1) * size])
        return self.send(h, 404, {}, {"errors": ["Not found"]})

    # ---- PagerDuty ----
    def do_pagerduty(self, h, path, q, data):
        if h.headers.get("Authorization") != "Token token=pd1":
            return self.send(h, 401, {}, {"error": {"message": "Unauthorized"}})
        m = re.fullmatch(r"/incidents/(\w+)", path)
        if m and h.command == "PUT":
            if not h.headers.get("From"):
                return self.send(h, 400, {}, {"error": {
                    "code": 2100, "message": "From header missing"}})
            return self.send(h, 200, {}, {"incident": {
                "id": m.group(1), "status": data["incident"]["status"]}})
        if path == "/incidents":
            rows = [i for i in self.incidents if
                    i["status"] in q.get("statuses[]", [i["status"]]) and
                    i["urgency"] in q.get("urgencies[]", [i["urgency"]])]
            if "since" in q:
                rows = [i for i in rows if i["created_at"] >= q["since"]]
            at, size = int(q.get("offset", 0)), int(q.get("limit", 25))
            return self.send(h, 200, {"ratelimit-limit": "960",
                                      "ratelimit-remaining": "900",
                                      "ratelimit-reset": "30"}, {
                "incidents": rows[at:at + size], "offset": at, "limit": size,
                "more": at + size < len(rows), "total": None})
        if path == "/abilities":
            return self.send(h, 200, {}, {"abilities": []})
        return self.send(h, 404, {}, {"error": {"message": "Not Found"}})


FIELDS = {"project": ("project", "key"), "issuetype": ("issuetype", "name"),
          "status": ("status", "name"), "priority": ("priority", "name")}
CLAUSE = re.compile(
    r'\s*(\w+)\s*(!=|=|>=|<=|>|<|not in|in|is not|is)\s*'
    r'("(?:[^"\\]|\\.)*"|\([^)]*\)|\w+)\s*(?:and\b|$)', re.I)


def unquote(s):
    return re.sub(r"\\(.)", r"\1", s.strip().strip('"'))


def jql_run(rows, jql):
    """The little of JQL the tests use; (rows, error)."""
    where, _, order = re.sub(r"(?i)\border by\b", "\0", jql).partition("\0")
    if not where.strip():
        return [], "Unbounded JQL queries are not allowed here."
    at = 0
    while at < len(where.rstrip()):
        m = CLAUSE.match(where, at)
        if not m:
            return [], "Error in the JQL Query at character %d: %s" % (
                at, where)
        at = m.end()
        name, op, value = m.group(1).lower(), m.group(2).lower(), m.group(3)
        if name not in FIELDS:
            continue
        key = FIELDS[name]
        values = [unquote(x) for x in re.findall(
            r'"(?:[^"\\]|\\.)*"|[^,()\s]+', value)]

        def got(r):
            return r["fields"][key[0]][key[1]].lower()
        low = [v.lower() for v in values]
        if op in ("=", "in"):
            rows = [r for r in rows if got(r) in low]
        elif op in ("!=", "not in"):
            rows = [r for r in rows if got(r) not in low]
    for word in reversed(order.split(",")):
        word = word.split()
        if word and word[0].lower() in ("created", "updated"):
            rows = sorted(rows, key=lambda r: r["fields"][word[0].lower()],
                          reverse=word[-1].lower() == "desc")
    return rows, None
