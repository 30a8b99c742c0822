"""Steps kept in a directory or a real registry, and found again by a machine that has nothing."""

import json
import os
import shutil
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write
from registry_case import registry

__all__ = ["context"]

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="the yard is root's"),
]
FILE = """FROM alpine AS build
ARG NAME=none
WORKDIR /w
COPY one .
RUN echo $NAME > made && rm -r /home && ln made hard && head -c 8 /dev/urandom > random
FROM alpine
COPY --link --from=build /w/made /w/random /out/
RUN rm /bin/vi && date +%N > /when
ENV A=1
"""


def machine(place: Path) -> Yard:
    """One that has the same base image as all of a test, and nothing else."""
    base = place.parent / "base"
    if not base.exists():
        Yard(base).add("alpine:latest")
    shutil.copytree(base / "store", place / "store")
    return Yard(place)


def test_another_machine_takes_all_steps(tmp_path: Path, context: Path) -> None:
    cache = tmp_path / "kept"
    write(context, FILE, one="1")
    first = machine(tmp_path / "first")
    said = first.build(context, "--cache-to", str(cache))
    assert f"5 steps to {cache}" in said
    second = machine(tmp_path / "second")
    said = second.build(context, "--cache-from", str(cache))
    assert "5 steps known" in said
    assert "(new)" not in said
    assert second.image().manifest_digest == first.image().manifest_digest
    assert second.run("od", "/out/random").stdout == first.run("od", "/out/random").stdout
    assert second.run("ls", "/bin/vi").returncode != 0
    assert second.leftovers() == []


def test_a_miss_says_what_differs_from_the_other_machine(tmp_path: Path, context: Path) -> None:
    cache = tmp_path / "kept"
    write(context, FILE, one="1")
    machine(tmp_path / "first").build(context, "--cache-to", str(cache))
    second = machine(tmp_path / "second")
    said = second.build(context, "--cache-from", str(cache), "--build-arg", "NAME=x")
    copied = next(line for line in said.splitlines() if "COPY one ." in line)
    assert copied.endswith("cached")
    assert "(the environment changed)" in said
    (context / "one").write_text("2")
    third = machine(tmp_path / "third")
    assert "COPY one . (what it reads changed)" in third.build(context, "--cache-from", str(cache))


def test_a_registry_keeps_steps_too(tmp_path: Path, context: Path) -> None:
    write(context, FILE, one="1")
    first = machine(tmp_path / "first")
    with registry(tmp_path / "registry") as host:
        place = f"{host.host}/app:steps"
        said = first.build(context, "--cache-to", place)
        assert "5 steps to" in said
        second = machine(tmp_path / "second")
        said = second.build(context, "--cache-from", f"type=registry,ref={place}")
    assert "(new)" not in said
    assert second.image().manifest_digest == first.image().manifest_digest


def test_caches_that_cannot_be_used_are_warnings(tmp_path: Path, context: Path) -> None:
    write(context, FILE, one="1")
    yard = machine(tmp_path / "yard")
    said = yard.build(context, "--cache-from", str(tmp_path / "nowhere"))
    assert "warning: --cache-from" in said
    cache = tmp_path / "kept"
    yard.build(context, "--no-cache", "--cache-to", str(cache))
    kept = yard.image().manifest_digest
    for blob in (cache / "blobs/sha256").iterdir():
        if blob.stat().st_size > 3000:
            blob.write_bytes(b"damaged")
    other = machine(tmp_path / "second")
    other.build(context, "--cache-from", str(cache))
    image = tmp_path / "image"
    other.build(context, "-t", "img:1", "--to", f"oci:{image}")
    assert "no steps of whit's in it" in other.build(context, "--cache-from", f"oci:{image}:img:1")
    assert kept
    assert "error[W002]" in yard.build(context, "--cache-to", "type=gha", status=2)


def test_a_place_that_is_none_is_refused_before_anything_is_built(
    tmp_path: Path, context: Path
) -> None:
    yard = machine(tmp_path / "here")
    write(context, FILE, one="1")
    for option in ("--cache-to", "--cache-from"):
        said = yard.build(context, option, "type=inline", status=2)
        assert f"error[W002]: {option} 'type=inline'" in said
        assert "FROM" not in said


def test_arguments_are_not_in_what_is_given_away(tmp_path: Path, context: Path) -> None:
    cache = tmp_path / "kept"
    write(context, FILE, one="1")
    word = "an-argument-that-is-nobodys"
    yard = machine(tmp_path / "first")
    yard.build(context, "--cache-to", str(cache), "--build-arg", f"NAME={word}")
    index = json.loads((cache / "index.json").read_text())
    manifest = cache / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    config = json.loads(manifest.read_text())["config"]["digest"].replace(":", "/")
    assert word not in (cache / "blobs" / config).read_text()
