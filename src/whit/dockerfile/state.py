"""A base in, the state of a stage out: what its next step starts from. Pure."""

import posixpath

import msgspec

from whit.model.names import Platform
from whit.oci.documents import Config, History, RunDocument

# What docker gives to images that set no PATH.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class State(msgspec.Struct, frozen=True):
    """A stage between two of its steps.

    `config` is what the image will say. `variables` are ENV and ARG in textual order: what words
    expand to and what a RUN sees (without proxies). `arguments` are the ARGs declared so far,
    for RUN's history. `has_cmd`: the stage had a CMD of its own, so ENTRYPOINT keeps it.
    """

    platform: Platform
    config: RunDocument
    history: tuple[History, ...] = ()
    author: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    arguments: tuple[tuple[str, str | None], ...] = ()
    has_cmd: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables by name."""
        return dict(self.variables)


def open_image(base: Config | None, platform: Platform) -> State:
    """The state right after FROM an image; None is `scratch` or a context without a config.

    Its ONBUILD triggers are not in the config: they are steps (`plan_stages(triggers=…)`).
    """
    config = (base.config if base else None) or RunDocument()
    env = config.env or ()
    if not any(entry.partition("=")[0] == "PATH" for entry in env):
        env = (*env, f"PATH={DEFAULT_PATH}")
    directory = config.working_dir
    if base is None or (directory and not directory.startswith("/")):
        directory = posixpath.normpath(f"/{directory}")
    return State(
        platform,
        msgspec.structs.replace(config, env=env, working_dir=directory, on_build=None),
        base.history if base else (),
        base.author if base else "",
        _with_env((), env),
    )


def _with_env(
    variables: tuple[tuple[str, str], ...], env: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    found = dict(variables)
    for entry in env:
        name, _, value = entry.partition("=")
        found[name] = value
    return tuple(found.items())


def open_child(parent: State) -> State:
    """The state right after FROM another stage: its ARGs stay in force, its triggers are steps.

    Where an ARG of the parent had hidden an ENV, the ENV counts again.
    """
    return msgspec.structs.replace(
        parent,
        config=msgspec.structs.replace(parent.config, on_build=None),
        variables=_with_env(parent.variables, parent.config.env or ()),
        has_cmd=False,
    )
