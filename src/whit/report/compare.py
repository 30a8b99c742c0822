"""A Comparison in, a table or a JSON document out."""

from collections.abc import Sequence

from whit.model.comparison import Base, Built, Comparison
from whit.report.words import aligned, listed, size_text

_STRIPS = {"": "AS IT IS", "none": "FULL", "dwarf": "NO DWARF", "all": "STRIPPED"}


def compare_lines(comparison: Comparison) -> list[str]:
    """A table for each linkage, the largest base first; then what was left out and why."""
    lines = [
        f"{comparison.name}, {comparison.go_version or 'no Go program'}, {comparison.platform}"
    ]
    for linkage in linkages_of(comparison):
        lines += ["", *_table(comparison, linkage)]
    copied = _copied_lines(comparison)
    if copied:
        lines += ["", "copied by hand, since the base lacks it (counted in)", *copied]
    if comparison.skipped:
        rows = [(one.name, _without_place(one.place), one.reason) for one in comparison.skipped]
        lines += ["", "left out", *aligned(rows, indent="  ")]
    return lines


def linkages_of(comparison: Comparison) -> tuple[str, ...]:
    return tuple(dict.fromkeys(variant.linkage for variant in comparison.variants))


def images_of(base: Base, linkage: str) -> tuple[Built, ...]:
    return tuple(image for image in base.images if image.linkage == linkage)


def ordered_bases(comparison: Comparison, linkage: str) -> list[Base]:
    """The largest first; whit's own last."""
    last = comparison.bases[-1]
    rest = sorted(comparison.bases[:-1], key=lambda base: -images_of(base, linkage)[-1].disk)
    return [*rest, last]


def _table(comparison: Comparison, linkage: str) -> list[str]:
    strips = [_STRIPS[v.strip] for v in comparison.variants if v.linkage == linkage]
    counts = ("FILES", "PROGRAMS", "SETUID", "SHELLS", "PACKAGES")
    blank = [""] * (len(strips) - 1)
    table: list[Sequence[str]] = [
        (f"{linkage} program", *blank, "ON DISK", *blank, "COMPRESSED"),
        ("ON", *strips, *strips, *counts),
    ]
    for base in ordered_bases(comparison, linkage):
        images = images_of(base, linkage)
        table.append(
            (
                base.name,
                *(size_text(image.disk) for image in images),
                *(size_text(image.compressed) for image in images),
                f"{images[-1].files:,}",
                f"{images[-1].programs:,}",
                str(base.setuid),
                str(len(base.shells)),
                str(base.packages),
            )
        )
    return aligned(table, right=range(1, len(table[1])))


def _copied_lines(comparison: Comparison) -> list[str]:
    rows = []
    for linkage in linkages_of(comparison):
        for base in ordered_bases(comparison, linkage)[:-1]:
            image = images_of(base, linkage)[-1]
            if image.copied:
                on = base.name if len(linkages_of(comparison)) == 1 else f"{base.name}, {linkage}"
                rows.append((on, size_text(image.copied_disk), listed(image.copied)))
    return aligned(rows, right=(1,), indent="  ")


def _without_place(place: str) -> str:
    return place.removeprefix("docker://")


def compare_document(comparison: Comparison) -> dict[str, object]:
    return {"schema": "whit/compare/v1", "comparison": comparison}
