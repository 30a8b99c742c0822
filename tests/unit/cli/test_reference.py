"""The reference is what the code says."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_reference_is_fresh():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "reference.md").read_text()
    assert written == module.reference(), "run `make docs`"
