"""Nothing half-done, nothing sloppy, nothing of somebody's machine."""
import re

import tap

TEXT = (".c", ".h", ".l", ".y", ".inc", ".py", ".sh", ".md", ".m4", ".am",
        ".ac", ".json", ".js", ".css", ".html", ".sql", ".conf", ".service",
        ".yml", ".yaml", ".1", ".5", ".7", ".8")
# Split, so that this file does not find itself.
UNDONE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
# A path on the machine of whoever wrote it.
PRIVATE = re.compile(r"(?<![\w.$})\]-])/(home|root|work|workspace|Users)/\w|"
                     r"/tmp/(wt|brief|build[\w-]*)\b")


def lines(paths, pattern, what):
    return ["%s:%d: %s" % (path, n, what)
            for path in paths
            for n, line in enumerate(tap.read(path).split("\n"), 1)
            if pattern.search(line)]


top = [f for f in ("Makefile.am", "configure.ac", "README.md", "HACKING.md",
                   "DESIGN.md", "CHANGELOG")]
code = [f for f in tap.files("src", "connectors", suffix=TEXT)
        if not tap.is_generated(f) or f.endswith((".l", ".y"))]
# Inputs of tests are what they are.
rest = [f for f in tap.files("tests", "man", "m4", "contrib", "docs",
                               suffix=TEXT)
        if not re.search(r"/(corpus|data|pages|fixtures)/", f)]

tap.report([
    ("nothing in src and connectors waits to be done",
     lines(code, UNDONE, "finish it or say it otherwise")),
    ("no blanks at the end of a line",
     lines(code + rest + top, re.compile(r"[ \t\r]$"), "trailing blank")),
    ("no path of somebody's machine",
     lines(code + rest + top, PRIVATE, "names a private folder")),
])
