import pytest
from ruamel.yaml import YAML

from whit.model.contract import Contract, Variable
from whit.report.manifests import Deployed, manifest, service_name

DEPLOYED = Deployed(
    name="app",
    reference="registry.example/app:1",
    user="65532:65532",
    ports=("22/tcp", "53/udp"),
    volumes=("/data",),
    contract=Contract(
        env=(
            Variable("DB_PASSWORD", required=True, secret=True, default="hunter2-default"),
            Variable("DEBUG", default="no"),
            Variable("PRICE", default='5$ "x" #1'),
            Variable("TLS_KEY", secret=True),
            Variable("TLS_KEY_FILE"),
            Variable("URL", required=True),
        )
    ),
)  # fmt: skip


def documents(kind: str) -> list[dict]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)  # what the readers in the field have
    return list(yaml.load_all(manifest(kind, DEPLOYED)))


@pytest.mark.parametrize("kind", ["compose", "kubernetes", "quadlet", "helm-values"])
def test_no_secret_is_written(kind: str):
    text = manifest(kind, DEPLOYED)
    assert "hunter2" not in text
    assert "DB_PASSWORD" in text


def test_compose():
    (document,) = documents("compose")
    service = document["services"]["app"]
    assert service["ports"] == ["22:22", "53:53/udp"]
    assert service["environment"] == {
        "DEBUG": "${DEBUG:-no}",
        "PRICE": '${PRICE:-5$$ "x" #1}',
        "URL": "${URL:?it is required}",
        "DB_PASSWORD": "${DB_PASSWORD:?it is required}",
        "TLS_KEY_FILE": "/run/secrets/tls_key",
    }
    assert service["secrets"] == ["tls_key"]
    assert service["read_only"] is True
    assert service["volumes"] == ["data:/data"]


def test_kubernetes():
    config, deployment, service = documents("kubernetes")
    assert config["data"] == {"DEBUG": "no", "PRICE": '5$ "x" #1', "URL": ""}
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {
        "name": "app-secrets", "key": "DB_PASSWORD",
    }  # fmt: skip
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsUser"] == 65532
    assert service["spec"]["ports"][1] == {"name": "udp-53", "port": 53, "protocol": "UDP"}


def test_quadlet():
    text = manifest("quadlet", DEPLOYED)
    assert "Secret=app-db-password,type=env,target=DB_PASSWORD" in text
    assert 'Environment="PRICE=5$ \\"x\\" #1"' in text


@pytest.mark.parametrize(
    ("text", "name"),
    [("registry.example:5000/Team/App:1.2", "app"), ("./cmd/My_App", "my-app"), (".", "app")],
)
def test_names_are_such_as_dns_takes(text: str, name: str):
    assert service_name(text) == name
