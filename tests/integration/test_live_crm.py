#!/usr/bin/env python3
"""Salesforce and OVHcloud on loopback.  Salesforce reads SOQL, strictly: what goes
down and what is looked at here give the rows that SQLite has of the same records;
sessions end, and refresh tokens serve once.  OVHcloud computes each signature anew,
by its own clock."""
import base64
import calendar
import hashlib
import http.server
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, have, serve  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
rnd = random.Random(11)
T0 = calendar.timegm((2026, 1, 1, 0, 0, 0))
NAMES = ["Pier", "pier", "O'Brien", "back\\slash", "Üben", "über", "100%", "a_b",
         "x' OR Name != '", "PIER & Sons", "Dry Dock"]
KINDS = [None, "Partner", "partner", "Customer - Direct", "Prospect"]
COLS = ["Id", "Name", "Type", "Industry", "AnnualRevenue", "Website", "Phone",
        "BillingCity", "OwnerId", "CreatedDate", "LastModifiedDate",
        "SystemModstamp", "IsDeleted"]


def sf_time(s):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(s))


def z(text):
    return text.replace(".000+0000", "Z") if isinstance(text, str) and \
        text.endswith(".000+0000") else text


def account(n):
    at = T0 + rnd.randrange(3000) * 60
    return {"Id": "001Ak0000%09d" % n, "Name": rnd.choice(NAMES),
            "Type": rnd.choice(KINDS),
            "Industry": rnd.choice([None, "Shipping", "SHIPPING", "Food"]),
            "AnnualRevenue": rnd.choice([None, 0, 5, 12.5, 1e17, 1e-7, -3]),
            "Website": rnd.choice([None, "https://a.example"]), "Phone": None,
            "BillingCity": rnd.choice([None, "Kiel", "KIEL", "Bonn"]),
            "OwnerId": "005Ak000000000000%d" % (n % 3),
            "CreatedDate": sf_time(at), "LastModifiedDate": sf_time(at + 60),
            "SystemModstamp": sf_time(T0 + n // 4), "IsDeleted": n % 10 == 0}


ACCOUNTS = [account(n) for n in range(1, 241)]

# ---- SOQL ----
TOKEN = re.compile(r"""\s*(?:(?P<text>'(?:[^'\\]|\\['"\\nrtbf_%])*')|
    (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)|(?P<num>-?\d+(?:\.\d+)?(?![\w.]))|
    (?P<op><=|>=|!=|[=<>(),])|(?P<word>[A-Za-z]\w*))""", re.X)


class Malformed(Exception):
    pass


def tokens(q):
    out, i = [], 0
    q = q.rstrip()
    while i < len(q):
        m = TOKEN.match(q, i)
        if not m:
            raise Malformed("at %d: %s" % (i, q[i:i + 20]))
        out.append((m.lastgroup, m.group(m.lastgroup)))
        i = m.end()
    return out


def like(pattern, text):
    """Of what stands between the quotes; case does not matter."""
    rx, i = "", 0
    while i < len(pattern):
        c = pattern[i]
        if c == "\\":
            rx += re.escape(pattern[i + 1])
            i += 1
        else:
            rx += ".*" if c == "%" else "." if c == "_" else re.escape(c)
        i += 1
    return re.fullmatch(rx, text, re.I | re.S) is not None


def plain(text):
    return re.sub(r"\\(.)", r"\1", text[1:-1])


class Soql:
    """SELECT ... FROM Account WHERE a AND b [ORDER BY ...] [LIMIT n]"""

    def __init__(self, q):
        self.t, self.i = tokens(q), 0

    def eat(self, *want):
        for w in want:
            if self.i == len(self.t) or self.t[self.i][1].upper() != \
                    w.upper():
                raise Malformed("%s expected: %r" % (w, self.t[self.i:][:3]))
            self.i += 1

    def at(self, word):
        return self.i < len(self.t) and self.t[self.i][1].upper() == word and \
            self.t[self.i][0] in ("word", "op")

    def value(self):
        kind, s = self.t[self.i]
        self.i += 1
        if kind == "text":
            return kind, s
        if kind == "num":
            return kind, float(s)
        if kind == "time":
            return kind, calendar.timegm(time.strptime(s, "%Y-%m-%dT%H:%M:%SZ"))
        if kind == "word" and s in ("null", "true", "false"):
            return s, {"null": None, "true": True, "false": False}[s]
        raise Malformed("no value: " + s)

    def field(self):
        f = self.t[self.i][1]
        if f not in COLS:
            raise Malformed("No such column '%s'" % f)
        self.i += 1
        return f

    def condition(self):
        if self.at("("):
            self.eat("(")
            alternatives = [self.condition()]
            while self.at("OR"):
                self.eat("OR")
                alternatives.append(self.condition())
            self.eat(")")
            return lambda r: any(c(r) for c in alternatives)
        f = self.field()
        op = self.t[self.i][1].upper()
        self.i += 1
        if op == "IN":
            self.eat("(")
            vals = [self.value()]
            while self.at(","):
                self.eat(",")
                vals.append(self.value())
            self.eat(")")
            return lambda r: any(self.compare(f, "=", v, r) for v in vals)
        v = self.value()
        return lambda r: self.compare(f, op, v, r)

    @staticmethod
    def compare(f, op, value, r):
        kind, v = value
        x = r[f]
        if op == "LIKE":
            if kind != "text":
                raise Malformed("LIKE of no text")
            return x is not None and like(v[1:-1], x)
        if kind == "text":
            if f in ("AnnualRevenue", "CreatedDate", "IsDeleted"):
                raise Malformed("a text beside " + f)
            if f.endswith("Id") and len(plain(v)) != 18:
                raise Malformed("invalid ID field: " + plain(v))
            v = plain(v).casefold()
            x = x and x.casefold()
        elif kind == "time":
            x = x and calendar.timegm(time.strptime(x[:19],
                                                    "%Y-%m-%dT%H:%M:%S"))
        elif kind == "num" and f != "AnnualRevenue":
            raise Malformed("a number beside " + f)
        if op in ("=", "!="):
            return (x == v) == (op == "=")
        if x is None:
            return False
        return {"<": x < v, "<=": x <= v, ">": x > v, ">=": x >= v}[op]

    def run(self, records):
        self.eat("SELECT")
        while not self.at("FROM"):
            self.field()
            if self.at(","):
                self.eat(",")
        self.eat("FROM", "Account", "WHERE")
        conds = [self.condition()]
        while self.at("AND"):
            self.eat("AND")
            conds.append(self.condition())
        rows = [r for r in records if all(c(r) for c in conds)]
        keys = []
        if self.at("ORDER"):
            self.eat("ORDER", "BY")
            while True:
                f, desc = self.field(), False
                if self.at("ASC") or self.at("DESC"):
                    desc = self.at("DESC")
                    self.i += 1
                keys.append((f, desc))
                if not self.at(","):
                    break
                self.eat(",")
        for f, desc in reversed(keys):
            rows.sort(key=lambda r: r[f], reverse=desc)
        if self.at("LIMIT"):
            self.eat("LIMIT")
            rows = rows[:int(self.value()[1])]
        if self.i != len(self.t):
            raise Malformed("unexpected token: " + self.t[self.i][1])
        return rows


class Service:
    def __init__(self):
        self.calls, self.forms, self.asked = [], [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or
                                           0)).decode()
                with outer.lock:
                    outer.calls.append(self.path)
                    status, out, more = outer.answer(
                        self.command, self.path, self.headers, body)
                data = json.dumps(out).encode() if out is not None else b""
                self.send_response(status)
                for k, v in {"Content-Type": "application/json", **more}.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            do_GET = do_POST = do_PATCH = do_DELETE = handle_one

            def log_message(self, *a):
                pass

        self.lock = threading.Lock()
        self.srv = serve(Handler)
        self.base = self.srv.base


class Salesforce(Service):
    """Tokens at one address; records at another, which they name."""

    def __init__(self):
        super().__init__()
        self.n = 0
        self.good = None
        self.refresh = "refresh-0"
        self.lists = {}
        self.size = 50
        self.used = 18
        self.left = -1          # calls until the session ends
        self.records = list(ACCOUNTS)

    def token(self, body):
        form = dict(urllib.parse.parse_qsl(body))
        self.forms.append(form)
        if form.get("grant_type") == "refresh_token":
            if form["refresh_token"] != self.refresh:
                return 400, {"error": "invalid_grant", "error_description":
                             "expired access/refresh token"}, {}
            self.refresh = "refresh-%d" % (self.n + 1)
        elif "assertion" not in form and \
                form.get("client_secret") != "app-s3cret":
            return 400, {"error": "invalid_client", "error_description":
                         "invalid client credentials"}, {}
        self.n += 1
        self.good = "session!%d" % self.n
        out = {"access_token": self.good, "instance_url": self.base,
               "token_type": "Bearer", "issued_at": "1771630000000"}
        if form.get("grant_type") == "refresh_token":
            out["refresh_token"] = self.refresh
        return 200, out, {}

    def answer(self, method, path, head, body):
        if path == "/services/oauth2/token":
            return self.token(body)
        self.left -= 1
        if self.left == 0:
            self.good = None
        if head.get("Authorization") != "Bearer %s" % self.good:
            return 401, [{"message": "Session expired or invalid",
                          "errorCode": "INVALID_SESSION_ID"}], {}
        self.used += 1
        more = {"Sforce-Limit-Info": "api-usage=%d/15000" % self.used}
        if self.used > 15000:
            return 403, [{"message": "TotalRequests Limit exceeded.",
                          "errorCode": "REQUEST_LIMIT_EXCEEDED"}], more
        url = urllib.parse.urlsplit(path)
        at = url.path.rsplit("/", 1)[1]
        if at in self.lists:
            rows, start = self.lists.pop(at)
            return 200, self.page(rows, start), more
        if at not in ("query", "queryAll"):
            return 200, {"sobjects": "/"}, more
        q = dict(urllib.parse.parse_qsl(url.query))["q"]
        self.asked.append(q)
        try:
            rows = Soql(q).run([r for r in self.records if at == "queryAll" or
                                not r["IsDeleted"]])
        except (Malformed, IndexError) as e:
            return 400, [{"message": str(e), "errorCode":
                          "MALFORMED_QUERY"}], more
        return 200, self.page(rows, 0), more

    def page(self, rows, start):
        end = start + self.size
        out = {"totalSize": len(rows), "done": end >= len(rows),
               "records": [{"attributes": {"type": "Account"}, **r}
                           for r in rows[start:end]]}
        if end < len(rows):
            at = "01g%06d-%d" % (len(self.calls), end)
            self.lists[at] = (rows, end)
            out["nextRecordsUrl"] = "/services/data/v67.0/query/" + at
        return out


sf = Salesforce()
rows_db = sqlite3.connect(":memory:")
rows_db.execute("CREATE TABLE accounts (Id TEXT, Name TEXT, Type TEXT COLLATE "
                "NOCASE, Industry TEXT COLLATE NOCASE, AnnualRevenue REAL, "
                "Website TEXT, Phone TEXT, BillingCity TEXT, OwnerId TEXT, "
                "CreatedDate TEXT, LastModifiedDate TEXT, SystemModstamp TEXT, "
                "IsDeleted INT)")
for r in ACCOUNTS:
    if not r["IsDeleted"]:
        rows_db.execute("INSERT INTO accounts VALUES (%s)" % ",".join(
            "?" * len(COLS)), [z(r[c]) for c in COLS])

d = Daemon("--log-level", "debug", env={
    "APP": "app-s3cret", "MOLTLER_MASTER_KEY": "5a" * 32})
APP = {"base_url": sf.base, "client_id": "3MVGx", "client_secret": "$env:APP"}
OPTIONS = 'OPTIONS {"cache_ttl": 0, "retry_count": 0}'


def make(name, kind, config, options=OPTIONS):
    d.query("CREATE CONNECTOR %s TYPE '%s' CONFIG %s %s" %
            (name, kind, json.dumps(config), options))


def fails(sql):
    try:
        return "no error: %s" % d.query(sql)
    except RuntimeError as e:
        return str(e)


make("sf", "salesforce", APP)
got = d.query("TEST CONNECTOR sf")[0]
t.ok(got["ok"] and "14981" in json.dumps(got), "what is left of the day", got)
t.eq(len(d.query("SELECT * FROM sf.accounts")), 216,
     "all pages; what is deleted is none of them")
t.eq(sf.n, 1, "  with one session")


# ---- what goes down, and what SQLite says ----
def quoted(s):
    return "'" + s.replace("'", "''") + "'"


def condition():
    col = rnd.choice(["Name", "Type", "Industry", "BillingCity", "OwnerId",
                      "AnnualRevenue", "CreatedDate", "SystemModstamp", "Id"])
    if col == "AnnualRevenue":
        v = rnd.choice(["0", "5", "12.5", "1e17", "1e-7", "-3", "4.75"])
        how = rnd.randrange(8)
        if how == 0:
            return "AnnualRevenue IN (%s, 5)" % v
        if how == 1:
            return "AnnualRevenue IS %sNULL" % rnd.choice(["", "NOT "])
        return "AnnualRevenue %s %s" % (rnd.choice(
            ["=", "!=", "<", "<=", ">", ">="]), v)
    if col in ("CreatedDate", "SystemModstamp"):
        at = T0 + rnd.randrange(3000) * 60 if col == "CreatedDate" else \
            T0 + rnd.randrange(60)
        return "%s %s %s" % (col, rnd.choice(["<", "<=", ">", ">="]), quoted(
            rnd.choice([z(sf_time(at)), "2026-01-02", "9999-12-31",
                        z(sf_time(at))[:10]])))
    own = {"Name": NAMES, "Type": KINDS[1:], "OwnerId": ["005Ak0000000000001"],
           "Industry": ["Shipping", "food", "Ü"], "Id": ["001Ak0000000000007"],
           "BillingCity": ["Kiel", "bonn"]}[col]
    v = rnd.choice(own)
    how = rnd.randrange(7)
    if how == 0:
        return "%s IN (%s)" % (col, ", ".join(quoted(x) for x in own[:3]))
    if how == 1:
        return "%s LIKE %s" % (col, quoted(v[:3] + "%"))
    if how == 2:
        return "%s LIKE %s" % (col, quoted("%" + v[1:3] + "%"))
    if how == 3:
        return "%s IS %sNULL" % (col, rnd.choice(["", "NOT "]))
    return "%s %s %s" % (col, rnd.choice(["=", "=", "!=", ">"]), quoted(v))


bad, pushed = [], 0
for i in range(160):
    where = " AND ".join(condition() for _ in range(rnd.randint(1, 3)))
    if rnd.random() < 0.2:
        where += " OR " + condition()
    order = rnd.choice(["CreatedDate DESC, Id", "SystemModstamp, Id", "Id"])
    sql = "SELECT Id FROM @accounts WHERE " + where + " ORDER BY " + order
    if rnd.random() < 0.4:
        sql += " LIMIT %d" % rnd.choice([1, 3, 60])
    n = len(sf.asked)
    try:
        a = [r["Id"] for r in d.query(sql.replace("@", "sf."))]
    except RuntimeError as e:
        a = str(e)
    pushed += any(" AND " in q for q in sf.asked[n:])
    # A day is its first moment.
    b = [r[0] for r in rows_db.execute(re.sub(
        r"'(\d{4}-\d\d-\d\d)'", r"'\1T00:00:00Z'", sql.replace("@", "")))]
    if a != b:
        bad.append((sql, sf.asked[n:], a, b))
t.ok(not bad, "160 statements: the rows that SQLite has", bad[:2])
t.ok(pushed > 100, "  and most had something go down", pushed)
n = len(sf.asked)
t.eq(len(d.query("SELECT Id FROM sf.accounts WHERE OwnerId = "
                 "'005Ak0000000000001' LIMIT 7")), 7, "a limit")
t.ok(sf.asked[n].endswith("'005Ak0000000000001' LIMIT 7"), "  goes down",
     sf.asked[n:])
t.eq(d.query("SELECT count(*) AS n FROM sf.accounts WHERE IsDeleted = TRUE")[0]
     ["n"], 24, "the recycle bin")
t.eq(d.query("SELECT count(*) AS n FROM sf.accounts WHERE soql = 'Name = "
             "''Pier'' OR Name = ''Dry Dock''' AND Industry IS NULL")[0]["n"],
     sum(r["Name"].lower() in ("pier", "dry dock") and not r["Industry"] and
         not r["IsDeleted"] for r in ACCOUNTS), "words of Salesforce's own")
e = fails("SELECT * FROM sf.accounts WHERE soql = 'Name = ''x'' LIMIT 5'")
t.ok("the request invalid" in e and ") expected" in e,
     "  stay in their brackets", e)

# ---- sessions ----
sf.good = None
t.eq(len(d.query("SELECT Id FROM sf.accounts")), 216,
     "a session that ended is begun anew")
t.eq(sf.n, 2, "  once")
sf.left = 3
t.eq(d.query("SELECT count(*) AS n, count(DISTINCT Id) AS m FROM sf.accounts"),
     [{"n": 216, "m": 216}], "one that ends on the third page")
t.eq(sf.n, 3, "  is begun anew there")
d.query("SET SECRET rt = 'refresh-0'")
make("sfr", "salesforce", {"base_url": sf.base, "auth": "refresh_token",
                           "client_id": "3MVGx",
                           "refresh_token": "{{secrets.rt}}"})
for _ in range(2):
    sf.good = None
    t.eq(len(d.query("SELECT Id FROM sfr.accounts LIMIT 3")), 3,
         "a refresh token that serves once")
make("sfx", "salesforce", dict(APP, client_secret="wrong-s3cret"))
e = fails("SELECT Id FROM sfx.accounts")
t.ok("invalid client credentials" in e and "wrong-s3cret" not in e,
     "an app that is refused", e)
if have("openssl"):
    tmp = tempfile.mkdtemp(prefix="moltler-crm-")
    pem = os.path.join(tmp, "k.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt",
                    "rsa_keygen_bits:2048", "-out", pem], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(pem) as f:
        key = f.read()
    make("sfj", "salesforce", {
        "base_url": sf.base, "auth": "jwt", "client_id": "3MVGx",
        "username": "bot@pier.example", "private_key": key})
    t.eq(len(d.query("SELECT Id FROM sfj.accounts LIMIT 3")), 3, "an assertion")
    form = sf.forms[-1]
    head, claims, sig = form["assertion"].split(".")

    def unpack(s):
        return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
    c = json.loads(unpack(claims))
    t.ok((c["iss"], c["sub"], c["aud"]) == (
        "3MVGx", "bot@pier.example", "https://login.salesforce.com") and
        isinstance(c["exp"], int) and 60 < c["exp"] - time.time() <= 181,
        "  its claims", c)
    with open(os.path.join(tmp, "s"), "wb") as f:
        f.write(unpack(sig))
    p = subprocess.run(["openssl", "dgst", "-sha256", "-prverify", pem,
                        "-signature", os.path.join(tmp, "s")],
                       input=(head + "." + claims).encode(),
                       capture_output=True)
    t.eq(p.returncode, 0, "  and its signature")
    shutil.rmtree(tmp)

# ---- a sync ----
sf.used = 18
d.query("SYNC CONNECTOR sf.accounts TO sqlite:sf_accounts "
        "INCREMENTAL ON SystemModstamp")
t.eq(d.query("SELECT count(*) AS n FROM sf_accounts")[0]["n"], 216, "a sync")
late = T0 + 86400
for n, r in enumerate(sf.records[1:4]):
    sf.records[n + 1] = dict(r, Name="late", SystemModstamp=sf_time(late + n))
n, used = len(sf.asked), sf.used
d.query("SYNC CONNECTOR sf.accounts TO sqlite:sf_accounts "
        "INCREMENTAL ON SystemModstamp")
t.eq(d.query("SELECT count(*) AS n FROM sf_accounts WHERE Name = 'late'")[0]
     ["n"], 3, "  brings what changed")
t.ok(sf.asked[n:] and all("SystemModstamp >= 2025-12-31T23:5" in q and
     q.endswith("ORDER BY SystemModstamp ASC, Id") for q in sf.asked[n:n + 1]),
     "  from ten minutes before the last", sf.asked[n:])
sf.used = 15000
e = fails("SELECT Id FROM sf.accounts")
t.ok("24 hours" in e and "rate limit" in e, "the day's requests are used up", e)


class Ovh(Service):
    def __init__(self):
        super().__init__()
        self.ahead = 300
        self.wrong = []
        self.names = ["ns%d.ip-198-51-100.eu" % n for n in range(120)]

    def answer(self, method, path, head, body):
        if path == "/1.0/auth/time":
            return 200, int(time.time()) + self.ahead, {}
        at = head.get("X-Ovh-Timestamp", "")
        want = "$1$" + hashlib.sha1("+".join((
            "ovh-as", "ovh-ck", method, self.base + path, body,
            at)).encode()).hexdigest()
        if head.get("X-Ovh-Signature") != want or head.get(
                "X-Ovh-Application") != "ovh-ak" or \
                abs(int(at) - time.time() - self.ahead) > 30:
            self.wrong.append((method, path, body, at))
            return 400, {"errorCode": "INVALID_SIGNATURE", "message":
                         "Invalid signature"}, {}
        if method == "POST":
            return 200, None, {}
        if path == "/1.0/me":
            return 200, {"nichandle": "ab1-ovh"}, {}
        if path == "/1.0/dedicated/server":
            return 200, self.names, {}
        if path.startswith("/1.0/dedicated/server/"):
            if head.get("X-Ovh-Batch") != ",":
                return 404, {"message": "no batch"}, {}
            names = urllib.parse.unquote(path.rsplit("/", 1)[1]).split(",")
            return 200, [{"key": n, "error": None, "value": {
                "name": n, "ip": "198.51.100." + n[2:n.index(".")],
                "powerState": "poweron"}} for n in reversed(names)], {}
        if path == "/1.0/cloud/project":
            return 200, ["p1", "p2"], {}
        url = urllib.parse.urlsplit(path)
        region = dict(urllib.parse.parse_qsl(url.query)).get("region")
        return 200, [i for i in (
            {"id": url.path.split("/")[4] + "-%d" % n, "region": r,
             "ipAddresses": [{"type": "private", "version": 4, "ip": "10.0.0.1"},
                             {"type": "public", "version": 6, "ip": "2001:db8::"},
                             {"type": "public", "version": 4, "ip": "203.0.113.%d"
                              % n}]} for n, r in enumerate(("GRA 11", "SBG5")))
            if region in (None, i["region"])], {}


ovh = Ovh()
os.environ.update(OVH_AS="ovh-as", OVH_CK="ovh-ck")
KEYS = {"api_url": ovh.base, "application_key": "ovh-ak",
        "application_secret": "ovh-as", "consumer_key": "ovh-ck"}
make("ovh", "ovh", KEYS)
t.ok(d.query("TEST CONNECTOR ovh")[0]["ok"], "signed by the service's clock",
     ovh.wrong)
got = d.query("SELECT project, id, ip FROM ovh.instances WHERE region = "
              "'GRA 11' ORDER BY id")
t.eq([tuple(r.values()) for r in got], [("p1", "p1-0", "203.0.113.0"),
                                        ("p2", "p2-0", "203.0.113.0")],
     "instances of all projects, with a blank in what is signed")
n = len(ovh.calls)
got = d.query("SELECT name, ip FROM ovh.dedicated_servers")
t.ok(len(got) == 120 and all(r["ip"] == "198.51.100." + r["name"][2:
     r["name"].index(".")] for r in got), "servers, each with its own", got[:3])
t.eq(len(ovh.calls) - n, 4, "  in four calls")
d.query("SYNC CONNECTOR ovh.dedicated_servers TO sqlite:ovh_servers")
t.eq(d.query("SELECT count(*) AS n, count(ip) AS m FROM ovh_servers"),
     [{"n": 120, "m": 120}], "  and synced")
d.query("EXEC ovh.instances.reboot(project => 'p1', id => 'x', type => 'hard')")
d.query("EXEC ovh.instances.stop(project => 'p1', id => 'x')")
t.eq(ovh.wrong, [], "bodies are signed, too")
make("ovhx", "ovh", dict(KEYS, application_secret="ovh-wrong"))
e = fails("SELECT name FROM ovhx.dedicated_servers")
t.ok("Invalid signature" in e and "application_secret" in e and
     "ovh-wrong" not in e, "a wrong secret", e)
log = "\n".join(d.log)
t.ok(not any(s in log for s in ("app-s3cret", "ovh-as", "ovh-ck", "refresh-1",
                                "session!1")), "no secret in the log")
t.eq(d.close(), 0, "the daemon ends well")
