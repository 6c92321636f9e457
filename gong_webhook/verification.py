"""Whether a delivery comes from Gong: a secret in the URL, a signed token, or both.

What is configured is required. An answer does not tell what was wrong, the log does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from gong_api.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt.types import Options

# Gong signs with this one. The list is what keeps out tokens that name another, or none.
_ALGORITHMS = ["RS256"]
_FEWEST_BITS = 2048
_OPTIONS: Options = {
    "require": ["exp", "webhook_url", "body_sha256"],
    # What Gong does not promise has no meaning here, and its clock may be ahead of ours.
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Refusal(Exception):
    """A delivery that is not taken.

    Attributes:
        status: HTTP status of the answer.
        reason: for the log; never anything of the request.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Verifier:
    """Knows a delivery of Gong's from any other.

    Attributes:
        secret: what the URL must hold, as its parameter `secret` or the last part of its path.
        public_key: of the key that Gong signs with.
        url: the webhook's URL as the rule in Gong has it, to the letter.

    Raises:
        SettingsError: there is nothing to tell by.
    """

    secret: str | None = None
    public_key: RSAPublicKey | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if not self.secret and self.public_key is None:
            msg = (
                "Anybody could deliver: set --secret (or GONG_WEBHOOK_SECRET) to what the URL in "
                "Gong holds, or --public-key and --url for signed tokens, or all of them"
            )
            raise SettingsError(msg)
        if (self.public_key is None) != (not self.url):
            msg = "--public-key and --url belong together: a token is signed for one URL"
            raise SettingsError(msg)

    def check_sender(self, path: str, secrets: Iterable[str], authorization: str | None) -> str:
        """Look at all but the body, which need not be read then.

        Args:
            path: of the URL.
            secrets: values of its parameter `secret`.
            authorization: the header.

        Returns:
            The hash that the body must have; empty where only the secret is asked for.

        Raises:
            Refusal: 401.
        """
        if self.secret:
            offered = [path.rpartition("/")[2], *secrets]
            # Each is compared, so that time tells nothing of which.
            if sum(_equal(self.secret, one) for one in offered) == 0:
                raise Refusal(401, "without the secret")
        if self.public_key is None:
            return ""
        claims = self._claims(authorization)
        if not _equal(self.url or "", claims["webhook_url"]):
            raise Refusal(401, "signed for another URL than --url")
        return str(claims["body_sha256"]).lower()

    def check_body(self, promised: str, body: bytes) -> None:
        """See whether the body is the one that was signed.

        Args:
            promised: what `check_sender` returned.
            body: as it came.

        Raises:
            Refusal: 401.
        """
        if self.public_key and not _equal(hashlib.sha256(body).hexdigest(), promised):
            raise Refusal(401, "with another body than was signed")

    def _claims(self, authorization: str | None) -> dict[str, Any]:
        scheme, _, token = (authorization or "").strip().rpartition(" ")
        if not token or scheme.lower() not in {"", "bearer"} or self.public_key is None:
            raise Refusal(401, "without a token")
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.public_key, algorithms=_ALGORITHMS, options=_OPTIONS
            )
        except jwt.ExpiredSignatureError:
            raise Refusal(401, "with an expired token") from None
        except jwt.PyJWTError:
            raise Refusal(401, "with a token that is not Gong's") from None
        if not all(isinstance(claims[name], str) for name in ("webhook_url", "body_sha256")):
            raise Refusal(401, "with a token that is not Gong's")
        return claims


def read_public_key(text: str) -> RSAPublicKey:
    """The key that Gong shows: PEM, or the base64 of its body alone.

    Raises:
        SettingsError: it is something else.
    """
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.strip().encode())
        else:
            key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        msg = (
            "--public-key holds no public key: copy what Gong shows beside the rule, with or "
            "without the lines BEGIN and END"
        )
        raise SettingsError(msg) from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _FEWEST_BITS:
        msg = f"--public-key must be an RSA key of {_FEWEST_BITS} bits or more, as Gong's is"
        raise SettingsError(msg)
    return key


def _equal(one: str, other: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they differ."""
    # A claim may hold half of a surrogate pair.
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))
