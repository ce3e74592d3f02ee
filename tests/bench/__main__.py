"""`python -m tests.bench [SCENARIO ...] [--write]`: measure, print, and keep the figures.

`--write` puts them into docs/benchmarks.json, from which docs/benchmarks.md has its table.
"""

import importlib
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench.report import Row, as_table
from tests.conftest import ROOT

SCENARIOS = (
    "single_stream",
    "many_streams",
    "prefix",
    "conversation",
    "prefill_beside_chat",
    "constrained",
    "speculation",
    "embedding",
    "api_cost",
)
RESULTS = ROOT / "docs" / "benchmarks.json"


def main(arguments: list[str]) -> int:
    """Returns 1 if a bar was missed."""
    write = "--write" in arguments
    names = [name for name in arguments if not name.startswith("-")] or SCENARIOS
    rows: list[Row] = []
    for name in names:
        started = time.monotonic()
        rows += importlib.import_module(f"tests.bench.{name}").run()
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(as_table(rows))
    if write:
        results = {"machine": describe_machine(), "rows": [asdict(row) for row in rows]}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if any(row.verdict == "missed" for row in rows) else 0


def describe_machine() -> str:
    """Processor, cores and system, as far as the system tells."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
