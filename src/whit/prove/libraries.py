"""A program and the finished tree in, Checks of what its loader will do out: nothing runs (pure).

The closure was decided on the root that libraries came from; here the loader's rules are followed
once more, in the image as it is, with the environment it has.
"""

from collections.abc import Callable

from whit.binary.dynamic import read_dynamic
from whit.binary.elf import Elf
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


def _missing(closure: Closure) -> list[Check]:
    return [Check("library", False, str(missing), SYSROOT_HINT) for missing in closure.missing]
