//! Every metric of a run. docs/metrics.md is made from this table.

use loads_wire::metrics;

metrics! {
    RUN_INFO = Gauge "loads_run_info" ["test", "executor"]
        "What the run is, in its labels.";
    RUN_STAGE = Gauge "loads_run_stage" ["stage"]
        "1 for where the run is (Waiting, Suspended, Running, Draining, Finished), 0 for the others.";
    RUN_VERDICT = Gauge "loads_run_verdict" ["verdict"]
        "1 for how the run went (running, passed, failed, stopped, error), 0 for the others.";
    RUN_STEP = Gauge "loads_run_step" []
        "Number of the step that the run is in, from 1.";
    RUN_STEPS = Gauge "loads_run_steps" []
        "Number of steps.";
    RUN_PROGRESS = Gauge "loads_run_progress_ratio" []
        "Share of the load that is over.";
    RUN_START = Gauge "loads_run_start_timestamp_seconds" []
        "When the load began; not there before.";
    RUN_END = Gauge "loads_run_end_timestamp_seconds" []
        "When the load ended; not there before.";
    HITS = Counter "loads_hits_total" ["label", "method", "status"]
        "Answers whose headers arrived. The label is `undetailed`, with no method and status, for those of a killed process, whose label is lost.";
    UNEXPECTED = Counter "loads_hits_unexpected_total" ["label"]
        "Of the hits, those whose status the test did not expect.";
    SENT = Counter "loads_requests_sent_total" []
        "Requests whose first byte was written.";
    FAILED = Counter "loads_requests_failed_total" ["phase"]
        "Requests that were no hit: they failed `before_send` or `after_send`.";
    UNANSWERED = Counter "loads_requests_unanswered_total" []
        "Requests that were sent and cut by us before an answer came.";
    RETRIED = Counter "loads_requests_retried_total" []
        "Requests sent once more because a kept connection was stale.";
    ERRORS = Counter "loads_request_errors_total" ["kind"]
        "Errors of requests by kind; hits of an unexpected status are among them.";
    RECEIVED = Counter "loads_received_bytes_total" []
        "Bytes of bodies received.";
    DURATION = Histogram "loads_request_duration_seconds" ["label"]
        "Time to the last byte. Bounds are the thresholds of the criteria and some common ones; a bound is off by at most 0.1 %.";
    QUANTILE = Gauge "loads_request_duration_quantile_seconds" ["q", "window"]
        "Exact quantiles of the time to the last byte over all agents, of the whole run (`run`) or of the last 10 whole seconds (`last`); not there while there are no hits.";
    LABEL_QUANTILE = Gauge "loads_label_duration_quantile_seconds" ["label", "q"]
        "Exact quantiles of the time to the last byte in the whole run.";
    TESTS_STARTED = Counter "loads_tests_started_total" []
        "Test executions begun.";
    TESTS = Counter "loads_tests_total" ["outcome"]
        "Test executions that ended: `success`, `error`, `failure`, `skipped` or `interrupted`.";
    TESTS_LOST = Gauge "loads_tests_lost" []
        "Test executions begun by a process that was killed before they ended, as far as is known.";
    TESTS_PLANNED = Gauge "loads_tests_planned" []
        "Test executions handed out to agents; 0 when a duration decides.";
    USERS = Gauge "loads_users" []
        "Users active in the newest whole second.";
    USERS_WANTED = Gauge "loads_users_wanted" []
        "Users of the present step over all agents, once they are ramped up; 0 while there is no load.";
    AGENTS = Gauge "loads_agents" ["state"]
        "Agents by state: `preparing`, `ready`, `running`, `draining`, `done`, `lost`.";
    AGENTS_WANTED = Gauge "loads_agents_wanted" []
        "Agents that are asked for.";
    AGENTS_LOST = Counter "loads_agents_lost_total" []
        "Agents that were lost on the way, replaced ones included.";
    START_SKEW = Gauge "loads_start_skew_seconds" []
        "Largest distance from the common start instant at which an agent's load began.";
    GENERATOR_CPU = Counter "loads_generator_cpu_seconds_total" []
        "CPU time of agents and their runners.";
    GENERATOR_LAG = Gauge "loads_generator_lag_seconds" []
        "Largest own delay that an agent reported so far: high means that the generator was the bottleneck.";
    DELAYED = Counter "loads_arrivals_delayed_total" []
        "Arrivals of a `rate` run that waited for a free user.";
    LATE = Counter "loads_runner_messages_late_total" []
        "Messages of runners that came late.";
    BAD = Counter "loads_runner_messages_bad_total" []
        "Messages of runners that could not be read.";
    SOCKETS_OPENED = Counter "loads_web_sockets_opened_total" []
        "Web sockets opened.";
    SOCKETS_CLOSED = Counter "loads_web_sockets_closed_total" []
        "Web sockets closed.";
    SOCKET_BYTES = Counter "loads_web_socket_received_bytes_total" []
        "Bytes received through web sockets.";
    CUSTOM = Counter "loads_custom_total" ["counter"]
        "The test's own counters; from the 1,000th on they are counted under `other`.";
    CRITERION_PASSED = Gauge "loads_criterion_passed" ["criterion"]
        "1 while a pass/fail criterion never failed, else 0.";
    CRITERION_MEASURED = Gauge "loads_criterion_measured" ["criterion"]
        "What it was last judged by: seconds for times, 0 to 1 for shares, else a count or a rate by second; not there before the first judgement.";
    CRITERION_THRESHOLD = Gauge "loads_criterion_threshold" ["criterion"]
        "What it is judged against, in the same unit.";
    LABELS_FOLDED = Gauge "loads_labels_folded" []
        "Labels without series of their own: after the first 100 of a run they are counted under `other`. At least so many: agents fold those past 500 themselves.";
    LEFT_OUT = Counter "loads_broker_messages_left_out_total" ["why"]
        "Messages that the broker left out: of another `version`, of another `run`, `garbage`, or a `window` that could not be read. Counted since the broker's process began.";
}
