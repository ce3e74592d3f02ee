import subprocess
import sys

import pytest

from app.cli.main import COMMANDS, main

HEAVY = (
    "fastapi",
    "PySide6",
    "numpy",
    "llama_cpp",
    "pydantic",
    "rich",
    "uvicorn",
    "prompt_toolkit",
)


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    status = main(args)
    output = capsys.readouterr()
    return status, output.out, output.err


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["foo"], 'unknown command "foo" for "corral"'),
        (["help", "foo"], 'unknown command "foo" for "corral"'),
        (["--foo"], "unknown flag: --foo"),
        (["list", "--foo"], "unknown flag: --foo"),
        (["list", "--foo=1"], "unknown flag: --foo"),
        (["ps", "-q"], "unknown shorthand flag: 'q' in -q"),
        (["show"], "accepts 1 arg(s), received 0"),
        (["stop", "a", "b"], "accepts 1 arg(s), received 2"),
        (["cp", "a"], "accepts 2 arg(s), received 1"),
        (["rm"], "requires at least 1 arg(s), only received 0"),
        (["run"], "requires at least 1 arg(s), only received 0"),
        (["serve", "x"], "accepts 0 arg(s), received 1"),
        (["run", "m", "--format"], "flag needs an argument: --format"),
        (["create", "m", "-f"], "flag needs an argument: 'f' in -f"),
        (["run", "m", "p", "--think=much"], 'invalid value for --think: "much" (must be true, '
         "false, high, medium, low, or max)"),
        (["run", "m", "--keepalive", "300"], 'time: missing unit in duration "300"'),
        (["show", "m", "--system", "--license"], "only one of '--license', '--modelfile', "
         "'--parameters', '--system', or '--template' can be specified"),
    ],
)  # fmt: skip
def test_usage_errors_are_one_line_and_exit_1(
    capsys: pytest.CaptureFixture[str], args: list[str], text: str
) -> None:
    assert run(capsys, *args) == (1, "", f"Error: {text}\n")


def test_a_bad_boolean_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = run(capsys, "run", "m", "--verbose=maybe")
    assert status == 1
    assert error.startswith('Error: invalid argument "maybe" for "--verbose" flag: ')


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    status, out, error = run(capsys, *args)
    assert (status, error) == (0, "")
    assert out.startswith("Large language model runner\n\nUsage:\n  corral [flags]\n")
    for entry in COMMANDS:
        assert f"  {entry.name:11} {entry.summary}\n" in out


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], entry) -> None:
    for args in ([entry.name, "--help"], ["help", entry.name]):
        status, out, error = run(capsys, *args)
        assert (status, error) == (0, "")
        assert out.startswith(f"{entry.summary}\n\nUsage:\n  corral {entry.name}")
        assert f"help for {entry.name}\n" in out


@pytest.mark.parametrize("args", [["list"], ["ls"], ["ps"], ["show", "m"], ["stop", "m"],
                                  ["cp", "a", "b"], ["rm", "m"]])  # fmt: skip
def test_without_a_server_the_error_says_how_to_start_one(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    free_port: int,
    args: list[str],
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port}")
    text = "Error: could not connect to corral server, run 'corral serve' to start it\n"
    assert run(capsys, *args) == (1, "", text)


def test_without_a_server_the_version_is_the_clients(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port}")
    status, out, _ = run(capsys, "--version")
    assert status == 0
    assert out.startswith("Warning: could not connect to a running Corral instance\n")


def test_a_command_imports_nothing_heavy() -> None:
    program = (
        "import sys, app.cli.main, app.cli.list, app.cli.show, app.cli.run, app.cli.create\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "[]\n"
