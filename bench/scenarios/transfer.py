"""Push and pull of a small and a large image: whit copy against crane and skopeo.

Four cases for each size: a push to an empty registry, the same push again, a push to a second
repository of a registry that has the layers, and a pull into an empty place. All start from the
same OCI layout; each pulls into what it has of its own (whit its store, the others a layout).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from measure import Contender, alternate, output_of, run_once
from outcome import Case, Claim, Outcome
from peers.registry import Registry, docker_registry
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage
from sources import CRANE, module_program

SIZES = {"1.5 MB": 1_500_000, "200 MB": 200_000_000}
# A layout with one uncompressed layer that cannot be compressed, made by whit itself.
_MAKE = """
import sys
from whit.model.image import Compression, Format
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.model.tree import Bytes, File, Tree
from whit.oci.assemble import assemble
from whit.oci.layout import Named, write_layout
from whit.store.blobs import Store
place, size, store = sys.argv[1], int(sys.argv[2]), Store.open(sys.argv[3])
with open("/dev/urandom", "rb") as random:
    tree = Tree.of({"/data": File(Bytes(random.read(size)))})
layer = store.write_layer(tree, Compression(Format.NONE))
image = assemble((layer,), RunConfig(Platform("linux", "amd64"), entrypoint=("/data",)))
write_layout(place, (Named(image, ("bench:1",)),), store.open_blob)
"""


def measure_transfer(stage: Stage) -> Outcome:
    room = stage.room("transfer")
    crane = str(module_program(stage.cache, CRANE, "crane"))
    absent = {} if shutil.which("skopeo") else {"skopeo": "not installed"}
    cases: list[Case] = []
    claims: list[Claim] = []
    with docker_registry(room / "registry") as registry:
        for name, size in SIZES.items():
            layout = room / f"layout-{size}"
            own = room / f"make-{size}"
            output_of([sys.executable, "-c", _MAKE, str(layout), str(size), str(own)])
            shutil.rmtree(own)
            peers = Peers(room / f"work-{size}", layout, crane, has_skopeo=not absent)
            for case, contenders in peers.items(registry):
                rounds = stage.rounds(9, 3)
                series = alternate(contenders, rounds, room / "talk")
                cases.append(Case(f"{name}, {case}", "crane", tuple(series)))
                claims += _claims(cases[-1], contenders, registry, room)
    tools = {"whit": whit_version(), "crane": CRANE.version}
    if not absent:
        tools["skopeo"] = output_of(["skopeo", "--version"]).split()[-1]
    return Outcome("transfer", tuple(cases), tuple(claims), tools=tools, absent=absent)


class Peers:
    """The commands of each tool, for one layout."""

    def __init__(self, work: Path, layout: Path, crane: str, *, has_skopeo: bool) -> None:
        work.mkdir()
        self.work, self.layout, self.crane, self.has_skopeo = work, layout, crane, has_skopeo

    def items(self, registry: Registry) -> list[tuple[str, list[Contender]]]:
        first, second = f"{registry.host}/bench/one:1", f"{registry.host}/bench/two:1"

        def filled() -> None:
            registry.empty()
            output_of([self.crane, "push", str(self.layout), first])

        return [
            ("push", self._contenders(self._pushes(first), registry.empty)),
            ("push again", self._contenders(self._pushes(first), lambda: None)),
            ("push to another repository", self._contenders(self._pushes(second), filled)),
            ("pull", self._contenders(self._pulls(first), self._clear)),
        ]

    def _contenders(
        self, commands: dict[str, tuple[str, ...]], prepare: Callable[[], None]
    ) -> list[Contender]:
        environment = whit_environment(self.work)

        def prepared(_: int) -> None:
            prepare()

        return [
            Contender(name, command, self.work, environment, prepared)
            for name, command in commands.items()
        ]

    def _pushes(self, target: str) -> dict[str, tuple[str, ...]]:
        found = {
            "whit": (PROGRAM, "-q", "copy", f"oci:{self.layout}", target),
            "crane": (self.crane, "push", str(self.layout), target),
        }
        if self.has_skopeo:
            found["skopeo"] = (
                *("skopeo", "copy", "-q", "--dest-tls-verify=false", "--preserve-digests"),
                *(f"oci:{self.layout}", f"docker://{target}"),
            )
        return found

    def _pulls(self, source: str) -> dict[str, tuple[str, ...]]:
        found = {
            "whit": (PROGRAM, "-q", "copy", source, "pulled:1"),
            "crane": (self.crane, "pull", "--format", "oci", source, str(self.work / "crane")),
        }
        if self.has_skopeo:
            found["skopeo"] = (
                *("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{source}"),
                f"oci:{self.work}/skopeo",
            )
        return found

    def _clear(self) -> None:
        for name in ("store", "crane", "skopeo"):
            shutil.rmtree(self.work / name, ignore_errors=True)


def _claims(case: Case, contenders: list[Contender], registry: Registry, room: Path) -> list[Claim]:
    """Time against the fastest peer, requests against the most frugal one, and memory."""
    requests = {}
    for contender in contenders:
        contender.prepare(0)
        before = registry.request_count()
        run_once(contender, room / "talk")
        requests[contender.name] = registry.request_count() - before
    whit = case.of("whit")
    others = [one for one in case.series if one.name != "whit"]
    if whit is None:
        return []
    slowest = max(whit.ratio_to(other) for other in others)
    fewest = min(count for name, count in requests.items() if name != "whit")
    told = ", ".join(f"{name} {count}" for name, count in requests.items())
    claims = [
        Claim(f"{case.name}: time against the fastest peer", slowest, 1.0, "x"),
        Claim(f"{case.name}: requests ({told})", requests["whit"], fewest, "requests"),
    ]
    if case.name.startswith("200 MB"):
        base = _peak_of_nothing()
        above = max(0, whit.peak_bytes - base)
        claims.append(Claim(f"{case.name}: memory above start", above, 64 << 20, "bytes"))
    return claims


def _peak_of_nothing() -> int:
    """Peak memory of `whit --version`, from a process of its own."""
    code = (
        "import resource,subprocess,sys; subprocess.run([sys.argv[1], '--version'], "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, PROGRAM], capture_output=True, check=True, env=os.environ
    )
    return int(done.stdout)
