"""Result in, the last lines of a build or its JSON document out."""

from collections.abc import Sequence

from whit.model.result import Result
from whit.model.verdict import Status, Verdict
from whit.report.plan import plan_document
from whit.report.words import aligned, count_text, size_text

SCHEMA = "whit/result/v1"


def summary_lines(result: Result) -> list[str]:
    """What the image weighs, what stripping saved, and whether it runs."""
    image = result.image
    parts = [
        f"{size_text(image.file_bytes)} on disk",
        f"{size_text(image.size)} compressed",
        count_text(image.file_count, "file"),
    ]
    platform = f" for {image.platform}" if result.digest != image.manifest_digest else ""
    lines = [f"{result.name}{platform}: " + ", ".join(parts)]
    if result.stripping is not None:
        saved = size_text(result.stripping.saved_bytes)
        full = size_text(result.stripping.full_bytes)
        about = "" if result.stripping.is_measured else "about "
        lines.append(f"stripping saved {about}{saved} of {full}")
    return [*lines, verdict_line(result.verdict)]


def summary_table(results: Sequence[Result]) -> list[str]:
    """Many images: a line each, and what they hold together."""
    rows = [("IMAGE", "PLATFORM", "DISK", "COMPRESSED", "FILES", "VERDICT")]
    rows += [
        (
            result.name,
            str(result.image.platform),
            size_text(result.image.file_bytes),
            size_text(result.image.size),
            str(result.image.file_count),
            result.verdict.status.value,
        )
        for result in results
    ]
    layers = {layer.digest: layer.size for r in results for layer in r.image.layers}
    total = f"{count_text(len(results), 'image')}, {size_text(sum(layers.values()))} compressed"
    shared = sum(layer.size for r in results for layer in r.image.layers) - sum(layers.values())
    if shared:
        total += f", {size_text(shared)} saved by sharing layers"
    return [*aligned(rows, right=(2, 3, 4)), total]


def metadata_document(results: Sequence[Result]) -> dict[str, object]:
    """What scripts ask of a build; the first keys are those that buildx writes."""
    first = results[0]
    names = [r.reference for r in first.receipts]
    return {
        "schema": "whit/metadata/v1",
        "containerimage.digest": first.digest,
        "containerimage.config.digest": first.image.config_digest,
        "image.name": ",".join(dict.fromkeys(name.partition("@")[0] for name in names)),
        "images": [
            {
                "name": result.name,
                "digest": result.digest,
                "imageDigest": result.image.manifest_digest,
                "platform": str(result.image.platform),
                "references": list(dict.fromkeys(r.reference for r in result.receipts)),
            }
            for result in results
        ],
    }


def verdict_line(verdict: Verdict) -> str:
    checks = count_text(len(verdict.checks), "check")
    if verdict.status is Status.PROVEN:
        ran = verdict.observed[-1]
        command = " ".join(ran.command)
        if ran.still_ran:
            return f"proven: {checks} passed; {command} started and {ran.told}"
        return f"proven: {checks} passed, and it ran ({command}: {ran.status})"
    if verdict.status is Status.UNPROVEN:
        return f"unproven: {checks} passed; --smoke ARGS runs it as well"
    failed = [check for check in verdict.checks if not check.passed]
    return "broken: " + "; ".join(f"{check.name}: {check.detail}" for check in failed)


def result_document(result: Result) -> dict[str, object]:
    image = result.image
    return {
        "schema": SCHEMA,
        "name": result.name,
        "digest": image.manifest_digest,
        "index": result.digest if result.digest != image.manifest_digest else None,
        "configDigest": image.config_digest,
        "platform": str(image.platform),
        "goVersion": result.go_version,
        "package": result.binary.package,
        "sizes": {
            "disk": image.file_bytes,
            "compressed": image.size,
            "files": image.file_count,
            "binary": result.binary.size,
            "stripped": result.stripping.saved_bytes if result.stripping else None,
        },
        "layers": [
            {
                "digest": layer.digest,
                "diffId": layer.diff_id,
                "mediaType": layer.media_type,
                "size": layer.size,
                "comment": layer.comment,
                "compressor": layer.compressor,
            }
            for layer in image.layers
        ],
        "plan": plan_document(result.plan),
        "verdict": verdict_document(result.verdict),
        "receipts": [
            {"destination": r.destination, "reference": r.reference, "digest": r.digest}
            for r in result.receipts
        ],
        "timings": [
            {"step": t.step, "seconds": round(t.seconds, 4), "cached": t.was_cached}
            for t in result.timings
        ],
    }


def verdict_document(verdict: Verdict) -> dict[str, object]:
    return {
        "status": verdict.status.value,
        "checks": [
            {"name": c.name, "passed": c.passed, "detail": c.detail, "hint": c.hint}
            for c in verdict.checks
        ],
        "observed": [
            {
                "command": list(o.command),
                "status": o.status,
                "seconds": o.seconds,
                "stillRan": o.still_ran,
                "ports": list(o.ports),
            }
            for o in verdict.observed
        ],
        "missing": list(verdict.missing),
        "unexplained": list(verdict.unexplained),
    }
