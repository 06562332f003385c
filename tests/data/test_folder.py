"""The data set `folder` finds people's own images, and poses them as they ask."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness_datasets.own_images import Folder
from harness_datasets.parameters import FolderParameters
from pydantic import ValidationError

from harness.contracts import DataRequest, Dataset
from harness.errors import DataError

COUNTS = {"test": {"a": 2, "b": 3}, "train": {"a": 4, "b": 4}}

Fill = Callable[..., Path]
MakeRequest = Callable[..., DataRequest]


def prepared(request: DataRequest, **parameters: object) -> Dataset:
    return Folder(FolderParameters.model_validate(parameters)).prepare(request)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory of this test's own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_images_are_few_shot_at_84_in_colour_unless_asked_otherwise(
    work: Path, image_folder: Fill, request_for: MakeRequest
) -> None:
    """The defaults are those of few-shot learning on photographs; each can be changed."""
    image_folder(work / "own", COUNTS)
    dataset = prepared(request_for(), path="own")
    assert (dataset.kind, dataset.image_shape) == ("few-shot", (3, 84, 84))
    dataset = prepared(request_for(), path="own", size=16, mode="gray", task="full-task")
    assert (dataset.kind, dataset.image_shape) == ("full-task", (1, 16, 16))


@pytest.mark.parametrize("suffix", ["", ".tar.gz", ".zip"])
def test_path_is_looked_for_here_and_in_the_data_root(
    tmp_path: Path, work: Path, image_folder: Fill, request_for: MakeRequest, suffix: str
) -> None:
    """A relative path is found in the working directory first, then in the data root."""
    root = tmp_path / "root"
    kind = {".tar.gz": "gztar", ".zip": "zip"}.get(suffix)
    for place, counts in ((root, COUNTS), (work, {"test": {"a": 1}})):
        folder = image_folder(place / "own", counts)
        if kind:
            shutil.make_archive(str(folder), kind, folder)
    path = f"own{suffix}"
    assert prepared(request_for(root), path=path, size=8).splits.keys() == {"test"}
    shutil.rmtree(work / "own")
    (work / path).unlink(missing_ok=True)
    assert prepared(request_for(root), path=path, size=8).splits.keys() == {"test", "train"}


def test_missing_path_says_where_it_was_looked_for(
    tmp_path: Path, work: Path, request_for: MakeRequest
) -> None:
    """A path that is nowhere is an error that names it and the data root."""
    with pytest.raises(DataError, match="'own' does not exist; expected"):
        prepared(request_for(), path="own")
    with pytest.raises(DataError, match=f"'own' does not exist, nor in data root '{tmp_path}'"):
        prepared(request_for(tmp_path), path="own")


def test_data_root_that_is_not_there_is_an_error(
    work: Path, image_folder: Fill, request_for: MakeRequest
) -> None:
    """A data root that was given wrongly is an error even where it would not be needed."""
    image_folder(work / "own", COUNTS)
    with pytest.raises(DataError, match="data root 'nowhere' does not exist"):
        prepared(request_for(Path("nowhere")), path="own")


@pytest.mark.parametrize(
    "parameters",
    [{}, {"path": "x", "size": 0}, {"path": "x", "mode": "cmyk"}, {"path": "x", "sise": 84}],
)
def test_wrong_parameters_are_refused(parameters: dict[str, object]) -> None:
    """A missing path, a size or mode that makes no sense and an unknown key are errors."""
    with pytest.raises(ValidationError):
        FolderParameters.model_validate(parameters)
