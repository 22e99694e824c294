"""Generate the stubs in libs/api from the protos.

With --check, fail if the stubs differ from what would be generated. With --googleapis, only copy the googleapis protos
to build/googleapis, where buf.yaml expects them.
"""

import filecmp
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
STUBS = PROTOS.parent / "libs" / "api"
GOOGLEAPIS = PROTOS.parent / "build" / "googleapis"
#: Where the protos that ours import are installed: google/protobuf with the compiler, google/api and google/type
#: with googleapis-common-protos.
COMPILER = Path(protoc.__file__).parent / "_proto"
WHEEL = Path(annotations_pb2.__file__).parents[2]
#: The compiler writes imports relative to protos/. Stubs of our own protos lie in libs/api, those of google.* do not.
OWN_IMPORT = re.compile(r"^(from|import) hatchery\b", re.MULTILINE)


def run_protoc(*options: str) -> None:
    """Run the compiler on every proto."""
    files = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    includes = [f"-I{PROTOS}", f"-I{COMPILER}", f"-I{WHEEL}"]
    if protoc.main(["protoc", *includes, *options, *files]) != 0:
        sys.exit("protoc failed, see its messages above")


def read_descriptors() -> FileDescriptorSet:
    """Return the descriptors of our protos with their comments, which the stubs lack."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "protos.binpb"
        run_protoc("--include_source_info", f"--descriptor_set_out={out}")
        return FileDescriptorSet.FromString(out.read_bytes())


def generate(target: Path) -> None:
    """Write the stubs of every proto below `target`."""
    scripts = str(Path(sys.executable).parent)  # protoc finds its plugins on the PATH
    os.environ["PATH"] = os.pathsep.join((scripts, os.environ["PATH"]))
    run_protoc(*(f"--{kind}_out={target}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")))
    for path in target.rglob("*.py*"):
        text = OWN_IMPORT.sub(r"\1 libs.api.hatchery", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
        if path.name.endswith(("_pb2_grpc.py", "_pb2_grpc.pyi")) and "add_" not in text:
            path.unlink()  # a proto without a service needs no gRPC stubs


def differences(fresh: Path) -> list[str]:
    """Return the paths of the stubs that are missing, left over or different."""
    generated = {path.relative_to(fresh) for path in fresh.rglob("*.py*")}
    present = {path.relative_to(STUBS) for path in (STUBS / "hatchery").rglob("*.py*") if path.suffix != ".pyc"}
    same, _, _ = filecmp.cmpfiles(fresh, STUBS, [str(path) for path in generated & present], shallow=False)
    return sorted(str(path) for path in generated | present if str(path) not in same)


def copy_googleapis() -> None:
    """Copy the protos of googleapis to where buf.yaml expects them as a module."""
    shutil.rmtree(GOOGLEAPIS, ignore_errors=True)
    for package in ("google/api", "google/type"):
        target = GOOGLEAPIS / package
        target.mkdir(parents=True)
        for path in (WHEEL / package).glob("*.proto"):
            shutil.copy(path, target)


def main() -> None:
    """Generate the stubs, compare them with those in libs/api, or copy googleapis."""
    if "--googleapis" in sys.argv:
        copy_googleapis()
        return
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        if "--check" in sys.argv:
            if different := differences(fresh):
                sys.exit("stubs differ from protos/ (run `make stubs`): " + ", ".join(different))
            print("stubs agree with protos/")
            return
        shutil.rmtree(STUBS / "hatchery", ignore_errors=True)
        shutil.copytree(fresh / "hatchery", STUBS / "hatchery")


if __name__ == "__main__":
    main()
