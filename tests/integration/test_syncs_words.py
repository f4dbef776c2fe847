"""What a person types who has read the manual pages: what SYNC and its kin say of
mistakes, and that they do what the words say."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Redis, have, wait  # noqa: E402
from fake_services import Services  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
s = Services()
d = Daemon(env={"GH_TOKEN": "ghp_good"})


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


CREATE = ('CREATE CONNECTOR gh TYPE \'github\' CONFIG {"token": "$env:GH_TOKEN", '
          '"org": "acme", "repo": "web", "api_url": "%s/github"} '
          'OPTIONS {"cache_ttl": 0, "retry_count": 0}' % s.base)
run(CREATE)

# ---- each mistake has its place ----
S = "SYNC CONNECTOR gh.issues TO x"
for more, col, said in (
        (" WHERE", 36, "a condition is missing after WHERE"),
        (" WHERE SCHEDULE '@daily'", 36, "a condition is missing"),
        (" WHERE -- all\n", 36, "a condition is missing"),
        (" WHERE state =", 44, "found the end of WHERE"),
        (" WHERE state = 'open' ORDER BY number", 52, "or the end of WHERE"),
        (" SCHEDULE '* * *'", 40, "too few fields"),
        (" SCHEDULE 'often'", 40, "five fields"),
        (" INCREMENTAL ON title", 46, "is text"),
        (" INCREMENTAL ON updatd_at", 46, "did you mean updated_at?"),
        ("-*-*", 29, "more than one *")):
    e = fails(S + more)
    t.ok(e["message"].startswith("line 1, column %d: " % col) and
         said in e["message"], "SYNC ..." + more.strip(), e)
e = fails("SYNC CONNECTOR gh.issues TO es:x")
t.ok(e["code"] == "no_target" and "line 1, column 29: " in e["message"],
     "es: without a cluster", e)
# A name that after FROM is something else would never be read.
for target, said in (
        ("gh.issues", "after FROM gh.issues is of the connector gh"),
        ("GH.nope", "is of the connector"),
        ("sqlite:gh.x", "is of the connector gh"),
        ("gh.*", "is of the connector gh"),
        ("moltler.kept", "the table kept of the database moltler; write kept")):
    e = fails("SYNC CONNECTOR gh.issues TO " + target)
    t.ok(e["code"] == "bad_target" and "line 1, column 29: " in e["message"]
         and said in e["message"], "TO " + target, e)
for where, said in (
        ("state =", "line 1, column 8: found the end of WHERE, but"),
        ("state = 'open'\n  AND stat = 1", "line 2, column 7: no column stat"),
        ("state 1", "line 1, column 7: found 1, but expected an operator or "
         "the end of WHERE\n  state 1\n        ^"),
        ("(state 1)", "an operator, a comma or )"), ("", "says nothing")):
    code, out = d.post("/v1/syncs", {"connector": "gh", "entity": "issues",
                                     "target": "x", "where": where})
    t.ok(code == 400 and said in out["error"]["message"], "by the API: " +
         where.replace("\n", " "), out)
t.eq(run("SHOW SYNCS"), [], "nothing of it has become a sync")

# ---- once more by hand does not take it off the clock ----
one("SYNC CONNECTOR gh.issues TO kept INCREMENTAL ON updated_at SCHEDULE "
    "'@daily' OPTIONS {deletes: 'mark'}")
ended("gh.issues", 1)
out = one("SYNC CONNECTOR gh.issues TO kept")
t.ok(out["status"] == "completed" and out["schedule"] == "@daily" and
     out["next_run_at"] and out["documents_synced"] > 200,
     "SYNC of what has a schedule: now, all of it", out)
row = shown("gh.issues")
t.ok(row["schedule"] == "@daily" and row["incremental"] == "updated_at" and
     row["deletes"] == "mark" and row["cursor"], "and it stays as it was", row)
one("SYNC CONNECTOR gh.issues TO kept SCHEDULE '@hourly'")
row = shown("gh.issues")
t.ok(row["schedule"] == "@hourly" and row["incremental"] is None and
     row["deletes"] == "ignore", "with SCHEDULE it is said anew", row)
one("SYNC CONNECTOR gh.pulls TO pulls")
e = fails("RUN SYNC gh.pull")
t.ok("did you mean gh.pulls?" in e["message"], "the nearest is meant", e)

# ---- SHOW TARGETS ----
rows = {r["target"]: r for r in run("SHOW TARGETS")}
t.ok(rows["kept"] == {"target": "kept", "engine": "sqlite",
                      "database": "moltler", "holds": "rows",
                      "syncs": ["gh.issues"], "node": None} and
     rows["pulls"]["syncs"] == ["gh.pulls"] and
     all(fails("SELECT * FROM %s LIMIT 1" % x)["code"] is None for x in rows),
     "SHOW TARGETS", rows)

code, out = d.post("/v1/connectors", {
    "name": "prom", "type": "prometheus", "target_table": "samples",
    "schedule_ms": 86400000, "config": {"endpoint": s.base + "/none"}})
t.eq([r["syncs"] for r in run("SHOW TARGETS") if r["target"] == "samples"],
     [["prom.metrics"]], "a scrape's table names its sync")
e = fails("SYNC CONNECTOR prom.metrics TO kept")
t.ok(e["code"] == "not_rows" and "line 1, column 21: " in e["message"],
     "a scrape is no sync of rows, and the mark stands under it", e)
run("DROP CONNECTOR prom")

# ---- EXPLAIN SYNC tells what the next run asks ----
row = one("EXPLAIN SYNC CONNECTOR gh.issues TO new INCREMENTAL ON updated_at")
t.ok("1970-01-01" in row["statement"] and
     row["cursor"] == {"column": "updated_at", "value": None},
     "EXPLAIN SYNC of a new one", row)
one("SYNC CONNECTOR gh.issues TO kept INCREMENTAL ON updated_at SCHEDULE "
    "'@daily'")
ended("gh.issues", shown("gh.issues")["runs"] + 1)
s.forget()
row = one("EXPLAIN SYNC gh.issues")
newest = shown("gh.issues")["cursor"]["issues"]["value"]
t.ok(newest in row["statement"] and "since=" + newest in
     row["calls"][0]["request"] and row["cursor"]["value"] == newest,
     "from the cursor on, in the calls too", row)
t.eq([one("EXPLAIN SYNC CONNECTOR gh.issues TO kept" + how) for how in
      ("", " INCREMENTAL ON updated_at")], [row, row],
     "the same of the statement that would run it once more")
t.eq(one("EXPLAIN SYNC CONNECTOR gh.issues TO kept INCREMENTAL ON created_at")
     ["cursor"]["value"], None, "but not of one by another column")
t.eq(s.calls(), [], "asks nobody")
out = one("SYNC CONNECTOR gh.issues TO kept INCREMENTAL ON updated_at SCHEDULE "
          "'@daily'")
n = shown("gh.issues")["runs"]
ended("gh.issues", n + 1)
t.eq([a[1].replace("%3A", ":") for a in s.calls()][0], row["calls"][0]
     ["request"].split(s.base)[1], "and that is what is asked")

# ---- a whole connector, of which not all has the column ----
run("CREATE CONNECTOR jira TYPE 'jira' CONFIG {base_url: '%s/jira', "
    "email: 'a@b.c', api_token: 'x', project: 'OPS'}" % s.base)
rows = {r["entity"]: r for r in
        run("EXPLAIN SYNC CONNECTOR jira TO j-* INCREMENTAL ON updated")}
t.ok("updated" in rows["issues"]["cursor"]["column"] and
     rows["projects"]["cursor"]["column"] is None and
     "WHERE" not in rows["projects"]["statement"],
     "what has no such column is read whole", rows.get("projects"))

# ---- who leaves in the middle ----
s.delay = 0.25
big = s.issues["web"]
s.issues["web"] = big + [dict(i, id=i["id"] + 10 ** 6 * k) for k in range(1, 9)
                         for i in big]
try:
    d.call("POST", "/v1/query", {"sql": "SYNC CONNECTOR gh.issues TO left"},
           timeout=4)
except OSError:
    pass
s.delay = 0
name = [i["id"] for i in d.get("/v1/syncs")[1]["items"]
        if i["target"] == "left"][0]
wait(lambda: shown(name)["status"] != "running", 10)
row = shown(name)
t.ok(row["verdict"] == "partial" and "ended before its end" in row["reason"] and
     row["last_rows"] == one("SELECT count(*) AS n FROM left")["n"] > 0 and
     row["last_run_at"], "what was done until then is a part of a run", row)
s.issues["web"] = big

# ---- killed in the first run ----
s.delay = 0.3
one("SYNC CONNECTOR gh.issues TO first SCHEDULE '@monthly'")
name = [i["id"] for i in d.get("/v1/syncs")[1]["items"]
        if i["target"] == "first"][0]
wait(lambda: shown(name)["status"] == "running", 5)
d.kill()
s.delay = 0
d.start()
t.ok(ended(name, 1) and shown(name)["verdict"] == "complete",
     "the first run is made up for", shown(name))
n = shown(name)["runs"]
d.kill()
d.start()
t.ok(not wait(lambda: shown(name)["status"] == "running" or
              shown(name)["runs"] > n, 1.5), "but only once", shown(name))

# ---- counted ----
one("SYNC CONNECTOR gh.pulls TO pulls")
rows = d.metric("moltler_sync_rows_total")
t.ok(rows > 0 and d.metric("moltler_rows_total") == rows ==
     d.get("/v1/status")[1]["rows_total"], "rows of syncs are rows", rows)
t.eq(d.show("gh")["last_rows_ingested"], len(s.pulls["web"]),
     "and shown of their connector")

t.eq(d.close(), 0, "ends well")

# ---- rows that another node holds ----
if not have("redis-server"):
    t.skip("two daemons", "there is no redis-server")
else:
    redis = Redis()
    pair = [Daemon("--redis", redis.url, env={"GH_TOKEN": "ghp_good"})
            for _ in range(2)]
    d = pair[0]
    run(CREATE)
    one("SYNC CONNECTOR gh.pulls TO there")
    node = d.get("/v1/status")[1]["node"]
    d = pair[1]
    wait(lambda: len(run("SHOW SYNCS")) == 1, 10)
    rows = run("SHOW TARGETS")
    t.ok(len(rows) == 1 and rows[0]["target"] == "there" and
         rows[0]["node"] == node, "SHOW TARGETS says where it is", rows)
    for name in ("there", "moltler.there", "sqlite:there", "the*"):
        e = fails("SELECT * FROM " + name)
        t.ok(e["code"] == "not_here" and node in e["message"],
             "SELECT from %s says which has it" % name, e)
    for x in pair:
        x.close()
    redis.close()
s.close()
