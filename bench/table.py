"""Outcome in, aligned lines for a terminal out."""

from collections.abc import Sequence

from outcome import Case, Claim, Outcome, Size


def lines_of(outcome: Outcome) -> list[str]:
    lines = [f"== {outcome.scenario}"]
    for case in outcome.cases:
        lines += ["", *_case_lines(case)]
    if outcome.sizes:
        lines += ["", *_size_lines(outcome.sizes)]
    if outcome.claims:
        lines += ["", *_claim_lines(outcome.claims)]
    if outcome.tools:
        lines += ["", "tools: " + ", ".join(f"{k} {v}" for k, v in outcome.tools.items())]
    lines += [f"absent: {name}: {reason}" for name, reason in outcome.absent.items()]
    return [*lines, ""]


def _case_lines(case: Case) -> list[str]:
    baseline = case.of(case.baseline)
    rows = [(case.name, "median", "min", "max", "peak", "runs", f"x {case.baseline}")]
    for series in case.series:
        walls = [run.wall_seconds for run in series.runs]
        rows.append((
            "  " + series.name,
            time_text(series.median_seconds),
            time_text(min(walls)),
            time_text(max(walls)),
            size_text(series.peak_bytes) if series.peak_bytes else "",
            str(len(walls)),
            f"{series.ratio_to(baseline):.2f}" if baseline else "",
        ))  # fmt: skip
    return aligned(rows)


def _size_lines(sizes: Sequence[Size]) -> list[str]:
    rows = [
        ("image", "tool", "files", "on disk", "layers", "all in"),
        *(
            (
                "  " + size.name,
                size.tool,
                "" if size.file_count is None else str(size.file_count),
                size_text(size.disk_bytes) if size.disk_bytes else "",
                size_text(size.layer_bytes),
                size_text(size.image_bytes),
            )
            for size in sizes
        ),
    ]
    return aligned(rows, words=2)


def _claim_lines(claims: Sequence[Claim]) -> list[str]:
    rows = [
        ("claim", "measured", "target", ""),
        *(
            (
                "  " + claim.text,
                amount_text(claim.value, claim.unit),
                amount_text(claim.limit, claim.unit),
                "holds" if claim.holds else "misses",
            )
            for claim in claims
        ),
    ]
    return aligned(rows)


def aligned(rows: Sequence[tuple[str, ...]], words: int = 1) -> list[str]:
    """Columns side by side; the first `words` of them to the left, the figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def amount_text(value: float, unit: str) -> str:
    if unit == "ms":
        return time_text(value / 1000)
    if unit == "bytes":
        return size_text(value)
    return f"{value:.0f} {unit}" if unit == "files" else f"{value:.2f} {unit}"


def time_text(seconds: float) -> str:
    return f"{seconds:.2f} s" if abs(seconds) >= 1 else f"{seconds * 1000:.0f} ms"


def size_text(size_bytes: float) -> str:
    """Decimal units with three significant digits: 812 B, 1.52 MB, 24.0 MB."""
    amount, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    if unit == "B" or amount >= 99.95:
        return f"{amount:.0f} {unit}"
    return f"{amount:.1f} {unit}" if amount >= 9.995 else f"{amount:.2f} {unit}"
