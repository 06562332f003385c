"""torchmeta is optional: where it is not, or of no use, one sentence says how to get it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness_datasets.parameters import TorchmetaParameters
from harness_datasets.torchmeta import library
from harness_datasets.torchmeta.library import INSTALL, load_torchmeta
from harness_datasets.torchmeta.provider import Torchmeta
from pydantic import ValidationError

from harness.contracts import DataRequest
from harness.errors import UsageError

MakeRequest = Callable[..., DataRequest]


def imported() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] == "torchmeta"]


@pytest.fixture
def no_torchmeta(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget a torchmeta that was imported; afterwards the test's own is forgotten instead."""
    load_torchmeta.cache_clear()
    for name in imported():
        monkeypatch.delitem(sys.modules, name)
    yield
    load_torchmeta.cache_clear()
    for name in imported():
        del sys.modules[name]


@pytest.fixture
def fake_torchmeta(
    no_torchmeta: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Return `fake_torchmeta(source)`, which installs another torchmeta."""

    def fake_torchmeta(source: str) -> None:
        (tmp_path / "torchmeta.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))

    return fake_torchmeta


def test_missing_torchmeta_says_how_to_install_it(
    no_torchmeta: None, monkeypatch: pytest.MonkeyPatch, request_for: MakeRequest
) -> None:
    """Without torchmeta, the data set that needs it names the two commands."""
    monkeypatch.setattr(library, "is_installed", lambda: False)
    with pytest.raises(UsageError, match="torchmeta is not installed") as failure:
        Torchmeta(TorchmetaParameters(name="cub")).prepare(request_for())
    assert all(f"'{command}'" in str(failure.value) for command in INSTALL)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import not_there", r"cannot be imported \(No module named 'not_there'\)"),
        ("raise AttributeError('np.int')", r"cannot be imported \(np\.int\)"),
        ("__version__ = '1.7.0'", r"torchmeta 1\.7\.0 is not the release 1\.8\.0"),
    ],
)
def test_unusable_torchmeta_is_explained(
    fake_torchmeta: Callable[[str], None], source: str, sentence: str
) -> None:
    """What is missing beside torchmeta, or another release, is told with the way out."""
    fake_torchmeta(source)
    with pytest.raises(UsageError, match=f"{sentence}.*; install it with 'pip install"):
        load_torchmeta()


def test_torchvision_is_left_as_it_was(fake_torchmeta: Callable[[str], None]) -> None:
    """The functions that torchmeta looks for are there while it is imported, and not after."""
    utils = importlib.import_module("torchvision.datasets.utils")
    before = set(vars(utils))
    fake_torchmeta("from torchvision.datasets.utils import _get_confirm_token; raise KeyError")
    with pytest.raises(UsageError, match="cannot be imported"):
        load_torchmeta()
    assert set(vars(utils)) == before


def test_only_omniglot_has_a_choice_of_splits() -> None:
    """A split that another data set does not have is an error, and so is an unknown name."""
    assert TorchmetaParameters(name="omniglot", split="vinyals").split == "vinyals"
    for parameters in ({"name": "cub", "split": "vinyals"}, {"name": "mnist"}, {}):
        with pytest.raises(ValidationError):
            TorchmetaParameters.model_validate(parameters)
