"""docs/types.md is what its sources say, and the README names every type."""
import os
import subprocess
import sys

import tap

made = subprocess.run([sys.executable, os.path.join(
    tap.TOP, "contrib", "types-table.py"), "--check"], capture_output=True,
    text=True, env=dict(os.environ, srcdir=tap.TOP))
names = sorted(os.path.basename(os.path.dirname(p)) for p in tap.files(
    "connectors", suffix=("manifest.json",)))
readme = tap.read("README.md")
tap.report([
    ("docs/types.md is up to date", [] if made.returncode == 0 else
     (made.stdout + made.stderr).splitlines()),
    ("README.md names every type", [n for n in names
                                    if "`%s`" % n not in readme] if names
     else ["there are none"]),
])
