"""Tokens that must not count, each with what is wrong with it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from jwt.algorithms import OKPAlgorithm

from libs.cli.issuer import Issuer

MISSING, INVALID = "TOKEN_MISSING", "TOKEN_INVALID"
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
#: An admin's of now, meant for us; every other is this one with something wrong.
SOUND: dict[str, Any] = {"sub": "tester", "role": "admin", "scopes": ["*"], "exp": NOW + HOUR}
#: Claims that do not count, though the issuer signed them.
CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"iat": NOW - 2 * HOUR, "exp": NOW - timedelta(seconds=1)},
    "expired long ago": {"exp": 0},
    "not valid yet": {"nbf": NOW + HOUR},
    "issued in the future": {"iat": NOW + HOUR},
    "without an end": {"exp": None},
    "an end that is none": {"exp": "soon"},
    "endless": {"exp": float("inf")},
    "another audience": {"aud": "elsewhere"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "hatchery-laptop.example"},
    "no issuer": {"iss": None},
    "no subject": {"sub": None},
    "subject that is no text": {"sub": 7},
    "unknown role": {"role": "root"},
    "role of another case": {"role": "Admin"},
    "no role": {"role": None},
    "several roles": {"role": ["admin"]},
    "scopes that are no list": {"scopes": "*"},
}
#: What stands in the header and is no bearer token.
NONE_AT_ALL = ("", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "token")


def forgeries(issuer: Issuer) -> Iterator[tuple[str, str, str]]:
    """What is wrong, the header that carries it, and the reason that it must be refused for."""
    yield from ((f"header {header!r}", header, MISSING) for header in NONE_AT_ALL)
    for label, claims in CLAIMS.items():
        whole = {"iss": Issuer.name, "aud": Issuer.audience, "iat": NOW, **SOUND, **claims}
        said = {claim: value for claim, value in whole.items() if value is not None}
        yield label, f"Bearer {_signed(issuer, said)}", INVALID
    for label, token in {**_malformed(issuer), **_forged(issuer)}.items():
        yield label, f"Bearer {token}", INVALID


def _signed(issuer: Issuer, claims: dict[str, Any]) -> str:
    """Just these claims, with none of those that the issuer would add, under the issuer's own signature."""
    key: Any = load_pem_private_key((issuer.jwks.parent / "key.pem").read_bytes(), password=None)
    said = f"{_part(_header(issuer))}.{_part(claims)}"
    return f"{said}.{_packed(OKPAlgorithm().sign(said.encode(), key))}"


def _malformed(issuer: Issuer) -> dict[str, str]:
    sound = issuer.sign(SOUND)
    header, claims, signature = sound.split(".")
    return {
        "cut short": sound[:-8],
        "with something behind": sound + "x",
        "of two parts": f"{header}.{claims}",
        "of four parts": f"{sound}.{signature}",
        "no parts": "token",
        "empty parts": "..",
        "no base64": "?.?.?",
        "header that is no object": f"{_part([])}.{claims}.{signature}",
        "nested without end": f"{_packed(b'[' * 4000)}.{claims}.{signature}",
        "other claims under the same signature": f"{header}.{_part(SOUND | {'exp': 4e9})}.{signature}",
        "without a signature": f"{header}.{claims}.",
        "extension that nobody knows": issuer.sign(SOUND).replace(header, _part(_header(issuer) | {"crit": ["b64"]})),
        "two tokens": f"{sound} {sound}",
    }


def _forged(issuer: Issuer) -> dict[str, str]:
    """Made without the issuer's private key; all else of it is public, and forgers have it."""
    public: dict[str, Any] = json.loads(issuer.jwks.read_text(encoding="utf-8"))["keys"][0]
    key: Any = OKPAlgorithm.from_jwk(public)
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": Issuer.name, "aud": Issuer.audience, "iat": NOW, **SOUND}
    stranger = Ed25519PrivateKey.generate()
    theirs = json.loads(OKPAlgorithm.to_jwk(stranger.public_key()))

    def signed(**header: Any) -> str:
        return jwt.encode(claims, stranger, algorithm="EdDSA", headers=header)

    return {
        "alg none": jwt.encode(claims, "", algorithm="none", headers={"kid": issuer.kid}),
        "alg nOnE": f"{_part(_header(issuer) | {'alg': 'nOnE'})}.{_part(claims)}.",
        "HS256 with the public key": _shared(issuer, claims, raw),
        "HS256 with the public key as PEM": _shared(issuer, claims, pem),
        "HS256 with the published key": _shared(issuer, claims, public["x"].encode()),
        "foreign key with our kid": signed(kid=issuer.kid),
        "foreign key that it brings along": signed(kid=issuer.kid, jwk=theirs),
        "foreign key under a kid of its own": signed(kid="stranger"),
        "without a kid": signed(),
        "kid that is a path": signed(kid="../../../../dev/null"),
    }


def _shared(issuer: Issuer, claims: dict[str, Any], secret: bytes) -> str:
    """Signed with a secret that everybody has, by hand, for the library refuses to do so."""
    said = f"{_part(_header(issuer) | {'alg': 'HS256'})}.{_part(claims)}"
    return f"{said}.{_packed(hmac.digest(secret, said.encode(), hashlib.sha256))}"


def _header(issuer: Issuer) -> dict[str, Any]:
    return {"alg": "EdDSA", "typ": "JWT", "kid": issuer.kid}


def _part(said: Any) -> str:
    return _packed(json.dumps(said, default=lambda instant: int(instant.timestamp())).encode())


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
