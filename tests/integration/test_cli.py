"""The client against a daemon that answers by rote: what it prints, byte for
byte, and how it ends."""
import os
import shutil
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_fixture import (ANSWERS, MOLTLER, daemon, env, get, run, t,  # noqa: E402
                         tmp)
from daemon import free_port  # noqa: E402
from fake_daemon import FakeDaemon  # noqa: E402

# --- Formats ---------------------------------------------------------------
t.eq(run("-e", "two"), (0, '{"name":"alpha","n":1}\n{"name":null,"n":-20}\n',
                        ""), "ndjson is the format in a pipe")
path, headers, body = daemon.requests[-1]
t.eq((path, body), ("/v1/query", {"sql": "two", "format": "rows"}),
     "the statement is posted")
t.eq((headers.get("Accept"), headers.get("Content-Type"),
      headers.get("Authorization"), headers.get("Expect")),
     ("application/x-moltler-rows", "application/json", None, None),
     "the request's headers")
t.eq(run("-e", "two", "--format", "json"),
     (0, '[\n{"name":"alpha","n":1},\n{"name":null,"n":-20}\n]\n', ""),
     "json is one array")
t.eq(run("-e", "none", "--format=json"), (0, "[]\n", ""),
     "json without rows is an empty array")
t.eq(run("-e", "two", "--format=csv"), (0, "name,n\nalpha,1\n,-20\n", ""),
     "csv has a head, NULL is empty")
t.eq(run("-e", "none", "--format=csv"), (0, "name,n\n", ""),
     "csv without rows is its head")
t.eq(run("-e", "two", "--format=table"), (0, """\
┌───────┬─────┐
│ name  │   n │
├───────┼─────┤
│ alpha │   1 │
│ NULL  │ -20 │
└───────┴─────┘
(2 rows, 12 ms)
""", ""), "a table, numbers to the right")
t.eq(run("-e", "two", "--format=table", LC_ALL="C"), (0, """\
+-------+-----+
| name  |   n |
+-------+-----+
| alpha |   1 |
| NULL  | -20 |
+-------+-----+
(2 rows, 12 ms)
""", ""), "a table in ASCII where the locale has no more")
t.eq(run("-e", "none", "--format=table"), (0, """\
┌──────┬───┐
│ name │ n │
├──────┼───┤
└──────┴───┘
(0 rows, 12 ms)
""", ""), "a table without rows")
t.eq(run("-e", "calls", "--format=table")[1].splitlines()[-1],
     "(1 row, 40 ms, 3 calls, 2 pages, 1 cache hit)",
     "the footer tells calls, pages and cache hits")
for form in "table", "csv":
    rc, out, err = run("-e", "skips", "--format=" + form)
    t.eq((rc, err), (0, "moltler: 2 parts were left out: https://x/y answered "
                     "403[2J, ...\n"), "%s: what is not there is said" % form)
t.eq(run("-e", "skip", "--format=csv")[2],
     "moltler: 1 part was left out: https://x/y gone\n", "and one part alone")
t.eq(run("-e", "nothing", "--format=table"), (0, "(0 rows, 12 ms)\n", ""),
     "a statement without a result")
rc, out, err = run("-e", "types")
t.eq(out, '{"a":1,"a_2":"x","real":0.1,'
     '"labels":{"job":"node","deep":[1.50,"\\u001b"]},"text":"q\\"uo,te"}\n'
     '{"a":9223372036854775807,"a_2":"","real":1e400,"labels":{"k": 1},'
     '"text":"two\\nlines"}\n'
     '{"a":null,"a_2":null,"real":null,"labels":null,"text":null}\n'
     '{"a":true,"a_2":false,"real":-0.0,"labels":"{no",'
     '"text":"\\ud83d\\ude00 \\ud800 \\u001b[31m"}\n',
     "ndjson keeps numbers and documents as written, and names apart")
t.eq(run("-e", "types", "--format=csv")[1],
     'a,a,real,labels,text\n'
     '1,x,0.1,"{""job"":""node"",""deep"":[1.50,""\\u001b""]}",'
     '"q""uo,te"\n'
     '9223372036854775807,"",1e400,"{""k"": 1}","two\nlines"\n'
     ',,,,\n'
     'true,false,-0.0,{no,😀 � \x1b[31m\n', "csv quotes what needs it")
t.eq(run("-e", "types", "--format=table")[1], """\
┌─────────────────────┬───────┬───────┬───────────────────────────────────────\
┬───────────────┐
│ a                   │ a     │  real │ labels                                \
│ text          │
├─────────────────────┼───────┼───────┼───────────────────────────────────────\
┼───────────────┤
│ 1                   │ x     │   0.1 │ {"job":"node","deep":[1.50,"\\u001b"]} \
│ q"uo,te       │
│ 9223372036854775807 │       │ 1e400 │ {"k": 1}                              \
│ two\\nlines    │
│ NULL                │ NULL  │  NULL │ NULL                                  \
│ NULL          │
│ true                │ false │  -0.0 │ {no                                   \
│ 😀 � \\x1b[31m │
└─────────────────────┴───────┴───────┴───────────────────────────────────────\
┴───────────────┘
(4 rows, 12 ms)
""", "a table in a pipe is as wide as it is, controls escaped")
t.eq(run("-e", "in pieces"), (0, '{"name":"é\\u00e9","n":1}\n', ""),
     "an answer that comes byte by byte")
t.eq(run("-e", "no final chunk"), (0, '{"name":"a","n":1}\n', ""),
     "stats make an answer whole, however the connection ends")
rc, out, err = run("-e", "many")
t.eq((rc, out, err), (0, "".join('{"name":"r%d","n":%d}\n' % (i, i)
                                 for i in range(12000)), ""), "many rows")
rc, out, err = run("-e", "many", "--format=table")
rows = out.splitlines()
t.eq((len(rows), rows[9999 + 3], rows[11999 + 3], rows[-1]),
     (12005, "│ r9999 │ 9999 │", "│ r119… │ 119… │", "(12000 rows, 12 ms)"),
     "the first 10,000 rows set a table's widths")

# --- Where statements come from --------------------------------------------
script = os.path.join(tmp.name, "script.sql")
with open(script, "w") as f:
    f.write("-- first; a comment\n/* ; */ two;\n;;\n  none\n;\n")
daemon.requests.clear()
t.eq(run("-f", script, "--format=csv"), (0, "name,n\nalpha,1\n,-20\nname,n\n",
                                         ""), "statements of a file")
t.eq([r[2]["sql"] for r in daemon.requests], ["two", "none"],
     "each without comments around it and without semicolon")
t.eq(run("--format=csv", stdin="none;SELECT 1")[:2], (0, "name,n\n1\n1\n"),
     "statements of standard input")
t.eq(run("-f", "-", "-e", "none", "--format=csv", stdin="SELECT 1")[:2],
     (0, "1\n1\nname,n\n"), "-f and -e in the order given")
t.eq(run("-f", script, "-e", "two;\n\n cut; two", "--format=csv"),
     (1, "name,n\nalpha,1\n,-20\nname,n\nname,n\nalpha,1\n,-20\n"
      "name,n\na,1\nb,2\n",
      "moltler: statement 4 of 5 (-e, line 3): the answer was cut off after "
      "2 rows\n"), "the first failure ends all and is named")
t.eq(run(stdin=" -- nothing\n;")[0:3:2],
     (2, "moltler: there is no statement in standard input\n"),
     "no statement at all")
t.eq(run("-f", "/nonexistent/x.sql")[0:3:2],
     (2, "moltler: cannot read /nonexistent/x.sql: No such file or directory\n"),
     "a file that is not there")
t.eq(run(stdin="x" * 1500000)[0], 0, "a statement of 1.5 MB")
with open(os.path.join(tmp.name, "latin1.sql"), "wb") as f:
    f.write(b"two;\n\ntwo\n'\xe9'")
rc, out, err = run("-f", f.name)
t.ok(rc == 1 and err.startswith("moltler: statement 2 of 2 (%s, line 3): byte "
     "0xe9 in line 4 is no UTF-8 text" % f.name),
     "a statement that is not UTF-8 is not sent as something else", (rc, err))
rc, out, err = run(stdin="two 'a\0b'")
t.ok(rc == 1 and "byte 0x00 in line 1" in err, "nor one with a NUL", (rc, err))

# --- Failures --------------------------------------------------------------
for sql, rc, out, err in (
    ("cut", 1, '{"name":"a","n":1}\n{"name":"b","n":2}\n',
     "the answer was cut off after 2 rows"),
    ("ends early", 1, '{"name":"a","n":1}\n{"name":"b","n":2}\n',
     "the answer was cut off after 2 rows"),
    ("error line", 1, '{"name":"a","n":1}\n',
     "https://x/y page 2: gone"),
    ("error first", 1, "", "line 1, column 8: found FROM\n  SELECT FROM\n"
     "         ^[2J"),
    ("error unreachable", 1, "", "https://x/y: refused"),
    ("short count", 1, '{"name":"a","n":1}\n',
     "the answer is not whole: 1 rows came, the daemon sent 2"),
    ("bad row", 1, "",
     "the daemon sent a row that is not a JSON array (byte 6)"),
    ("long row", 1, "", "the daemon sent a row of more than 2 values"),
    ("after", 1, "", "what answers is not moltlerd, or of another version: "
     "more after the end"),
    ("not json", 1, "", "what answers is not moltlerd, or of another version: "
     "the answer is not made of JSON lines"),
    ("400", 1, "", "the body has no sql"),
    ("503", 1, "", "the daemon is ending (request r2)"),
    ("401", 1, "", "moltlerd at URL wants a token, or another one: set "
     "MOLTLER_TOKEN or give --token-file"),
    ("500", 1, "", "URL answers with status 500 and not as moltlerd does: is "
     "it another server?"),
    ("302", 1, "", "URL answers with status 302 and not as moltlerd does: is "
     "it another server?"),
    ("hangs up", 3, "", "cannot reach moltlerd at URL: Empty reply from "
     'server. Is it running? Start it with "moltlerd" or give --url'),
):
    t.eq(run("-e", sql), (rc, out, "moltler: %s\n"
                          % err.replace("URL", daemon.url)), "failure: " + sql)
t.eq(run("-e", "error line", "--format=json"),
     (1, '[\n{"name":"a","n":1}\n', "moltler: https://x/y page 2: gone\n"),
     "json of a failed statement is not closed")
rc, out, err = run("-e", "error line", "--format=table")
t.eq((rc, out), (1, """\
┌──────┬───┐
│ name │ n │
├──────┼───┤
│ a    │ 1 │
└──────┴───┘
"""), "a failed statement shows the rows that came, without a count")
nobody = "http://127.0.0.1:%d" % free_port()
refused = ('moltler: cannot reach moltlerd at %s: %s. Is it running? Start it '
           'with "moltlerd" or give --url\n')
t.eq(run("-e", "two", "--url", nobody),
     (3, "", refused % (nobody, "Connection refused")), "nobody listens")
t.eq(run("status", "--url", nobody),
     (3, "", refused % (nobody, "Connection refused")),
     "nobody listens: status")
t.eq(run("-e", "two", "--url", "unix:///nonexistent/s"),
     (3, "", refused % ("unix:///nonexistent/s",
                        "No such file or directory")), "no such socket")
with open("/dev/full", "wb") as full:
    p = subprocess.run([MOLTLER, "-e", "two"], stdout=full, env=env(),
                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
t.eq((p.returncode, p.stderr), (1, b"moltler: cannot write to standard output:"
                                b" No space left on device\n"), "a full disk")

# --- Options ---------------------------------------------------------------
for args, err in (
    (["SELECT 1"], 'SQL is given with -e; there is no command "SELECT 1"'),
    (["--format", "xml", "-e", "two"],
     '--format is table, json, ndjson or csv, not "xml"'),
    (["--watch", "-e", "two"], "--watch belongs to status"),
    (["status", "-e", "two"], "status takes no statement"),
    (["status", "now"], 'status takes no "now"'),
    (["status", "--format=csv"], "status has the formats table and json"),
):
    t.eq(run(*args), (2, "", "moltler: %s (moltler --help tells more)\n" % err),
         "usage: " + " ".join(args))
for args, err in (
    (["--nonsense"], 'there is no option "--nonsense"'),
    (["--formt", "csv"],
     'there is no option "--formt" (did you mean --format?)'),
    (["-x"], 'there is no option "-x"'),
    (["--url"], 'a value is missing behind "--url"'),
    (["statsu"], 'SQL is given with -e; there is no command "statsu" (did '
                 'you mean status?)'),
):
    t.eq(run(*args), (2, "", "moltler: %s (moltler --help tells more)\n" % err),
         "usage: " + " ".join(args))
for args, begins in (
    (["help"], "usage: moltler ["), (["help", "secrets"], "usage: moltler ["),
    (["status", "--help"], "usage: moltler ["), (["version"], "moltler "),
    (["manifest", "check", "--help"], "usage: moltler manifest new"),
    (["manifest", "new", "-h"], "usage: moltler manifest new"),
    (["manifest", "record", "--help"], "usage: moltler manifest record"),
):
    got = run(*args)
    t.ok(got[0] == 0 and got[1].startswith(begins) and got[2] == "",
         "help: " + " ".join(args), got)
for url, err in (
    ("localhost:8080", "it cannot be read"),
    ("ftp://h/", "its scheme is not known"),
    ("http://h/?a=b", "it has a query or a fragment"),
    ("unix://x", "the socket's path must begin with /"),
):
    t.eq(run("-e", "two", "--url", url), (
        2, "", 'moltler: bad URL "%s": %s (expected http://HOST:PORT, '
        "https://HOST:PORT or unix:///PATH)\n" % (url, err)),
         "a bad URL: " + url)
rc, out, err = run("-e", "two", "--url", "http://me:geheim@h/")
t.ok(rc == 2 and "geheim" not in err, "a password in a URL is not echoed")
rc, out, err = run("--help")
t.ok(rc == 0 and out.startswith("usage: moltler") and err == "", "--help")
t.ok(run("-V")[1].startswith("moltler "), "-V")
t.eq(run("-e", "two", "--url", daemon.url + "/")[0], 0,
     "a URL that ends in a slash")
token = os.path.join(tmp.name, "token")
with open(token, "w") as f:
    f.write("from-file\n")
run("-e", "two", MOLTLER_TOKEN="from-env")
t.eq(daemon.requests[-1][1].get("Authorization"), "Bearer from-env",
     "a token of the environment")
run("-e", "two", "--token-file", token, MOLTLER_TOKEN="from-env")
t.eq(daemon.requests[-1][1].get("Authorization"), "Bearer from-file",
     "a token of a file comes before it")
rc, out, err = run("-e", "two", MOLTLER_TOKEN="a\r\nX-Evil: 1")
t.ok(rc == 2 and "X-Evil" not in err, "a token that is none is not sent")
sock = os.path.join(tmp.name, "s")
unix = FakeDaemon(ANSWERS, get, path=sock)
t.eq(run("-e", "two", "--format=csv", "--url", unix.url)[:2],
     (0, "name,n\nalpha,1\n,-20\n"), "over a unix socket")
t.eq(unix.requests[-1][1].get("Host"), "localhost", "and its Host header")
unix.stop()

# --- TLS -------------------------------------------------------------------
names = ("an https daemon with a certificate that is trusted",
         "one that is not trusted")
if shutil.which("openssl"):
    cert, key = (os.path.join(tmp.name, n) for n in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                    cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    safe = FakeDaemon(ANSWERS, get, tls=context)
    t.eq(run("-e", "two", "--format=csv", "--url", safe.url,
             SSL_CERT_FILE=cert), (0, "name,n\nalpha,1\n,-20\n", ""), names[0])
    rc, out, err = run("-e", "two", "--url", safe.url, MOLTLER_TOKEN="secret")
    t.ok((rc, out) == (3, "") and "certificate" in err and
         len(safe.requests) == 1, names[1], err)
    safe.stop()
else:
    for name in names:
        t.skip(name, "openssl is not installed")
daemon.stop()
