"""Live queries, statements and actions against services on loopback: the whole
road from SQL to the wire and back, by the API."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Redis, have, wait  # noqa: E402
from fake_services import Services  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
s = Services()
d = Daemon(env={"GH_TOKEN": "ghp_good", "JIRA_TOKEN": "j1", "DD_API": "dd1",
                "DD_APP": "dd2", "PD_KEY": "pd1"})


def run(sql, **kw):
    return d.query(sql, **kw)


def fails(sql):
    """The error of a statement: (status, error object)."""
    status, out = d.post("/v1/query", {"sql": sql, "format": "json"})
    if isinstance(out, dict) and "error" in out:
        return status, out["error"]
    return status, {"code": None, "message": str(out)[:300]}


def sent(part=""):
    """What a service was asked since the last forget()."""
    return s.calls(part)


# ---- connectors ----
got = run("""CREATE CONNECTOR github_org TYPE 'github'
CONFIG {
  "token": "$env:GH_TOKEN", -- from the environment
  "org": "acme", "repo": "web",
  /* not the real one */ "api_url": "%s/github"
}
OPTIONS { "cache_ttl": 0, -- always ask
  "retry_count": 1 };""" % s.base)
t.eq(got, [{"status": "created", "connector": "github_org", "type": "github"}],
     "CREATE CONNECTOR answers")
run('CREATE CONNECTOR jira_project TYPE \'jira\' CONFIG {"base_url": '
    '"%s/jira", "email": "me@example.com", "api_token": "$env:JIRA_TOKEN"} '
    'OPTIONS {"cache_ttl": 0}' % s.base)
run('CREATE CONNECTOR datadog_prod TYPE \'datadog\' CONFIG {"api_url": '
    '"%s/datadog", "api_key": "$env:DD_API", "app_key": "$env:DD_APP"} '
    'OPTIONS {"cache_ttl": 0}' % s.base)
run('CREATE CONNECTOR pagerduty_prod TYPE \'pagerduty\' CONFIG {"api_url": '
    '"%s/pagerduty", "api_key": "$env:PD_KEY", "from_email": '
    '"me@example.com"} OPTIONS {"cache_ttl": 0}' % s.base)
for n in ("github_org", "jira_project", "datadog_prod", "pagerduty_prod"):
    got = run("TEST CONNECTOR " + n)
    t.ok(got and got[0]["ok"] in (True, 1), "TEST CONNECTOR " + n, got)
t.eq([r["Name"] for r in run("SHOW CONNECTORS")],
     ["datadog_prod", "github_org", "jira_project", "pagerduty_prod"],
     "SHOW CONNECTORS lists them")
status, e = fails("CREATE CONNECTOR github_org TYPE 'github' CONFIG "
                  '{"token": "x", "org": "acme"}')
t.ok(e["code"] == "exists", "a name that is taken", e)
status, e = fails("CREATE CONNECTOR g2 TYPE 'github' CONFIG "
                  '{"tokn": "x", "org": "acme"}')
t.ok("tokn" in e["message"] and "token" in e["message"],
     "an unknown key is named, and what was meant", e)

# ---- the statements of the first hour ----
s.forget()
rows = run("""SELECT title, created_at, html_url FROM github_org.issues
WHERE state = 'open' AND assignee = 'octo1' AND labels CONTAINS 'bug'
ORDER BY created_at DESC;""")
want = [i for i in s.issues["web"] if i["state"] == "open" and
        (i["assignee"] or {}).get("login") == "octo1" and
        "bug" in [x["name"] for x in i["labels"]] and "pull_request" not in i]
t.eq(sorted(r["html_url"] for r in rows), sorted(i["html_url"] for i in want),
     "issues by state, assignee and label")
t.eq([r["created_at"] for r in rows],
     sorted((i["created_at"] for i in want), reverse=True), "in their order")
path = sent("/github/")[0][1]
for part in ("state=open", "assignee=octo1", "labels=bug", "sort=created",
             "direction=desc"):
    t.ok(part in path, "pushed: " + part, path)

s.forget()
rows = run("""SELECT key, summary, status, priority FROM jira_project.issues
WHERE project = 'OPS' AND type = 'Incident' AND priority IN ('High', 'Critical')
AND status != 'Resolved';""")
want = [x["key"] for x in s.tickets
        if x["fields"]["issuetype"]["name"] == "Incident" and
        x["fields"]["priority"]["name"] in ("High", "Critical") and
        x["fields"]["status"]["name"] != "Resolved"]
t.eq(sorted(r["key"] for r in rows), sorted(want), "Jira's incidents")
t.ok("jql=" in sent("/jira/")[0][1] or b"jql" in sent("/jira/")[0][3],
     "asked in JQL")
t.ok(len(want) > 3 and len(sent("/jira/")) <= 2, "and nothing else was read",
     len(sent("/jira/")))

rows = run("""SELECT name, status, last_triggered FROM datadog_prod.monitors
WHERE status = 'Alert' ORDER BY last_triggered DESC LIMIT 10;""")
t.ok(len(rows) == 10 and all(r["status"] == "Alert" for r in rows) and
     rows == sorted(rows, key=lambda r: r["last_triggered"], reverse=True),
     "Datadog's monitors", rows[:3])
t.ok(rows and rows[0]["last_triggered"], "last_triggered has a value")

s.forget()
rows = run("""SELECT g.title AS pr_title, j.summary AS ticket_summary,
j.status AS ticket_status FROM github_org.pulls g JOIN jira_project.issues j
ON g.title LIKE '%' || j.key || '%' WHERE g.state = 'open';""")
want = sum(1 for p in s.pulls["web"] for x in s.tickets
           if p["state"] == "open" and x["key"] in p["title"])
t.eq(len(rows), want, "pull requests joined with tickets")
t.ok(len(sent("/jira/")) <= 3, "each page of Jira was asked once",
     len(sent("/jira/")))

# ---- LIMIT, paging, counting ----
s.forget()
rows = run("SELECT number FROM github_org.issues LIMIT 5")
t.ok(len(rows) == 5 and len(sent("/github/")) == 1, "LIMIT 5 is one call",
     [a[1] for a in sent()])
s.forget()
n = run("SELECT count(*) AS n FROM github_org.issues")[0]["n"]
t.eq(n, sum("pull_request" not in i for i in s.issues["web"]),
     "issues counted, pull requests left out")
t.eq(len(sent("/github/")), 3, "three pages of a hundred")
n = run("SELECT count(*) AS n FROM github_org.issues WHERE repo = 'api'")
t.eq(n[0]["n"], 30, "another repository by WHERE")
rows = run("SELECT id, body, labels, comments FROM github_org.issues WHERE "
           "number = 7")
t.eq(rows, [{"id": 10 ** 15 + 7, "body": None, "labels": ["bug", "debug",
                                                         "incident"],
             "comments": 7}] if rows and "id" in rows[0] else rows,
     "integers exact, NULL is null, lists are lists")
status, out = d.post("/v1/query", {"sql": "SELECT number FROM github_org.issues",
                                   "format": "json"})
st = out.get("stats", {})
t.ok(st.get("pages") == 3 and st.get("calls") == 3, "stats say 3 and 3", st)

# ---- EXPLAIN says and asks nothing ----
s.forget()
rows = run("EXPLAIN SELECT title FROM github_org.issues WHERE state = 'open' "
           "AND length(title) > 3 ORDER BY created_at DESC LIMIT 3")
text = json.dumps(rows)
t.ok("state" in text and "/repos/acme/web/issues" in text, "EXPLAIN SELECT",
     text)
rows = run("EXPLAIN CONNECTOR_EXEC github_org.issues.create("
           '{"title": "New issue", "labels": ["automated"]})')
text = json.dumps(rows)
t.ok("POST" in text and "New issue" in text and "ghp_good" not in text,
     "EXPLAIN CONNECTOR_EXEC", text)
t.eq(sent(), [], "EXPLAIN sends nothing")

# ---- actions ----
rows = run("""CONNECTOR_EXEC github_org.issues.create({"title":
"New issue from Moltler", "body": "Created automatically", "labels":
["automated"]});""")
t.ok(rows and rows[0]["title"] == "New issue from Moltler", "issues.create",
     rows)
a = sent("/github/repos/acme/web/issues")[-1]
t.eq((a[0], json.loads(a[3])), ("POST", {
    "title": "New issue from Moltler", "body": "Created automatically",
    "labels": ["automated"]}), "as one POST")
rows = run('EXEC github_org.issues.update(issue_number => 123, data => '
           '{"state": "closed"})')
t.ok(rows and rows[0]["state"] == "closed", "issues.update", rows)
rows = run("CONNECTOR_EXEC pagerduty_prod.incidents.acknowledge("
           "incident_id => 'P123ABC')")
a = sent("/pagerduty/incidents/P123ABC")[-1]
t.ok(a[0] == "PUT" and a[2].get("From") == "me@example.com",
     "incidents.acknowledge", a)
s.forget()
status, e = fails("EXEC github_org.issues.create({\"titel\": \"x\"})")
t.ok("titel" in e["message"] and "title" in e["message"] and
     status == 400, "unknown and missing arguments are named", e)
status, e = fails("EXEC github_org.issues.update(issue_number => 'x', data "
                  "=> {})")
t.ok("issue_number" in e["message"], "an ill-typed one too", e)
t.eq(sent(), [], "and nothing was sent")

t.ok((d.metric("moltler_http_requests_total", type="github", code="200") or 0)
     > 5, "/metrics counts what services were asked")

# ---- errors ----
status, e = fails("SELECT tilte FROM github_org.issues")
t.ok("title" in e["message"], "did you mean", e)
status, e = fails("SELECT * FROM github_org.isues")
t.ok("issues" in e["message"], "an unknown entity", e)
s.fail["/github/repos/acme/web/issues"] = [(500, {}, {"message": "oops"})] * 2
status, e = fails("SELECT number FROM github_org.issues")
t.ok(e["code"] == "http_500" and "/repos/acme/web/issues" in e["message"],
     "a 500 that stays", e)
s.fail["/github/repos/acme/web/issues"] = [(500, {}, {"message": "oops"})]
n = run("SELECT count(*) AS n FROM github_org.issues")[0]["n"]
t.ok(n > 100, "a 500 that passes is retried")
s.fail["/github/repos/acme/web/issues"] = [
    (200, {"Content-Type": "text/html"}, b"<html>maintenance</html>")]
status, e = fails("SELECT number FROM github_org.issues")
t.ok("HTML" in e["message"], "a page that is not JSON", e)
run('CREATE CONNECTOR gh3 TYPE \'github\' CONFIG {"token": "$env:GH_TOKEN", '
    '"org": "acme", "repo": "web", "api_url": "%s/github"}' % s.base)
s.fail["/github/repos/acme/web/issues"] = [
    (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset":
           str(int(time.time()) + 3000)}, {"message": "API rate limit"})]
status, e = fails("SELECT number FROM gh3.issues")
t.ok(e["code"] == "rate_limit" and status == 503,
     "a 403 that is a rate limit", e)
s.forget()
status, e = fails("SELECT number FROM gh3.issues")
t.ok(e["code"] == "rate_limit" and sent() == [],
     "nobody asks before the reset", e)
run('CREATE OR REPLACE CONNECTOR gh2 TYPE \'github\' CONFIG {"token": '
    '"$env:GH_TOKEN", "org": "acme", "repo": "web", "api_url": "%s/github"} '
    'OPTIONS {"retry_count": 0}' % s.base)
s.fail["/github/repos/acme/web/issues"] = [
    (200, {"Link": '<%s/github/repos/acme/web/issues?page=2>; rel="next"' %
           s.base}, [s.issues["web"][0]]), (502, {}, b"bad gateway")]
out = d.call("POST", "/v1/query", {"sql": "SELECT number FROM gh2.issues "
                                   "WHERE repo = 'web'", "format": "ndjson"})
last = json.loads(out[2].splitlines()[-1])
t.ok("error" in last and "page 2" in last["error"]["message"],
     "a failure after some rows says which page", last)
status, e = fails("SELECT number FROM gh2.issues WHERE repo = 'nothing'")
t.ok(e["code"] == "http_404", "a repository that is not there", e)

# ---- cache ----
s.forget()
a = run("SELECT number FROM gh2.issues WHERE state = 'closed'")
n = len(sent("/github/"))
b = run("SELECT number FROM gh2.issues WHERE state = 'closed'")
t.ok(a == b and len(sent("/github/")) == n, "cache_ttl: asked once")
status, out = d.post("/v1/query", {
    "sql": "SELECT number FROM gh2.issues WHERE state = 'closed'",
    "format": "json"})
t.ok(out.get("stats", {}).get("cache_hits") == 1, "and said so",
     out.get("stats"))

# ---- revalidation ----
s.etags = True
run("SELECT number FROM github_org.issues WHERE state = 'open'")
before = s.remaining
run("SELECT number FROM github_org.issues WHERE state = 'open'")
t.eq(s.remaining, before, "304 costs no quota")
status, out = d.post("/v1/query", {
    "sql": "SELECT number FROM github_org.issues WHERE state = 'open'",
    "format": "json"})
t.ok(out["stats"].get("not_modified", 0) > 0, "and is in the statistics",
     out["stats"])
s.etags = False

# ---- scripts ----
rows = run("""BEGIN TRY SELECT * FROM github_org.nothing_here;
CATCH connector_error THEN SELECT 1 AS caught; CATCH OTHERS THEN
SELECT 2 AS caught; END TRY; END;""")
t.ok(rows and rows[0].get("caught") in (1, 2), "BEGIN TRY ... CATCH", rows)
s.fail["/github/repos/acme/web/issues"] = [(500, {}, {"message": "oops"})] * 2
rows = run("""BEGIN TRY SELECT number FROM github_org.issues;
CATCH connector_error THEN SELECT error.class AS c, error.code AS k;
END TRY; END;""")
t.eq(rows, [{"c": "connector_error", "k": "http_500"}], "error.class, error.code")

# ---- max_api_calls ----
status, out = d.post("/v1/query", {"sql": "SELECT number FROM "
                                   "github_org.issues", "max_api_calls": 1})
t.ok("max_api_calls" in json.dumps(out), "max_api_calls ends it", out)

# ---- what happens to who leaves, and to what is dropped ----
s.delay = 0.3
done = []
th = threading.Thread(target=lambda: done.append(
    run("SELECT count(*) AS n FROM gh2.issues WHERE comments >= 0")))
th.start()
wait(lambda: d.get("/v1/status")[1].get("queries", 1), 1)
time.sleep(0.1)
run("DROP CONNECTOR gh2")
th.join(30)
t.ok(done and done[0][0]["n"] > 100, "a connector dropped while its query runs",
     done)
s.delay = 0
t.ok(d.alive(), "still there")
rc = d.close()
t.eq(rc, 0, "and ends well")

# ---- two daemons, one budget ----
if have("redis-server") and have("redis-cli"):
    r = Redis()
    two = [Daemon("--redis", r.url, env={"GH_TOKEN": "ghp_good"})
           for _ in range(2)]
    two[0].query(
        'CREATE CONNECTOR gh TYPE \'github\' CONFIG {"token": "$env:GH_TOKEN", '
        '"org": "acme", "repo": "web", "api_url": "%s/github"} OPTIONS '
        '{"cache_ttl": 0, "rate_limit": 5, "rate_limit_burst": 2}' % s.base)
    t.ok(wait(lambda: two[1].get("/v1/connectors/gh")[0] == 200, 15),
         "the other daemon has the connector too")
    began = time.monotonic()
    s.forget()
    ths = [threading.Thread(target=x.query, args=(
        "SELECT count(*) FROM gh.issues",)) for x in two]
    for th in ths:
        th.start()
    for th in ths:
        th.join()
    # Six calls, two at once and then five a second.
    took = time.monotonic() - began
    t.eq(len(sent("/github/repos")), 6, "each read its three pages")
    t.ok(took > 0.6, "together they keep to one rate", took)
    t.eq(r.cli("KEYS", "moltler:limit:*"),
         "moltler:limit:127.0.0.1:%d:gh" % s.port, "by the host in Redis")
    for x in two:
        x.close()
    r.close()
else:
    t.skip("two daemons, one budget", "no redis-server here")
s.close()
