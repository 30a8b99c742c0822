"""The stages of a Dockerfile in, findings on images of Go programs out. Pure.

Each rule comes from what a corpus of 183 Dockerfiles of Go projects gets wrong. Only what the
file itself shows is told: a build by make or a script is not guessed at.
"""

import posixpath
import re

from whit.dockerfile import instructions as i
from whit.dockerfile import rules
from whit.dockerfile.findings import Book
from whit.dockerfile.gitrefs import is_remote
from whit.dockerfile.graph import (
    BuildGraph,
    FromBuildContext,
    FromImage,
    FromScratch,
    FromStage,
    Stage,
    Step,
)
from whit.dockerfile.patterns import Patterns

_GO_BUILD = re.compile(r"\bgo\s+(?:build|install)\b[^&|;\n]*")
_TOOL = re.compile(r"\bgo\s+install\b.*@")
_GO_LINE = re.compile(r"\bgo\s+(?:build|install|test|run|mod\s+download|mod\s+vendor)\b")
_LDFLAGS = re.compile(r"-ldflags[= ]")
# A variable that is a word of its own may hold any flags; one in -o's value may not.
_OUTPUT = re.compile(r"-o[= ]\S+")
_VARIABLE = re.compile(r"[\s\"]\$")
_CGO = re.compile(r"\bCGO_ENABLED=(\S)")
# Bases without a shell: nothing, and distroless images but those tagged debug.
_NO_SHELL = re.compile(r"(?:^|/)(?:distroless/|chainguard/static|cgr\.dev/chainguard/)")
_KNOWN_TO_DISTROLESS = ("root", "nobody", "nonroot")
_BIG = re.compile(r"(?:^|/)(?:golang|debian|ubuntu|alpine|fedora|busybox)(?:[:@]|$)")
_TOOLS = re.compile(r"\b(curl|wget|nc|grep)\b")
_SECRET_FILES = re.compile(
    r"(?:^|/)(?:\.git|\.env|\.netrc|\.npmrc|\.pypirc|\.ssh|\.aws|\.kube|\.docker|id_(?:rsa|ed25519)"
    r"|[^/]*\.(?:pem|key|p12|pfx)|\.git-credentials)/?$"
)
_CERTIFICATES = re.compile(r"cert|/ssl|ca-bundle|/pki", re.IGNORECASE)
# Directories that every base with files has.
_USUAL = (
    "/", "/bin", "/etc", "/etc/apt/sources.list.d", "/etc/apt/trusted.gpg.d", "/etc/default",
    "/etc/ssl/certs", "/etc/sysctl.d", "/etc/systemd/system", "/home", "/lib", "/opt", "/root",
    "/sbin", "/srv", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin",
    "/usr/sbin", "/usr/share", "/var", "/var/lib",
)  # fmt: skip


def check_go(book: Book, graph: BuildGraph, ignored: Patterns | None) -> None:
    """Says what it finds into the book."""
    check = _Check(book, graph, ignored)
    for stage in graph.stages:
        check.stage(stage)
    check.target()


def _is_started(steps: list[Step]) -> bool:
    """Whether the image says what to run; one that does not only carries files."""
    return any(isinstance(step.instruction, i.Entrypoint | i.Cmd) for step in steps)


class _Check:
    def __init__(self, book: Book, graph: BuildGraph, ignored: Patterns | None) -> None:
        self._say, self._graph, self._ignored = book.say, graph, ignored
        self._stages = {stage.index: stage for stage in graph.stages}
        self._target = self._stages[graph.target]

    def _root(self, stage: Stage) -> FromScratch | FromImage | None:
        """What a chain of stages begins with; None for a context."""
        base = stage.base
        while isinstance(base, FromStage):
            base = self._stages[base.index].base
        return base if isinstance(base, FromScratch | FromImage) else None

    def _chain(self, stage: Stage) -> list[Step]:
        """The steps of a stage and of those it is made from."""
        steps = list(stage.steps)
        while isinstance(stage.base, FromStage):
            stage = self._stages[stage.base.index]
            steps = [*stage.steps, *steps]
        return steps

    # ---- any stage --------------------------------------------------------------------------

    def stage(self, stage: Stage) -> None:
        self._pinned(stage)
        self._modules(stage)
        directory = "/"
        for step in stage.steps:
            one = step.instruction
            if isinstance(one, i.Workdir):
                directory = posixpath.join(directory, one.path)
            elif isinstance(one, i.Transfer):
                self._one_file(one)
                self._parents(stage, one, directory)
                self._owner(stage, one)
            elif isinstance(one, i.Run):
                self._go_build(stage, one)

    def _pinned(self, stage: Stage) -> None:
        if isinstance(stage.base, FromImage) and stage.base.reference.endswith(":latest"):
            start = _start(stage)
            self._say(
                start,
                rules.BASE_NOT_PINNED,
                f"{stage.base.written} is another image tomorrow",
                "name a version, and best a digest: image:1.2@sha256:…",
            )

    def _one_file(self, one: i.Transfer) -> None:
        local = [source for source in one.sources if not is_remote(source)]
        count = len(one.sources) + len(one.files)
        is_many = count > 1 or any(set(source) & set("*?[") for source in local)
        end = one.destination
        if is_many and not end.endswith(("/", "/.")) and end not in (".", "..", ""):
            if "$" in end or (count == 1 and isinstance(one, i.Copy) and one.keeps_parents):
                return
            self._say(
                one,
                rules.MANY_SOURCES_ONE_FILE,
                f"{end} becomes one file, the last that is copied, unless it is a directory",
                f"write {end}/",
            )

    def _parents(self, stage: Stage, one: i.Transfer, directory: str) -> None:
        if not re.fullmatch(r"[0-7]{3,4}", one.chmod) or int(one.chmod, 8) & 0o001:
            return
        path = posixpath.normpath(posixpath.join(directory, one.destination))
        parent = path if one.destination.endswith("/") else posixpath.dirname(path)
        has_files = not isinstance(self._root(stage), FromScratch)
        known = {directory, *(_USUAL if has_files else ("/",))}
        if parent.replace("//", "/") not in known and "$" not in path:
            self._say(
                one,
                rules.UNREACHABLE_PARENTS,
                f"if {parent} is new, it gets mode {one.chmod}, and only root can enter it",
                "write --chmod=u=rwX,go=rX, which spares directories, or make it with WORKDIR",
            )

    def _owner(self, stage: Stage, one: i.Transfer) -> None:
        names = [name for name in one.chown.split(":") if name and not name.isdigit()]
        if not names or "$" in one.chown:
            return
        is_empty = isinstance(self._root(stage), FromScratch) and not self._has_passwd(stage)
        if one.is_linked or is_empty:
            why = "--link looks into no base" if one.is_linked else "the image has no /etc/passwd"
            self._say(
                one,
                rules.UNKNOWN_COPY_OWNER,
                f"--chown={one.chown} cannot be looked up: {why}",
                "write numbers, as in --chown=65532:65532",
            )

    def _has_passwd(self, stage: Stage) -> bool:
        """Whether a step brings one, or might."""
        for step in self._chain(stage):
            one = step.instruction
            if isinstance(one, i.Run):
                return True
            if isinstance(one, i.Transfer):
                words = (*one.sources, *(file.name for file in one.files), one.destination)
                if any("passwd" in word or "$" in word for word in words):
                    return True
                if any(source.rstrip("/") in ("", ".", "/etc", "etc") for source in one.sources):
                    return True
        return False

    def _go_build(self, stage: Stage, one: i.Run) -> None:
        if not self._gives(stage):
            return
        text = _text(one)
        env = " ".join(
            f"{pair.key}={pair.value}"
            for step in self._chain(stage)
            if isinstance(step.instruction, i.Env)
            for pair in step.instruction.pairs
        )
        for match in _GO_BUILD.finditer(text):
            line = match[0]
            if _TOOL.search(line):
                continue  # a tool of the build
            found = _LDFLAGS.search(line)
            if found is None and _VARIABLE.search(_OUTPUT.sub("", line)):
                continue  # flags may come from a variable
            flags = line[found.end() :] if found else ""
            if not re.search(r"(?:^|[\s\"'=])-s\b", flags) and "$" not in flags:
                self._say(one, rules.GO_SYMBOLS_KEPT, "go build keeps symbols and DWARF",
                          'add -ldflags="-s -w"')  # fmt: skip
            if "-trimpath" not in f"{env} {text}":
                self._say(one, rules.GO_PATHS_KEPT, "go build keeps the paths of this build",
                          "add -trimpath")  # fmt: skip
            if not self._has_no_compiler(stage):
                self._cgo(one, f"{env} {text}")

    def _has_no_compiler(self, stage: Stage) -> bool:
        """Alpine's golang images have none until a step installs one, and then cgo is off."""
        root = self._root(stage)
        texts = [_text(step.instruction) for step in self._chain(stage)
                 if isinstance(step.instruction, i.Run)]  # fmt: skip
        has_compiler = any(re.search(r"\b(?:gcc|build-base|musl-dev|clang)\b", t) for t in texts)
        return isinstance(root, FromImage) and "alpine" in root.reference and not has_compiler

    def _cgo(self, one: i.Run, text: str) -> None:
        root = self._root(self._target)
        is_bare = isinstance(root, FromScratch) or (
            isinstance(root, FromImage) and "distroless/static" in root.reference
        )
        set_to = _CGO.search(text)
        if is_bare and (set_to is None or set_to[1] == "1") and "static" not in text:
            self._say(
                one,
                rules.DYNAMIC_PROGRAM_ON_SCRATCH,
                "where a C compiler is at hand, go build links against its libc, and the final "
                "image has none",
                "write CGO_ENABLED=0 before go build",
            )

    def _gives(self, stage: Stage) -> bool:
        """Whether the target is the stage, or has something of it."""
        waiting, seen = [self._target.index], set[int]()
        while waiting:
            index = waiting.pop()
            if index == stage.index:
                return True
            if index not in seen:
                seen.add(index)
                waiting += self._stages[index].needs
        return False

    def _modules(self, stage: Stage) -> None:
        """COPY of everything before the modules are there, and no cache mount."""
        whole: i.Transfer | None = None
        for step in stage.steps:
            one = step.instruction
            if isinstance(one, i.Transfer) and step.origins == (FromBuildContext(),):
                if any("go.mod" in source or "go.*" in source for source in one.sources):
                    return
                if any(posixpath.normpath(source) in (".", "/") for source in one.sources):
                    whole = whole or one
            if isinstance(one, i.Run) and whole is not None and _GO_LINE.search(_text(one)):
                has_cache = any("type=cache" in mount.fields for mount in one.mounts)
                if not has_cache and "-mod=vendor" not in _text(one):
                    self._say(
                        whole,
                        rules.GO_MODULES_NOT_CACHED,
                        "every change of a file downloads the modules again",
                        "before it: COPY go.mod go.sum ./ and RUN go mod download; or "
                        "RUN --mount=type=cache,target=/go/pkg/mod",
                    )
                return

    # ---- the target -------------------------------------------------------------------------

    def target(self) -> None:
        stage = self._target
        root = self._root(stage)
        steps = self._chain(stage)
        is_go = any(
            isinstance(step.instruction, i.Run) and _GO_LINE.search(_text(step.instruction))
            for other in self._graph.stages
            if self._gives(other)
            for step in other.steps
        )
        has_run = any(isinstance(step.instruction, i.Run) for step in steps)
        for step in steps:
            if isinstance(step.instruction, i.Transfer):
                self._secrets(step, step.instruction)
        bare = self._bare(root)
        if bare:
            self._without_shell(steps, bare)
        if isinstance(root, FromScratch):
            self._users(stage, steps)
            is_program = is_go and not has_run and _is_started(steps)
            if is_program and not self._brings(steps, _CERTIFICATES):
                self._say(
                    _start(stage),
                    rules.NO_CERTIFICATES_IN_IMAGE,
                    "the image has no CA certificates: https calls of the program fail",
                    "copy /etc/ssl/certs/ca-certificates.crt from a stage, if it makes any",
                )
        if isinstance(root, FromImage) and is_go and not has_run and _BIG.search(root.reference):
            self._say(
                _start(stage),
                rules.BASE_LARGER_THAN_NEEDED,
                f"{root.written} is there for its files only: no RUN needs it",
                "FROM scratch may do; `whit build` finds out what the program needs",
            )

    def _bare(self, root: FromScratch | FromImage | None) -> str:
        """The name of a base without a shell, or ""."""
        if isinstance(root, FromScratch):
            return "scratch"
        if isinstance(root, FromImage) and _NO_SHELL.search(root.reference):
            return "" if "debug" in root.reference or "-dev" in root.reference else root.written
        return ""

    def _brings(self, steps: list[Step], what: re.Pattern[str]) -> bool:
        return any(
            what.search(word)
            for step in steps
            if isinstance(step.instruction, i.Transfer)
            for word in (*step.instruction.sources, step.instruction.destination)
        )

    def _without_shell(self, steps: list[Step], base: str) -> None:
        if self._brings(steps, re.compile(r"busybox|/sh$|/bash$|/bin/?$|^/?$")):
            return
        for step in steps:
            one = step.instruction
            is_shell = isinstance(one, i.Run | i.Cmd | i.Entrypoint) and one.command.is_shell
            is_shell |= isinstance(one, i.Healthcheck) and one.test[0] == "CMD-SHELL"
            if is_shell:
                word = one.word.upper() + " CMD" * isinstance(one, i.Healthcheck)
                self._say(
                    one,
                    rules.NO_SHELL_IN_IMAGE,
                    f"{one.word.upper()} needs /bin/sh, and {base} has none",
                    f'write it as a JSON array: {word} ["program", "argument"]',
                )
            tool = _TOOLS.search(" ".join(one.test)) if isinstance(one, i.Healthcheck) else None
            if tool:
                self._say(
                    one,
                    rules.NO_TOOL_FOR_HEALTHCHECK,
                    f"the health check calls {tool[1]}, and {base} has none",
                    'let the program check itself: HEALTHCHECK CMD ["/app", "-health"]',
                )

    def _users(self, stage: Stage, steps: list[Step]) -> None:
        users = [step.instruction for step in steps if isinstance(step.instruction, i.User)]
        if users and not self._has_passwd(stage):
            name = users[-1].user.partition(":")[0]
            if not name.isdigit() and "$" not in name:
                self._say(
                    users[-1],
                    rules.USER_WITHOUT_PASSWD,
                    f"USER {name} needs an /etc/passwd, and the image has none",
                    "write numbers: USER 65532:65532",
                )

    def _secrets(self, step: Step, one: i.Transfer) -> None:
        if step.origins != (FromBuildContext(),):
            return
        for source in one.sources:
            path = posixpath.normpath(source)
            if _SECRET_FILES.search(path):
                self._say(one, rules.SECRETS_COPIED, f"{source} gets into the image",
                          "use RUN --mount=type=secret, and name it in .dockerignore")  # fmt: skip
            elif path in (".", "/") and not (self._ignored and self._ignored.matches(".git")):
                self._say(one, rules.SECRETS_COPIED,
                          "the whole context gets into the image, .git included",
                          "write .git into .dockerignore, or copy only what is needed")  # fmt: skip


def _text(one: i.Run) -> str:
    return "\n".join([" ".join(one.command.words), *(doc.content for doc in one.command.heredocs)])


def _start(stage: Stage) -> i.From:
    return i.From(span=stage.span, word="FROM", text="", comments=stage.comments, image="")
