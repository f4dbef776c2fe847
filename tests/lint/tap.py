"""What the lint scripts share: the source tree, and results in TAP."""
import os
import sys

TOP = os.environ.get("srcdir") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")

# What a build in the source tree leaves there.
BUILT_DIRS = {".deps", "__pycache__", "autom4te.cache", "build-aux", ".git"}
MOST = 20  # complaints of one check that are printed
BUILT_SUFFIXES = (".o", ".a", ".log", ".trs", ".pyc", ".dirstamp")


def files(*folders, suffix=("",)):
    """Paths below the folders, relative to the top, sorted."""
    found = []
    for folder in folders:
        for where, dirs, names in os.walk(os.path.join(TOP, folder)):
            dirs[:] = [d for d in dirs
                       if d not in BUILT_DIRS and not d.startswith("build")]
            for name in names:
                path = os.path.relpath(os.path.join(where, name), TOP)
                if name.endswith(tuple(suffix)) and \
                        not name.endswith(BUILT_SUFFIXES):
                    found.append(path)
    return sorted(found)


def is_generated(path):
    """Whether bison or flex made it (distributed next to its source)."""
    stem = os.path.join(TOP, os.path.splitext(path)[0])
    return os.path.exists(stem + ".y") or os.path.exists(stem + ".l")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8",
              errors="surrogateescape") as f:
        return f.read()


def report(checks):
    """checks: (name, list of complaints).  Never returns."""
    bad = 0
    print("1..%d" % len(checks))
    for i, (name, complaints) in enumerate(checks, 1):
        print("%s %d - %s" % ("not ok" if complaints else "ok", i, name))
        for c in complaints[:MOST]:
            print("# " + c.encode("ascii", "backslashreplace").decode())
        if len(complaints) > MOST:
            print("# and %d more" % (len(complaints) - MOST))
        bad += bool(complaints)
    sys.exit(1 if bad else 0)
