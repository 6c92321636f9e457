"""Who may deliver: Gong, and nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gong_api.errors import SettingsError
from gong_webhook.verification import Verifier, read_public_key
from tests.webhook.receiver_run import SECRET, claims, key, payload, pem, served, signed

BODY = payload()


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    with served(tmp_path_factory.mktemp("inbox") / "inbox.db", public_key=pem()) as receiver:
        yield receiver


def encoded(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def hs256_with_the_public_key(url, body):
    """The library does not lend itself to this, so by hand."""
    unsigned = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims(url, body))}"
    signature = hmac.new(pem().encode(), unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{encoded(signature)}"


def with_a_key_of_its_own(url, body):
    """Signed by a key that the token itself recommends."""
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key(1).public_key()))
    return jwt.encode(claims(url, body), key(1), algorithm="RS256", headers={"jwk": jwk})


REFUSED = {
    "wrong key": lambda url, body: jwt.encode(claims(url, body), key(1), algorithm="RS256"),
    "key in the token": with_a_key_of_its_own,
    "wrong URL": lambda url, body: signed(url + "/", body),
    "another host": lambda _, body: signed("https://elsewhere.example/gong", body),
    "URL that is no text": lambda url, body: signed(url, body, webhook_url=7),
    "URL that is half a character": lambda url, body: signed(url, body, webhook_url="\ud800"),
    "no URL": lambda url, body: signed(url, body, webhook_url=None),
    "changed body": lambda url, body: signed(url, body + b" "),
    "no hash": lambda url, body: signed(url, body, body_sha256=None),
    "empty hash": lambda url, body: signed(url, body, body_sha256=""),
    "expired": lambda url, body: signed(url, body, exp=1_700_000_000),
    "no expiry": lambda url, body: signed(url, body, exp=None),
    "expiry that is no time": lambda url, body: signed(url, body, exp="soon"),
    "no token": lambda *_: None,
    "empty token": lambda *_: "",
    "only the scheme": lambda *_: "Bearer",
    "another scheme": lambda url, body: f"Basic {signed(url, body)}",
    "no JWT": lambda *_: "Bearer abc",
    "alg none": lambda url, body: jwt.encode(claims(url, body), "", algorithm="none"),
    "alg none, signature kept": lambda url, body: ".".join(
        [encoded({"alg": "none"}), *signed(url, body).split(".")[1:]]
    ),
    "HS256 with the public key": hs256_with_the_public_key,
    "RS512": lambda url, body: jwt.encode(claims(url, body), key(), algorithm="RS512"),
    "changed claims": lambda url, body: ".".join(
        [
            signed(url, body).split(".")[0],
            encoded(claims(url, body, exp=9_999_999_999)),
            signed(url, body).split(".")[2],
        ]
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_gong_did_not_sign_is_refused(receiver, case):
    assert receiver.post(BODY, REFUSED[case](receiver.url, BODY)) == 401
    assert receiver.events == []


def test_what_gong_signed_is_taken(tmp_path):
    with served(tmp_path / "inbox.db", public_key=pem()) as receiver:
        token = signed(receiver.url, BODY)
        assert receiver.post(BODY, token) == 200
        assert receiver.post(payload(2), f"Bearer {signed(receiver.url, payload(2))}") == 200
        in_capitals = hashlib.sha256(payload(3)).hexdigest().upper()
        assert receiver.post(payload(3), signed(receiver.url, payload(3), body_sha256=in_capitals))
        # Claims that Gong does not promise may say what they like.
        more = signed(receiver.url, payload(4), iat=9_999_999_999, aud="x", iss="y", sub=7)
        assert receiver.post(payload(4), more) == 200
        assert [event.body.encode() for event in receiver.events] == [
            payload(number) for number in (1, 2, 3, 4)
        ]


def test_a_delivery_replayed_after_its_expiry_is_refused(tmp_path, monkeypatch):
    with served(tmp_path / "inbox.db", public_key=pem()) as receiver:
        token = signed(receiver.url, BODY)
        assert receiver.post(BODY, token) == 200
        assert receiver.post(BODY, token) == 200

        class Later(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + timedelta(minutes=2)

        monkeypatch.setattr("jwt.api_jwt.datetime", Later)
        assert receiver.post(BODY, token) == 401
        assert len(receiver.events) == 1


def test_the_secret_may_be_a_parameter_or_the_end_of_the_path(tmp_path):
    with served(tmp_path / "inbox.db", secret=SECRET) as receiver:
        for number, suffix in enumerate((f"?secret={SECRET}", f"/{SECRET}", f"/{SECRET}?x=1")):
            assert receiver.post(payload(number), suffix=suffix) == 200
        for suffix in (
            "",
            "?secret=",
            f"?secret={SECRET[:-1]}",
            f"?secret={SECRET}x",
            f"?key={SECRET}",
            f"/{SECRET}/more",
            "?secret=%F0%9F%98%80%FF",
        ):
            assert receiver.post(BODY, suffix=suffix) == 401, suffix
        assert len(receiver.events) == 3


def test_where_both_are_configured_both_are_needed(tmp_path):
    with served(tmp_path / "inbox.db", secret=SECRET, public_key=pem()) as receiver:
        token = signed(receiver.url, BODY)
        assert receiver.post(BODY, token) == 401
        assert receiver.post(BODY, suffix=f"?secret={SECRET}") == 401
        assert receiver.events == []
        assert receiver.post(BODY, token, suffix=f"?secret={SECRET}") == 200


def test_the_key_is_read_as_gong_shows_it():
    bare = "".join(line for line in pem().splitlines() if "-----" not in line)
    folded = "\n".join(line for line in pem().splitlines() if "-----" not in line)
    for text in (pem(), bare, folded, f"\n {bare}\n", pem().replace("\n", "\r\n")):
        assert read_public_key(text).public_numbers() == key().public_key().public_numbers()


@pytest.mark.parametrize("kind", ["nothing", "text", "private", "short", "curve"])
def test_any_other_key_is_named(kind):
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    private = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    spki = PublicFormat.SubjectPublicKeyInfo
    text = {
        "nothing": "",
        "text": "Click to copy",
        "private": private,
        "short": small.public_bytes(Encoding.PEM, spki).decode(),
        "curve": curve.public_bytes(Encoding.PEM, spki).decode(),
    }[kind]
    with pytest.raises(SettingsError, match=r"^--public-key") as error:
        read_public_key(text)
    assert "\n" not in str(error.value)
    assert private.splitlines()[1] not in str(error.value)


def test_nothing_to_tell_by_is_no_configuration():
    gongs = read_public_key(pem())
    for missing in ({}, {"secret": ""}, {"url": "https://x.example"}):
        with pytest.raises(SettingsError):
            Verifier(**missing)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="--url"):
        Verifier(public_key=gongs)
    with pytest.raises(SettingsError, match="--public-key"):
        Verifier(secret=SECRET, url="https://x.example")
