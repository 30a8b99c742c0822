"""A program and the finished tree in, Checks of what its loader will do out: nothing runs (pure).

The closure was decided on the root that libraries came from; here the loader's rules are followed
once more, in the image as it is, with the environment it has.
"""

from collections.abc import Callable

from whit.binary.dynamic import read_dynamic
from whit.binary.elf import Elf, read_elf
from whit.model.files import TreeFiles
from whit.model.plan import Plan
from whit.model.tree import Content
from whit.model.verdict import Check
from whit.needs.closure import Closure, start_of
from whit.needs.libraries import closure_of

SYSROOT_HINT = "--sysroot DIR takes libraries from another root; or build it static"


def loading_checks(program: Elf, plan: Plan, read: Callable[[Content], bytes]) -> list[Check]:
    """One for the loader, one for the libraries, one for every library or version missing."""
    files = TreeFiles(plan.tree(), read)
    path = plan.config.entrypoint[0] if plan.config.entrypoint else ""
    env = dict(plan.config.env)
    start = start_of(path, path, program, read_dynamic(program), env, is_beside=False)
    closure = closure_of(start, files, uses_conf=False)
    interpreter = start.dynamic.interpreter
    if closure.loader is None:
        detail = f"{interpreter} is not in the image"
        return [Check("loader", False, detail, SYSROOT_HINT), *_missing(closure)[1:]]
    found = files.node(closure.loader.found)
    if not found.mode & 0o111:
        hint = f"give {closure.loader.found.path} mode 0755"
        return [Check("loader", False, f"{interpreter} may not be executed", hint)]
    checks = [Check("loader", True, f"{interpreter} is in the image"), *_missing(closure)]
    count = len(closure.libraries) - 1
    if not closure.missing:
        detail = f"the loader finds {count} {'library' if count == 1 else 'libraries'}, with all"
        checks.append(Check("libraries", True, f"{detail} versions that are asked for"))
    return checks


def taken_checks(plan: Plan, read: Callable[[Content], bytes]) -> list[Check]:
    """One for every program that was taken along and does not load; nothing for the others."""
    files = TreeFiles(plan.tree(), read)
    env = dict(plan.config.env)
    checks: list[Check] = []
    paths = {what.names[0] for need in plan.needs for what in need.what if what.kind == "program"}
    for path in sorted(paths):
        found = files.find(path)
        data = files.read(found) if found else memoryview(b"")
        if bytes(data[:4]) != b"\x7fELF":
            continue
        elf = read_elf(data)
        dynamic = read_dynamic(elf)
        if not dynamic.interpreter:
            continue
        start = start_of(path, path, elf, dynamic, env, is_beside=False)
        checks += _missing(closure_of(start, files, uses_conf=False))
    return checks


def _missing(closure: Closure) -> list[Check]:
    return [Check("library", False, str(missing), SYSROOT_HINT) for missing in closure.missing]
