"""The ctypes bindings of llama.cpp, without the weight of their package. The runner only."""

import importlib.util
import sys
import types


def _skip_package_init() -> None:
    """Spare us `llama_cpp/__init__`: it pulls in jinja2, diskcache and numpy (170 ms, not 6)."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or "llama_cpp" in sys.modules:
        return  # not installed: the import below says so
    package = types.ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations or ())
    package.__spec__ = spec
    sys.modules["llama_cpp"] = package


_skip_package_init()
from llama_cpp import llama_cpp  # noqa: E402

C = llama_cpp
