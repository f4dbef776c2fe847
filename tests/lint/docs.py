"""What the manual, the help, the completion and the dashboard say of each other."""
import json
import os
import re
import subprocess
import sys

src = os.environ.get("srcdir", ".")
sys.path.insert(0, os.path.join(src, "tests", "integration"))
from tap import Tap  # noqa: E402

t = Tap()


def read(*path):
    with open(os.path.join(src, *path), encoding="utf-8") as f:
        return f.read()


def options(text):
    return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", text))


def mdoc_options(page):
    """The options a page lists: .It Fl e Ar sql, .It Fl h , Fl -help"""
    return {"-" + name for line in re.findall(r"^\.It (Fl .*)$", page, re.M)
            for name in re.findall(r"Fl (-?[a-zA-Z][\w-]*)", line)}


completion = read("contrib", "moltler.bash-completion")
client, daemon = (
    options(" ".join(re.findall(r'-W "([^"]*)"', part)))
    for part in completion.split("\n_moltlerd()"))
page = read("man", "moltler.1")
binary = os.path.join(os.environ.get("builddir", "."), "moltler")
usage = subprocess.run([binary, "--help"], capture_output=True, text=True,
                       check=True).stdout
# In the page --watch stands in the text of the command it belongs to.
t.eq(mdoc_options(page) | {"--watch"}, options(usage),
     "moltler.1 has the options of moltler --help")
t.eq(client, options(usage), "so has its completion")
page = read("man", "moltlerd.8")
t.eq(daemon, mdoc_options(page), "the daemon's completion and moltlerd.8")

page = read("man", "moltler.conf.5")
# Keys of a section of their own bear its name in the environment.
own, cluster = page.split(".Ss Elasticsearch and OpenSearch")
cluster, vault = cluster.split(".Ss Vault")
keys = [head + k
        for head, text in [("", own), ("elasticsearch_", cluster),
                           ("vault_", vault)]
        for k in re.findall(r"^\.It Cm (\w+) No = ", text, re.M)]
variables = [v for line in re.findall(r"^\.Ev (MOLTLER_[A-Z_ ,]+[.,])$", page,
                                      re.M)
             for v in re.findall(r"MOLTLER_([A-Z_]+)", line)]
t.ok(len(keys) == len(set(keys)) > 15, "the keys of moltler.conf.5", keys)
t.eq([v.lower() for v in variables], keys,
     "each has its environment variable")
flags = re.findall(r"^\.Fl (-[\w-]+) \.$", page, re.M)
t.eq({f[1:].replace("-", "_") for f in flags},
     {o[2:].replace("-", "_") for o in daemon
      if o.startswith("--") and o not in ("--check", "--config", "--help",
                                            "--version")},
     "each option of the daemon has its key")
unit = read("contrib", "moltlerd.service")
t.ok({v.lower() for v in re.findall(r"=MOLTLER_([A-Z_]+)=", unit)} <= set(keys),
     "the systemd unit sets keys that are there")

board = json.loads(read("contrib", "grafana", "moltler.json"))
api = read("man", "moltler-api.7")
known = set(re.findall(r"\bmoltler_\w+", api))
used = {re.sub(r"_bucket$", "", m) for p in board["panels"]
        for x in p["targets"] for m in re.findall(r"\bmoltler_\w+", x["expr"])}
t.ok(used and used <= known, "the dashboard's metrics are documented",
     used - known)
t.eq(len({p["id"] for p in board["panels"]}), len(board["panels"]),
     "its panels have ids of their own")
cells = [(x, y) for p in board["panels"] for g in [p["gridPos"]]
         for x in range(g["x"], g["x"] + g["w"])
         for y in range(g["y"], g["y"] + g["h"])]
t.ok(len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24,
     "and do not overlap")
t.eq(subprocess.run(["bash", "-n", os.path.join(
    src, "contrib", "moltler.bash-completion")]).returncode, 0,
    "bash reads the completion")
