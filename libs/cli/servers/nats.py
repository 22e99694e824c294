"""A NATS server with JetStream on disk, and for each service a key that permits only what is its own."""

import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import nkeys

from libs.cli.catalogue import STATEFUL
from libs.cli.errors import CliError
from libs.cli.servers.child import Child, stop_leftover
from libs.cli.servers.ports import choose_port
from libs.cli.servers.secrets import write_private
from libs.cli.stop import Stop

ADMIN = "admin"
START_SECONDS = 30.0
GRACE_SECONDS = 3.0


class Nats:
    """A NATS server that can be stopped, killed and restarted, or an external one (NATS_URL)."""

    def __init__(self, folder: Path, port: int, child: Child | None, external: str = "") -> None:
        self.folder = folder
        self.port = port
        self.external = external
        self._child = child

    @property
    def child(self) -> Child:
        """The process. CliError for an external server."""
        if self._child is None:
            raise CliError("NATS_URL names an external NATS server; hatchery neither starts nor stops it.")
        return self._child

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.external or f"nats://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """Its host and port, without any secret."""
        return self.url.partition("://")[2].rpartition("@")[2]

    def seed_file(self, service: str) -> Path | None:
        """The file with the seed of a service's key; None for an external server."""
        return None if self._child is None else self.folder / "keys" / f"{service}.nk"

    @property
    def admin_seed_file(self) -> Path | None:
        """The file with the seed of the administrator's key."""
        return self.seed_file(ADMIN)

    def start(self) -> None:
        """Start it and wait until it accepts clients."""
        self.child.start()
        try:
            self.child.wait_until(lambda: accepts_clients(self.port), START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it; an external server is left alone."""
        if self._child is not None:
            self._child.stop(GRACE_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.kill()

    def restart(self) -> None:
        """Stop it if it is running, then start it on the same port and streams."""
        self.stop()
        self.start()


def prepare_nats(folder: Path, port: int = 0, *, services: Sequence[str] = STATEFUL, stop: Stop | None = None) -> Nats:
    """Return the server of NATS_URL if that is set, else one with its streams in the folder, ready to be started."""
    external = os.environ.get("NATS_URL", "")
    if external:
        return Nats(folder, 0, None, external)
    folder = folder.resolve()
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    config = folder / "nats.conf"
    stop_leftover(folder / "nats-server.pid", [str(config)], stop)
    port = choose_port(port, folder / "port")
    users: list[dict[str, object]] = [{"nkey": public_key(folder / "keys" / f"{ADMIN}.nk")}]
    users += [_user(service, public_key(folder / "keys" / f"{service}.nk")) for service in services]
    write_private(config, _config(folder / "streams", port, users))
    command = [str(find_nats_server()), "--config", str(config)]
    return Nats(folder, port, Child("nats-server", command, folder / "nats-server.log", stop=stop))


def start_nats(folder: Path, port: int = 0, *, services: Sequence[str] = STATEFUL, stop: Stop | None = None) -> Nats:
    """Prepare a server as `prepare_nats` does, and start it unless it is external."""
    nats = prepare_nats(folder, port, services=services, stop=stop)
    if not nats.external:
        nats.start()
    return nats


def permissions(service: str) -> dict[str, object]:
    """Return a service's permissions: its own facts and stream, and the consumers named after it."""
    stream = service.upper()
    api = "$JS.API"
    publish = [f"hatchery.{service}.>", f"{api}.INFO", f"{api}.STREAM.NAMES", f"{api}.STREAM.INFO.*"]
    publish += [f"{api}.STREAM.CREATE.{stream}", f"{api}.STREAM.UPDATE.{stream}"]
    publish += [f"{api}.CONSUMER.CREATE.*.{service}", f"{api}.CONSUMER.CREATE.*.{service}.>"]
    publish += [f"{api}.CONSUMER.DURABLE.CREATE.*.{service}", f"{api}.CONSUMER.DELETE.*.{service}"]
    publish += [f"{api}.CONSUMER.INFO.*.{service}"]
    publish += [f"{api}.CONSUMER.MSG.NEXT.*.{service}", f"$JS.ACK.*.{service}.>"]
    return {"publish": {"allow": publish}, "subscribe": {"allow": ["_INBOX.>"]}}


def public_key(seed_file: Path) -> str:
    """Return the public half of the key in a seed file. The file is created if it does not exist."""
    if not seed_file.exists():
        seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
        write_private(seed_file, bytes(seed).decode("ascii"))
    pair = nkeys.from_seed(seed_file.read_bytes().strip())
    return bytes(pair.public_key).decode("ascii")


def find_nats_server() -> Path:
    """Return the `nats-server` of this Python environment, else the one on the PATH. CliError if there is neither."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise CliError(
            "No NATS server was found. Install the project's requirements, which include one, "
            "or put `nats-server` on the PATH, or set NATS_URL to a server with JetStream."
        )
    return Path(found)


def accepts_clients(port: int) -> bool:
    """Return whether a NATS server sends its greeting on the port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False


def _user(service: str, key: str) -> dict[str, object]:
    return {"nkey": key, "permissions": permissions(service)}


def _config(streams: Path, port: int, users: Sequence[object]) -> str:
    """Return the server's configuration; its language includes JSON."""
    settings = {
        "server_name": "hatchery",
        "host": "127.0.0.1",
        "port": port,
        # A fact is on the disk before it is acknowledged.
        "jetstream": {"store_dir": str(streams), "sync_interval": "always"},
        "authorization": {"users": users},
    }
    return json.dumps(settings, indent=1)
