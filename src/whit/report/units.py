"""What is to run in, the lines of a unit out: podman's quadlet, and a service without an engine."""

from whit.model.contract import Variable
from whit.model.deployment import Deployed, volume_name

# systemd.exec(5): nothing of the host but what a program without privileges has to have.
_CONFINED = (
    *("NoNewPrivileges=yes", "PrivateDevices=yes", "PrivateTmp=yes", "ProtectClock=yes"),
    *("ProtectControlGroups=yes", "ProtectHome=yes", "ProtectHostname=yes"),
    *("ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes"),
    *("ProtectProc=invisible", "ProtectSystem=strict", "RemoveIPC=yes"),
    *("RestrictNamespaces=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes"),
    *("LockPersonality=yes", "MemoryDenyWriteExecute=yes", "UMask=0077"),
    *("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "SystemCallArchitectures=native"),
    *("SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources"),
    "SystemCallErrorNumber=EPERM",
)


def quadlet(deployed: Deployed) -> list[str]:
    """podman-systemd.unit(5)."""
    uid, gid = deployed.owner
    lines = [f"# podman secret create {_secret(deployed, v)} FILE" for v in deployed.secret]
    lines += ["[Unit]", f"Description={_text(deployed.name)}", "", "[Container]"]
    lines += [f"Image={deployed.reference}", f"User={uid}", *([f"Group={gid}"] if gid else [])]
    lines += ["ReadOnly=true", "ReadOnlyTmpfs=false", "DropCapability=all", "NoNewPrivileges=true"]
    lines += [f"AddCapability={name}" for name in deployed.capabilities]
    # What stands here becomes a command line, in which systemd replaces $NAME and ${NAME}.
    lines += ["PodmanArgs=--memory=256m --pids-limit=200"]
    lines += [line.replace("$", "$$") for line in _settings(deployed)]
    for variable in deployed.secret:
        secret, in_file = _secret(deployed, variable), deployed.file_variable(variable)
        if not variable.required:
            lines.append(f"# not required: Secret={secret},type=env,target={variable.name}")
            continue
        if in_file:
            owner = f",uid={uid},gid={gid or 0},mode=0400" if uid.isdigit() else ""
            lines.append(f"Secret={secret}{owner}")
            lines.append(f"Environment={in_file}=/run/secrets/{secret}")
        else:
            lines.append(f"Secret={secret},type=env,target={variable.name}")
    lines += [f"PublishPort={port}:{port}/{p}" for port, p in deployed.ports]
    lines += [f"Tmpfs={path}:mode=1777,size=64m" for path in deployed.scratch]
    lines += [f"Volume={deployed.name}-{volume_name(path)}:{path}" for path in deployed.volumes]
    if deployed.health:
        words = ", ".join(f'"{_text(word)}"' for word in deployed.health.command)
        lines.append(f"HealthCmd=[{words}]".replace("$", "$$"))
        lines.append(f"HealthInterval={deployed.health.interval_seconds}s")
        lines.append(f"HealthTimeout={deployed.health.timeout_seconds}s")
    return [*lines, "", "[Service]", "Restart=always", "", "[Install]", "WantedBy=default.target"]


def systemd(deployed: Deployed) -> list[str]:
    """systemd.service(5) for the image's files in a directory, without an engine."""
    root = f"/var/lib/machines/{deployed.name}"
    lines = [
        f"# The image's files lie in {root}:",
        f"#   whit copy {deployed.reference} oci:image && umoci unpack --image image bundle",
        f"#   mv bundle/rootfs {root}",
        "[Unit]", f"Description={_text(deployed.name)}",
        "Wants=network-online.target", "After=network-online.target", "", "[Service]",
        f"RootDirectory={root}", "MountAPIVFS=yes",
        "BindReadOnlyPaths=-/etc/resolv.conf -/etc/hosts",
        "ExecStart=" + " ".join(_word(word) for word in deployed.command),
        f"WorkingDirectory={deployed.working_dir}",
        "Restart=always", "DynamicUser=yes", "MemoryMax=256M", "TasksMax=200",
    ]  # fmt: skip
    if deployed.stop_signal:
        lines.append(f"KillSignal={deployed.stop_signal}")
    lines += [f'Environment="{name}={_text(value)}"' for name, value in deployed.env]
    lines += _settings(deployed)
    for variable in deployed.secret:
        in_file = deployed.file_variable(variable)
        source = f"/etc/{deployed.name}/secrets/{variable.name}"
        if in_file:
            lines.append(f"LoadCredential={variable.name}:{source}")
            lines.append(f'Environment="{in_file}=%d/{variable.name}"')
        else:
            lines.append(f"# {variable.name} is only read from the environment:")
            optional = "" if variable.required else "-"
            lines.append(f"EnvironmentFile={optional}{source}.env")
    may = {*deployed.capabilities, *(["NET_BIND_SERVICE"] if deployed.needs_low_port else [])}
    bounds = " ".join(f"CAP_{name}" for name in sorted(may))
    lines += [f"CapabilityBoundingSet={bounds}", f"AmbientCapabilities={bounds}", *_CONFINED]
    if not may:
        lines.append("PrivateUsers=yes")
    lines += [f'TemporaryFileSystem="{_text(path)}:mode=1777,size=64M"' for path in deployed.scratch
              if path not in ("/tmp", "/var/tmp")]  # fmt: skip
    for path in deployed.volumes:
        state = f"{deployed.name}/{volume_name(path)}"
        lines.append(f"StateDirectory={state}")
        lines.append(f'BindPaths="/var/lib/{state}:{_text(path)}"')
    return [*lines, "", "[Install]", "WantedBy=multi-user.target"]


def _secret(deployed: Deployed, variable: Variable) -> str:
    """What podman knows it by."""
    return f"{deployed.name}-{variable.name.lower().replace('_', '-')}"


def _settings(deployed: Deployed) -> list[str]:
    """A variable without a value stands there as a comment: it has to be filled in."""
    return [
        f'Environment="{v.name}={_text(v.default)}"'
        if v.default is not None
        else f"# required: Environment={v.name}="
        for v in deployed.plain
    ]


def _text(text: str) -> str:
    """In double quotes: specifiers as they are, and no line but this one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in escaped)


def _escape(letter: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def _word(word: str) -> str:
    """Of a command line: systemd would expand $ as well."""
    return f'"{_text(word).replace("$", "$$")}"'
