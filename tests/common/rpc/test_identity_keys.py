"""The issuer's keys: they come and go while the service runs, and may be unreadable for a time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.cli.issuer import Issuer
from libs.common.domain.errors import Unauthenticated, Unavailable
from libs.common.rpc.identity import Keys
from tests.common.rpc.published_keys import Jwk, PublishedKeys, new_verifier, sign

ENCRYPTING: Jwk = {"kid": "enc", "use": "enc", "alg": "RSA-OAEP", "kty": "RSA", "n": "AQAB", "e": "AQAB"}
UNKNOWN_TYPE: Jwk = {"kid": "strange", "kty": "lattice"}


@pytest.fixture
def published(tmp_path: Path) -> Iterator[PublishedKeys]:
    """Where keys are published."""
    made = PublishedKeys(tmp_path / "published.json")
    yield made
    made.close()


@pytest.fixture(params=["file", "url"])
def source(request: pytest.FixtureRequest, published: PublishedKeys) -> str:
    """The same keys, in either way."""
    return str(published.path) if request.param == "file" else published.url


@pytest.fixture(scope="module")
def issuers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Issuer, Issuer]:
    """Two issuers with a key each."""
    return Issuer.open(tmp_path_factory.mktemp("old")), Issuer.open(tmp_path_factory.mktemp("new"))


async def test_keys_rotate(source: str, published: PublishedKeys, issuers: tuple[Issuer, Issuer]) -> None:
    """A key that is published later is accepted without a restart; a withdrawn one is not, cached tokens included."""
    old, new = issuers
    keys = Keys(source, min_seconds_between_reads=0)
    verifier = new_verifier(keys)
    published.publish(old)
    assert (await verifier.caller(sign(old))).subject == "mei"
    with pytest.raises(Unauthenticated):
        await verifier.caller(sign(new))
    published.publish(old, new)
    assert (await verifier.caller(sign(new))).subject == "mei"
    cached = sign(old)
    assert (await verifier.caller(cached)).subject == "mei"
    published.publish(new)
    await keys.read()
    with pytest.raises(Unauthenticated):
        await verifier.caller(cached)
    assert (await verifier.caller(sign(new))).subject == "mei"


async def test_keys_for_other_purposes_are_skipped(
    source: str, published: PublishedKeys, issuers: tuple[Issuer, Issuer]
) -> None:
    """Keys for encryption, of unknown types or without an id do not keep the others from being used."""
    published.publish(issuers[0], others=(ENCRYPTING, UNKNOWN_TYPE, {"kty": "OKP"}))
    assert (await new_verifier(Keys(source)).caller(sign(issuers[0]))).role == "mentor"


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"keys": 3}', '{"key": []}'])
async def test_unreadable_keys_are_unavailable(source: str, published: PublishedKeys, text: str) -> None:
    """While the issuer publishes something that is no JWKS, calls are UNAVAILABLE and may be retried."""
    published.path.write_text(text)
    issuer = Issuer.open(published.path.parent)
    with pytest.raises(Unavailable) as caught:
        await new_verifier(Keys(source)).caller(sign(issuer))
    assert (caught.value.reason, caught.value.retry_after) == ("KEYS_UNREACHABLE", 1.0)


async def test_an_unreachable_issuer_is_unavailable(published: PublishedKeys, issuers: tuple[Issuer, Issuer]) -> None:
    """While the issuer fails or cannot be reached, unknown keys are UNAVAILABLE and known ones still accepted."""
    published.publish(issuers[0])
    published.status = 503
    verifier = new_verifier(Keys(published.url, min_seconds_between_reads=0))
    with pytest.raises(Unavailable):
        await verifier.caller(sign(issuers[0]))
    published.status = 200
    assert (await verifier.caller(sign(issuers[0]))).subject == "mei"
    published.close()
    with pytest.raises(Unavailable):
        await verifier.caller(sign(issuers[1]))
    assert (await verifier.caller(sign(issuers[0], "li"))).subject == "li"


async def test_unknown_keys_do_not_burden_the_issuer(published: PublishedKeys, issuers: tuple[Issuer, Issuer]) -> None:
    """However many tokens name unknown keys, the issuer is queried only once in a while."""
    published.publish(issuers[0])
    verifier = new_verifier(Keys(published.url))
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await verifier.caller(sign(issuers[1]))
    assert published.reads == 1


async def test_a_failed_periodic_read_is_repeated_soon(
    published: PublishedKeys, issuers: tuple[Issuer, Issuer]
) -> None:
    """When the issuer cannot be reached, the next periodic read does not wait as long as after a success."""
    published.publish(issuers[0])
    published.status = 503
    keys = Keys(published.url, min_seconds_between_reads=0)
    await keys.refresh()
    published.status = 200
    for _ in range(3):
        await keys.refresh()
    assert published.reads == 2
