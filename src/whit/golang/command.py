"""A recipe in, the argument vector for Go out."""

from collections.abc import Callable, Sequence

from whit.golang.linkerflags import linker_flags
from whit.model.program import Recipe


def build_arguments(
    recipe: Recipe, fill: Callable[[str], str], inherited: Sequence[str] = ()
) -> list[str]:
    """The flags of `go build` and `go install` that the recipe asks for.

    `inherited` are linker flags from the user's GOFLAGS, which ours would otherwise replace.
    -buildvcs stays away: its default, auto, is meant, and GOFLAGS may say otherwise.
    """
    arguments = ["-trimpath"] if recipe.trimpath else []
    ldflags = linker_flags(recipe.strip, (*inherited, *recipe.ldflags), fill)
    if ldflags:
        arguments.append(f"-ldflags={ldflags}")
    if recipe.tags:
        arguments.append(f"-tags={','.join(recipe.tags)}")
    arguments += (f"-gcflags={flags}" for flags in recipe.gcflags)
    return arguments


def inherited_linker_flags(goflags: str) -> tuple[str, ...]:
    """The -ldflags values in GOFLAGS, whose entries blanks separate and quotes may enclose."""
    if "-ldflags" not in goflags:
        return ()
    from whit.golang.linkerflags import split_fields  # noqa: PLC0415

    values = (field.lstrip("-").partition("=") for field in split_fields(goflags))
    return tuple(value for name, _, value in values if name == "ldflags" and value)
