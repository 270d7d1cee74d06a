"""Whether the operator does its work."""

from model import board, lines, query, stat
from queries import RATE, job_and_instance, series


def operator_health():
    def own(name, extra=""):
        return series(name, extra=extra)

    duration = f"sum by (le) (rate({own('loads_operator_reconcile_duration_seconds_bucket')}[{RATE}]))"
    panels = [
        stat("Leaders", "One, whatever the number of replicas.", "none", f"sum({own('loads_operator_leader')})"),
        stat("Replicas", "Operators that are scraped.", "none", f"count({own('loads_operator_build_info')})"),
        stat(
            "Version",
            "Of the operators.",
            "none",
            f"count by (version) ({own('loads_operator_build_info')})",
            legend="{{version}}",
            name=True,
        ),
        stat(
            "Runs that are on",
            "LoadTests that are not over.",
            "none",
            "sum(%s)" % own("loads_operator_loadtests", 'finished="false"'),
        ),
        stat(
            "Over",
            "LoadTests that are over and still there.",
            "none",
            "sum(%s)" % own("loads_operator_loadtests", 'finished="true"'),
        ),
        stat(
            "Without metrics",
            "LoadTests past the limit of 1,000 with metrics of their own.",
            "none",
            f"sum({own('loads_operator_loadtests_left_out')})",
            bad_from=1,
        ),
        lines(
            "Looks by result",
            "How often the operator looks at a LoadTest, and how that ends.",
            "ops",
            query(f"sum by (result) (rate({own('loads_operator_reconciles_total')}[{RATE}]))", "{{result}}"),
            stack=True,
        ),
        lines(
            "Time of a look",
            "Quantiles from the buckets of the histogram.",
            "s",
            *[query(f"histogram_quantile({q}, {duration}) > 0", f"{q}") for q in ("0.5", "0.95", "0.99")],
        ),
        lines(
            "Looks under way",
            "Looks that are under way, by replica.",
            "none",
            query(f"sum by (instance) ({own('loads_operator_reconciles_active')})", "{{instance}}"),
        ),
        lines(
            "Interrupted watches",
            "Watches of the API server that broke, by kind of object.",
            "ops",
            query(f"sum by (kind) (rate({own('loads_operator_watch_errors_total')}[{RATE}]))", "{{kind}}"),
        ),
        lines(
            "LoadTests",
            "LoadTests that there are.",
            "none",
            query(f"sum by (finished) ({own('loads_operator_loadtests')})", "finished: {{finished}}"),
            stack=True,
        ),
        lines(
            "Ends by reason",
            "LoadTests that ended, in the time between two points.",
            "none",
            query(
                f"sum by (reason) (increase({own('loads_operator_loadtests_finished_total')}[{RATE}]))", "{{reason}}"
            ),
            stack=True,
        ),
    ]
    return board(
        "loads-operator",
        "Loads / Operator",
        "Whether the operator does its work.",
        job_and_instance("loads_operator_build_info"),
        panels,
        refresh="30s",
        since="now-3h",
    )
