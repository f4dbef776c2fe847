#!/usr/bin/env python3
"""Tables of rows as the daemon finds them at its start: names, wildcards, types."""
import os
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
d = Daemon(start=False)
folder = os.path.join(d.data, "targets")
os.makedirs(folder, mode=0o700, exist_ok=True)


def make(database, tables):
    """A file as the writer of rows leaves it."""
    db = sqlite3.connect(os.path.join(folder, database + ".db"))
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE _moltler_rows(name TEXT PRIMARY KEY COLLATE "
               "NOCASE) WITHOUT ROWID")
    for name, columns, rows in tables:
        db.execute("INSERT INTO _moltler_rows VALUES(?)", (name,))
        db.execute('CREATE TABLE "%s"(_moltler_sync INTEGER, _moltler_fence '
                   "INTEGER, %s)" % (name, columns))
        for r in rows:
            db.execute('INSERT INTO "%s" VALUES(1, 1, %s)' %
                       (name, ", ".join("?" * len(r))), r)
    db.commit()
    db.close()


make("moltler", [
    ("gh-issues", "id INTEGER, title TEXT, open BOOLEAN, labels JSON, "
     "PRIMARY KEY(id)", [(1, "one", 1, '["bug"]'), (2, "two", 0, "[]")]),
    ("gh-pulls", 'repo TEXT, n INTEGER, at TIMESTAMP TEXT, PRIMARY KEY(repo, '
     'n)', [("web", 7, "2026-01-01T00:00:00Z")]),
    ("gh-issues-rejected", 'sync TEXT, reason TEXT, at TIMESTAMP TEXT, "row" '
     "JSON", [("s", "because", "2026-01-01T00:00:00Z", "{}")]),
])
make("other", [("gh-issues", "id INTEGER, title TEXT, PRIMARY KEY(id)",
                [(9, "nine")])])
d.start()

t.eq(d.query("SELECT * FROM moltler.gh-issues ORDER BY id"),
     [{"id": 1, "title": "one", "open": True, "labels": ["bug"]},
      {"id": 2, "title": "two", "open": False, "labels": []}],
     "rows with their types")
t.eq(d.query("SELECT repo FROM GH-Pulls WHERE at < '2026-02-01'"),
     [{"repo": "web"}], "a bare name, in any case")
t.eq(d.query("SELECT id, n, title FROM moltler.gh-* ORDER BY id, n"),
     [{"id": None, "n": 7, "title": None}, {"id": 1, "n": None, "title": "one"},
      {"id": 2, "n": None, "title": "two"}], "a union; what was rejected is no "
     "part of it")
t.eq(d.query("SELECT reason FROM gh-*-rejected"), [{"reason": "because"}],
     "but for who asks for it")
t.eq(d.query("SELECT reason FROM gh-issues-rejected"), [{"reason": "because"}],
     "or names it")
t.eq(d.query("SELECT count(*) AS n FROM gh-*"), [{"n": 4}],
     "over several databases")
t.eq(d.query("SELECT a.title AS a, b.title AS b FROM moltler.gh-issues a JOIN "
             "other.gh-issues b ON b.id = a.id + 8"),
     [{"a": "one", "b": "nine"}], "a join of two databases")


def fails(sql):
    out = d.post("/v1/query", {"sql": sql, "format": "json"})[1]
    return out["error"]["message"] if "error" in out else str(out)


t.ok("several databases" in fails("SELECT 1 FROM gh-issues"), "ambiguous",
     fails("SELECT 1 FROM gh-issues"))
t.ok("did you mean moltler.gh-pulls" in fails("SELECT 1 FROM gh-pull"),
     "did you mean", fails("SELECT 1 FROM gh-pull"))
t.ok("did you mean title" in fails("SELECT titel FROM moltler.gh-issues"),
     "a column", fails("SELECT titel FROM moltler.gh-issues"))
for bad in ("SELECT _moltler_sync FROM moltler.gh-issues",
            "SELECT * FROM moltler._moltler_rows",
            "SELECT * FROM moltler_rows('x', 'y')"):
    t.ok("error" in d.post("/v1/query", {"sql": bad, "format": "json"})[1], bad)

# A scrape cannot go where rows are.
status, out = d.post("/v1/connectors", {
    "name": "p", "type": "prometheus", "target_database": "moltler",
    "target_table": "GH-issues", "schedule_ms": 1000,
    "config": {"endpoint": "http://127.0.0.1:1/metrics"}})
said = str(out)
if status == 201:
    wait(lambda: d.get("/v1/connectors/p")[1].get("last_error"), 10)
    said = str(d.get("/v1/connectors/p")[1])
t.ok("holds the rows of a sync" in said, "samples and rows do not mix", said)
t.eq(d.close(), 0, "it ends well")
