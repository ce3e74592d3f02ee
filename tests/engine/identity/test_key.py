import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine.identity.errors import IdentityError
from engine.identity.key import Identity
from tests.conftest import ROOT

_FIFTY_PROCESSES = """\
import os, sys
from pathlib import Path
from engine.identity.key import Identity
gate, opener = os.pipe()
for _ in range(50):
    if os.fork() == 0:
        os.close(opener)
        os.read(gate, 1)  # until it is closed
        key, created = Identity(Path(sys.argv[1])).ensure_key()
        os.write(1, f"{int(created)} {key.public_line}\\n".encode())
        os._exit(0)
os.close(opener)
for _ in range(50):
    assert os.wait()[1] == 0
"""


def test_the_key_is_made_once_private_and_in_openssh_format(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    identity = Identity(folder)
    key, created = identity.ensure_key()
    assert created
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(identity.path.stat().st_mode) == 0o600
    public = folder / "id_ed25519.pub"
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    assert public.read_text() == f"{key.public_line}\n"
    assert identity.path.read_bytes().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert {path.name for path in folder.iterdir()} == {"id_ed25519", "id_ed25519.pub"}
    again, created_again = Identity(folder).ensure_key()
    assert not created_again
    assert again.public_line == key.public_line


def test_a_key_that_ssh_keygen_made_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", str(path)], check=True
    )
    line = path.with_suffix(".pub").read_text().split()
    assert Identity(tmp_path).load_key().public_line.split() == line[:2]
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(path)], check=True, capture_output=True, text=True
    )
    assert shown.stdout.split()[:2] == line[:2]


def test_signatures_verify_with_the_public_line(tmp_path: Path) -> None:
    key = Identity(tmp_path).load_key()
    public, _, signature = key.authorize("GET,somewhere").partition(":")
    assert public == key.public_line.split()[1]
    raw = base64.b64decode(public)[-32:]
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature), b"GET,somewhere")


def test_fifty_processes_at_once_make_one_key(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", _FIFTY_PROCESSES, str(folder)],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=50,
    )
    answers = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert len(answers) == 50
    assert sum(int(created) for created, _ in answers) == 1
    assert len({line for _, line in answers}) == 1
    assert {path.name for path in folder.iterdir()} == {"id_ed25519", "id_ed25519.pub"}


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Identity(tmp_path).load_key()
    (tmp_path / "id_ed25519").chmod(0o644)
    with pytest.raises(IdentityError, match="can be read by others"):
        Identity(tmp_path).load_key()


@pytest.mark.parametrize("content", [b"", b"no key", b"\x00" * 100])
def test_a_damaged_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "id_ed25519"
    path.write_bytes(content)
    path.chmod(0o600)
    os.utime(path, (1, 1))
    with pytest.raises(IdentityError, match="is damaged"):
        Identity(tmp_path).load_key()
    assert path.read_bytes() == content


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, generate_private_key(SECP256R1()), serialization.NoEncryption())
    with pytest.raises(IdentityError, match="no ed25519 key"):
        Identity(tmp_path).load_key()


def test_a_key_with_a_passphrase_says_so(tmp_path: Path) -> None:
    _write(tmp_path, Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"x"))
    with pytest.raises(IdentityError, match="passphrase"):
        Identity(tmp_path).load_key()


def _write(folder: Path, key: object, encryption: serialization.KeySerializationEncryption) -> None:
    path = folder / "id_ed25519"
    data = key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption
    )
    path.write_bytes(data)
    path.chmod(0o600)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(IdentityError, match=r"^the key id_ed25519 can't be used: ") as caught:
        Identity(tmp_path / "file" / "below").load_key()
    assert str(tmp_path) not in str(caught.value)


def test_the_private_key_is_in_no_representation(tmp_path: Path) -> None:
    identity = Identity(tmp_path)
    key = identity.load_key()
    assert "Private" not in repr(key)
    assert repr(key) == f"Key(public_line={key.public_line!r})"
