"""The files beside the templates: values and their schema, README, notes, what Artifact Hub reads."""

import json
import re
import shlex
import sys
import tarfile

import jsonschema
import pytest
import yaml
from chart import CHART, HERE, ROOT, one, pods, run, values
from schemas import load_test

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
META = yaml.safe_load((CHART / "Chart.yaml").read_text())


def told(helm, *arguments):
    """NOTES.txt as the user reads it. Helm 3 tells it with a cluster only."""
    done = helm("install", "shop", CHART, "--namespace", "team", "--dry-run=client", *arguments)
    return done.ok().split("NOTES:", 1)[1]


def keys(tree, path=()):
    """Paths of all values; what a user fills is no path."""
    for name, value in tree.items():
        if isinstance(value, dict) and value and name != "resources":
            yield from keys(value, (*path, name))
        else:
            yield (*path, name)


def schema_keys(schema, path=()):
    for name, entry in schema.get("properties", {}).items():
        if "properties" in entry and name != "resources":
            yield from schema_keys(entry, (*path, name))
        else:
            yield (*path, name)


def test_every_value_is_in_the_schema_and_the_schema_has_no_other():
    assert set(schema_keys(SCHEMA)) - set(keys(VALUES)) == {("enabled",), ("global",)}
    assert set(keys(VALUES)) <= set(schema_keys(SCHEMA))


def objects_of(schema, path=()):
    """Paths of all that can be misspelt."""
    yield path
    for name, entry in schema.get("properties", {}).items():
        if "properties" in entry:
            yield from objects_of(entry, (*path, name))


@pytest.mark.parametrize("path", list(objects_of(SCHEMA)), ids=lambda path: ".".join(path) or "top")
def test_a_misspelt_value_is_refused_by_name(helm4, path):
    done = helm4.template("--set", ".".join((*path, "typo")) + "=1")
    assert done.code != 0 and "typo" in done.err, done.err


@pytest.mark.parametrize(
    "value, said",
    [
        ("typo=1", "typo"),
        ("limits.maxAgents=0", "limits"),
        ("limits.maxDuration=soon", "maxDuration"),
        ("allowTargets[0]=http://shop", "allowTargets"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=latest", "digest"),
        ("logFormat=xml", "logFormat"),
        ("watchNamespaces[0]=Team_A", "watchNamespaces"),
        ("replicas=many", "replicas"),
        ("pipIndex=ftp://x", "pipIndex"),
        (r"podLabels.app\.kubernetes\.io/name=other", "podLabels"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm, value, said):
    done = helm.template("--set", value)
    assert done.code != 0 and said in done.err, done.err


def test_every_value_has_a_comment():
    text = (CHART / "values.yaml").read_text().splitlines()
    for number, line in enumerate(text):
        is_value = re.match(r"( *)[A-Za-z]\w*:(.*)", line)
        inside = number > 0 and any(name in text[number - 1] for name in ("requests:", "limits:", "cpu:", "memory:"))
        if is_value and is_value[2].strip() and not inside:
            assert text[number - 1].strip().startswith("#"), line


def test_the_files_made_from_the_chart_are_fresh(tools, tmp_path):
    run(HERE / "generate", tmp_path).ok()
    for made, kept in (("README.md", CHART / "README.md"), ("operator.yaml", ROOT / "operator/deploy/operator.yaml")):
        assert (tmp_path / made).read_text() == kept.read_text(), f"{kept} is stale: run tests/charts/generate"
    for path in keys(VALUES):
        assert f"| {'.'.join(path)} |" in (tmp_path / "README.md").read_text()


def test_yaml_files_are_tidy():
    rules = "{extends: default, rules: {line-length: {max: 120}, document-start: disable, braces: {max-spaces-inside: 1}}}"
    files = [CHART / "Chart.yaml", CHART / "values.yaml", *sorted((CHART / "ci").glob("*.yaml"))]
    run(sys.executable, "-m", "yamllint", "--strict", "-d", rules, *files).ok()


def test_a_package_has_what_users_need_and_nothing_else(helm, tmp_path):
    helm("package", CHART, "--destination", tmp_path).ok()
    with tarfile.open(tmp_path / f"loads-operator-{META['version']}.tgz") as package:
        members = {it.name.removeprefix("loads-operator/"): it for it in package.getmembers()}
        crd = package.extractfile(members["files/crd.yaml"]).read()
    assert crd == (ROOT / "crds" / "loads.dev_loadtests.yaml").read_bytes(), "the link is followed"
    assert {"README.md", "LICENSE", "values.schema.json", "templates/NOTES.txt"} <= members.keys()
    assert not [name for name in members if name.startswith("ci/") or name.endswith(".gotmpl")]
    assert all(member.isfile() for member in members.values())


def test_notes_say_the_next_three_commands(helm4):
    notes = told(helm4)
    assert "kubectl -n team rollout status deployment/loads-operator" in notes
    assert "helm test shop -n team" in notes
    manifest = re.search(r"create -f - <<END\n(.*?) *END\n", notes, re.DOTALL)[1]
    example = yaml.safe_load(manifest)
    jsonschema.validate(example, load_test())
    assert len(manifest.splitlines()) <= 15


def test_notes_follow_the_values(helm4):
    notes = told(helm4, *values(watchNamespaces='["team-a"]', crds__enabled="false", test__enabled="false"))
    assert "helm test" not in notes and "kubectl apply --server-side -f crds/" in notes
    assert "kubectl -n team-a create" in notes


def test_artifact_hub_reads_what_is_true(helm4):
    annotations = {key.removeprefix("artifacthub.io/"): value for key, value in META["annotations"].items()}
    found = helm4.objects()
    images = {container["image"] for _, _, spec in pods(found) for container in spec["containers"]}
    assert {entry["image"] for entry in yaml.safe_load(annotations["images"])} == images
    crd = one(found, "CustomResourceDefinition")
    names = [(entry["name"], entry["kind"], entry["version"]) for entry in yaml.safe_load(annotations["crds"])]
    version = crd["spec"]["versions"][0]["name"]
    assert names == [(crd["metadata"]["name"], crd["spec"]["names"]["kind"], version)]
    for example in yaml.safe_load(annotations["crdsExamples"]):
        jsonschema.validate(example, load_test())
    for key in ("links", "recommendations", "changes"):
        assert yaml.safe_load(annotations[key]), key
    assert annotations["license"] == "Apache-2.0"
    assert {annotations[key] for key in ("operator", "prerelease", "containsSecurityUpdates")} <= {"true", "false"}


def test_the_version_is_the_projects():
    cargo = (ROOT / "Cargo.toml").read_text()
    assert META["appVersion"] == re.search(r'^version = "(.*)"', cargo, re.MULTILINE)[1]


def test_nothing_is_looked_up_or_left_to_chance():
    for path in sorted((CHART / "templates").rglob("*")):
        if path.is_file():
            called = re.findall(r"\b(?:lookup|rand\w+|uuidv4|now|gen(?:CA|\w*Cert\w*|PrivateKey))\s", path.read_text())
            assert not called, (path, called)


def test_the_guide_names_values_that_exist(helm4):
    guide = (ROOT / "docs" / "install.md").read_text()
    known = {".".join(path) for path in keys(VALUES)}
    known |= {name.rpartition(".")[0] for name in known}
    named = set(re.findall(r"^\| (`.*?`) \|", guide, re.MULTILINE))
    names = {name for cell in named for name in re.findall(r"`([\w.]+)`", cell)}
    assert names and names <= known
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)).replace("\\\n", " ")
    commands = [shlex.split(line) for line in blocks.splitlines() if line.startswith("helm ")]
    settings = [word for command in commands for word in command if "=" in word]
    assert settings and commands
    for command in commands:
        pairs = [word for word in command if "=" in word]
        helm4.template(*[argument for pair in pairs for argument in ("--set", pair)]).ok()
