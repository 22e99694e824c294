"""The laptop's own issuer of tokens; in production an OIDC provider stands in its place and this stays off."""

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
    """Signs tokens with a key that lies in a folder, beside the JWKS that services verify them by."""

    name = "hatchery-laptop"
    audience = "hatchery"

    def __init__(self, key: Ed25519PrivateKey, jwks: Path) -> None:
        self._key = key
        self.jwks = jwks
        self.kid: str = json.loads(jwks.read_text(encoding="utf-8"))["keys"][0]["kid"]

    @classmethod
    def open(cls, folder: Path) -> "Issuer":
        """The issuer of the folder; its key is made, readable by its owner alone, when there is none."""
        folder.mkdir(parents=True, exist_ok=True)
        private, jwks = folder / "key.pem", folder / "jwks.json"
        if not private.exists():
            _make(private)
        key = serialization.load_pem_private_key(private.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{private} holds no Ed25519 key")
        _publish(key, jwks)
        return cls(key, jwks)

    def token(self, subject: str, role: str, scopes: Sequence[str], lifetime: timedelta = timedelta(hours=12)) -> str:
        """A token for the subject in this role, narrowed to the scopes (`*`: not narrowed)."""
        now = datetime.now(UTC)
        return self.sign({"sub": subject, "role": role, "scopes": list(scopes), "exp": now + lifetime})

    def sign(self, claims: dict[str, Any]) -> str:
        """A token that says just this, and who issued it, when and for whom unless the claims say so themselves."""
        whole = {"iss": self.name, "aud": self.audience, "iat": datetime.now(UTC), **claims}
        return jwt.encode(whole, self._key, algorithm="EdDSA", headers={"kid": self.kid})


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def _publish(key: Ed25519PrivateKey, path: Path) -> None:
    public = json.loads(OKPAlgorithm.to_jwk(key.public_key()))
    path.write_text(json.dumps({"keys": [{**public, "kid": public["x"][:16], "use": "sig"}]}), encoding="utf-8")
