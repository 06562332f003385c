"""What is done on a board from here: choosing a method and adapting to photos, and calibrating.

What a board sends is a stranger's: files have names of a closed list and bounds, go to a temporary
folder, and are checked before it takes its name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.adaptation.adapt import Adapted
from harness.adaptation.decision import Recommendation
from harness.adaptation.request import AdaptRequest, PhotosRequest, Say, Wishes
from harness.boards.connection import BoardAddress, BoardAnswer, BoardError, Connection, connected
from harness.cost_model.profile import LeftOutTime
from harness.data.images import SUFFIXES
from harness.data.sources import FolderSource, open_source
from harness.devices.profile import DeviceProfile, parse_profile
from harness.errors import DataError, HarnessError
from harness.models.folder import MOST_OF_FILE, ModelError, check_model, refuse_taken
from harness.plugins.loading import Plugins
from harness.plugins.profile_files import ProfileFile
from harness.system.files import file_sha256, not_written, whole_folder
from harness.system.folders import expanded
from harness.system.text import plain

__all__ = ["adapt_on", "calibrate_on", "recommend_on"]


NEEDED = {"torch", "torchvision", "cache folder"}
CHECKPOINT = "checkpoint.safetensors"
TAKEN = {"base", CHECKPOINT, "harness", "model"}  # names that photos do not have there
MOST_PROFILE = 2**20  # bytes
MOST_TEXT = 2**16  # characters of a sentence
UNREADABLE = (ValueError, LookupError, TypeError)


@dataclass
class _Luggage:
    """What a command needs.

    Attributes:
        files: where each is here, and its size in bytes, by the SHA-256 of its content.
        places: the SHA-256 of each by its place in the job's folder; `work` is where it runs.
        folders: that are to be there, also where there is nothing in them.
    """

    files: dict[str, tuple[Path, int]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def add(self, path: Path, place: str) -> None:
        """Add a file.

        Raises:
            DataError: it cannot be read.
        """
        try:
            sha256 = file_sha256(path)
            self.files[sha256] = path, path.stat().st_size
        except OSError as error:
            raise DataError(f"'{path}' cannot be read ({error.strerror})") from None
        self.places[place] = sha256


def adapt_on(address: BoardAddress, plugins: Plugins, request: AdaptRequest, say: Say) -> Adapted:
    """Adapt a network to photos on a board, and bring its folder here, whole or not at all.

    Args:
        address: of the board.
        plugins: where the profile of a device may be found that the board does not know.
        request: what to do; the cache is the board's own.
        say: reports sentences to the person.

    Raises:
        UsageError: something that was asked for is wrong; nothing was written.
        BoardError: the board cannot be used, the adaptation failed there, or the connection was
            lost; then the same again goes on.
        KeyboardInterrupt: Ctrl-C; it was stopped there, and the same again goes on.
    """
    refuse_taken(request.output)
    luggage, photos = _packed(plugins, request)
    if request.base is not None:
        base = expanded(request.base)
        check_model(base)
        for name in MOST_OF_FILE:
            if (base / name).exists():
                luggage.add(base / name, f"work/base/{name}")
    if request.checkpoint is not None:
        luggage.add(expanded(request.checkpoint), f"work/{CHECKPOINT}")
    there = replace(
        request,
        photos=photos,
        output=Path("model"),
        base=request.base and Path("base"),
        checkpoint=request.checkpoint and Path(CHECKPOINT),
    )
    with connected(address) as connection:
        _check(connection, say)
        _send(connection, luggage, say)
        ended = _run(connection, there.words, "model", luggage, say)
        with not_written(request.output), whole_folder(request.output) as folder:
            for name, content in connection.received(ended.files, MOST_OF_FILE):
                with (folder / name).open("ab") as file:
                    file.write(content)
            try:
                check_model(folder)
            except ModelError as error:
                raise BoardError(f"{address} has sent no sound model: {error}") from None
        connection.forget()
    try:
        return Adapted.from_json(request.output, _told(ended))
    except UNREADABLE as error:
        raise BoardError(
            f"the model of {address} is in {request.output}, but what the board says of it cannot "
            f"be read: {plain(error)}"
        ) from None


def recommend_on(
    address: BoardAddress, plugins: Plugins, request: PhotosRequest, wishes: Wishes, say: Say
) -> Recommendation:
    """Have a board say which method to take for photos on it.

    Args:
        address: of the board.
        plugins: as of `adapt_on`.
        request: the photos and the budget; the cache is the board's own.
        wishes: what the adaptation may take.
        say: reports sentences to the person.

    Raises:
        UsageError, BoardError, KeyboardInterrupt: as of `adapt_on`.
    """
    luggage, photos = _packed(plugins, request)
    words = [*replace(request, photos=photos).words, *wishes.words]
    with connected(address) as connection:
        _check(connection, say)
        _send(connection, luggage, say)
        ended = _run(connection, words, None, luggage, say)
        connection.forget()
    try:
        return Recommendation.from_json(_told(ended))
    except UNREADABLE as error:
        raise BoardError(f"what {address} recommends cannot be read: {plain(error)}") from None


def calibrate_on(
    address: BoardAddress, name: str, say: Say
) -> tuple[DeviceProfile, Sequence[LeftOutTime]]:
    """Calibrate the processor of a board.

    Args:
        address: of the board.
        name: what the device is to be called.
        say: reports sentences to the person.

    Returns:
        Its profile, by which the board is recognised and no other machine; and each time beside
        what a fit without its network predicts for it.

    Raises:
        BoardError: as of `adapt_on`.
    """
    words = ["devices", "calibrate", f"--name={name}", "--output=profile.toml"]
    with connected(address) as connection:
        _check(connection, say)
        ended = _run(connection, words, "profile.toml", _Luggage(), say)
        pieces = connection.received(ended.files, {"profile.toml": MOST_PROFILE})
        text = b"".join(content for _, content in pieces).decode("utf-8", "replace")
        connection.forget()
        profile = parse_profile(text, f"of {address}")
        try:
            told = _CalibrationAnswer.model_validate(_told(ended))
        except ValueError:
            raise BoardError(f"{address} answers what cannot be understood") from None
        if profile.cost is None:
            raise BoardError(f"{address} has left a profile without a cost model")
        return profile.model_copy(update={"recognised_by": connection.machine}), told.left_out


class _CalibrationAnswer(BaseModel):
    """What `harness devices calibrate --json` says of the times; the cost model is in the file."""

    left_out: list[LeftOutTime]


def _packed(plugins: Plugins, request: PhotosRequest) -> tuple[_Luggage, Path]:
    """Return the photos and the profile that a board needs, and where the photos are there."""
    luggage, path = _Luggage(), expanded(request.photos).absolute()
    name = path.resolve().name
    name = "photos" if name in TAKEN or not name else name
    source = open_source(path)
    if isinstance(source, FolderSource):
        luggage.folders = [f"work/{name}/{each}" for each in source.folders()]
        for below, file in source.files():
            if Path(below).suffix.lower() in SUFFIXES:
                luggage.add(file, f"work/{name}/{below}")
    else:
        luggage.add(path, f"work/{name}")
    for entry in plugins.registry.entries("device"):
        if entry.name == request.device and isinstance(entry.plugin, ProfileFile):
            luggage.add(Path(entry.plugin.distribution), f"devices/{entry.name}.toml")
    return luggage, Path(name)


def _check(connection: Connection, say: Say) -> None:
    """Have the board examined as `harness doctor` does, and refuse one that cannot compute."""
    connection.wire.send(do="check")
    for check in connection.answer().checks:
        if check.get("status") == "problem":
            advice = f"; {check['advice']}" if check.get("advice") else ""
            sentence = plain(f"{check.get('subject')}: {check.get('finding')}{advice}")
            if check.get("subject") in NEEDED:
                raise BoardError(f"on {connection.address}: {sentence}")
            say(f"{connection.address.host}: {sentence}")


def _send(connection: Connection, luggage: _Luggage, say: Say) -> None:
    """Send the files that the board does not have yet."""
    files, wire = luggage.files, connection.wire
    wire.send(do="missing", files=list(files))
    missing = [each for each in connection.answer().missing if each in files]
    size, there = sum(files[each][1] for each in missing), len(files) - len(missing)
    say(
        f"sending {len(missing):,} files ({size / 2**20:,.1f} MiB) to {connection.address}"
        + (f"; {there:,} are there already" if there else "")
    )
    for sha256 in missing:
        path, count = files[sha256]
        wire.send(do="keep", sha256=sha256, bytes=count)
        try:
            wire.send_file(path, count)
        except BrokenPipeError:
            connection.answer()  # which may say why, such as that the disk is full
            raise


def _run(
    connection: Connection, words: list[str], result: str | None, luggage: _Luggage, say: Say
) -> BoardAnswer:
    """Run a command of the board's harness, show what it says, and return its answer in JSON."""
    sent = {"files": luggage.places, "folders": luggage.folders}
    last, said = "", BoardAnswer()
    try:
        connection.is_at_work = True
        connection.wire.send(do="run", words=[*words, "--json"], result=result, **sent)
        while said.ended is None:
            said = connection.answer()
            line = plain(said.told)
            last = line or last
            if line and not line.startswith("Error: "):
                say(f"{connection.address.host}: {line}")
    except KeyboardInterrupt:
        connection.stop(say)
        raise
    connection.is_at_work = False
    status = said.ended
    if status == 0 or (said.answer and result is None):  # which may be that nothing fits
        return said
    if status < 0:
        last = f"the process was ended by signal {-status}, as where memory is short ({last})"
    code = status if status == 2 else HarnessError.exit_code
    raise BoardError(f"on {connection.address}: {last.removeprefix('Error: ')}", code)


def _told(ended: BoardAnswer) -> Any:
    """Return the JSON that a command has printed; no text of it acts on a terminal.

    Raises:
        ValueError: it is none.
    """
    try:
        return _plain(json.loads(ended.answer))
    except RecursionError:
        raise ValueError("it is too deep") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return plain(value, MOST_TEXT) if isinstance(value, str) else value
