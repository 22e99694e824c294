"""The stubs of the throwaway service, generated when they are needed."""

import re
from pathlib import Path

from grpc_tools import protoc

from protos.generate import COMPILER, OWN_IMPORT, PROTOS, WHEEL

SOURCES = Path(__file__).parent / "throwaway" / "protos"


def generate_stubs(folder: Path, *, without_permission: str = "") -> None:
    """Generate `lockers.v1.*_pb2` in the folder, from protos in which one method may lack its permission."""
    protos = folder / "protos" / "lockers" / "v1"
    protos.mkdir(parents=True)
    for path in (SOURCES / "lockers" / "v1").glob("*.proto"):
        text = path.read_text(encoding="utf-8")
        (protos / path.name).write_text(_without_permission(text, without_permission), encoding="utf-8")
    options = [f"-I{folder / 'protos'}", f"-I{PROTOS}", f"-I{COMPILER}", f"-I{WHEEL}"]
    options += [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(["protoc", *options, *(str(path) for path in sorted(protos.glob("*.proto")))]) != 0:
        raise ValueError("protoc failed, see its messages above")
    for path in folder.rglob("*_pb2*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(OWN_IMPORT.sub(r"\1 libs.api.hatchery", text), encoding="utf-8")


def _without_permission(proto: str, method: str) -> str:
    """Remove the permission option of one method."""
    option = re.compile(rf"(rpc {method}\(.*\n)\s*option \(hatchery\.common\.v1\.permission\) = .*\n")
    return option.sub(r"\1", proto) if method else proto
