"""moltler manifest new and record: what they write, what they never write, and what
they say when it does not come out."""
import base64
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from urllib.parse import parse_qsl, quote, urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, serve  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
SECRET = "s3cr/et+va\"lue=é"
TOKEN = "fetched.token-0123456789"
tmp = tempfile.mkdtemp(prefix="moltler-record-")
seen, once = [], []
hung, release = threading.Event(), threading.Event()


def forms(value):
    """What a service may make of a secret."""
    raw = value.encode()
    return {"plain": "you said " + value, "whole": value,
            "percent": "https://x/?t=" + quote(value, safe=""),
            "lower": quote(value, safe="").replace("%2F", "%2f"),
            "basic": "Basic " + base64.b64encode(b"bob:" + raw).decode(),
            "xml": "<a>%s</a>" % value.replace('"', "&quot;"),
            "csv": '1,"%s"' % value.replace('"', '""'),
            "base64": base64.b64encode(raw).decode(),
            "base64url": base64.urlsafe_b64encode(b"u:" + raw).decode(),
            value: "as a key", "deep": [[{"x": [value]}]]}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, kind="application/json", headers=()):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Set-Cookie", "session=" + SECRET.replace("é", "e"))
        self.send_header("X-Request-Id", "volatile")
        self.send_header("X-Left", "77")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen.append(("POST", self.path, body.decode()))
        if self.path == "/base":
            return self.answer(200, {"access_token": TOKEN, "expires_in": 900,
                                     "instance_url": base})
        if self.path == "/token":
            return self.answer(200, {"access_token": TOKEN, "expires_in": 900})
        if self.path == "/slow":
            return self.answer(202, {"job": "j1"}, headers=[("X-Where", "j1")])
        if self.path == "/once":
            once.append(self.headers["X-Once"])
            return self.answer(200, {"id": 8})
        self.answer(201, {"id": 7, "said": json.loads(body)})

    def do_GET(self):
        url = urlsplit(self.path)
        q = dict(parse_qsl(url.query))
        seen.append(("GET", self.path, ""))
        if self.headers.get("Authorization") != "Bearer " + TOKEN:
            return self.answer(401, {"message": "not " + str(
                self.headers.get("Authorization"))})
        if url.path == "/plain":
            return self.answer(200, {"items": [
                {"id": 1, "f": forms(SECRET), "t": forms(TOKEN)}]})
        if url.path == "/whole":  # pages of its own size, counted
            at = int(q.get("at", 0))
            return self.answer(200, {"items": [{"id": i} for i in range(
                at, min(at + 6, 9))]})
        if url.path == "/linked":
            page = int(q.get("page", 1))
            more = [("Link", '<%s/linked?page=%d>; rel="next"' % (
                base, page + 1))] if page < 3 else []
            return self.answer(200, [{"id": page * 10 + i, "n": 2**62,
                                      "r": 0.1} for i in range(8)],
                               headers=more)
        if url.path == "/busy":
            if len([x for x in seen if x[1] == self.path]) == 1:
                return self.answer(503, {"message": "busy"})
            return self.answer(200, {"items": [{"id": 1}]})
        if url.path == "/aged":  # its token runs out in mid-list
            said = len([x for x in seen if x[1] == self.path])
            if q.get("page") == "2" and said == 1:
                return self.answer(401, {"message": "expired"})
            return self.answer(200, {"items": [{"id": int(q["page"])}] if
                                     q["page"] < "3" else []})
        if url.path == "/hangs":
            hung.set()
            release.wait(20)
            self.close_connection = True
            return None
        if url.path == "/xml":
            return self.answer(200, ("<r><i><id>1</id><t>%s</t></i><i><id>2</id>"
                                     "</i></r>" % TOKEN).encode(), "text/xml")
        if url.path == "/jobs/j1":
            said = len([x for x in seen if x[1] == self.path]) > 2
            return self.answer(200, {"state": "done" if said else "running"})
        if url.path == "/bytes":
            return self.answer(200, b'{"items": [{"id": "\xff\xfe"}]}')
        self.answer(404, {"message": "no such thing"})


server = serve(Api)
base = "http://127.0.0.1:%d" % server.server_port


def moltler(*args, env=None):
    p = subprocess.run([os.path.abspath(os.path.join(BUILD, "moltler")), "manifest", *args],
                       capture_output=True, text=True, timeout=60, cwd=tmp,
                       env=dict(os.environ, THE_SECRET=SECRET, **(env or {})))
    return p.returncode, p.stdout + p.stderr


def entity(url, paginate, records="items", **more):
    return {"columns": {"id": {"type": "integer"}, "f": {"type": "map"},
                        "repo": {"type": "text", "input": True}},
            "lists": [dict({"url": url, "records": records,
                            "paginate": paginate}, **more)]}


NONE = {"kind": "none"}
MANIFEST = {
    "format": 1, "type": "mine", "title": "Mine", "description": "Mine",
    "drive_model": "on_demand",
    "config": {"base": {"type": "url", "required": True},
               "key": {"type": "secret", "required": True},
               "zones": {"type": "list"}, "size": {"type": "integer"}},
    "base_url": "{{config.base}}",
    "auth": {"kind": "token", "request": {"url": "{{config.base}}/token",
             "form": {"client_secret": "{{config.key}}"}},
             "token": "access_token", "expires_in": "expires_in"},
    "limits": {"headers": {"remaining": "X-Left"}},
    "test": {"url": "/plain"},
    "entities": {
        "plain": dict(entity("/plain", NONE), actions={"make": {
            "args": {"name": {"type": "string", "required": True}},
            "method": "POST", "url": "/made", "body": {
                "name": "{{in.name}}", "key": "{{config.key}}"}},
            "slow": {"method": "POST", "url": "/slow", "poll": {
                "url": "/jobs/{{answer.job}}", "every_ms": 100,
                "until": {"state": ["done"]}}},
            "once": {"method": "POST", "url": "/once", "idempotency":
                     {"header": "X-Once", "value": "{{action.id}}"}}}),
        "whole": entity("/whole", {"kind": "offset", "query": "at",
                                   "cap": 100, "short_page_ends": True,
                                   "size": {"query": "n", "default": 6}}),
        "linked": entity("/linked", {"kind": "link", "rel": "next"}, "$"),
        "busy": dict(entity("/busy", NONE),
                     retry={"count": 2, "base_ms": 10}),
        "bytes": entity("/bytes", NONE),
        "aged": entity("/aged", {"kind": "page", "query": "page", "first": 1}),
        "xml": dict(entity("/xml", NONE, "i[*]"), decode="xml"),
        "gone": entity("/gone", NONE), "hangs": entity("/hangs", NONE),
        "told": entity("/told/{{in.repo}}", NONE, needs=["repo"])}}
os.mkdir(os.path.join(tmp, "mine"))


def write(m, name="mine"):
    with open(os.path.join(tmp, name, "manifest.json"), "w") as f:
        json.dump(m, f)


def record(*args, key="$env:THE_SECRET"):
    return moltler("record", "mine", "--set", "base=" + base, "--set",
                   "key=" + key, *args)


def fixture(name):
    with open(os.path.join(tmp, "mine", "fixtures", name + ".json"),
              encoding="utf-8") as f:
        return f.read()


write(MANIFEST)

# ---- no secret, in no form ----
for key, name in (("$env:THE_SECRET", "by reference"), (SECRET, "literally")):
    rc, out = record("--entity", "plain", "--force", key=key)
    t.ok(rc == 0 and "it plays" in out, "recorded, the secret given " + name,
         out)
    text = fixture("plain")
    whole = text + json.dumps(json.loads(text), ensure_ascii=False)
    left = [f for v in (SECRET, TOKEN) for f in (
        v, quote(v, safe=""), quote(v, safe="").lower(), json.dumps(v)[1:-1],
        json.dumps(v, ensure_ascii=False)[1:-1], v.replace('"', "&quot;"),
        json.dumps(v.replace('"', '""'), ensure_ascii=False)[1:-1],
        base64.b64encode(v.encode()).decode()[:-4],
        base64.b64encode(b"bob:" + v.encode()).decode()[8:-4],
        base64.urlsafe_b64encode(b"u:" + v.encode()).decode()[4:-4])
        if f in whole]
    t.eq(left, [], "and stands there in no form")
    t.ok(SECRET not in out and TOKEN not in out, "nor in what is said", out)
fx = json.loads(text)
t.eq(fx["config"]["key"], "$env:FIXTURE_SECRET", "the config has a reference")
x = fx["exchanges"]
t.eq([len(x), x[0]["request"]["headers"]["Authorization"]],
     [1, "Bearer fixture-token"], "how the token was got is left out")
t.eq([x[0]["response"].get("headers"), "cookie" in text.lower(),
      "volatile" in text, "X-Left" in text], [None, False, False, False],
     "so are cookies and what changes each time")
t.eq(x[0]["response"]["body"]["items"][0]["f"]["plain"],
     "you said fixture-secret", "a stand-in is where a secret was")

# ---- paging ----
rc, out = record("--entity", "linked", "--limit", "20")
fx = json.loads(fixture("linked"))
t.ok(rc == 0 and "cut to 3 records" in out, "pages are cut", out)
t.eq([len(fx["exchanges"]), [len(e["response"]["body"]) for e in
                             fx["exchanges"]], fx["limit"], len(fx["rows"])],
     [3, [3, 3, 3], 20, 9], "and still follow each other")
t.ok('"n": %d' % 2**62 in fixture("linked") and "0.1," in fixture("linked") or
     "0.1\n" in fixture("linked"), "numbers stay as they were",
     fixture("linked")[:1500])
rc, out = record("--entity", "whole", "--limit", "all", "--option",
                 "batch_size=6")
fx = json.loads(fixture("whole"))
t.eq([rc, len(fx["exchanges"]), len(fx["rows"]), "cut to" in out],
     [0, 2, 9, False], "where paging counts records none is cut")
rc, out = record("--entity", "busy")
fx = json.loads(fixture("busy"))
t.eq([rc, len(fx["exchanges"]), len(fx["rows"])], [0, 1, 1],
     "an answer that was asked for again is left out")

# ---- the other kinds ----
rc, out = record("--test")
t.ok(rc == 0 and json.loads(fixture("test"))["test"], "the test", out)
seen.clear()
rc, out = record("--action", "plain.make", "--args", '{"name": "x"}')
t.ok(rc == 2 and "--yes" in out and not seen, "no action without --yes", out)
for code, said, args in (
        (1, "cannot write", ['{"name": "x"}', "-o", "none/n.json"]),
        (1, "cannot write", ['{"name": "x"}', "-o", "mine", "--force"]),
        (1, "a secret stands in", [json.dumps({"name": "a " + SECRET})]),
        (2, "JSON object", ['["x"]']), (2, "valid JSON", ['{"name"'])):
    rc, out = record("--action", "plain.make", "--yes", "--args", *args)
    t.ok(rc == code and said in out and not seen and SECRET not in out,
         "%s: it is not done" % said, out)
rc, out = record("--action", "plain.make", "--args", '{"name": "x"}', "--yes")
fx = json.loads(fixture("plain.make"))
t.eq([rc, fx["exchanges"][0]["request"]["body"], fx["result"]["said"]["key"]],
     [0, {"name": "x", "key": "fixture-secret"}, "fixture-secret"],
     "an action; its secret is out of both")
rc, out = record("--action", "plain.slow", "--yes")
fx = json.loads(fixture("plain.slow"))
t.eq([rc, [e["response"].get("status", 200) for e in fx["exchanges"]],
      fx["result"]], [0, [202, 200, 200, 200], {"state": "done"}],
     "one that is waited for")
rc, out = record("--entity", "xml")
fx = json.loads(fixture("xml"))
t.eq([rc, [r[0] for r in fx["rows"]], fx["exchanges"][0]["response"]],
     [0, [1, 2], {"headers": {"Content-Type": "text/xml"}, "body":
                  "<r><i><id>1</id><t>fixture-secret</t></i><i><id>2</id></i>"
                  "</r>"}], "XML")
for i in range(2):
    rc, out = record("--action", "plain.once", "--yes", "--force")
    t.ok(rc == 0, "one that is sent with an id", out)
sent = json.loads(fixture("plain.once"))["exchanges"][0]["request"]["headers"]
t.ok(len({*once, sent["X-Once"]}) == 3, "which is another each time, and not "
     "the fixture's", (once, sent))
rc, out = record("--entity", "gone", "--fails")
t.eq([rc, json.loads(fixture("gone"))["error"]],
     [0, {"class": "permanent", "code": "http_404"}], "an error that is wanted")
rc, out = moltler("test", "mine")
t.ok(rc == 0 and "# 10 passed, 0 failed" in out, "all of them play", out)

# ---- a token that runs out while it is recorded ----
rc, out = record("--entity", "aged", "--columns", "id")
t.ok(rc == 0 and "it plays" in out, "a token that is fetched anew is no matter", out)
fx = json.loads(fixture("aged"))
t.eq([[x["response"].get("status", 200) for x in fx["exchanges"]], fx["rows"]],
     [[200, 401, 200, 200], [[1], [2]]], "the refusal is played, too")
rc, out = moltler("test", "mine")
t.ok(rc == 0 and "# 11 passed, 0 failed" in out, "and again", out)

# ---- where the token says where the service is; credentials that are a file ----
os.mkdir(os.path.join(tmp, "based"))
write(dict(MANIFEST, type="based", base_url="{{token.base_url}}", auth=dict(
    MANIFEST["auth"], base_url="instance_url", request=dict(
        MANIFEST["auth"]["request"], url="{{config.base}}/base"))), "based")
rc, out = moltler("record", "based", "--entity", "plain", "--set", "base=" +
                  base, "--set", "key=$env:FILE", "-o", "b.json", env={
                      "FILE": json.dumps({"client": "x", "private_key":
                                          SECRET})})
with open(os.path.join(tmp, "b.json"), encoding="utf-8") as f:
    text = f.read()
t.eq([rc, json.loads(text)["token"], SECRET in json.loads(text)["exchanges"][0]
      ["response"]["body"]["items"][0]["f"]["plain"]],
     [0, {"token": "fixture-token", "base_url": base}, False],
     "the fixture's token says so, too")

# ---- Ctrl-C ----
p = subprocess.Popen([os.path.abspath(os.path.join(BUILD, "moltler")),
                      "manifest", "record", "mine", "--entity", "hangs",
                      "--set", "base=" + base, "--set", "key=" + SECRET],
                     cwd=tmp, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
t.ok(hung.wait(20), "a service that hangs")
p.send_signal(signal.SIGINT)
p.communicate(timeout=20)
release.set()
t.eq([p.returncode, os.path.exists(os.path.join(tmp, "mine", "fixtures",
                                                "hangs.json"))],
     [130, False], "is left by Ctrl-C, and nothing is written")

# ---- what does not come out ----
BAD = [
    (1, "answered 404", ["--entity", "gone", "-o", "n.json"]),
    (1, "already", ["--entity", "plain"]),
    (1, "went well", ["--entity", "plain", "--fails", "-o", "n.json"]),
    (1, "has to be told repo", ["--entity", "told", "-o", "n.json"]),
    (1, "there is no entity pain", ["--entity", "pain"]),
    (1, "no action", ["--action", "plain.mak", "--yes"]),
    (1, "name is missing", ["--action", "plain.make", "--yes", "-o",
                            "n.json"]),
    (1, "no text", ["--entity", "bytes"]),
    (1, "no column", ["--entity", "plain", "-o", "n.json", "--where",
                      "x = 1"]),
    (2, "expected", ["--entity", "plain", "-o", "n.json", "--where", "id"]),
    (2, "expected", ["--entity", "plain", "-o", "n.json", "--where",
                     "id LIKE '%x'"]),
    (2, "expected", ["--entity", "plain", "-o", "n.json", "--where",
                     "id = 'x"]),
    (2, "expected", ["--entity", "plain", "-o", "n.json", "--where",
                     "id = '"]),
    (2, "expected", ["--entity", "plain", "-o", "n.json", "--where",
                     "id = 'a''"]),
    (2, "expected", ["--entity", "plain", "-o", "n.json", "--where",
                     "id IN (1"]),
    (1, "did you mean", ["--entity", "plain", "-o", "n.json", "--set",
                         "zone=a"]),
    (2, "key=value", ["--entity", "plain", "-o", "n.json", "--set", "zones"]),
    (1, "config.size", ["--entity", "plain", "-o", "n.json", "--set",
                        "size=many"]),
    (1, "NOT_SET", ["--entity", "plain", "-o", "n.json", "--set",
                    "key=$env:NOT_SET"]),
    (1, "only the daemon", ["--entity", "plain", "-o", "n.json", "--set",
                            "key={{secrets.x}}"]),
    (1, "cannot write", ["--entity", "plain", "-o", "none/n.json"]),
    (3, "Failed to connect", ["--test", "-o", "n.json", "--set",
                    "base=http://127.0.0.1:1"]),
    (2, "one of --entity", []),
    (2, "one of --entity", ["--entity", "plain", "--test"]),
    (2, "--limit", ["--entity", "plain", "--limit", "few"]),
    (2, "no such option", ["--entity", "plain", "--colour"]),
    (2, "needs a value", ["--entity"]),
    (2, "one DIR", ["--test", "other"]),
    (2, "belong to --entity", ["--test", "--where", "id = 1"]),
]
for code, said, args in BAD:
    rc, out = record(*args)
    t.ok(rc == code and said in out and SECRET not in out,
         "%d, %s: %s" % (code, said, " ".join(args)), "%d: %s" % (rc, out))
t.ok(not os.path.exists(os.path.join(tmp, "n.json")), "nothing was written")
rc, out = record("--entity", "plain", "-o", "w.json", "--where",
                 "id >= -1 AND id != 2 and id IN (1, 2.5, 3) AND \"f\" IS NOT "
                 "NULL AND repo LIKE 'it''s%' AND repo LIKE '%x%' AND f "
                 "CONTAINS 'x' AND id BETWEEN 0 AND 9", "--columns", "id")
with open(os.path.join(tmp, "w.json")) as f:
    got = [[w["op"], w["value"]] for w in json.load(f)["where"]]
t.eq(got, [[">=", -1], ["!=", 2], ["in", [1, 2.5, 3]], ["is_not_null", None],
           ["like_prefix", "it's%"], ["like_substring", "%x%"],
           ["contains", "x"], [">=", 0], ["<=", 9]], "conditions")
broken = dict(MANIFEST, tipe="x")
write(broken)
seen.clear()
rc, out = record("--entity", "plain", "--force")
t.ok(rc == 1 and "$.tipe" in out and not seen,
     "a manifest with faults: nobody is asked", out)
t.eq(moltler("record", "none", "--test")[0], 1, "no such folder")

# ---- new ----
rc, out = moltler("new", "My_2", "--dir", "types", "--url", "HTTPS://x.y/v1//")
t.ok(rc == 0 and "manifest test types/My_2" in out, "new says what comes next",
     out)
rc, out = moltler("check", "types/My_2")
t.ok(rc == 0 and "warning" not in out, "what it writes has no fault", out)
rc, out = moltler("test", "types/My_2")
t.ok(rc == 0 and "# 4 passed" in out, "and plays", out)
with open(os.path.join(tmp, "types", "My_2", "manifest.json")) as f:
    text = f.read()
t.ok("HTTPS://x.y/v1\"" in text and "@" not in text, "with the URL", text[:900])
os.mkdir(os.path.join(tmp, "types", "there"))
for code, said, args in [
        (1, "already", ["My_2", "--dir", "types"]),
        (1, "already", ["there", "--dir", "types"]),
        (1, "cannot make", ["x", "--dir", "a/b/c"]),
        (2, "NAME is a letter", ["2x"]), (2, "NAME is a letter", ["a/b"]),
        (2, "NAME is a letter", [""]), (2, "which NAME", []),
        (2, "one NAME", ["a", "b"]), (2, "--url is", ["x", "--url", "x.y"]),
        (2, "--url is", ["x", "--url", "http://a:b@c"]),
        (2, "--url is", ["x", "--url", "http://"]),
        (2, "--url is", ["x", "--url", "http://x/\"y"]),
        (2, "no such option", ["x", "--ulr", "http://x"])]:
    rc, out = moltler("new", *args)
    t.ok(rc == code and said in out, "new %s: %s" % (" ".join(args), said),
         "%d: %s" % (rc, out))
t.eq(os.listdir(os.path.join(tmp, "types", "there")), [],
     "what was there stays as it was")
t.eq(moltler("help")[0], 0, "manifest help")
server.shutdown()
shutil.rmtree(tmp)
