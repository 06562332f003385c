"""What the data root lacks is downloaded, checked and converted; here from a server of our own."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from harness_datasets import omniglot
from harness_datasets.cifar import CIFAR10, CIFAR100, Cifar10, Cifar100
from harness_datasets.download import Download, fetch
from harness_datasets.omniglot import Omniglot
from harness_datasets.parameters import Cifar10Parameters, Cifar100Parameters

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
    """Serve two small archives as Omniglot's, and return their drawings by the authors' numbers."""
    drawings: dict[str, bytes] = {}
    number = 0
    for split, name in (("train", "images_background"), ("test", "images_evaluation")):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            # The authors' numbers are in another order than the alphabets' names.
            for character, theirs in (("Aleph/character02", 965), ("Zulu/character01", 42)):
                # Listed in another order than that of the names.
                for drawing in ("02", "01"):
                    number += 1
                    content = png(number, (105, 105), "1")
                    archive.writestr(f"{name}/{character}/{theirs:04}_{drawing}.png", content)
                    drawings[f"{split}/{theirs:04}/{drawing}.png"] = content
            archive.writestr(f"{name}/Aleph/.DS_Store", b"")
        download = server.serve(f"{name}.zip", file.getvalue())
        monkeypatch.setitem(omniglot.DOWNLOADS, split, download)
    return drawings


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
        name.replace("/0042/", "/0000/").replace("/0965/", "/0001/"): content
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
    cifar_archive: Pack,
    request_for: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The binary archive's batches become a full task, sorted by class and then as they came."""
    labels = {
        "data_batch_1": [[9], [3], [0]],
        "data_batch_2": [[3]],
        "test_batch": [[3], [0], [9]],
    }
    content = cifar_archive(tmp_path / "x.tar.gz", labels).read_bytes()
    download = server.serve("cifar-10-binary.tar.gz", content)
    monkeypatch.setattr(Cifar10, "archive", replace(CIFAR10, download=download))
    dataset = Cifar10(Cifar10Parameters()).prepare(request_for())
    assert (dataset.kind, dataset.image_shape) == ("full-task", (3, 32, 32))
    assert (dataset.splits["train"].classes, dataset.splits["test"].classes) == (3, 3)
    images, numbers = dataset.images("train").batch(np.arange(4))
    assert numbers.tolist() == [0, 1, 1, 2]
    # Full of 2 (airplane), 1 and 0 (cats of both batches) and 0 (truck), before standardising.
    assert np.argsort(np.argsort(images[:, 0, 0, 0], kind="stable")).tolist() == [3, 2, 0, 1]


def test_cifar100_is_downloaded_and_converted(
    server: Server,
    tmp_path: Path,
    cifar_archive: Pack,
    request_for: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fine labels of the binary archive become the classes of a full task."""
    labels = {"train": [(0, 99), (19, 3), (5, 3)], "test": [(19, 3), (0, 99)]}
    names = [f"class{number:02}" for number in range(100)]
    content = cifar_archive(tmp_path / "x.tar.gz", labels, names).read_bytes()
    download = server.serve("cifar-100-binary.tar.gz", content)
    monkeypatch.setattr(Cifar100, "archive", replace(CIFAR100, download=download))
    dataset = Cifar100(Cifar100Parameters()).prepare(request_for())
    assert (dataset.kind, dataset.image_shape) == ("full-task", (3, 32, 32))
    assert (dataset.splits["train"].classes, dataset.splits["test"].classes) == (2, 2)
    images, numbers = dataset.images("train").batch(np.arange(3))
    assert numbers.tolist() == [0, 0, 1]
    # Full of 1 and 2 (class03) and 0 (class99), before standardising.
    assert np.argsort(images[:, 0, 0, 0]).tolist() == [2, 0, 1]


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
    download = Download(f"{server.address}/gone.tar.gz", "0" * 32)
    monkeypatch.setattr(Cifar10, "archive", replace(CIFAR10, download=download))
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
    with pytest.raises(DataError, match="data root 'nowhere' does not exist"):
        Omniglot().prepare(request_for(Path("nowhere")))
    assert server.asked == []
