"""What failed is told by the last lines of a run, also where only those are kept."""
import os
import shutil
import subprocess
import tempfile

import tap

KEPT = 40           # lines of an output that are kept at least
SUMMARY = os.path.abspath(os.path.join(tap.TOP, "tests", "summary"))
AGAIN = os.path.abspath(os.path.join(tap.TOP, "tests", "again"))
RUN = os.path.abspath(os.path.join(tap.TOP, ".ci", "run"))

# Name, results, log; what must be told of it, and what need not.
LOGS = [
    ("good", "PASS PASS", "ok 1 - a\nPASS: good 1\nok 2 - b\n1..2\n# took 7 s\n",
     [], ["good"]),
    ("none", "SKIP", "1..0 # SKIP no server\n", [], []),
    ("by_script", "PASS FAIL PASS",
     "ok 1 - fine\n# a note\nnot ok 2 - is it?\n# got:  3\n# want: 4\n"
     "FAIL: by_script 2 - is it?\nok 3 - later\n# another note\n1..3\n"
     "ERROR: by_script - exited with status 1\n",
     ["failed: by_script", "  not ok 2 - is it?", "  # got:  3", "  # want: 4"],
     ["note", "status 1", "FAIL:"]),
    ("by_cmocka", "FAIL ERROR",
     "1..1\nnot ok 1 - test_x\n# \"a\n# b\" != \"c\"\n# x.c:8: error: Failure!\n"
     "# not ok - t\nERROR: by_cmocka - exited with status 1\n",
     ["  not ok 1 - test_x", "  # \"a", "  # x.c:8: error: Failure!"],
     ["# not ok - t"]),
    ("by_death", "PASS FAIL ERROR",
     "ok 1 - a\nnot ok 2 - b\n# got: 5\n# Traceback (most recent call last):\n" +
     "".join("#   line %d\n" % n for n in range(40)) +
     "# KeyError: 'x'\nBail out! KeyError\nERROR: by_death - Bail out! KeyError\n",
     ["  # got: 5", "  #   line 39", "  # KeyError: 'x'", "  Bail out! KeyError"],
     ["line 3\n", "ERROR: by_death"]),
    ("by_sanitizer", "ERROR",
     "1..2\nok 1 - a\n==7==ERROR: AddressSanitizer: heap-use-after-free\n"
     "READ of size 8\n    #0 0x1 in foo src/foo.c:7\n\nSUMMARY: x\n"
     "ERROR: by_sanitizer - too few tests run (expected 2, got 1)\n"
     "ERROR: by_sanitizer - exited with status 1\n",
     ["  ==7==ERROR: AddressSanitizer: heap-use-after-free",
      "      #0 0x1 in foo src/foo.c:7", "too few tests run"], []),
    ("by_signal", "ERROR",
     "last words\nERROR: by_signal - missing test plan\n"
     "ERROR: by_signal - exited with status 139 (terminated by signal 11?)\n",
     ["terminated by signal 11"], []),
    ("by_silence", "", "ok 1 - a\nit hung here\n",
     ["no result: by_silence", "  it hung here"], []),
    ("by_many", "FAIL " * 60, "".join(
        "not ok %d - n\n# why %d\n# more\n# and more\n" % (n, n)
        for n in range(1, 61)), ["  not ok 1 - n", "  not ok 20 - n"],
     ["not ok 21 "]),
]


def write(folder, logs):
    for name, results, log, _, _ in logs:
        with open(os.path.join(folder, name + ".log"), "w") as f:
            f.write(log)
        with open(os.path.join(folder, name + ".trs"), "w") as f:
            f.writelines(":test-result: %s x\n" % r for r in results.split())


def summary(folder):
    p = subprocess.run(["sh", SUMMARY, "."], cwd=folder, text=True,
                       capture_output=True, timeout=30)
    return p.returncode, p.stdout.replace("./", "")


def apart():
    """Each by itself: what it must tell."""
    wrong = []
    for log in LOGS:
        with tempfile.TemporaryDirectory() as d:
            write(d, [log])
            rc, out = summary(d)
        told = out.splitlines()[:-1]
        said = "".join(x + "\n" for x in told if not x.startswith("slowest: "))
        wrong += ["%s: %r is not told" % (log[0], x) for x in log[3]
                  if x not in said]
        wrong += ["%s: %r is told" % (log[0], x) for x in log[4] if x in said]
        if len(told) > 22:
            wrong.append("%s: %d lines" % (log[0], len(told)))
        # None passed, or one failed.
        if (rc == 0) != (log[0] == "good"):
            wrong.append("%s: status %d" % (log[0], rc))
    return wrong


def together():
    """All at once: the sums, last; before them each that failed, by name."""
    with tempfile.TemporaryDirectory() as d:
        write(d, LOGS)
        rc, out = summary(d)
    lines = out.splitlines()
    wrong = []
    if rc == 0 or lines[-1] != "5 passed, 66 failed, 1 skipped":
        wrong.append("%d %s" % (rc, lines[-1]))
    for name in (log[0] for log in LOGS if log[3]):
        if not any(x in ("failed: " + name, "no result: " + name)
                   for x in lines[-KEPT:]):
            wrong.append("%s is not named at the end" % name)
    return wrong


def whole_run(first, second):
    """The last lines of .ci/run whose halves end so."""
    with tempfile.TemporaryDirectory() as d:
        for folder in (".ci", "contrib", "bin"):
            os.mkdir(os.path.join(d, folder))
        shutil.copy(RUN, os.path.join(d, ".ci", "run"))
        for name, text in (
                ("contrib/test", "if [ $# = 0 ]\nthen\n%s\nelse\nseq 300\n%s\n"
                 "fi\n" % (first, second)), ("bin/make", "seq 50\n")):
            path = os.path.join(d, name)
            with open(path, "w") as f:
                f.write("#!/bin/sh\n" + text)
            os.chmod(path, 0o755)
        p = subprocess.run(
            ["bash", ".ci/run"], cwd=d, text=True, timeout=30,
            capture_output=True, env=dict(os.environ, PATH=os.path.join(
                d, "bin") + ":" + os.environ["PATH"]))
    return p.returncode, p.stdout.splitlines()[-KEPT:]


GOOD = "echo 'slowest: a 1 s'; echo '9 passed, 0 failed, 1 skipped'"
BAD = "seq 99; echo 'slowest: a 1 s'; echo 'failed: %s'; echo '  # %s'; " \
    "echo '9 passed, 1 failed, 1 skipped'; exit 1"


def ends():
    wrong = []
    for first, second, rc, want in (
            (GOOD, GOOD, 0, ["18 passed, 0 failed, 2 skipped"]),
            (BAD % ("a", "why a"), GOOD, 1,
             ["failed: a", "  # why a", "18 passed, 1 failed, 2 skipped"]),
            (GOOD, BAD % ("b", "why b"), 1, ["failed: b", "  # why b"]),
            (BAD % ("a", "why a"), BAD % ("b", "why b"), 1,
             ["  # why a", "  # why b", "18 passed, 2 failed, 2 skipped"]),
            ("echo 'x.c:1: error'; exit 2", GOOD, 1,
             ["x.c:1: error", "9 passed, 1 failed, 1 skipped"]),
            (GOOD, "echo why; " + GOOD + "; exit 3", 1,
             ["18 passed, 1 failed, 2 skipped"])):
        got, lines = whole_run(first, second)
        if got != rc or lines[-1] != want[-1] and " passed, " in want[-1]:
            wrong.append("status %d, %s" % (got, lines[-1]))
        wrong += ["%r is not at the end" % x for x in want if x not in lines]
    return wrong


def once_more(tests, second):
    """What tests/again does where these failed, by name and log, and a second run
    of each ends so: its status, what it says, what was run."""
    with tempfile.TemporaryDirectory() as d:
        for name, log in tests:
            path = os.path.join(d, "tests", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".log", "w") as f:
                f.write(log)
            with open(path + ".trs", "w") as f:
                f.write(":global-test-result: FAIL\n:test-result: FAIL x\n")
        with open(os.path.join(d, "Makefile"), "w") as f:
            f.write("check:\n\t@echo ran $(TEST_LOGS); for l in $(TEST_LOGS); do"
                    " echo ':test-result: %s x' >$${l%%.log}.trs; done; %s\n" %
                    (second, "true" if second == "PASS" else "false"))
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        p = subprocess.run(["sh", AGAIN], cwd=d, text=True, timeout=30,
                           capture_output=True, env=env)
        return p.returncode, p.stdout, summary(d)[1]


def again():
    one = [("integration/a", "not ok 1 - x\n# why\n")]
    wrong = []
    rc, out, told = once_more(one, "PASS")
    for text, where in (("# why", out), ("ran tests/integration/a.log", out),
                        ("run again, for it had failed: tests/integration/a\n",
                         told), ("1 passed, 0 failed", told)):
        if text not in where:
            wrong.append("%r is not told" % text)
    if rc != 0:
        wrong.append("what passes then fails all the same")
    if once_more(one, "FAIL")[0] == 0:
        wrong.append("what fails again passes")
    for tests in (
            [("integration/a", "==7==ERROR: AddressSanitizer: x\n")],
            [("integration/a", "x.c:8:2: runtime error: signed\n")],
            [("unit/a", "not ok 1 - x\n")], one + [("replay/b", "not ok\n")],
            [("integration/%d" % i, "not ok 1 - x\n") for i in range(4)], []):
        rc, out, _ = once_more(tests, "PASS")
        if rc == 0 or "ran " in out:
            wrong.append("run again: %s" % tests)
    return wrong


tap.report([
    ("an integration test that fails is run once more, others are not", again()),
    ("each failure is told by its own words", apart()),
    ("those of many by their names", together()),
    ("a whole run ends with what failed in either half", ends()),
])
