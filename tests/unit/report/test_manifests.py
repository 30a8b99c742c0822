import string

import kubernetes_validate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from whit.model.contract import Contract, Variable
from whit.model.deployment import Deployed
from whit.model.plan import Health
from whit.model.probe import Probe
from whit.report.manifests import KINDS, manifest, service_name

ENTRY = "/.whit/entry"
ASK = "http://127.0.0.1:${PORT:-8080}/healthz"
DEPLOYED = Deployed(
    name="app",
    reference="registry.example:5000/app:1",
    user="65532:65532",
    ports=((22, "tcp"), (53, "udp")),
    volumes=("/data",),
    scratch=("/run/app", "/tmp"),
    written=("/run/app",),
    by_file=("DB_PASSWORD",),
    health=Health((ENTRY, "-s", "5", "-p", ASK), start_seconds=3),
    probe=Probe.parse(ASK).filled({}),
    command=(ENTRY, "-f", "DB_PASSWORD", "-e", "--", "/app", "a b", "${X}"),
    contract=Contract(
        env=(
            Variable("API_KEY", required=True, secret=True, default="hunter2-default"),
            Variable("DB_PASSWORD", required=True, secret=True, default="hunter2-default"),
            Variable("DEBUG", default="no"),
            Variable("PRICE", default='5$ "x" #1 100%'),
            Variable("TLS_KEY", secret=True),
            Variable("TLS_KEY_FILE"),
            Variable("URL", required=True, usage="where\nit is"),
        )
    ),
)  # fmt: skip


def documents(kind: str, deployed: Deployed = DEPLOYED) -> list[dict]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)  # what the readers in the field have
    return list(yaml.load_all(manifest(kind, deployed)))


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_written(kind: str):
    text = manifest(kind, DEPLOYED)
    assert "hunter2" not in text
    assert "DB_PASSWORD" in text


def test_compose():
    (document,) = documents("compose")
    service = document["services"]["app"]
    assert service["ports"] == ["22:22", "53:53/udp"]
    assert service["environment"] == {
        "API_KEY": "${API_KEY:?it is required}",
        "DEBUG": "${DEBUG:-no}",
        "PRICE": '${PRICE:-5$$ "x" #1 100%}',
        "URL": "${URL:?it is required}",
        "DB_PASSWORD_FILE": "/run/secrets/db_password",
        "TLS_KEY": None,
    }
    assert service["secrets"] == ["db_password"]
    assert service["read_only"] is True
    assert service["volumes"] == ["data:/data"]
    assert service["tmpfs"] == ["/run/app:mode=1777,size=64m", "/tmp:mode=1777,size=64m"]
    assert service["healthcheck"]["test"][-1] == "http://127.0.0.1:$${PORT:-8080}/healthz"


def test_kubernetes():
    config, claim, deployment, service = documents("kubernetes")
    assert config["data"] == {"DEBUG": "no", "PRICE": '5$ "x" #1 100%'}
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    env = {one["name"]: one.get("valueFrom") or one["value"] for one in container["env"]}
    assert env == {
        "API_KEY": {"secretKeyRef": {"name": "app-secrets", "key": "API_KEY"}},
        "URL": {"configMapKeyRef": {"name": "app", "key": "URL"}},
        "DB_PASSWORD_FILE": "/run/secrets/app/DB_PASSWORD",
        "TLS_KEY": {"secretKeyRef": {"name": "app-secrets", "key": "TLS_KEY", "optional": True}},
    }
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": 8080}
    assert pod["securityContext"]["runAsUser"] == 65532
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["run-app"]["emptyDir"]["medium"] == "Memory"
    assert "medium" not in volumes["tmp"]["emptyDir"]
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert {one["mountPath"] for one in container["volumeMounts"]} == {
        "/data", "/run/app", "/tmp", "/run/secrets/app",
    }  # fmt: skip
    assert service["spec"]["ports"][1]["protocol"] == "UDP"
    assert "# required, in the ConfigMap app: URL (where it is)" in manifest("kubernetes", DEPLOYED)


def test_capabilities_are_those_that_were_observed():
    deployed = Deployed(
        name="app", reference="app:1", contract=Contract(), capabilities=("NET_RAW",)
    )  # fmt: skip
    assert documents("compose", deployed)[0]["services"]["app"]["cap_add"] == ["NET_RAW"]
    pod = documents("kubernetes", deployed)[0]["spec"]["template"]["spec"]
    assert pod["containers"][0]["securityContext"]["capabilities"] == {
        "drop": ["ALL"], "add": ["NET_RAW"],
    }  # fmt: skip
    assert "AddCapability=NET_RAW" in manifest("quadlet", deployed)
    assert "AmbientCapabilities=CAP_NET_RAW\n" in manifest("systemd", deployed)


PROBES = (
    "tcp://localhost:1",
    "grpc://[::1]:9/svc",
    "http://x/",
    "http://x:${PORT}/",
    "exec:/app a",
)


@pytest.mark.parametrize(
    ("ask", "user"), list(zip(PROBES, ("", "1000", "name", "7:8", "0:0"), strict=True))
)
def test_kubernetes_takes_it(ask: str, user: str):
    """By the schemas that Kubernetes publishes, strictly."""
    probe = Probe.parse(ask)
    command = probe.words if probe.kind == "exec" else (ENTRY, "-p", ask)
    deployed = Deployed(
        name="app", reference="app:1", contract=DEPLOYED.contract, user=user, ports=((80, "tcp"),),
        scratch=("/tmp",), health=Health(command), probe=None if probe.kind == "exec" else probe,
    )  # fmt: skip
    for document in documents("kubernetes", deployed):
        kubernetes_validate.validate(document, "1.31", strict=True)


def test_helm_values_are_parts_of_a_pod():
    (values,) = documents("helm-values")
    assert values["image"] == {"repository": "registry.example:5000/app", "tag": "1"}
    assert values["service"] == {"type": "ClusterIP", "port": 22}
    assert {"name": "DEBUG", "value": "no"} in values["env"]
    names = ("env", "readinessProbe", "livenessProbe", "securityContext", "resources",
             "volumeMounts")  # fmt: skip
    container = {"name": "app", "image": "app:1"} | {name: values[name] for name in names}
    pod = {"containers": [container], "volumes": values["volumes"],
           "securityContext": values["podSecurityContext"]}  # fmt: skip
    meta = {"name": "app"}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod}
    kubernetes_validate.validate(document, "1.31", strict=True)


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("app", ("app", "latest")),
        ("r.example:5000/a/app:1", ("r.example:5000/a/app", "1")),
        (f"r.example:5000/app@sha256:{'a' * 64}", ("r.example:5000/app@sha256", "a" * 64)),
        (f"r.example/app:1@sha256:{'a' * 64}", ("r.example/app@sha256", "a" * 64)),
    ],
)
def test_a_chart_joins_repository_and_tag_to_the_image(reference: str, image: tuple[str, str]):
    deployed = Deployed(name="app", reference=reference, contract=Contract())
    (values,) = documents("helm-values", deployed)
    assert (values["image"]["repository"], values["image"]["tag"]) == image
    assert values["livenessProbe"] is None, "a new chart would ask for a page"


def test_the_file_of_a_secret_that_may_be_missing_is_left_out():
    contract = Contract(env=(Variable("TLS_KEY_FILE", secret=True, type="file"),))
    deployed = Deployed(name="app", reference="app:1", contract=contract)
    for kind in KINDS:
        text = manifest(kind, deployed)
        said = [line for line in text.splitlines() if "TLS_KEY_FILE" in line]
        assert said == ["# not required and left out, each the path of a file: TLS_KEY_FILE"]


def test_units():
    text = manifest("quadlet", DEPLOYED)
    assert "Secret=app-api-key,type=env,target=API_KEY" in text
    assert "Secret=app-db-password,uid=65532,gid=65532,mode=0400" in text
    # It becomes a word of podman's command line in a unit.
    assert 'Environment="PRICE=5$$ \\"x\\" #1 100%%"' in text
    assert "$${PORT:-8080}/healthz" in text
    assert "# not required: Secret=app-tls-key,type=env,target=TLS_KEY" in text
    text = manifest("systemd", DEPLOYED)
    assert 'Environment="PRICE=5$ \\"x\\" #1 100%%"' in text
    assert 'ExecStart="/.whit/entry" "-f"' in text
    assert '"a b" "$${X}"' in text
    assert "LoadCredential=DB_PASSWORD:/etc/app/secrets/DB_PASSWORD" in text
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in text


@pytest.mark.parametrize("kind", ["quadlet", "systemd"])
@pytest.mark.parametrize("word", ["/x\nExecStartPre=/bin/evil", "/x\rEvil=1", "/x\\", "/x\x85E=1"])
def test_an_image_adds_no_line_to_a_unit(kind: str, word: str):
    """Whatever its user, its paths and what was seen of it are called."""
    deployed = Deployed(
        name="app", reference="app:1", contract=Contract(), user=f"{word}:{word}",
        volumes=(word,), scratch=(word,), working_dir=word, stop_signal=word,
        env=(("A", word),), command=("/app", word), health=Health(("/app", word)),
        capabilities=(word,),
    )  # fmt: skip
    good = Deployed(
        name="app", reference="app:1", contract=Contract(), user="1:1",
        volumes=("/x",), scratch=("/y",), working_dir="/x", stop_signal="TERM",
        env=(("A", "1"),), command=("/app", "b"), health=Health(("/app", "b")),
        capabilities=("NET_RAW",),
    )  # fmt: skip

    def keys(one: Deployed) -> list[str]:
        return [line.partition("=")[0] for line in manifest(kind, one).splitlines()]

    assert keys(deployed) == keys(good)
    assert not any(line.endswith("\\") for line in manifest(kind, deployed).splitlines())


@settings(deadline=None, max_examples=40)
@given(default=st.text(string.printable, max_size=40))
def test_whatever_a_default_is_yaml_gives_it_back(default: str):
    """Through a reader of YAML 1.1; in Compose with its dollars doubled."""
    contract = Contract(env=(Variable("X", default=default),))
    deployed = Deployed(name="app", reference="app:1", contract=contract)
    assert documents("kubernetes", deployed)[0]["data"] == {"X": default}
    (compose,) = documents("compose", deployed)
    assert compose["services"]["app"]["environment"]["X"] == (
        "${X:-" + default.replace("$", "$$") + "}"
    )
    for kind in ("quadlet", "systemd"):
        lines = manifest(kind, deployed).splitlines()
        assert sum(line.startswith("Environment=") for line in lines) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [("registry.example:5000/Team/App:1.2", "app"), ("./cmd/My_App", "my-app"), (".", "app")],
)
def test_names_are_such_as_dns_takes(text: str, name: str):
    assert service_name(text) == name
