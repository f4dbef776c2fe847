"""The interactive prompt on a terminal of its own: with the whole daemon and
services on loopback, and where it must be told to misbehave with a daemon that
answers by rote."""
import fcntl
import os
import pty
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, Stopwatch, free_port, wait  # noqa: E402
from fake_daemon import FakeDaemon  # noqa: E402
from fake_services import Services  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
MOLTLER = os.path.join(os.environ.get("builddir", "."), "moltler")
tmp = tempfile.TemporaryDirectory()
HISTORY = os.path.join(tmp.name, "history")
PROMPT = "moltler> "


class Prompt:
    """The client on a terminal: type() and see what it shows."""

    def __init__(self, url, *args, size=(24, 80), ready=True, **more):
        self.master, self.slave = pty.openpty()
        self.resize(*size)

        def control():
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        env = {k: v for k, v in os.environ.items() if not k.startswith(
            ("MOLTLER_", "LC_", "LANG", "PAGER", "LESS", "EDITOR", "VISUAL"))}
        env.update(LC_ALL="C.UTF-8", TERM="xterm", NO_COLOR="1", HOME=tmp.name,
                   MOLTLER_URL=url, MOLTLER_HISTORY=HISTORY)
        env.update(more)
        self.p = subprocess.Popen(
            [MOLTLER, *args], env={k: v for k, v in env.items() if v is not
                                   None},
            preexec_fn=control, stdin=self.slave, stdout=self.slave,
            stderr=self.slave)
        self.shown = ""
        self.raw = b""
        if ready:
            self.until(PROMPT)

    def resize(self, rows, cols):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def more(self, seconds=0.05):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self.master, 65536)
        except OSError:
            return False
        self.raw += piece
        return bool(piece)

    def text(self):
        s = self.raw.decode("utf-8", "replace").replace("\r\n", "\n")
        return s

    def until(self, what, seconds=20):
        """What is shown up to and with ${what}; it is taken away."""
        wait(lambda: what in self.text() or not (
            self.more() or self.p.poll() is None), seconds, 0)
        s = self.text()
        at = s.find(what)
        got, rest = (s, "") if at < 0 else (s[:at + len(what)],
                                            s[at + len(what):])
        self.raw = rest.encode()
        return got

    def quiet(self, seconds=0.4):
        """All that is shown until nothing more comes for so long."""
        watch = Stopwatch()
        while watch.took() < seconds:
            if self.more():
                watch = Stopwatch()
            elif self.p.poll() is not None:
                break
        s = self.text()
        self.raw = b""
        return s

    def type(self, data):
        os.write(self.master, data if isinstance(data, bytes) else
                 data.encode())

    def say(self, line, until=PROMPT):
        """Type a line; what comes up to the next prompt."""
        self.type(line + "\n")
        # What is typed is echoed, maybe with the cursor moved about.
        got = self.until("\n")
        return got and self.until(until)

    def end(self, how=b"\x04"):
        if how:
            self.type(how)
        end = time.monotonic() + 20
        while self.p.poll() is None and time.monotonic() < end:
            self.more()
        if self.p.poll() is None:
            self.p.kill()
        code = self.p.wait()
        while self.more(0):
            pass
        os.close(self.master)
        os.close(self.slave)
        return code


def history():
    if not os.path.exists(HISTORY):
        return []
    with open(HISTORY, encoding="utf-8") as f:
        return f.read().splitlines()


# ---- a real daemon ----
s = Services()
d = Daemon(env={"GH_TOKEN": "ghp_good", "JIRA_TOKEN": "j1"})
url = "http://127.0.0.1:%d" % d.port
d.query("""CREATE CONNECTOR github_org TYPE 'github' CONFIG {"token":
"$env:GH_TOKEN", "org": "acme", "repo": "web", "api_url": "%s/github"}
OPTIONS {"cache_ttl": 0}""" % s.base)

p = Prompt(url, ready=False)
t.ok(re.match(r"moltler [\d.]+, moltlerd [\d.]+ at %s \(\\\? for help\)\n"
              "moltler> $" % url, p.until(PROMPT)), "it says who answers")
t.eq(re.sub(r"\d+ ms", "0 ms", p.say("SELECT 1 AS a, NULL AS b, 'x' AS c;")),
     """\
┌───┬──────┬───┐
│ a │ b    │ c │
├───┼──────┼───┤
│ 1 │ NULL │ x │
└───┴──────┴───┘
(1 row, 0 ms)
moltler> """, "a statement, NULL visible, numbers to the right")
p.type("SELECT 'one;\n")
t.ok("      '> " in p.until("> "), "a string goes on in the next line")
p.type("two' /* a\n")
t.ok("      *> " in p.until("> "), "so does a comment")
p.type("comment; */ AS x\n")
t.ok("      -> " in p.until("-> "), "a statement waits for its semicolon")
p.type(";\n")
t.ok("│ one;\\ntwo │" in p.until(PROMPT), "and runs as one")
p.type("BEGIN SELECT 1 AS first;\n")
t.ok("      b> " in p.until("> "), "BEGIN waits for its END")
p.type("SELECT 2 AS second; END;\n")
got = p.until(PROMPT)
t.ok("second" in got and "first" not in got.split("END;")[1],
     "the last result of a script", got)
got = p.say("SELECT 1 AS one; SELECT 2 AS two; SELECT", "      -> ")
t.ok("│ one │" in got and "│ two │" in got, "two statements in a line, and a "
     "half", got)
p.type(b"\x03")
t.ok(p.until(PROMPT).endswith("^C\n" + PROMPT), "Ctrl-C forgets what was typed")
p.type(b"SELECT nonsense\x03")
t.ok("^C\n" in p.until(PROMPT), "also within a line")
got = p.say("SELECT 3 AS three;")
t.ok("three" in got and "nonsense" not in got, "and all goes on", got)
got = p.say("SELECT a FORM b;")
t.ok("moltler: line 1, column" in got and "\n  SELECT a FORM b\n" in got and
     re.search(r"\n +\^\n", got), "an error marks its place", got)
got = p.say("SELECT 'é日本' AS ü;")
t.ok("│ é日本 │" in got and "│ ü     │" in got, "what is not ASCII", got)

# Completion.
p.type("SEL\t")
t.ok(p.quiet().endswith("ECT "), "TAB completes a keyword")
p.type("t\t")
p.quiet()
p.type(b"\x15SELECT number FROM gith\t")
t.ok("ub_org." in p.quiet(1), "a connector, and its dot")
p.type("\t")
got = p.quiet(1)
t.ok("issues" in got and "pulls" in got and "repos" in got,
     "its entities are listed", got)
p.type("iss\t")
t.ok("ues" in p.quiet(1), "an entity")
p.type(" WHERE nu\t")
t.ok(p.quiet(1).endswith("mber"), "a column of the table after FROM")
p.type(" = 5;\n")
got = p.until(PROMPT)
t.ok("│      5 │" in got, "what was completed runs", got)
p.type("TEST CONNECTOR g\t")
t.ok("ithub_org" in p.quiet(1), "connectors after CONNECTOR")
p.type(b"\x15CREATE CONNECTOR x TYPE 'ji\t")
t.ok("ra' " in p.quiet(1), "types after TYPE")
p.type(b"\x15CONNECTOR_EXEC github_org.issues.cre\t")
t.ok("ate(" in p.quiet(1), "actions")
p.type(b"\x15\\tim\t")
t.ok("ing " in p.quiet(1), "commands")
p.type(b"\x15\\d github_org.is\t")
t.ok("sues" in p.quiet(1), "names behind \\d")
p.type(b"\x03")
p.until(PROMPT)
p.say("CREATE CONNECTOR fresh_one TYPE 'github' CONFIG {\"token\": "
      "\"$env:GH_TOKEN\", \"org\": \"acme\", \"api_url\": \"%s/github\"};" % s.base)
p.type("SHOW CONNECTOR fre\t")
t.ok("sh_one" in p.quiet(1), "a connector that was just made")
p.type(b"\x15DROP CONNECTOR fresh_one;\n")
p.until(PROMPT)
p.type("SHOW CONNECTOR fre\t")
t.ok("sh_one" not in p.quiet(1), "and one that was dropped is gone")
p.type(b"\x15SELECT\t'tab' AS a;\n")
t.ok("│ tab │" in p.until(PROMPT), "a tab that is pasted stays one")

# Commands.
t.ok("Timing is on." in p.say("\\timing"), "\\timing")
t.ok(re.search(r"\nTime: \d+\.\d{3} ms\n", p.say("SELECT 1 AS a;")),
     "and the time")
p.say("\\timing off")
got = p.say("\\d")
t.ok("github_org" in got and "Last Sync" in got, "\\d lists connectors", got)
got = p.say("\\d github")
t.ok("api_url" in got and "│ entity" in got, "\\d type", got)
got = p.say("\\d github_org.issues")
t.ok("number" in got and "integer" in got, "\\d name.entity", got)
p.say("SYNC CONNECTOR github_org.repos TO kept-repos;")
for name in ("kept-repos", "sqlite:kept-repos", "kept-*"):
    got = p.say("\\d " + name)
    t.ok(re.search(r"│ private +│ boolean +│", got), "\\d " + name, got)
t.ok("│ private " in p.say("DESCRIBE kept-repos;"), "as DESCRIBE does")
t.ok("pagerduty" in p.say("\\dt"), "\\dt")
p.say("\\x")
got = p.say("SELECT 1 AS first, NULL AS second, 'y' AS third;")
t.ok(got.startswith("[ row 1 ]───") and """
first  │ 1
second │ NULL
third  │ y
(1 row, 0 ms)
""" in got, "\\x", got)
got = p.say("SELECT '%s' AS wide;" % ("x" * 100))
t.ok("\nwide │ %s\n     │ %s\n" % ("x" * 73, "x" * 27) in got,
     "a wide value is whole then", got)
p.say("\\x auto")
t.ok("│ x │" in p.say("SELECT 'x' AS a;"), "\\x auto: a table where it fits")
t.ok("[ row 1 ]" in p.say("SELECT '%s' AS a;" % ("x" * 100)),
     "and lines where not")
p.say("\\x off")
t.ok("The format is csv." in p.say("\\format csv"), "\\format")
t.eq(p.say("SELECT 1 AS a, 'x' AS b;"), "a,b\n1,x\n" + PROMPT, "as CSV")
p.say("\\format table")
t.ok("there is no command \\nonsense" in p.say("\\nonsense"),
     "a command there is not")
got = p.say("\\?")
t.ok("\\timing [on|off]" in got and "TAB" in got, "\\?", got)
t.ok("\\timing [on|off]" in p.say("help"), "help")
script = os.path.join(tmp.name, "two.sql")
with open(script, "w") as f:
    f.write("SELECT 41 AS a; -- one\nSELECT nothing;\nSELECT 987654321 AS c;\n")
got = p.say("\\i " + script)
t.ok("41" in got and "ends at the statement in line 2" in got and
     "987654321" not in got, "\\i stops at what fails", got)
t.ok("No such file" in p.say("\\i /nonexistent/x"), "\\i of no file")
t.ok(url in p.say("\\c"), "\\c")
got = p.say("\\c http://127.0.0.1:%d" % free_port())
t.ok("The connection stays" in got and "Connection refused" in got,
     "\\c to nothing keeps what is", got)
t.ok("│ 7 │" in p.say("SELECT 7 AS a;"), "and that goes on")
p.type("SELECT\n")
p.until("-> ")
t.ok("SELECT\n" in p.say("\\p", "-> "), "\\p shows what was typed so far")
t.ok("forgotten" in p.say("\\r"), "\\r forgets it")

# Cancelling, progress.
d.query("SELECT number FROM github_org.issues LIMIT 1")
s.delay = 0.7
s.forget()
p.type("SELECT number, title FROM github_org.issues;\n")
got = p.until(" pages, ", 30)
t.ok(re.search(r"\r\x1b\[K\d+ rows?, \d+ pages, $", got),
     "progress tells rows and pages", repr(got[-200:]))
got = p.until(PROMPT, 30)
t.ok(re.search(r"\d calls, \d+ rows/s, \d\.\d s", got) and
     "\r\x1b[K┌" in got, "calls and rate, and is gone before the rows",
     repr(got[:600]))
s.delay = 2
s.forget()
p.type("SELECT number FROM github_org.issues;\n")
p.until("\n")
wait(lambda: s.calls("issues"), 10)
p.type(b"\x03")
watch = Stopwatch()
got = p.until(PROMPT)
t.ok("moltler: cancelled" in got and watch.took() < 2,
     "Ctrl-C cancels a statement, not the program", repr(got))
t.ok(wait(lambda: d.metric("moltler_queries_running") == 0, 5),
     "the daemon has nothing left to do")
s.delay = 0
t.ok("│ 8 │" in p.say("SELECT 8 AS a;"), "and the next runs")
t.eq(len(s.calls()), 1, "no page was asked after the first")

# Secrets are not kept.
got = p.say("SET SECRET hidden = 'hush-hush';")
t.ok("moltler:" not in got and "hush" not in got, "SET SECRET runs", got)
p.say("CREATE CONNECTOR s1 TYPE 'github' CONFIG {\"token\": \"hush-token\", "
      "\"org\": \"acme\"};")
p.type(b"\x1b[A")
got = p.quiet()
t.ok("hush" not in got, "a secret does not come back by the arrow", repr(got))
p.type(b"\x03")
p.until(PROMPT)
t.eq(p.end(b"\\q\n"), 0, "\\q leaves")
kept = history()
t.ok(not any("hush" in x for x in kept), "and is not in the history")
t.ok(r"SELECT 'one;\ntwo' /* a\ncomment; */ AS x;" in kept,
     "which has a statement a line", kept[:4])
t.eq(stat.S_IMODE(os.stat(HISTORY).st_mode), 0o600, "of mode 0600")

# Another one remembers.
p = Prompt(url, size=(24, 40))
p.type(b"\x1b[A\x1b[A")
got = p.quiet()
t.ok("SELECT 8 AS a;" in got.replace("\r", ""), "history is kept", repr(got))
p.type(b"\x03")
p.until(PROMPT)
got = p.say("SELECT 123456 AS id, 'a title that is wide' AS title, "
            "'and one more that is' AS more;")
rows = [x for x in got.splitlines() if x.startswith("│")]
t.ok("…" in rows[1] and "123456" in rows[1] and
     all(len(x) == 40 for x in rows), "cells cut to 40 columns, numbers not",
     got)
p.resize(24, 100)
os.kill(p.p.pid, signal.SIGWINCH)
p.quiet()
got = p.say("SELECT 123456 AS id, 'a title that is wide' AS title, "
            "'and one more that is' AS more;")
t.ok("a title that is wide" in got and "…" not in got,
     "a terminal that grew", got)
got = p.say("SELECT a%d FROM x;" % 10 ** 30)
t.ok("moltler:" in got, "a line longer than the terminal", got)
# Stopped and continued, the shell's modes set meanwhile.
modes = termios.tcgetattr(p.slave)
os.kill(p.p.pid, signal.SIGSTOP)
modes[3] |= termios.ICANON | termios.ECHO
termios.tcsetattr(p.slave, termios.TCSANOW, modes)
os.kill(p.p.pid, signal.SIGCONT)
p.quiet()
t.ok(not termios.tcgetattr(p.slave)[3] & termios.ICANON,
     "continued after a stop it takes the terminal again")
t.ok("│ 9 │" in p.say("SELECT 9 AS a;"), "and goes on")
t.eq(p.end(), 0, "Ctrl-D leaves")

p = Prompt(url, size=(24, 30))
s.delay = 0.8
p.type("SELECT count(*) AS n FROM github_org.issues;\n")
# How often it is drawn is the machine's affair.
got = [x for x in p.until(PROMPT, 60).split("\r\x1b[K") if "\n" not in x]
t.ok(any("rows, 1 page" in x for x in got) and max(map(len, got)) <= 29,
     "progress fits a narrow terminal", repr(got))
s.delay = 0
p.end()

p = Prompt(url, LC_ALL="C")
got = p.say("SELECT 'é' AS a, NULL AS b;")
t.ok("| é | NULL |" in got and "+---+------+" in got,
     "where the locale has no UTF-8: tables in ASCII", got)
t.ok("…" not in p.say("SELECT '%s' AS a;" % ("x" * 100)), "and no other sign")
t.eq(p.end(b"quit\n"), 0, "quit leaves")

p = Prompt(url, PAGER="sed 's/^/paged /'")
got = p.say("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < 50) SELECT i FROM n;")
t.ok("paged │ 50 │" in got, "a pager where it is taller than the screen", got)
t.ok("paged" not in p.say("SELECT 1 AS a;"), "and only then")
p.say("\\pager off")
t.ok("paged" not in p.say("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                          "i + 1 FROM n WHERE i < 50) SELECT i FROM n;"),
     "\\pager off")
t.eq(p.end(b"exit;\n"), 0, "exit leaves")

edit = os.path.join(tmp.name, "edit")
with open(edit, "w") as f:
    f.write("#!/bin/sh\nsed -i 's/1/77/' \"$1\"\nls -l \"$1\"\n")
os.chmod(edit, 0o755)
p = Prompt(url, EDITOR=edit)
p.say("SELECT 1 AS a;")
got = p.say("\\e")
t.ok("│ 77 │" in got and "-rw-------" in got, "\\e edits the last statement",
     got)
p.p.send_signal(signal.SIGTERM)
t.eq(p.end(None), 130, "SIGTERM ends it")

home = os.path.join(tmp.name, "state")
os.mkdir(home)
p = Prompt(url, MOLTLER_HISTORY=None, XDG_STATE_HOME=home)
p.say("SELECT 1 AS a;")
p.end()
t.ok(os.path.exists(os.path.join(home, "moltler_history")),
     "the history of $XDG_STATE_HOME")
p = Prompt(url, MOLTLER_HISTORY=None, XDG_STATE_HOME=None)
p.say("SELECT 1 AS a;")
p.end()
t.ok(os.path.exists(os.path.join(tmp.name, ".moltler_history")),
     "or of the home directory")

# Lost and back.
p = Prompt(url)
port = d.port
d.stop()
got = p.say("SELECT 1 AS a;")
t.ok("cannot reach moltlerd" in got, "a daemon that went away", got)
p.type("SELECT 1 FROM gi\t")
t.ok("SELECT 1 FROM gi" in p.quiet(0.8), "TAB does not wait for it")
p.type(b"\x03")
p.until(PROMPT)
d.args += ["--listen", "127.0.0.1:%d" % port]
d.start()
got = p.say("SELECT 1 AS a;")
t.ok("answers again" in got and "│ 1 │" in got, "and came back", got)
t.eq(p.end(), 0, "and it ends well")
d.close()
s.close()

p = Prompt("http://127.0.0.1:%d" % free_port(), ready=False)
t.eq(p.end(None), 3, "no daemon at the start: exit 3")
t.ok("cannot reach moltlerd" in p.text(), "and it says so", p.text())

# ---- a daemon by rote ----
COLS = {"columns": [{"name": "a", "type": "INTEGER"}]}
STATS = {"stats": {"rows": 1, "ms": 1, "pages": 0, "calls": 0,
                   "cache_hits": 0}}
left = threading.Event()


class Answers(dict):
    """Nobody answers a question for names in time."""

    def __missing__(self, key):
        return lambda h: h.gone(5)


def endless(h):
    h.head()
    h.chunk('{"columns":[{"name":"a","type":"INTEGER"}]}\n')
    try:
        while True:
            h.chunk("[1]\n" * 1000)
            time.sleep(0.01)
    except OSError:
        left.set()


def status(h):
    h.body(401 if h.headers.get("Authorization") == "Bearer wrong" else 200,
           '{"version":"9.9"}')


fake = FakeDaemon(Answers({
    "slow": lambda h: h.gone(30) and left.set(),
    "endless": endless,
    "cut": lambda h: (h.head(), h.chunk('{"columns":[{"name":"a","type":""}]}'
                                        '\n[1]\n'),
                      setattr(h, "close_connection", True)),
    "one": lambda h: h.lines(COLS, [1], STATS),
    "evil": lambda h: h.lines({"error": {"code": "x", "class": "permanent",
                                         "message": "\x1b]0;evil\x07"}}),
}), status)
p = Prompt(fake.url)
p.type("SELECT 1 FROM gi\t")
watch = Stopwatch()
p.type("x")
p.until("x")
t.ok(watch.took() < 0.8, "TAB waits half a second at most", watch.took())
watch = Stopwatch()
p.type("\t\t\tyy")
p.until("y")
t.ok(watch.took() < 0.5, "and not each time", watch.took())
p.type(b"\x03")
p.until(PROMPT)
p.type("slow;\n")
p.until(" rows, ")
p.type(b"\x03")
t.ok("cancelled" in p.until(PROMPT) and left.wait(5),
     "Ctrl-C closes the connection")
left.clear()
p.type("endless;\n")
p.until("│ 1 │\n│ 1 │", 30)
p.type(b"\x03")
got = p.until(PROMPT, 30)
t.ok("cancelled" in got and left.wait(5), "also while rows run over the screen",
     repr(got[-300:]))
t.ok("│ 1 │" in p.say("one;"), "and the next statement runs")
p.type("slow; one;\n")
p.until(" rows, ")
p.type(b"\x03")
got = p.quiet(1)
t.ok("cancelled" in got and "│ 1 │" not in got,
     "Ctrl-C is also for what stands behind in the line", repr(got))
got = p.say("cut;")
t.ok("cut off after 1 row" in got, "an answer that breaks off", got)
got = p.say("evil;")
t.ok("\x07" not in got and "\x1b]" not in got, "nobody drives the terminal",
     repr(got))
p.type(b"caf\xe9 \xff;\x03")
t.ok(p.until(PROMPT).endswith(PROMPT), "bytes that are no UTF-8")
p.type(b"x" * 3000)
p.quiet()
p.type(b"\x03")
t.ok(p.until(PROMPT).endswith(PROMPT), "a very long line")
t.eq(p.end(), 0, "it ends well")
p = Prompt(fake.url, ready=False, MOLTLER_TOKEN="wrong")
t.eq(p.end(None), 1, "a wrong token: it ends at once")
t.ok("wants a token" in p.text(), "and says why", p.text())
fake.stop()
