"""What is done on a board from here: adapting to photos that are here, and calibrating.

What a board sends is a stranger's: files have names of a closed list and bounds, go to a temporary
folder, and are checked before it takes its name.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from harness.adaptation.adapt import Adapted
from harness.adaptation.request import AdaptRequest
from harness.boards.connection import BoardAddress, BoardAnswer, BoardError, Connection, connected
from harness.boards.serving import STOPPED
from harness.cost_model.profile import CostProfile
from harness.data.images import SUFFIXES
from harness.data.sources import FolderSource, open_source
from harness.devices.profile import DeviceProfile, parse_profile
from harness.errors import DataError, HarnessError
from harness.models.folder import MOST_OF_FILE, ModelError, check_model, refuse_taken
from harness.models.judging import Judgement
from harness.plugins.loading import Plugins
from harness.plugins.profile_files import ProfileFile
from harness.results.record import Record
from harness.system.files import file_sha256, not_written, whole_folder
from harness.system.folders import expanded
from harness.system.text import plain

__all__ = ["adapt_on", "calibrate_on"]

Say = Callable[[str], None]

STOPS_IN_S = 90.0
NEEDED = {"torch", "torchvision", "cache folder"}
CHECKPOINT = "checkpoint.safetensors"
TAKEN = {"base", CHECKPOINT, "harness", "model"}  # names that photos do not have there
MOST_PROFILE = 2**20  # bytes


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
    luggage, words = _packed(plugins, request)
    with connected(address) as connection:
        _check(connection, say)
        _send(connection, luggage, say)
        ended = _run(connection, words, "model", luggage, say)
        with not_written(request.output), whole_folder(request.output) as folder:
            for name, content in _received(connection, ended, MOST_OF_FILE):
                with (folder / name).open("ab") as file:
                    file.write(content)
            try:
                check_model(folder)
            except ModelError as error:
                raise BoardError(f"{address} has sent no sound model: {error}") from None
        connection.forget()
    return _adapted(address, request.output, ended.answer)


def calibrate_on(
    address: BoardAddress, name: str, say: Say
) -> tuple[DeviceProfile, dict[str, Any]]:
    """Calibrate the processor of a board.

    Args:
        address: of the board.
        name: what the device is to be called.
        say: reports sentences to the person.

    Returns:
        Its profile, by which the board is recognised and no other machine; and what
        `harness devices calibrate --json` says.

    Raises:
        BoardError: as of `adapt_on`.
    """
    words = ["devices", "calibrate", "--json", f"--name={name}", "--output=profile.toml"]
    with connected(address) as connection:
        _check(connection, say)
        ended = _run(connection, words, "profile.toml", _Luggage(), say)
        pieces = _received(connection, ended, {"profile.toml": MOST_PROFILE})
        text = b"".join(content for _, content in pieces).decode("utf-8", "replace")
        connection.forget()
        profile = parse_profile(text, f"of {address}")
        try:
            told = _CalibrationAnswer.model_validate_json(plain(ended.answer, MOST_PROFILE))
        except ValueError:
            raise BoardError(f"{address} answers what cannot be understood") from None
        profile = profile.model_copy(update={"recognised_by": connection.machine})
        return profile, told.model_dump(mode="json")


class _CalibrationAnswer(BaseModel):
    """What `harness devices calibrate --json` says."""

    class LeftOutRow(BaseModel):
        name: str
        network: str
        measured_s: float
        predicted_s: float
        error: float

    cost: CostProfile
    left_out: list[LeftOutRow]


def _packed(plugins: Plugins, request: AdaptRequest) -> tuple[_Luggage, list[str]]:
    """Return what an adaptation needs on a board, and the command there."""
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
    if request.base is not None:
        base = expanded(request.base)
        check_model(base)
        for file in (base / each for each in MOST_OF_FILE):
            if file.exists():
                luggage.add(file, f"work/base/{file.name}")
    for entry in plugins.registry.entries("device"):
        if entry.name == request.device and isinstance(entry.plugin, ProfileFile):
            luggage.add(Path(entry.plugin.distribution), f"devices/{entry.name}.toml")
    there = replace(
        request,
        photos=Path(name),
        output=Path("model"),
        base=request.base and Path("base"),
        checkpoint=request.checkpoint and Path(CHECKPOINT),
    )
    if request.checkpoint is not None:
        luggage.add(expanded(request.checkpoint), f"work/{CHECKPOINT}")
    return luggage, [*there.words, "--json"]


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
    connection: Connection, words: list[str], result: str, luggage: _Luggage, say: Say
) -> BoardAnswer:
    """Run a command of the board's harness, show what it says, and return how it ended well."""
    sent = {"files": luggage.places, "folders": luggage.folders}
    last, said = "", BoardAnswer()
    try:
        connection.is_at_work = True
        connection.wire.send(do="run", words=words, result=result, **sent)
        while said.ended is None:
            said = connection.answer()
            line = plain(said.told)
            last = line or last
            if line and not line.startswith("Error: "):
                say(f"{connection.address.host}: {line}")
    except KeyboardInterrupt:
        _stop(connection, say)
        raise
    connection.is_at_work = False
    status = said.ended
    if status == 0:
        return said
    if status < 0:
        last = f"the process was ended by signal {-status}, as where memory is short ({last})"
    code = status if status == 2 else HarnessError.exit_code
    raise BoardError(f"on {connection.address}: {last.removeprefix('Error: ')}", code)


def _stop(connection: Connection, say: Say) -> None:
    """Stop what runs there; a second Ctrl-C does not wait for it."""
    say(f"stopping {connection.address}")
    with suppress(OSError, subprocess.TimeoutExpired, KeyboardInterrupt):
        connection.wire.send(do="stop")
        if connection.ended(STOPS_IN_S) == STOPPED:
            return
    say(f"{connection.address} was not seen to stop, and may go on by itself")


def _received(
    connection: Connection, ended: BoardAnswer, most: Mapping[str, int]
) -> Iterator[tuple[str, bytes]]:
    """Yield the pieces of the files that a command has made, with the names of the files.

    Raises:
        BoardError: a file has another name than those of `most`, comes twice, or is larger.
    """
    names: set[str] = set()
    for name, size in ended.files:
        if name not in most or name in names or not 0 <= size <= most[name]:
            raise BoardError(
                f"{connection.address} sends '{plain(name)}' of {plain(size)} bytes, which is no "
                "part of what was asked for"
            )
        names.add(name)
        for piece in connection.wire.read(size):
            yield name, piece


def _adapted(address: BoardAddress, folder: Path, answer: str) -> Adapted:
    """Return what `harness adapt --json` has said there of a model that is here."""
    try:
        told = json.loads(answer)
        record = Record.model_validate(told["record"])
        confusion = np.array(told["confusion"], dtype=np.int64)
        judgement = Judgement(tuple(map(str, told["classes"])), confusion, ())
        if confusion.shape != (len(judgement.classes),) * 2 or judgement.total < 1:
            raise ValueError("the confusion matrix is not of its classes")
        return Adapted(folder, record, judgement, tuple(plain(each) for each in told["remarks"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BoardError(
            f"the model of {address} is in {folder}, but what the board says of it cannot be read: "
            f"{plain(error)}"
        ) from None
