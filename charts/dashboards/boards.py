"""The three dashboards: all runs, one run, the operator."""

from model import annotation, board, dashed, heatmap, lines, query, row, selector, stat, table, variable

# Local runs have no namespace and no LoadTest: `.+` would not find them.
ANY = ".*"
DETAILED = 'label!="undetailed"'
RATE = "$__rate_interval"


def series(name, *labels, extra=""):
    return f"{name}{{{', '.join(part for part in (selector(*labels), extra) if part)}}}"


def job_and_instance(metric):
    return [
        variable("job", f"label_values({metric}, job)", "Job"),
        variable("instance", f'label_values({metric}{{job=~"$job"}}, instance)', "Instance"),
    ]


def namespace_and_loadtest(metric):
    return [
        variable("namespace", f"label_values({metric}, namespace)", "Namespace", allValue=ANY),
        variable("loadtest", f'label_values({metric}{{namespace=~"$namespace"}}, loadtest)', "LoadTest", allValue=ANY),
    ]


def overview():
    def test(name, extra=""):
        return series(name, "namespace", "loadtest", extra=extra)

    def each(name, extra=""):
        return f"max by (namespace, loadtest) ({test(name, extra)})"

    live = 'sum by (namespace, loadtest) (rate(%s[$__rate_interval]))'
    to_run = {
        "title": "This run",
        "url": "/d/loads-run/?var-namespace=${__data.fields.namespace}&var-loadtest=${__data.fields.loadtest}&${__url_time_range}",
    }
    panels = [
        stat("Runs that are on", "LoadTests that are not over.", "none", f"sum(1 - {each('loads_loadtest_finished')})"),
        stat("Passed", "LoadTests that are over and passed.", "none", f"sum({each('loads_loadtest_success')})"),
        stat("Not passed", "LoadTests that are over and did not pass.", "none",
             f"sum(1 - {each('loads_loadtest_success')})", bad_from=1),
        stat("Requests now", "Requests sent by all runs together.", "reqps",
             f"sum(rate({test('loads_requests_sent_total')}[{RATE}]))"),
        stat("Agents ready", "Ready agents of all runs that are on.", "none",
             f"sum({each('loads_loadtest_agents_ready')})"),
        stat("Agents wanted", "Agents that all runs that are on ask for.", "none",
             f"sum({each('loads_loadtest_agents_wanted')} * (1 - {each('loads_loadtest_finished')}))"),
        table(
            "LoadTests", "Every LoadTest that the operator knows, with its result. It stays after the broker is gone.",
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
            height=10, links=[to_run],
        ),
        row("Runs that are on"),
        lines("Requests", "Requests sent, by LoadTest.", "reqps",
              query(live % test("loads_requests_sent_total"), "{{namespace}}/{{loadtest}}")),
        lines("Errors", "Requests that failed or had an unexpected status, by LoadTest.", "reqps",
              query(live % test("loads_request_errors_total"), "{{namespace}}/{{loadtest}}")),
        lines("95th percentile", "Time to the last byte in the last seconds, exact over all agents of a run.", "s",
              query(each("loads_request_duration_quantile_seconds", 'q="0.95", window="last"'),
                    "{{namespace}}/{{loadtest}}")),
        lines("Agents", "Ready agents, by LoadTest.", "none",
              query(each("loads_loadtest_agents_ready"), "{{namespace}}/{{loadtest}}")),
    ]
    where = '{__name__=~"loads_loadtest_info|loads_run_info"}'
    return board(
        "loads-overview", "Loads / All runs", "All LoadTests: those that are on, and how the others ended.",
        [
            variable("job", f"label_values({where}, job)", "Job"),
            variable("instance", f"label_values({where}, instance)", "Instance"),
            *namespace_and_loadtest("loads_loadtest_info"),
        ],
        panels, run_annotations("namespace", "loadtest"), refresh="30s", since="now-3h",
    )


def run_annotations(*labels):
    text = "{{namespace}}/{{loadtest}} {{run}}"
    return [
        annotation("Start", series("loads_run_start_timestamp_seconds", *labels), "green", text),
        annotation("End", series("loads_run_end_timestamp_seconds", *labels), "blue", text),
    ]


ONE = ("namespace", "loadtest", "run")


def of_run(name, extra=""):
    return series(name, *ONE, extra=extra)


def rate(name, by="", extra=""):
    by = f" by ({by})" if by else ""
    return f"sum{by} (rate({of_run(name, extra)}[{RATE}]))"


def at_end(expr):
    """The last value of a counter in the time that is shown: a run's series end with its broker. Where the broker was
    restarted there are two, so take the larger one and do not add them."""
    return f"max_over_time({expr}[$__range])"


def run():
    unsent = rate("loads_requests_failed_total", extra='phase="before_send"')
    asked = f"({rate('loads_requests_sent_total')} + {unsent})"
    total = of_run("loads_hits_total", DETAILED)
    quantile = of_run("loads_request_duration_quantile_seconds", 'window="%s"')
    time_limit = of_run("loads_criterion_threshold", 'criterion=~"([^:<>=]+:\\\\s*)?(p[0-9]|avg-rt).*"')
    panels = [
        stat("Stage", "Where the run is.", "none", f"max by (stage) ({of_run('loads_run_stage')}) == 1", 3,
             legend="{{stage}}", name=True),
        stat("Verdict", "How the run went.", "none", f"max by (verdict) ({of_run('loads_run_verdict')}) == 1", 3,
             legend="{{verdict}}", name=True),
        stat("Progress", "Share of the load that is over.", "percentunit", f"max({of_run('loads_run_progress_ratio')})", 3),
        stat("Requests", "Requests sent.", "reqps", rate("loads_requests_sent_total"), 3),
        stat("Errors", "Share of the requests that failed or had an unexpected status.", "percentunit",
             f"{rate('loads_request_errors_total')} / ({asked} > 0)", 3, bad_from=0.01),
        stat("95th percentile", "Of the whole run.", "s", "max(%s)" % of_run("loads_request_duration_quantile_seconds", 'q="0.95", window="run"'), 3),
        stat("Users", "Users active in the newest second.", "none", f"sum({of_run('loads_users')})", 3),
        stat("Agents", "Agents that send load.", "none", "sum(%s)" % of_run("loads_agents", 'state="running"'), 3),
        row("Requests"),
        lines("Requests", "Requests sent, and hits: answers whose headers arrived.", "reqps",
              query(rate("loads_requests_sent_total"), "sent"), query(rate("loads_hits_total"), "hits")),
        lines("Errors by kind", "Requests that failed, and hits of an unexpected status.", "reqps",
              query(rate("loads_request_errors_total", "kind"), "{{kind}}"), stack=True),
        lines("Percentiles", "Time to the last byte in the last seconds, exact over all agents. Dashed: the limits of the criteria.",
              "s", query(f"max by (q) ({quantile % 'last'})", "{{q}}"),
              query(f"max by (criterion) ({time_limit})", "limit: {{criterion}}"), overrides=[dashed("limit: .*")]),
        heatmap("Durations", "How many requests took how long.",
                f"sum by (le) (increase({of_run('loads_request_duration_seconds_bucket')}[{RATE}]))"),
        lines("Statuses", "Hits by HTTP status.", "reqps",
              query(rate("loads_hits_total", "status", DETAILED), "{{status}}"), stack=True),
        lines("Received", "Bytes of bodies, and of web sockets.", "Bps", query(rate("loads_received_bytes_total"), "bodies"),
              query(rate("loads_web_socket_received_bytes_total"), "web sockets")),
        row("By label"),
        lines("Hits by label", "The first 100 labels of a run have series of their own.", "reqps",
              query(rate("loads_hits_total", "label", DETAILED), "{{label}}")),
        lines("95th percentile by label", "From the buckets of the histogram: as exact as they are narrow.", "s",
              query(f"histogram_quantile(0.95, {rate('loads_request_duration_seconds_bucket', 'label, le')}) > 0", "{{label}}")),
        table(
            "Labels", "Figures of the whole run; quantiles are exact.", ("label",),
            [
                ("hits", "short", f"sum by (label) (max by (label, method, status) ({at_end(total)}))"),
                ("unexpected", "short", f"max by (label) ({at_end(of_run('loads_hits_unexpected_total'))})"),
                *[(heading, "s", f"max by (label) (last_over_time({of_run('loads_label_duration_quantile_seconds', q)}[$__range]))")
                  for heading, q in (("p50", 'q="0.5"'), ("p95", 'q="0.95"'), ("p99", 'q="0.99"'))],
            ],
        ),
        row("Users and tests"),
        lines("Users", "Users that are active, and those that the step asks for.", "none",
              query(f"sum({of_run('loads_users')})", "active"),
              query(f"sum({of_run('loads_users_wanted')})", "wanted"), overrides=[dashed("wanted")]),
        lines("Tests by outcome", "Test executions that ended.", "ops",
              query(rate("loads_tests_total", "outcome"), "{{outcome}}"), stack=True),
        lines("Counters of the test", "What the test counts itself.", "ops", query(rate("loads_custom_total", "counter"), "{{counter}}")),
        lines("Web sockets", "Web sockets opened and closed.", "ops", query(rate("loads_web_sockets_opened_total"), "opened"),
              query(rate("loads_web_sockets_closed_total"), "closed")),
        row("Criteria"),
        table(
            "Criteria", "Each criterion of the LoadTest as it stands.", ("criterion",),
            [
                ("passed", "bool_yes_no", f"min by (criterion) (last_over_time({of_run('loads_criterion_passed')}[$__range]))"),
                ("measured", "none", f"max by (criterion) (last_over_time({of_run('loads_criterion_measured')}[$__range]))"),
                ("threshold", "none", f"max by (criterion) (last_over_time({of_run('loads_criterion_threshold')}[$__range]))"),
            ], width=12,
        ),
        lines("Measured and allowed", "What each criterion was judged by. Dashed: what it is judged against.", "none",
              query(f"max by (criterion) ({of_run('loads_criterion_measured')})", "{{criterion}}"),
              query(f"max by (criterion) ({of_run('loads_criterion_threshold')})", "limit: {{criterion}}"),
              overrides=[dashed("limit: .*")]),
        row("Agents and load generator"),
        lines("Agents by state", "Where the agents are.", "none",
              query(f"sum by (state) ({of_run('loads_agents')})", "{{state}}"),
              query(f"sum({of_run('loads_agents_wanted')})", "wanted"), overrides=[dashed("wanted")]),
        lines("CPU of the agents", "Cores that agents and their runners use.", "none",
              query(rate("loads_generator_cpu_seconds_total"), "cores"), width=6),
        lines("Lag", "Largest own delay of an agent so far: when it grows, the generator is the bottleneck.", "s",
              query(f"max({of_run('loads_generator_lag_seconds')})", "lag"),
              query(f"max({of_run('loads_start_skew_seconds')})", "start skew"), width=6),
        lines("Trouble of the generator", "Arrivals that waited for a user, late and unreadable messages of runners, messages that the broker left out.",
              "ops", query(rate("loads_arrivals_delayed_total"), "delayed arrivals"),
              query(rate("loads_runner_messages_late_total"), "late messages"),
              query(rate("loads_runner_messages_bad_total"), "unreadable messages"),
              query(rate("loads_broker_messages_left_out_total"), "left out")),
        stat("Lost agents", "Agents that vanished, replaced ones included.", "none",
             f"max({at_end(of_run('loads_agents_lost_total'))})", 6, bad_from=1),
        stat("Folded labels", "Labels without series of their own.", "none", f"max({of_run('loads_labels_folded')})", 6, bad_from=1),
    ]
    return board(
        "loads-run", "Loads / One run", "Requests, errors, times, users, agents and criteria of one run.",
        [
            *job_and_instance("loads_run_info"), *namespace_and_loadtest("loads_run_info"),
            variable("run", 'label_values(loads_run_info{namespace=~"$namespace", loadtest=~"$loadtest"}, run)', "Run",
                     multi=False, includeAll=False, allValue=None, current={}, sort=2),
        ],
        panels, run_annotations(*ONE),
    )


def operator():
    def own(name, extra=""):
        return series(name, extra=extra)

    duration = f"sum by (le) (rate({own('loads_operator_reconcile_duration_seconds_bucket')}[{RATE}]))"
    panels = [
        stat("Leaders", "One, whatever the number of replicas.", "none", f"sum({own('loads_operator_leader')})"),
        stat("Replicas", "Operators that are scraped.", "none", f"count({own('loads_operator_build_info')})"),
        stat("Version", "Of the operators.", "none", f"count by (version) ({own('loads_operator_build_info')})",
             legend="{{version}}", name=True),
        stat("Runs that are on", "LoadTests that are not over.", "none", "sum(%s)" % own("loads_operator_loadtests", 'finished="false"')),
        stat("Over", "LoadTests that are over and still there.", "none", "sum(%s)" % own("loads_operator_loadtests", 'finished="true"')),
        stat("Without metrics", "LoadTests past the limit of 1,000 with metrics of their own.", "none",
             f"sum({own('loads_operator_loadtests_left_out')})", bad_from=1),
        lines("Looks by result", "How often the operator looks at a LoadTest, and how that ends.", "ops",
              query(f"sum by (result) (rate({own('loads_operator_reconciles_total')}[{RATE}]))", "{{result}}"), stack=True),
        lines("Time of a look", "Quantiles from the buckets of the histogram.", "s",
              *[query(f"histogram_quantile({q}, {duration}) > 0", f"{q}") for q in ("0.5", "0.95", "0.99")]),
        lines("Looks under way", "Looks that are under way, by replica.", "none",
              query(f"sum by (instance) ({own('loads_operator_reconciles_active')})", "{{instance}}")),
        lines("Interrupted watches", "Watches of the API server that broke, by kind of object.", "ops",
              query(f"sum by (kind) (rate({own('loads_operator_watch_errors_total')}[{RATE}]))", "{{kind}}")),
        lines("LoadTests", "LoadTests that there are.", "none",
              query(f"sum by (finished) ({own('loads_operator_loadtests')})", "finished: {{finished}}"), stack=True),
        lines("Ends by reason", "LoadTests that ended, in the time between two points.", "none",
              query(f"sum by (reason) (increase({own('loads_operator_loadtests_finished_total')}[{RATE}]))", "{{reason}}"), stack=True),
    ]
    return board(
        "loads-operator", "Loads / Operator", "Whether the operator does its work.",
        job_and_instance("loads_operator_build_info"), panels, refresh="30s", since="now-3h",
    )


ALL = {"overview": overview, "run": run, "operator": operator}
