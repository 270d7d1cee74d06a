"""What users copy into other systems: Argo CD's health check, and pipelines."""

import subprocess

import pytest
import yaml
from chart import ROOT
from lupa import LuaRuntime

EXAMPLES = ROOT / "examples"
CASES = yaml.safe_load((EXAMPLES / "argocd/health_test.yaml").read_text())


def table(lua, value):
    """As Argo CD gives objects to Lua: maps and lists as tables."""
    if isinstance(value, dict):
        return lua.table_from({key: table(lua, inner) for key, inner in value.items()})
    if isinstance(value, list):
        return lua.table_from([table(lua, inner) for inner in value])
    return value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_argo_cd_shows_the_health_of_a_load_test(case):
    lua = LuaRuntime(register_eval=False)
    obj = {"metadata": {"generation": case.get("generation", 1)}, "status": case["status"]}
    check = lua.execute("return function(obj) " + (EXAMPLES / "argocd/health.lua").read_text() + " end")
    health = check(table(lua, obj))
    assert health["status"] == case["expect"]
    if "message" in case:
        assert health["message"] == case["message"]
    assert health["message"]


def test_the_github_workflow_is_one_that_github_takes(tools):
    workflow = EXAMPLES / "ci/github.yaml"
    done = subprocess.run([tools["actionlint"], "-no-color", workflow], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_pipelines_ask_for_the_same_things():
    github, gitlab = ((EXAMPLES / f"ci/{name}.yaml").read_text() for name in ("github", "gitlab"))
    for command in ("create -f loadtest.yaml", "kubectl loads wait", "kubectl loads report", "--format junit"):
        assert command in github
        assert command in gitlab
    assert yaml.safe_load(gitlab)["load"]["artifacts"]["when"] == "always"
