"""The types that come with moltler: their manifests are without fault or warning,
their fixtures play, cover everything, and can fail; their READMEs say what the
manifests say."""
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402

SRC = os.environ.get("srcdir", ".")
MOLTLER = os.path.join(os.environ.get("builddir", "."), "moltler")
TYPES = os.path.join(SRC, "connectors")
t = Tap()


def moltler(*args):
    p = subprocess.run([MOLTLER, "manifest", *args], capture_output=True,
                       text=True, timeout=300)
    return p.returncode, p.stdout + p.stderr


def read(*path):
    with open(os.path.join(TYPES, *path), encoding="utf-8") as f:
        return json.load(f)


def fixtures(name):
    folder = os.path.join(TYPES, name, "fixtures")
    for f in sorted(os.listdir(folder)):
        v = read(name, "fixtures", f)
        for one in v if isinstance(v, list) else [v]:
            yield f, one


def with_fixtures():
    return sorted(d for d in os.listdir(TYPES)
                  if os.path.isdir(os.path.join(TYPES, d, "fixtures")))


names = with_fixtures()
t.ok({"github", "jira", "datadog", "pagerduty"} <= set(names), "the types",
     names)
for name in names:
    rc, out = moltler("check", os.path.join(TYPES, name, "manifest.json"))
    t.ok(rc == 0 and "warning" not in out and "error" not in out,
         "%s: the manifest is without fault or warning" % name, out)
    rc, out = moltler("test", os.path.join(TYPES, name))
    lines = out.splitlines()
    for i, line in enumerate(lines):
        word, _, what = line.partition(" - ")
        if word.startswith(("ok ", "not ok ")):
            why = lines[i + 1] if i + 1 < len(lines) else ""
            t.ok(word.startswith("ok"), what, why)
    t.eq(rc, int("not ok" in out), "%s: and the exit code says so" % name)

    m = read(name, "manifest.json")
    listed, acted, failing = set(), set(), set()
    for f, fx in fixtures(name):
        if "entity" in fx:
            listed.add(fx["entity"])
        if "action" in fx:
            acted.add(fx["action"])
        if "error" in fx:
            failing.add(fx.get("entity") or fx.get("action", "").split(".")[0])
    # A scrape is no listing: test_scrape.py has it.
    shown = {k for k, v in m["entities"].items()
             if not v.get("hidden") and v.get("decode") != "openmetrics"}
    t.eq(shown - listed, set(), "%s: each entity has a listing" % name)
    t.eq(shown - failing, set(), "%s: each has one that fails" % name)
    t.eq({"%s.%s" % (e, a) for e, v in m["entities"].items()
          for a in v.get("actions", {})} - acted, set(),
         "%s: each action is done" % name)

p = subprocess.run([sys.executable, os.path.join(SRC, "contrib",
                                                 "type-readme.py"), "--check"] +
                   [os.path.join(TYPES, n) for n in names
                    if n != "prometheus"],  # written by hand
                   capture_output=True, text=True)
t.ok(p.returncode == 0, "the READMEs say what the manifests say",
     p.stdout + p.stderr)

# ---- what a fixture must notice ----
tmp = tempfile.mkdtemp(prefix="moltler-types-")
shutil.copy(os.path.join(TYPES, "github", "manifest.json"), tmp)
os.mkdir(os.path.join(tmp, "fixtures"))
good = read("github", "fixtures", "issues_actions.json")[0]
lists = read("github", "fixtures", "issues_pages.json")


def played(fx):
    with open(os.path.join(tmp, "fixtures", "x.json"), "w") as f:
        f.write(fx if isinstance(fx, str) else json.dumps(fx))
    return moltler("test", tmp)


def notices(what, fx, said):
    rc, out = played(fx)
    t.ok(rc == 1 and said in out and out.startswith("not ok 1"),
         "noticed: " + what, out)


def changed(fx, *path):
    """A copy with the last of ${path} put at the place the others name."""
    new = copy.deepcopy(fx)
    v = new
    for k in path[:-2]:
        v = v[k]
    v[path[-2]] = path[-1]
    return new


t.eq(played(good)[0], 0, "a good one is good here too")
notices("another method", changed(good, "exchanges", 0, "request", "method",
                                  "PUT"), "method: got POST")
notices("another body", changed(good, "exchanges", 0, "request", "body",
                                "title", "x"), "body.title: got")
notices("another path", changed(good, "exchanges", 0, "request", "url",
                                "https://api.github.com/x"), "url: got")
notices("another header", changed(good, "exchanges", 0, "request", "headers",
                                  {"Authorization": None}), "Authorization")
notices("another result", changed(good, "result", "number", 7), "result")
notices("another row", changed(lists, "rows", 0, 0, 42), "rows[0][0]: got 41")
notices("another parameter", changed(
    lists, "exchanges", 0, "request", "url", lists["exchanges"][0]["request"]
    ["url"] + "&sort=created"), "parameter sort=created was not sent")
notices("a request too many", changed(lists, "exchanges",
                                      lists["exchanges"][:1]), "unexpected")
notices("a request too few", changed(lists, "exchanges", lists["exchanges"] +
                                     lists["exchanges"][:1]), "was not sent")
notices("an error instead", changed(good, "exchanges", 0, "response", "status",
                                    422), "invalid")
wrong = changed(good, "error", {"class": "config"})
notices("no error where one is expected", wrong, "an error is expected")
notices("an entity there is not", changed(lists, "entity", "isues"), "isues")
notices("a column there is not", changed(lists, "columns", ["titel"]), "titel")
notices("an action there is not", changed(good, "action", "issues.x"),
        "issues.x")
notices("no JSON", "{", "x.json")
notices("no fixture in a list", [], "no fixture")
notices("a key there is not", changed(good, "skiped", "x"), "skipped?")
notices("a request's key there is not",
        changed(good, "exchanges", 0, "request", "bdy", "x"), "body?")
notices("two things at once", changed(lists, "test", True), "one of entity")
for name in os.listdir(os.path.join(tmp, "fixtures")):
    os.unlink(os.path.join(tmp, "fixtures", name))
rc, out = moltler("test", tmp)
t.ok(rc == 1 and "no fixtures" in out, "a type without fixtures", out)
rc, out = moltler("check", tmp)
t.ok("no fixtures" in out, "the check warns of that", out)
with open(os.path.join(tmp, "manifest.json"), "w") as f:
    f.write('{"format": 1, "type": "x y", "entities": {"a": {"colums": {}}}}')
rc, out = moltler("check", os.path.join(tmp, "manifest.json"))
t.ok(rc == 1 and "$.type" in out and "columns" in out,
     "every fault is named by its path", out)
t.eq(moltler("check", os.path.join(tmp, "none.json"))[0], 1, "no such file")
t.eq(moltler()[0], 2, "no word is a usage error")
rc, out = moltler("chekc", "x")
t.ok(rc == 2 and "manifest chekc" in out, "nor is a wrong one, which is named", out)
shutil.rmtree(tmp)
