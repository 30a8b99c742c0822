"""A contract and an image's configuration in, manifests out: compose, kubernetes, quadlet,
helm-values.

The rule: a secret is referenced and never written; the root is read-only, every capability is
dropped, no privilege is gained. A variable without a known value is left to whoever deploys.
"""

import io
import re
from typing import Any

import msgspec

from whit.model.contract import Contract, Variable

KINDS = ("compose", "kubernetes", "quadlet", "helm-values")
# Words and numbers that YAML 1.1 reads as something else; 22:22 is 1342 there.
_NO_TEXT = re.compile(
    r"|~|null|y|n|yes|no|on|off|true|false|[-+]?[0-9][0-9_,.:eExXoOa-fA-F+-]*|[-+]?\.(inf|nan|[0-9]+)",
    re.IGNORECASE,
)
HEADER = "# Written by whit config emit; secrets are named here and kept elsewhere.\n"
# What Kubernetes' restricted profile asks for (Pod Security Standards).
RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Deployed(msgspec.Struct, frozen=True):
    """What is to run. `ports` are `8080/tcp`, `volumes` paths that keep what is written."""

    name: str
    reference: str
    user: str
    ports: tuple[str, ...]
    volumes: tuple[str, ...]
    contract: Contract


def manifest(kind: str, deployed: Deployed) -> str:
    """The text of a file."""
    if kind == "quadlet":
        return HEADER + "\n".join(_quadlet(deployed)) + "\n"
    if kind == "compose":
        documents = [_compose(deployed)]
    elif kind == "kubernetes":
        documents = _kubernetes(deployed)
    else:
        documents = [_values(deployed)]
    return HEADER + "---\n".join(_yaml(document) for document in documents)


def service_name(text: str) -> str:
    """A name that DNS takes (RFC 1123)."""
    last = text.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return re.sub(r"[^a-z0-9-]+", "-", last.lower()).strip("-")[:63] or "app"


def _yaml(document: object) -> str:
    from ruamel.yaml import YAML  # noqa: PLC0415 - 60 ms, and only here

    yaml, out = YAML(typ="rt"), io.StringIO()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 100
    yaml.representer.add_representer(str, _represented)
    yaml.dump(document, out)
    return out.getvalue()


def _represented(representer: Any, text: str) -> Any:
    """Quoted where a reader of YAML 1.1, as Kubernetes and Compose have, would see no text."""
    style = '"' if _NO_TEXT.fullmatch(text) else None
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _given(contract: Contract) -> tuple[list[Variable], list[Variable]]:
    """(plain, secret) variables that a deployment has to say something about."""
    wanted = [v for v in contract.env if v.required or v.secret or v.default is not None]
    return [v for v in wanted if not v.secret], [v for v in wanted if v.secret]


def _ports(deployed: Deployed) -> list[tuple[int, str]]:
    pairs = (port.partition("/") for port in deployed.ports)
    return [(int(number), protocol or "tcp") for number, _, protocol in pairs if number.isdigit()]


def _file_variable(variable: Variable, contract: Contract) -> str:
    """The variable that names a file instead, where the program reads one."""
    if variable.type == "file":
        return variable.name
    file = f"{variable.name}_FILE"
    return file if contract.variable(file) is not None else ""


def _compose(deployed: Deployed) -> dict[str, Any]:
    plain, secret = _given(deployed.contract)
    environment: dict[str, str | None] = {}
    files: list[str] = []
    for variable in plain:
        word = f"-{variable.default}" if variable.default is not None else "?it is required"
        environment[variable.name] = "${" + f"{variable.name}:{word.replace('$', '$$')}" + "}"
    for variable in secret:
        in_file = _file_variable(variable, deployed.contract)
        name = variable.name.lower()
        if in_file:
            environment[in_file] = f"/run/secrets/{name}"
            files.append(name)
        else:
            # Without a value Compose hands on what is set, and nothing where nothing is.
            required = "${" + f"{variable.name}:?it is required" + "}"
            environment[variable.name] = required if variable.required else None
    service: dict[str, Any] = {
        "image": deployed.reference,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
    }
    if environment:
        service["environment"] = environment
    ports = _ports(deployed)
    if ports:
        service["ports"] = [f"{port}:{port}" + ("/udp" if p == "udp" else "") for port, p in ports]
    if deployed.volumes:
        service["volumes"] = [f"{_volume(path)}:{path}" for path in deployed.volumes]
    document: dict[str, Any] = {"services": {deployed.name: service}}
    if files:
        service["secrets"] = files
        document["secrets"] = {name: {"file": f"./secrets/{name}"} for name in files}
    if deployed.volumes:
        document["volumes"] = {_volume(path): {} for path in deployed.volumes}
    return document


def _kubernetes(deployed: Deployed) -> list[dict[str, Any]]:
    name, labels = deployed.name, {"app.kubernetes.io/name": deployed.name}
    plain, _ = _given(deployed.contract)
    settings = {v.name: v.default if v.default is not None else "" for v in plain}
    ports = _ports(deployed)
    container: dict[str, Any] = {"name": name, "image": deployed.reference}
    env = _kubernetes_env(deployed)
    if settings:
        container["envFrom"] = [{"configMapRef": {"name": name}}]
    if env:
        container["env"] = env
    if ports:
        container["ports"] = [
            {"name": f"{p}-{port}", "containerPort": port, "protocol": p.upper()}
            for port, p in ports
        ]
        container["readinessProbe"] = {"tcpSocket": {"port": ports[0][0]}}
    container["resources"] = {"requests": {"cpu": "50m", "memory": "64Mi"},
                              "limits": {"memory": "256Mi"}}  # fmt: skip
    container["securityContext"] = RESTRICTED
    pod: dict[str, Any] = {"automountServiceAccountToken": False, "containers": [container]}
    uid, _, gid = deployed.user.partition(":")
    if uid.isdigit() and uid != "0":
        pod["securityContext"] = {"runAsUser": int(uid)}
        if gid.isdigit():
            pod["securityContext"] |= {"runAsGroup": int(gid), "fsGroup": int(gid)}
    if deployed.volumes:
        container["volumeMounts"] = [
            {"name": _volume(path), "mountPath": path} for path in deployed.volumes
        ]
        pod["volumes"] = [{"name": _volume(path), "emptyDir": {}} for path in deployed.volumes]
    documents: list[dict[str, Any]] = []
    if settings:
        documents.append({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": dict(labels)}, "data": settings,
        })  # fmt: skip
    documents.append({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
        },
    })  # fmt: skip
    if ports:
        documents.append({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "labels": dict(labels)},
            "spec": {
                "selector": dict(labels),
                "ports": [{"name": f"{p}-{port}", "port": port, "protocol": p.upper()}
                          for port, p in ports],
            },
        })  # fmt: skip
    return documents


def _kubernetes_env(deployed: Deployed) -> list[dict[str, Any]]:
    _, secret = _given(deployed.contract)
    return [
        {
            "name": variable.name,
            "valueFrom": {
                "secretKeyRef": {
                    "name": f"{deployed.name}-secrets",
                    "key": variable.name,
                    **({} if variable.required else {"optional": True}),
                }
            },
        }
        for variable in secret
    ]


def _quadlet(deployed: Deployed) -> list[str]:
    """podman-systemd.unit(5)."""
    plain, secret = _given(deployed.contract)
    lines = ["[Unit]", f"Description={deployed.name}", "", "[Container]"]
    lines += [f"Image={deployed.reference}", "ReadOnly=true", "DropCapability=all"]
    lines += ["NoNewPrivileges=true"]
    for variable in plain:
        if variable.default is not None:
            lines.append(f'Environment="{variable.name}={_unit_text(variable.default)}"')
        else:
            lines.append(f"# required: Environment={variable.name}=")
    for variable in secret:
        secret_name = f"{deployed.name}-{variable.name.lower().replace('_', '-')}"
        is_file = _file_variable(variable, deployed.contract)
        if is_file:
            lines.append(f"Secret={secret_name}")
            lines.append(f"Environment={is_file}=/run/secrets/{secret_name}")
        else:
            lines.append(f"Secret={secret_name},type=env,target={variable.name}")
    lines += [f"PublishPort={port}:{port}/{p}" for port, p in _ports(deployed)]
    lines += [f"Volume={deployed.name}-{_volume(path)}:{path}" for path in deployed.volumes]
    return [*lines, "", "[Service]", "Restart=always", "", "[Install]", "WantedBy=default.target"]


def _values(deployed: Deployed) -> dict[str, Any]:
    """In the names that `helm create` gives a chart."""
    repository, _, tag = deployed.reference.partition(":")
    plain, _ = _given(deployed.contract)
    ports = _ports(deployed)
    values: dict[str, Any] = {
        "image": {"repository": repository, "tag": tag},
        "env": {v.name: v.default for v in plain if v.default is not None},
        "secretEnv": _kubernetes_env(deployed),
        "securityContext": RESTRICTED,
        "serviceAccount": {"automount": False},
    }
    if ports:
        values["service"] = {"port": ports[0][0]}
    return values


def _volume(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "data"


def _unit_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return escaped.replace("\n", "\\n")
