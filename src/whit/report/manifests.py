"""What is to run in, a manifest's text out: compose, kubernetes, quadlet, systemd, helm-values.

The rule: a secret is referenced and never written; the root is read-only but for what the program
writes, every capability is dropped, no privilege is gained. A variable without a known value is
left to whoever deploys, and without it nothing starts.
"""

import io
import re
from typing import Any

from whit.model.deployment import Deployed

KINDS = ("compose", "kubernetes", "quadlet", "systemd", "helm-values")
# Words and numbers that YAML 1.1 reads as something else; 22:22 is 1342 there.
_NO_TEXT = re.compile(
    r"|~|null|y|n|yes|no|on|off|true|false|[-+]?[0-9][0-9_,.:eExXoOa-fA-F+-]*|[-+]?\.(inf|nan|[0-9]+)",
    re.IGNORECASE,
)
HEADER = "# Written by whit config emit; secrets are named here and kept elsewhere.\n"


def manifest(kind: str, deployed: Deployed) -> str:
    """The text of a file."""
    if kind in ("quadlet", "systemd"):
        from whit.report import units  # noqa: PLC0415 - one of five, and only here

        lines = units.quadlet(deployed) if kind == "quadlet" else units.systemd(deployed)
        # No image says a second line: neither by a line's end nor by going on behind one.
        safe = (line.translate(_ONE_LINE).rstrip("\\") for line in lines)
        return HEADER + _left_out(deployed) + "\n".join(safe) + "\n"
    if kind == "compose":
        from whit.report.compose import compose  # noqa: PLC0415 - likewise

        documents = [compose(deployed)]
    else:
        from whit.report import kubernetes  # noqa: PLC0415 - likewise

        documents = (
            kubernetes.manifests(deployed)
            if kind == "kubernetes"
            else [kubernetes.helm_values(deployed)]
        )
    return HEADER + _wanted(kind, deployed) + "---\n".join(_yaml(one) for one in documents)


def service_name(text: str) -> str:
    """A name that DNS takes (RFC 1123)."""
    last = text.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return re.sub(r"[^a-z0-9-]+", "-", last.lower()).strip("-")[:63] or "app"


def _wanted(kind: str, deployed: Deployed) -> str:
    """What somebody has to give before it starts, and what they may, as comments."""
    name, lines = deployed.name, []
    if kind != "compose":
        missing = [v for v in deployed.plain if v.default is None]
        lines = [
            f"# required, in the ConfigMap {name}: {v.name}{f' ({v.usage})' if v.usage else ''}"
            for v in missing
        ]
        required = " ".join(f"--from-file={v.name}=FILE" for v in deployed.secret if v.required)
        if required:
            lines.append(f"# kubectl create secret generic {name}-secrets {required}")
        optional = ", ".join(v.name for v in deployed.secret if not v.required)
        if optional:
            lines.append(f"# not required, in the Secret {name}-secrets: {optional}")
        if kind == "helm-values":
            lines += [f"# to be made: the claim {claim}" for claim in deployed.claims]
            lines += _IN_CHART
    if deployed.is_root:
        lines.append("# The image's user is root; here it runs as another.")
    return "".join(f"{line.translate(_ONE_LINE)}\n" for line in lines) + _left_out(deployed)


def _left_out(deployed: Deployed) -> str:
    names = ", ".join(v.name for v in deployed.left_out)
    return f"# not required and left out, each the path of a file: {names}\n" if names else ""


# A chart that `helm create` made knows all values of this file but one.
_IN_CHART = (
    "# templates/deployment.yaml of a new chart has no env; add to the container:",
    "#          {{- with .Values.env }}",
    "#          env:",
    "#            {{- toYaml . | nindent 12 }}",
    "#          {{- end }}",
)
_ONE_LINE = {ord(letter): " " for letter in "\n\r\x85\u2028\u2029"}


def _yaml(document: object) -> str:
    from ruamel.yaml import YAML  # noqa: PLC0415 - 60 ms, and only here

    yaml, out = YAML(typ="rt"), io.StringIO()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _data: True
    yaml.representer.add_representer(str, _represented)
    yaml.dump(document, out)
    return out.getvalue()


def _represented(representer: Any, text: str) -> Any:
    """Quoted where a reader of YAML 1.1, as Kubernetes and Compose have, would see no text."""
    style = '"' if _NO_TEXT.fullmatch(text) else None
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)
