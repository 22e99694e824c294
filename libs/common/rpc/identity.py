"""Identifies callers by bearer tokens (JWT), verified against the issuer's public keys and cached until they expire."""

import asyncio
import contextlib
import hashlib
import json
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import jwt
import structlog

from libs.common.domain.errors import Unauthenticated, Unavailable

log = structlog.get_logger()

#: The issuer may withdraw a key, so the key set is read again after this many seconds.
REREAD_SECONDS = 300.0
#: Clocks of issuer and services differ; iat, nbf and exp are accepted within this many seconds.
LEEWAY_SECONDS = 10.0
#: Longer authorization headers are refused with a clear reason. gRPC's own limit on metadata is higher.
MAX_AUTHORIZATION_CHARACTERS = 64 * 1024
#: Asymmetric signatures only: never `none`, never a shared secret.
ALGORITHMS = ("EdDSA", "ES256", "ES384", "RS256", "PS256")
ROLE_NAMES = frozenset({"operator", "mentor", "founder", "judge", "official", "evaluator", "integrator", "admin"})
#: The role that callers without a token have.
ANYONE = "anyone"
#: Services act under these names in the journal, which finds repeats by actor and request id. No token may use one.
SERVICE_ACTOR_PREFIX = "services/"
_REQUIRED = ["exp", "iat", "sub", "aud", "iss"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which role, limited to which resource names (`*`: not limited)."""

    subject: str
    role: str
    scopes: frozenset[str]
    expires: float


ANONYMOUS = Caller(ANYONE, ANYONE, frozenset(), float("inf"))


class Keys:
    """The issuer's public keys, read from a file or a URL, and read again when a token names an unknown key."""

    def __init__(self, source: str, *, min_seconds_between_reads: float = 10.0) -> None:
        self._source = source
        self._min_seconds_between_reads = min_seconds_between_reads
        self._read_at = self._reread_at = float("-inf")
        self._keys: dict[str, jwt.PyJWK] = {}
        self._reading = asyncio.Lock()
        self._unreadable = False
        #: How many times a read found that a key had been withdrawn, or replaced under its id.
        self.withdrawals = 0

    async def refresh(self) -> None:
        """Read the key set again when it is old. While that fails, the known keys stay valid."""
        if time.monotonic() >= self._reread_at and not self._reading.locked():
            async with self._reading:
                with contextlib.suppress(Unavailable):
                    await self.read()

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """Return the key with this id, or None when the issuer has none. Unavailable while it cannot be read."""
        if kid not in self._keys:
            async with self._reading:
                if kid not in self._keys and time.monotonic() - self._read_at > self._min_seconds_between_reads:
                    await self.read()
            if kid not in self._keys and self._unreadable:
                raise _unreachable()
        return self._keys.get(kid)

    async def read(self) -> None:
        """Replace the keys by what the issuer publishes now. Unavailable when it cannot be read."""
        self._read_at = time.monotonic()
        self._reread_at = self._read_at + self._min_seconds_between_reads
        try:
            published = json.loads(await asyncio.to_thread(self._fetch))["keys"]
            keys = {key["kid"]: usable for key in published if "kid" in key and (usable := _key(key))}
        except (OSError, ValueError, LookupError, TypeError, HTTPException) as error:
            self._read_at -= self._min_seconds_between_reads * 0.9  # try again sooner
            self._unreadable = True
            log.warning("keys_unreadable", source=self._source, error=type(error).__name__)
            raise _unreachable() from error
        self._unreadable = False
        self._reread_at = self._read_at + REREAD_SECONDS
        self.withdrawals += any(kid not in keys or keys[kid].key != known.key for kid, known in self._keys.items())
        self._keys = keys
        log.info("keys_read", source=self._source, keys=len(self._keys))

    def _fetch(self) -> bytes:
        if self._source.startswith(("http://", "https://")):
            with urllib.request.urlopen(self._source, timeout=5) as page:  # noqa: S310 - the scheme is checked above
                return bytes(page.read(1 << 20))
        return Path(self._source).read_bytes()


class Verifier:
    """Turns authorization headers into callers.

    Verified tokens are cached until they expire, up to `max_cached_bytes` of headers in total.
    """

    def __init__(self, keys: Keys, issuer: str, audience: str, *, max_cached_bytes: int = 32 << 20) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._max_cached_bytes = max_cached_bytes
        self._cached_bytes = 0
        self._cache: dict[bytes, tuple[Caller, int]] = {}
        self._withdrawals = keys.withdrawals

    async def caller(self, authorization: str) -> Caller:
        """Return the caller of an `authorization` header. Unauthenticated when the token is missing or rejected."""
        if len(authorization) > MAX_AUTHORIZATION_CHARACTERS:
            raise Unauthenticated(
                "TOKEN_TOO_LONG", "the authorization header is too long", max_characters=MAX_AUTHORIZATION_CHARACTERS
            )
        await self._keys.refresh()
        if self._keys.withdrawals != self._withdrawals:
            self._cache.clear()
            self._cached_bytes, self._withdrawals = 0, self._keys.withdrawals
        # Headers are cached by their hash, because the text itself may have 64 KiB.
        key = hashlib.blake2b(authorization.encode(), digest_size=32).digest()
        cached = self._cache.get(key)
        if cached is not None:
            if cached[0].expires > time.time():
                return cached[0]
            self._forget(key)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("TOKEN_MISSING", "a bearer token is required")
        try:
            caller = _caller(await self._claims(token.strip()))
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated("TOKEN_INVALID", f"token rejected: {_cause(error)}") from None
        self._remember(key, caller, len(authorization))
        return caller

    def _remember(self, key: bytes, caller: Caller, size: int) -> None:
        if key in self._cache:
            return  # verified twice at the same time
        self._cache[key] = caller, size
        self._cached_bytes += size
        while self._cached_bytes > self._max_cached_bytes:
            self._forget(next(iter(self._cache)))  # the oldest

    def _forget(self, key: bytes) -> None:
        self._cached_bytes -= self._cache.pop(key)[1]

    async def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        key = await self._keys.find(str(header.get("kid")))
        if key is None:
            raise jwt.InvalidKeyError
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[header["alg"]],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED},
        )
        return claims


def _unreachable() -> Unavailable:
    return Unavailable("KEYS_UNREACHABLE", "the issuer's key set cannot be read", retry_after=1.0)


def _key(published: dict[str, Any]) -> jwt.PyJWK | None:
    """Return the key, or None for one that is not for signatures or of an unknown type."""
    if published.get("use", "sig") != "sig":
        return None
    try:
        return jwt.PyJWK(published)
    except jwt.PyJWTError:
        return None


def _caller(claims: dict[str, Any]) -> Caller:
    """Build the caller that the claims describe. A caller without scopes reaches nothing."""
    role, scopes, subject = claims.get("role"), claims.get("scopes", []), str(claims["sub"])
    if role not in ROLE_NAMES or not isinstance(scopes, list):
        raise ValueError("unknown role")
    if subject.startswith(SERVICE_ACTOR_PREFIX):
        raise ValueError("reserved subject")
    return Caller(subject, role, frozenset(filter(None, map(str, scopes))), float(claims["exp"]) + LEEWAY_SECONDS)


def _cause(error: Exception) -> str:
    """Describe why a token was rejected without quoting any of it."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return "expired"
    if isinstance(error, jwt.ImmatureSignatureError):
        return "not valid yet"
    if isinstance(error, jwt.InvalidAudienceError | jwt.InvalidIssuerError):
        return "wrong audience or issuer"
    return "malformed, or not signed by the issuer"
