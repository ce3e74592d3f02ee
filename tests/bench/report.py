"""What a scenario measured, and how it is printed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure. `bar` is what it must reach: at least, or at most if `at_most`."""

    scenario: str
    figure: str
    value: float
    bar: float | None = None
    at_most: bool = False

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        reached = self.value <= self.bar if self.at_most else self.value >= self.bar
        return "reached" if reached else "missed"


def as_table(rows: list[Row]) -> str:
    """A Markdown table."""
    lines = ["| scenario | figure | measured | bar | |", "|---|---|---:|---:|---|"]
    for row in rows:
        bar = "" if row.bar is None else f"{'<=' if row.at_most else '>='} {row.bar:g}"
        value = f"{row.value:.3f}" if row.value < 10 else f"{row.value:,.1f}"
        lines.append(f"| {row.scenario} | {row.figure} | {value} | {bar} | {row.verdict} |")
    return "\n".join(lines)
