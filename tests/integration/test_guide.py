"""docs/build-your-own.md: each of its commands is run, and prints what stands there."""
import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, SRC, free_port, wait  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
END = "=-=-= "
# What is another each time: dates of today, times taken.
FICKLE = ((re.compile(r"recorded \d{4}-\d\d-\d\d"), "recorded DATE"),
          (re.compile(r"\b\d+ ms\b"), "N ms"))


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def steps(text):
    """The commands of the page, each with the lines that stand below it."""
    out = []
    for line in text.splitlines():
        if line.startswith("    $ "):
            out.append([line[6:], []])
            fresh = True
        elif line.startswith("    > ") and out and not out[-1][1]:
            out[-1][0] += "\n" + line[6:]
        elif line.startswith("    ") and out and fresh:
            out[-1][1].append(line[4:])
        else:
            fresh = False
    return out


def plain(line):
    for pattern, word in FICKLE:
        line = pattern.sub(word, line)
    return line.rstrip()


def matches(got, want):
    """Line by line; "..." stands for any lines."""
    if not want:
        return not got
    if want[0] == "...":
        return any(matches(got[i:], want[1:]) for i in range(len(got) + 1))
    return bool(got) and got[0] == want[0] and matches(got[1:], want[1:])


api, daemon = free_port(), free_port()
tmp = tempfile.mkdtemp(prefix="moltler-guide-")
for name in ("docs", "connectors"):
    os.symlink(os.path.join(SRC, name), os.path.join(tmp, name))
env = dict(os.environ, PATH=os.path.abspath(BUILD) + ":" + os.environ["PATH"],
           MOLTLER_LISTEN="127.0.0.1:%d" % daemon, LC_ALL="C.UTF-8",
           MOLTLER_URL="http://127.0.0.1:%d" % daemon)
shell = subprocess.Popen(["bash"], cwd=tmp, env=env, text=True, bufsize=1,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, start_new_session=True)


def end():
    """The shell and what it started: they are a group of their own."""
    try:
        os.killpg(shell.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    shutil.rmtree(tmp, ignore_errors=True)


atexit.register(end)


def run(command):
    """In the one shell: what it printed, and its exit code."""
    shell.stdin.write("%s\necho '%s'$?\n" % (command, END))
    got = []
    for line in shell.stdout:
        if END in line:
            before, _, rc = line.partition(END)
            return got + ([before] if before else []), int(rc)
        got.append(line.rstrip("\n"))
    return got, -1


with open(os.path.join(SRC, "docs", "build-your-own.md")) as f:
    guide = f.read()
with open(os.path.join(SRC, "docs", "crossref", "manifest.json")) as f:
    manifest = f.read()
t.ok("has %d lines" % manifest.count("\n") in guide,
     "it says how many lines its manifest has")
part = guide.split("This is the heart of it")[1].split("A *push*")[0]
lines = [x.strip() for x in part.splitlines()[1:] if x.strip()]
t.eq([x for x in lines if x not in manifest], [],
     "what it shows of the manifest stands there")

todo = steps(guide)
t.ok(len(todo) > 15, "it has commands", len(todo))
for command, below in todo:
    mine = command.replace(":8799", ":%d" % api).replace(
        " 8799", " %d" % api)
    got, rc = run(mine)
    if mine.endswith("&"):
        port = daemon if mine.startswith("moltlerd") else api
        t.ok(wait(lambda: answers(port)), "it is there: " + command[:60], got)
        continue
    got = [plain(x.replace(":%d" % api, ":8799")) for x in got]
    t.ok(matches(got, [plain(x) for x in below]), command[:70],
         "got:\n%s\nwant:\n%s" % ("\n".join(got), "\n".join(below)))

# What the guide made is what stands beside it.
out = subprocess.run([os.path.join(BUILD, "moltler"), "manifest", "test",
                      os.path.join(SRC, "docs", "crossref")],
                     capture_output=True, text=True)
t.ok(out.returncode == 0 and "0 failed" in out.stdout,
     "the fixtures beside it play", out.stdout)
t.eq(sorted(os.listdir(os.path.join(SRC, "docs", "crossref", "fixtures"))),
     sorted(os.listdir(os.path.join(tmp, "types", "crossref", "fixtures"))),
     "and are those that it records")
