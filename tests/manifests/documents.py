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
#: The oldest that deploy/README.md promises, and the newest that the validator knows.
VERSIONS = ("1.34", str(kubernetes_validate.latest_version()))


def parse(text: str) -> list[Document]:
    """Every document of a text; refuses an empty text and anything that is not an object with a kind."""
    documents = [document for document in yaml.safe_load_all(text) if document is not None]
    if not documents:
        raise ValueError("there is no document in it")
    for document in documents:
        if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
            raise ValueError(f"this is no Kubernetes object: {document!r}")
    return documents


def validate(document: Document, version: str) -> None:
    """Refuse a kind that Kubernetes does not know, a field it does not know, and a value that does not fit."""
    kubernetes_validate.validate(document, version, strict=True)


def kustomize(folder: Path) -> str:
    """What `kubectl kustomize` makes of a folder."""
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


@cache
def overlay(name: str) -> tuple[Document, ...]:
    """Every document of an overlay."""
    return tuple(parse(kustomize(K8S / "overlays" / name)))


def of_kind(name: str, *kinds: str) -> list[Document]:
    """The documents of an overlay that are of one of the kinds."""
    return [document for document in overlay(name) if document["kind"] in kinds]


def pods(name: str) -> Iterator[Document]:
    """The pod templates of an overlay's workloads, whatever kind starts them."""
    for document in overlay(name):
        template = document.get("spec", {}).get("template")
        if template:
            yield template


def containers(name: str) -> Iterator[Document]:
    """Every container of an overlay's pods."""
    for pod in pods(name):
        yield from pod["spec"].get("initContainers", [])
        yield from pod["spec"]["containers"]


def environment(name: str, container: Document) -> dict[str, str | None]:
    """The variables that a container is given; None for a value that comes from a Secret."""
    maps = {document["metadata"]["name"]: document["data"] for document in of_kind(name, "ConfigMap")}
    given: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        given |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", []):
        given[variable["name"]] = variable.get("value")
    return given
