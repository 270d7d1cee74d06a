"""A test that asks for ten thousand URLs does not make ten thousand series."""

from parts import broker, demo_server, plan, promtool

URLS = 10_000
# docs/metrics.md
LABELS = 100
SERIES = 7_000


def test_ten_thousand_urls_stay_within_the_bound(tmp_path):
    with demo_server(tmp_path) as server:
        requests = [{"path": f"/bytes/{n}"} for n in range(URLS)]
        steps = plan(server, 1, {"users": 2, "length": {"hits": 1}}, requests)
        with broker(tmp_path / "broker", steps) as load, load.agents(1):
            final = load.final()
            text = load.metrics()
    assert (final["hits"], final["verdict"]) == (2 * URLS, "passed"), final["reasons"]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) <= SERIES
    hits = [line for line in lines if line.startswith("loads_hits_total")]
    assert len(hits) == LABELS + 2, "by name, other, undetailed"
    assert sum(float(line.rsplit(" ", 1)[1]) for line in hits) == 2 * URLS, "no hit is lost"
    folded = next(line for line in lines if line.startswith("loads_labels_folded"))
    # The agent folds what is past 500 itself.
    assert float(folded.rsplit(" ", 1)[1]) >= 500 - LABELS
    assert promtool("check", "metrics", text=text) == (0, "")
