"""Layers and a run config in, an Image out: the one place where image documents are made.

Equal inputs give equal bytes. The time is given, never asked for.
"""

from collections.abc import Iterable

import msgspec

from whit.errors.images import BadTime
from whit.model.image import MEDIA_CONFIG, MEDIA_MANIFEST, Image, Layer
from whit.model.names import Platform, digest_of
from whit.model.plan import Health, RunConfig
from whit.oci.documents import (
    Config,
    Descriptor,
    HealthDocument,
    History,
    Manifest,
    Nothing,
    RootFs,
    RunDocument,
    encode,
)

_NANOSECONDS = 1_000_000_000
_DAY_SECONDS = 86_400
_YEAR_10000 = 253_402_300_800  # RFC 3339 years have four digits


def assemble(
    layers: tuple[Layer, ...],
    config: RunConfig,
    created: int | None = None,
    run: RunDocument | None = None,
) -> Image:
    """An Image of `layers`, lowest first. `created` is in seconds since 1970, 0 unless given;
    `run`, if given, is written as it is in the place of what `config` says of running.

    Errors: BadTime.
    """
    moment = rfc3339(created or 0)
    document = _config(layers, config, moment)
    if run is not None:
        document = msgspec.structs.replace(document, config=run)
    config_bytes = encode(document)
    manifest = Manifest(
        schema_version=2,
        media_type=MEDIA_MANIFEST,
        config=Descriptor(MEDIA_CONFIG, digest_of(config_bytes), len(config_bytes)),
        layers=tuple(Descriptor(layer.media_type, layer.digest, layer.size) for layer in layers),
        annotations=dict(sorted(config.annotations)),
    )
    manifest_bytes = encode(manifest)
    return Image(
        platform=config.platform,
        manifest=manifest_bytes,
        manifest_digest=digest_of(manifest_bytes),
        config=config_bytes,
        config_digest=digest_of(config_bytes),
        layers=layers,
    )


def _config(layers: tuple[Layer, ...], config: RunConfig, moment: str) -> Config:
    platform: Platform = config.platform
    return Config(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        created=moment,
        config=run_document(config),
        rootfs=RootFs(type="layers", diff_ids=tuple(layer.diff_id for layer in layers)),
        history=tuple(
            History(created=moment, created_by=f"whit: {_said(layer)}") for layer in layers
        ),
    )


def run_document(config: RunConfig) -> RunDocument:
    """How an image that is planned starts, as its config says it."""
    return RunDocument(
        user=config.user,
        exposed_ports=_set(_port(port) for port in config.ports),
        env=tuple(f"{name}={value}" for name, value in config.env) or None,
        entrypoint=config.entrypoint or None,
        cmd=config.cmd or None,
        volumes=_set(config.volumes),
        working_dir=config.working_dir,
        labels=dict(sorted(config.labels)) or None,
        stop_signal=config.stop_signal,
        healthcheck=_health(config.health) if config.health else None,
    )


def _health(health: Health) -> HealthDocument:
    return HealthDocument(
        test=("CMD", *health.command),
        interval=health.interval_seconds * _NANOSECONDS,
        timeout=health.timeout_seconds * _NANOSECONDS,
        start_period=health.start_seconds * _NANOSECONDS,
    )


def _said(layer: Layer) -> str:
    files = "1 file" if layer.file_count == 1 else f"{layer.file_count} files"
    return layer.comment or files


def _port(port: str) -> str:
    return port if "/" in port else f"{port}/tcp"


def _set(names: Iterable[str]) -> dict[str, Nothing] | None:
    return {name: Nothing() for name in sorted(names)} or None


def rfc3339(seconds: int) -> str:
    """`1970-01-01T00:00:00Z` for 0. Errors: BadTime outside the years 1970 to 9999."""
    if not 0 <= seconds < _YEAR_10000:
        raise BadTime(
            f"no image can say that it was created {seconds} seconds after 1970",
            hint="SOURCE_DATE_EPOCH is a number of seconds since 1970-01-01 UTC",
        )
    days, rest = divmod(seconds, _DAY_SECONDS)
    year, month, day = _civil(days)
    hour, minute, second = rest // 3600, rest // 60 % 60, rest % 60
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day since 1970: the proleptic Gregorian calendar in eras of
    400 years that begin on 1 March, so that the leap day comes last.
    """
    days += 719_468  # from 0000-03-01 to 1970-01-01
    era, of_era = divmod(days, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    return year_of_era + era * 400 + (month <= 2), month, day
