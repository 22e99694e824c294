"""The Kubernetes manifests: valid, and as deploy/README.md describes them."""

import html
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from pydantic.fields import FieldInfo

from libs.common.runtime.settings import Settings
from tests.manifests.documents import (
    K8S,
    OVERLAYS,
    VERSIONS,
    Document,
    containers,
    environment,
    kustomize,
    of_kind,
    overlay,
    parse,
    pods,
    validate,
)

ROOT = K8S.parents[1]
PREFIX = "HATCHERY_"
#: The kinds that the services need, and no others.
KINDS = {
    "ConfigMap",
    "Deployment",
    "Namespace",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
}

each_overlay = pytest.mark.parametrize("name", OVERLAYS)


@each_overlay
@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid(name: str, version: str) -> None:
    """Every overlay builds, and every kind and field is known to the oldest supported Kubernetes and to the newest."""
    for document in overlay(name):
        validate(document, version)


def test_staging_and_production_exist() -> None:
    """There is an overlay for staging and one for production."""
    assert set(OVERLAYS) >= {"production", "staging"}


@pytest.mark.parametrize("text", ["", "---\n---\n", "# only a comment\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    """A file without a document fails the check."""
    with pytest.raises(ValueError, match="has no document"):
        parse(text)


@pytest.mark.parametrize("text", ["just text\n", "kind: Service\n", "apiVersion: v1\n"])
def test_a_document_without_kind_or_version_is_refused(text: str) -> None:
    """A document without a kind or a version fails the check."""
    with pytest.raises(ValueError, match="not a Kubernetes object"):
        parse(text)


def test_an_unknown_kind_is_refused() -> None:
    """A kind that Kubernetes does not know fails the check."""
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        validate({"apiVersion": "apps/v1", "kind": "Deploymint", "metadata": {"name": "x"}}, VERSIONS[0])


def test_an_unknown_field_is_refused() -> None:
    """A misspelt field fails the check."""
    with pytest.raises(kubernetes_validate.ValidationError):
        validate({"apiVersion": "v1", "kind": "Service", "spec": {"selektor": {}}}, VERSIONS[0])


def test_a_broken_overlay_is_refused(tmp_path: Path) -> None:
    """An overlay that does not build fails the check."""
    (tmp_path / "kustomization.yaml").write_text("resources: [absent.yaml]\n")
    with pytest.raises(ValueError, match=r"absent\.yaml"):
        kustomize(tmp_path)


@each_overlay
def test_an_overlay_has_only_the_needed_kinds(name: str) -> None:
    """An overlay has workloads, their network and their settings; no roles, no jobs, and no Secret."""
    assert {document["kind"] for document in overlay(name)} == KINDS


@each_overlay
def test_no_secret_value_is_in_the_manifests(name: str) -> None:
    """A Secret in an overlay has no content, and no variable has a password or a seed as its value."""
    for secret in of_kind(name, "Secret"):
        assert not secret.get("data")
        assert not secret.get("stringData")
    for container in containers(name):
        given = environment(name, container)
        assert given["HATCHERY_MONGO_URI"] is None, "it contains the password and must come from a Secret"
        assert not any("@" in (value or "") for value in given.values())


@each_overlay
def test_every_container_is_probed(name: str) -> None:
    """Every probe calls gRPC's health service on the port on which the container serves gRPC."""
    for container in containers(name):
        ports = {port["containerPort"] for port in container["ports"] if port["name"] == "grpc"}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert {container[probe]["grpc"]["port"]} == ports, f"{container['args']} {probe}"


@each_overlay
def test_every_container_is_bounded(name: str) -> None:
    """A container requests the CPU and memory that it needs, and has limits for both."""
    for container in containers(name):
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) >= {"cpu", "memory"}


@each_overlay
def test_no_container_has_privileges(name: str) -> None:
    """Nothing runs as root, gains privileges, keeps a capability, or writes to its root file system."""
    for pod in pods(name):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any(pod["spec"].get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC"))
        assert not any("hostPath" in volume for volume in pod["spec"].get("volumes", []))
    for container in containers(name):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context.get("privileged") is not True
        assert context["capabilities"] == {"drop": ["ALL"]}


@each_overlay
def test_no_pod_reaches_the_cluster(name: str) -> None:
    """Each service has an account of its own, and no pod carries a token for the cluster's API."""
    accounts = {account["metadata"]["name"]: account for account in of_kind(name, "ServiceAccount")}
    for pod in pods(name):
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert accounts[pod["spec"]["serviceAccountName"]]["automountServiceAccountToken"] is False


@each_overlay
def test_every_image_has_a_fixed_tag(name: str) -> None:
    """Every image has a tag that names a release, not one that moves."""
    for container in containers(name):
        image, _, tag = container["image"].partition(":")
        assert image
        assert tag not in {"", "latest"}


@each_overlay
def test_every_setting_is_known(name: str) -> None:
    """Each variable is a field of Settings, every required field is set, and every value fits."""
    for container in containers(name):
        given = environment(name, container)
        fields = {variable.removeprefix(PREFIX).lower(): value for variable, value in given.items()}
        assert all(variable.startswith(PREFIX) for variable in given)
        assert set(fields) <= set(Settings.model_fields)
        Settings.model_validate({field: value or "" for field, value in fields.items()})


@each_overlay
def test_the_laptop_issuer_is_not_trusted(name: str) -> None:
    """A cluster accepts tokens of its own issuer only, whose keys are read over https."""
    for container in containers(name):
        given = environment(name, container)
        assert given["HATCHERY_ISSUER"] not in {None, "", Settings.model_fields["issuer"].default}
        assert (given["HATCHERY_JWKS"] or "").startswith("https://")


@each_overlay
def test_each_service_runs_as_itself(name: str) -> None:
    """A deployment runs the package of its name, with its own database and its own Secret."""
    for deployment in of_kind(name, "Deployment"):
        service = deployment["metadata"]["name"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["args"] == [f"services.{service}"]
        assert (ROOT / "services" / service / "__main__.py").is_file()
        assert environment(name, container)["HATCHERY_MONGO_DATABASE"] == f"hatchery_{service}"
        assert _secrets(deployment["spec"]["template"]["spec"]) == {service}


@each_overlay
def test_a_service_survives_a_rollout_and_a_drain(name: str) -> None:
    """Two replicas or more; none is removed before its successor is ready, and one at a time when a node drains."""
    budgets = {budget["metadata"]["name"]: budget["spec"] for budget in of_kind(name, "PodDisruptionBudget")}
    for deployment in of_kind(name, "Deployment"):
        spec = deployment["spec"]
        assert spec["replicas"] >= 2
        assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        budget = budgets[deployment["metadata"]["name"]]
        assert budget["maxUnavailable"] == 1
        assert _selects(budget["selector"]["matchLabels"], spec["template"])


@each_overlay
def test_pods_are_spread(name: str) -> None:
    """Replicas are spread over nodes and zones; in production a pod waits rather than share a node with another."""
    for pod in pods(name):
        spread = {rule["topologyKey"]: rule for rule in pod["spec"]["topologySpreadConstraints"]}
        assert len(spread) == len(pod["spec"]["topologySpreadConstraints"])
        assert set(spread) == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        assert all(_selects(rule["labelSelector"]["matchLabels"], pod) for rule in spread.values())
        if name == "production":
            assert spread["kubernetes.io/hostname"]["whenUnsatisfiable"] == "DoNotSchedule"


@each_overlay
def test_every_pod_stops_in_time(name: str) -> None:
    """Leaving the Service and finishing the calls in progress fit into the time that a pod has to stop."""
    for pod in pods(name):
        leave = max(box["lifecycle"]["preStop"]["sleep"]["seconds"] for box in pod["spec"]["containers"])
        assert leave + Settings.model_fields["grace_seconds"].default < pod["spec"]["terminationGracePeriodSeconds"]


@each_overlay
def test_every_service_selects_its_pods(name: str) -> None:
    """A Service is headless, so that callers spread their calls, and its port is that on which its pods listen."""
    for service in of_kind(name, "Service"):
        assert service["spec"]["clusterIP"] == "None"
        (pod,) = [pod for pod in pods(name) if _selects(service["spec"]["selector"], pod)]
        (container,) = pod["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        (port,) = service["spec"]["ports"]
        assert port["port"] == ports[port["targetPort"]]
        assert environment(name, container)["HATCHERY_LISTEN"] == f"0.0.0.0:{port['port']}"


@each_overlay
def test_traffic_is_denied_by_default(name: str) -> None:
    """All traffic is denied; every exception names its ports, and those are all that the pods open."""
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(name, "NetworkPolicy")}
    assert policies.pop("deny-all") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in policies.values():
        assert all(_selects(policy["podSelector"]["matchLabels"], pod) for pod in pods(name))
        assert all(rule["ports"] for direction in ("ingress", "egress") for rule in policy.get(direction, []))
    opened = {port["port"] for rule in policies["services-in"]["ingress"] for port in rule["ports"]}
    assert opened == {port["name"] for container in containers(name) for port in container["ports"]}


def test_the_guide_lists_every_setting() -> None:
    """docs/operators.md has a row for each setting, with its default and its description."""
    rows = [
        line for line in (ROOT / "docs" / "operators.md").read_text().splitlines() if line.startswith("| `HATCHERY_")
    ]
    assert rows == [
        f"| `{PREFIX}{name.upper()}` | {_default(field)} | {html.escape(field.description or '', quote=False)} |"
        for name, field in Settings.model_fields.items()
    ]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "none" if field.default in {None, ""} else f"`{field.default}`"


def _selects(labels: dict[str, str], pod: Document) -> bool:
    return bool(labels.items() <= pod["metadata"]["labels"].items())


def _secrets(spec: dict[str, Any]) -> set[str]:
    """Return the names of the Secrets that a pod uses."""
    mounted = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    variables = [variable for box in spec["containers"] for variable in box["env"] if "valueFrom" in variable]
    return mounted | {variable["valueFrom"]["secretKeyRef"]["name"] for variable in variables}
