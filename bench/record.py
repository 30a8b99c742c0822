"""Outcome in, one line of history.jsonl out. No host name, no path and no user is recorded."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from measure import Failed, Series, output_of
from outcome import Case, Claim, Outcome, Size

SCHEMA = "whit/bench/v1"


def commit_of(repository: Path) -> str:
    """The commit measured, with "+" when files under version control differ from it."""
    try:
        commit = output_of(["git", "rev-parse", "--short=12", "HEAD"], repository)
        changed = output_of(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", "src"], repository
        )
    except Failed:
        return "unknown"
    return commit + ("+" if changed else "")


def machine_summary() -> dict[str, object]:
    """What explains a difference between two lines: processor, memory, system, present load."""
    processor = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor,
        "processors": len(os.sched_getaffinity(0)),
        "memoryGB": round(memory_bytes / 1e9),
        "architecture": platform.machine(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "load": round(os.getloadavg()[0], 2),
    }


def append(outcome: Outcome, repository: Path, history: Path, *, is_quick: bool) -> None:
    document = {
        "schema": SCHEMA,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit_of(repository),
        "scenario": outcome.scenario,
        "quick": is_quick,
        "machine": machine_summary(),
        "tools": outcome.tools,
        "cases": {case.name: _case_document(case) for case in outcome.cases},
        "sizes": [_size_document(size) for size in outcome.sizes],
        "claims": [_claim_document(claim) for claim in outcome.claims],
        "absent": outcome.absent,
    }
    with history.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(document, ensure_ascii=False) + "\n")


def _case_document(case: Case) -> dict[str, object]:
    baseline = case.of(case.baseline)
    return {
        "baseline": case.baseline,
        "series": {series.name: _series_document(series, baseline) for series in case.series},
    }


def _series_document(series: Series, baseline: Series | None) -> dict[str, object]:
    walls = [run.wall_seconds for run in series.runs]
    document: dict[str, object] = {
        "medianMs": _milliseconds(series.median_seconds),
        "minMs": _milliseconds(min(walls)),
        "maxMs": _milliseconds(max(walls)),
        "processorMs": _milliseconds(
            sorted(r.processor_seconds for r in series.runs)[len(walls) // 2]
        ),
        "peakMB": round(series.peak_bytes / 1e6, 1) or None,
        "runs": len(walls),
    }
    if baseline is not None:
        document["ratio"] = round(series.ratio_to(baseline), 3)
    return document


def _size_document(size: Size) -> dict[str, object]:
    return {
        "name": size.name,
        "tool": size.tool,
        "disk": size.disk_bytes,
        "layers": size.layer_bytes,
        "image": size.image_bytes,
        "files": size.file_count,
    }


def _claim_document(claim: Claim) -> dict[str, object]:
    return {
        "claim": claim.text,
        "value": round(claim.value, 3),
        "limit": claim.limit,
        "unit": claim.unit,
        "holds": claim.holds,
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
