"""Who calls: only a token of the issuer's present keys, for us, of now, counts; and keys come and go while we run."""

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest

from libs.cli.issuer import Issuer
from libs.common.asking import Reach
from libs.common.errors import Unauthenticated, Unavailable
from libs.common.identity import Keys, Verifier
from libs.common.values import Entity
from tests.conftest import eventually

Jwk = dict[str, Any]
ENCRYPTING: Jwk = {"kid": "enc", "use": "enc", "alg": "RSA-OAEP", "kty": "RSA", "n": "AQAB", "e": "AQAB"}
STRANGE: Jwk = {"kid": "strange", "kty": "lattice"}


class Board:
    """A place where keys are published: a file, and a page of an HTTP server that can be closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        board = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                board.asked += 1
                self.send_response(board.status)
                self.end_headers()
                self.wfile.write(board.path.read_bytes())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
                """Say nothing."""

        self.asked, self.status = 0, 200
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def publish(self, *issuers: Issuer, others: tuple[Jwk, ...] = ()) -> None:
        """Publish the keys of these issuers, and no others."""
        keys = [*others, *(key for issuer in issuers for key in json.loads(issuer.jwks.read_text())["keys"])]
        self.path.write_text(json.dumps({"keys": keys}))

    def close(self) -> None:
        """Answer nobody any more."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """Where keys are published."""
    made = Board(tmp_path / "published.json")
    yield made
    made.close()


@pytest.fixture(params=["file", "url"])
def source(request: pytest.FixtureRequest, board: Board) -> str:
    """The same keys, by either way."""
    return str(board.path) if request.param == "file" else board.url


@pytest.fixture(scope="module")
def issuers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Issuer, Issuer]:
    """Two keys."""
    return Issuer.open(tmp_path_factory.mktemp("old")), Issuer.open(tmp_path_factory.mktemp("new"))


def verifier(keys: Keys, **options: Any) -> Verifier:
    """What the services verify with."""
    return Verifier(keys, Issuer.name, Issuer.audience, **options)


def bearer(issuer: Issuer, subject: str = "a", **claims: Any) -> str:
    """A header of this issuer's."""
    whole = {"sub": subject, "role": "mentor", "exp": datetime.now(UTC) + timedelta(hours=1), **claims}
    return "Bearer " + issuer.sign(whole)


async def test_keys_rotate(source: str, board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """A key that is published later counts from then on, without a restart; one that is withdrawn counts no more."""
    old, new = issuers
    keys = Keys(source, at_most_every=0)
    whom = verifier(keys)
    board.publish(old)
    assert (await whom.caller(bearer(old))).subject == "a"
    with pytest.raises(Unauthenticated):
        await whom.caller(bearer(new))
    board.publish(old, new)
    assert (await whom.caller(bearer(new))).subject == "a"
    remembered = bearer(old)
    assert (await whom.caller(remembered)).subject == "a"
    board.publish(new)
    await keys.read()
    with pytest.raises(Unauthenticated):
        await whom.caller(remembered)
    assert (await whom.caller(bearer(new))).subject == "a"


async def test_keys_for_other_ends_are_skipped(source: str, board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """Keys for encryption, of unknown kinds or without a name do not keep the others from counting."""
    board.publish(issuers[0], others=(ENCRYPTING, STRANGE, {"kty": "OKP"}))
    whom = verifier(Keys(source))
    assert (await whom.caller(bearer(issuers[0]))).role == "mentor"


@pytest.mark.parametrize("published", ["", "no json", "[]", '{"keys": 3}', '{"key": []}'])
async def test_unreadable_keys_are_unavailable(source: str, board: Board, published: str) -> None:
    """While the issuer publishes what is no JWKS, callers are told to try again, not that their token is wrong."""
    board.path.write_text(published)
    issuer = Issuer.open(board.path.parent)
    with pytest.raises(Unavailable) as caught:
        await verifier(Keys(source)).caller(bearer(issuer))
    assert (caught.value.reason, caught.value.retry_after) == ("KEYS_UNREACHABLE", 1.0)


async def test_an_issuer_that_is_away_is_unavailable(board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """While the issuer cannot be reached, or fails, callers it is not known for yet are told to try again."""
    board.publish(issuers[0])
    board.status = 503
    keys = Keys(board.url, at_most_every=0)
    whom = verifier(keys)
    with pytest.raises(Unavailable):
        await whom.caller(bearer(issuers[0]))
    board.status = 200
    assert (await whom.caller(bearer(issuers[0]))).subject == "a"
    board.close()
    with pytest.raises(Unavailable):
        await whom.caller(bearer(issuers[1]))
    assert (await whom.caller(bearer(issuers[0], "b"))).subject == "b"  # the keys known go on to count


async def test_unknown_keys_do_not_burden_the_issuer(board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """However many tokens name keys that nobody has, the issuer is asked once in a while."""
    board.publish(issuers[0])
    whom = verifier(Keys(board.url))
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await whom.caller(bearer(issuers[1]))
    assert board.asked == 1


async def test_what_is_remembered_is_bounded(board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """Of many tokens the last ones are remembered, and the oldest are verified anew."""
    board.publish(issuers[0])
    whom = verifier(Keys(str(board.path)), most=3)
    headers = [bearer(issuers[0], f"caller-{number}") for number in range(10)]
    callers = [await whom.caller(header) for header in headers]
    assert [caller.subject for caller in callers] == [f"caller-{number}" for number in range(10)]
    assert await whom.caller(headers[9]) is callers[9]
    assert await whom.caller(headers[7]) is callers[7]
    again = await whom.caller(headers[0])
    assert again == callers[0]
    assert again is not callers[0]


async def test_what_is_remembered_expires(board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """A token that was verified before counts until it expires and no longer."""
    board.publish(issuers[0])
    whom = verifier(Keys(str(board.path)))
    header = bearer(issuers[0], exp=datetime.now(UTC) + timedelta(seconds=1.5))
    assert await whom.caller(header) is await whom.caller(header)

    async def expired() -> bool:
        try:
            await whom.caller(header)
        except Unauthenticated as error:
            return "expired" in error.message
        return False

    await eventually(expired)


NOW = datetime.now(UTC)
WRONG: Mapping[str, dict[str, Any]] = {
    "expired": {"exp": NOW - timedelta(seconds=1)},
    "not yet valid": {"nbf": NOW + timedelta(hours=1)},
    "issued in the future": {"iat": NOW + timedelta(hours=1)},
    "another audience": {"aud": "another"},
    "another issuer": {"iss": "another"},
    "no role": {"role": None},
    "unknown role": {"role": "emperor"},
    "scopes that are no list": {"scopes": "spaces/1"},
    "role that is no text": {"role": ["admin"]},
    "subject that is no text": {"sub": 7},
    "subject of a service's own": {"sub": "services/spaces"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG.keys())
async def test_wrong_claims_do_not_count(board: Board, issuers: tuple[Issuer, Issuer], claims: dict[str, Any]) -> None:
    """A token that is not of now, not for us, or not for a known role does not count."""
    board.publish(issuers[0])
    with pytest.raises(Unauthenticated) as caught:
        await verifier(Keys(str(board.path))).caller(bearer(issuers[0], **claims))
    assert caught.value.reason == "TOKEN_INVALID"


async def test_an_empty_scope_reaches_nothing(board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """A scope that says nothing is none: not even of what has nothing in the field by which it is reached."""
    board.publish(issuers[0])
    caller = await verifier(Keys(str(board.path))).caller(bearer(issuers[0], scopes=["", "districts/220203"]))
    assert caller.scopes == {"districts/220203"}


def test_an_empty_field_reaches_nobody() -> None:
    """An entity outside all zones is not in the reach of a scope without words, however that came about."""

    class Plot(Entity):
        reached_by = ("name", "zone")

        zone: str = ""

    assert not Reach(frozenset({""})).covers(Plot(name="plots/1"))
    assert Reach(frozenset({"districts/220271"})).covers(Plot(name="plots/1", zone="districts/220271"))


def forged(issuer: Issuer, algorithm: str, secret: str) -> str:
    """A token that claims the issuer's key and is signed with a shared secret, or not at all."""
    claims = {"sub": "a", "role": "admin", "iss": Issuer.name, "aud": Issuer.audience, "iat": NOW}
    whole = {**claims, "exp": NOW + timedelta(hours=1)}
    return "Bearer " + jwt.encode(whole, secret, algorithm=algorithm, headers={"kid": issuer.kid})


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "token"])
async def test_no_token_is_told_apart(board: Board, issuers: tuple[Issuer, Issuer], header: str) -> None:
    """A call without a bearer token is told that it needs one."""
    board.publish(issuers[0])
    with pytest.raises(Unauthenticated) as caught:
        await verifier(Keys(str(board.path))).caller(header)
    assert caught.value.reason == "TOKEN_MISSING"


async def test_forged_tokens_do_not_count(board: Board, issuers: tuple[Issuer, Issuer]) -> None:
    """Without a signature, with a shared secret, changed or cut short, a token does not count."""
    board.publish(issuers[0])
    whom = verifier(Keys(str(board.path)))
    good = bearer(issuers[0])
    secret = issuers[0].kid * 4  # public, as is all of the key that forgers have
    for header in (
        forged(issuers[0], "none", ""),
        forged(issuers[0], "HS256", secret),
        good[:-8],
        good + "x",
        "Bearer x.y.z",
    ):
        with pytest.raises(Unauthenticated) as caught:
            await whom.caller(header)
        assert caught.value.reason == "TOKEN_INVALID"
