"""whit: the smallest container image that provably runs your Go program.

    import whit

    (result,) = whit.build("./cmd/app", names=["app:1.2"])
    print(result.reference, result.image.size)

Importing this costs nothing; the rest is imported by the first call.
"""

# The type checker takes it for true; typing itself would cost more than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from whit.build.events import Listener
    from whit.model.plan import Plan
    from whit.model.result import Result

__all__ = ["__version__", "build", "plan"]
__version__ = "0.1.0"


def build(
    source: str = "",
    *,
    names: "Sequence[str]" = (),
    settings: "Mapping[str, object] | None" = None,
    directory: "Path | None" = None,
    config: "Path | None" = None,
    offline: bool = False,
    push: bool = False,
    listen: "Listener | None" = None,
) -> "tuple[Result, ...]":
    """Build an image for each program of `source`, as `whit build` does.

    `source` is a directory or pattern, a module path at a version, or a finished program, as seen
    from `directory` (the current one). `settings` are those of whit.toml by their dotted keys
    (`{"output.to": ["oci:out"]}`); they go over `WHIT_` variables, and those over `config` (the
    nearest whit.toml). `push` sends the image where its name says; `listen` is called with each
    event. Sizes are bytes.

    Raises whit.errors.WhitError: every failure has a code, a message and mostly a hint.
    """
    from whit.build.call import build_images, request_of
    from whit.build.events import unheard

    request = request_of(
        source,
        settings or {},
        names,
        directory=directory,
        config=config,
        offline=offline,
        pushes=push,
    )
    return build_images(request, listen=listen or unheard)


def plan(
    source: str = "",
    *,
    settings: "Mapping[str, object] | None" = None,
    directory: "Path | None" = None,
    config: "Path | None" = None,
    offline: bool = False,
    listen: "Listener | None" = None,
) -> "tuple[Plan, ...]":
    """What the image of each program of `source` would hold, and why; no image is made.

    Takes and raises what `build` does.
    """
    from whit.build.call import plan_images, request_of
    from whit.build.events import unheard

    request = request_of(
        source, settings or {}, directory=directory, config=config, offline=offline
    )
    return tuple(planned.plan for planned in plan_images(request, listen=listen or unheard))
