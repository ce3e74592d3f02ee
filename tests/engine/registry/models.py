"""Models in Ollama's layout for registries to hold, and the way to push them."""

import hashlib
import json
from dataclasses import dataclass

import httpx2

from engine.library.manifests import (
    CONFIG_MEDIA_TYPE,
    LICENSE,
    MANIFEST_MEDIA_TYPE,
    MODEL,
    PARAMS,
    TEMPLATE,
)
from tests.conftest import TINY_MODEL


@dataclass(frozen=True)
class SampleModel:
    """A manifest and its blobs by digest, layers first, the configuration last."""

    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return hashlib.sha256(self.manifest).hexdigest()


def sample_model(
    weights: bytes | None = None, license_text: str = "Do as you like."
) -> SampleModel:
    """The bundled model as a registry has it, or one with other bytes for weights."""
    parts = [
        (MODEL, TINY_MODEL.read_bytes() if weights is None else weights),
        (TEMPLATE, b"{{ .Prompt }}"),
        (LICENSE, license_text.encode()),
        (PARAMS, b'{"temperature":0}'),
    ]
    config = json.dumps({"model_format": "gguf", "model_family": "llama"}).encode()
    blobs: dict[str, bytes] = {}

    def layer(media_type: str, data: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    layers = [layer(media_type, data) for media_type, data in parts]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_MEDIA_TYPE,
        "config": layer(CONFIG_MEDIA_TYPE, config),
        "layers": layers,
    }
    # Blanks and an unknown key: what is stored must be what was received.
    return SampleModel(
        json.dumps({**manifest, "annotations": {"a": "b"}}, indent=1).encode(), blobs
    )


def push(url: str, repository: str, tag: str, model: SampleModel) -> None:
    """Into a real registry, over its own API."""
    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        for digest, data in model.blobs.items():
            started = client.post(f"/v2/{repository}/blobs/uploads/").raise_for_status()
            place = httpx2.URL(started.headers["location"]).copy_merge_params({"digest": digest})
            client.put(place, content=data).raise_for_status()
        client.put(
            f"/v2/{repository}/manifests/{tag}",
            content=model.manifest,
            headers={"Content-Type": MANIFEST_MEDIA_TYPE},
        ).raise_for_status()
