"""Answers of GitHub as they were recorded: a list of issues that comes in many pages
comes out whole.  MOLTLER_NODE_MODULES names the folder where npm has put
@octokit/fixtures-server."""
import http.client
import http.server
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, Daemon, free_port, have, reap, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

NODE = os.environ.get("MOLTLER_NODE_MODULES") or os.path.join(BUILD,
                                                              "node_modules")
SERVER = os.path.join(NODE, ".bin", "octokit-fixtures-server")
SCENARIO = os.path.join(NODE, "@octokit", "fixtures", "scenarios",
                        "api.github.com", "paginate-issues",
                        "normalized-fixture.json")
if not have("node") or not os.path.exists(SERVER) or \
        not os.path.exists(SCENARIO):
    Tap.skip_all("@octokit/fixtures-server is not in " + NODE)

t = Tap()
TOKEN = "0" * 39 + "1"


class Server:
    def __init__(self):
        self.port = free_port()
        self.log = tempfile.TemporaryFile()
        self.proc = subprocess.Popen(
            [SERVER, "--port", str(self.port), "--fixtures-url",
             "http://127.0.0.1:%d" % self.port, "--log-level", "error"],
            stdout=self.log, stderr=self.log)
        reap(self)

    def load(self, scenario):
        """The URL to ask instead of https://api.github.com."""
        def ask():
            r = urllib.request.Request(
                "http://127.0.0.1:%d/fixtures" % self.port,
                json.dumps({"scenario": scenario}).encode(),
                {"Content-Type": "application/json",
                 "Accept": "application/json"})
            try:
                with urllib.request.urlopen(r, timeout=10) as f:
                    return json.load(f)["url"]
            except urllib.error.HTTPError:
                raise
            except OSError:
                return None
        return wait(ask, 30, 0.2)


class Between:
    """What was recorded was asked by another client, and is given out only to who
    asks the very same: other headers, and no word of the state."""

    def __init__(self, port):
        outer = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append(self.path)
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                c.request("GET", self.path.replace("state=all&", "").replace(
                    "&state=all", ""), headers={
                    "Accept": "application/vnd.github.v3+json",
                    "Authorization": "token " + TOKEN})
                r = c.getresponse()
                old, new = "127.0.0.1:%d" % port, outer.base[7:]
                out = r.read().replace(old.encode(), new.encode())
                self.send_response(r.status)
                for k, v in r.getheaders():
                    if k.lower() in ("link", "content-type", "etag",
                                     "x-ratelimit-remaining"):
                        self.send_header(k, v.replace(old, new))
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)
                c.close()

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.base = self.server.base


with open(SCENARIO, encoding="utf-8") as f:
    recorded = json.load(f)
want = [i["number"] for x in recorded for i in (x["response"] if
        isinstance(x["response"], list) else []) if "pull_request" not in i]
s = Server()
url = s.load("paginate-issues")
if not t.ok(url, "the recorded answers are loaded"):
    s.log.seek(0)
    t.note(s.log.read().decode())
    sys.exit(1)
first = recorded[0]
owner, repo = first["path"].split("/")[2:4]
size = int(first["path"].split("per_page=")[1].split("&")[0])
t.note("%d answers, %d issues, %d a page: %s" % (len(recorded), len(want), size,
                                               first["path"]))
b = Between(s.port)
url = b.base + "/" + url.split("/", 3)[3]
d = Daemon(env={"GH": TOKEN})
d.query("CREATE CONNECTOR gh TYPE 'github' CONFIG {\"token\": \"$env:GH\", "
        "\"owner\": \"%s\", \"repo\": \"%s\", \"api_url\": \"%s\"} OPTIONS "
        "{\"cache_ttl\": 0, \"retry_count\": 0, \"batch_size\": %d}" %
        (owner, repo, url, size))
try:
    rows = d.query("SELECT number, title FROM gh.issues")
except RuntimeError as e:
    rows = []
    t.note(e)
t.eq(sorted(r["number"] for r in rows), sorted(want), "all issues came out")
t.ok(len(b.asked) == len(recorded), "page by page", b.asked)
t.eq(d.close(), 0, "the daemon ends well")
s.proc.kill()
s.proc.wait()
