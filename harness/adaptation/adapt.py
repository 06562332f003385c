"""Adapts a network to photos on a device, and leaves it as a model folder.

The search is a trial like any other: a process of its own, with the device's memory limit, clocks
and guards; only what comes of it is kept besides. The photos that it is judged by are seen by no
step, neither of the search nor of the choice of a method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from harness.adaptation.card import accuracy_sentence, card_files, facts_of, supernet_sentence
from harness.adaptation.recommend import recommend
from harness.adaptation.request import AUTO, AdaptRequest, Progress, Say, open_photos
from harness.contracts import Dataset, DeployableMethod, DescribesImages, ImageSet
from harness.errors import HarnessError, UsageError
from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import SpaceIdentity
from harness.fields import pretraining_values
from harness.models.folder import publish, read_parts, read_texts, refuse_taken
from harness.models.judging import Judgement, judge_model
from harness.models.model import BATCH, load_model
from harness.plugins.loading import Plugins
from harness.plugins.selection import select, spell
from harness.pretraining.checkpoint import read_finished
from harness.results.record import Record
from harness.results.run_files import PLAN_FILE, Plan
from harness.space.spec import METANAS
from harness.system.folders import expanded
from harness.trials.runner import RunResult, run_trials

__all__ = ["AdaptationFailedError", "Adapted", "adapt"]

ENDINGS = {
    "out_of_memory": "the device has too little memory for it; try a smaller --size or --channels, "
    "or --method auto",
    "over_budget": "try a smaller --size or --channels, --method auto, or a larger --memory",
}


class AdaptationFailedError(HarnessError):
    """The trial did not end well; the message says why, and nothing was left."""


@dataclass(frozen=True)
class Adapted:
    """What an adaptation has left.

    Attributes:
        folder: of the model.
        record: of its trial.
        judgement: of the photos that were held out, as the model in the folder predicts them.
        remarks: sentences for the person.
    """

    folder: Path
    record: Record
    judgement: Judgement
    remarks: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """What a person is told of it: the remarks, what it took, how good it is, where it is."""
        page = self.folder / "card.html"
        told = [
            _memory_sentence(self.record),
            accuracy_sentence(self.judgement),
            supernet_sentence(self.record, self.judgement),
            f"The model is in {self.folder}; {page} says more.",
        ]
        return [*self.remarks, *filter(None, told)]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        judged = self.judgement
        low, high = judged.interval
        return {
            "model": str(self.folder),
            "classes": list(judged.classes),
            "held_out": judged.total,
            "accuracy": {"value": judged.accuracy, "unit": "%", "low": low, "high": high},
            "confusion": judged.confusion.tolist(),
            "remarks": list(self.remarks),
            "record": self.record.model_dump(mode="json", by_alias=True),
        }

    @classmethod
    def from_json(cls, folder: Path, told: Mapping[str, Any]) -> Adapted:
        """Read what `to_json` has given of a model that is now in `folder`.

        Raises:
            ValueError, LookupError, TypeError: it is something else.
        """
        record = Record.model_validate(told["record"])
        confusion = np.array(told["confusion"], dtype=np.int64)
        judgement = Judgement(tuple(map(str, told["classes"])), confusion, ())
        if confusion.shape != (len(judgement.classes),) * 2 or judgement.total < 1:
            raise ValueError("the confusion matrix is not of its classes")
        return cls(folder, record, judgement, tuple(map(str, told["remarks"])))


def _memory_sentence(record: Record) -> str:
    """Say what its search held; empty where that was not counted."""
    memory, device = record.metrics["peak_memory"], record.device.name
    if memory.value is None:
        return ""
    where = device if memory.source == "measured" else f"{device}, which is emulated here"
    return f"Peak memory {memory.value:,.1f} MiB on {where}."


def adapt(plugins: Plugins, request: AdaptRequest, progress: Progress, say: Say) -> Adapted:
    """Adapt a network to photos, and write its folder, whole or not at all.

    Args:
        plugins: where names are looked up.
        request: what to do.
        progress: given a number of trials, encloses them with a listener.
        say: reports sentences to the person.

    Raises:
        UsageError: something that was asked for is wrong; nothing was written.
        AdaptationFailedError: the device cannot hold the method, or the method failed.
        KeyboardInterrupt: Ctrl-C; the same request goes on with what is missing.
    """
    refuse_taken(request.output)
    method = "" if request.method == AUTO else _with_model(plugins, request.method)
    photos, remarks = open_photos(plugins, request, say), []
    start = ""
    if request.base is not None:
        method, remark = _learning_on(request.base, photos)
        remarks.append(remark)
    elif request.checkpoint is not None:
        pretraining = read_finished(request.checkpoint).pretraining
        method, start = _pretrained(plugins, request, pretraining, photos), pretraining.key
        remarks.append(f"{method} has started from {request.checkpoint}.")
    if not method:
        method, reasons = _recommended(plugins, request, progress, say)
        remarks += reasons
    asked = request.started(request.run_request([method]), start)
    result = run_trials(plugins, asked, progress, say)
    record = _record(result)
    kept = _trial_folder(result.folder, record) / "model"
    if not kept.exists():
        raise AdaptationFailedError(str(record.environment.get("no_model", "there is no model")))
    judgement = judge_model(load_model(kept), photos.images("test"))
    shared = _shared(photos)
    if shared:
        remarks.append(
            f"{shared} of the photos that are held out are also among those learned from, which "
            "makes the accuracy look better than it is; remove one of each."
        )
    facts = facts_of(request, record, judgement, photos, shared)
    _publish(request.output, kept, {**card_files(facts), "record.json": _json(record)})
    return Adapted(request.output, record, judgement, tuple(remarks))


def _recommended(
    plugins: Plugins, request: AdaptRequest, progress: Progress, say: Say
) -> tuple[str, tuple[str, ...]]:
    """Return the method that is recommended, and the sentences that say why and at what cost.

    Raises:
        AdaptationFailedError: none fits.
    """
    found = recommend(plugins, request, progress, say)
    if found.choice is None:
        raise AdaptationFailedError(found.sentence)
    return found.choice.label, found.reasons


def _learning_on(base: Path, photos: Dataset) -> tuple[str, str]:
    """Return the method by which the network of a model learns on, and what becomes of its head.

    Raises:
        UsageError: the folder cannot be used, or its network takes other images.
    """
    folder = expanded(base).absolute()
    architecture, classes, _ = read_parts(folder, read_texts(folder)[1])
    if architecture.image_shape != photos.image_shape:
        channels, size, _ = architecture.image_shape
        gray = " and --gray" if channels == 1 else " and no --gray"
        raise UsageError(f"the model in '{base}' takes other images; give --size {size}{gray}")
    named = photos.description().classes if isinstance(photos, DescribesImages) else ()
    is_same = named == classes
    values = {"model": str(folder), "tune": "all", "new_head": not is_same}
    told = "its classes are the same" if is_same else "its last layer is new, as are the classes"
    return spell("transfer", values), f"The network of {base} has learned on; {told}."


def _pretrained(
    plugins: Plugins, request: AdaptRequest, found: Pretraining, photos: Dataset
) -> str:
    """Return the method that a checkpoint is of, as people type it, checked against the photos.

    Raises:
        UsageError: it is of another method than is asked for, or of another network.
    """
    named = spell(found.method.name, found.method.params)
    label = _with_model(plugins, named if request.method == AUTO else request.method)
    (selection,) = select(plugins, "method", label)
    classes, (colours, size, _) = photos.splits["train"].classes, found.dataset.image_shape
    gray = " and --gray" if colours == 1 else " and no --gray"
    faults = {
        f"method {found.method.name}": selection.name == found.method.name,
        f"parameters {named}": pretraining_values(selection.parameters) == found.method.params,
        f"the search space {found.space.name}": found.space == SpaceIdentity.of(METANAS),
        f"other images; give --size {size}{gray}": photos.image_shape == found.dataset.image_shape,
        f"another width; give --channels {found.budget.channels}": found.budget.channels
        == request.channels,
        f"{found.ways} classes, and the photos have {classes}; pretrain with --ways {classes}":
        found.ways == classes,
    }  # fmt: skip
    for fault, is_right in faults.items():
        if not is_right:
            raise UsageError(f"checkpoint {request.checkpoint} is for {fault}")
    return label


def _with_model(plugins: Plugins, method: str) -> str:
    """Return the method that was named, as people type it.

    Raises:
        UsageError: it has no model to give, or there are several.
    """
    selections = select(plugins, "method", method)
    if len(selections) > 1:
        raise UsageError(f"one method gives a model, or {AUTO} chooses one; not '{method}'")
    if not isinstance(selections[0].create(), DeployableMethod):
        raise UsageError(
            f"method {selections[0].name} has no model to give: it lacks `deployable` "
            "(harness.contracts.DeployableMethod); choose another with --method"
        )
    return selections[0].label


def _shared(photos: Dataset) -> int:
    """Return how many photos that are held out look, to the pixel, like one learned from."""
    learned = set(_hashes(photos.images("train")))
    return sum(each in learned for each in _hashes(photos.images("test")))


def _hashes(images: ImageSet) -> Iterator[bytes]:
    for start in range(0, len(images), BATCH):
        pixels, _ = images.batch(np.arange(start, min(start + BATCH, len(images))))
        yield from (sha256(image.tobytes()).digest() for image in pixels)


def _record(result: RunResult) -> Record:
    if result.interrupted:
        raise KeyboardInterrupt
    (record,) = result.records
    if record.status != "ok":
        raise AdaptationFailedError(
            f"{record.label} on {record.device.name} did not end well: {_ending(record, result)}"
        )
    return record


def _ending(record: Record, result: RunResult) -> str:
    told = record.error.message if record.error else record.status
    advice = ENDINGS.get(record.status, f"to have it tried again, remove {result.folder}")
    return f"{told}; {advice}"


def _trial_folder(run: Path, record: Record) -> Path:
    plan = Plan.model_validate_json((run / PLAN_FILE).read_bytes())
    (name,) = (each.folder for each in plan.trials if each.trial_key == record.trial_key)
    return run / "trials" / name


def _publish(output: Path, kept: Path, besides: dict[str, bytes]) -> None:
    """Write the model folder: what the trial has kept, and what is said of it."""
    manifest, files = read_texts(kept)
    whole = {str(name): (kept / name).read_bytes() for name in manifest.files if name not in files}
    publish(output, {**files, **whole, **besides})


def _json(record: Record) -> bytes:
    return (record.model_dump_json(by_alias=True, indent=1) + "\n").encode()
