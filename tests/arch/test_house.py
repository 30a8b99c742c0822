"""The house rules that a reviewer would otherwise have to remember; floors are import-linter's."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import whit.errors

SRC = Path(whit.errors.__file__).parent.parent
MODULES = sorted(SRC.rglob("*.py"))
PURE = {"model", "binary", "needs", "dockerfile", "layer", "oci", "report", "secrets"}
# Modules of pure rooms that are doors, and say so in their name.
DOORS = {
    "layer/content",
    "layer/difference",
    "layer/stack",
    "layer/threads",
    "layer/unpack",
    "oci/contents",
    "oci/layout",
    "oci/archive",
    "dockerfile/context",
}
WORLD = {
    "subprocess", "socket", "ssl", "http", "urllib", "urllib3", "tempfile", "shutil", "random",
    "secrets", "time", "datetime", "os", "pathlib", "glob", "fcntl", "ctypes", "signal",
}  # fmt: skip
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 7
# "room:name" -> the date until which it may be too large, and why. Empty is the normal state.
TOO_LARGE: dict[str, str] = {}
# Rooms that may print or end the process.
LOUD = {"cli"}


def room(path: Path) -> str:
    return path.relative_to(SRC).with_suffix("").as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found - {"pathlib.PurePosixPath"}


def test_exceptions_have_not_run_out():
    import datetime as dt

    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    assert not {name for name, until in TOO_LARGE.items() if until[:10] < today}


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_module_fits_on_a_few_screens(path: Path):
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_MODULE_LINES or room(path) in TOO_LARGE


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_module_says_what_comes_in_and_what_goes_out(path: Path):
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_functions_do_one_thing(path: Path):
    long = {
        f"{function.name}: {function.end_lineno - function.lineno + 1} lines"
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > MAX_FUNCTION_LINES
        and f"{room(path)}:{function.name}" not in TOO_LARGE
    }
    assert not long


@pytest.mark.parametrize("path", [p for p in MODULES if room(p).split("/")[0] != "cli"], ids=room)
def test_functions_take_what_they_need(path: Path):
    """A verb's parameters are its flags; everywhere else more than seven want a type."""
    wide = {
        function.name
        for function in functions(path)
        if len(function.args.args) + len(function.args.kwonlyargs) > MAX_PARAMETERS + 1
    }
    assert not wide


PURE_MODULES = [p for p in MODULES if room(p).split("/")[0] in PURE and room(p) not in DOORS]


@pytest.mark.parametrize("path", PURE_MODULES, ids=room)
def test_pure_room_has_no_door(path: Path):
    used = {name for name in imported(path) if name.split(".")[0] in WORLD}
    assert not used, "pass the value in instead"


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_only_the_command_line_speaks_and_ends(path: Path):
    if room(path).split("/")[0] in LOUD:
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"print", "sys.exit", "exit", "quit", "os._exit"}


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_no_module_level_mutable_state(path: Path):
    """Tables at module level are constants: upper case, and typed as what cannot change."""
    assert not [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.Global)]
    for node in tree_of(path).body:
        targets = (
            node.targets if isinstance(node, ast.Assign)
            else [node.target] if isinstance(node, ast.AnnAssign) else []
        )  # fmt: skip
        for target in targets:
            name = ast.unparse(target)
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.List | ast.Dict | ast.Set) and not name.startswith("__"):
                assert name.lstrip("_").isupper(), f"{name} is mutable and not a constant"


def error_classes() -> list[type[whit.errors.WhitError]]:
    rooms = [
        importlib.import_module(f"whit.errors.{p.stem}") for p in (SRC / "errors").glob("[!_]*.py")
    ]
    found = {
        value
        for room in (whit.errors, *rooms) for value in vars(room).values()
        if inspect.isclass(value) and issubclass(value, whit.errors.WhitError)
        and "code" in vars(value) and value is not whit.errors.WhitError
    }  # fmt: skip
    return sorted(found, key=lambda c: c.code)


def test_every_error_has_a_code_of_its_own():
    codes = [cls.code for cls in error_classes()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("cls", error_classes(), ids=lambda c: c.code)
def test_every_error_code_has_a_page(cls: type[whit.errors.WhitError]):
    page = SRC / "pages" / f"{cls.code}.md"
    text = page.read_text()
    assert text.startswith(f"# {cls.code}: ")
    assert len(text.splitlines()) >= 6


def test_every_page_has_a_code():
    from whit.needs import rules

    codes = {cls.code for cls in error_classes()} | {rule.code for rule in rules.RULES}
    codes |= {row[0] for row in rules.LOADING} | {rules.DECLARED[0], "N001"}
    assert {page.stem for page in (SRC / "pages").glob("*.md")} <= codes


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_every_module_imports_on_its_own(path: Path):
    name = ".".join(("whit", *room(path).split("/"))).removesuffix(".__init__")
    importlib.import_module(name)
