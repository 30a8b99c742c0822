"""What is to run in, a Compose file's document out (the Compose specification)."""

from typing import Any

from whit.model.deployment import Deployed, volume_name
from whit.model.plan import Health


def compose(deployed: Deployed) -> dict[str, Any]:
    environment, files = _environment(deployed)
    uid, gid = deployed.owner
    service: dict[str, Any] = {
        "image": deployed.reference,
        "user": f"{uid}:{gid}" if gid else uid,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "256m",
        "pids_limit": 200,
        "restart": "unless-stopped",
    }
    if deployed.capabilities:
        service["cap_add"] = list(deployed.capabilities)
    if environment:
        service["environment"] = environment
    if deployed.ports:
        service["ports"] = [
            f"{port}:{port}" + ("/udp" if p == "udp" else "") for port, p in deployed.ports
        ]
    if deployed.health:
        service["healthcheck"] = _health(deployed.health)
    if deployed.scratch:
        service["tmpfs"] = [f"{path}:mode=1777,size=64m" for path in deployed.scratch]
    if deployed.volumes:
        service["volumes"] = [f"{volume_name(path)}:{path}" for path in deployed.volumes]
    if files:
        service["secrets"] = files
    document: dict[str, Any] = {"services": {deployed.name: service}}
    if files:
        document["secrets"] = {name: {"file": f"./secrets/{name}"} for name in files}
    if deployed.volumes:
        document["volumes"] = {volume_name(path): {} for path in deployed.volumes}
    return document


def _environment(deployed: Deployed) -> tuple[dict[str, str | None], list[str]]:
    """Variables, and the secrets that are files."""
    environment: dict[str, str | None] = {}
    files: list[str] = []
    for variable in deployed.plain:
        word = f"-{_literal(variable.default)}" if variable.default is not None else _REQUIRED
        environment[variable.name] = "${" + f"{variable.name}:{word}" + "}"
    for variable in deployed.secret:
        name, in_file = variable.name.lower(), deployed.file_variable(variable)
        if in_file:
            environment[in_file] = f"/run/secrets/{name}"
            files.append(name)
        else:
            # Without a value Compose hands on what is set, and nothing where nothing is.
            required = "${" + f"{variable.name}:{_REQUIRED}" + "}"
            environment[variable.name] = required if variable.required else None
    return environment, files


_REQUIRED = "?it is required"


def _literal(text: str) -> str:
    return text.replace("$", "$$")


def _health(health: Health) -> dict[str, Any]:
    times = {
        "interval": health.interval_seconds,
        "timeout": health.timeout_seconds,
        "start_period": health.start_seconds,
    }
    return {
        "test": ["CMD", *map(_literal, health.command)],
        **{name: f"{seconds}s" for name, seconds in times.items() if seconds},
    }
