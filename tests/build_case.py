"""A case of builds.json in, its context on disk; a layout in, what builders are compared by.

    {"name", "dockerfile", "files": {path: what}, "args": {…}, "target", "fails"}
    what: text, or {"text", "mode"}, {"dir": mode}, {"link": to}, {"hard": path},
          {"tar": {name: text}, "compress"}

Everything in a context is dated CONTEXT_TIME and everything in an archive ARCHIVE_TIME, so that a
time that was kept can be told from one that was made.
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases" / "dockerfile" / "builds.json"
GOLDEN = Path(__file__).parent / "cases" / "dockerfile" / "builds.golden.json"
CONTEXT_TIME, ARCHIVE_TIME = 1600000000, 1500000000
KEPT = (CONTEXT_TIME, ARCHIVE_TIME)
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gz": lambda data: gzip.compress(data, mtime=0),
    "xz": lzma.compress,
    "bz2": bz2.compress,
}
_KINDS = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "link", tarfile.LNKTYPE: "hard", tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block",
}  # fmt: skip

Case = dict[str, Any]
Outcome = dict[str, Any]


def read_cases() -> list[Case]:
    cases: list[Case] = json.loads(CASES.read_text())
    return cases


def read_golden() -> dict[str, Outcome]:
    golden: dict[str, Outcome] = json.loads(GOLDEN.read_text())
    return golden


def make_context(case: Case, place: Path) -> None:
    place.mkdir(parents=True)
    place.chmod(0o755)
    (place / "Dockerfile").write_text(case["dockerfile"])
    modes: dict[Path, int] = {}
    for name, said in case.get("files", {}).items():
        path = place / name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        what = {"text": said} if isinstance(said, str) else said
        if "dir" in what:
            path.mkdir(exist_ok=True)
            modes[path] = what["dir"]
        elif "link" in what:
            path.symlink_to(what["link"])
        elif "hard" in what:
            path.hardlink_to(place / what["hard"])
        else:
            path.write_bytes(_archive(what) if "tar" in what else what["text"].encode())
            modes[path] = what.get("mode", 0o644)
    for path in sorted(place.rglob("*"), reverse=True):
        if not path.is_symlink():
            path.chmod(modes.get(path, 0o755 if path.is_dir() else 0o644))
        os.utime(path, (CONTEXT_TIME, CONTEXT_TIME), follow_symlinks=False)


def _archive(what: dict[str, Any]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, text in what["tar"].items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(text), ARCHIVE_TIME, 0o640
            info.uid, info.gid = 11, 12
            tar.addfile(info, io.BytesIO(text.encode()))
    return _COMPRESS[what.get("compress", "")](data.getvalue())


def outcome_of(layout: Path, base_layers: int) -> Outcome:
    """Config, history, and what each layer above the base's holds."""

    def document(descriptor: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(blob(descriptor["digest"]))
        return found

    def blob(digest: str) -> bytes:
        return (layout / "blobs" / digest.replace(":", "/")).read_bytes()

    manifest = document(json.loads((layout / "index.json").read_text())["manifests"][0])
    if "manifests" in manifest:
        manifest = document(manifest["manifests"][0])
    config = document(manifest["config"])
    layers = [entries_of(blob(layer["digest"])) for layer in manifest["layers"] or ()]
    has_base = config["rootfs"]["diff_ids"] and any(
        entry.get("comment") != "buildkit.dockerfile.v0" for entry in config["history"]
    )
    return {
        "config": config.get("config", {}),
        "author": config.get("author", ""),
        "platform": f"{config['os']}/{config['architecture']}",
        "history": [
            [entry.get("created_by", ""), bool(entry.get("empty_layer"))]
            for entry in config["history"]
        ],
        "layers": layers[base_layers:] if has_base else layers,
    }


def timeless(layer: dict[str, str], golden: dict[str, str]) -> dict[str, str]:
    """`layer` without the times that `golden` made anew: a build that knows no time keeps more."""
    return {
        path: entry if golden.get(path, "").endswith(" kept") else entry.removesuffix(" kept")
        for path, entry in layer.items()
    }


def entries_of(data: bytes) -> dict[str, str]:
    """Path -> kind, mode, owner, target or content, and whether its time was kept."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            words = [_KINDS[entry.type], f"{entry.mode:o}", f"{entry.uid}:{entry.gid}"]
            if entry.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                words.append(entry.linkname)
            elif entry.isfile():
                file = tar.extractfile(entry)
                content = file.read() if file else b""
                words.append(f"{len(content)} {hashlib.sha256(content).hexdigest()[:16]}")
            words += ["kept"] if entry.mtime in KEPT else []
            found[entry.name.rstrip("/")] = " ".join(words)
    return found
