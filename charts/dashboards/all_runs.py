"""All runs: those that are on, and how the others ended."""

from model import board, lines, query, row, stat, table, variable
from queries import RATE, namespace_and_loadtest, run_annotations, series


def overview():
    def test(name, extra=""):
        return series(name, "namespace", "loadtest", extra=extra)

    def each(name, extra=""):
        return f"max by (namespace, loadtest) ({test(name, extra)})"

    live = "sum by (namespace, loadtest) (rate(%s[$__rate_interval]))"
    to_run = {
        "title": "This run",
        "url": "/d/loads-run/?var-namespace=${__data.fields.namespace}&var-loadtest=${__data.fields.loadtest}"
        "&${__url_time_range}",
    }
    panels = [
        stat("Runs that are on", "LoadTests that are not over.", "none", f"sum(1 - {each('loads_loadtest_finished')})"),
        stat("Passed", "LoadTests that are over and passed.", "none", f"sum({each('loads_loadtest_success')})"),
        stat(
            "Not passed",
            "LoadTests that are over and did not pass.",
            "none",
            f"sum(1 - {each('loads_loadtest_success')})",
            bad_from=1,
        ),
        stat(
            "Requests now",
            "Requests sent by all runs together.",
            "reqps",
            f"sum(rate({test('loads_requests_sent_total')}[{RATE}]))",
        ),
        stat(
            "Agents ready",
            "Ready agents of all runs that are on.",
            "none",
            f"sum({each('loads_loadtest_agents_ready')})",
        ),
        stat(
            "Agents wanted",
            "Agents that all runs that are on ask for.",
            "none",
            f"sum({each('loads_loadtest_agents_wanted')} * (1 - {each('loads_loadtest_finished')}))",
        ),
        table(
            "LoadTests",
            "Every LoadTest that the operator knows, with its result. It stays after the broker is gone.",
            ("namespace", "reason", "executor", "loadtest"),
            [
                ("state", "none", f"max by (namespace, loadtest, executor, reason) ({test('loads_loadtest_info')})"),
                ("passed", "bool_yes_no", each("loads_loadtest_success")),
                ("hits", "short", each("loads_loadtest_hits")),
                ("hits/s", "reqps", each("loads_loadtest_hit_rate")),
                ("errors", "percentunit", each("loads_loadtest_error_ratio")),
                ("p95", "s", each("loads_loadtest_latency_seconds", 'q="0.95"')),
                ("p99", "s", each("loads_loadtest_latency_seconds", 'q="0.99"')),
                ("started", "dateTimeAsIso", f"{each('loads_loadtest_start_timestamp_seconds')} * 1000"),
                ("over", "dateTimeAsIso", f"{each('loads_loadtest_completion_timestamp_seconds')} * 1000"),
            ],
            height=10,
            links=[to_run],
        ),
        row("Runs that are on"),
        lines(
            "Requests",
            "Requests sent, by LoadTest.",
            "reqps",
            query(live % test("loads_requests_sent_total"), "{{namespace}}/{{loadtest}}"),
        ),
        lines(
            "Errors",
            "Requests that failed or had an unexpected status, by LoadTest.",
            "reqps",
            query(live % test("loads_request_errors_total"), "{{namespace}}/{{loadtest}}"),
        ),
        lines(
            "95th percentile",
            "Time to the last byte in the last seconds, exact over all agents of a run.",
            "s",
            query(
                each("loads_request_duration_quantile_seconds", 'q="0.95", window="last"'), "{{namespace}}/{{loadtest}}"
            ),
        ),
        lines(
            "Agents",
            "Ready agents, by LoadTest.",
            "none",
            query(each("loads_loadtest_agents_ready"), "{{namespace}}/{{loadtest}}"),
        ),
    ]
    where = '{__name__=~"loads_loadtest_info|loads_run_info"}'
    return board(
        "loads-overview",
        "Loads / All runs",
        "All LoadTests: those that are on, and how the others ended.",
        [
            variable("job", f"label_values({where}, job)", "Job"),
            variable("instance", f"label_values({where}, instance)", "Instance"),
            *namespace_and_loadtest("loads_loadtest_info"),
        ],
        panels,
        run_annotations("namespace", "loadtest"),
        refresh="30s",
        since="now-3h",
    )
