"""WhitError in, lines out: what happened, where, why, and what to do."""

from whit.errors import Place, WhitError


def error_lines(error: WhitError) -> list[str]:
    """Another program's own words come first and unchanged, ours after them."""
    lines = error.output.rstrip("\n").split("\n") if error.output else []
    lines.append(f"error[{error.code}]: {error.message}")
    if error.place is not None:
        lines += place_lines(error.place)
    cause = error.__cause__
    while cause is not None:
        said = str(cause)
        # An OSError says its number and path again; its words are in the message already.
        known = isinstance(cause, OSError) and (cause.strerror or "?") in error.message
        if said and said not in error.message and not known:
            lines.append(f"  because: {said}")
        cause = cause.__cause__
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return lines


def place_lines(place: Place) -> list[str]:
    lines = [f"  --> {place.file}:{place.line}:{place.column}"]
    if place.text:
        lines += [f"   | {place.text}", "   | " + " " * (place.column - 1) + "^" * place.length]
    return lines
