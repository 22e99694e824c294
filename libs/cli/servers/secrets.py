"""Passwords and keys of the servers on a laptop, stored in files that only their owner can read."""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read. A crash leaves the old file or the new one, whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def load_passwords(path: Path, users: Sequence[str]) -> dict[str, str]:
    """Return the password of each user. Missing ones are created and stored."""
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = {user: secrets.token_urlsafe(24) for user in users if user not in known}
    if missing:
        known |= missing
        write_private(path, json.dumps(known, indent=1))
    return known
