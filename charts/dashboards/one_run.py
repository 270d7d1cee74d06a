"""One run: requests, errors, times, users, criteria, and whether the generator was the bottleneck."""

from model import board, dashed, heatmap, lines, query, row, stat, table, variable
from queries import DETAILED, ONE, RATE, at_end, job_and_instance, namespace_and_loadtest, of_run, rate, run_annotations


def state():
    unsent = rate("loads_requests_failed_total", extra='phase="before_send"')
    asked = f"({rate('loads_requests_sent_total')} + {unsent})"
    return [
        stat(
            "Stage",
            "Where the run is.",
            "none",
            f"max by (stage) ({of_run('loads_run_stage')}) == 1",
            3,
            legend="{{stage}}",
            name=True,
        ),
        stat(
            "Verdict",
            "How the run went.",
            "none",
            f"max by (verdict) ({of_run('loads_run_verdict')}) == 1",
            3,
            legend="{{verdict}}",
            name=True,
        ),
        stat(
            "Progress",
            "Share of the load that is over.",
            "percentunit",
            f"max({of_run('loads_run_progress_ratio')})",
            3,
        ),
        stat("Requests", "Requests sent.", "reqps", rate("loads_requests_sent_total"), 3),
        stat(
            "Errors",
            "Share of the requests that failed or had an unexpected status.",
            "percentunit",
            f"{rate('loads_request_errors_total')} / ({asked} > 0)",
            3,
            bad_from=0.01,
        ),
        stat(
            "95th percentile",
            "Of the whole run.",
            "s",
            "max(%s)" % of_run("loads_request_duration_quantile_seconds", 'q="0.95", window="run"'),
            3,
        ),
        stat("Users", "Users active in the newest second.", "none", f"sum({of_run('loads_users')})", 3),
        stat("Agents", "Agents that send load.", "none", "sum(%s)" % of_run("loads_agents", 'state="running"'), 3),
    ]


def requests():
    last = of_run("loads_request_duration_quantile_seconds", 'window="last"')
    limit = of_run("loads_criterion_threshold", 'criterion=~"([^:<>=]+:\\\\s*)?(p[0-9]|avg-rt).*"')
    return [
        row("Requests"),
        lines(
            "Requests",
            "Requests sent, and hits: answers whose headers arrived.",
            "reqps",
            query(rate("loads_requests_sent_total"), "sent"),
            query(rate("loads_hits_total"), "hits"),
        ),
        lines(
            "Errors by kind",
            "Requests that failed, and hits of an unexpected status.",
            "reqps",
            query(rate("loads_request_errors_total", "kind"), "{{kind}}"),
            stack=True,
        ),
        lines(
            "Percentiles",
            "Time to the last byte in the last seconds, exact over all agents. Dashed: the limits of the criteria.",
            "s",
            query(f"max by (q) ({last})", "{{q}}"),
            query(f"max by (criterion) ({limit})", "limit: {{criterion}}"),
            overrides=[dashed("limit: .*")],
        ),
        heatmap(
            "Durations",
            "How many requests took how long.",
            f"sum by (le) (increase({of_run('loads_request_duration_seconds_bucket')}[{RATE}]))",
        ),
        lines(
            "Statuses",
            "Hits by HTTP status.",
            "reqps",
            query(rate("loads_hits_total", "status", DETAILED), "{{status}}"),
            stack=True,
        ),
        lines(
            "Received",
            "Bytes of bodies, and of web sockets.",
            "Bps",
            query(rate("loads_received_bytes_total"), "bodies"),
            query(rate("loads_web_socket_received_bytes_total"), "web sockets"),
        ),
    ]


def labels():
    total = of_run("loads_hits_total", DETAILED)

    def quantile(q):
        return f"max by (label) (last_over_time({of_run('loads_label_duration_quantile_seconds', q)}[$__range]))"

    return [
        row("By label"),
        lines(
            "Hits by label",
            "The first 100 labels of a run have series of their own.",
            "reqps",
            query(rate("loads_hits_total", "label", DETAILED), "{{label}}"),
        ),
        lines(
            "95th percentile by label",
            "From the buckets of the histogram: as exact as they are narrow.",
            "s",
            query(
                f"histogram_quantile(0.95, {rate('loads_request_duration_seconds_bucket', 'label, le')}) > 0",
                "{{label}}",
            ),
        ),
        table(
            "Labels",
            "Figures of the whole run; quantiles are exact.",
            ("label",),
            [
                ("hits", "short", f"sum by (label) (max by (label, method, status) ({at_end(total)}))"),
                ("unexpected", "short", f"max by (label) ({at_end(of_run('loads_hits_unexpected_total'))})"),
                *[
                    (
                        heading,
                        "s",
                        quantile(q),
                    )
                    for heading, q in (("p50", 'q="0.5"'), ("p95", 'q="0.95"'), ("p99", 'q="0.99"'))
                ],
            ],
        ),
    ]


def users():
    return [
        row("Users and tests"),
        lines(
            "Users",
            "Users that are active, and those that the step asks for.",
            "none",
            query(f"sum({of_run('loads_users')})", "active"),
            query(f"sum({of_run('loads_users_wanted')})", "wanted"),
            overrides=[dashed("wanted")],
        ),
        lines(
            "Tests by outcome",
            "Test executions that ended.",
            "ops",
            query(rate("loads_tests_total", "outcome"), "{{outcome}}"),
            stack=True,
        ),
        lines(
            "Counters of the test",
            "What the test counts itself.",
            "ops",
            query(rate("loads_custom_total", "counter"), "{{counter}}"),
        ),
        lines(
            "Web sockets",
            "Web sockets opened and closed.",
            "ops",
            query(rate("loads_web_sockets_opened_total"), "opened"),
            query(rate("loads_web_sockets_closed_total"), "closed"),
        ),
    ]


def criteria():
    return [
        row("Criteria"),
        table(
            "Criteria",
            "Each criterion of the LoadTest as it stands.",
            ("criterion",),
            [
                (
                    "passed",
                    "bool_yes_no",
                    f"min by (criterion) (last_over_time({of_run('loads_criterion_passed')}[$__range]))",
                ),
                (
                    "measured",
                    "none",
                    f"max by (criterion) (last_over_time({of_run('loads_criterion_measured')}[$__range]))",
                ),
                (
                    "threshold",
                    "none",
                    f"max by (criterion) (last_over_time({of_run('loads_criterion_threshold')}[$__range]))",
                ),
            ],
            width=12,
        ),
        lines(
            "Measured and allowed",
            "What each criterion was judged by. Dashed: what it is judged against.",
            "none",
            query(f"max by (criterion) ({of_run('loads_criterion_measured')})", "{{criterion}}"),
            query(f"max by (criterion) ({of_run('loads_criterion_threshold')})", "limit: {{criterion}}"),
            overrides=[dashed("limit: .*")],
        ),
    ]


def generator():
    return [
        row("Agents and load generator"),
        lines(
            "Agents by state",
            "Where the agents are.",
            "none",
            query(f"sum by (state) ({of_run('loads_agents')})", "{{state}}"),
            query(f"sum({of_run('loads_agents_wanted')})", "wanted"),
            overrides=[dashed("wanted")],
        ),
        lines(
            "CPU of the agents",
            "Cores that agents and their runners use.",
            "none",
            query(rate("loads_generator_cpu_seconds_total"), "cores"),
            width=6,
        ),
        lines(
            "Lag",
            "Largest own delay of an agent so far: when it grows, the generator is the bottleneck.",
            "s",
            query(f"max({of_run('loads_generator_lag_seconds')})", "lag"),
            query(f"max({of_run('loads_start_skew_seconds')})", "start skew"),
            width=6,
        ),
        lines(
            "Trouble of the generator",
            "Arrivals that waited for a user; messages that came late, were unreadable, or that the broker left out.",
            "ops",
            query(rate("loads_arrivals_delayed_total"), "delayed arrivals"),
            query(rate("loads_runner_messages_late_total"), "late messages"),
            query(rate("loads_runner_messages_bad_total"), "unreadable messages"),
            query(rate("loads_broker_messages_left_out_total"), "left out"),
        ),
        stat(
            "Lost agents",
            "Agents that vanished, replaced ones included.",
            "none",
            f"max({at_end(of_run('loads_agents_lost_total'))})",
            6,
            bad_from=1,
        ),
        stat(
            "Folded labels",
            "Labels without series of their own.",
            "none",
            f"max({of_run('loads_labels_folded')})",
            6,
            bad_from=1,
        ),
    ]


def run():
    panels = [*state(), *requests(), *labels(), *users(), *criteria(), *generator()]
    return board(
        "loads-run",
        "Loads / One run",
        "Requests, errors, times, users, agents and criteria of one run.",
        [
            *job_and_instance("loads_run_info"),
            *namespace_and_loadtest("loads_run_info"),
            variable(
                "run",
                'label_values(loads_run_info{namespace=~"$namespace", loadtest=~"$loadtest"}, run)',
                "Run",
                multi=False,
                includeAll=False,
                allValue=None,
                current={},
                sort=2,
            ),
        ],
        panels,
        run_annotations(*ONE),
    )
