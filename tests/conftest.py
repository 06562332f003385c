"""What tests of several parts share: a stranger's plugin, a fresh interpreter, another machine."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from harness.space.spec import OPERATIONS, SearchSpace

PACKAGES = Path(__file__).parent / "packages"

# Tiny tensors are computed faster by one thread, and on a busy machine by far; before torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HARNESS_PAGE", "0")  # drawing takes longer than most trials of tests
# Where tests are started in the background, Ctrl-C is ignored, and would be by all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Modules of tests, whose asserts pytest rewrites, are kept compiled whatever the environment says;
# but not what tests themselves write, which may change within the second that Python goes by.
_writes_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, False


def pytest_collection_finish() -> None:
    """Begin the tests: what was imported for them is compiled, and stays alive."""
    sys.dont_write_bytecode = _writes_no_bytecode
    gc.freeze()  # collecting garbage need not go through all of it each time


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return `run_python(*arguments)`, which waits for a fresh interpreter and keeps its output."""

    def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        # The tests' own interpreter, with arguments that the tests' own source spells out.
        return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - see above

    return run_python


@pytest.fixture
def plugin_factory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], Path]]:
    """Return `install(name, source)`, which makes a distribution with one plugin module.

    This process and its children find it as if pip had installed it: version 1.0 of the
    distribution `name`, whose entry point `name` is a module that holds `source`. It returns the
    folder, to which a test may add modules; what was imported from there is forgotten afterwards.
    """
    root = tmp_path / "installed"

    def install(name: str, source: str) -> Path:
        module, folder = name.replace("-", "_"), root / name
        metadata = folder / f"{module}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[harness]\n{name} = {module}\n")
        _make_importable(folder, monkeypatch)
        return folder

    yield install
    _forget_modules_of(root)


@pytest.fixture
def toy_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the plugin of tests/packages/toy: method `toy[does=...,at=...]`, data set `dots`.

    It is a copy, whose folder is returned: a test may change it.
    """
    root = tmp_path / "installed"
    folder = root / "toy"
    shutil.copytree(PACKAGES / "toy", folder, ignore=shutil.ignore_patterns("__pycache__"))
    _make_importable(folder, monkeypatch)
    yield folder
    _forget_modules_of(root)


def _make_importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process and its children find what is in a folder."""
    inherited = os.environ.get("PYTHONPATH")
    paths = [str(folder), inherited] if inherited else [str(folder)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.syspath_prepend(str(folder))


def _forget_modules_of(root: Path) -> None:
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(root)):
            del sys.modules[name]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, where the test runs, with an empty cache and no data root."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    return work


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return `machine(names, gpus, is_board)`, which makes this machine another one.

    `gpus` are the names of the GPUs that torch finds; without them, it must not be asked.
    """

    def machine(
        names: Sequence[str] = (), gpus: Sequence[str] | None = None, *, is_board: bool = False
    ) -> None:
        def usable_gpus() -> tuple[str, ...]:
            assert gpus is not None, "torch was asked"
            return tuple(gpus)

        monkeypatch.setattr("harness.devices.at_hand.machine_names", lambda: list(names))
        monkeypatch.setattr("harness.devices.at_hand.usable_gpus", usable_gpus)
        monkeypatch.setattr("harness.devices.at_hand.has_unified_memory", lambda: is_board)

    return machine


@pytest.fixture(scope="session")
def small_space() -> SearchSpace:
    """Return a space for what holds of methods and engines in any, in 0.4 of the time.

    It has both kinds of cells, one after either, and a node that reads another.
    """
    return SearchSpace("small", OPERATIONS, ("normal", "reduction", "normal"), nodes=2)


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Make double precision torch's default."""
    import torch  # noqa: PLC0415 - most tests compute nothing

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def backbone_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of weights as torchvision publishes them, but drawn at random."""
    import torch  # noqa: PLC0415 - as above
    from safetensors.torch import save_file  # noqa: PLC0415 - as above
    from torchvision import models  # noqa: PLC0415 - as above

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = models.mobilenet_v3_small().train()
        for part in network.modules():  # without statistics of its own, hardly any signal is left
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = 1.0
        with torch.no_grad():
            network(torch.randn(16, 3, 64, 64))
        state = network.state_dict()
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v3_small.safetensors"
    save_file(state, path)
    return path
