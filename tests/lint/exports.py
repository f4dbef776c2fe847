"""What a header offers is used by somebody else: else it is static, or gone."""
import os
import re

import tap

SKIP = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                  r"'(?:\\.|[^'\\\n])*'", re.S)
WORD = re.compile(r"[A-Za-z_]\w*")
# A function's declaration: its name stands behind its type, in the first column.
DECLARED = re.compile(r"^(?!static\b|typedef\b|struct \w+ \{)[A-Za-z][\w \t*]*?"
                      r"\b(\w+)\((?!\*)[^;{}]*\)[^;{}()]*"
                      r"(?:\(\d[^;{}()]*\))?\s*;", re.M)
# And its definition, below its type.
DEFINED = re.compile(r"^(?:[a-z][\w \t*]*?[ \t*])?(\w+)\([^;{}]*\)\s*^\{", re.M)


def plain(text):
    """Without comments and literals, the lines of macros joined."""
    return SKIP.sub(" ", text).replace("\\\n", " ")


# Called by what bison makes of a grammar.
BY_BISON = {"parser_lex"}


def unshared(sources):
    """(header, name) of the functions that only the file that has them names, and
    all that are declared.  sources: {path: text}, headers of src among them."""
    names, declared, defined = {}, {}, {}
    for path, text in sources.items():
        text = plain(text)
        for word in set(WORD.findall(text)):
            names.setdefault(word, set()).add(path)
        if path.startswith("src/") and path.endswith(".h"):
            once = DECLARED.findall(text)
            for name in once:
                declared.setdefault(name, path)
            # What the header's own inline functions call, every reader of it does.
            for word in set(once):
                if len(re.findall(r"\b%s\b" % word, text)) > once.count(word):
                    names[word].add(None)
        elif path.startswith("src/"):
            for m in DEFINED.finditer(text):
                defined.setdefault(m.group(1), path)
    return [(header, name) for name, header in sorted(declared.items())
            if not names[name] - {header, defined.get(name)} and
            name not in BY_BISON], declared


def is_made(path):
    """Whether bison or flex made it; the header of a lexer is ours."""
    return path.endswith(".c") and tap.is_generated(path) or \
        path.endswith(".h") and os.path.exists(
            os.path.join(tap.TOP, path[:-2] + ".y"))


sources = {path: tap.read(path)
           for path in tap.files("src", "tests", suffix=(".c", ".h", ".l", ".y"))
           if not is_made(path)}
found, declared = unshared(sources)
own = ["%s: %s is named by one file only: make it static there, or take it out" %
       pair for pair in found]

# The search itself: what finds nothing must be known to look.
probe = {
    "src/a/a.h": "/** a_one(x), a_two(): Both. */\nint a_one(int x) MUST_CHECK;\n"
                 "struct a * a_two(const char * s,\n"
                 "    int (*f)(int)) __attribute__((format(printf, 1, 2)));\n"
                 "void a_three(void);\nstatic inline int\na_four(void)\n"
                 "{\n\treturn (a_five());\n}\nint a_five(void);\n",
    "src/a/a.c": "int\na_one(int x)\n{\n\treturn (x);\n}\n\nstruct a *\n"
                 "a_two(const char * s,\n    int (*f)(int))\n{\n\ta_one(1);\n}\n\n"
               "int\na_five(void)\n{\n}\n",
    "src/a/b.c": "/* a_one() */\nvoid\na_three(void)\n{\n\tputs(\"a_two\");\n}\n",
    "tests/t.c": "a_three();\n",
}
got = [name for _, name in unshared(probe)[0]]
blind = [] if got == ["a_one", "a_two"] else ["found %r" % got]
if len(declared) < 1000:
    blind.append("%d declarations seen" % len(declared))

tap.report([
    ("what headers declare another file uses", own),
    ("the search finds", blind),
])
