"""SYNC into a cluster: what its indexes hold is compared with what the service
has.  The cluster is a small fake; real ones are tested elsewhere."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, wait  # noqa: E402
from fake_elastic import FakeElastic  # noqa: E402
from fake_services import Services  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
s = Services()
e = FakeElastic()
d = Daemon(env={"GH_TOKEN": "ghp_good", "MOLTLER_ELASTICSEARCH_URL": e.url})
run = d.query
fails = d.fails
shown = d.shown
ISSUES = "/github/repos/acme/web/issues"


def one(sql):
    return run(sql)[0]


def have(where=lambda i: True):
    return sorted((i["id"], i["title"], i["state"]) for i in s.issues["web"]
                  if "pull_request" not in i and where(i))


def stored(index):
    return sorted((v["id"], v["title"], v["state"])
                  for v in e.docs(index).values())


run("CREATE CONNECTOR github_org TYPE 'github' CONFIG {\"token\": \"$env:GH_TOKEN\""
    ", \"org\": \"acme\", \"repo\": \"web\", \"api_url\": \"%s/github\"} OPTIONS "
    "{\"cache_ttl\": 0, \"retry_count\": 0}" % s.base)

# ---- the statements as people first write them ----
out = one("SYNC CONNECTOR github_org TO github-issues-*;")
t.ok(out["status"] == "completed" and out["entity"] is None and
     out["target"] == "github-issues-*", "a whole connector", out)
t.eq(stored("github-issues-issues"), have(), "its issues")
t.eq((len(e.docs("github-issues-pulls")), len(e.docs("github-issues-repos"))),
     (len(s.pulls["web"]), 2), "and the rest")
t.ok(e.templates, "templates came first", e.requests[:3])
out = one("SYNC CONNECTOR github_org TO github-issues-* SCHEDULE '*/15 * * * *';")
t.ok(out["status"] == "scheduled" and out["sync"] == "github_org.all" and
     out["next_run_at"], "the same by the clock", out)
out = one("SYNC CONNECTOR github_org.issues TO github-issues-* WHERE labels "
          "CONTAINS 'incident' SCHEDULE '*/5 * * * *';")
t.ok(out["status"] == "scheduled" and out["entity"] == "issues", "with WHERE",
     out)
out = one("SYNC CONNECTOR github_org.issues TO live INCREMENTAL ON updated_at "
          "SCHEDULE '*/5 * * * *';")
t.ok(wait(lambda: shown(out["sync"])["verdict"] == "complete", 20),
     "INCREMENTAL", shown(out["sync"]))
t.eq(stored("live"), have(), "reads all of it at first")
for r in run("SHOW SYNCS"):
    wait(lambda: shown(r["sync"])["status"] != "running", 20)

# ---- engines ----
one("SYNC CONNECTOR github_org.issues TO es:said WHERE number < 50")
t.eq(stored("said"), have(lambda i: i["number"] < 50), "es: says it outright")
one("SYNC CONNECTOR github_org.issues TO sqlite:here WHERE number < 50")
t.eq(one("SELECT count(*) AS n FROM sqlite:here")["n"], len(stored("said")),
     "sqlite: too")
t.ok("here" not in e.indices, "which the cluster has not")
err = fails("SYNC CONNECTOR github_org.issues TO Upper")
t.ok(err["code"] == "bad_target" and "Upper" in err["message"],
     "a name that engines refuse", err)

# ---- incremental ----
status, out = d.post("/v1/syncs", {
    "connector": "github_org", "entity": "issues", "target": "often",
    "incremental": "updated_at", "schedule_ms": 300})
often = out["id"]
t.ok(wait(lambda: stored("often") == have(), 20), "every 300 ms", out)
for n, title in enumerate(("one", "two", "three")):
    i = s.issues["web"][n + 3]
    i["title"], i["updated_at"] = title, "2026-12-01T00:00:0%dZ" % n
t.ok(wait(lambda: stored("often") == have(), 20), "what changes comes")
run("DROP SYNC " + often)

# ---- rejected rows ----
bad = have()[5][0]
e.item = lambda action, index, ident, doc: (
    400, "mapper_parsing_exception", "no good") \
    if doc.get("id") == bad and index == "part" else None
out = one("SYNC CONNECTOR github_org.issues TO part")
t.ok(out["rejected"] == 1 and len(stored("part")) == len(have()) - 1,
     "a row that the cluster refuses is counted", out)
t.ok(any("no good" in str(v) for v in e.docs("part-rejected").values()),
     "and put aside with the reason", e.docs("part-rejected"))
row = one("SHOW SYNC " + out["sync"])
t.eq(row["last_rejected"], 1, "SHOW SYNC says so")
e.item = lambda *a: None

# ---- deletes ----
del s.issues["web"][10:14]
out = one("SYNC CONNECTOR github_org.issues TO gone OPTIONS "
          "{\"deletes\": \"remove\"}")
before = len(stored("gone"))
del s.issues["web"][10:14]
out = one("SYNC CONNECTOR github_org.issues TO gone OPTIONS "
          "{\"deletes\": \"remove\"}")
t.ok(out["deleted"] == before - len(have()) and stored("gone") == have(),
     "deletes: remove", out)

# ---- a cluster that is away ----
run("ALTER CONNECTOR github_org SET OPTIONS {\"timeout_seconds\": 5}")
e.spoil = lambda method, path, body: (403, {"error": {
    "type": "security_exception", "reason": "not you"}, "status": 403})
err = fails("SYNC CONNECTOR github_org.issues TO refused")
t.ok("refused" in err["message"] or "not you" in err["message"],
     "what the cluster says is the error", err)
e.spoil = lambda *a: None

rows = run("EXPLAIN SYNC CONNECTOR github_org.issues TO x-*")
t.ok(rows[0]["engine"] == "elastic" and rows[0]["target"] == "x-issues",
     "EXPLAIN SYNC", rows)
row = run("SHOW SYNCS")[0]
t.ok(row["sync"] == "github_org.all" and row["verdict"] == "complete" and
     row["schedule"] == "*/15 * * * *", "SHOW SYNCS", row)
t.eq(d.close(), 0, "ends well")
s.close()
e.close()
