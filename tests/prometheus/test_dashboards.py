"""The dashboards by the rules of Grafana's own linter, and some more."""

import itertools
import json
import re

import generate
import pytest
from parts import ROOT

CHART = ROOT / "charts/loads-operator"
REFERENCE = (ROOT / "docs/metrics.md").read_text()
KINDS = dict(re.findall(r"^\| `(loads_\w+)` \| (\w+) \|", REFERENCE, re.MULTILINE))
UNITS = {"none", "short", "s", "reqps", "ops", "Bps", "percentunit", "bool_yes_no", "dateTimeAsIso"}
SELECTOR = 'job=~"$job", instance=~"$instance"'

boards = pytest.mark.parametrize(
    "board", [pytest.param(json.loads(text), id=path.stem) for path, text in generate.files().items()]
)


def shown(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board):
    targets = [target["expr"] for panel in shown(board) for target in panel["targets"]]
    return targets + [annotation["expr"] for annotation in board["annotations"]["list"]]


def variables(board):
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def test_the_files_are_what_the_generator_makes():
    made = generate.files()
    stale = [path.name for path, text in made.items() if not path.is_file() or path.read_text() != text]
    assert not stale, "run charts/dashboards/generate.py"
    assert {path.name for path in made} == {path.name for path in (CHART / "dashboards").iterdir()}


@boards
def test_it_can_be_imported_as_it_is_and_stays_what_it_is(board):
    assert board["uid"].startswith("loads-") and len(board["uid"]) <= 40
    assert not {"id", "__inputs", "__requires"} & board.keys()
    assert board["editable"] is False and "loads" in board["tags"]
    assert board["title"].startswith("Loads / ") and board["description"].endswith(".")
    assert any(link["tags"] == ["loads"] and link["includeVars"] and link["keepTime"] for link in board["links"])


def test_no_two_dashboards_have_the_same_uid():
    uids = [json.loads(text)["uid"] for text in generate.files().values()]
    assert len(set(uids)) == len(uids)


@boards
def test_variables_choose_the_source_and_are_renewed_with_the_time(board):
    known = variables(board)
    assert known["datasource"]["type"] == "datasource" and known["datasource"]["label"] == "Data Source"
    assert known["datasource"]["query"] == "prometheus"
    for name in ("job", "instance"):
        variable = known[name]
        assert variable["multi"] and variable["includeAll"] and variable["allValue"] == ".+", name
    for name, variable in known.items():
        if name != "datasource":
            assert variable["refresh"] == 2, name
            assert variable["datasource"]["uid"] == "${datasource}", name
            assert re.fullmatch(r"label_values\(.+, \w+\)", variable["definition"]), name
            assert variable["definition"] == variable["query"]["query"]
    if board["uid"] != "loads-operator":
        assert {"namespace", "loadtest"} <= known.keys()
        # A local run has neither.
        assert known["namespace"]["allValue"] == known["loadtest"]["allValue"] == ".*"
    assert ("run" in known) == (board["uid"] == "loads-run")


@boards
def test_every_panel_says_what_it_shows_and_in_which_unit(board):
    for panel in shown(board):
        title = panel["title"]
        assert title and panel["description"].endswith("."), title
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, title
        assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], title
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references), title
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"]), title


@boards
def test_panels_do_not_overlap_and_stay_within_the_page(board):
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@boards
def test_every_query_asks_for_metrics_that_there_are_by_all_variables(board):
    names = [name for name in ("namespace", "loadtest", "run") if name in variables(board)]
    wanted = ", ".join([SELECTOR, *(f'{name}=~"${name}"' for name in names)])
    for expr in expressions(board):
        found = re.findall(r"(loads_\w+)(\{[^}]*\})?", expr)
        assert found, expr
        for metric, selector in found:
            assert re.sub(r"_(bucket|count|sum)$", "", metric) in KINDS, expr
            assert selector.startswith(f"{{{wanted}"), expr


@boards
def test_counters_are_asked_for_their_rate_and_nothing_else_is(board):
    for expr in expressions(board):
        inner = re.findall(r"(?:(\w+)\()?(loads_\w+)\{[^}]*\}(\[[^]]*\])?", expr)
        for function, metric, window in inner:
            base = re.sub(r"_(bucket|count|sum)$", "", metric)
            if KINDS[base] in ("counter", "histogram"):
                # The last value: brokers keep their counts when they are restarted.
                assert function in ("rate", "increase", "max_over_time"), expr
                assert window == ("[$__range]" if function == "max_over_time" else "[$__rate_interval]"), expr
            else:
                assert function not in ("rate", "increase", "irate"), expr


@boards
def test_start_and_end_of_runs_are_lines_where_runs_are_shown(board):
    found = {one["name"]: one for one in board["annotations"]["list"]}
    assert set(found) == (set() if board["uid"] == "loads-operator" else {"Start", "End"})
    for name, one in found.items():
        assert f"loads_run_{name.lower()}_timestamp_seconds" in one["expr"] and one["useValueForTime"] == "on"


def test_one_run_shows_what_matters():
    board = json.loads((CHART / "dashboards/run.json").read_text())
    text = " ".join(expressions(board))
    for metric in (
        "loads_requests_sent_total",
        "loads_request_errors_total",
        "loads_request_duration_quantile_seconds",
        "loads_users_wanted",
        "loads_agents",
        "loads_generator_cpu_seconds_total",
        "loads_generator_lag_seconds",
        "loads_criterion_threshold",
        "loads_criterion_measured",
        "loads_start_skew_seconds",
        "loads_custom_total",
    ):
        assert metric in text, metric
    dashed = [panel["title"] for panel in shown(board) if "custom.lineStyle" in json.dumps(panel["fieldConfig"])]
    assert {"Percentiles", "Measured and allowed", "Users"} <= set(dashed)
