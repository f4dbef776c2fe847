"""Actions against services that lose answers: the fix of a file as GitHub and
Bitbucket have it, from reading it to the pull request, with each step done but not
answered, or neither; and what is written down of it, also by a daemon that is killed."""
import base64
import datetime
import http.server
import json
import os
import signal
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
OLD, NEW = "limit = 1\n", "limit = 2\n"
STEPS = ("branch", "commit", "pull")
lock = threading.Lock()
repos = {}


class Repo:
    def __init__(self, fault=None):
        self.fault = fault        # (step, how), once
        self.branches = {"main": "c0"}
        self.text = {"c0": OLD}
        self.commits = []         # (branch, sha, message, when)
        self.pulls = []
        self.sent = {s: 0 for s in STEPS}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def answer(self, status, v):
        body = v.encode() if isinstance(v, str) else json.dumps(v).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(v, str)
                         else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def change(self, repo, step, do):
        """Do it and answer, unless something is to go wrong."""
        with lock:
            repo.sent[step] += 1
            how, repo.fault = (repo.fault[1], None) if repo.fault and \
                repo.fault[0] == step else (None, repo.fault)
            out = do() if how != "dropped" else None
        if how == "slow":
            time.sleep(4)
        if how:
            self.close_connection = True
            return
        self.answer(*out)

    def do_any(self):
        url = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(url.query))
        p = [urllib.parse.unquote(x) for x in url.path.strip("/").split("/")]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if p[0] == "slow":
            time.sleep(30)
            return
        if p[0] == "2.0":
            self.bitbucket(repos[p[3]], p[4:], q, body)
        else:
            self.github(repos[p[2]], p[3:], q, body)
    do_GET = do_POST = do_PUT = do_any

    def github(self, r, p, q, body):
        v = json.loads(body) if body else {}
        post = self.command != "GET"
        if p[0] == "actions":
            return self.answer(200, {})
        if p[:2] == ["git", "ref"]:
            sha = r.branches.get("/".join(p[3:]))
            return self.answer(200 if sha else 404, {"object": {"sha": sha}})
        if p[0] == "contents" and not post:
            sha = r.branches[q.get("ref", "main")]
            return self.answer(200, {"sha": "f" + sha, "encoding": "base64",
                               "content": base64.b64encode(
                                   r.text[sha].encode()).decode()})
        if p[0] == "commits":
            return self.answer(200, [
                {"sha": s, "commit": {"message": m, "committer": {"date": d}}}
                for b, s, m, d in r.commits if b == q["sha"]])
        if p[0] == "pulls" and not post:
            return self.answer(200, r.pulls)

        def branch():
            name = v["ref"][11:]
            if name in r.branches:
                return 422, {"message": "Reference already exists"}
            r.branches[name] = v["sha"]
            return 201, {"ref": v["ref"], "object": {"sha": v["sha"]}}

        def commit():
            have = r.branches[v["branch"]]
            if v["sha"] != "f" + have:
                return 409, {"message": "does not match"}
            sha = "c%d" % (len(r.commits) + 1)
            r.text[sha] = base64.b64decode(v["content"]).decode()
            r.branches[v["branch"]] = sha
            r.commits.append((v["branch"], sha, v["message"], now()))
            return 200, {"commit": {"sha": sha}}

        def pull():
            r.pulls.append({"number": len(r.pulls) + 1, "title": v["title"],
                            "base": {"ref": v["base"]}, "created_at": now()})
            return 201, r.pulls[-1]
        step, do = {"git": ("branch", branch), "contents": ("commit", commit),
                    "pulls": ("pull", pull)}[p[0]]
        self.change(r, step, do)

    def bitbucket(self, r, p, q, body):
        form = p[0] == "src" and self.command == "POST"
        v = json.loads(body) if body and not form else {}
        post = self.command == "POST"
        if p[:2] == ["refs", "branches"] and not post:
            sha = r.branches.get("/".join(p[2:]))
            if sha is None:
                return self.answer(404, {"error": {"message": "no branch"}})
            last = r.commits[-1] if r.commits else (0, 0, "old", "2020-01-01T"
                                                    "00:00:00+00:00")
            return self.answer(200, {"name": p[2], "target": {
                "hash": sha, "message": last[2] + "\n", "date": last[3]}})
        if p[0] == "src" and not post:
            return self.answer(200, r.text[p[1]])
        if p[0] == "pullrequests" and not post:
            return self.answer(200, {"values": r.pulls})

        def branch():
            if v["name"] in r.branches:
                return 400, {"error": {"message": "exists"}}
            r.branches[v["name"]] = v["target"]["hash"]
            return 201, {"name": v["name"]}

        def commit():
            f = dict(urllib.parse.parse_qsl(body.decode()))
            sha = "c%d" % (len(r.commits) + 1)
            r.text[sha] = f["/conf/app.ini"]
            r.branches[f["branch"]] = sha
            r.commits.append((f["branch"], sha, f["message"], now()))
            return 201, ""

        def pull():
            r.pulls.append({"id": len(r.pulls) + 1, "title": v["title"],
                            "source": v["source"], "created_on": now()})
            return 201, r.pulls[-1]
        step, do = {"refs": ("branch", branch), "src": ("commit", commit),
                    "pullrequests": ("pull", pull)}[p[0]]
        self.change(r, step, do)


server = serve(Handler)
base = "http://127.0.0.1:%d" % server.server_port
d = Daemon(env={"K": "marker-of-a-key"})


def act(conn, action, **args):
    return d.query("EXEC %s.%s(%s)" % (conn, action, json.dumps(args)))[0]


def connect(conn, name, kind, more=""):
    config = {"token": "$env:K", "api_url": base, "owner": "o",
              "repo": name} if kind == "github" else {
                  "api_token": "$env:K", "email": "a@x.example",
                  "api_url": base + "/2.0",
                  "workspace": "w", "repo": name}
    d.query("CREATE CONNECTOR %s TYPE '%s' CONFIG %s OPTIONS {\"cache_ttl\": 0, "
            "\"rate_limit\": 1000%s}" % (conn, kind, json.dumps(config), more))


def story(conn, kind, out):
    """Read, branch, commit, pull request."""
    try:
        if kind == "github":
            f = act(conn, "repos.read_file", path="conf/app.ini")
            assert f["content"] == OLD, f
            act(conn, "repos.create_branch", branch="fix/limit", **{
                "from": "main"})
            act(conn, "repos.commit_file", path="conf/app.ini", content=NEW,
                message="Raise the limit", branch="fix/limit", sha=f["sha"])
            act(conn, "pulls.create", title="Raise it", head="fix/limit",
                base="main")
        else:
            f = act(conn, "repos.read_file", path="conf/app.ini",
                    branch="main")
            assert f["answer"] == OLD, f
            act(conn, "repos.create_branch", branch="fix/limit", **{
                "from": "main"})
            act(conn, "repos.commit_file", path="conf/app.ini", content=NEW,
                message="Raise the limit", branch="fix/limit")
            act(conn, "pullrequests.create", title="Raise it",
                source="fix/limit", destination="main")
    except Exception as e:
        out.append(repr(e))


runs = []
for kind in ("github", "bitbucket"):
    for fault in [None, ("branch", "slow")] + [(s, h) for s in STEPS
                                               for h in ("lost", "dropped")]:
        name = "%s-%s" % (kind, "-".join(fault or ("well",)))
        conn = name.replace("-", "_")
        repos[name] = Repo(fault)
        connect(conn, name, kind, ', "timeout_seconds": 4')
        out = []
        th = threading.Thread(target=story, args=(conn, kind, out))
        th.start()
        runs.append((kind, fault, name, conn, out, th))
for kind, fault, name, conn, out, th in runs:
    th.join(40)
    r = repos[name]
    head = r.branches.get("fix/limit")
    good = not out and len(r.branches) == 2 and len(r.commits) == 1 and \
        len(r.pulls) == 1 and r.text.get(head) == NEW
    t.ok(good, "%s: the file is fixed, once" % name,
         (out, r.branches, r.commits, r.pulls, r.sent))
    rows = d.query("SHOW ACTIONS FOR %s" % conn)[::-1]
    want = ["done"] * 4
    sent = {s: 1 for s in STEPS}
    if fault:
        i = STEPS.index(fault[0])
        want[i + 1] = "done" if fault[1] == "dropped" else "done (seen)"
        sent[fault[0]] = 2 if fault[1] == "dropped" else 1
    t.eq(([x["outcome"] for x in rows], r.sent), (want, sent),
         "%s: as it was, it is written down" % name)

# ---- what is written down ----
rows = d.query("SHOW ACTIONS LIMIT 500")
moments = [datetime.datetime.fromisoformat(x["at"].replace("Z", "+00:00"))
           for x in rows]
t.eq((len(rows), moments), (64, sorted(moments, reverse=True)),
     "all of them, newest first")
status, page = d.get("/v1/actions?limit=10&connector=github_well")
t.eq((status, len(page["items"]), page["next"]), (200, 4, None), "of one connector")
seen, after = [], ""
while after is not None:
    page = d.get("/v1/actions?limit=30" + (after and "&after=" + after))[1]
    seen += [x["id"] for x in page["items"]]
    after = page["next"]
t.eq(seen, [x["id"] for x in rows], "pages")
t.eq(d.metric("moltler_actions_total", type="github", outcome="done (seen)"), 4,
     "counted by outcome")
connect("noted", "github-well", "github")
status, out = d.post("/v1/query", {"sql": "EXEC noted.actions.dispatch(%s)" %
    json.dumps({"workflow_id": "w", "ref": "main", "inputs": {
        "note": "x" * 900, "api_token": "hidden-1", "more": [
            "ghp_hidden2", {"password": "hidden-3"}]}})},
    headers={"X-Moltler-User": "ann"})
one = d.query("SHOW ACTION '%s'" % d.query("SHOW ACTIONS LIMIT 1")[0]["id"])[0]
text = json.dumps(one)
t.ok(one["user"] == "ann" and one["peer"] == "127.0.0.1" and
     one["request_id"] and "900 bytes" in text and "hidden" not in text and
     "marker" not in text, "who asked, long texts cut, secrets left out", one)
try:
    d.query("SHOW ACTION 'none'")
    t.ok(False, "an action there is not is an error")
except RuntimeError as e:
    t.ok("no action" in str(e), "an action there is not is an error", e)

# ---- refused for its arguments: that is no state of the connector ----
connect("refused", "github-well", "github")
try:
    act("refused", "repos.commit_file", path="conf/app.ini", content="y",
        message="m", branch="main", sha="0" * 40)
    t.ok(False, "what the service refuses is an error")
except RuntimeError as e:
    t.ok("409" in str(e), "what the service refuses is an error", e)
one = [c for c in d.query("SHOW CONNECTORS") if "refused" in c.values()][0]
t.ok("error" not in one.values(), "and the connector stays as it was", one)
try:
    d.query("SHOW ACTIONS LIMIT -1")
    t.ok(False, "LIMIT -1 is an error")
except RuntimeError as e:
    t.ok("expected a whole number" in str(e), "LIMIT -1 is an error", e)

# ---- killed between the sending and the answer ----
d.query("CREATE CONNECTOR slow TYPE 'github' CONFIG %s" % json.dumps(
    {"token": "$env:K", "api_url": base + "/slow", "owner": "o", "repo": "r"}))


def hang():
    try:
        act("slow", "issues.create", title="x")
    except Exception:
        pass


threading.Thread(target=hang, daemon=True).start()
ok = wait(lambda: [x["outcome"] for x in d.query("SHOW ACTIONS FOR slow")] ==
          ["under way"] and d.query("SHOW ACTIONS FOR slow")[0]["attempts"] == 1, 5)
t.ok(ok, "what is under way is seen", d.query("SHOW ACTIONS FOR slow"))
d.proc.send_signal(signal.SIGKILL)
d.proc.wait()
d.start()
row = d.query("SHOW ACTIONS FOR slow")[0]
t.ok(row["outcome"] == "unknown" and "look there" in row["message"],
     "after a crash it is unknown", row)
t.eq(d.close(), 0, "the daemon ends well")
server.shutdown()
