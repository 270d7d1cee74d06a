//! Every metric of the operator. docs/metrics.md is made from this table.

use loads_wire::metrics;

metrics! {
    BUILD = Gauge "loads_operator_build_info" ["version"]
        "Which operator this is.";
    LEADER = Gauge "loads_operator_leader" []
        "1 while this process is the one that reconciles, else 0.";
    RECONCILES = Counter "loads_operator_reconciles_total" ["result"]
        "Looks at LoadTests: `success`, `conflict` (the object had changed meanwhile; looked at again at once), `error`.";
    RECONCILE_TIME = Histogram "loads_operator_reconcile_duration_seconds" []
        "Time of one look at one LoadTest.";
    RECONCILING = Gauge "loads_operator_reconciles_active" []
        "Looks that are under way.";
    WATCH_ERRORS = Counter "loads_operator_watch_errors_total" ["kind"]
        "Watches of the API server that were interrupted, by the kind of object; each is begun again by itself.";
    FINISHED = Counter "loads_operator_loadtests_finished_total" ["reason"]
        "LoadTests that this process saw end.";
    KNOWN = Gauge "loads_operator_loadtests" ["finished"]
        "LoadTests that there are, by whether they are over; 0 unless this process leads.";
    LEFT_OUT = Gauge "loads_operator_loadtests_left_out" []
        "LoadTests without the metrics below, because there are more than 1,000: those that ended longest ago.";
    TEST_INFO = Gauge "loads_loadtest_info" ["namespace", "loadtest", "run", "executor", "reason"]
        "A LoadTest, its run and why it is where it is, in one word.";
    TEST_FINISHED = Gauge "loads_loadtest_finished" ["namespace", "loadtest"]
        "1 when the run is over, else 0.";
    TEST_SUCCESS = Gauge "loads_loadtest_success" ["namespace", "loadtest"]
        "1 when the run passed, 0 when not; not there before it is over.";
    TEST_CREATED = Gauge "loads_loadtest_created_timestamp_seconds" ["namespace", "loadtest"]
        "When the LoadTest was made.";
    TEST_START = Gauge "loads_loadtest_start_timestamp_seconds" ["namespace", "loadtest"]
        "When the load began; not there before.";
    TEST_END = Gauge "loads_loadtest_completion_timestamp_seconds" ["namespace", "loadtest"]
        "When the run was over; not there before.";
    TEST_HITS = Gauge "loads_loadtest_hits" ["namespace", "loadtest"]
        "Hits of the run so far.";
    TEST_RATE = Gauge "loads_loadtest_hit_rate" ["namespace", "loadtest"]
        "Hits by second, over the time of the steps.";
    TEST_ERRORS = Gauge "loads_loadtest_error_ratio" ["namespace", "loadtest"]
        "Share of the requests that failed or had an unexpected status.";
    TEST_LATENCY = Gauge "loads_loadtest_latency_seconds" ["namespace", "loadtest", "q"]
        "Quantiles of the time to the last byte; not there while there are no hits.";
    TEST_WANTED = Gauge "loads_loadtest_agents_wanted" ["namespace", "loadtest"]
        "Agents that are asked for.";
    TEST_READY = Gauge "loads_loadtest_agents_ready" ["namespace", "loadtest"]
        "Agents that are ready or at work; 0 once the run is over.";
}
