"""The laptop's issuer of tokens. In production an OIDC provider takes its place."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm


class Issuer:
    """Signs tokens with a key stored in a folder, next to the JWKS with which services verify them."""

    name = "hatchery-laptop"
    audience = "hatchery"

    def __init__(self, key: Ed25519PrivateKey, jwks: Path) -> None:
        self._key = key
        self.jwks = jwks
        self.kid: str = json.loads(jwks.read_text(encoding="utf-8"))["keys"][0]["kid"]

    @classmethod
    def open(cls, folder: Path) -> "Issuer":
        """Open the issuer of a folder. A key that only its owner can read is created if there is none."""
        folder.mkdir(parents=True, exist_ok=True)
        private, jwks = folder / "key.pem", folder / "jwks.json"
        if not private.exists():
            _create_key(private)
        key = serialization.load_pem_private_key(private.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{private} is not an Ed25519 key")
        _publish(key, jwks)
        return cls(key, jwks)

    def token(self, subject: str, role: str, scopes: Sequence[str], lifetime: timedelta = timedelta(hours=12)) -> str:
        """Return a token for the subject in this role, limited to the scopes (`*`: not limited)."""
        now = datetime.now(UTC)
        return self.sign({"sub": subject, "role": role, "scopes": list(scopes), "exp": now + lifetime})

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a token with these claims. Issuer, audience and time of issue are added unless given."""
        complete = {"iss": self.name, "aud": self.audience, "iat": datetime.now(UTC), **claims}
        return jwt.encode(complete, self._key, algorithm="EdDSA", headers={"kid": self.kid})


def _create_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    fresh = path.with_suffix(".new")  # a stop in between must not leave half a key
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    fresh.replace(path)


def _publish(key: Ed25519PrivateKey, path: Path) -> None:
    public = json.loads(OKPAlgorithm.to_jwk(key.public_key()))
    text = json.dumps({"keys": [{**public, "kid": public["x"][:16], "use": "sig"}]})
    if not path.exists() or path.read_text(encoding="utf-8") != text:  # services may be reading it
        path.write_text(text, encoding="utf-8")
