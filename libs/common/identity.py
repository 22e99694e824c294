"""Who calls: bearer tokens (JWT), verified against the issuer's public keys and remembered until they expire."""

import asyncio
import contextlib
import json
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import jwt
import structlog

from libs.common.errors import Unauthenticated, Unavailable

log = structlog.get_logger()

#: Seconds after which the issuer is asked again, for it may have withdrawn a key.
REREAD = 300.0
#: Only signatures that need a private key; never none, never a shared secret.
ALGORITHMS = ("EdDSA", "ES256", "ES384", "RS256", "PS256")
ROLE_NAMES = frozenset({"operator", "mentor", "founder", "official", "evaluator", "integrator", "admin"})
#: Our own actors are called so in the journal, which knows repeats by actor and request id: nobody else may be.
OURS = "services/"
_REQUIRED = ["exp", "iat", "sub", "aud", "iss"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which role, and the resource names that narrow it (`*`: nothing does)."""

    subject: str
    role: str
    scopes: frozenset[str]
    expires: float


class Keys:
    """The issuer's public keys, read from a file or a URL, and read again when a token names one not known."""

    def __init__(self, source: str, *, at_most_every: float = 10.0) -> None:
        self._source = source
        self._at_most_every = at_most_every
        self._read_at = float("-inf")
        self._keys: dict[str, jwt.PyJWK] = {}
        self._reading = asyncio.Lock()
        self._unreadable = False
        #: Counts the times at which a key was withdrawn.
        self.shrunk = 0

    async def refresh(self) -> None:
        """Read again what was read a while ago; as long as that fails, the keys known go on to count."""
        if time.monotonic() - self._read_at > REREAD and not self._reading.locked():
            async with self._reading:
                with contextlib.suppress(Unavailable):
                    await self.read()

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id, or None when the issuer has none such; Unavailable while nobody can know."""
        if kid not in self._keys:
            async with self._reading:
                if kid not in self._keys and time.monotonic() - self._read_at > self._at_most_every:
                    await self.read()
            if kid not in self._keys and self._unreadable:
                raise _unreachable()
        return self._keys.get(kid)

    async def read(self) -> None:
        """Take over what the issuer publishes now; a key that it no longer publishes counts no more."""
        self._read_at = time.monotonic()
        try:
            published = json.loads(await asyncio.to_thread(self._fetch))["keys"]
            keys = {key["kid"]: usable for key in published if "kid" in key and (usable := _key(key))}
        except (OSError, ValueError, LookupError, TypeError, HTTPException) as error:
            self._read_at -= self._at_most_every * 0.9  # try again sooner
            self._unreadable = True
            log.warning("keys_unreadable", source=self._source, error=type(error).__name__)
            raise _unreachable() from error
        self._unreadable = False
        self.shrunk += bool(self._keys.keys() - keys.keys())
        self._keys = keys
        log.info("keys_read", source=self._source, keys=len(self._keys))

    def _fetch(self) -> bytes:
        if self._source.startswith(("http://", "https://")):
            with urllib.request.urlopen(self._source, timeout=5) as page:  # noqa: S310 - the scheme is checked above
                return bytes(page.read(1 << 20))
        return Path(self._source).read_bytes()


class Verifier:
    """Turns tokens into callers. At most `most` verified tokens are remembered, each until it expires."""

    def __init__(self, keys: Keys, issuer: str, audience: str, *, most: int = 10_000) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._most = most
        self._known: dict[str, Caller] = {}
        self._shrunk = keys.shrunk

    async def caller(self, authorization: str) -> Caller:
        """Who sent this `authorization` header; Unauthenticated when the token does not count."""
        await self._keys.refresh()
        if self._keys.shrunk != self._shrunk:
            self._known.clear()
            self._shrunk = self._keys.shrunk
        known = self._known.get(authorization)
        if known is not None:
            if known.expires > time.time():
                return known
            del self._known[authorization]
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("TOKEN_MISSING", "a bearer token is needed")
        try:
            verified = _caller(await self._claims(token.strip()))
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated("TOKEN_INVALID", f"the token does not count: {_why(error)}") from None
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[authorization] = verified
        return verified

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
            options={"require": _REQUIRED},
        )
        return claims


def _unreachable() -> Unavailable:
    return Unavailable("KEYS_UNREACHABLE", "the issuer's keys cannot be read", retry_after=1.0)


def _key(published: dict[str, Any]) -> jwt.PyJWK | None:
    """The key, unless it is one for other ends than signatures, or of a kind that nobody here knows."""
    if published.get("use", "sig") != "sig":
        return None
    try:
        return jwt.PyJWK(published)
    except jwt.PyJWTError:
        return None


def _caller(claims: dict[str, Any]) -> Caller:
    """The caller that the claims describe; without scopes it reaches nothing."""
    role, scopes, subject = claims.get("role"), claims.get("scopes", []), str(claims["sub"])
    if role not in ROLE_NAMES or not isinstance(scopes, list):
        raise ValueError("no role that is known")
    if subject.startswith(OURS):
        raise ValueError("no subject of the issuer's to give")
    return Caller(subject, role, frozenset(filter(None, map(str, scopes))), float(claims["exp"]))


def _why(error: Exception) -> str:
    """In words that give nothing away."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return "it has expired"
    if isinstance(error, jwt.ImmatureSignatureError):
        return "it is not valid yet"
    if isinstance(error, jwt.InvalidAudienceError | jwt.InvalidIssuerError):
        return "it is meant for another"
    return "it is not one of the issuer's"
