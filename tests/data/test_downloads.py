"""What the data root lacks is downloaded, checked and converted; here from a server of our own."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from harness_datasets import cifar10, omniglot
from harness_datasets.cifar10 import Cifar10
from harness_datasets.download import Download, fetch
from harness_datasets.omniglot import Omniglot
from harness_datasets.parameters import Cifar10Parameters

from harness.contracts import DataRequest
from harness.errors import DataError

Pack = Callable[..., Path]
Png = Callable[..., bytes]
MakeRequest = Callable[..., DataRequest]


@dataclass
class Server:
    """Serves the files it is given, and notes what was asked for."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(self, name: str, content: bytes) -> Download:
        self.files[f"/{name}"] = content
        checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return Download(f"{self.address}/{name}", checksum)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            served.asked.append(self.path)
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            content = served.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body and content is not None:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        served = Server(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield served
        listening.shutdown()
        thread.join()


@pytest.fixture
def omniglot_files(server: Server, monkeypatch: pytest.MonkeyPatch, png: Png) -> dict[str, bytes]:
    """Serve two small archives as Omniglot's, and return their drawings by our own names."""
    drawings: dict[str, bytes] = {}
    number = 0
    for split, name in (("train", "images_background"), ("test", "images_evaluation")):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for character, label in (("Zulu/character01", 2), ("Aleph/character02", 1)):
                # Listed in another order than that of the names.
                for drawing in ("02", "01"):
                    number += 1
                    content = png(number, (105, 105), "1")
                    archive.writestr(f"{name}/{character}/0001_{drawing}.png", content)
                    drawings[f"{split}/{label}/{drawing}.png"] = content
            archive.writestr(f"{name}/Aleph/.DS_Store", b"")
        download = server.serve(f"{name}.zip", file.getvalue())
        monkeypatch.setitem(omniglot.DOWNLOADS, split, download)
    return drawings


def cifar10_archive(pack: Pack, path: Path, labels: dict[str, list[int]]) -> bytes:
    """Write a small archive in the form of CIFAR-10's: image i of a file is full of number i."""
    files = {}
    for name, values in labels.items():
        records = [bytes([label]) + bytes([i]) * 3072 for i, label in enumerate(values)]
        files[f"cifar-10-batches-bin/{name}.bin"] = b"".join(records)
    files["cifar-10-batches-bin/batches.meta.txt"] = b"airplane\n"
    return pack(path, files).read_bytes()


def test_omniglot_is_downloaded_and_converted(
    omniglot_files: dict[str, bytes],
    tmp_path: Path,
    pack: Pack,
    request_for: MakeRequest,
    reports: list[str],
) -> None:
    """The authors' archives give the splits and the images that the data root's layout gives."""
    dataset = Omniglot().prepare(request_for())
    assert {split: s.classes for split, s in dataset.splits.items()} == {"test": 2, "train": 2}
    assert dataset.image_shape == (1, 28, 28)
    assert reports[0].startswith("downloading omniglot from http://127.0.0.1:")
    renamed = {
        name.replace("/1/", "/0000/").replace("/2/", "/0001/"): content
        for name, content in omniglot_files.items()
    }
    pack(tmp_path / "omniglot.tar.gz", renamed)
    assert Omniglot().prepare(request_for(tmp_path)).fingerprint == dataset.fingerprint


def test_second_time_downloads_nothing(
    omniglot_files: dict[str, bytes], server: Server, request_for: MakeRequest
) -> None:
    """What was downloaded and decoded before is taken from the cache."""
    first = Omniglot().prepare(request_for())
    server.files.clear()
    server.asked.clear()
    assert Omniglot().prepare(request_for()).fingerprint == first.fingerprint
    assert server.asked == []


def test_cifar10_is_downloaded_and_converted(
    server: Server,
    tmp_path: Path,
    pack: Pack,
    request_for: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The binary archive's batches become a full task, sorted by class and then as they came."""
    labels = {"data_batch_1": [9, 3, 0], "data_batch_2": [3], "test_batch": [3, 0, 9]}
    content = cifar10_archive(pack, tmp_path / "x.tar.gz", labels)
    monkeypatch.setattr(cifar10, "DOWNLOAD", server.serve("cifar-10-binary.tar.gz", content))
    dataset = Cifar10(Cifar10Parameters()).prepare(request_for())
    assert (dataset.kind, dataset.image_shape) == ("full-task", (3, 32, 32))
    assert (dataset.splits["train"].classes, dataset.splits["test"].classes) == (3, 3)
    images, numbers = dataset.images("train").batch(np.arange(4))
    assert numbers.tolist() == [0, 1, 1, 2]
    # Full of 2 (airplane), 1 and 0 (cats of both batches) and 0 (truck), before standardising.
    assert np.argsort(np.argsort(images[:, 0, 0, 0], kind="stable")).tolist() == [3, 2, 0, 1]


def test_cifar10_can_be_posed_as_few_shot(
    tmp_path: Path, pack: Pack, png: Png, request_for: MakeRequest
) -> None:
    """The parameter `task` turns the full task into episodes."""
    names = [f"{split}/{c}/{n}.png" for split in ("train", "test") for c in "ab" for n in range(3)]
    pack(tmp_path / "cifar10.tar.gz", {name: png(i) for i, name in enumerate(names)})
    dataset = Cifar10(Cifar10Parameters(task="few-shot")).prepare(request_for(tmp_path))
    assert dataset.kind == "few-shot"
    assert len(dataset.episode("test", ways=2, shots=1, queries=2, seed=0, index=0).query_labels)


@pytest.mark.parametrize(
    ("labels", "cut", "sentence"),
    [
        ({"data_batch_1": [10], "test_batch": [0]}, 0, r"data_batch_1\.bin' has a label above 9"),
        ({"data_batch_1": [1]}, 0, r"lacks data_batch_1\.bin to 5 or test_batch\.bin"),
        ({"data_batch_1": [1], "test_batch": [0]}, 5, "truncated or corrupt"),
    ],
)
def test_other_content_than_cifar10_is_named(
    tmp_path: Path, pack: Pack, labels: dict[str, list[int]], cut: int, sentence: str
) -> None:
    """A wrong label, a missing file and a missing end are told apart."""
    path = tmp_path / "x.tar.gz"
    content = cifar10_archive(pack, path, labels)
    path.write_bytes(content[: len(content) - cut])
    with pytest.raises(DataError, match=sentence):
        cifar10.read_binary(path)


def test_batch_of_broken_records_is_named(tmp_path: Path, pack: Pack) -> None:
    """A batch that ends within a record is an error with its name."""
    path = pack(tmp_path / "x.tar.gz", {"b/test_batch.bin": bytes(3074), "b/data.bin": b""})
    with pytest.raises(DataError, match=r"b/test_batch\.bin' is no whole number of 3,073-byte"):
        cifar10.read_binary(path)


def test_wrong_checksum_is_an_error(
    server: Server, tmp_path: Path, request_for: MakeRequest
) -> None:
    """A file that is not the one expected is not kept."""
    download = server.serve("x.zip", b"expected")
    server.files["/x.zip"] = b"something else"
    with pytest.raises(DataError, match=r"the download from .* failed"):
        fetch(download, "toy", request_for())
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []


def test_downloaded_file_is_used_again(server: Server, request_for: MakeRequest) -> None:
    """A file that is there and whole is not fetched again; a damaged one is."""
    download = server.serve("x.zip", b"expected")
    path = fetch(download, "toy", request_for())
    server.asked.clear()
    assert fetch(download, "toy", request_for()) == path
    assert server.asked == []
    path.write_bytes(b"damaged")
    assert fetch(download, "toy", request_for()).read_bytes() == b"expected"


def test_failed_download_says_what_to_do(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_for: MakeRequest
) -> None:
    """Without data root and network, the message says what was looked for, and the ways out."""
    monkeypatch.setattr(cifar10, "DOWNLOAD", Download(f"{server.address}/gone.tar.gz", "0" * 32))
    provider = Cifar10(Cifar10Parameters())
    with pytest.raises(DataError) as failure:
        provider.prepare(request_for())
    for part in (
        "'cifar10' was not found: no data root was given (--data-root)",
        f"download from {server.address}/gone.tar.gz failed (HTTP Error 404",
        "cifar10/<split>/<class>/<image> or as cifar10.tar.gz",
        "--dataset glyphs",
    ):
        assert part in str(failure.value)
    looked = f"neither '{tmp_path / 'cifar10'}' nor '{tmp_path / 'cifar10'}.tar.gz' exists"
    with pytest.raises(DataError, match=looked):
        provider.prepare(request_for(tmp_path))


def test_data_root_that_is_not_there_is_an_error_and_no_reason_to_download(
    server: Server, omniglot_files: dict[str, bytes], request_for: MakeRequest
) -> None:
    """A misspelt data root does not start a download."""
    with pytest.raises(DataError, match="data root 'nowhere' is not there"):
        Omniglot().prepare(request_for(Path("nowhere")))
    assert server.asked == []
