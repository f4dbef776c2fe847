#!/usr/bin/env python3
"""kinds-table.py [--check]: write docs/kinds.md, the table of what manifests can say, of
docs/kinds.facts and connectors/*: by which test each is covered, and by which types used.
With --check nothing is written: exit 1 if it is not up to date, or if something has
neither test nor type."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manifest_uses  # noqa: E402

SRC = manifest_uses.SRC
HEAD = """# What a manifest can say

Made by `contrib/kinds-table.py` of `docs/kinds.facts` and the manifests; do not edit. Each kind with the tests that cover it (of a program
the one that is named) and the types that use it. `tests/lint/kinds.py` sees to it that there is one of each, and a type for every single
key and word of the format, but for those it names with the reason.

| | what | test | types |
|---|---|---|---|
"""


def read(*path):
    with open(os.path.join(SRC, *path), encoding="utf-8") as f:
        return f.read()


def says(uses, text, want):
    return all(re.search(x[1:], text) if x[0] == "~" else x in uses
               for x in want.split())


def where(path, name):
    """The file that has the test: the one named, or, as tests move among those of one
    part, another whose name begins with the same two words; None: there is none."""
    folder, file = os.path.split(path)
    base, ext = os.path.splitext(file)
    near = "_".join(base.split("_")[:2])
    for f in [file] + sorted(os.listdir(os.path.join(SRC, folder))):
        if f != file and not (name and re.match(near + r"(_\w+)?\%s$" % ext, f)):
            continue
        one = os.path.join(folder, f)
        if os.path.isfile(os.path.join(SRC, one)) and \
                (not name or name + "(" in read(one)):
            return one
    return None


def table():
    """The page, and what is wrong with it."""
    schema = manifest_uses.load("connectors", "manifest.schema.json")
    types = {n: (manifest_uses.used(schema, m), json.dumps(
        m, separators=(",", ":"))) for n, m in
        manifest_uses.manifests().items()}
    out, wrong, part = HEAD, [], None
    for line in read("docs", "kinds.facts").splitlines():
        if not line or line[0] == "#":
            continue
        section, what, want, tests = line.split(" | ")
        names = [n for n, (uses, text) in types.items() if any(
            says(uses, text, x) for x in want.split(" or "))]
        if not names:
            wrong.append("%s, %s: no type uses it" % (section, what))
        shown = []
        for test in tests.split():
            path, _, name = test.partition(":")
            found = where(path, name)
            if found is None:
                wrong.append("%s, %s: there is no %s" % (section, what, test))
            else:
                shown.append("`%s`%s" % (
                    os.path.basename(found).split(".")[0],
                    name and " " + name[5:].replace("_", " ")))
        out += "| %s | %s | %s | %s |\n" % (
            section if section != part else "", what, ", ".join(shown),
            ", ".join(names) if len(names) < 7 else
            ", ".join(names[:5]) + " and %d more" % (len(names) - 5))
        part = section
    return out, wrong


def main(args):
    new, wrong = table()
    path = os.path.join(SRC, "docs", "kinds.md")
    if args == ["--check"]:
        if not os.path.exists(path) or read("docs", "kinds.md") != new:
            wrong.append("docs/kinds.md is not what docs/kinds.facts and "
                         "connectors/ say; run contrib/kinds-table.py")
    else:
        with open(path, "w", encoding="utf-8") as f:
            f.write(new)
    if wrong:
        print("\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
