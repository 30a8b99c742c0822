"""The doors of the house, made once per process and handed down: no room finds its own."""

import os
from pathlib import Path

import msgspec

from whit.golang.headstart import HeadStart


class House(msgspec.Struct, frozen=True):
    """Where things lie on this host, what time it is (seconds since 1970, UTC), and what was begun
    before there was a house.
    """

    store: str
    cache: str
    now: int
    created: int
    head: HeadStart | None = None

    @property
    def store_path(self) -> Path:
        return Path(self.store)


def open_house(environment: dict[str, str] | None = None, head: HeadStart | None = None) -> House:
    """WHIT_STORE and WHIT_CACHE, else the XDG data and cache directories.

    `created` is SOURCE_DATE_EPOCH or 0: an image must not know when it was made.
    """
    import time

    env = dict(os.environ) if environment is None else environment
    home = (env.get("HOME") or _own_home(env)).rstrip("/")
    data = env.get("XDG_DATA_HOME") or f"{home}/.local/share"
    cache = env.get("XDG_CACHE_HOME") or f"{home}/.cache"
    return House(
        store=env.get("WHIT_STORE") or f"{data}/whit",
        cache=env.get("WHIT_CACHE") or f"{cache}/whit",
        now=int(time.time()),
        created=_epoch(env.get("SOURCE_DATE_EPOCH", "")),
        head=head,
    )


def _own_home(env: dict[str, str]) -> str:
    from whit.golang.places import home_of

    return home_of(env)


def _epoch(text: str) -> int:
    from whit.errors.request import BadSetting

    if not text:
        return 0
    if not text.isdigit() or len(text) > 12:
        raise BadSetting(
            f"SOURCE_DATE_EPOCH={text!r} is no time",
            hint="it is a whole number of seconds since 1970-01-01 UTC",
        )
    return int(text)
