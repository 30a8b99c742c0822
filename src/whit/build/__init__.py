"""The corridor: the only package that knows the order of the rooms.

`whit.build` is also the function of the Python API. Importing this package puts it in the
function's place, so the package can be called as well.
"""

import sys
from typing import Any

import whit

_function = vars(whit)["build"]


class _Corridor(type(sys)):  # type: ignore[misc]  # ModuleType: types costs an import
    def __call__(self, *words: Any, **settings: Any) -> Any:
        return _function(*words, **settings)


sys.modules[__name__].__class__ = _Corridor
