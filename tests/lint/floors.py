"""Who may include whom, and that every source file is built or shipped."""
import os
import re
import sys

import tap

FLOOR = {"base": 0, "loop": 1, "sql": 1, "net": 2, "state": 3, "secret": 3,
         "manifest": 4, "decode": 5, "conn": 6, "target": 7, "query": 8,
         "run": 8, "sync": 9, "stmt": 10, "api": 11, "daemon": 12, "cli": 12}

# Libraries whose types may not leave some folders; the first match counts.
LIBRARIES = [
    (r"hiredis/", {"net"}),
    (r"curl/", {"net", "cli"}),  # the client is a process of its own
    (r"hiredis", {"net"}),
    (r"event2/http|evhttp", {"net"}),
    (r"event2/|event\.h|evutil", {"loop", "net"}),
    (r"histedit|editline/", {"cli"}),
    (r"libxml/", {"decode"}),
    (r"sqlite3(ext)?\.h", {"state", "target", "query"}),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
SOURCES = (".c", ".h", ".l", ".y")


def own(folder, name):
    """What is wrong with a folder's use of one of our headers, or None."""
    if name == "config.h":
        return None
    if "/" not in name:
        return 'write "%s/%s"' % (folder, name)
    other = name.split("/")[0]
    if other not in FLOOR:
        return "%s is none of our folders" % other
    if other != folder and FLOOR[other] >= FLOOR[folder]:
        return "floor %d may not use floor %d" % (FLOOR[folder], FLOOR[other])
    return None


def library(folder, name):
    for pattern, allowed in LIBRARIES:
        if re.match(pattern, name):
            return None if folder in allowed else \
                "only for " + ", ".join(sorted(allowed))
    return None


floors, libraries, unbuilt, unknown = [], [], [], []
fragments = "".join(tap.read(f) for f in
                    tap.files("src", suffix=("Makefile.inc",)))
mentioned = set(re.findall(r"src/[\w./-]+", fragments))
for path in tap.files("src"):
    folder = path.split("/")[1]
    if path.endswith("Makefile.inc") or tap.is_generated(path):
        continue
    if folder not in FLOOR:
        unknown.append("%s: folder has no floor" % path)
        continue
    if path not in mentioned:
        unbuilt.append("%s: in no Makefile.inc" % path)
    if not path.endswith(SOURCES):
        continue
    for m in INCLUDE.finditer(tap.read(path)):
        ours = m.group(1) == '"'
        wrong = (own if ours else library)(folder, m.group(2))
        if wrong:
            (floors if ours else libraries).append(
                "%s: includes %s: %s" % (path, m.group(2), wrong))

# A script's folder comes first where Python looks: what is called as a module of
# its own is taken for it, on some installations.
shadows = [path for path in tap.files("tests", "contrib", suffix=(".py",))
           if os.path.basename(path)[:-3] in sys.stdlib_module_names]

tap.report([
    ("no script hides a module of Python", shadows),
    ("every folder has a floor", unknown),
    ("a folder includes itself and lower floors", floors),
    ("libraries stay in their folders", libraries),
    ("every file of src is in a Makefile.inc", unbuilt),
])
