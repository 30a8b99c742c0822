"""--chmod: octal and symbolic."""

import pytest

from whit.dockerfile.modes import changed_mode, check_mode
from whit.errors.dockerfile import RefusedInstruction


@pytest.mark.parametrize(
    ("text", "mode", "is_directory", "after"),
    [
        ("755", 0o600, False, 0o755),
        ("04755", 0o600, False, 0o4755),
        ("u=rwX,go=rX", 0o600, False, 0o644),
        ("u=rwX,go=rX", 0o700, False, 0o755),
        ("u=rwX,go=rX", 0o600, True, 0o755),
        ("+x", 0o644, False, 0o755),
        ("+w", 0o444, False, 0o644),
        ("a+w", 0o444, False, 0o666),
        ("go-rwx", 0o755, False, 0o700),
        ("g=u", 0o640, False, 0o660),
        ("u+s", 0o755, False, 0o4755),
        ("+t", 0o755, True, 0o1755),
        ("o=", 0o777, False, 0o770),
        ("u-x+r", 0o300, False, 0o600),
    ],
)
def test_modes(text: str, mode: int, is_directory: bool, after: int):
    assert changed_mode(check_mode(text), mode, is_directory=is_directory) == after


@pytest.mark.parametrize("text", ["0o755", "99", "rwx", "u", "u+q", "77777", ""])
def test_what_is_no_mode_is_refused(text: str):
    with pytest.raises(RefusedInstruction):
        check_mode(text)
