"""Builds llama-server, the peer of the benchmarks, from the llama.cpp inside our own sdist.

The same sources as the library under test, compiled with the same flags (CPU only, this machine's
instruction set), so that a difference between the two is a difference between the programs around
the kernels. `python -m tests.bench.llama_server` builds it and prints its path.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.conftest import ROOT

LLAMA_CPP_PYTHON = "llama-cpp-python==0.3.36"
CACHE = ROOT / ".cache" / "bench"
BINARY = CACHE / "build" / "bin" / "llama-server"


def ensure_sources() -> Path:
    """The llama.cpp tree of the pinned sdist, unpacked once below .cache/bench."""
    unpacked = CACHE / "llama_cpp_python-0.3.36" / "vendor" / "llama.cpp"
    if not unpacked.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        download += ["--no-build-isolation", "--no-binary", ":all:", "-d", str(CACHE)]
        subprocess.run([*download, LLAMA_CPP_PYTHON], check=True)
        with tarfile.open(next(CACHE.glob("llama_cpp_python-*.tar.gz"))) as archive:
            archive.extractall(CACHE, filter="data")
    return unpacked


def ensure_llama_server() -> Path:
    """The path of the llama-server binary; the first call compiles for several minutes."""
    if BINARY.exists():
        return BINARY
    sources = ensure_sources()
    build = CACHE / "build"
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "BUILD_SHARED_LIBS": "OFF",
        "GGML_NATIVE": "ON",
        "LLAMA_BUILD_COMMON": "ON",
        "LLAMA_BUILD_TESTS": "OFF",
        "LLAMA_BUILD_EXAMPLES": "OFF",
        "LLAMA_BUILD_TOOLS": "ON",
        "LLAMA_BUILD_SERVER": "ON",
        "LLAMA_BUILD_UI": "OFF",
        "LLAMA_USE_PREBUILT_UI": "OFF",
        "LLAMA_OPENSSL": "OFF",
    }
    defines = [f"-D{name}={value}" for name, value in options.items()]
    subprocess.run(["cmake", "-S", str(sources), "-B", str(build), *defines], check=True)
    jobs = str(os.cpu_count() or 1)
    subprocess.run(
        ["cmake", "--build", str(build), "--target", "llama-server", "-j", jobs], check=True
    )
    return BINARY


if __name__ == "__main__":
    sys.stdout.write(f"{ensure_llama_server()}\n")
