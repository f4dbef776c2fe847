#!/usr/bin/env python3
"""The pages about manifests and the schema: each key of each object stands in one
table of one page, no table has a key that there is not, and what the pages link to
is there."""
import json
import os
import re
import subprocess
import sys
import tempfile

src = os.environ.get("srcdir", ".")
sys.path.insert(0, os.path.join(src, "tests", "integration"))
from tap import Tap  # noqa: E402

t = Tap()
PAGES = os.path.join("docs", "manifest")


def read(path):
    with open(os.path.join(src, path), encoding="utf-8") as f:
        return f.read()


schema = json.loads(read("connectors/manifest.schema.json"))["$defs"]
objects = {}
for name, d in schema.items():
    keys = {k for x in [d] + d.get("anyOf", []) + d.get("oneOf", [])
            for k in x.get("properties", {})}
    if keys:
        objects[name] = keys - {"$comment", "$schema"}
pages = [os.path.join(PAGES, p) for p in
         sorted(os.listdir(os.path.join(src, PAGES))) if p.endswith(".md")]
pages.append("connectors/README.md")
texts = {p: read(p) for p in pages}
tables = {}
for p, text in texts.items():
    for name, body in re.findall(r"<!-- keys: (\w+) -->\n((?:\|.*\n)+)", text):
        rows = body.splitlines()[2:]
        keys = [k for row in rows
                for k in re.findall(r"`([^`]+)`", row.split("|")[1])]
        tables.setdefault(name, []).append((p, keys))
for name, keys in sorted(objects.items()):
    found = tables.pop(name, [])
    if not t.eq(len(found), 1, "%s: one table in the pages" % name):
        t.note("write one below <!-- keys: %s -->" % name)
        continue
    p, got = found[0]
    t.ok(sorted(got) == sorted(keys), "%s: its keys" % name,
         "%s; not there: %s; not in the schema, or twice: %s" % (
             p, sorted(keys - set(got)),
             sorted({k for k in got if k not in keys or got.count(k) > 1})))
t.eq(sorted(tables), [], "no table of what is no object")


def anchors(text):
    return {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-")
            for h in re.findall(r"^#+ (.*)$", text, re.M)}


bad = []
for p, text in texts.items():
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        where, _, anchor = link.partition("#")
        to = os.path.normpath(os.path.join(os.path.dirname(p), where)) \
            if where else p
        if not os.path.exists(os.path.join(src, to)) or \
                (anchor and anchor not in anchors(read(to))):
            bad.append((p, link))
t.eq(bad, [], "links lead somewhere")
bad = []
for p, text in texts.items():
    for part in re.findall(r"```json\n(.*?)```", text, re.S):
        try:
            json.loads(part if part.startswith("{") else "{%s}" % part)
        except ValueError as e:
            bad.append((p, str(e), part[:60]))
t.eq(bad, [], "examples are JSON")
# The one that is whole must be good.
small = next(x for x in re.findall(r"```json\n(.*?)```",
                                   texts["connectors/README.md"], re.S)
             if '"format"' in x)
with tempfile.TemporaryDirectory() as d:
    d = os.path.join(d, json.loads(small)["type"])
    os.mkdir(d)
    with open(os.path.join(d, "manifest.json"), "w", encoding="utf-8") as f:
        f.write(small)
    said = subprocess.run(
        [os.path.join(os.environ.get("builddir", "."), "moltler"), "manifest",
         "check", d], capture_output=True, text=True)
t.ok(said.returncode == 0, "the small manifest is one",
     said.stdout + said.stderr)
