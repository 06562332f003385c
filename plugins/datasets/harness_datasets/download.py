"""Fetches a data set's archive where the data root does not have it."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import socket
import sys
import tempfile
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.contracts import DataRequest
from harness.data.sources import where_looked
from harness.errors import DataError

__all__ = ["Download", "fetch"]

_SILENCE_S = 30.0


@dataclass(frozen=True)
class Download:
    """A file on the internet, and the checksum that it must have."""

    url: str
    md5: str

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


def fetch(download: Download, name: str, request: DataRequest) -> Path:
    """Return the file, kept beside the cache; downloaded if it is not there yet.

    Args:
        download: what to fetch.
        name: of the data set, for messages.
        request: where the cache is, and whom to tell.

    Raises:
        DataError: the download failed, or the file is not the one expected.
    """
    # Imported only here, as it takes seconds; torchvision comes without types.
    utils = importlib.import_module("torchvision.datasets.utils")

    folder = request.cache_root / "downloads"
    path = folder / download.file_name
    if utils.check_integrity(path, download.md5):
        return path
    request.report(f"downloading {name} from {download.url}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Renamed when whole, so that two processes never write to the same file.
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            # Some versions of torchvision print, but standard output is for results.
            with contextlib.redirect_stdout(sys.stderr), _impatient():
                utils.download_url(download.url, temporary, md5=download.md5)
            (Path(temporary) / download.file_name).replace(path)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it keeps the connection
        raise DataError(_not_found(download, name, request, error)) from error
    return path


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Give up on a server that stays silent; torchvision itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _not_found(download: Download, name: str, request: DataRequest, error: Exception) -> str:
    looked = where_looked(name, request.data_root)
    return (
        f"data set '{name}' was not found: {looked}, and the download from {download.url} failed"
        f" ({error}); put it into the data root as {name}/<split>/<class>/<image> or as"
        f" {name}.tar.gz of the same layout, or use --dataset glyphs, which is built in"
    )
