"""SYNC and its kin against a real daemon: a service on loopback, tables of
SQLite, and what is in them compared with what the service has."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Pages, Redis, rest, wait  # noqa: E402
from daemon import have as have_program  # noqa: E402
from fake_services import Services  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
s = Services()
d = Daemon(env={"GH_TOKEN": "ghp_good"})
ISSUES = "/github/repos/acme/web/issues"


def run(sql):
    return d.query(sql)


def fails(sql):
    return d.fails(sql)


def shown(sync):
    return d.shown(sync)


def ended(sync, n):
    return d.ended(sync, n)


def one(sql):
    return run(sql)[0]


def have(where=lambda i: True):
    """What the service has, as (id, title, state)."""
    return sorted((i["id"], i["title"], i["state"]) for i in s.issues["web"]
                  if "pull_request" not in i and where(i))


def stored(table):
    return sorted((r["id"], r["title"], r["state"]) for r in
                  run("SELECT id, title, state FROM " + table))


def change(n, title):
    """The n-th issue is another now."""
    i = s.issues["web"][n]
    i["title"] = title
    i["updated_at"] = "2026-12-%02dT00:00:%02dZ" % (1 + change.n // 60,
                                                   change.n % 60)
    change.n += 1
    return i


change.n = 0
CONFIG = ('CONFIG {"token": "$env:GH_TOKEN", "org": "acme", "repo": "web", '
          '"api_url": "%s/github"}' % s.base)
run("CREATE CONNECTOR gh TYPE 'github' %s OPTIONS {\"cache_ttl\": 0, "
    "\"retry_count\": 0}" % CONFIG)

# ---- once ----
out = one("SYNC CONNECTOR gh.issues TO github-issues-*")
want = have()
t.ok(out["status"] == "completed" and out["connector"] == "gh" and
     out["entity"] == "issues" and out["target"] == "github-issues-*" and
     out["documents_synced"] == len(want) and out["sync"] == "gh.issues" and
     out["rows_read"] == len(want) and out["rejected"] == 0 and
     out["pages"] >= 3 and out["calls"] >= 3 and out["verdict"] == "complete"
     and out["reason"] is None and out["left_out"] == [], "SYNC", out)
t.eq(stored("github-issues-issues"), want, "the rows of the service")
t.eq(stored("github-issues-*"), want, "also by the pattern")
t.eq(stored("sqlite:github-issues-issues"), want, "also with its kind")
one("SYNC CONNECTOR gh.issues TO github-issues-*")
t.eq(stored("github-issues-*"), want, "twice leaves it the same")
change(7, "another title")
one("SYNC CONNECTOR gh.issues TO github-issues-*")
t.eq(stored("github-issues-*"), have(), "what changed replaces what was there")
t.eq([r["sync"] for r in run("SHOW SYNCS")], ["gh.issues"],
     "the same rows into the same place are one sync")
row = one("SHOW SYNCS")
t.ok(row["connector"] == "gh" and row["entity"] == "issues" and
     row["target"] == "github-issues-*" and row["schedule"] is None and
     row["status"] == "complete" and row["verdict"] == "complete" and
     row["rows"] == len(want) and row["last_run"], "SHOW SYNCS", row)
last = run("SHOW CONNECTORS")[0]["Last Sync"]
t.ok(last == "just now" or last.endswith("ago"), "Last Sync", last)

t.eq(run("SHOW CONNECTORS")[0]["Status"], "connected", "its status")

# ---- WHERE ----
s.forget()
out = one("SYNC CONNECTOR gh.issues TO closed WHERE state = 'closed' AND "
          "number > 20")
t.eq(stored("closed"), have(lambda i: i["state"] == "closed" and
                            i["number"] > 20), "WHERE chooses")
t.ok(all("state=closed" in a[1] for a in s.calls(ISSUES)) and
     out["sync"] == "gh.issues_2", "and goes down", out)
out = one("SYNC CONNECTOR gh.issues TO incidents WHERE labels CONTAINS "
          "'incident'")
t.eq(out["documents_synced"], len(have(lambda i: any(
    x["name"] == "incident" for x in i["labels"]))), "CONTAINS")

# ---- what is wrong ----
e = fails("SYNC CONNECTOR gh.issues TO x\n  WHERE stat = 'open'")
t.ok(e["code"] == "sql" and e["message"].startswith("line 2, column 9: ") and
     "stat" in e["message"], "a place in WHERE", e)
e = fails("SYNC CONNECTOR gx.issues TO x")
t.ok(e["code"] == "not_found" and "column 16" in e["message"],
     "no such connector", e)
e = fails("SYNC CONNECTOR gh.isues TO x")
t.ok(e["code"] == "not_found" and "did you mean issues?" in e["message"],
     "no such entity", e)
for sql, code in (("TO x SCHEDULE 'often'", "bad_schedule"),
                  ("TO x INCREMENTAL ON nope", "no_column"),
                  ("TO x OPTIONS {deletes: 'maybe'}", "bad_options"),
                  ("TO x OPTIONS {nope: 1}", "bad_options"),
                  ("TO es:x", "no_target"),
                  ('TO "a b"', "bad_target")):
    e = fails("SYNC CONNECTOR gh.issues " + sql)
    t.eq(e["code"], code, sql)
e = fails("SYNC CONNECTOR gh TO nostar")
t.ok(e["code"] == "bad_target" and "*" in e["message"],
     "several entities need a *", e)
s.fail[ISSUES] = [(403, {}, {"message": "no"})]
e = fails("SYNC CONNECTOR gh.issues TO forbidden")
t.ok("permission" in e["message"], "a run that fails is an error", e)
t.eq(one("SHOW SYNC gh.issues_4")["verdict"], "failed", "and its verdict")
t.eq(run("SHOW CONNECTORS")[0]["Status"], "error", "and the connector's status")
t.ok(fails("SELECT * FROM forbidden")["code"] in (None, "no_table"),
     "no rows from nowhere")
run("DROP SYNC gh.issues_4")
s.fail[ISSUES] = [(500, {}, {"message": "oops"})]
t.eq(run("BEGIN TRY SYNC CONNECTOR gh.issues TO forbidden; CATCH "
         "connector_error THEN SELECT error.code AS code; END TRY; END"),
     [{"code": "http_500"}], "in a script it is caught")
t.eq(one("BEGIN SHOW TYPES; SYNC CONNECTOR gh.issues TO forbidden; END")
     ["documents_synced"], len(have()), "and can be done")
run("DROP SYNC gh.issues_4")

# ---- leaving cancels ----
s.delay = 0.5
n = len(s.calls(ISSUES))
c = threading.Thread(target=lambda: d.call(
    "POST", "/v1/query", {"sql": "SYNC CONNECTOR gh.issues TO left"},
    timeout=0.8), daemon=True)
threading.excepthook = lambda *a: None
c.start()
c.join(10)
t.ok(wait(lambda: shown("gh.issues_4").get("status") not in (None, "running"),
          10), "who leaves cancels the run", shown("gh.issues_4"))
s.delay = 0
n = len(s.calls(ISSUES))
rest(0.7)
t.eq(len(s.calls(ISSUES)), n, "and the calls end")
run("DROP SYNC gh.issues_4")

# ---- progress ----
s.delay = 0.4
lines = d.call("POST", "/v1/query", {
    "sql": "SYNC CONNECTOR gh.issues TO github-issues-*", "format": "rows"})[2]
s.delay = 0
lines = [json.loads(x) for x in lines.splitlines()]
far = [x["progress"] for x in lines if isinstance(x, dict) and
       "progress" in x]
t.ok(far and far[-1]["sync"]["entity"] == "issues" and
     far[-1]["sync"]["rows"] > 0 and far[-1]["pages"] > 0,
     "progress while it runs", far)

# ---- a clock ----
out = one("SYNC CONNECTOR gh.pulls TO pulls INCREMENTAL ON updated_at "
          "SCHEDULE '*/5 * * * *' OPTIONS {deletes: 'ignore'}")
t.ok(out["status"] == "scheduled" and out["sync"] == "gh.pulls" and
     out["schedule"] == "*/5 * * * *" and out["next_run_at"] and
     out["entities"] == ["pulls"] and out["target"] == "pulls", "SCHEDULE", out)
ended("gh.pulls", 1)
t.eq(one("SELECT count(*) AS n FROM pulls")["n"], len(s.pulls["web"]),
     "its first run was at once")
status, out = d.post("/v1/syncs", {
    "connector": "gh", "entity": "issues", "target": "live",
    "incremental": "updated_at", "schedule_ms": 300})
t.ok(status == 201 and out["schedule_ms"] == 300, "by the API, every 300 ms",
     out)
live = out["id"]
ended(live, 2)
t.eq(stored("live"), have(), "incremental: all of it at first")
change(3, "live one")
change(4, "live two")
t.ok(wait(lambda: stored("live") == have(), 15), "then what changes")
s.forget()
ended(live, shown(live)["runs"] + 2)
t.ok(all("since=" in a[1] for a in s.calls(ISSUES)),
     "asked from where it was", s.calls(ISSUES)[:1])
t.eq(run("PAUSE SYNC " + live), [{"status": "paused", "sync": live}],
     "PAUSE SYNC")
wait(lambda: shown(live)["status"] != "running")
t.eq((shown(live)["status"], shown(live)["enabled"],
      shown(live)["disabled_reason"]), ("paused", False, "manual"), "is paused")
change(5, "not yet")
rest(1)
t.ok(stored("live") != have(), "and does not run")
run("RESUME SYNC " + live)
t.ok(wait(lambda: stored("live") == have(), 15), "RESUME SYNC")
n = shown(live)["runs"]
t.eq(run("RUN SYNC %s FULL" % live), [{"status": "started", "sync": live}],
     "RUN SYNC FULL")
t.ok(ended(live, n + 1), "runs", shown(live))
row = one("SHOW SYNC " + live)
t.ok(row["sync"] == live and row["incremental"] == "updated_at" and
     row["verdict"] == "complete" and row["cursor"], "SHOW SYNC", row)
e = fails("SHOW SYNC gh.isues")
t.ok("did you mean gh.issues" in e["message"], "did you mean", e)

# ---- EXPLAIN ----
s.forget()
rows = run("EXPLAIN SYNC CONNECTOR gh.issues TO other-* WHERE state = 'open'")
t.ok(len(rows) == 1 and rows[0]["entity"] == "issues" and
     rows[0]["target"] == "other-issues" and rows[0]["engine"] == "sqlite" and
     "state" in json.dumps(rows[0]["calls"]), "EXPLAIN SYNC", rows)
row = run("EXPLAIN SYNC " + live)[0]
t.ok(row["target"] == "live" and "sort=updated&direction=asc" in
     row["calls"][0]["request"], "EXPLAIN SYNC id", row)
t.eq([a for a in s.calls() if "q=" in a[1]], [], "asks nobody")
e = fails("EXPLAIN SYNC CONNECTOR gh.issues TO x WHERE stat = 1")
t.ok("column 45" in e["message"], "a place in its WHERE", e)

# ---- a whole connector ----
out = one("SYNC CONNECTOR gh TO all-*")
t.ok(out["status"] in ("completed", "partial") and out["entity"] is None and
     out["sync"] == "gh.all", "a whole connector", out)
t.eq((stored("all-issues"), one("SELECT count(*) AS n FROM all-pulls")["n"],
      one("SELECT count(*) AS n FROM all-repos")["n"],
      one("SELECT count(*) AS n FROM all-actions")["n"]),
     (have(), len(s.pulls["web"]), 2, 5), "all entities' rows")

# ---- the API ----
status, out = d.get("/v1/syncs?limit=2")
t.ok(status == 200 and [i["id"] for i in out["items"]] ==
     ["gh.all", "gh.issues"] and out["next"] == "gh.issues", "a page", out)
ids = [i["id"] for i in out["items"]]
while out["next"]:
    out = d.get("/v1/syncs?limit=2&after=" + out["next"])[1]
    ids += [i["id"] for i in out["items"]]
t.eq(ids, [r["sync"] for r in run("SHOW SYNCS")], "all pages")
for body, code in (({"connector": "gh"}, "bad_request"),
                   ({"connector": "gh", "target": 1}, "bad_request"),
                   ({"connector": "gh", "target": "x", "tarket": 1}, None),
                   ({"connector": "no", "target": "x-*"}, "not_found"),
                   ({"connector": "gh", "entity": "issues", "target": "x",
                     "schedule_ms": 5}, "bad_schedule")):
    status, out = d.post("/v1/syncs", body)
    t.ok(status in (400, 404) and (code is None or
                                   out["error"]["code"] == code) and
         ("tarket" not in body or "tarket" in out["error"]["message"]),
         "refused: %s" % sorted(body), out)
t.eq(d.call("PATCH", "/v1/syncs/" + live, {"schedule_ms": 5000})[0], 204,
     "PATCH")
t.eq(shown(live)["schedule_ms"], 5000, "is changed")
t.eq(d.call("PATCH", "/v1/syncs/" + live, {"schedul": 1})[0], 400,
     "an unknown key")
t.eq(d.post("/v1/syncs/%s/run?full=1" % live)[0], 202, "run")
t.eq(d.post("/v1/syncs/%s/pause" % live)[0], 204, "pause")
t.eq(d.post("/v1/syncs/%s/resume" % live)[0], 204, "resume")
status, out = d.get("/v1/syncs/%s/events" % live)
t.ok(status == 200 and len(out["items"]) > 2, "events", out)
status, out = d.get("/v1/syncs/%s/explain" % live)
t.ok(status == 200 and out["items"][0]["target"] == "live", "explain", out)
for path in ("/v1/syncs/nope", "/v1/syncs/nope/events"):
    t.eq(d.get(path)[0], 404, path)
t.eq(d.call("DELETE", "/v1/syncs/" + live)[0], 204, "DELETE")
t.eq(d.get("/v1/syncs/" + live)[0], 404, "is gone")
t.ok(stored("live"), "its rows stay")
st = d.get("/v1/status")[1]
t.ok(st["syncs"]["total"] == len(ids) - 1 and len(st["nodes"]) == 1 and
     st["nodes"][0]["here"], "/v1/status", st)

# ---- scrapes are syncs too ----
p = Pages()
d.create("prom", p.url, every=300)
t.ok("prom.metrics" in [r["sync"] for r in run("SHOW SYNCS")],
     "a scrape in SHOW SYNCS")
t.eq(d.call("PATCH", "/v1/syncs/prom.metrics", {"schedule_ms": 500})[0], 409,
     "but its connector is patched")
t.eq(run("DROP SYNC prom.metrics"),
     [{"status": "deleted", "sync": "prom.metrics"}], "DROP SYNC of a scrape")
t.ok("prom.metrics" not in [r["sync"] for r in run("SHOW SYNCS")] and
     d.show("prom")["target_table"] is None, "takes the schedule away")

# ---- a connector's own ----
status, out = d.post("/v1/connectors", {
    "name": "own", "type": "github", "target_database": "kept",
    "target_table": "own-issues", "schedule_ms": 300,
    "config": {"token": "$env:GH_TOKEN", "org": "acme", "repo": "web",
               "api_url": s.base + "/github"}})
t.ok(status == 201 and out["id"], "POST /v1/connectors with a target", out)
t.ok(wait(lambda: d.show("own").get("last_success_at"), 20), "runs",
     d.show("own"))
show = d.show("own")
t.ok(show["target_table"] == "own-issues" and show["schedule_ms"] == 300 and
     show["last_rows_ingested"] is not None, "is shown", show)
t.eq(stored("kept.own-issues"), have(), "and its rows are there")
run("DROP CONNECTOR own")
t.eq([r["sync"] for r in run("SHOW SYNCS") if r["connector"] == "own"], [],
     "DROP CONNECTOR ends its syncs")
t.eq(stored("kept.own-issues"), have(), "its rows stay")

# ---- sync_interval ----
run("ALTER CONNECTOR gh SET OPTIONS {\"sync_interval\": \"1s\"}")
out = one("SYNC CONNECTOR gh.issues TO interval")
t.ok(out["status"] == "completed" and out["documents_synced"] == len(have()) and
     out["schedule_ms"] == 1000 and out["next_run_at"],
     "with sync_interval it runs now, and is scheduled", out)
t.ok(ended(out["sync"], 2), "by which it runs", shown(out["sync"]))
t.eq(stored("interval"), have(), "its rows")

# ---- it is still there after a restart ----
before = [r["sync"] for r in run("SHOW SYNCS")]
t.eq(d.stop(), 0, "stops")
d.start()
t.eq([r["sync"] for r in run("SHOW SYNCS")], before, "syncs are kept")
n = len(have())
change(9, "after the restart")
t.ok(wait(lambda: stored("interval") == have(), 20), "and go on")
for sync in before:
    t.eq(run("DROP SYNC " + sync), [{"status": "deleted", "sync": sync}],
         "DROP SYNC " + sync)
t.eq(run("SHOW SYNCS"), [], "none is left")
t.eq(d.close(), 0, "ends well")

# ---- two daemons ----
if not have_program("redis-server"):
    t.skip("two daemons", "there is no redis-server")
else:
    redis = Redis()
    pair = [Daemon("--redis", redis.url, env={"GH_TOKEN": "ghp_good"})
            for _ in range(2)]
    d = pair[0]
    run("CREATE CONNECTOR gh TYPE 'github' %s OPTIONS {\"cache_ttl\": 0}" %
        CONFIG)
    out = one("SYNC CONNECTOR gh.issues TO shared")
    t.eq(out["documents_synced"], len(have()), "one of two runs it")
    t.ok(wait(lambda: len(pair[1].get("/v1/syncs")[1]["items"]) == 1 and
              len(pair[1].get("/v1/status")[1]["nodes"]) == 2, 20),
         "the other knows", pair[1].get("/v1/status")[1])
    d = pair[1]
    t.ok(wait(lambda: shown("gh.issues")["verdict"] == "complete", 10) and
         shown("gh.issues")["last_rows"] == len(have()),
         "and shows what came of it", shown("gh.issues"))
    code, out = pair[1].post("/v1/syncs/gh.issues/run")
    t.ok(code == 409 and out["error"]["code"] == "not_here", "but the rows are "
         "not there", out)
    for x in pair:
        x.close()
    redis.close()
s.close()
p.close()
