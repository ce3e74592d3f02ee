from engine.scheduler.environment import select_runner_environment

SECRETS = {
    "HF_TOKEN": "x",
    "OLLAMA_HOST": "x",
    "HTTPS_PROXY": "x",
    "HOME": "x",
    "SSH_AUTH_SOCK": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "DISPLAY": "x",
    "LD_PRELOAD": "x",
    "_PYI_APPLICATION_HOME_DIR": "x",
}


def test_only_what_a_runner_needs_is_passed_on():
    needed = {"PATH": "/bin", "LANG": "C.UTF-8", "CUDA_VISIBLE_DEVICES": "1", "TMPDIR": "/t"}
    assert select_runner_environment(SECRETS | needed, frozen=False) == needed


def test_windows_spelling_of_names_is_kept():
    environment = {"Path": "C:\\Windows", "SystemRoot": "C:\\Windows"}
    assert select_runner_environment(environment, frozen=False) == environment


def test_source_install_keeps_its_library_path():
    environment = {"LD_LIBRARY_PATH": "/opt/lib", "PYTHONPATH": "/src"}
    assert select_runner_environment(environment, frozen=False) == environment


def test_frozen_program_gets_the_library_path_from_before_its_start():
    environment = {
        "LD_LIBRARY_PATH": "/dist/_internal",
        "LD_LIBRARY_PATH_ORIG": "/opt/lib",
        "PYTHONPATH": "/src",
    }
    assert select_runner_environment(environment, frozen=True) == {"LD_LIBRARY_PATH": "/opt/lib"}


def test_frozen_program_without_a_library_path_passes_none():
    assert select_runner_environment({"LD_LIBRARY_PATH": "/dist"}, frozen=True) == {}
