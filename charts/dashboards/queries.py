"""What the dashboards' queries have in common."""

from model import annotation, selector, variable

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
