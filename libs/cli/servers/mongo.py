"""A MongoDB server: a single-node replica set on loopback, with one user for each service."""

import base64
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, ExecutionTimeout, OperationFailure, PyMongoError

from libs.cli.catalogue import STATEFUL
from libs.cli.errors import CliError
from libs.cli.servers.child import Child, stop_leftover
from libs.cli.servers.mongod import find_mongod
from libs.cli.servers.ports import choose_port, is_listening
from libs.cli.servers.secrets import load_passwords, write_private
from libs.cli.stop import Stop

REPLICA_SET = "rs0"
ADMIN = "admin"
UNAUTHORIZED, AUTHENTICATION_FAILED, ALREADY_INITIALIZED, NOT_IN_CONFIG, NOT_INITIALIZED = 13, 18, 23, 93, 94
USER_EXISTS = 51003
START_SECONDS = 60.0
GRACE_SECONDS = 6.0
CALL_MILLISECONDS = 2_000  # a server that hangs must not keep `hatchery up` from stopping
#: Errors after which the set-up is retried, and the codes of steps that took effect although they timed out.
TRANSIENT = (AutoReconnect, ExecutionTimeout)
TRANSIENT_CODES = {ALREADY_INITIALIZED, USER_EXISTS}
Client = MongoClient[dict[str, Any]]


class Mongo:
    """A MongoDB that can be stopped, killed and restarted, or an external one (MONGODB_URI)."""

    def __init__(
        self, folder: Path, port: int, child: Child | None, passwords: dict[str, str], external: str = ""
    ) -> None:
        self.folder = folder
        self.port = port
        self.external = external
        self._child = child
        self._passwords = passwords

    @property
    def child(self) -> Child:
        """The process. CliError for an external server."""
        if self._child is None:
            raise CliError("MONGODB_URI names an external MongoDB; hatchery neither starts nor stops it.")
        return self._child

    @property
    def address(self) -> str:
        """Its host and port, without any secret."""
        hosts = self.external.partition("://")[2].rpartition("@")[2]
        return hosts.partition("/")[0] or f"127.0.0.1:{self.port}"

    @property
    def admin_uri(self) -> str:
        """The connection string of the administrator."""
        return self.external or self._uri(ADMIN, "")

    def uri(self, service: str) -> str:
        """Return the connection string of a service's user, who can use `hatchery_<service>` and nothing else."""
        return self.external or self._uri(service, database(service))

    def start(self) -> None:
        """Start it and wait until it accepts writes from all its users."""
        self.child.start()
        try:
            self.child.wait_until(lambda: is_listening(self.port), START_SECONDS)
            self.child.wait_until(self._set_up, START_SECONDS)
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
        """Stop it if it is running, then start it on the same port and documents."""
        self.stop()
        self.start()

    def _uri(self, user: str, path: str) -> str:
        login = f"{user}:{self._passwords[user]}"
        return f"mongodb://{login}@127.0.0.1:{self.port}/{path}?replicaSet={REPLICA_SET}&authSource={ADMIN}"

    def _set_up(self) -> bool:
        """Make it a replica set of one, under its present port, with its users. Return whether that is done."""
        try:
            if not self._has_admin():
                with self._client() as client:  # allowed on loopback until the first user exists
                    self._become_primary(client)
                    _create_admin(client, self._passwords[ADMIN], self.folder)
            with self._client(self._passwords[ADMIN]) as client:
                self._become_primary(client)
                _create_users(client, self._passwords)
        except TRANSIENT:
            return False
        except PyMongoError as error:
            if isinstance(error, OperationFailure) and error.code in TRANSIENT_CODES:
                return False
            raise CliError(f"MongoDB at {self.address} cannot be set up: {error}") from error
        return True

    def _has_admin(self) -> bool:
        try:
            with self._client(self._passwords[ADMIN]) as client:
                client.admin.command("ping")
        except OperationFailure as failure:
            if failure.code == AUTHENTICATION_FAILED:
                return False
            raise
        return True

    def _become_primary(self, client: Client) -> None:
        """Configure the replica set where necessary, and wait until the server is its primary."""
        hello = client.admin.command("hello")
        if not hello.get("isWritablePrimary") and "setName" not in hello:
            state = _set_state(client)
            if state == NOT_INITIALIZED:
                config = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]}
                client.admin.command("replSetInitiate", config)
            elif state == NOT_IN_CONFIG:  # it has another port than at its last start
                known = client.admin.command("replSetGetConfig")["config"]
                known["members"][0]["host"] = f"127.0.0.1:{self.port}"
                known["version"] += 1
                client.admin.command("replSetReconfig", known, force=True)
            elif state == UNAUTHORIZED:
                raise _other_passwords(self.folder, "not authorized")
        self.child.wait_until(lambda: bool(client.admin.command("hello").get("isWritablePrimary")), START_SECONDS)

    def _client(self, password: str | None = None) -> Client:
        login: dict[str, Any] = {"username": ADMIN, "password": password, "authSource": ADMIN} if password else {}
        return MongoClient(
            "127.0.0.1",
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=CALL_MILLISECONDS,
            connectTimeoutMS=CALL_MILLISECONDS,
            socketTimeoutMS=CALL_MILLISECONDS,
            retryWrites=False,
            retryReads=False,
            **login,
        )


def prepare_mongo(
    folder: Path,
    port: int = 0,
    *,
    services: Sequence[str] = STATEFUL,
    cache_gb: float = 0.25,
    stop: Stop | None = None,
) -> Mongo:
    """Return the MongoDB of MONGODB_URI if that is set, else one with its documents in the folder, to be started."""
    external = os.environ.get("MONGODB_URI", "")
    if external:
        return Mongo(folder, 0, None, {}, external)
    folder = folder.resolve()
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    stop_leftover(folder / "mongod.pid", [str(folder / "documents")], stop)
    program = find_mongod(folder)
    known = load_passwords(folder / "passwords.json", (ADMIN, *services))
    key = folder / "keyfile"
    if not key.exists():
        write_private(key, base64.b64encode(secrets.token_bytes(96)).decode())
    port = choose_port(port, folder / "port")
    command = [str(program), *_options(folder, port, cache_gb)]
    return Mongo(folder, port, Child("mongod", command, folder / "mongod.log", stop=stop), known)


def start_mongo(
    folder: Path,
    port: int = 0,
    *,
    services: Sequence[str] = STATEFUL,
    cache_gb: float = 0.25,
    stop: Stop | None = None,
) -> Mongo:
    """Prepare a server as `prepare_mongo` does, and start it unless it is external."""
    mongo = prepare_mongo(folder, port, services=services, cache_gb=cache_gb, stop=stop)
    if not mongo.external:
        mongo.start()
    return mongo


def database(service: str) -> str:
    """Return the name of a service's own database."""
    return f"hatchery_{service}"


def _options(folder: Path, port: int, cache_gb: float) -> list[str]:
    options = ["--dbpath", str(folder / "documents"), "--port", str(port)]
    options += ["--bind_ip", "127.0.0.1", "--nounixsocket"]
    options += ["--replSet", REPLICA_SET, "--auth", "--keyFile", str(folder / "keyfile"), "--quiet"]
    options += ["--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", "1024"]
    # MongoDB 6.0.5 leaks memory when it decompresses zlib messages.
    options += ["--networkMessageCompressors", "disabled"]
    options += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    # How long documents stay locked by the transaction of a service that was killed. The default is a minute.
    options += ["--setParameter", "transactionLifetimeLimitSeconds=5"]
    options += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]  # there is no other member
    return options


def _set_state(client: Client) -> int:
    """Return 0 when the server is in its set's configuration, else MongoDB's code for why it is not."""
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as failure:
        return failure.code or 0
    return 0


def _create_admin(client: Client, password: str, folder: Path) -> None:
    try:
        client.admin.command("createUser", ADMIN, pwd=password, roles=["root"])
    except OperationFailure as failure:
        if failure.code == UNAUTHORIZED:
            raise _other_passwords(folder, str(failure)) from failure
        raise


def _other_passwords(folder: Path, cause: str) -> CliError:
    return CliError(
        f"The MongoDB documents in {folder} were created with other passwords than those in its passwords.json "
        f"({cause}). Restore that file, or remove the folder to start from nothing."
    )


def _create_users(client: Client, known: dict[str, str]) -> None:
    existing = {user["user"] for user in client.admin.command("usersInfo", 1)["users"]}
    for service in known.keys() - existing:
        role = {"role": "readWrite", "db": database(service)}
        client.admin.command("createUser", service, pwd=known[service], roles=[role])
