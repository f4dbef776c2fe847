"""Statements against a real daemon, with a service on loopback that answers as
GitHub does."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Pages, rest, wait  # noqa: E402
from fake_services import Services  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
s = Services()
d = Daemon(env={"GH_TOKEN": "ghp_good"})
run = d.query
fails = d.fails
ISSUES = "/github/repos/acme/web/issues"


def whole(sql):
    """The answer as JSON: columns, rows, stats or error."""
    return d.post("/v1/query", {"sql": sql, "format": "json"})[1]


def boom(n=1):
    """The next n calls of the list fail."""
    s.fail[ISSUES] = [(500, {}, {"message": "oops"})] * n


CONFIG = ('CONFIG {"token": "$env:GH_TOKEN", "org": "acme", "repo": "web", '
          '"api_url": "%s/github"}' % s.base)
OPTIONS = 'OPTIONS {"cache_ttl": 0, "retry_count": 0}'

# ---- CREATE, ALTER, DROP ----
t.eq(run("CREATE CONNECTOR gh TYPE 'github' %s\nOPTIONS {\"cache_ttl\": 0, -- x\n"
         '"retry_count": 0, "sync_interval": "5m" /* } */};' % CONFIG),
     [{"status": "created", "connector": "gh", "type": "github"}], "CREATE")
first = d.show("gh")["id"]
e = fails("CREATE CONNECTOR gh TYPE 'github' " + CONFIG)
t.ok(e["code"] == "exists" and e["message"].startswith(
    "line 1, column 18: there is a connector gh already"), "a taken name", e)
t.eq(run("CREATE CONNECTOR IF NOT EXISTS gh TYPE 'github' " + CONFIG),
     [{"status": "skipped", "connector": "gh", "type": "github"}],
     "IF NOT EXISTS")
e = fails("CREATE CONNECTOR x TYPE 'nope' CONFIG {}")
t.ok(e["code"] == "unknown_type" and "column 25" in e["message"],
     "an unknown type", e)
e = fails("CREATE CONNECTOR x TYPE 'github' CONFIG {\"tokn\": \"hunter2\"}")
t.ok("tokn" in e["message"] and "hunter2" not in e["message"],
     "an unknown key", e)
t.eq(run("CREATE OR REPLACE CONNECTOR gh TYPE 'github' %s %s" %
         (CONFIG, OPTIONS)),
     [{"status": "replaced", "connector": "gh", "type": "github"}],
     "OR REPLACE")
show = d.show("gh")
t.ok(show["id"] == first and "sync_interval" not in show["options"],
     "the id stays, old options go", show)
t.eq(run("CREATE OR REPLACE CONNECTOR status TYPE 'github' " + CONFIG),
     [{"status": "created", "connector": "status", "type": "github"}],
     "a keyword as a name")
t.eq(run("ALTER CONNECTOR status SET OPTIONS {\"max_api_calls\": 7}"),
     [{"status": "altered", "connector": "status"}], "SET OPTIONS")
run("ALTER CONNECTOR status SET CONFIG {\"repo\": null}")
show = d.show("status")
t.ok(show["options"]["max_api_calls"] == 7 and "repo" not in show["config"] and
     show["config"]["org"] == "acme", "SET CONFIG merges", show)
e = fails("ALTER CONNECTOR status SET OPTIONS {\"nope\": 1}")
t.ok("nope" in e["message"], "an unknown option", e)
run("ALTER CONNECTOR status DISABLE")
t.eq([r["Status"] for r in run("SHOW CONNECTORS")], ["pending", "disabled"],
     "DISABLE")
run("ALTER CONNECTOR status ENABLE")
t.eq(d.show("status")["enabled"], True, "ENABLE")
e = fails("ALTER CONNECTOR statu ENABLE")
t.ok(e["code"] == "not_found" and "(did you mean status?)" in e["message"] and
     e["message"].endswith("\n                  ^"), "did you mean", e)
t.eq(run("DROP CONNECTOR status"),
     [{"status": "deleted", "connector": "status"}], "DROP")
t.eq(fails("DROP CONNECTOR status")["code"], "not_found", "DROP of nothing")
t.eq(run("DROP CONNECTOR IF EXISTS status"),
     [{"status": "skipped", "connector": "status"}], "IF EXISTS")

# ---- each mistake has its place ----
for sql, place in (
        ("ALTER CONNECTOR gh SET CONFIG {\"nope\": 1}", "column 32: config.nope"),
        ("ALTER CONNECTOR gh SET OPTIONS {\"a\": 1,\n \"timeout_seconds\": 0}",
         "column 33: options.a"),
        ("ALTER CONNECTOR gh SET OPTIONS {\"batch_size\": 1,\n "
         "\"timeout_seconds\": 0}", "line 2, column 2: options.timeout"),
        ("CREATE CONNECTOR config TYPE 'github' CONFIG {}",
         "column 46: config.token is missing"),
        ("CREATE CONNECTOR p TYPE 'prometheus' CONFIG {endpoint: \"http://h\", "
         "auth: {type: \"bearer\", url: 1}}", "column 91: config.auth.url"),
        ("CREATE CONNECTOR x TYPE 'github' CONFIG {\"token\":\"hunter2\"} OPTIONS "
         "{\"ca_file\": \"/nope\"}", "column 70: options.ca_file"),
        ("CREATE CONNECTOR main TYPE 'github' CONFIG {\"token\": \"hunter2\"}",
         "column 18: 'main'"),
        ("EXEC gh.issues.create(nope => 'hunter2')", "column 23: create: nope"),
        ("EXEC gh.issues.create({title: 'a', labels: 5})", "column 36: create: la"),
        ("EXEC gh.issues.create()", "column 16: create: title is missing"),
        ("SYNC CONNECTOR gh.issues TO x OPTIONS {delets: 'mark'}",
         "column 40: unknown key options.delets (did you mean deletes?); known are"),
        ("BEGIN SELECT 1;\nDROP SECRET nope; END", "line 2, column 13: there is no "
         "secret"),
        ("SET SECRET \"a b\" = 'hunter2'", "column 12: a secret's name")):
    e = fails(sql)["message"]
    t.ok(place in e and e.startswith("line ") and e.endswith("^") and
         "hunter2" not in e, "the place in " + sql.replace("\n", " "), e)

# ---- SHOW, DESCRIBE, TEST ----
out = whole("SHOW CONNECTORS")
t.eq([c["name"] for c in out["columns"]],
     ["Name", "Type", "Status", "Last Sync"], "SHOW CONNECTORS' columns")
t.eq(out["rows"][0]["Last Sync"], "never", "never synced")
t.eq(whole("SHOW SYNCS")["rows"], [], "no rows is no error")
props = {r["property"]: r["value"] for r in run("SHOW CONNECTOR gh")}
t.ok(props["name"] == "gh" and props["config.token"] == "$env:GH_TOKEN" and
     props["options.cache_ttl"] == 0 and props["enabled"] == "true",
     "SHOW CONNECTOR", props)
t.eq([r["property"] for r in run("SHOW CONNECTOR gh STATUS")],
     ["status", "enabled", "disabled_reason", "last_run_at",
      "last_success_at", "last_error", "last_rows_ingested"],
     "SHOW CONNECTOR STATUS")
types = {r["type"]: r for r in run("SHOW TYPES")}
t.ok("issues" in types["github"]["entities"] and types["prometheus"],
     "SHOW TYPES", types)
for name in ("github", "gh"):
    rows = run("DESCRIBE " + name)
    kinds = {r["kind"] for r in rows}
    t.ok(kinds == {"config", "entity", "action"} and
         [r["required"] for r in rows if r["name"] == "token"] and
         any(r["name"] == "issues.create" for r in rows), "DESCRIBE " + name,
         rows[:5])
rows = {r["name"]: r for r in run("DESCRIBE prometheus")}
t.ok("bearer" in rows["auth.type"]["description"] and
     rows["auth.token_ref"]["type"] == "secret_ref" and
     rows["auth.token_ref"]["required"] == "yes" and
     "(default 5000)" in rows["timeout_ms"]["description"] and
     rows["endpoint"]["required"] == "unless api_url",
     "DESCRIBE tells variants, defaults and what may do instead", rows)
rows = {r["name"]: r for r in run("DESCRIBE salesforce")}
t.ok("one of client_credentials, jwt" in rows["auth"]["description"],
     "and what words there are", rows["auth"])
rows = {r["column"]: r for r in run("DESCRIBE gh.issues")}
t.ok("=" in rows["state"]["pushdown"] and rows["state"]["type"] == "text" and
     "input" in rows["repo"]["description"].lower() and
     rows["create"]["type"] == "action", "DESCRIBE gh.issues", rows)
e = fails("DESCRIBE gh.isues")
t.ok("(did you mean issues?)" in e["message"], "no such entity", e)
e = fails("DESCRIBE githb")
t.ok("(did you mean github?)" in e["message"], "no such type", e)
row = run("TEST CONNECTOR gh")[0]
t.ok(row["ok"] in (1, True) and row["latency_ms"] > 0, "TEST CONNECTOR", row)
t.eq(run("SHOW CONNECTORS")[0]["Status"], "connected", "which is its status")

# ---- SELECT, and what it teaches ----
boom()
e = fails("SELECT number FROM gh.issues")
t.eq(e["code"], "http_500", "a failure of the service")
t.eq(run("SHOW CONNECTORS")[0]["Status"], "error", "is the status")
props = {r["property"]: r["value"] for r in run("SHOW CONNECTOR gh STATUS")}
t.ok("500" in props["last_error"], "with its words", props)
fails("SELECT nmber FROM gh.issues")
t.eq(run("SHOW CONNECTORS")[0]["Status"], "error",
     "a wrong statement says nothing of it")
t.eq(len(run("SELECT number FROM gh.issues LIMIT 3")), 3, "a SELECT")
t.eq(run("SHOW CONNECTORS")[0]["Status"], "connected", "and all is well again")
e = fails("SELECT * FROM gh.isues")
t.ok("connector gh (type github) has no entity isues (did you mean issues?)" in
     e["message"], "an unknown entity in FROM", e)
e = fails("SELECT * FROM ghh.issues")
t.ok("(did you mean gh.issues?)" in e["message"], "an unknown connector", e)
s.forget()
t.ok(len(run("EXPLAIN SELECT number FROM gh.issues")) == 1 and not s.calls(),
     "EXPLAIN SELECT asks nothing")
t.ok(run("EXPLAIN QUERY PLAN SELECT 1 FROM gh.issues"), "EXPLAIN QUERY PLAN")
e = fails("\n EXPLAIN SELECT nope FROM gh.issues")
t.ok(e["message"].startswith("line 2, column 17:"), "its places are true", e)

# ---- actions ----
s.forget()
rows = run("EXPLAIN CONNECTOR_EXEC gh.issues.create({\"title\": \"New\", -- x\n"
           '"labels": ["automated"]});')
row = rows[0]
t.ok(len(rows) == 2 and row["method"] == "POST" and
     rows[1]["method"] == "GET" and
     row["url"].endswith("/repos/acme/web/issues") and
     json.loads(row["body"]) == {"title": "New", "labels": ["automated"]} and
     "ghp_good" not in json.dumps(row) and "GH_TOKEN" in row["headers"],
     "EXPLAIN CONNECTOR_EXEC", rows)
t.eq(s.calls(), [], "sends nothing")
rows = run('CONNECTOR_EXEC gh.issues.create({"title": "New issue from Moltler", '
           '"body": "Created automatically", "labels": ["automated"]});')
t.ok(len(rows) == 1 and rows[0]["title"] == "New issue from Moltler" and
     isinstance(rows[0]["labels"], list), "CONNECTOR_EXEC", rows)
rows = run("EXEC gh.issues.update(issue_number => 123, data => {\"state\": "
           "\"closed\"})")
t.eq(rows[0]["state"], "closed", "EXEC with named arguments")
s.forget()
e = fails('EXEC gh.issues.create({"titel": "x"})')
t.ok(e["code"] == "bad_args" and "titel" in e["message"] and
     "title" in e["message"], "wrong arguments", e)
e = fails("EXEC gh.issues.creat({})")
t.ok(e["code"] == "not_found" and "(did you mean create?)" in e["message"] and
     e["message"].startswith("line 1, column 16:"), "no such action", e)
e = fails("EXEC gh.isues.create({})")
t.ok("(did you mean issues?)" in e["message"], "no such entity", e)
e = fails("EXEC hg.issues.create({})")
t.ok(e["code"] == "not_found" and e["message"].startswith("line 1, column 6:"),
     "no such connector", e)
t.eq(s.calls(), [], "nothing was sent")
s.fail[ISSUES] = [(422, {}, {"message": "oops"})]
t.eq(run("BEGIN TRY EXEC gh.issues.create({title: 'x'}); CATCH THEN "
         "EXEC gh.issues.create({title: error.code}); END TRY; END")[0]["title"],
     run("BEGIN TRY EXEC gh.nope.nope(); CATCH THEN EXEC gh.issues.create("
         "title => error.class); END TRY; END") and "invalid",
     "error.* as an argument")
t.eq(json.loads(s.calls(ISSUES)[-1][3])["title"], "config_error",
     "and error.class")

# ---- errors of the text ----
for sql, code, head in (
        ("", "sql", "line 1, column 1: there is no statement here"),
        ("SHOW", "sql", "line 1, column 5: found the end of the statement"),
        ("INSERT INTO t VALUES (1)", "denied", "line 1, column 1: found"),
        ("SELECT 1; SELECT 2", "sql", "line 1, column 11: more than one"),
        ("SHOW TYPES \x01", "sql", "line 1, column 12: found"),
        ("SELECT '" + "x" * 10000000 + "'", "too_large", "the body is "),
        ("BEGIN " * 10000, "sql", "line 1, column 193: blocks nested"),
        ("CREATE CONNECTOR x TYPE 'y' CONFIG " + "{\"a\":" * 10000, "sql",
         "line 1, column 536: nested more than 100 deep")):
    e = fails(sql)
    t.ok(e["code"] == code and e["message"].startswith(head),
         "error: " + sql[:30].replace("\x01", "?"), e)

# ---- secrets ----
t.eq(run("SET SECRET gh_token = 'ghp_''x'"),
     [{"status": "set", "secret": "gh_token"}], "SET SECRET")
t.eq(run("SHOW SECRETS"), [{"name": "gh_token"}], "SHOW SECRETS")
t.eq(run("DROP SECRET gh_token"), [{"status": "deleted", "secret": "gh_token"}],
     "DROP SECRET")
t.eq(fails("DROP SECRET gh_token")["code"], "not_found", "it is gone")
e = fails("SET SECRET x = hunter2")
t.ok("hunter2" not in json.dumps(e), "a value without quotes is not shown", e)

# ---- scripts ----
t.eq(run("BEGIN SELECT 1 AS a; SHOW TYPES; SELECT 2 AS b, 'x' AS c; END"),
     [{"b": 2, "c": "x"}], "the last statement's result")
for sql in ("", "EXPLAIN "):
    e = fails(sql + "EXEC gh.issues.create({title: 'x', repo: '..'})")
    t.ok(e["message"].startswith("gh: create: url: "),
         sql + "an argument that cannot be sent", e)
for sql in ("EXEC gh.issues.create({title: error.message})",
            "EXPLAIN EXEC gh.issues.create(title => error.code)",
            "ALTER CONNECTOR gh SET CONFIG {org: error.class}"):
    t.ok("known only in CATCH" in fails(sql)["message"],
         "no empty text for what is not known: " + sql, fails(sql))
t.eq(run("BEGIN TRY SELECT 1 AS a; CATCH THEN SELECT 2; END TRY; END;"),
     [{"a": 1}], "TRY that goes well")
boom()
t.eq(run("BEGIN TRY SELECT number FROM gh.issues; CATCH connector_error THEN "
         "SELECT error.class AS c, error.code AS k, error.message LIKE "
         "'%oops%' AS m; END TRY; END"),
     [{"c": "connector_error", "k": "http_500", "m": 1}], "CATCH with error.*")
for cls, want in (("auth_error", "err"), ("timeout_error", "err"),
                  ("rate_limit_error", "err"), ("config_error", "err"),
                  ("connector_error", [{"x": 1}]), ("OTHERS", [{"x": 1}]),
                  ("", [{"x": 1}])):
    boom()
    try:
        got = run("BEGIN TRY SELECT number FROM gh.issues; CATCH %s THEN "
                  "SELECT 1 AS x; END TRY; END" % cls)
    except RuntimeError:
        got = "err"
    t.eq(got, want, "a 500 and CATCH " + cls)
s.fail[ISSUES] = [(401, {}, {"message": "Bad credentials"})]
t.eq(run("BEGIN TRY SELECT number FROM gh.issues; CATCH timeout_error THEN "
         "SELECT 1 AS x; CATCH auth_error THEN SELECT 2 AS x; END TRY; END"),
     [{"x": 2}], "the first CATCH that fits")
t.eq(run("BEGIN TRY SELECT nope; CATCH connector_error THEN SELECT 1 AS x; "
         "CATCH OTHERS THEN SELECT 2 AS x; END TRY; END"), [{"x": 2}],
     "wrong SQL is no connector's error")
e = fails("BEGIN\n  SELECT 1;\n  SELECT nope;\nEND")
t.ok(e["message"].startswith("line 3, column 10: no column nope"),
     "places within a script", e)
t.eq(run("BEGIN TRY SELECT nope; CATCH THEN TRY SELECT nope2; CATCH THEN "
         "SELECT error.message LIKE '%nope2%' AS x; END TRY; END TRY; END"),
     [{"x": 1}], "CATCH within CATCH")
boom(2)
t.eq(run("BEGIN TRY SELECT number FROM gh.issues; CATCH THEN SHOW CONNECTORS; "
         "FINALLY CREATE CONNECTOR fin TYPE 'github' %s; END TRY; END" %
         CONFIG)[0]["Name"], "gh", "FINALLY's result is not the result")
t.ok(d.show("fin").get("id"), "but it ran")
e = fails("BEGIN TRY SELECT nope; CATCH auth_error THEN SELECT 1; FINALLY "
          "DROP CONNECTOR fin; END TRY; END")
t.ok("nope" in e["message"] and "id" not in d.show("fin"),
     "FINALLY runs also when nothing was caught", e)
e = fails("BEGIN TRY SELECT 1 AS a; CATCH THEN SELECT 2; FINALLY SELECT nope; "
          "END TRY; END")
t.ok("nope" in e["message"], "a failure of FINALLY", e)
e = fails("BEGIN TRY WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM "
          "c WHERE x < 900000) SELECT x, printf('%.40c', 'y') AS y, CASE WHEN "
          "x > 890000 THEN abs(-9223372036854775808) END AS z FROM c; CATCH "
          "THEN SELECT 1; END TRY; END")
t.ok(e["message"].startswith("not caught, as more than 16 MiB"),
     "a TRY that is too much to hold", str(e)[:300])
got = run("BEGIN TRY WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM "
          "c WHERE x < 400000) SELECT x, printf('%.40c', 'y') AS y FROM c; CATCH "
          "THEN SELECT 1; END TRY; END")
t.ok(len(got) == 400000 and [r["x"] for r in got] == list(range(1, 400001)),
     "one that goes well comes whole", len(got))
got = run("BEGIN TRY TRY WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 "
          "FROM c WHERE x < 400000) SELECT x, printf('%.40c', 'y') AS y FROM c; "
          "CATCH THEN SELECT 1; END TRY; CATCH THEN SELECT 2; END TRY; END")
t.ok(len(got) == 400000, "also through two", len(got))

# ---- syncs of today, and wildcards over their targets ----
p = Pages()
for n in ("cache-one", "cache-two"):
    d.create("prom_" + n[6:], p.url, every=500, table="my-connector-" + n)
wait(lambda: all(r["status"] == "connected" for r in run("SHOW SYNCS")))
rows = run("SHOW SYNCS")
t.eq([r["sync"] for r in rows], ["prom_one.metrics", "prom_two.metrics"],
     "SHOW SYNCS")
t.eq(run("SHOW SYNC prom_one.metrics")[0]["target_table"],
     "my-connector-cache-one", "SHOW SYNC")
t.eq(run("PAUSE SYNC prom_one.metrics"),
     [{"status": "paused", "sync": "prom_one.metrics"}], "PAUSE SYNC")
t.eq(d.show("prom_one")["enabled"], False, "is paused")
run("RESUME SYNC 'prom_one.metrics'")
t.eq(run("RUN SYNC prom_one.metrics")[0]["status"], "started", "RUN SYNC")
t.eq(fails("RUN SYNC nope")["code"], "not_found", "no such sync")
last = run("SHOW CONNECTORS")[-1]["Last Sync"]
t.ok(last == "just now" or last.endswith("ago"), "Last Sync", last)
one = run("SELECT count(*) AS n FROM my-connector-cache-one WHERE timestamp < "
          "'2000-01-01'")[0]["n"]
run("PAUSE SYNC prom_one.metrics")
run("PAUSE SYNC prom_two.metrics")
rest(0.3)
n1, n2, both = (run("SELECT count(*) AS n FROM my-connector-cache-" + x)[0]["n"]
                for x in ("one", "two", "*"))
t.ok(n1 > 0 and n2 > 0 and both == n1 + n2, "the union of what * matches",
     (n1, n2, both))
out = whole("SELECT * FROM metrics.my-connector-cache-* ORDER BY timestamp "
            "LIMIT 1")
t.ok([c["name"] for c in out["columns"]] ==
     ["timestamp", "name", "value", "labels"] and
     isinstance(out["rows"][0]["labels"], dict), "with its columns", out)
t.eq(run("SELECT a.name FROM my-connector-cache-* a JOIN MY-connector-* b ON "
         "a.name = b.name AND a.timestamp = b.timestamp AND a.labels = "
         "b.labels WHERE 0"), [], "twice in one statement")
e = fails("SELECT * FROM no-such-*")
t.ok(e["code"] == "no_table" and e["message"].startswith(
    "line 1, column 15: no target matches no-such-*"), "none matches", e)
boom()
t.ok(run("BEGIN TRY SELECT * FROM gh.issues; CATCH connector_error THEN "
         "SELECT * FROM my-connector-cache-*; END TRY; END;")[0]["name"],
     "the example: the cache when the service is away")

# ---- leaving ----
s.delay = 0.5
gone = []


def leave():
    try:
        d.call("POST", "/v1/query", {"sql": "BEGIN TRY SELECT count(*) FROM "
               "gh.issues; CATCH THEN SELECT 1; END TRY; END"}, timeout=0.2)
    except OSError:
        gone.append(1)


threads = [threading.Thread(target=leave) for _ in range(10)]
for th in threads:
    th.start()
for th in threads:
    th.join()
s.delay = 0
t.ok(len(gone) == 10 and run("SELECT 1 AS x") == [{"x": 1}],
     "clients that leave scripts", len(gone))
log = d.events("stmt")
t.ok({x["statement"] for x in log} >= {
    "create_connector", "alter_connector", "drop_connector", "set_secret",
    "drop_secret", "pause_sync"} and "ghp_" not in json.dumps(log),
    "what changed something is in the log", len(log))
s.close()
p.close()
t.eq(d.close(), 0, "ends well")
