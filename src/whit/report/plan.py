"""Plan in, lines or a JSON document out: what the image holds, why, and what it does not hold."""

from collections.abc import Container, Iterator

from whit.model.plan import Dropped, Entry, Evidence, Need, Plan, Standing
from whit.model.tree import Dir, File, Link
from whit.report.words import aligned, count_text, size_text

# A tree of zones or certificates is one line, not six hundred.
FOLD_FROM = 6
# Codes of the loader's closure (needs.rules).
LOADED = ("N070", "N071", "N072", "N073")


def plan_lines(plan: Plan, *, everything: bool = False) -> list[str]:
    """Every entry with size, code and reason; then what was left out, warnings and the total."""
    lines = aligned(_entry_rows(plan, everything=everything), right=(1,))
    hidden = 0 if everything else sum(_is_on_the_way(entry) for entry in plan.entries)
    if hidden:
        lines.append(f"and {count_text(hidden, 'link')} that the loader goes through (--all)")
    loud = [d for d in plan.dropped if d.standing is not Standing.ABSENT or everything]
    quiet = len(plan.dropped) - len(loud)
    if plan.dropped:
        lines += ["", "not in the image"]
        lines += aligned((_dropped_row(dropped) for dropped in loud), indent="  ")
        if quiet:
            lines.append(f"  {count_text(quiet, 'rule')} more: the code is not linked (--all)")
    if plan.warnings:
        lines += ["", *(f"warning: {warning}" for warning in plan.warnings)]
    if plan.config.ports:
        lines += ["", f"ports: {', '.join(plan.config.ports)}, at least"]
    return [*lines, "", total_line(plan)]


def total_line(plan: Plan) -> str:
    tree = plan.tree()
    program = sum(
        e.node.content.size for e in plan.entries if e.is_program and isinstance(e.node, File)
    )
    text = f"{size_text(tree.file_bytes)} in {count_text(tree.file_count, 'file')}"
    if tree.file_bytes > program:
        text += f": {size_text(program)} program, {size_text(tree.file_bytes - program)} needs"
    return text


def _entry_rows(plan: Plan, *, everything: bool) -> Iterator[tuple[str, ...]]:
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in plan.entries:
        if everything or not _is_on_the_way(entry):
            groups.setdefault((entry.code, entry.reason), []).append(entry)
    for (code, reason), entries in groups.items():
        if everything or len(entries) < FOLD_FROM:
            for entry in entries:
                yield entry.path + _suffix(entry), entry_size(entry), code, reason
        else:
            total = sum(e.node.content.size for e in entries if isinstance(e.node, File))
            top = _common_directory([entry.path for entry in entries])
            names = count_text(sum(not isinstance(e.node, Dir) for e in entries), "name")
            yield f"{top.rstrip('/')}/ ({names})", size_text(total), code, reason


def _is_on_the_way(entry: Entry) -> bool:
    """Links to libraries say nothing that the library's own line does not."""
    return entry.code in LOADED and isinstance(entry.node, Link)


def entry_size(entry: Entry) -> str:
    return size_text(entry.node.content.size) if isinstance(entry.node, File) else "-"


def _suffix(entry: Entry) -> str:
    node = entry.node
    if isinstance(node, Dir):
        return f"/ ({node.mode:04o})"
    return f" -> {node.target}" if isinstance(node, Link) else ""


def _common_directory(paths: list[str]) -> str:
    first, last = min(paths).split("/"), max(paths).split("/")
    same = [a for a, b in zip(first, last, strict=False) if a == b]
    shared = "/".join(same[: len(same)])
    return shared or "/"


def _dropped_row(dropped: Dropped) -> tuple[str, ...]:
    return dropped.what, dropped.code, dropped.standing.value, dropped.reason


def need_document(need: Need) -> dict[str, object]:
    return {
        "code": need.code,
        "title": need.title,
        "standing": need.standing.value,
        "evidence": [
            {"kind": e.kind, "where": e.where, "chain": list(e.chain)} for e in need.evidence
        ],
        "note": need.note,
    }


def plan_document(plan: Plan) -> dict[str, object]:
    """The plan as plain values; field names are kept from version to version of the schema."""
    return {
        "entries": [
            {
                "path": e.path,
                "type": type(e.node).__name__.lower(),
                "size": e.node.content.size if isinstance(e.node, File) else 0,
                "mode": f"{e.node.mode:04o}" if not isinstance(e.node, Link) else "",
                "target": e.node.target if isinstance(e.node, Link) else "",
                "code": e.code,
                "provider": e.provider,
                "reason": e.reason,
                "package": e.package,
            }
            for e in plan.entries
        ],
        "dropped": [
            {"what": d.what, "code": d.code, "standing": d.standing.value, "reason": d.reason}
            for d in plan.dropped
        ],
        "needs": [need_document(need) for need in plan.needs],
        "warnings": list(plan.warnings),
        "config": {
            "platform": str(plan.config.platform),
            "entrypoint": list(plan.config.entrypoint),
            "cmd": list(plan.config.cmd),
            "env": dict(plan.config.env),
            "user": plan.config.user,
            "workingDir": plan.config.working_dir,
            "ports": list(plan.config.ports),
            "volumes": list(plan.config.volumes),
            "labels": dict(plan.config.labels),
            "annotations": dict(plan.config.annotations),
        },
        "fileBytes": plan.tree().file_bytes,
        "fileCount": plan.tree().file_count,
    }


def why_lines(found: tuple[Entry, Need | None] | None, path: str) -> list[str]:
    """Why a path is in the image."""
    if found is None:
        return [f"{path} is not in the image; `--why-not {path}` says why"]
    entry, need = found
    lines = [f"{entry.path}  {entry_size(entry)}  {entry.code}", f"  {entry.reason}"]
    if need is not None:
        lines += [f"  {evidence_line(evidence)}" for evidence in need.evidence]
        lines += [f"  without it: {need.note}"] if need.note else []
    return [*lines, f"  `whit explain {entry.code}` says more"]


def why_not_lines(
    needs: tuple[Need, ...], providable: Container[str], is_there: bool, path: str
) -> list[str]:
    """Why a path is not in the image. `providable` are the codes that whit has files for."""
    if is_there:
        return [f"{path} is in the image; `--why {path}` says why"]
    if not needs:
        return [
            f"no rule asks for {path}, and nothing declares it",
            "  give it under [files] in whit.toml, or mount it when the image runs",
        ]
    lines = []
    for need in needs:
        lines.append(f"{need.code} {need.title}: {need.standing.value}")
        lines += [f"  {evidence_line(evidence)}" for evidence in need.evidence]
        lines += [f"  {need.note}"] if need.note else []
        if need.code in providable:
            lines.append(f"  take it all the same: --need {need.code}")
        elif path.startswith("/"):
            lines.append(f"  give it under [files], or --need file:{path} takes this machine's")
    return lines


def evidence_line(evidence: Evidence) -> str:
    text = f"{evidence.kind}: {evidence.where}"
    if len(evidence.chain) > 1:
        text += "\n    " + " → ".join(evidence.chain)
    return text
