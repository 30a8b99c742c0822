"""A Comparison in; table, document and chart out."""

from xml.etree import ElementTree as ET

import msgspec

from whit.model.comparison import Base, Built, Comparison, Skipped, Variant
from whit.report.compare import compare_document, compare_lines
from whit.report.compare_chart import compare_chart

SVG = "{http://www.w3.org/2000/svg}"


def built(strip: str, disk: int, linkage: str = "static", copied: int = 0) -> Built:
    return Built(linkage, strip, disk, disk // 2, 3, 1, ("CA roots",) if copied else (), copied)


def base(name: str, disk: int, shells: tuple[str, ...] = (), copied: int = 0) -> Base:
    images = tuple(
        built(strip, disk + size + copied, copied=copied)
        for strip, size in (("none", 9_000_000), ("all", 6_000_000))
    )
    return Base(name, f"docker://{name}", "", disk, disk // 2, 3, 1, 0, shells, 0, images)


def sample() -> Comparison:
    variants = tuple(Variant("static", s, 6_000_000, 2_000_000) for s in ("none", "all"))
    bases = (
        base("small & <b>", 8_000_000, ("/bin/sh",)),
        base("large", 75_000_000, copied=200_000),
        base("whit", 0, copied=200_000),
    )
    skipped = (Skipped("alpine", "docker://alpine:latest", "cannot be reached"),)
    return Comparison("app", "linux/amd64", "go1.26.8", "gzip", variants, bases, skipped)


def test_the_largest_base_stands_first_and_whit_last():
    lines = compare_lines(sample())
    assert [line.split()[0] for line in lines[4:7]] == ["large", "small", "whit"]
    assert "84.2 MB" in lines[4]
    assert "81.2 MB" in lines[4]


def test_what_is_copied_and_what_is_left_out_is_said():
    text = "\n".join(compare_lines(sample()))
    assert "large  200 kB  CA roots" in text
    assert "whit  200 kB" not in text  # by itself, not by hand
    assert "alpine  alpine:latest  cannot be reached" in text


def test_each_linkage_has_a_table_of_its_own():
    one = sample()
    variants = (*one.variants, Variant("dynamic", "all", 5, 5))
    bases = tuple(
        msgspec.structs.replace(b, images=(*b.images, built("all", b.disk + 5, "dynamic")))
        for b in one.bases
    )
    both = msgspec.structs.replace(one, variants=variants, bases=bases)
    text = "\n".join(compare_lines(both))
    assert "static program" in text
    assert "dynamic program" in text
    assert "whit, dynamic" in compare_chart(both)


def test_the_document_has_its_schema():
    document = msgspec.json.decode(msgspec.json.encode(compare_document(sample())))
    assert document["schema"] == "whit/compare/v1"
    assert document["comparison"]["bases"][0]["images"][0]["disk"] == 17_000_000


def test_the_chart_is_true_to_scale_and_says_what_it_shows():
    root = ET.fromstring(compare_chart(sample()))
    assert root.get("role") == "img"
    titles = {element.get("id") for element in root}
    assert set(root.get("aria-labelledby").split()) <= titles
    assert "large: 81.2 MB, in full 84.2 MB" in root.find(f"{SVG}desc").text
    widths = {
        rect.find(f"{SVG}title").text: float(rect.get("width"))
        for rect in root.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None
    }  # fmt: skip
    ratio = widths["large, the base: 75.0 MB"] / widths["small & <b>, the base: 8.00 MB"]
    assert abs(ratio - 75 / 8) < 0.02
    assert "http" not in compare_chart(sample()).replace(SVG.strip("{}"), "")
