"""What a person asks of an adaptation, the trials that it comes to, and the photos."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from harness.canonical import digest
from harness.contracts import DataRequest, Dataset, DeviceMode
from harness.errors import UsageError
from harness.plugins.loading import Plugins
from harness.plugins.selection import select, spell
from harness.system.folders import expanded, user_cache
from harness.trials.record_writer import RunListener
from harness.trials.runner import RunRequest

__all__ = [
    "AUTO",
    "AdaptRequest",
    "Keep",
    "Part",
    "PhotosRequest",
    "Progress",
    "Say",
    "Wishes",
    "open_photos",
]

AUTO = "auto"
PHOTOS = "photos"  # the data set that splits them

Keep = Literal["derived", "supernet"]
Part = Literal["all", "rehearsal"]

Progress = Callable[[int], AbstractContextManager[RunListener]]
"""Encloses so many trials with what shows them."""

Say = Callable[[str], None]
"""Reports a sentence to the person."""

FINISHING = 2  # the derived network learns alone in this part of the epochs, which are short

# Few photos: small batches, and all of them for w; the rates of the few-shot recipe, falling.
RECIPE = "batch_size=16,architecture_images=all,schedule=cosine"


@dataclass(frozen=True, kw_only=True)
class PhotosRequest:
    """What is asked of methods on photos.

    Attributes:
        photos: folder or archive of <class>/<photo> or <split>/<class>/<photo>.
        device: to run on or to emulate.
        mode: insists on the device itself, or on its emulation.
        keep: the derived network, or the supernet with all epochs for its search.
        size: height and width that photos are brought to, in pixels.
        colours: three channels or one.
        channels: C, the width of a cell.
        epochs: passes over the photos, those of the derived network included.
        memory_mib: a smaller limit than the device's, in MiB.
        race_s: seconds for which methods are raced here to choose one; its rehearsal with all
            epochs comes on top.
        seed: draws what is held out, and the weights.
        cache_root: folder of decoded photos and of trials under way.
    """

    COMMAND: ClassVar = "recommend"

    photos: Path
    device: str = "cpu"
    mode: DeviceMode | None = None
    keep: Keep = "derived"
    size: int = 32
    colours: Literal["rgb", "gray"] = "rgb"
    channels: int = 8
    epochs: int = 24
    memory_mib: float | None = None
    race_s: float = 60.0
    seed: int = 0
    cache_root: Path = field(default_factory=user_cache)

    def __post_init__(self) -> None:
        """Check what no other part would.

        Raises:
            UsageError: there are too few epochs to search in and to finish in.
        """
        if self.keep == "derived" and self.epochs < 2:
            raise UsageError(
                "the derived network needs an epoch of its own; give --epochs 2 or more"
            )

    def dataset(self, part: Part = "all") -> str:
        """Return the photos as `--dataset` takes them."""
        values = {
            "path": str(expanded(self.photos).absolute()),
            "size": self.size,
            "mode": self.colours,
            "seed": self.seed,
            "part": part,
        }
        return spell(PHOTOS, values)

    def finish_epochs(self, share: int = 1) -> int:
        """Return how many of the epochs are for the derived network alone."""
        return max(1, self._epochs(share) // FINISHING) if self.keep == "derived" else 0

    def run_request(self, methods: Sequence[str], part: Part = "all", share: int = 1) -> RunRequest:
        """Return the trials of methods; the same request again runs only those that are missing.

        Args:
            methods: as people type them.
            part: all photos, or those that are not held out.
            share: the trials have 1/share of the epochs.
        """
        budget: dict[str, float] = {"epochs": self._epochs(share), "channels": self.channels}
        if finish := self.finish_epochs(share):
            budget["finish_epochs"] = finish
        if self.memory_mib is not None:
            budget["memory_mb"] = self.memory_mib
        wanted = {
            "methods": list(methods),
            "datasets": [self.dataset(part)],
            "devices": [self.device],
            "recipe": RECIPE,
            "budget": ",".join(f"{key}={value:g}" for key, value in budget.items()),
            "seeds": str(self.seed),
        }
        if self.mode is not None:
            wanted["mode"] = self.mode
        return RunRequest(
            wanted=wanted,
            output=self._folder(wanted),
            cache_root=self.cache_root,
            saves_models=part == "all",
        )

    @property
    def words(self) -> list[str]:
        """What to type after `harness` for the same."""
        photos = str(self.photos)
        photos = f"./{photos}" if photos.startswith("-") else photos
        words = [self.COMMAND, photos, "-d", self.device]
        if self.mode is not None:
            words += ["--mode", self.mode]
        for key in ("keep", "size", "channels", "epochs", "seed"):
            if (given := getattr(self, key)) != getattr(PhotosRequest, key):
                words += [f"--{key}", str(given)]
        if self.colours == "gray":
            words.append("--gray")
        if self.memory_mib is not None:
            words += ["--memory", f"{self.memory_mib:.10g}MiB"]
        if self.race_s != PhotosRequest.race_s:
            words += ["--race-time", f"{self.race_s:.10g}s"]
        return words

    def _folder(self, wanted: Mapping[str, object]) -> Path:
        return self.cache_root / "adaptations" / digest(wanted)[:16]

    def _epochs(self, share: int) -> int:
        return self.epochs if share == 1 else max(2, self.epochs // share)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked of a recommendation besides.

    Attributes:
        seconds: that the adaptation may take on the device; None: as many as it needs.
        joules: that it may take; None: as many as it needs.
        rehearses: whether the choice is run once with all epochs, to know what to expect of it.
    """

    seconds: float | None = None
    joules: float | None = None
    rehearses: bool = True

    @property
    def words(self) -> list[str]:
        """The options of `harness recommend` for them."""
        words = [] if self.seconds is None else ["--time", f"{self.seconds:.10g}s"]
        words += [] if self.joules is None else ["--energy", f"{self.joules:.10g}J"]
        return words if self.rehearses else [*words, "--no-rehearse"]


@dataclass(frozen=True, kw_only=True)
class AdaptRequest(PhotosRequest):
    """What to adapt to, where, and what to leave.

    Attributes:
        output: the model folder to make.
        method: as `-m` takes it; `auto` is what `harness recommend` says.
        base: a model folder whose network learns on; nothing is searched then.
        checkpoint: of a pretraining, which the search starts from.
    """

    COMMAND: ClassVar = "adapt"

    output: Path
    method: str = AUTO
    base: Path | None = None
    checkpoint: Path | None = None

    def __post_init__(self) -> None:
        """Check what no other part would.

        Raises:
            UsageError: two wishes contradict each other.
        """
        super().__post_init__()
        if self.base is not None and self.method != AUTO:
            raise UsageError("--base goes on with the network of a model; leave out --method")
        if self.base is not None and self.checkpoint is not None:
            raise UsageError("a search starts from --checkpoint, and --base searches nothing")
        if expanded(self.output).resolve().is_relative_to(expanded(self.photos).resolve()):
            raise UsageError(
                f"'{self.output}' lies among the photos, where it would be taken for a class; give "
                "another folder with --output"
            )

    def started(self, asked: RunRequest, key: str) -> RunRequest:
        """Return trials that start from the checkpoint, which is that of a pretraining's key."""
        if self.checkpoint is None:
            return asked
        wanted = {**asked.wanted, "recipe": f"{asked.wanted['recipe']},start={key}"}
        return replace(
            asked, wanted=wanted, output=self._folder(wanted), checkpoints=[self.checkpoint]
        )

    @property
    def command(self) -> str:
        """What to type for the same again."""
        return shlex.join(["harness", *self.words])

    @property
    def words(self) -> list[str]:
        """The same, word by word, without `harness`."""
        words = super().words
        words += ["-m", self.method] if self.base is None else ["--base", str(self.base)]
        if self.checkpoint is not None:
            words += ["--checkpoint", str(self.checkpoint)]
        return [*words, "-o", str(self.output)]


def open_photos(plugins: Plugins, request: PhotosRequest, say: Say, part: Part = "all") -> Dataset:
    """Return the photos, split.

    Raises:
        DataError: they are not there, unreadable, too few, or not laid out as expected.
    """
    (selection,) = select(plugins, "dataset", request.dataset(part))
    data: Dataset = selection.create().prepare(DataRequest(None, request.cache_root, say))
    return data
