"""Authorization headers that must be rejected, each with what is wrong with it."""

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

MISSING, INVALID, TOO_LONG = "TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_TOO_LONG"
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
#: Clocks of issuer and services may differ by ten seconds; tests of one run may begin some minutes later.
BEYOND_LEEWAY, BEYOND_LEEWAY_LATER = timedelta(seconds=15), timedelta(minutes=15)
#: The longest authorization header, in characters.
MAX_CHARACTERS = 64 * 1024
#: The claims of a valid token of an admin; every forgery is this token with something wrong.
VALID: dict[str, Any] = {"sub": "tester", "role": "admin", "scopes": ["*"], "exp": NOW + HOUR}
#: Claims that are rejected although the issuer signed them.
CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"iat": NOW - 2 * HOUR, "exp": NOW - BEYOND_LEEWAY},
    "expired long ago": {"exp": 0},
    "not valid yet": {"nbf": NOW + BEYOND_LEEWAY_LATER},
    "issued in the future": {"iat": NOW + BEYOND_LEEWAY_LATER},
    "without an expiry": {"exp": None},
    "an expiry that is no number": {"exp": "soon"},
    "an infinite expiry": {"exp": float("inf")},
    "another audience": {"aud": "elsewhere"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "hatchery-laptop.example"},
    "no issuer": {"iss": None},
    "no subject": {"sub": None},
    "subject that is no text": {"sub": 7},
    "subject of a service": {"sub": "services/spaces"},
    "subject of a service's sweeper": {"sub": "services/spaces/sweeper"},
    "unknown role": {"role": "root"},
    "role of another case": {"role": "Admin"},
    "no role": {"role": None},
    "several roles": {"role": ["admin"]},
    "scopes that are no list": {"scopes": "*"},
}
#: Headers without a bearer token.
NO_TOKEN = ("", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "token")


def forgeries(issuer: Issuer) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong, the header that carries it, and the reason of the refusal."""
    yield from ((f"header {header!r}", header, MISSING) for header in NO_TOKEN)
    for label, claims in CLAIMS.items():
        whole = {"iss": Issuer.name, "aud": Issuer.audience, "iat": NOW, **VALID, **claims}
        given = {claim: value for claim, value in whole.items() if value is not None}
        yield label, f"Bearer {_signed(issuer, given)}", INVALID
    for label, token in {**_malformed(issuer), **_forged(issuer)}.items():
        yield label, f"Bearer {token}", INVALID
    yield "longer than the limit", f"Bearer {'x' * (MAX_CHARACTERS + 1 - len('Bearer '))}", TOO_LONG
    yield "65 KiB of scopes", f"Bearer {issuer.sign(VALID | {'scopes': ['x' * 49_000]})}", TOO_LONG


def _signed(issuer: Issuer, claims: dict[str, Any]) -> str:
    """Sign exactly these claims with the issuer's key, without those that the issuer would add."""
    key: Any = load_pem_private_key((issuer.jwks.parent / "key.pem").read_bytes(), password=None)
    content = f"{_part(_header(issuer))}.{_part(claims)}"
    return f"{content}.{_packed(OKPAlgorithm().sign(content.encode(), key))}"


def _malformed(issuer: Issuer) -> dict[str, str]:
    token = issuer.sign(VALID)
    header, claims, signature = token.split(".")
    return {
        "cut short": token[:-8],
        "with a character appended": token + "x",
        "of two parts": f"{header}.{claims}",
        "of four parts": f"{token}.{signature}",
        "no parts": "token",
        "empty parts": "..",
        "not base64": "?.?.?",
        "header that is no object": f"{_part([])}.{claims}.{signature}",
        "header nested 4,000 times": f"{_packed(b'[' * 4000)}.{claims}.{signature}",
        "other claims under the same signature": f"{header}.{_part(VALID | {'exp': 4e9})}.{signature}",
        "without a signature": f"{header}.{claims}.",
        "unknown critical extension": issuer.sign(VALID).replace(header, _part(_header(issuer) | {"crit": ["b64"]})),
        "two tokens": f"{token} {token}",
    }


def _forged(issuer: Issuer) -> dict[str, str]:
    """Return tokens made without the issuer's private key. Everything else about the issuer is public."""
    public: dict[str, Any] = json.loads(issuer.jwks.read_text(encoding="utf-8"))["keys"][0]
    key: Any = OKPAlgorithm.from_jwk(public)
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": Issuer.name, "aud": Issuer.audience, "iat": NOW, **VALID}
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
        "foreign key in the header": signed(kid=issuer.kid, jwk=theirs),
        "foreign key under a kid of its own": signed(kid="stranger"),
        "without a kid": signed(),
        "kid that is a path": signed(kid="../../../../dev/null"),
    }


def _shared(issuer: Issuer, claims: dict[str, Any], secret: bytes) -> str:
    """Sign with a secret that everybody knows. The library refuses to do this."""
    content = f"{_part(_header(issuer) | {'alg': 'HS256'})}.{_part(claims)}"
    return f"{content}.{_packed(hmac.digest(secret, content.encode(), hashlib.sha256))}"


def _header(issuer: Issuer) -> dict[str, Any]:
    return {"alg": "EdDSA", "typ": "JWT", "kid": issuer.kid}


def _part(content: Any) -> str:
    return _packed(json.dumps(content, default=lambda instant: int(instant.timestamp())).encode())


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
