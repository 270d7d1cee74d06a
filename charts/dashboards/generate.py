#!/usr/bin/env python3
"""Writes the chart's dashboards. tests/prometheus fails when they are stale, and asks each of their queries."""

import json
from pathlib import Path

from all_runs import overview
from one_run import run
from operator_health import operator_health

ALL = {"overview": overview, "run": run, "operator": operator_health}

FOLDER = Path(__file__).resolve().parents[1] / "loads-operator" / "dashboards"


def files():
    """Path and text of each dashboard."""
    return {FOLDER / f"{name}.json": json.dumps(make(), indent=2) + "\n" for name, make in ALL.items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
