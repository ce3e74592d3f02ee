import base64
import hashlib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from engine.identity.key import Key
from engine.identity.signing import (
    authorize_token_request,
    connect_url,
    encoded_public_key,
    sign_request,
    token_url,
)

KEY = Key.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def _verify(authorization: str, challenge: str) -> None:
    public, _, signature = authorization.partition(":")
    raw = base64.b64decode(public)[-32:]
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature), challenge.encode())


def test_a_token_request_is_written_as_the_registry_checks_it() -> None:
    url = token_url(
        "https://r.example/token?z=1",
        "my service",
        ["repository:a/b:pull", "x:y"],
        now_s=1700000000,
        nonce="n-_",
    )
    assert url == (
        "https://r.example/token?nonce=n-_&scope=repository%3Aa%2Fb%3Apull&scope=x%3Ay"
        "&service=my+service&ts=1700000000&z=1"
    )
    nothing = base64.b64encode(hashlib.sha256(b"").hexdigest().encode()).decode()
    _verify(authorize_token_request(KEY, url), f"GET,{url},{nothing}")


def test_every_token_request_is_fresh() -> None:
    urls = {token_url("https://r.example/token", "s", []) for _ in range(100)}
    nonces = {parse_qs(urlsplit(url).query)["nonce"][0] for url in urls}
    assert len(nonces) == 100
    assert all(len(base64.urlsafe_b64decode(nonce + "==")) == 16 for nonce in nonces)


@given(st.text(), st.lists(st.text(min_size=1), max_size=4))
def test_what_a_registry_says_stays_inside_the_query(service: str, scopes: list[str]) -> None:
    service = service.encode("utf-8", "replace").decode()
    scopes = [scope.encode("utf-8", "replace").decode() for scope in scopes]
    parts = urlsplit(token_url("https://r.example/token", service, scopes, now_s=1, nonce="n"))
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "r.example", "/token")
    query = parse_qs(parts.query, keep_blank_values=True)
    assert query["service"] == [service]
    assert query.get("scope", []) == scopes


def test_requests_to_the_account_are_signed_with_their_time() -> None:
    path, authorization = sign_request(KEY, "POST", "/api/me", now_s=1700000000)
    assert path == "/api/me?ts=1700000000"
    _verify(authorization, "POST,/api/me?ts=1700000000")


def test_the_connect_url_holds_name_and_key(tmp_path: Path) -> None:
    url = connect_url(KEY, "my laptop/ä")
    encoded = base64.urlsafe_b64encode(KEY.public_line.encode()).decode().rstrip("=")
    assert url == f"https://ollama.com/connect?name=my%20laptop%2F%C3%A4&key={encoded}"
    assert encoded_public_key(KEY) == encoded
