"""TCP ports of loopback."""

import fcntl
import os
import secrets
import socket
import tempfile
from pathlib import Path

from libs.cli.errors import CliError


def is_listening(port: int) -> bool:
    """Return whether something accepts connections on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a free port that no other process of this user gets while this process lives.

    It lies outside the range from which systems take ports of outgoing connections. Within that range a client that
    connects to a stopped server could connect to itself, or occupy the server's port.
    """
    for _ in range(200):
        port = 20_000 + secrets.randbelow(12_000)
        if is_free(port) and _reserve(port):
            return port
    raise CliError("There is no free port on 127.0.0.1 between 20000 and 32000. Stop some programs and try again.")


def _reserve(port: int) -> bool:
    """Lock the port's file until this process ends; return False when another process, or this one, has locked it.

    Between the choice of a port and the start of its server, two processes could choose the same one.
    """
    folder = Path(tempfile.gettempdir()) / f"hatchery-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    return True


def choose_port(wanted: int, port_file: Path) -> int:
    """Return the wanted port; for 0 the one of the last start, which the file stores, or else a free one."""
    if wanted:
        if not is_free(wanted):
            raise CliError(f"Port {wanted} is in use by another program. Stop that program, or choose another port.")
        port = wanted
    else:
        text = port_file.read_text(encoding="ascii").strip() if port_file.exists() else ""
        port = int(text) if text.isdigit() and is_free(int(text)) else free_port()
    port_file.write_text(f"{port}\n", encoding="ascii")
    return port
