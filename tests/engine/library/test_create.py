"""Making models: every way in, every refusal, and what a refusal leaves behind."""

import json
import os

import pytest

from engine.errors import InvalidRequestError, ModelNotFoundError
from engine.library.createrequest import CreateRequest, Progress
from engine.library.digests import Digest
from engine.library.errors import (
    CreateError,
    InvalidDigestError,
    InvalidNameError,
    UnsupportedCreateError,
)
from engine.library.manifests import ADAPTER, MODEL, PROJECTOR
from engine.prompt.messages import Message
from tests.conftest import TINY_MODEL
from tests.engine.library import ggufbytes as b
from tests.engine.library.ggufbytes import key_value, small_model


@pytest.fixture
def create(library):
    def run(name="mine", **fields) -> list[Progress]:
        return list(library.create(CreateRequest(name, **fields)))

    return run


def statuses(reports: list[Progress]) -> list[str]:
    return [report.status for report in reports]


def manifests(root) -> list[str]:
    return [file for _, _, files in os.walk(root / "manifests") for file in files]


ADAPTER_FILE = small_model(key_value("general.type", b.STRING, "adapter"))
CLIP_FILE = small_model(key_value("clip.has_vision_encoder", b.BOOL, 1), architecture="clip")


def test_from_a_gguf_file(create, library, upload):
    digest = upload(TINY_MODEL.read_bytes())
    reports = create(files={"tiny.gguf": digest}, system="Be brief.")
    system = Digest.of(b"Be brief.")
    assert statuses(reports) == [
        "validating GGUF model",
        f"using existing layer {digest}",
        f"creating new layer {system}",
        "writing manifest",
        "success",
    ]
    model = library.get("mine")
    assert str(model.manifest.layers[0].digest) == digest
    assert model.config.model_format == "gguf"
    assert model.config.model_family == "qwen3"
    assert model.config.model_families == ("qwen3",)
    assert model.config.file_type == "Q8_0"
    assert model.config.model_type == "5.77M"
    assert model.system == "Be brief."
    assert model.parent_model == ""


def test_a_gguf_file_of_any_name_is_recognised(create, library, upload):
    create(files={"sha256-0123": upload(small_model())})
    assert library.get("mine").config.model_family == "llama"


def test_everything_that_can_be_given_is_kept(create, library):
    create(
        from_="tiny",
        template="{{ .System }} {{ .Prompt }}",
        system="s",
        license=("MIT", "Apache"),
        parameters={"temperature": 0.5, "stop": ["a", "b"], "num_ctx": 128, "top_k": None},
        messages=(Message("user", "hi"), Message("assistant", "ho")),
        renderer="r",
        parser="p",
        requires="0.14.0",
    )
    model = library.get("mine")
    assert model.template == "{{ .System }} {{ .Prompt }}"
    assert model.system == "s"
    assert model.licenses == ("MIT", "Apache")
    assert model.parameters == {"temperature": 0.5, "stop": ["a", "b"], "num_ctx": 128}
    assert model.messages == (Message("user", "hi"), Message("assistant", "ho"))
    assert (model.config.renderer, model.config.parser) == ("r", "p")
    assert model.config.requires == "0.14.0"
    assert model.parent_model == "tiny:latest"


def test_from_a_model_replaces_adds_and_merges(create, library):
    create(
        "base",
        from_="tiny",
        template="{{ .Prompt }}1",
        system="one",
        license=("L1",),
        parameters={"top_k": 1, "seed": 1},
        messages=(Message("user", "one"),),
        renderer="r",
        requires="1.0",
    )
    reports = create(
        from_="base",
        template="{{ .Prompt }}2",
        system="two",
        license=("L2", "L1"),
        parameters={"seed": 2},
        messages=(Message("user", "two"),),
        parser="p",
    )
    assert sum(s.startswith("using existing layer") for s in statuses(reports)) == 2
    model = library.get("mine")
    assert model.template == "{{ .Prompt }}2"
    assert model.system == "two"
    assert model.licenses[0] == "L1"
    assert "L2" in model.licenses
    assert model.parameters == {"top_k": 1, "seed": 2}
    assert model.messages == (Message("user", "two"),)
    assert (model.config.renderer, model.config.parser) == ("r", "p")
    assert model.config.requires == "1.0"
    assert model.parent_model == "base:latest"
    assert library.get("base").system == "one"


def test_nothing_given_means_nothing_changed(create, library):
    create("base", from_="tiny", system="one", parameters={"seed": 1})
    create(from_="base")
    assert library.get("mine").system == "one"
    assert library.get("mine").parameters == {"seed": 1}


def test_creating_over_a_model_frees_its_old_layers(create, library, root):
    create(from_="tiny", system="one")
    old = library.get("mine").manifest.digests
    create("MINE", from_="mine", system="two")
    assert library.get("mine").system == "two"
    assert library.get("mine").name.short == "mine:latest"
    gone = [digest for digest in old if not library.has_blob(digest)]
    assert gone == [Digest.of(b"one")]
    assert manifests(root) == ["latest"]


def test_projector_and_adapter_get_their_own_layers(create, library, upload):
    create(
        files={"m.gguf": upload(small_model()), "mmproj.gguf": upload(CLIP_FILE)},
        adapters={"a.gguf": upload(ADAPTER_FILE)},
    )
    model = library.get("mine")
    assert [layer.media_type for layer in model.manifest.layers] == [MODEL, PROJECTOR, ADAPTER]
    assert model.config.model_families == ("llama", "clip")
    assert len(model.projector_paths) == len(model.adapter_paths) == 1
    assert "vision" in model.capabilities


@pytest.mark.parametrize(
    "key",
    [
        key_value("general.type", b.STRING, "mmproj"),
        key_value("general.type", b.STRING, "projector"),
        key_value("llama.vision.block_count", b.U32, 2),
    ],
)
def test_projector_is_added_to_an_existing_model(create, library, upload, key):
    create(from_="tiny", files={"mmproj.gguf": upload(small_model(key))})
    assert len(library.get("mine").projector_paths) == 1


def test_info_overrides_what_the_file_says(create, library, upload):
    create(
        files={"m.gguf": upload(small_model())},
        info={"model_family": "x", "context_length": 10, "capabilities": ["vision"]},
    )
    model = library.get("mine")
    assert model.config.model_family == "x"
    assert model.details.context_length == 10
    assert model.capabilities[0] == "vision"


def test_quantizing_to_what_it_is_already_does_nothing(create, library):
    create(from_="tiny", quantize="q8_0")
    assert library.get("mine").config.file_type == "Q8_0"


HEX = "0" * 64


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"name": ""}, InvalidNameError, "invalid model name"),
        ({"name": "../x"}, InvalidNameError, "invalid model name"),
        ({"from_": "a b"}, InvalidNameError, "invalid model name"),
        ({"from_": ""}, CreateError, "neither 'from' or 'files' was specified"),
        ({"files": {"/etc/passwd": f"sha256:{HEX}"}}, CreateError, "file path must be relative"),
        ({"files": {"../x": f"sha256:{HEX}"}}, CreateError, "file path must be relative"),
        ({"files": {"a/../../x": f"sha256:{HEX}"}}, CreateError, "file path must be relative"),
        ({"files": {"a\\b": f"sha256:{HEX}"}}, CreateError, "file path must be relative"),
        ({"files": {"C:x": f"sha256:{HEX}"}}, CreateError, "file path must be relative"),
        ({"files": {"./x": f"sha256:{HEX}"}}, CreateError, "file path must be relative"),
        ({"files": {"": f"sha256:{HEX}"}}, CreateError, "file path must be relative"),
        ({"files": {"x": ""}}, InvalidDigestError, "invalid digest format"),
        ({"files": {"x": "sha256:../../x"}}, InvalidDigestError, "invalid digest format"),
        ({"draft_quantize": "q8_0"}, CreateError, "--draft-quantize requires a DRAFT model"),
        (
            {"adapters": {"a": f"sha256:{HEX}", "b": f"sha256:{HEX}"}},
            CreateError,
            "only one adapter is currently supported",
        ),
        ({"info": {"model_family": 1}}, CreateError, 'info field "model_family" must be a string'),
        (
            {"info": {"context_length": "1"}},
            CreateError,
            'info field "context_length" must be a number',
        ),
        (
            {"info": {"context_length": -1}},
            CreateError,
            'info field "context_length" must be a non-negative integer',
        ),
        (
            {"info": {"embedding_length": float("nan")}},
            CreateError,
            'info field "embedding_length" must be a non-negative integer',
        ),
        (
            {"quantize": "Q2_K"},
            CreateError,
            "unsupported quantization type Q2_K - supported types are F32, F16, Q4_K_S, Q4_K_M, "
            "Q8_0",
        ),
        (
            {"remote_host": "https://x", "draft_files": {"x": f"sha256:{HEX}"}},
            CreateError,
            "DRAFT cannot be used with remote models",
        ),
        (
            {"parameters": {"top_k": "x"}},
            CreateError,
            'option "top_k" must be of type integer',
        ),
        (
            {"messages": (Message("badguy", "x"),)},
            CreateError,
            'message role must be one of "system", "user", or "assistant"',
        ),
        ({"requires": "soon"}, CreateError, "requires must be a valid semver (e.g. 0.14.0)"),
        ({"system": "\ud800"}, CreateError, "the request holds text that is not valid Unicode"),
    ],
)
def test_requests_that_cannot_be_right_are_refused_at_once(library, root, fields, error, message):
    request = CreateRequest(**({"model": fields.pop("name", "mine"), "from_": "tiny"} | fields))
    with pytest.raises(error) as caught:
        library.create(request)
    assert str(caught.value) == message
    assert isinstance(caught.value, InvalidRequestError)
    assert not root.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"from_": "llama:cloud"},
        {"from_": "llama:70b-cloud"},
        {"remote_host": "https://example.com"},
        {"draft_files": {"x": f"sha256:{HEX}"}},
    ],
)
def test_what_this_release_lacks_is_said_in_a_sentence(library, fields):
    with pytest.raises(UnsupportedCreateError, match="by this version yet"):
        library.create(CreateRequest(**({"model": "mine", "from_": "tiny"} | fields)))


def test_malformed_template_is_refused(library):
    with pytest.raises(CreateError, match=r"^template error: "):
        library.create(CreateRequest("mine", from_="tiny", template="{{ .Prompt"))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("m.gguf", b"garbage" * 100, "supplied file was not in GGUF format"),
        ("m.gguf", b"", "supplied file was not in GGUF format"),
        ("m.xyz", b"garbage", "unknown type"),
        ("m.gguf", small_model()[:-1], "the file is truncated"),
        ("m.gguf", TINY_MODEL.read_bytes()[:1_000_000], "the file is truncated"),
        ("m.gguf", b"GGUF\3\0\0\0", "the file is truncated"),
        ("m.safetensors", b"{}", "safetensors models can't be imported by this version yet"),
        (
            "m-00001-of-00002.gguf",
            small_model(key_value("split.count", b.U16, 2)),
            "split GGUF files can't be imported",
        ),
        ("m.gguf", CLIP_FILE, "no base model was found"),
    ],
)
def test_bad_files_leave_the_old_model_and_no_new_one(
    create, library, root, upload, name, data, message
):
    create(from_="tiny", system="old")
    with pytest.raises(CreateError) as caught:
        create(files={name: upload(data)}, system="new")
    assert str(caught.value).startswith(message)
    assert library.get("mine").system == "old"
    assert manifests(root) == ["latest"]


def test_file_that_was_never_uploaded(create):
    with pytest.raises(CreateError, match="has not been uploaded"):
        create(files={"m.gguf": f"sha256:{HEX}"})


def test_unknown_base(create, root):
    with pytest.raises(ModelNotFoundError, match=r"^model 'nope' not found$"):
        create(from_="nope")
    assert manifests(root) == []


def test_a_model_given_twice_is_refused(create, upload):
    one, two = upload(small_model()), upload(small_model(filler=b"\1"))
    with pytest.raises(CreateError, match="only one model"):
        create(files={"a.gguf": one, "b.gguf": two})
    with pytest.raises(CreateError, match="no second model"):
        create(from_="tiny", files={"a.gguf": one})


def test_an_adapter_must_be_one(create, upload):
    with pytest.raises(CreateError, match="is no adapter"):
        create(from_="tiny", adapters={"a.gguf": upload(small_model())})


def test_quantizing_is_refused(create, upload):
    with pytest.raises(CreateError) as caught:
        create(from_="tiny", quantize="q4_k")
    assert str(caught.value) == "quantization is only supported for F16, BF16 and F32 models"
    data = small_model(key_value("general.file_type", b.U32, 1))
    with pytest.raises(UnsupportedCreateError, match="can't be quantized"):
        create(files={"m.gguf": upload(data)}, quantize="q4_k")


def test_creation_that_is_left_halfway_writes_no_manifest(library, root):
    work = library.create(CreateRequest("mine", from_="tiny", system="x"))
    assert next(work).status.startswith("using existing layer")
    work.close()
    assert manifests(root) == []
    assert library.prune(-10) > 0
    assert os.listdir(root / "blobs") == []


def test_layers_in_the_making_are_not_deleted(library, root):
    list(library.create(CreateRequest("other", from_="tiny", system="x")))
    work = library.create(CreateRequest("mine", from_="tiny", system="x"))
    next(work)
    library.delete("other")
    library.prune(-10)
    list(work)
    assert library.get("mine").system == "x"
    assert all(library.has_blob(digest) for digest in library.get("mine").manifest.digests)


def test_manifest_on_disk_is_what_other_programs_read(create, root):
    create(from_="tiny", parameters={"stop": ["x"]})
    path = root / "manifests/registry.ollama.ai/library/mine/latest"
    manifest = json.loads(path.read_bytes())
    assert manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert [layer["mediaType"].rpartition(".")[2] for layer in manifest["layers"]] == [
        "model",
        "params",
    ]
    assert manifest["layers"][0]["from"] == "tiny:latest"
    params = root / "blobs" / manifest["layers"][1]["digest"].replace(":", "-")
    assert json.loads(params.read_bytes()) == {"stop": ["x"]}
