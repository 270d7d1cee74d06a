"""A real Prometheus reads a real run, and the dashboards and rules ask it."""

import contextlib
import json
import math
import re
import time
from types import SimpleNamespace

import pytest
from parts import ROOT, broker, demo_server, plan, prometheus, promtool, texts, until

CHART = ROOT / "charts/loads-operator"
RULES = sorted((CHART / "rules").glob("*.yaml"))
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((CHART / "dashboards").glob("*.json"))}
AGENTS = 3
USERS = 2
SECONDS = 20
CRITERIA = ["p95<7s for 2s, continue", "fail<1%"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """One run of 20 s, scraped every second by one Prometheus and every 15 s by another one."""
    folder = tmp_path_factory.mktemp("run")
    here = ROOT / "tests/prometheus"
    samples = {"/operator": here / "operator.prom", "/broker": here / "broker.prom"}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(demo_server(folder))
        requests = [{"path": "/", "label": "home"}, {"path": "/bytes/2000"}, {"path": "/status/503", "label": "broken"}]
        step = {"users": USERS, "length": {"seconds": SECONDS}}
        load = stack.enter_context(broker(folder / "broker", plan(server, AGENTS, step, requests, criteria=CRITERIA)))
        other = stack.enter_context(texts(samples))
        run = {"loads": (load.address, "/metrics")}
        more = {"operator": (other, "/operator"), "more": (other, "/broker")}
        fast = stack.enter_context(prometheus(folder / "fast", run | more, "1s", RULES))
        slow = stack.enter_context(prometheus(folder / "slow", run, "15s"))
        for one in (fast, slow):
            until("the first scrape", lambda one=one: one.ask("loads_requests_sent_total"))
        scrapes = [load.metrics()]
        begin = time.time()
        with load.agents(AGENTS):
            until("hits", lambda: load.summary()["hits"] > 0)
            scrapes.append(load.metrics())
            final = load.final()
            scrapes.append(load.metrics())
        for one in (fast, slow):
            until("the end in Prometheus", lambda one=one: one.value('loads_run_stage{stage="Finished"}') == 1)
        end = time.time()
        # Rules are evaluated after the scrape.
        until("the rules", lambda: fast.ask(f"k6_http_reqs_total == {final['hits']}"))
        yield SimpleNamespace(fast=fast, slow=slow, final=final, begin=begin, end=end, scrapes=scrapes)


def test_promtool_finds_nothing_wrong_with_what_is_scraped(seen):
    for text in seen.scrapes:
        assert promtool("check", "metrics", text=text) == (0, "")


def counters(final):
    tests = final["tests"]
    return {
        "sum(loads_hits_total)": final["hits"],
        "loads_requests_sent_total": final["sent"],
        'loads_requests_failed_total{phase="before_send"}': final["failedBeforeSend"],
        'loads_requests_failed_total{phase="after_send"}': final["failedAfterSend"],
        "loads_requests_unanswered_total": final["unanswered"],
        "loads_received_bytes_total": final["bytes"],
        'loads_request_errors_total{kind="unexpected-status"}': final["requestErrors"]["unexpected-status"],
        'sum(loads_hits_total{status="503"})': final["statuses"]["503"],
        "loads_tests_started_total": tests["started"],
        'loads_tests_total{outcome="failure"}': tests["failures"],
        "sum(loads_request_duration_seconds_count)": final["hits"] - final["undetailed"],
        "loads_generator_cpu_seconds_total": final["agents"]["cpuMilliseconds"] / 1e3,
        "loads_start_skew_seconds": final["agents"]["startSkewMicroseconds"] / 1e6,
        'loads_request_duration_quantile_seconds{q="0.99", window="run"}': final["latencyMicroseconds"]["p99"] / 1e6,
        "k6_http_reqs_total": final["hits"],
        "k6_iterations_total": tests["started"] - tests["lost"],
    }


def test_every_figure_equals_the_final_result(seen):
    assert seen.final["verdict"] == "failed" and seen.final["hits"] > 1000, seen.final["reasons"]
    for query, value in counters(seen.final).items():
        assert seen.fast.value(query) == pytest.approx(value, rel=1e-9), query


def test_criteria_are_told_as_the_result_has_them(seen):
    assert [(one["criterion"], one["passed"]) for one in seen.final["criteria"]] == list(zip(CRITERIA, [True, False]))
    for one in seen.final["criteria"]:
        labels = f'{{criterion="{one["criterion"]}"}}'
        assert seen.fast.value(f"loads_criterion_passed{labels}") == one["passed"]
        assert seen.fast.value(f"loads_criterion_measured{labels}") == pytest.approx(one["measured"])
        assert seen.fast.value(f"loads_criterion_threshold{labels}") == one["threshold"]
    below = seen.fast.value('sum(loads_request_duration_seconds_bucket{le="7"})')
    assert below == seen.final["hits"] - seen.final["undetailed"], "a threshold is a bound of the histogram"


def test_twenty_seconds_are_visible_at_an_interval_of_fifteen(seen):
    slow = seen.slow
    assert slow.value('max_over_time(loads_run_stage{stage="Running"}[5m])') == 1, "a scrape fell into the run"
    assert slow.value("increase(loads_requests_sent_total[2m])") > 0
    assert slow.value("loads_requests_sent_total") == seen.final["sent"]
    started = slow.value("loads_run_start_timestamp_seconds")
    assert SECONDS - 1 < slow.value("loads_run_end_timestamp_seconds") - started < SECONDS + 10


def test_rules_record_what_was_seen(seen):
    peak = "max_over_time(%s[2m])"
    assert seen.fast.value(peak % "run:loads_hits:rate1m") > 0
    ratio = seen.fast.value(peak % "run:loads_request_errors:ratio_rate1m")
    assert ratio == pytest.approx(1 / 3, rel=0.1)
    assert seen.fast.value("k6_http_req_failed_rate") == pytest.approx(1 / 3, rel=0.01)
    recorded = re.findall(r"record: (\S+)", (CHART / "rules/recording.yaml").read_text())
    missing = [name for name in recorded if not seen.fast.ask(peak % name)]
    assert not missing
    alerts = {labels["alertname"] for labels, _ in seen.fast.ask('max_over_time(ALERTS{job="loads"}[2m])')}
    assert not alerts & {"LoadsAgentsLost", "LoadsLabelsFolded"}, alerts


def queries():
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield pytest.param(panel, target, id=f"{name}-{panel['title']}-{target['refId']}".replace(" ", "-"))
        for annotation in board["annotations"]["list"]:
            yield pytest.param({"title": annotation["name"]}, annotation, id=f"{name}-{annotation['name']}")


def substitute(expr, seen):
    values = {
        "__rate_interval": "4s",
        "__range": f"{int(seen.end - seen.begin) + 5}s",
        "job": ".+",
        "instance": ".+",
        "namespace": "team",
        "loadtest": "shop|search|basket",
        "run": "r1",
    }
    return re.sub(r"\$(\w+)", lambda found: values[found.group(1)], expr)


LIMITS = {"percentunit": 1, "bool_yes_no": 1, "s": 60, "reqps": 1e6, "ops": 1e6, "none": 1e4}


@pytest.mark.parametrize(("panel", "target"), list(queries()))
def test_every_query_of_the_dashboards_has_an_answer(seen, panel, target):
    query = substitute(target["expr"], seen)
    if target.get("instant"):
        found = [(labels, [value]) for labels, value in seen.fast.ask(query, seen.end)]
    else:
        found = seen.fast.ask_range(query, seen.begin - 1, seen.end, 1)
    values = [value for _, values in found for value in values]
    assert values, query
    assert all(math.isfinite(value) and value >= 0 for value in values), (query, values)
    # A table has a unit for each column, a heatmap counts by duration.
    if panel.get("type") in ("timeseries", "stat"):
        unit = panel["fieldConfig"]["defaults"]["unit"]
        assert max(values) <= LIMITS.get(unit, math.inf), (query, max(values))


def test_the_charts_show_the_run_as_it_was(seen):
    """The figures that people read first, within what sampling by the second allows."""

    def peak(title, board="run"):
        panel = next(p for p in BOARDS[board]["panels"] if p["title"] == title and p["type"] == "timeseries")
        found = seen.fast.ask_range(substitute(panel["targets"][0]["expr"], seen), seen.begin, seen.end, 1)
        return max(value for _, values in found for value in values)

    rate = seen.final["requestsPerSecond"]
    assert rate * 0.8 < peak("Requests") < rate * 3
    assert peak("Users") == AGENTS * USERS
    assert peak("Agents by state") == AGENTS
    assert 0 < peak("CPU of the agents") < 64
