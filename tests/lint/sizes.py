"""No file and no function too long to read."""
import re

import tap

FILE_LINES = 600
GRAMMAR_LINES = TEST_LINES = 700
FUNCTION_LINES = 100


def functions(text):
    """Yield (name, line, length) of each function: its body begins with a
    brace in the first column and ends with one, as nothing else does."""
    name, start = None, None
    for number, line in enumerate(text.splitlines(), 1):
        if start is None and line.startswith("{"):
            start = number
        elif start is not None and line.startswith("}"):
            yield name or "?", start, number - start + 1
            name, start = None, None
        elif start is None:
            m = re.match(r"(?:\w[\w \t*]*[ \t*])?(\w+)\(", line)
            if m:
                name = m.group(1)


files, bodies = [], []
for path in tap.files("src", suffix=(".c", ".h", ".l", ".y")):
    if tap.is_generated(path) and path.endswith((".c", ".h")):
        continue
    text = tap.read(path)
    lines = text.count("\n")
    allowed = GRAMMAR_LINES if path.endswith((".l", ".y")) else FILE_LINES
    if lines > allowed:
        files.append("%s: %d lines, %d are allowed" % (path, lines, allowed))
    # A grammar's rules are no functions.
    if path.endswith((".c", ".h")):
        for name, line, length in functions(text):
            if length >= FUNCTION_LINES:
                bodies.append("%s:%d: %s has %d lines, fewer than %d are "
                              "allowed" % (path, line, name, length,
                                           FUNCTION_LINES))

tests = []
for path in tap.files("tests", suffix=(".c", ".h", ".py")):
    lines = tap.read(path).count("\n")
    if lines > TEST_LINES:
        tests.append("%s: %d lines, %d are allowed" % (path, lines, TEST_LINES))

# The counter itself: a rule that finds nothing must be known to look.
probe = "static int\nfoo(int a,\n    int b)\n{\n" + "\tx;\n" * 98 + "}\n" \
        "struct s {\n\tint a;\n};\nint\nbar(void)\n{\n}\n"
blind = [] if list(functions(probe)) == [("foo", 4, 100), ("bar", 109, 2)] \
    else ["found %r" % list(functions(probe))]

tap.report([
    ("files of src within %d lines" % FILE_LINES, files),
    ("files of tests within %d lines" % TEST_LINES, tests),
    ("functions under %d lines" % FUNCTION_LINES, bodies),
    ("the counter counts", blind),
])
