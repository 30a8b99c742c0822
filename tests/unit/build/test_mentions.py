"""Manifests keep every byte but those of a reference."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.build.mentions import find_mentions, replaced
from whit.build.resolve import joined, read_manifests
from whit.errors.request import BadManifest

DIGEST = "r.example/app@sha256:" + "0" * 64


def resolved(text: str) -> str:
    mentions, _ = find_mentions(text, "a.yaml")
    return replaced(text, mentions, {mention.source: DIGEST for mention in mentions})


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("image: whit://./cmd/app # why\n", 1),
        ('image:   "whit://./cmd/app"\r\nb: 1\r\n', 1),
        ("[whit://., 'whit://./b']", 2),
        ('{"image": "whit://./cmd/app"}', 1),
        ("a: &x !!str whit://.\nb: *x\n---\nc: whit://.\n...\n", 2),
        ("args: ['--sidecar=whit://./b']\n", 1),
        ("a: |\n  whit://./b\n", 1),
        ("é: whit://./ü\n", 1),
        ("\ufeffa: whit://.\n", 1),
        ("# whit://./a\nb: 1\n", 0),
        ("{{- if .x }}\na: {{ .Values.y }}\nimage: whit://./a\n{{- else }}\nb: 1\n{{ end }}", 1),
        ('tag: "{{ .Values.tag }}"\n{{/* two\nlines */}}\nimage: whit://./a\n', 1),
    ],
)  # fmt: skip
def test_only_the_reference_changes(text: str, count: int):
    mentions, left = find_mentions(text, "a.yaml")
    assert len(mentions) == count
    assert not left
    after = resolved(text)
    assert after.count(DIGEST) == count
    for mention in mentions:
        after = after.replace(DIGEST, text[mention.start : mention.end], 1)
    assert after == text


def test_a_mention_inside_of_text_is_left_and_told_with_its_place():
    text = "a: 1\nb: see whit://./cmd/app for more\n"
    mentions, left = find_mentions(text, "a.yaml")
    assert not mentions
    assert [(place.line, place.column) for place in left] == [(2, 8)]


def test_a_path_is_made_normal_so_that_it_is_built_once():
    text = "[whit://./cmd/app, whit://./cmd/app/, whit://./x/../cmd/app, whit://x.example/a@v1]"
    sources = [mention.source for mention in find_mentions(text, "a")[0]]
    assert sources == ["./cmd/app"] * 3 + ["x.example/a@v1"]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [b\nimage: whit://.\n", 2, 6),
        ("x: 1\nimage: whit://../out\n", 2, 8),
        ("image: whit:///etc/app\n", 1, 8),
        ("image: whit://./cmd/...\n", 1, 8),
        ("image: whit://--push\n", 1, 8),
        ('image: "whit://\\u002e/a"\n', 1, 8),
        ('image: "whit://./a\n', 2, 1),
    ],
)
def test_what_cannot_be_resolved_is_refused_at_its_place(text: str, line: int, column: int):
    with pytest.raises(BadManifest) as caught:
        find_mentions(text, "a.yaml")
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


@given(st.text(max_size=60), st.text(max_size=60))
def test_hostile_text_is_refused_or_kept(before: str, after: str):
    text = f"{before}whit://./a{after}"
    try:
        result = resolved(text)
    except BadManifest:
        return
    assert result.replace(DIGEST, "").count("whit://") <= text.count("whit://")
    assert resolved(text.replace("whit://", "with://")) == text.replace("whit://", "with://")


def test_a_deep_manifest_is_refused_and_is_no_bug():
    with pytest.raises(BadManifest):
        find_mentions("a: whit://.\nb: " + "[" * 100_000, "a.yaml")


def test_a_directory_is_read_in_order_and_not_left(tmp_path: Path):
    outside = tmp_path / "secret.yaml"
    outside.write_text("password: 1\n")
    root = tmp_path / "k8s"
    (root / "sub").mkdir(parents=True)
    (root / "b.yaml").write_text("b: 1")
    (root / "sub/a.yml").write_text("---\na: 1\n")
    (root / "a.json").write_text("{}\n")
    (root / "notes.txt").write_text("no\n")
    (root / "link.yaml").symlink_to(outside)
    manifests = read_manifests(str(root), io.BytesIO())
    assert [manifest.name for manifest in manifests] == ["a.json", "b.yaml", "sub/a.yml"]
    assert joined(manifests) == "{}\n---\nb: 1\n---\na: 1\n"


def test_what_is_no_text_is_refused(tmp_path: Path):
    with pytest.raises(BadManifest, match="not UTF-8"):
        read_manifests("-", io.BytesIO(b"a: \xff"))
    with pytest.raises(BadManifest, match="larger"):
        read_manifests("-", io.BytesIO(b"#" * ((16 << 20) + 1)))
    with pytest.raises(BadManifest, match="no manifest"):
        read_manifests(str(tmp_path), io.BytesIO())
