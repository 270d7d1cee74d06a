"""The chart as tests see it: rendered by a real Helm, objects as Python has them."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CHART = ROOT / "charts" / "loads-operator"
# The version of tests/cluster; validated against the schemas of the same minor version.
KUBERNETES = "1.36.0"
NAMESPACE = "loads-system"
CLUSTER_SCOPED = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Namespace"}


@dataclass
class Done:
    """A program that ended."""

    code: int
    out: str
    err: str

    def ok(self):
        assert self.code == 0, f"{self.out}\n{self.err}"
        return self.out


def run(*command, stdin=None, cwd=None):
    done = subprocess.run(
        [str(word) for word in command], input=stdin, capture_output=True, text=True, cwd=cwd, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


def programs():
    """Paths by name, built where they are missing."""
    lines = run(HERE / "programs").ok().splitlines()
    return {name: Path(path) for name, path in (line.split(" ", 1) for line in lines)}


class Helm:
    """One version of Helm, with state of its own."""

    def __init__(self, program, home):
        self.program = program
        self.rendered = {}
        os.environ.update({f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")})

    def __call__(self, *arguments):
        return run(self.program, *arguments)

    def template(self, *arguments, chart=CHART, release="loads"):
        return self(
            "template", release, chart, "--namespace", NAMESPACE, "--kube-version", KUBERNETES, *arguments
        )

    def objects(self, *arguments, chart=CHART):
        """What the chart makes, tests of `helm test` included. Rendered once for each set of arguments."""
        key = (chart, *map(str, arguments))
        if key not in self.rendered:
            self.rendered[key] = objects(self.template(*arguments, chart=chart).ok())
        return self.rendered[key]


class Loader(yaml.SafeLoader):
    """Times stay texts, as JSON has them."""


Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def objects(text):
    return [found for found in yaml.load_all(text, Loader) if found]


def values(**settings):
    """`--set` for each; a dot in a name is written as two underscores."""
    return [word for name, value in settings.items() for word in ("--set-json", f"{name.replace('__', '.')}={value}")]


def of_kind(found, kind, name=None):
    return [it for it in found if it["kind"] == kind and name in (None, it["metadata"]["name"])]


def one(found, kind, name=None):
    match = of_kind(found, kind, name)
    assert len(match) == 1, f"{len(match)} of {kind} {name or ''}"
    return match[0]


def pods(found):
    """(name, metadata, spec) of every pod and pod template."""
    for it in found:
        if it["kind"] == "Pod":
            yield it["metadata"]["name"], it["metadata"], it["spec"]
        elif it["kind"] == "Deployment":
            template = it["spec"]["template"]
            yield it["metadata"]["name"], template["metadata"], template["spec"]
