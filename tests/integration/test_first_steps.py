"""What somebody does who knows psql and not moltler: in any case, with mistakes,
and with a type of their own."""
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, Daemon, wait  # noqa: E402
from fake_services import Services  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
s = Services()
types = tempfile.mkdtemp(prefix="moltler-types-")
d = Daemon("--connectors", types, env={"GH_TOKEN": "ghp_good"})


def run(sql):
    return d.query(sql)


def fails(sql):
    out = d.post("/v1/query", {"sql": sql, "format": "json"})[1]
    e = out.get("error") if isinstance(out, dict) else None
    return e or {"code": None, "message": str(out)[:300]}


def says(sql, *parts):
    e = fails(sql)
    t.ok(all(p in e["message"] for p in parts), sql[:70], e)


CONFIG = ('{"token": "$env:GH_TOKEN", "org": "acme", "repo": "web", '
          '"api_url": "%s/github"}' % s.base)

# ---- names in any case ----
run("CREATE CONNECTOR Github_Org TYPE 'github' CONFIG %s "
    "OPTIONS {\"cache_ttl\": 0}" % CONFIG)
says("CREATE CONNECTOR github_org TYPE 'github' CONFIG " + CONFIG,
     "already")
status, out = d.post("/v1/connectors", {
    "name": "GITHUB_ORG", "type": "github", "config": {"token": "x"}})
t.ok(status == 409 and "'Github_Org'" in out["error"]["message"],
     "nor by the API", out)
t.eq(run("SELECT count(*) AS n FROM GITHUB_ORG.Issues")[0]["n"], 223,
     "SELECT finds it in any case")
t.eq(run("SELECT count(*) AS n FROM github_org.pulls a JOIN Github_Org.pulls b "
         "ON a.id = b.id")[0]["n"], 40, "twice in one statement")
t.eq([r["value"] for r in run("SHOW CONNECTOR github_org")
      if r["property"] == "name"], ["Github_Org"], "SHOW says how it is written")
run("ALTER CONNECTOR GITHUB_org DISABLE")
run("ALTER CONNECTOR GITHUB_org ENABLE")
t.eq(d.get("/v1/connectors/github_ORG")[0], 200, "the API too")

t.eq(d.call("PATCH", "/v1/connectors/github_org",
            {"options": {"rate_limit": 100.1}})[0], 204, "PATCH")
t.ok(b'"rate_limit":100.1,' in d.call("GET", "/v1/connectors")[2].replace(
     b"}", b","), "numbers are shown as they were written")

# ---- joins that tell an input: never the default instead ----
ON = ("github_org.repos r %s JOIN github_org.issues i ON i.repo = r.name %s "
      "GROUP BY 1 ORDER BY 1")
for more in ("", "WHERE i.state = 'open' AND i.assignee IS NULL",
             "WHERE i.author = 'author3' AND i.state = 'closed'",
             "AND i.labels CONTAINS 'bug'"):
    sql = "SELECT r.name, count(*) AS n FROM " + ON
    want = run(sql % ("CROSS", more))
    t.eq(run(sql % ("", more)), want, "a join gives the repository " + more)
    t.eq([r["name"] for r in want], ["api", "web"], "of both")
t.ok(run("SELECT count(*) AS n FROM github_org.issues i JOIN github_org.pulls "
         "p ON i.repo = p.repo AND i.number = p.number")[0]["n"] > 30,
     "two that could tell each other")

# ---- EXPLAIN shows what would be sent ----
e = run("EXPLAIN SELECT key FROM jira0.issues WHERE priority IN ('Low', "
        "'High', 'Low')") if run(
    "CREATE CONNECTOR jira0 TYPE 'jira' CONFIG {\"base_url\": \"%s/jira\", "
    "\"api_token\": \"x\", \"email\": \"a@b.c\"}" % s.base) else None
t.ok("IN%20%28%22High%22,%20%22Low%22%29" in e[0]["request"] and
     "'Low'" in e[0]["pushed"], "the values of an IN", e)
e = run("EXPLAIN SELECT number FROM github_org.pulls p WHERE p.repo IN "
        "('web', 'api')")
t.ok("/api/pulls" in e[0]["request"] and "and 1 more" in e[0]["request"],
     "an input's too", e)
e = run("EXPLAIN SELECT number FROM github_org.pulls WHERE repo IN "
        "(SELECT name FROM github_org.repos)")
t.ok("web" not in e[0]["request"], "not those of a SELECT", e)

# ---- mistakes ----
says("CREATE CONNECTOR x TYPE 'githb' CONFIG {\"token\": \"s3cret\"}",
     "there is no type githb (did you mean github?)", "TYPE 'githb'")
t.ok("s3cret" not in fails("CREATE CONNECTOR x TYPE 'githb' CONFIG "
                           "{\"token\": \"s3cret\"}")["message"],
     "with no secret in it")
says("CREATE CONNECTOR x TYPE 'github' CONFIG {\"token\": \"a\"} OPTIONS "
     "{\"timeout\": 5, \"cache_ttl\": \"1y\", \"rate_limit\": -1, "
     "\"sync_interval\": 5}",
     "options.timeout is not known (did you mean timeout_seconds?)",
     "options.cache_ttl must be a number from 0 to 31536000",
     "options.rate_limit must be", "options.sync_interval must be a duration",
     "the options are: batch_size, ca_file, ")
says("CREATE CONNECTOR x TYPE 'github' CONFIG {\"url\": \"http://h\"}",
     "config.url is not known (did you mean api_url?)", "the keys of config are: ")
says("ALTER CONNECTOR github_org SET CONFIG {\"orgs\": \"x\", \"nope\": 1}",
     "config.orgs is not known (did you mean org?); config.nope is not known",
     "the keys of config are: ")
run("CREATE CONNECTOR jira TYPE 'jira' CONFIG {\"base_url\": \"%s/jira\", "
    "\"api_token\": \"x\"}" % s.base)

def shown(name):
    return [r["Status"] for r in run("SHOW CONNECTORS") if r["Name"] == name][0]


# What it lacks is told by who asks, and by the connector's status.
run("CREATE CONNECTOR lacks TYPE 'github' CONFIG {\"token\": \"$env:NO_SUCH_TOKEN\", "
    "\"api_url\": \"%s/github\", \"org\": \"acme\"}" % s.base)
for name, sql, what in (
        ("jira", "SELECT key FROM jira.issues", "{{config.email}} has no value: set "
         "it with ALTER CONNECTOR"),
        ("lacks", "SELECT name FROM lacks.repos", "$env:NO_SUCH_TOKEN is not set")):
    t.eq(shown(name), "pending", "nothing is known of " + name)
    says(sql, what)
    t.eq(shown(name), "error", "what %s lacks is in its status" % name)
    says("EXPLAIN SELECT nope FROM " + sql.split()[-1], "no column nope")
    t.eq(shown(name), "error", "which is no statement's fault")
run("ALTER CONNECTOR lacks SET CONFIG {\"token\": \"$env:GH_TOKEN\"}")
run("SELECT name FROM lacks.repos LIMIT 1")
t.eq(shown("lacks"), "connected", "until it is given")
run("ALTER CONNECTOR lacks SET CONFIG {\"token\": \"$env:NO_SUCH_TOKEN\"}")
says("SELECT name FROM lacks.repos WHERE name = 'other' LIMIT 1", "is not set")
t.eq(shown("lacks"), "error", "or taken away")
run("DROP CONNECTOR lacks")
t.ok("{{config.email}} has no value: set it with ALTER CONNECTOR" in
     run("TEST CONNECTOR jira")[0]["error_message"], "a key that was needed")
run("CREATE CONNECTOR pd TYPE 'pagerduty' CONFIG {\"api_key\": \"pd1\", "
    "\"api_url\": \"%s/pagerduty\"}" % s.base)
says("EXEC pd.incidents.acknowledge(incident_id => 'P1')",
     "from is missing, and so is its default {{config.from_email}}")
t.ok("[owner string]" in json.dumps(run("DESCRIBE github_org.issues")),
     "an argument with a default may be left out")
e = fails("SELECT 1 FROM github_org.issues WHERE repo = '..'")["message"]
t.ok(e.count("Github_Org.issues") == 1, "an error says once where it was", e)

run("CREATE CONNECTOR dd TYPE 'datadog' CONFIG {\"api_key\": \"dd1\", "
    "\"app_key\": \"dd2\", \"api_url\": \"%s/datadog\"}" % s.base)
says("SELECT * FROM dd.metrics", "has to be told query or metric: add WHERE")

# ---- words of other databases ----
says("SELECT 1 FROM github_org.issues WHERE created_at > now()",
     "no function now()", "datetime('now')")
says("SELECT string_agg(title, ',') FROM github_org.issues", "group_concat()")
says("SELECT 1 FROM github_org.issues WHERE 'bug' = ANY(labels)",
     "labels CONTAINS 'bug'".split()[1])
says("SELECT number::text FROM github_org.issues", "CAST(x AS TEXT)")
says("SELECT 1 FROM github_org.issues WHERE title ILIKE 'a%'",
     "LIKE tells no case")
says("SELECT * FROM pragma_database_list", "SQLite's own tables are not for queries")
says("SELECT " + "(" * 150 + "1" + ")" * 150, "nested too deep")

# What max(), min() and subqueries give is compared as the column is, however the
# time is written: "T" is after " ".
whole = run("SELECT max(created_at) AS m, min(created_at) AS n FROM github_org.issues")[0]
spaced = {k: v.replace("T", " ").rstrip("Z") for k, v in whole.items()}
for sql in ("SELECT max(created_at) <= '%(m)s' AND max(created_at) >= '%(m)s' AS x "
            "FROM github_org.issues",
            "SELECT count(*) AS x FROM (SELECT min(i.created_at) AS n FROM "
            "github_org.issues i) WHERE n = '%(n)s'",
            "SELECT (SELECT max(created_at) FROM github_org.issues) BETWEEN "
            "'%(m)s' AND datetime('%(m)s') AS x"):
    t.eq(run(sql % spaced), [{"x": 1}], "max and min are times, too")
t.eq(run("SELECT max(created_at), count(*) n FROM github_org.issues WHERE 0"),
     [{"max(created_at)": None, "n": 0}], "and are called what they were called")

t.eq(run("DESC github_org.repos"), run("DESCRIBE github_org.repos"), "DESC")
t.eq(run("BEGIN SELECT 1 AS x UNION SELECT 2 ORDER BY x DESC; END"),
     [{"x": 2}, {"x": 1}], "is still an order, too")

run("SET SECRET tok = 'x'")
run("CREATE CONNECTOR sec TYPE 'github' CONFIG {\"token\": "
    "\"{{secrets.tok}}\"}")
t.eq(run("DROP SECRET tok"), [{"status": "deleted", "secret": "tok",
                               "missed_by": "sec"}], "who misses a secret")
run("DROP CONNECTOR sec")

# ---- a limit of the service is not one of ours ----
s.fail["/github/repos"] = [(403, {"X-RateLimit-Remaining": "0",
                                  "X-RateLimit-Reset": str(int(time.time()) + 3000)}, {})]
fails("SELECT number FROM github_org.issues")
e = fails("SELECT number FROM github_org.issues")["message"]
t.ok("limit of the service" in e and "raise rate_limit" not in e,
     "whose limit it is", e)

# ---- what was caught has names ----
t.eq(list(run("BEGIN TRY SELECT * FROM jira.issues; CATCH config_error THEN "
              "SELECT error.class, error.code, error.message; END TRY; END"
              )[0]), ["class", "code", "message"], "error.* as columns")
t.eq(run("BEGIN TRY SELECT * FROM jira.issues; CATCH config_error THEN "
         "SELECT upper(error.code) AS c, error.class AS k ORDER BY error.code, "
         "error.class; END TRY; END"), [{"c": "CONFIG_MISSING", "k": "config_error"}],
     "and in expressions")

# ---- a type that goes away ----
own = os.path.join(types, "zoo")
os.mkdir(own)
manifest = {
    "format": 1, "type": "zoo", "title": "Zoo", "description": "A zoo",
    "drive_model": "on_demand",
    "config": {"url": {"type": "url", "required": True, "description": "x"}},
    "base_url": "{{config.url}}", "test": {"entity": "animals"},
    "entities": {"animals": {
        "main": True, "description": "x", "key": ["id"],
        "columns": {"id": {"type": "integer", "description": "x"}},
        "lists": [{"url": "/a", "paginate": {"kind": "none"}}]}}}
with open(os.path.join(own, "manifest.json"), "w") as f:
    json.dump(manifest, f)
d.proc.send_signal(signal.SIGHUP)
t.ok(wait(lambda: d.get("/v1/types/zoo")[0] == 200), "a type of one's own")
run("CREATE CONNECTOR zoo1 TYPE 'zoo' CONFIG {\"url\": \"%s\"}" % s.base)
run("SYNC CONNECTOR pd.incidents TO pd_kept")
shutil.rmtree(own)
d.stop()
d.start()


def last_sync(name):
    return [r["Last Sync"] for r in run("SHOW CONNECTORS")
            if r["Name"] == name][0]


# ---- targets have columns, too ----
rows = run("DESCRIBE pd_kept")
t.eq([r["column"] for r in rows], list(run("SELECT * FROM pd_kept LIMIT 1")[0]),
     "DESCRIBE of a target has the columns of a SELECT")
t.eq({r["column"]: r["type"] for r in rows}["created_at"], "timestamp", "and types")
for name in ("\"pd_kept\"", "moltler.pd_kept", "sqlite:pd_kept", "pd_*",
             "pd_kept -- it\n"):
    t.eq(run("DESCRIBE " + name), rows, "DESCRIBE " + name)
t.eq(run("BEGIN SELECT 1; DESC pd_kept; END"), rows, "in a script")
at = run("SELECT max(created_at) AS m FROM pd_kept")[0]["m"].replace("T", " ").rstrip("Z")
for name in ("pd_kept", "pd_*", "sqlite:pd_kept"):
    t.eq(run("SELECT count(*) AS n FROM (SELECT max(%s.created_at) AS m FROM %s) "
             "WHERE m = '%s' AND m <= datetime('%s')" % (name if "*" not in name and
             ":" not in name else "k", name if name == "pd_kept" else name + " k",
             at, at)), [{"n": 1}], "times that went through max() of " + name)
says("DESCRIBE pd_kpet", "line 1, column 10: there is no type, connector or target "
     "pd_kpet (did you mean moltler.pd_kept?)")
says("DESCRIBE\n nope-*",
     "line 2, column 2: there is no type, connector or target nope-*")
says("DESCRIBE a.b.c", "there is no type, connector or target a.b.c; SHOW TYPES, SHOW "
     "CONNECTORS and SHOW TARGETS list what there is")
says("DESCRIBE es:x", "line 1, column 10: ", "target es:x")
t.ok(wait(lambda: last_sync("pd") != "never"),
     "a sync that nobody scheduled is known after a new start", last_sync("pd"))
t.eq([r["value"] for r in run("SHOW CONNECTOR pd STATUS")
      if r["property"] == "last_rows_ingested"], [130], "and what it brought")
says("SELECT * FROM zoo1.animals", "connector zoo1 cannot be used",
     "there is no type 'zoo'")
says("DESCRIBE zoo1", "connector zoo1 cannot be used")
says("EXEC zoo1.animals.x()", "connector zoo1 cannot be used")
t.eq([r["Type"] for r in run("SHOW CONNECTORS") if r["Name"] == "zoo1"],
     ["zoo"], "its type is still named")

says("CREATE CONNECTOR Main TYPE 'github' CONFIG {\"token\": \"x\"}",
     "'Main' is what SQL calls its own tables; choose another name")

# ---- what a test found is the status, whoever asked ----
def status(name):
    v = d.show(name)
    return v["status"], v["last_error"] is not None


def events(name):
    return [x["event"] for x in d.get("/v1/connectors/%s/events" % name)[1][
        "items"]]


run("CREATE CONNECTOR pd2 TYPE 'pagerduty' CONFIG {\"api_key\": \"pd1\", "
    "\"api_url\": \"%s/pagerduty\"}" % s.base)
run("SELECT id FROM pd2.incidents LIMIT 1")
t.eq(status("pd2"), ("connected", False), "a query that went well")
run("SELECT id FROM pd2.incidents WHERE status = 'triggered' LIMIT 1")
s.fail["/pagerduty"] = [(401, {}, {}), (401, {}, {}), (401, {}, {})]
t.eq(d.post("/v1/connectors/pd2/test")[1]["ok"], False, "POST .../test fails")
t.eq(status("pd2"), ("error", True), "that is the status")
s.fail.clear()
t.eq(d.post("/v1/connectors/pd2/test")[1]["ok"], True, "and goes well")
t.eq(status("pd2"), ("connected", False), "that, too")
t.eq(events("pd2"), ["connected", "error", "connected", "created"],
     "each change is an event, and nothing else")
run("CREATE CONNECTOR jira2 TYPE 'jira' CONFIG {\"base_url\": \"%s/jira\", "
    "\"api_token\": \"j1\", \"email\": \"me@example.com\"}" % s.base)
t.eq(run("TEST CONNECTOR jira2")[0]["ok"], True, "one that works")
run("ALTER CONNECTOR jira2 SET CONFIG {\"email\": null}")
t.eq(run("TEST CONNECTOR jira2")[0]["ok"], False, "and one that cannot")
t.eq([r["Status"] for r in run("SHOW CONNECTORS") if r["Name"] == "jira2"],
     ["error"], "is not called connected")

# ---- the client ----
r = subprocess.run([os.path.join(BUILD, "moltler"), "--format", "json",
                    "manifest", "check", types], capture_output=True, text=True)
t.ok(r.returncode == 2 and "no command" not in r.stderr, "options before "
     "manifest", r.stderr)

URL = "http://127.0.0.1:%d" % d.port


def client(sql, width=None):
    """What the client says, on a terminal of that width if one is given."""
    cmd = [os.path.join(BUILD, "moltler"), "--url", URL, "-f", "-"]
    if width is None:
        r = subprocess.run(cmd, input=sql, capture_output=True, text=True)
        return r.stdout + r.stderr
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    r = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=slave,
                         env=dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8"))
    os.close(slave)
    r.communicate(sql.encode())
    out = b""
    while True:
        try:
            got = os.read(master, 65536)
        except OSError:
            break
        if not got:
            break
        out += got
    os.close(master)
    return out.decode()


out = client("SELECT 1;\n\nSELECT\n  nope\nFROM github_org.issues;\n")
t.ok("statement 2 of 2 (standard input): line 4, column 3: no column nope" in
     out, "the line of the file", out)
out = client("EXPLAIN SELECT number FROM github_org.issues "
             "WHERE state = 'open'", 90)
t.ok("state=open&per_page=100" in out.replace("\r\n", ""),
     "EXPLAIN is not cut", out)


# ---- what a script can go by ----
run("CREATE CONNECTOR shut TYPE 'github' CONFIG {\"token\": \"x\", "
    "\"api_url\": \"http://127.0.0.1:9\"} OPTIONS {\"retry_count\": 0}")


def ends(sql):
    r = subprocess.run([os.path.join(BUILD, "moltler"), "--url", URL, "-e", sql],
                       capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


got = ends("TEST CONNECTOR shut")
t.ok(got[0] == 1 and '"ok":false' in got[1] and "it does not work" in got[2],
     "a test that fails is shown, and ends the client with 1", got)
got = ends("BEGIN SELECT 1; TEST CONNECTOR shut; END")
t.eq(got[0], 1, "as a block's last statement too")
got = ends("BEGIN TEST CONNECTOR shut; SELECT 1; END")
t.eq(got[0], 0, "not where the block goes on")
t.eq(ends("TEST CONNECTOR github_org")[0], 0, "one that goes well: with 0")
got = ends("SHOW ACTIONS FOR github_orq")
t.ok(got[0] == 1 and "did you mean github_org?" in got[2].lower(),
     "actions of a connector that is not there", got)
t.eq(ends("SHOW ACTIONS FOR github_org")[0], 0, "and of one that is")

shutil.rmtree(types, ignore_errors=True)
s.close()
t.eq(d.close(), 0, "it ends well")
