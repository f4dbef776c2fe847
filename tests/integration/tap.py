"""TAP for the tests in Python: count, say, and end with the plan."""
import atexit
import os
import sys
import traceback


class Tap:
    """ok() says one result; the plan and the exit code come at the end of the
    process.  A test that dies by an exception has no plan and so fails."""

    def __init__(self):
        self.n = 0
        self.failed = 0
        self.dead = False
        atexit.register(self._end)
        sys.excepthook = self._died

    def ok(self, cond, name, detail=None):
        """One result; ${detail} is shown when it is a failure."""
        self.n += 1
        if not cond:
            self.failed += 1
        print("%s %d - %s" % ("ok" if cond else "not ok", self.n,
              name.replace("#", "no.")))
        if not cond and detail is not None:
            self.note(detail)
        sys.stdout.flush()
        return bool(cond)

    def eq(self, got, want, name):
        return self.ok(got == want, name,
                       "got:  %r\nwant: %r" % (got, want))

    def skip(self, name, reason):
        """One result that cannot be had here, and why."""
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, name.replace("#", "no."),
              reason))
        sys.stdout.flush()

    def timed(self, cond, name, waited, detail=None):
        """One result of those whom the clock on the wall judges: who waited for a
        processor for longer than he had one (${waited}: the part of the time in
        which he could have run) cannot be told from one who is slow."""
        if not cond and waited > 0.5:
            return self.skip(name, "others had the processors: it waited for one "
                             "for %d %% of its time" % (100 * waited))
        return self.ok(cond, name, detail)

    def note(self, text):
        for line in str(text)[:4000].splitlines():
            print("# " + line)

    @staticmethod
    def skip_all(reason):
        """The program cannot be run here, and why."""
        print("1..0 # SKIP " + reason)
        sys.stdout.flush()
        os._exit(77)

    def _died(self, kind, value, tb):
        self.dead = True
        for line in traceback.format_exception(kind, value, tb):
            self.note(line.rstrip())
        print("Bail out! " + kind.__name__)
        sys.stdout.flush()

    def _end(self):
        if not self.dead:
            print("1..%d" % self.n)
        sys.stdout.flush()
        if self.dead or self.failed:
            os._exit(1)
