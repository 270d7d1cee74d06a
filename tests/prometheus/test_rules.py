"""Rules and alerts, by promtool and by what people need of them."""

import re

import pytest
from parts import ROOT, promtool

CHART = ROOT / "charts/loads-operator"
HERE = ROOT / "tests/prometheus"
ALERTS = (CHART / "rules/alerts.yaml").read_text()
RUNBOOKS = (ROOT / "docs/runbooks.md").read_text()
REFERENCE = (ROOT / "docs/metrics.md").read_text()


@pytest.mark.parametrize("rules", sorted((CHART / "rules").glob("*.yaml")), ids=lambda path: path.stem)
def test_promtool_takes_the_rules(rules):
    code, said = promtool("check", "rules", "--lint-fatal", str(rules))
    assert code == 0, said


@pytest.mark.parametrize("tests", sorted(HERE.glob("*_test.yaml")), ids=lambda path: path.stem)
def test_the_rules_say_what_they_should(tests):
    code, said = promtool("test", "rules", str(tests))
    assert code == 0, said


def test_promtool_finds_nothing_wrong_with_what_the_operator_says():
    assert promtool("check", "metrics", text=(HERE / "operator.prom").read_text()) == (0, "")


def test_every_alert_has_its_runbook_and_its_test():
    alerts = re.findall(r"alert: (\w+)", ALERTS)
    assert len(alerts) >= 10
    tested = (HERE / "alerts_test.yaml").read_text()
    for block, alert in zip(ALERTS.split("- alert: ")[1:], alerts, strict=True):
        assert re.fullmatch(r"Loads[A-Z]\w+", alert)
        assert re.search(r"severity: (critical|warning|info)\n", block), alert
        assert "summary:" in block and "description:" in block, alert
        assert f"runbook_url: https://loads.dev/docs/runbooks.md#{alert.lower()}\n" in block, alert
        assert f"\n## {alert}\n" in RUNBOOKS, alert
        assert f'alertname="{alert}"' in tested, alert
    assert sorted(re.findall(r"^## (Loads\w+)$", RUNBOOKS, re.MULTILINE)) == sorted(alerts)


def test_rules_ask_for_metrics_that_there_are():
    known = set(re.findall(r"^\| `(loads_\w+)` \|", REFERENCE, re.MULTILINE))
    for path in (CHART / "rules").glob("*.yaml"):
        text = re.sub(r"#.*", "", path.read_text())
        asked = re.findall(r"(?<![:\w])(loads_\w+?)(?:_bucket)?(?=[{\[\s)])", text)
        assert asked and not set(asked) - known, set(asked) - known


def test_names_of_other_tools_are_in_the_table():
    recording = (CHART / "rules/recording.yaml").read_text()
    for name in re.findall(r"record: (k6_\w+)", recording):
        assert f"`{name}`" in REFERENCE, name
