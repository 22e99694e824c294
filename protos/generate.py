"""Make the stubs in libs/api from the protos, or with --check fail when they have drifted from them."""

import filecmp
import os
import pathlib
import re
import shutil
import sys
import tempfile

from grpc_tools import protoc

PROTOS = pathlib.Path(__file__).parent
STUBS = PROTOS.parent / "libs" / "api"
# The generator writes imports from the protos' own root; a folder's path is its import path here.
OURS = re.compile(r"^(from|import) hatchery\b", re.MULTILINE)


def generate(target: pathlib.Path) -> None:
    """Write the stubs of every proto below `target`."""
    beside = str(pathlib.Path(sys.executable).parent)  # where this environment keeps protoc's plugins
    os.environ["PATH"] = os.pathsep.join((beside, os.environ["PATH"]))
    files = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    outs = [f"--{kind}_out={target}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    include = str(pathlib.Path(protoc.__file__).parent / "_proto")
    if protoc.main(["protoc", f"-I{PROTOS}", f"-I{include}", *outs, *files]) != 0:
        sys.exit("protoc failed; what it said stands above")
    for path in target.rglob("*.py*"):
        text = path.read_text(encoding="utf-8")
        text = OURS.sub(r"\1 libs.api.hatchery", text)
        path.write_text(text, encoding="utf-8")
        if path.name.endswith(("_pb2_grpc.py", "_pb2_grpc.pyi")) and "add_" not in text:
            path.unlink()  # a proto without a service has nothing to serve


def drift(fresh: pathlib.Path) -> list[str]:
    """The stubs that are missing, left over or different, by their paths."""
    made = {path.relative_to(fresh) for path in fresh.rglob("*.py*")}
    kept = {path.relative_to(STUBS) for path in (STUBS / "hatchery").rglob("*.py*") if path.suffix != ".pyc"}
    same = filecmp.cmpfiles(fresh, STUBS, [str(path) for path in made & kept], shallow=False)[0]
    return sorted(str(path) for path in made | kept if str(path) not in same)


def main() -> None:
    """Generate into libs/api, or compare with what is there."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = pathlib.Path(folder)
        generate(fresh)
        if "--check" in sys.argv:
            drifted = drift(fresh)
            if drifted:
                sys.exit("stubs have drifted from protos/ (run `make stubs`): " + ", ".join(drifted))
            print("stubs agree with protos/")
            return
        shutil.rmtree(STUBS / "hatchery", ignore_errors=True)
        shutil.copytree(fresh / "hatchery", STUBS / "hatchery")


main()
