#!/usr/bin/env python3
"""EXPLAIN of each entity and action of the types that come with moltler: what would
be asked, as far as it is known, and nothing of the manifests' own language."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, SRC  # noqa: E402
from tap import Tap  # noqa: E402

TYPES = os.path.join(SRC, "connectors")
t = Tap()
d = Daemon(env={"FIXTURE_SECRET": "fixture-secret"})


def fixtures(name):
    folder = os.path.join(TYPES, name, "fixtures")
    for f in sorted(os.listdir(folder)):
        with open(os.path.join(folder, f), encoding="utf-8") as fd:
            v = json.load(fd)
        yield from v if isinstance(v, list) else [v]


def ask(sql):
    status, out = d.post("/v1/query", {"sql": sql})
    return out.get("rows"), out.get("error", {}).get("message", str(status))


def sql_of(name, fx):
    """EXPLAIN of what a fixture asks, by its kind."""
    if "action" in fx:
        return "EXPLAIN CONNECTOR_EXEC %s.%s(%s)" % (name, fx["action"],
                                                    json.dumps(fx["args"]))
    return "EXPLAIN SELECT * FROM %s.%s" % (name, fx["entity"])


shown = {}
for name in sorted(os.listdir(TYPES)):
    if not os.path.isdir(os.path.join(TYPES, name, "fixtures")):
        continue
    bad, seen, n = [], set(), 0
    for fx in fixtures(name):
        what = fx.get("action") or fx.get("entity")
        if what is None or what in seen or "config" not in fx:
            continue
        seen.add(what)
        rows, why = ask("CREATE OR REPLACE CONNECTOR %s TYPE '%s' CONFIG %s" % (
            name, name, json.dumps(fx["config"])))
        if rows is None:
            bad.append(why)
            continue
        rows, why = ask(sql_of(name, fx))
        text = json.dumps(rows)
        shown[name + "." + what] = rows
        if rows is None and " has to be told " in why:
            continue
        n += 1
        if rows is None or "{{" in text or "fixture-secret" in text:
            bad.append((what, why if rows is None else text))
    t.ok(n > 0 and not bad, name, bad)

# What only rows and answers will tell is named, whatever quotes its place has.
for what, want in (
        ("aws.s3_objects", "https://s3.{region}.amazonaws.com/{bucket}?"),
        ("slack.messages", "history?channel={channel}&"),
        ("jira.sprints", "/board/{board}/sprint"),
        ("gcp.compute.start", "requestId={action.id}\""),
        ("gcp.compute.start", "/operations/{answer.name}\""),
        ("bitbucket.repos.read_file", "/src/{lookup}/conf/"),
        ("azure.vms.start",
         "\"{header.Azure-AsyncOperation or header.Location}\""),
        # But not what somebody said.
        ("bitbucket.pipelines.stop", "/pipelines/%7Bp-3%7D/")):
    t.ok(want in json.dumps(shown.get(what)), what, shown.get(what))

# Of several lists it says which is taken, in the manifest's own word.
ask("CREATE OR REPLACE CONNECTOR gh TYPE 'github' CONFIG {\"token\": "
    "\"fixture-secret\", \"org\": \"o\"}")
for where, want in (("", "each repository"),
                    (" WHERE owner = 'o' AND repo = 'r'", "repository")):
    rows, why = ask("EXPLAIN SELECT id FROM gh.pulls" + where)
    t.eq(rows and rows[0]["list"], want, "gh.pulls%s: by which list" % where)
