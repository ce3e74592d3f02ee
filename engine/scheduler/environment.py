"""Which environment variables a runner process is given. Pure.

A runner works on files from strangers, so it is told nothing that it does not need: no tokens,
no proxies, no home folder, no session bus.
"""

from collections.abc import Mapping

_KEPT = frozenset(
    {
        "PATH",  # Windows finds DLLs through it
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TMPDIR",
        "TEMP",
        "TMP",
        "SYSTEMROOT",  # Windows: without it Python cannot seed its random numbers
        "WINDIR",
        "LD_LIBRARY_PATH",  # installs from source whose C++ runtime is not in the default place
        "DYLD_LIBRARY_PATH",
        "PYTHONPATH",
        "LLAMA_CPP_LIB_PATH",
        # Which GPUs may be seen (spec 10).
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",
        "GGML_VK_VISIBLE_DEVICES",
        "HSA_OVERRIDE_GFX_VERSION",
        "JETSON_JETPACK",
    }
)


def select_runner_environment(environment: Mapping[str, str], *, frozen: bool) -> dict[str, str]:
    """The part of a process environment that runners get.

    `frozen`: the program is a PyInstaller build. Its start code has pointed LD_LIBRARY_PATH at
    the program's own folder and will do so again for the runner, so the user's own value (which
    it saved under another name) goes in its place; its `_PYI_*` variables are dropped, so that
    the runner starts as a program of its own.
    """
    chosen = {name: value for name, value in environment.items() if name.upper() in _KEPT}
    if frozen:
        for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
            chosen.pop(name, None)
            original = environment.get(f"{name}_ORIG")
            if original:
                chosen[name] = original
        chosen.pop("PYTHONPATH", None)
    return chosen
