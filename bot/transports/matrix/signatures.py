"""Signed JSON as Matrix has it: Ed25519 over the canonical form, see the specification's appendix "Signing JSON"."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from typing import Any

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

Json = dict[str, Any]

# The first key loads the native library: at import, not on the event loop.
ECC.construct(curve="Ed25519", seed=bytes(32))


def canonical(signed: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: sorted, without spaces, without the signatures themselves."""
    bare = {key: value for key, value in signed.items() if key not in {"signatures", "unsigned"}}
    return json.dumps(bare, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


class SigningKey:
    """An Ed25519 key pair from its seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self._key = ECC.construct(curve="Ed25519", seed=seed)

    @classmethod
    def new(cls) -> "SigningKey":
        """A key that nobody else has."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def load(cls, text: str) -> "SigningKey":
        """The inverse of `dump`."""
        return cls(unpad(text))

    def dump(self) -> str:
        """The seed as text, to be kept secret."""
        return pad(self.seed)

    @property
    def public(self) -> str:
        """The public half, in Matrix's base64."""
        return pad(self._key.public_key().export_key(format="raw"))

    def sign(self, signed: Json, user_id: str) -> Json:
        """The object with this key's signature added."""
        signature = pad(eddsa.new(self._key, "rfc8032").sign(canonical(signed)))
        signatures = {user: dict(keys) for user, keys in signed.get("signatures", {}).items()}
        signatures.setdefault(user_id, {})[f"ed25519:{self.public}"] = signature
        return {**signed, "signatures": signatures}


def is_signed(signed: Mapping[str, Any], user_id: str, key_id: str, public: str) -> bool:
    """Whether the object carries a valid signature of this user's key; False for anything malformed."""
    try:
        signature = unpad(signed["signatures"][user_id][f"ed25519:{key_id}"])
        key = eddsa.import_public_key(unpad(public))
        eddsa.new(key, "rfc8032").verify(canonical(signed), signature)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return False
    return True


def pad(raw: bytes) -> str:
    """Base64 without its padding."""
    return base64.b64encode(raw).decode().rstrip("=")


def unpad(text: str) -> bytes:
    """The inverse of `pad`."""
    return base64.b64decode(text + "=" * (-len(text) % 4))
