"""miniImageNet is read in each form in which it is handed on; what is not it is named."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness_datasets.miniimagenet import MiniImagenet

from harness.contracts import DataRequest, Dataset
from harness.data.sources import open_source
from harness.errors import DataError

Pack = Callable[..., Path]
MakeRequest = Callable[..., DataRequest]
Files = dict[str, bytes]

CLASSES = {"train": 64, "val": 16, "test": 20}
PER_CLASS = 2


def label_of(split: str, number: int) -> str:
    return f"n{list(CLASSES).index(split)}{number:07}"


@pytest.fixture(scope="module")
def photographs() -> dict[str, dict[str, list[np.ndarray[Any, Any]]]]:
    """Return the pixels (84, 84, 3) of each class of each split."""
    random = np.random.default_rng(0)
    return {
        split: {
            label_of(split, number): [
                # Of one colour, so that PNG files of them are small and exact.
                np.full((84, 84, 3), random.integers(0, 256, 3), dtype=np.uint8)
                for _ in range(PER_CLASS)
            ]
            for number in range(count)
        }
        for split, count in CLASSES.items()
    }


@pytest.fixture
def forms(photographs: Any) -> dict[str, Files]:
    """Return the same photographs in every form."""
    layout = {
        f"{split}/{label}/{label}{number:08}.png": encoded(pixels)
        for split, classes in photographs.items()
        for label, images in classes.items()
        for number, pixels in enumerate(images)
    }
    return {
        "layout": layout,
        "flat list": listed(layout, "images/{1}"),
        "list by class": listed(layout, "{0}/{1}"),
        "pickles": {
            f"mini-imagenet-cache-{split}.pkl": pickle.dumps(cache_of(classes), 2)
            for split, classes in photographs.items()
        },
    }


def encoded(pixels: np.ndarray[Any, Any]) -> bytes:
    from PIL import Image  # noqa: PLC0415 - not before it is needed

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def cache_of(classes: Mapping[str, list[np.ndarray[Any, Any]]]) -> dict[str, Any]:
    """Return what one pickle holds; the rows of the classes take turns."""
    rows = {
        label: list(range(n, PER_CLASS * len(classes), len(classes)))
        for n, label in enumerate(classes)
    }
    images = [images[number] for number in range(PER_CLASS) for images in classes.values()]
    return {"image_data": np.stack(images), "class_dict": rows}


def listed(layout: Files, place: str) -> Files:
    """Return images at `place`, a format of class and file name, with the lists of their splits."""
    files = {"notes.txt": b"", place.format("n9", "unlisted.png"): b"no image"}
    rows: dict[str, list[str]] = {split: ["filename,label"] for split in CLASSES}
    for name, content in layout.items():
        split, label, image = name.split("/")
        files[place.format(label, image)] = content
        rows[split].append(f"{image},{label}")
    return files | {f"{split}.csv": "\r\n".join(lines).encode() for split, lines in rows.items()}


def prepared(root: Path, request_for: MakeRequest) -> Dataset:
    return MiniImagenet().prepare(request_for(root))


def written(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_all_forms_give_the_same_data_set(
    tmp_path: Path, pack: Pack, forms: dict[str, Files], request_for: MakeRequest, packed: bool
) -> None:
    """Splits as folders, two kinds of lists, and pickles: the fingerprint is the same."""
    fingerprints = set()
    for name, files in forms.items():
        root = tmp_path / name
        root.mkdir()
        if packed:
            pack(
                root / "miniimagenet.tar.gz",
                {f"./{path}": content for path, content in files.items()},
            )
        else:
            written(root / "miniimagenet", files)
        dataset = prepared(root, request_for)
        fingerprints.add(dataset.fingerprint)
        assert {split: summary.classes for split, summary in dataset.splits.items()} == CLASSES
        assert dataset.splits["val"].images_per_class == PER_CLASS
    assert (dataset.kind, dataset.image_shape) == ("few-shot", (3, 84, 84))
    assert len(fingerprints) == 1


def test_pixels_of_pickles_are_those_of_their_classes(
    tmp_path: Path, forms: dict[str, Files], photographs: Any, request_for: MakeRequest
) -> None:
    """Rows of the array become the images of the class that names them, in that order."""
    written(tmp_path / "miniimagenet", forms["pickles"])
    dataset = prepared(tmp_path, request_for)
    images, labels = dataset.images("val").batch(np.arange(PER_CLASS * 16))
    colours = [image[0, 0] for images in photographs["val"].values() for image in images]
    # Standardising keeps the order of each channel's values.
    expected = np.array(colours).argsort(axis=0, kind="stable")
    assert (images[:, :, 0, 0].argsort(axis=0, kind="stable") == expected).all()
    assert (np.diff(labels)[::PER_CLASS] == 0).all()


def test_second_time_reads_nothing(
    tmp_path: Path, forms: dict[str, Files], request_for: MakeRequest, reports: list[str]
) -> None:
    """What was converted before is taken from the cache."""
    written(tmp_path / "miniimagenet", forms["pickles"])
    first = prepared(tmp_path, request_for)
    assert reports[0] == f"reading miniimagenet from {tmp_path / 'miniimagenet'}"
    reports.clear()
    assert prepared(tmp_path, request_for).fingerprint == first.fingerprint
    assert reports == []


def test_missing_data_set_says_what_would_do(tmp_path: Path, request_for: MakeRequest) -> None:
    """Nothing is downloaded: the message says what was looked for, and names every form."""
    with pytest.raises(DataError, match="no data root was given"):
        MiniImagenet().prepare(request_for())
    with pytest.raises(DataError) as failure:
        prepared(tmp_path, request_for)
    for part in (
        f"neither '{tmp_path / 'miniimagenet'}' nor '{tmp_path / 'miniimagenet'}.tar.gz' exists",
        "cannot be downloaded automatically",
        "<split>/<class>/<image>",
        "train.csv, val.csv and test.csv (columns filename,label)",
        "mini-imagenet-cache-train.pkl",
    ):
        assert part in str(failure.value)


@pytest.mark.parametrize("form", ["layout", "pickles"])
def test_other_classes_are_not_mini_imagenet(
    tmp_path: Path, forms: dict[str, Files], photographs: Any, request_for: MakeRequest, form: str
) -> None:
    """With a class too few it is refused, since its results would bear the wrong name."""
    missing = f"val/{label_of('val', 0)}/"
    files = {name: c for name, c in forms[form].items() if not name.startswith(missing)}
    if form == "pickles":
        few = dict(list(photographs["val"].items())[1:])
        files["mini-imagenet-cache-val.pkl"] = pickle.dumps(cache_of(few))
    written(tmp_path / "miniimagenet", files)
    with pytest.raises(DataError, match=r"\(.*val: 15.*but miniImageNet has 64 in train, 16 in"):
        prepared(tmp_path, request_for)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"val.csv": None}, r"does not have each of train\.csv, val\.csv, test\.csv once"),
        ({"old/val.csv": b"filename,label\n"}, r"does not have each of train\.csv, val\.csv"),
        ({"val.csv": b"image,label\na.png,n1\n"}, r"val\.csv' has no columns filename and label"),
        ({"val.csv": b"filename,label\na.png\n"}, r"val\.csv' has a row without a file name or"),
        ({"val.csv": b"filename,label\na.png,n1\n"}, r"lacks image 'a\.png' of class 'n1' of val"),
        (
            {"val.csv": b"filename,label\nn0000000000000000.png,n00000000\n"},
            r"has image 'n0000000000000000\.png' in its lists twice",
        ),
    ],
)
def test_wrong_lists_are_named(
    tmp_path: Path,
    forms: dict[str, Files],
    request_for: MakeRequest,
    changed: dict[str, bytes | None],
    sentence: str,
) -> None:
    """A missing or second list, wrong columns and images that are not there are told apart."""
    files = {**forms["flat list"], **changed}
    written(tmp_path / "miniimagenet", {n: c for n, c in files.items() if c is not None})
    with pytest.raises(DataError, match=sentence):
        prepared(tmp_path, request_for)


IMAGES = np.zeros((2, 84, 84, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "is not a dictionary with the keys image_data and class_dict"),
        ({"image_data": IMAGES}, "is not a dictionary with the keys image_data and class_dict"),
        ({"image_data": IMAGES[:, :28], "class_dict": {}}, r"not a uint8 array of shape \(N, 84"),
        ({"image_data": IMAGES / 255, "class_dict": {}}, r"not a uint8 array of shape \(N, 84"),
        ({"image_data": IMAGES, "class_dict": [0]}, "class_dict that is not a dictionary"),
        ({"image_data": IMAGES, "class_dict": {"a": []}}, "no list of rows for class 'a'"),
        (
            {"image_data": IMAGES, "class_dict": {"a": [2]}},
            "row of class 'a' that is not in 0 to 1",
        ),
        ({"image_data": IMAGES, "class_dict": {"a": [-1]}}, "row of class 'a' that is not in"),
        ({"image_data": IMAGES, "class_dict": {"a": np.array([0.5])}}, "row of class 'a' that"),
        ({"image_data": IMAGES, "class_dict": os.system}, r"is refused: it names '.*\.system'"),
    ],
)
def test_wrong_pickles_are_named(
    tmp_path: Path, forms: dict[str, Files], request_for: MakeRequest, value: Any, sentence: str
) -> None:
    """A pickle of anything else, and one with code in it, is an error with the file's name."""
    files = forms["pickles"] | {"mini-imagenet-cache-val.pkl": pickle.dumps(value)}
    written(tmp_path / "miniimagenet", files)
    with pytest.raises(DataError, match=rf"mini-imagenet-cache-val\.pkl' .*{sentence}"):
        prepared(tmp_path, request_for)


def test_missing_pickle_is_named(
    tmp_path: Path, forms: dict[str, Files], request_for: MakeRequest
) -> None:
    """All three splits must be there."""
    del forms["pickles"]["mini-imagenet-cache-val.pkl"]
    written(tmp_path / "miniimagenet", forms["pickles"])
    with pytest.raises(DataError, match=r"does not have each of .*mini-imagenet-cache-val\.pkl"):
        prepared(tmp_path, request_for)


def test_unknown_form_is_named(tmp_path: Path, request_for: MakeRequest) -> None:
    """Files that are none of the forms are an error that names the forms."""
    written(tmp_path / "miniimagenet", {"images/a.png": b"", "readme.txt": b""})
    with pytest.raises(DataError, match="does not hold miniimagenet in a known form: images"):
        prepared(tmp_path, request_for)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_large_files_are_opened_up_to_a_bound(tmp_path: Path, pack: Pack, packed: bool) -> None:
    """A file beyond the bound of its reader is refused, from a folder and from an archive."""
    bound = 2**20
    files = {"a/x.pkl": bytes(bound), "y": b"1"}
    path = pack(tmp_path / "x.tar.gz", files) if packed else written(tmp_path / "x", files)
    read = [
        (name, len(file.read())) for name, file in open_source(path).open_each(["a/x.pkl"], bound)
    ]
    assert read == [("a/x.pkl", bound)]
    files["a/x.pkl"] += b"1"
    path = pack(tmp_path / "x.tar.gz", files) if packed else written(tmp_path / "x", files)
    with pytest.raises(DataError, match=r"a/x\.pkl' is larger than 1,048,576 bytes"):
        list(open_source(path).open_each(["a/x.pkl"], bound))
