# Everything a contributor runs. `make run` and `make test` work on a fresh clone; the first of
# them builds llama.cpp (about 5 minutes on 2 cores), after that pip has it cached.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCKS  := installer/lock/build.txt installer/lock/requirements.txt
READY  := $(VENV)/.ready

# Debian packages that the tests need: Qt's libraries on a machine without a desktop, a screen,
# window manager and tray, and a real registry to pull from.
TEST_PACKAGES := libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 \
  libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libx11-xcb1 libdbus-1-3 \
  libfontconfig1 fonts-dejavu-core xvfb openbox trayer xdotool scrot dbus x11-utils docker-registry

.PHONY: run app test lint bench soak dist clean lock setup test-packages

setup: $(READY)

$(READY): $(LOCKS) pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r installer/lock/build.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes \
	  --no-build-isolation --no-binary llama-cpp-python -r installer/lock/requirements.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# A real server in the background, on a port of its own so that an Ollama or Corral that already
# runs is left alone; it leaves when nobody has asked it anything for ten seconds.
run: $(READY)
	@OLLAMA_HOST=127.0.0.1:$$($(BIN)/python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])') \
	  CORRAL_IDLE_EXIT=10s $(BIN)/corral run tiny "Why is the sky blue?"

app: $(READY)
	$(BIN)/corral-desktop

test: $(READY) test-packages
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m tests.bench

# Minutes to hours: memory over 20,000 requests.
soak: $(READY)
	$(BIN)/python -m tests.bench.soak 20000

# One folder, dist/corral, with two executables; then the console one answers from a directory
# that holds no source.
dist: $(READY)
	$(BIN)/pyinstaller --noconfirm --clean --log-level WARN build.spec
	$(BIN)/python -m tests.e2e.check_frozen dist/corral

# Only what is missing is installed, and only on Debian and its relatives as root; elsewhere the
# list is printed and the tests tell which program they miss.
test-packages:
	@if command -v dpkg-query >/dev/null; then \
	  missing=$$(for p in $(TEST_PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || echo $$p; done); \
	  if [ -n "$$missing" ]; then \
	    if [ "$$(id -u)" = 0 ]; then \
	      apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	        apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	    else echo "The tests need: sudo apt-get install --no-install-recommends" $$missing; fi; \
	  fi; \
	else echo "The tests need the equivalents of:" $(TEST_PACKAGES); fi

# Rewrites the lock files from pyproject.toml for all platforms.
lock:
	$(PYTHON) -m venv .cache/lock && .cache/lock/bin/pip install --quiet uv
	.cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --group dev pyproject.toml -o installer/lock/requirements.txt
	.cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --group build -o installer/lock/build.txt

clean:
	rm -rf $(VENV) build dist .cache *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
