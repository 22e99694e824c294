"""The documents that an overlay consists of, built and validated the way a cluster would."""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

Document = dict[str, Any]

K8S = Path(__file__).parents[2] / "deploy" / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
#: The oldest version that deploy/README.md names, and the newest that the validator knows.
VERSIONS = ("1.34", str(kubernetes_validate.latest_version()))


def parse(text: str) -> list[Document]:
    """Return every document of a text. ValueError for an empty text and for anything that is no object with a kind."""
    documents = [document for document in yaml.safe_load_all(text) if document is not None]
    if not documents:
        raise ValueError("the text has no document")
    for document in documents:
        if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
            raise ValueError(f"not a Kubernetes object: {document!r}")
    return documents


def validate(document: Document, version: str) -> None:
    """Raise for a kind or a field that Kubernetes does not know, and for a value that does not fit."""
    kubernetes_validate.validate(document, version, strict=True)


def kustomize(folder: Path) -> str:
    """Return what `kubectl kustomize` builds from a folder."""
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


@cache
def overlay(name: str) -> tuple[Document, ...]:
    """Return every document of an overlay."""
    return tuple(parse(kustomize(K8S / "overlays" / name)))


def of_kind(name: str, *kinds: str) -> list[Document]:
    """Return the documents of an overlay that have one of the kinds."""
    return [document for document in overlay(name) if document["kind"] in kinds]


def pods(name: str) -> Iterator[Document]:
    """Yield the pod templates of an overlay's workloads, of whatever kind."""
    for document in overlay(name):
        template = document.get("spec", {}).get("template")
        if template:
            yield template


def containers(name: str) -> Iterator[Document]:
    """Yield every container of an overlay's pods."""
    for pod in pods(name):
        yield from pod["spec"].get("initContainers", [])
        yield from pod["spec"]["containers"]


def environment(name: str, container: Document) -> dict[str, str | None]:
    """Return the environment variables of a container; None for a value that comes from a Secret."""
    maps = {document["metadata"]["name"]: document["data"] for document in of_kind(name, "ConfigMap")}
    variables: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        variables |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", []):
        variables[variable["name"]] = variable.get("value")
    return variables
