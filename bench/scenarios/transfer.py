"""Push and pull of a small and a large image: whit copy against crane, skopeo, docker and BuildKit.

Four cases for each size: a push to an empty registry, the same push again, a push to a second
repository of a registry that has the layers, and a pull into an empty place. whit, crane and skopeo
start from the same OCI layout; docker and BuildKit have the same file as an image of their own
before they begin, which docker keeps unpacked and BuildKit as the layer it is. Each pulls into what
it has of its own (whit and docker their stores, the others a layout); BuildKit only pushes.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from measure import Absent, Contender, Failed, alternate, output_of, run_once
from outcome import Case, Claim, Outcome
from peers.engines import build_words, buildkit_client
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
    tools = {"whit": whit_version(), "crane": CRANE.version}
    cases: list[Case] = []
    claims: list[Claim] = []
    with ExitStack() as stack:
        registry = stack.enter_context(docker_registry(room / "registry"))
        engines = Engines(stage, room, stack)
        absent |= engines.absent
        tools |= engines.tools
        for name, size in SIZES.items():
            layout = room / f"layout-{size}"
            own = room / f"make-{size}"
            output_of([sys.executable, "-c", _MAKE, str(layout), str(size), str(own)])
            shutil.rmtree(own)
            peers = Peers(room / f"work-{size}", layout, crane, engines)
            for case, contenders in peers.items(registry):
                rounds = stage.rounds(9, 3)
                series = alternate(contenders, rounds, room / "talk")
                cases.append(Case(f"{name}, {case}", "crane", tuple(series)))
                claims += _claims(cases[-1], contenders, registry, room)
    if "skopeo" not in absent:
        tools["skopeo"] = output_of(["skopeo", "--version"]).split()[-1]
    return Outcome("transfer", tuple(cases), tuple(claims), tools=tools, absent=absent)


class Engines:
    """docker's and BuildKit's words, "" and () where they cannot be had."""

    def __init__(self, stage: Stage, room: Path, stack: ExitStack) -> None:
        self.absent: dict[str, str] = {}
        self.tools: dict[str, str] = {}
        self.docker, self.buildctl = shutil.which("docker") or "", tuple[str, ...]()
        self._stack = stack
        try:
            said = [self.docker or "docker", "info", "--format", "{{.ServerVersion}} ({{.Driver}})"]
            self.tools["docker"] = output_of(said)
        except Failed:
            self.docker, self.absent["docker"] = "", "no Docker daemon answers"
        try:
            opened = stack.enter_context(buildkit_client(stage.cache, room / "buildkit"))
            self.buildctl, self.tools["BuildKit"] = opened
        except (Absent, Failed) as reason:
            self.absent["BuildKit"] = str(reason)

    def load(self, layout: Path, work: Path, names: tuple[str, ...]) -> None:
        """Give docker the image under `names`, which it loses when the scenario ends."""
        if not self.docker:
            return
        archive = f"docker-archive:{work}/image.tar:{names[0]}"
        environment = {**os.environ, **whit_environment(work)}
        subprocess.run(
            [PROGRAM, "-q", "copy", f"oci:{layout}", archive],
            env=environment, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        output_of([self.docker, "load", "-q", "-i", f"{work}/image.tar"])
        for name in names[1:]:
            output_of([self.docker, "tag", names[0], name])
        for name in names:
            self._stack.callback(
                subprocess.run, [self.docker, "rmi", "-f", name], check=False, capture_output=True
            )


class Peers:
    """The commands of each tool, for one layout."""

    def __init__(self, work: Path, layout: Path, crane: str, engines: Engines) -> None:
        work.mkdir()
        self.work, self.layout, self.crane, self.engines = work, layout, crane, engines
        self.has_skopeo = "skopeo" not in engines.absent and bool(shutil.which("skopeo"))
        self.context = work / "context"
        (self.context).mkdir()
        (self.context / "Dockerfile").write_text("FROM scratch\nCOPY data /data\n")
        output_of(
            ["tar", "-xf", str(_largest_blob(layout)), "-C", str(self.context), "--no-same-owner"]
        )

    def items(self, registry: Registry) -> list[tuple[str, list[Contender]]]:
        first, second = f"{registry.host}/bench/one:1", f"{registry.host}/bench/two:1"
        own = (_tagged(first, "docker"), _tagged(second, "docker"))
        self.engines.load(self.layout, self.work, own)

        def filled() -> None:
            registry.empty()
            output_of([self.crane, "push", str(self.layout), first])

        return [
            ("push", self._contenders(self._pushes(first), registry.empty)),
            ("push again", self._contenders(self._pushes(first), lambda: None)),
            ("push to another repository", self._contenders(self._pushes(second), filled)),
            ("pull", self._contenders(self._pulls(first), lambda: self._clear(first, *own))),
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
        if self.engines.docker:
            # Another image has another tag, or each would undo what the one before it pushed.
            found["docker"] = (self.engines.docker, "push", "-q", _tagged(target, "docker"))
        if self.engines.buildctl:
            named = _tagged(target, "buildkit")
            sent = f"type=image,name={named},push=true,registry.insecure=true"
            found["BuildKit"] = (
                *self.engines.buildctl, *build_words(self.context, "Dockerfile"),
                *("--output", f"{sent},compression=uncompressed,force-compression=true"),
            )  # fmt: skip
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
        if self.engines.docker:
            found["docker"] = (self.engines.docker, "pull", "-q", source)
        return found

    def _clear(self, *names: str) -> None:
        for name in ("store", "crane", "skopeo"):
            shutil.rmtree(self.work / name, ignore_errors=True)
        for name in names if self.engines.docker else ():
            subprocess.run([self.engines.docker, "rmi", name], check=False, capture_output=True)


def _tagged(name: str, tag: str) -> str:
    return f"{name.rpartition(':')[0]}:{tag}"


def _largest_blob(layout: Path) -> Path:
    return max((layout / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)


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
