"""Weights in, tables and documents out."""

import pytest

from whit.model.weight import LayerWeight, Leaf, Waste, Weight
from whit.report.size import View, counted, size_csv, size_document, size_lines

PROGRAM = Weight(
    name="app",
    kind="program",
    disk=1000,
    compressed=400,
    files=1,
    levels=("module", "package", "symbol"),
    leaves=(
        Leaf(("std", "net/http", "net/http.Get"), 600, ".text", "std"),
        Leaf(("std", "net", "net.Dial"), 100, ".text", "std"),
        Leaf(("example.com/app", "main", "type main.T"), 250, ".rodata", "example.com/app"),
        Leaf(("(unknown)", "(unknown)", ".data"), 50, ".data", "(unknown)"),
    ),
    unknown=50,
)
IMAGE = Weight(
    name="app:1",
    kind="image",
    disk=300,
    compressed=150,
    files=2,
    levels=("layer", "file", "module", "package", "symbol"),
    leaves=(
        Leaf(("layer 1", "/usr/lib/x/liba.so"), 200, "", "deb:liba"),
        Leaf(("layer 2", "/app", "std", "net", "net.Dial"), 100, ".text", "std"),
    ),
    layers=(LayerWeight("layer 1", "sha256:1", 100, 200, 1, "RUN  apt-get"),),
    wasted=(Waste("cache", "/var/cache/a", 10),),
)


@pytest.mark.parametrize(
    ("weight", "by", "view", "expected"),
    [
        (PROGRAM, "module", View(), {"std": 700, "example.com/app": 250, "(unknown)": 50}),
        (PROGRAM, "package", View(pattern="net"), {"net/http": 600, "net": 100}),
        (PROGRAM, "package", View(pattern="net/*"), {"net/http": 600}),
        (PROGRAM, "package", View(depth=1, pattern="net"), {"net": 700}),
        (PROGRAM, "section", View(), {".text": 700, ".rodata": 250, ".data": 50}),
        (PROGRAM, "symbol", View(pattern="type"), {"type main.T of main": 250}),
        (PROGRAM, "file", View(), {}),
        (IMAGE, "directory", View(), {"/usr/lib": 200, "/": 100}),
        (IMAGE, "directory", View(depth=3), {"/usr/lib/x": 200, "/": 100}),
        (IMAGE, "origin", View(), {"deb:liba": 200, "std": 100}),
        (IMAGE, "package", View(), {"net": 100}),
    ],
)
def test_views(weight: Weight, by: str, view: View, expected: dict[str, int]):
    assert dict(counted(weight, by, view)) == expected


def test_text_of_a_program():
    lines = size_lines(PROGRAM, View(by="module", top=2))
    assert lines == [
        "app: 1.00 kB on disk, about 400 B compressed, 1 file",
        "50 B (5.00%) that nothing accounts for",
        "",
        " SIZE  SHARE                        MODULE",
        "700 B  70.0%  ████████████████████  std",
        "250 B  25.0%  ███████               example.com/app",
        "and 1 more, 50 B together",
    ]


def test_text_of_an_image_says_layers_and_waste():
    text = "\n".join(size_lines(IMAGE, View()))
    assert "layer 1  100 B compressed  RUN apt-get" in text
    assert "10 B wasted" in text
    assert "cache" in text


def test_documents():
    document = size_document(PROGRAM, View(by="package", sort="name"))
    assert document["schema"] == "whit/size/v1"
    names = [row["name"] for row in document["views"]["package"]]
    assert names == sorted(names)
    assert size_csv(PROGRAM, View(by="module")).splitlines() == [
        "module,bytes",
        "std,700",
        "example.com/app,250",
        "(unknown),50",
    ]
