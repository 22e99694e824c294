"""Tokens: only those of the issuer, for this audience and of this time are accepted, and a bounded number cached."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from libs.cli.issuer import Issuer
from libs.common.domain.errors import Unauthenticated
from libs.common.rpc.identity import LEEWAY_SECONDS, MAX_AUTHORIZATION_CHARACTERS, Keys, Verifier
from tests.common.rpc.published_keys import new_verifier, sign
from tests.support.waiting import eventually


@pytest.fixture
def verifier(issuer: Issuer) -> Verifier:
    """What services verify tokens with."""
    return new_verifier(Keys(str(issuer.jwks)))


def after(seconds: float) -> datetime:
    """Return an instant from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


WRONG: Mapping[str, dict[str, Any]] = {
    "another audience": {"aud": "another"},
    "another issuer": {"iss": "another"},
    "no role": {"role": None},
    "unknown role": {"role": "emperor"},
    "the role of no token": {"role": "anyone"},
    "scopes that are no list": {"scopes": "spaces/1"},
    "role that is no text": {"role": ["admin"]},
    "subject that is no text": {"sub": 7},
    "subject of a service": {"sub": "services/spaces"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG.keys())
async def test_wrong_claims_are_rejected(verifier: Verifier, issuer: Issuer, claims: dict[str, Any]) -> None:
    """A token that is for somebody else, or in no known role, is rejected."""
    with pytest.raises(Unauthenticated) as caught:
        await verifier.caller(sign(issuer, **claims))
    assert caught.value.reason == "TOKEN_INVALID"
    assert caught.value.message.startswith("token rejected: ")


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "aud", "iss"])
async def test_required_claims_are_required(verifier: Verifier, issuer: Issuer, claim: str) -> None:
    """A token without one of the claims that every token needs is rejected."""
    claims = {
        "sub": "a",
        "role": "admin",
        "iss": Issuer.name,
        "aud": Issuer.audience,
        "iat": after(0),
        "exp": after(60),
    }
    key = issuer._key  # noqa: SLF001 - the issuer itself adds what is missing
    headers = {"kid": issuer.kid}
    assert (await verifier.caller("Bearer " + jwt.encode(claims, key, "EdDSA", headers))).subject == "a"
    del claims[claim]
    with pytest.raises(Unauthenticated):
        await verifier.caller("Bearer " + jwt.encode(claims, key, "EdDSA", headers))


@pytest.mark.parametrize(("claim", "sign_of"), [("iat", 1), ("nbf", 1), ("exp", -1)])
async def test_clocks_may_differ_a_little(verifier: Verifier, issuer: Issuer, claim: str, sign_of: int) -> None:
    """Times of a token are accepted up to ten seconds off, because clocks differ; more than that is rejected."""
    near: dict[str, Any] = {claim: after(5 * sign_of)}
    far: dict[str, Any] = {claim: after(30 * sign_of)}
    assert LEEWAY_SECONDS == 10
    assert (await verifier.caller(sign(issuer, **near))).subject == "mei"
    with pytest.raises(Unauthenticated) as caught:
        await verifier.caller(sign(issuer, **far))
    assert caught.value.message == ("token rejected: expired" if claim == "exp" else "token rejected: not valid yet")


async def test_empty_scopes_are_dropped(verifier: Verifier, issuer: Issuer) -> None:
    """An empty scope is no scope."""
    caller = await verifier.caller(sign(issuer, scopes=["", "districts/220203"]))
    assert caller.scopes == {"districts/220203"}
    assert (await verifier.caller(sign(issuer))).scopes == frozenset()


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "token"])
async def test_a_missing_token_is_named(verifier: Verifier, header: str) -> None:
    """A call without a bearer token is refused as such (TOKEN_MISSING)."""
    with pytest.raises(Unauthenticated) as caught:
        await verifier.caller(header)
    assert caught.value.reason == "TOKEN_MISSING"


def forge(issuer: Issuer, algorithm: str, secret: str) -> str:
    """Return a token that names the issuer's key and is signed with a shared secret, or not at all."""
    claims = {"sub": "a", "role": "admin", "iss": Issuer.name, "aud": Issuer.audience, "iat": after(0)}
    complete = {**claims, "exp": after(3600)}
    return "Bearer " + jwt.encode(complete, secret, algorithm=algorithm, headers={"kid": issuer.kid})


async def test_forged_tokens_are_rejected(verifier: Verifier, issuer: Issuer) -> None:
    """A token without a signature, with a shared secret, changed or cut short is rejected, and none of it quoted."""
    good = sign(issuer)
    secret = issuer.kid * 4  # public, as is everything of the key that a forger has
    for header in (forge(issuer, "none", ""), forge(issuer, "HS256", secret), good[:-8], good + "x", "Bearer x.y.z"):
        with pytest.raises(Unauthenticated) as caught:
            await verifier.caller(header)
        assert caught.value.reason == "TOKEN_INVALID"
        assert caught.value.message == "token rejected: malformed, or not signed by the issuer"


async def test_long_tokens_are_refused(verifier: Verifier, issuer: Issuer) -> None:
    """A header of up to 64 KiB is verified; a longer one is refused before anything is done with it."""
    scopes = [f"spaces/{'0' * 24}{number:08}" for number in range(1200)]
    header = sign(issuer, scopes=scopes[:800])
    assert 32 << 10 < len(header) <= MAX_AUTHORIZATION_CHARACTERS == 64 << 10
    assert len((await verifier.caller(header)).scopes) == 800
    with pytest.raises(Unauthenticated) as caught:
        await verifier.caller(sign(issuer, scopes=scopes))
    assert (caught.value.reason, caught.value.metadata) == ("TOKEN_TOO_LONG", {"max_characters": "65536"})


async def test_the_cache_is_bounded_by_bytes(issuer: Issuer) -> None:
    """Tokens are cached up to a number of bytes; the oldest are verified anew, long ones push out more."""
    headers = [sign(issuer, f"caller-{number}") for number in range(10)]
    size = len(headers[0])
    verifier = new_verifier(Keys(str(issuer.jwks)), max_cached_bytes=size * 3 + 2)
    callers = [await verifier.caller(header) for header in headers]
    assert [caller.subject for caller in callers] == [f"caller-{number}" for number in range(10)]
    for kept in (9, 8, 7):
        assert await verifier.caller(headers[kept]) is callers[kept]
    again = await verifier.caller(headers[0])
    assert again == callers[0]
    assert again is not callers[0]
    long = sign(issuer, scopes=["spaces/1" * 5] * (size // 30))
    assert size * 1.5 < len(long) < size * 3
    await verifier.caller(long)
    assert await verifier.caller(headers[9]) is not callers[9]


async def test_a_token_larger_than_the_cache_is_not_kept(issuer: Issuer) -> None:
    """A token that does not fit is verified each time."""
    header = sign(issuer)
    verifier = new_verifier(Keys(str(issuer.jwks)), max_cached_bytes=len(header) - 1)
    assert await verifier.caller(header) is not await verifier.caller(header)


async def test_a_cached_token_expires(verifier: Verifier, issuer: Issuer) -> None:
    """A token that was verified before is accepted until it expires, and no longer."""
    header = sign(issuer, exp=after(1.5 - LEEWAY_SECONDS))
    assert await verifier.caller(header) is await verifier.caller(header)

    async def expired() -> bool:
        try:
            await verifier.caller(header)
        except Unauthenticated as error:
            return "expired" in error.message
        return False

    await eventually(expired)
