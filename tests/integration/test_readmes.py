"""The SQL of the types' READMEs: each statement that stands there is understood, and
names connectors, entities, columns, actions and arguments that are there."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import SRC, Daemon  # noqa: E402
from tap import Tap  # noqa: E402

TYPES = os.path.join(SRC, "connectors")
SQL = re.compile(r"(SELECT|WITH|CREATE|ALTER|DROP|SYNC|TEST|SHOW|DESCRIBE|SET|"
                 r"BEGIN|EXPLAIN|CONNECTOR_EXEC|EXEC)\b", re.I)
# A text, a name, a comment, or what ends the statement.
PART = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|--[^\n]*|;|[^'\"\-;]+|-")
t = Tap()


def blocks(text):
    """The page's indented and fenced blocks, and what stands in moltler -e "..."."""
    for block in re.findall(r"(?m)(?:^ {4}.*\n|^\n(?= {4}))+", text) + \
            re.findall(r"(?ms)^```\w*\n(.*?)^```", text):
        for said in re.findall(r'moltler -e "([^"]*)"', block):
            yield said
        yield block


def statements(text):
    for block in blocks(text):
        one = ""
        for part in PART.findall(block + ";"):
            if part.startswith("--"):
                continue
            if part != ";":
                one += part
                continue
            one = one.strip()
            if SQL.match(one):
                yield re.sub(r"\s+", " ", one)
            one = ""


def ask(sql):
    """What is wrong with it, or nothing."""
    # A file that is looked at, and is there only for whom the page is.
    sql = re.sub(r'"ca_file": "[^"]*"', '"tls_verify": true', sql)
    try:
        d.query(sql + ";")
    except RuntimeError as e:
        return str(e)
    return ""


d = Daemon()
for name in sorted(os.listdir(TYPES)):
    path = os.path.join(TYPES, name, "README.md")
    if not os.path.isfile(path):
        continue
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if name == "prometheus":    # its page makes one by the API
        d.create("prom", "http://127.0.0.1:9/metrics", table="samples",
                 config={"api_url": "http://127.0.0.1:9"}, schedule_ms=86400000)
    wrong, seen = [], 0
    for sql in statements(text):
        seen += 1
        word = sql.split(None, 1)[0].upper()
        said = ""
        if word in ("SELECT", "WITH", "CONNECTOR_EXEC", "EXEC"):
            said = ask("EXPLAIN " + sql)
        elif word in ("SYNC", "TEST"):  # nothing is sent to the services
            said = ask(re.sub(r"CONNECTOR \w+", "CONNECTOR nobody", sql,
                              count=1))
            said = "" if "nobody" in said else said or "it was run"
            on = re.search(r"CONNECTOR (\w+\.\w+).* ON (\w+)", sql)
            if on:
                said += ask("EXPLAIN SELECT %s FROM %s" % on.groups()[::-1])
        else:
            said = ask(sql)
        if said:
            wrong.append("%s\n%s" % (sql, said))
    t.ok(seen >= 3, "%s: there are examples" % name, seen)
    t.eq(wrong, [], "%s: each of its %d examples is understood" % (name, seen))
d.close()
