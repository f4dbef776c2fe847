"""Include guards, and a contract before what a header declares."""
import re

import tap

guards, contracts = [], []
for path in tap.files("src", suffix=(".h",)):
    if tap.is_generated(path):
        continue
    text = tap.read(path)
    guard = "MOLTLER_" + re.sub(r"\W", "_", path[len("src/"):-2]).upper() + \
        "_H"
    if not re.match(r"(/\*.*?\*/\s*)?#ifndef %s\n#define %s\n.*\n#endif\s*"
                    r"(/\*.*?\*/\s*)?\Z" % (guard, guard), text, re.S):
        guards.append("%s: no include guard %s around all of it" %
                      (path, guard))
    if re.search(r"^\w[^;{}#]*\w\([^;{}]*\)[^;{}]*;", text, re.M) and \
            "/**" not in text:
        contracts.append("%s: declares functions, describes none" % path)

tap.report([
    ("every header has its guard", guards),
    ("headers with functions say what they do", contracts),
])
