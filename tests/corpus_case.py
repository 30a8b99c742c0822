"""The small corpus: programs with known answers, and what whit says of one."""

import mmap
import os
import subprocess
import tomllib
from pathlib import Path

from whit.binary.calls import Code, open_code
from whit.binary.facts import Facts, read_facts
from whit.golang.toolchain import find_go
from whit.model.plan import Need
from whit.needs.declared import Declared
from whit.needs.findings import needs_of
from whit.needs.listening import ports_of

CORPUS = Path(__file__).parent / "corpus"
PROGRAMS = tuple(sorted(path.parent.name for path in CORPUS.glob("programs/*/expect.toml")))


def build_corpus(
    release: str, mode: str, architecture: str, place: Path, names: tuple[str, ...] = ("...",)
) -> Path:
    """Programs of the corpus by one Go release, in one run; the directory of executables."""
    go = find_go(release, "")
    out = place / f"{release or 'path'}-{mode}-{architecture}"
    env = dict(os.environ) | {
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": architecture,
        "GOFLAGS": "-buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOROOT": str(Path(go.path).parent.parent),
        "GOWORK": "off",
    }
    mode_flags = [] if mode == "exe" else [f"-buildmode={mode}"]
    subprocess.run(
        [go.path, "build", "-trimpath", "-ldflags=-s -w", *mode_flags,
         "-o", f"{out}/", *(f"./programs/{name}" for name in names)],
        cwd=CORPUS, env=env, check=True, timeout=1200,
    )  # fmt: skip
    return out


def opened(program: Path) -> tuple[Facts, Code]:
    with program.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    facts = read_facts(data)
    return facts, open_code(data, facts)


def needs_in(program: Path) -> dict[str, Need]:
    return {need.code: need for need in needs_of(*opened(program), Declared())}


# Go names the loader in every position-independent program, so it has to be there; and a program
# with a loader may open plugins.
IN_PIE = {("N070", "absent"): "required", ("N081", "required"): "optional"}


def mismatches(name: str, program: Path, mode: str = "exe") -> list[str]:
    """What whit says differently from expect.toml, one line each."""
    expected = tomllib.loads((CORPUS / "programs" / name / "expect.toml").read_text())
    needs = needs_in(program)
    found = []
    ports = list(ports_of(*opened(program)))
    if ports != expected.get("ports", []):
        found.append(f"{name}: listens on {ports}, expected {expected.get('ports', [])}")
    for code, told in expected["standings"].items():
        standing = IN_PIE.get((code, told), told) if mode == "pie" else told
        need = needs[code]
        if need.standing.value != standing:
            said = "; ".join(e.where for e in need.evidence) or need.note
            found.append(f"{name}: {code} is {need.standing.value}, expected {standing} ({said})")
    for code, names in expected.get("constants", {}).items():
        need = needs[code]
        told = {n for what in need.what for n in what.names} if code == "N020" else None
        said = " ".join(e.where for e in need.evidence)
        if told is not None and told != set(names):
            found.append(f"{name}: {code} provides {sorted(told)}, expected {names}")
        if told is None and not all(n in said for n in names):
            found.append(f"{name}: {code} does not name {names}: {said}")
    return found
