"""What a Modelfile asks to be uploaded and created."""

import subprocess
import sys

import pytest

from engine.errors import InvalidRequestError
from engine.library.errors import ModelfileError
from engine.library.modelfile import parse_modelfile
from engine.library.modelfile_request import build_create_request
from tests.conftest import ROOT


def build(text, folder):
    return build_create_request(parse_modelfile(text), folder)


def test_model_name_and_texts(tmp_path):
    request = build(
        "FROM llama3\nSYSTEM a\nSYSTEM b\nTEMPLATE x\nTEMPLATE y\nLICENSE l1\nLICENSE l2\n"
        "PARAMETER temperature 1\nPARAMETER temperature 0.5\nPARAMETER stop a\nPARAMETER stop b\n"
        "PARAMETER num_ctx 4096\nPARAMETER use_mmap false\nPARAMETER mirostat 1\n"
        "MESSAGE user hi\nMESSAGE assistant ho\nRENDERER r\nPARSER p\nREQUIRES v0.14.0",
        tmp_path,
    )
    assert request.from_ == "llama3"
    assert request.files == {}
    assert (request.system, request.template) == ("b", "y")
    assert request.license == ("l1", "l2")
    assert request.parameters == {
        "temperature": 0.5,
        "stop": ["a", "b"],
        "num_ctx": 4096,
        "use_mmap": False,
    }
    assert request.warnings == ("warning: parameter mirostat is deprecated",)
    assert request.messages == (("user", "hi"), ("assistant", "ho"))
    assert (request.renderer, request.parser, request.requires) == ("r", "p", "v0.14.0")


def test_a_file_named_like_a_model_wins(tmp_path):
    (tmp_path / "llama3").write_bytes(b"GGUF")
    request = build("FROM llama3", tmp_path)
    assert request.from_ == ""
    assert request.files == {"llama3": tmp_path / "llama3"}


@pytest.mark.parametrize("form", ["./sub/m.gguf", "sub/../sub/m.gguf", "{tmp}/sub/m.gguf"])
def test_paths_are_relative_to_the_modelfile(tmp_path, form):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/m.gguf").write_bytes(b"GGUF")
    request = build(f"FROM {form.format(tmp=tmp_path)}", tmp_path)
    assert request.files == {"m.gguf": tmp_path / "sub/m.gguf"}


def test_home_is_expanded(isolated_home):
    (isolated_home / "m.gguf").write_bytes(b"GGUF")
    assert build("FROM ~/m.gguf", ROOT).files == {"m.gguf": isolated_home / "m.gguf"}


def test_several_files_get_names_below_their_common_folder(tmp_path):
    for name in ("a/m.gguf", "b/m.gguf", "adapter.gguf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"GGUF")
    request = build("FROM a/m.gguf\nFROM b/m.gguf\nADAPTER adapter.gguf", tmp_path)
    assert request.files == {"a/m.gguf": tmp_path / "a/m.gguf", "b/m.gguf": tmp_path / "b/m.gguf"}
    assert request.adapters == {"adapter.gguf": tmp_path / "adapter.gguf"}


def test_folder_with_gguf_files(tmp_path):
    for name in ("model.gguf", "mmproj.gguf", "README.md"):
        (tmp_path / name).write_bytes(b"")
    assert list(build("FROM .", tmp_path).files) == ["mmproj.gguf", "model.gguf"]


@pytest.mark.parametrize(
    ("file", "match"),
    [
        ("model-00001-of-00002.safetensors", "safetensors models can't be imported"),
        ("pytorch_model.bin", "PyTorch models can't be imported"),
        ("README.md", "^no Modelfile or safetensors files found$"),
    ],
)
def test_folders_that_cannot_be_imported(tmp_path, file, match):
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(ModelfileError, match=match):
        build("FROM .", tmp_path)


def test_links_out_of_the_folder_are_refused(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.gguf").write_bytes(b"")
    (folder / "m.gguf").symlink_to(tmp_path / "secret.gguf")
    with pytest.raises(ModelfileError, match=r"^insecure path: m\.gguf$"):
        build("FROM .", folder)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("FROM x\nADAPTER ./nowhere", ModelfileError, r"^the ADAPTER path does not exist"),
        ("FROM x\nDRAFT ./nowhere", ModelfileError, r"^the DRAFT path does not exist"),
        ("FROM m.gguf\nDRAFT m.gguf", ModelfileError, "DRAFT must not reference the same local"),
        ("FROM x\nREQUIRES soon", ModelfileError, r"^requires must be a valid semver"),
        ('FROM ""', ModelfileError, "FROM needs"),
        ("FROM x\nPARAMETER top_q 1", InvalidRequestError, r"^unknown parameter 'top_q'$"),
        ("FROM x\nPARAMETER top_k a b", InvalidRequestError, r"^invalid int value \[a b\]$"),
    ],
)
def test_errors(tmp_path, text, error, match):
    (tmp_path / "m.gguf").write_bytes(b"")
    with pytest.raises(error, match=match):
        build(text, tmp_path)


def test_the_command_line_pays_for_nothing_heavy():
    code = (
        "import sys, engine.library.modelfile, engine.library.modelfile_request\n"
        "heavy = {'numpy', 'pydantic', 'jinja2', 'fastapi', 'llama_cpp', 'PySide6'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
