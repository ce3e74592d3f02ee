"""Manifests and configurations from elsewhere."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.library.digests import Digest
from engine.library.errors import DamagedModelError
from engine.library.manifests import (
    CONFIG_MEDIA_TYPE,
    MODEL,
    SYSTEM,
    Layer,
    Manifest,
    ModelConfig,
)

A, B = "a" * 64, "b" * 64


def test_manifest_is_written_as_other_programs_write_it():
    manifest = Manifest(
        Layer(CONFIG_MEDIA_TYPE, Digest(A), 5), (Layer(MODEL, Digest(B), 7, origin="base:latest"),)
    )
    data = manifest.encode()
    assert data.endswith(b"}\n")
    assert b" " not in data
    assert json.loads(data) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": CONFIG_MEDIA_TYPE, "digest": f"sha256:{A}", "size": 5},
        "layers": [{"mediaType": MODEL, "digest": f"sha256:{B}", "size": 7, "from": "base:latest"}],
    }
    assert Manifest.decode(data) == manifest
    assert manifest.size_bytes == 12
    assert manifest.digests == {Digest(A), Digest(B)}
    assert manifest.of_type(SYSTEM) == ()


def test_foreign_manifest_is_understood():
    data = json.dumps(
        {
            "annotations": {"x": 1},
            "config": {"mediaType": "c", "digest": f"sha256-{A.upper()}", "size": 1},
            "layers": None,
        }
    ).encode()
    assert Manifest.decode(data).config.digest == Digest(A)


def manifest_json(**config: object) -> bytes:
    wire = {"mediaType": "c", "digest": f"sha256:{A}", "size": 1} | config
    return json.dumps({"config": wire, "layers": []}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        manifest_json()[:-1],
        manifest_json(digest="sha256:../../etc/passwd"),
        manifest_json(digest="sha256:" + A + "\n"),
        manifest_json(digest=None),
        manifest_json(size=-1),
        manifest_json(size="1"),
        manifest_json(size=2**70),
        b"[" * 100_000,
    ],
)
def test_damaged_or_hostile_manifest_is_refused(data):
    with pytest.raises(DamagedModelError):
        Manifest.decode(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data):
    for kind in (Manifest, ModelConfig):
        try:
            kind.decode(data)
        except DamagedModelError:
            continue


def test_configuration_survives_a_round_trip():
    config = ModelConfig(
        model_format="gguf",
        model_family="llama",
        model_families=("llama", "clip"),
        model_type="8.0B",
        file_type="Q4_K_M",
        renderer="qwen3-coder",
        requires="0.14.0",
        capabilities=("vision",),
        context_length=4096,
        draft={"architecture": "x"},
    )
    data = config.encode()
    assert ModelConfig.decode(data) == config
    wire = json.loads(data)
    assert wire["architecture"] == "amd64"
    assert wire["os"] == "linux"
    assert "parser" not in wire


def test_configuration_with_nulls_and_unknown_keys_is_understood():
    data = b'{"model_families":null,"parser":null,"rootfs":{"type":"layers"},"model_family":"phi"}'
    assert ModelConfig.decode(data) == ModelConfig(model_family="phi")


def test_damaged_configuration_is_refused():
    with pytest.raises(DamagedModelError):
        ModelConfig.decode(b'{"model_family":1}')
