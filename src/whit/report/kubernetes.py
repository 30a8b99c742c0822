"""What is to run in, Kubernetes objects or a Helm chart's values out."""

from typing import Any

from whit.model.deployment import Deployed, volume_name
from whit.model.names import Reference

# What the restricted profile asks for (Pod Security Standards), and a root that stays as it is.
RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESOURCES: dict[str, Any] = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "256Mi"},
}
_OF_GROUP_ONLY = 0o440


def manifests(deployed: Deployed) -> list[dict[str, Any]]:
    """Settings, claims for what is kept, the program, and a service where it listens."""
    name, settings = deployed.name, _settings(deployed)
    documents: list[dict[str, Any]] = []
    if deployed.plain:
        documents.append(_object("v1", "ConfigMap", name, name) | {"data": settings})
    documents += [
        _object("v1", "PersistentVolumeClaim", name, claim)
        | {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            }
        }
        for claim in deployed.claims
    ]
    documents.append(_deployment(deployed))
    if deployed.ports:
        documents.append(
            _object("v1", "Service", name, name)
            | {
                "spec": {
                    "selector": _labels(name),
                    "ports": [
                        {"name": _port(pair), "port": pair[0], "targetPort": _port(pair),
                         "protocol": pair[1].upper()}
                        for pair in deployed.ports
                    ],
                }
            }
        )  # fmt: skip
    return documents


def helm_values(deployed: Deployed) -> dict[str, Any]:
    """In the names that `helm create` gives a chart, and `env`, a container's: what a chart makes
    no ConfigMap for stands there by value.
    """
    container = _container(deployed)
    container["env"] = [
        *({"name": name, "value": value} for name, value in _settings(deployed).items()),
        *container.get("env", ()),
    ]
    values: dict[str, Any] = {
        "image": _image(deployed.reference),
        "serviceAccount": {"automount": False},
        "podSecurityContext": _pod_security(deployed),
    }
    for key in ("securityContext", "resources", "env", "readinessProbe", "livenessProbe"):
        # Without a probe of its own a new chart has one that asks for a page.
        values[key] = container.get(key)
    if container.get("volumeMounts"):
        values["volumeMounts"] = container["volumeMounts"]
    if deployed.ports:
        values["service"] = {"type": "ClusterIP", "port": deployed.ports[0][0]}
    volumes = _volumes(deployed)[0]
    if volumes:
        values["volumes"] = volumes
    return values


def _image(text: str) -> dict[str, str]:
    """Charts join the two by a colon, which is also what stands in a digest."""
    reference = Reference.parse(text)
    if reference.digest:
        name, _, digest = text.partition("@")
        algorithm, _, value = digest.partition(":")
        name = name.removesuffix(f":{reference.tag}") if reference.tag else name
        return {"repository": f"{name}@{algorithm}", "tag": value}
    repository = text.removesuffix(f":{reference.tag}") if reference.tag else text
    return {"repository": repository, "tag": str(reference.tag or "latest")}


def _object(version: str, kind: str, app: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": _labels(app)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def _deployment(deployed: Deployed) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "securityContext": _pod_security(deployed),
        "containers": [_container(deployed)],
    }
    volumes = _volumes(deployed)[0]
    if volumes:
        pod["volumes"] = volumes
    spec: dict[str, Any] = {"replicas": 1, "selector": {"matchLabels": _labels(deployed.name)}}
    if deployed.volumes:
        spec["strategy"] = {"type": "Recreate"}  # a volume is one pod's at a time
    spec["template"] = {"metadata": {"labels": _labels(deployed.name)}, "spec": pod}
    return _object("apps/v1", "Deployment", deployed.name, deployed.name) | {"spec": spec}


def _container(deployed: Deployed) -> dict[str, Any]:
    container: dict[str, Any] = {"name": deployed.name, "image": deployed.reference}
    if _settings(deployed):
        container["envFrom"] = [{"configMapRef": {"name": deployed.name}}]
    env = _env(deployed)
    if env:
        container["env"] = env
    if deployed.ports:
        container["ports"] = [
            {"name": _port(pair), "containerPort": pair[0], "protocol": pair[1].upper()}
            for pair in deployed.ports
        ]
    container |= _probes(deployed)
    container["resources"] = RESOURCES
    container["securityContext"] = _security(deployed)
    mounts = _volumes(deployed)[1]
    if mounts:
        container["volumeMounts"] = mounts
    return container


def _security(deployed: Deployed) -> dict[str, Any]:
    if not deployed.capabilities:
        return RESTRICTED
    return RESTRICTED | {"capabilities": {"drop": ["ALL"], "add": list(deployed.capabilities)}}


def _pod_security(deployed: Deployed) -> dict[str, Any]:
    uid, gid = deployed.owner
    security: dict[str, Any] = {"runAsNonRoot": True}
    if uid.isdigit():
        security["runAsUser"] = int(uid)
    if gid.isdigit():
        security |= {"runAsGroup": int(gid), "fsGroup": int(gid)}
    security["seccompProfile"] = {"type": "RuntimeDefault"}
    if deployed.needs_low_port:
        # A safe one, which the restricted profile allows; a capability would not reach the user.
        low = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
        security["sysctls"] = [low]
    return security


def _settings(deployed: Deployed) -> dict[str, str]:
    return {v.name: v.default for v in deployed.plain if v.default is not None}


def _env(deployed: Deployed) -> list[dict[str, Any]]:
    """What has no value yet is asked for by name: without it no container is made."""
    name = deployed.name
    env: list[dict[str, Any]] = [
        {"name": v.name, "valueFrom": {"configMapKeyRef": {"name": name, "key": v.name}}}
        for v in deployed.plain
        if v.default is None
    ]
    for variable in deployed.secret:
        in_file = deployed.file_variable(variable)
        if in_file:
            env.append({"name": in_file, "value": f"{_place(deployed)}/{variable.name}"})
            continue
        key: dict[str, Any] = {"name": f"{name}-secrets", "key": variable.name}
        if not variable.required:
            key["optional"] = True
        env.append({"name": variable.name, "valueFrom": {"secretKeyRef": key}})
    return env


def _place(deployed: Deployed) -> str:
    return f"/run/secrets/{deployed.name}"


def _volumes(deployed: Deployed) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Volumes and where they are mounted: what is kept, what need not be, secrets."""
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    for path, claim in zip(deployed.volumes, deployed.claims, strict=True):
        volumes.append({"name": volume_name(path), "persistentVolumeClaim": {"claimName": claim}})
        mounts.append({"name": volume_name(path), "mountPath": path})
    for path in deployed.scratch:
        # What templates became may hold secrets, and never lies on a node's disk.
        memory = {"medium": "Memory"} if path in deployed.written else {}
        volumes.append({"name": volume_name(path), "emptyDir": {**memory, "sizeLimit": "64Mi"}})
        mounts.append({"name": volume_name(path), "mountPath": path})
    files = [v.name for v in deployed.secret if deployed.file_variable(v)]
    if files:
        secret = {
            "secretName": f"{deployed.name}-secrets",
            "defaultMode": _OF_GROUP_ONLY,
            "items": [{"key": name, "path": name} for name in files],
        }
        volumes.append({"name": "secrets", "secret": secret})
        mounts.append({"name": "secrets", "mountPath": _place(deployed), "readOnly": True})
    return volumes, mounts


def _probes(deployed: Deployed) -> dict[str, Any]:
    """Ready by what is declared, else by a port that is open; alive only by what is declared."""
    health, probe = deployed.health, deployed.probe
    if health is None:
        tcp = [port for port, protocol in deployed.ports if protocol == "tcp"]
        return {"readinessProbe": {"tcpSocket": {"port": tcp[0]}}} if tcp else {}
    way: dict[str, Any] = {"exec": {"command": list(health.command)}}
    if probe is not None and probe.port is not None:
        if probe.kind == "http":
            way = {"httpGet": {"path": f"/{probe.path}", "port": probe.port}}
        elif probe.kind == "tcp":
            way = {"tcpSocket": {"port": probe.port}}
        elif probe.kind == "grpc":
            service = {"service": probe.path} if probe.path else {}
            way = {"grpc": {"port": probe.port, **service}}
    times = {"periodSeconds": health.interval_seconds, "timeoutSeconds": health.timeout_seconds}
    if health.start_seconds:
        times["initialDelaySeconds"] = health.start_seconds
    return {"readinessProbe": way | times, "livenessProbe": way | times}


def _port(pair: tuple[int, str]) -> str:
    return f"{pair[1]}-{pair[0]}"
