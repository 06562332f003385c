"""From photos to a model: what is left, what is refused, and that an interruption costs little."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.adaptation.adapt import adapt
from harness.adaptation.card import supernet_is_better, supernet_sentence
from harness.adaptation.request import AdaptRequest
from harness.experiment.budget import Budget
from harness.experiment.outcome import Metric
from harness.experiment.setting import Recipe
from harness.models.judging import Judgement
from harness.models.model import load_model
from harness.plugins.loading import load_plugins
from harness.results.record import Record
from harness.trials.record_writer import SilentListener
from tests.adaptation.conftest import call

TINY = ("--size", "8", "--channels", "2", "--epochs", "3")


def test_photos_become_a_model_that_labels_a_new_one(photos: Path, scratch: Path) -> None:
    """Adapt, then predict: the folder says what it is, and what was promised is what it does."""
    result = call(
        "adapt", photos, "-m", "weights-only", "-d", "jetson", *TINY, "-o", "model", "--json"
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {path.name for path in (scratch / "model").iterdir()} == {
        "architecture.json", "classes.json", "preprocessing.json", "weights.safetensors",
        "card.md", "card.html", "record.json", "manifest.json",
    }  # fmt: skip
    record = told["record"]
    # The folder predicts what its trial did, on photos that no step saw.
    assert told["accuracy"]["value"] == pytest.approx(record["metrics"]["accuracy"]["value"])
    assert told["held_out"] == 4
    assert record["device"]["mode"] == "emulated"
    assert record["budget"]["allowed"]["finish_epochs"] == 1
    assert record["metrics"]["supernet_accuracy"]["value"] is not None
    assert record["metrics"]["peak_memory"]["source"] == "emulated"
    card = (scratch / "model" / "card.md").read_text()
    page = (scratch / "model" / "card.html").read_text()
    for text in (card, page):
        assert "What it must not be used for" in text
        assert "emulated" in text
        assert "accuracy of the supernet" in text
    assert "<b>" not in page
    assert "data:image/png;base64," in page
    predicted = call("predict", "model", "new.png")
    assert predicted.exit_code == 0
    assert predicted.stdout.startswith("new.png: ")
    # What is there stays.
    again = call("adapt", photos, "-m", "weights-only", *TINY, "-o", "model")
    assert again.exit_code == 2
    assert "is there already" in again.stderr


@pytest.mark.parametrize(
    ("supernet", "told"),
    [
        (90.0, "clearly more than the 50 % of the network that is kept. --keep supernet keeps it"),
        (60.0, "no clear difference from the 50 %"),
        (10.0, "clearly less than the 50 %"),
        (None, ""),
    ],
)
def test_card_says_which_of_both_networks_is_better(supernet: float | None, told: str) -> None:
    """What is better beyond the interval of 15 of 30 photos is called so, with the flag for it."""
    judgement = Judgement(("a", "b"), np.array([[8, 7], [8, 7]]), ())
    metric = Metric(value=supernet, unit="%", source="measured")
    record = Record.model_construct(metrics={"supernet_accuracy": metric})
    sentence = supernet_sentence(record, judgement)
    assert told in sentence
    assert bool(sentence) == bool(told)
    assert supernet_is_better(record, judgement) is (supernet == 90.0)


def test_supernet_is_kept_where_that_is_asked(photos: Path, scratch: Path) -> None:
    """All epochs then go to the search, and what is kept predicts as the supernet does."""
    result = call(
        "adapt", photos, "-m", "darts", "--keep", "supernet", *TINY, "-o", "model", "--json"
    )
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)["record"]
    assert "supernet_accuracy" not in record["metrics"]
    assert "finish_epochs" not in record["budget"]["allowed"]
    kept = load_model(scratch / "model").architecture
    assert kept.kind == "cells"
    assert len(kept.normal[0]) == 2 * 7  # every operation on both edges


def test_fine_tuned_network_is_kept_as_others_are(
    photos: Path, scratch: Path, backbone_weights: Path
) -> None:
    """What was trained before becomes a model folder too, which needs no weights but its own."""
    method = f"transfer[weights={backbone_weights},size=32]"
    result = call("adapt", photos, "-m", method, "-d", "jetson", *TINY, "-o", "model", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    record = told["record"]
    assert record["architecture"] is None
    assert told["accuracy"]["value"] == pytest.approx(record["metrics"]["accuracy"]["value"])
    assert load_model(scratch / "model").architecture.kind == "backbone"
    assert "C = " not in (scratch / "model" / "card.md").read_text()
    assert call("predict", "model", "new.png").exit_code == 0


@pytest.mark.slow
def test_a_model_learns_on(photos: Path, scratch: Path) -> None:
    """From a folder made before, with the last layer it has, or a new one for other classes."""
    assert call("adapt", photos, "-m", "random", *TINY, "-o", "first").exit_code == 0
    words = ("--base", "first", "-d", "jetson", *TINY)
    again = call("adapt", photos, *words, "-o", "second", "--json")
    assert again.exit_code == 0, again.output
    told = json.loads(again.stdout)
    assert told["remarks"] == ["The network of first has learned on; its classes are the same."]
    assert told["accuracy"]["value"] == pytest.approx(
        told["record"]["metrics"]["accuracy"]["value"]
    )
    first, second = (load_model(scratch / name).architecture for name in ("first", "second"))
    assert first == second
    assert "--base first" in (scratch / "second" / "card.md").read_text()
    (photos / "dark").rename(photos / "night")
    other = call("adapt", photos, *words, "-o", "third", "--json")
    assert other.exit_code == 0, other.output
    assert "its last layer is new" in json.loads(other.stdout)["remarks"][0]
    for wrong, sentence in (
        (("--size", "16", "--base", "first"), "takes other images; give --size 8 and no --gray"),
        ((*TINY, "--base", "nowhere"), "nowhere' does not exist"),
        ((*TINY, "--base", "first", "-m", "darts"), "leave out --method"),
    ):
        refused = call("adapt", photos, *wrong, "-o", "fourth")
        assert refused.exit_code == 2, refused.output
        assert sentence in refused.stderr
    assert not (scratch / "fourth").exists()


@pytest.fixture
def checkpoint(scratch: Path) -> Path:
    """Pretrain DARTS in a moment, on classes of gray images that are drawn."""
    budget = "quick,meta_epochs=1,warmup_epochs=0,channels=2,meta_tasks=1,meta_batch=4,meta_shots=2"
    words = ("-m", "darts", "--budget", budget, "--ways", "2")
    result = call("pretrain", *words, "--json")
    assert result.exit_code == 0, result.output
    (told,) = json.loads(result.stdout)
    return Path(told["checkpoint"])


def test_search_starts_from_a_checkpoint(photos: Path, scratch: Path, checkpoint: Path) -> None:
    """The method of a pretraining goes on from it on photos; another checkpoint is refused."""
    image = ("--size", "28", "--gray", "--channels", "2", "--epochs", "2")
    fits = (*image, "--checkpoint", checkpoint)
    result = call("adapt", photos, *fits, "-o", "model", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    record = told["record"]
    assert record["method"]["name"] == "darts"
    assert record["pretraining"]["key"].startswith(checkpoint.stem.rpartition("-")[2])
    assert record["budget"]["used"]["meta_epochs"] == 1
    assert f"darts has started from {checkpoint}." in told["remarks"]
    assert "--checkpoint" in (scratch / "model" / "card.md").read_text()
    (scratch / "no.safetensors").write_bytes(b"nothing")
    for words, sentence in (
        (("--channels", "3"), "is for another width; give --channels 2"),
        (("--size", "20"), "is for other images; give --size 28 and --gray"),
        (("-m", "onnas"), "is for method darts"),
        (("-m", "darts[order=second]"), "is for parameters darts"),
        (("--checkpoint", "no.safetensors"), "cannot be read"),
        (("--base", "model"), "--base searches nothing"),
    ):
        refused = call("adapt", photos, *fits, *words, "-o", "other")
        assert refused.exit_code == 2, refused.output
        assert sentence in refused.stderr
    assert not (scratch / "other").exists()


def test_what_is_done_is_not_done_again(photos: Path, scratch: Path) -> None:
    """Broken off after its trial, the same command runs none, and leaves the same weights."""
    assert call("adapt", photos, "-m", "random", *TINY, "-o", "one").exit_code == 0
    listener = Counting()
    request = AdaptRequest(
        photos=photos, output=scratch / "two", method="random", size=8, channels=2, epochs=3,
        cache_root=scratch.parent / "cache",
    )  # fmt: skip
    adapt(load_plugins(), request, lambda _: nullcontext(listener), print)
    assert listener.trials == 0
    one, two = ((scratch / name / "weights.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_photos_that_are_there_twice_are_told(photos: Path, scratch: Path) -> None:
    """A copy of what was learned from makes the accuracy look better: a sentence says so."""
    for label in ("dark", "bright <b>"):
        for number in range(10):
            same = (photos / label / "0.png").read_bytes()
            (photos / label / f"{number}.png").write_bytes(same)
    result = call("adapt", photos, "-m", "random", *TINY, "-o", "model")
    assert result.exit_code == 0, result.output
    assert "4 of the photos that are held out are also among those learned from" in result.stdout
    assert "photos that are there twice" in (scratch / "model" / "card.md").read_text()


class Counting(SilentListener):
    """Counts the trials that are started."""

    trials = 0

    def started(self, trial: object) -> None:
        """Count one."""
        self.trials += 1


def test_method_without_a_model_is_refused_by_name(
    photos: Path, scratch: Path, plugin_factory: Callable[[str, str], Path]
) -> None:
    """A stranger's method that cannot be kept is refused before anything is run."""
    plugin_factory(
        "mine",
        "from harness import hookimpl\n"
        "class Mine:\n    pass\n"
        "@hookimpl\n"
        "def harness_register_methods(register):\n    register('mine', 'mine:Mine')\n",
    )
    result = call("adapt", photos, "-m", "mine", *TINY, "-o", "model")
    assert result.exit_code == 2
    assert "method mine has no model to give" in result.stderr
    assert not (scratch / "model").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere",), "does not exist"),
        (("photos", "-m", "dart"), "did you mean 'darts'"),
        (("photos", "-d", "jetsn"), "did you mean 'jetson'"),
        (("photos", "--epochs", "1"), "--epochs 2 or more"),
        (("photos", "--memory", "much"), "not an amount of memory"),
        (("photos", "-o", "photos/model"), "lies among the photos"),
    ],
)
def test_wrong_words_are_refused_in_a_sentence(
    photos: Path, scratch: Path, words: tuple[str, ...], sentence: str
) -> None:
    """Nothing is run, nothing is left, and the status is 2."""
    result = call("adapt", "-m", "random", "-o", "model", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not list(scratch.rglob("model"))


def test_too_little_memory_is_told_and_leaves_nothing(photos: Path, scratch: Path) -> None:
    """A method that does not fit is a sentence with status 1, and no folder."""
    result = call("adapt", photos, "-m", "darts", *TINY, "--memory", "0.1MiB", "-o", "model")
    assert result.exit_code == 1
    assert "try a smaller --size" in result.stderr
    assert not (scratch / "model").exists()


def test_keys_of_trials_are_what_they_were() -> None:
    """What was added for adaptation shows in a key only where it is used."""
    assert "finish_epochs" not in Budget().model_dump()
    assert Budget(epochs=3, finish_epochs=1).model_dump()["finish_epochs"] == 1
    assert "architecture_images" not in Recipe().model_dump()
    assert Recipe(architecture_images="all").model_dump()["architecture_images"] == "all"


def test_benchmarks_leave_models_too(scratch: Path) -> None:
    """With `save_models` a trial's folder has the network that it was judged by."""
    found = harness.run(
        ["weights-only"], budget="quick,meta_epochs=0,search_steps=1,tasks=2,channels=2",
        output=scratch / "out", progress=False, save_models=True,
    )  # fmt: skip
    assert found.results.trials
    (folder,) = (scratch / "out" / "trials").glob("*/model")
    model = load_model(folder)
    assert model.classes == tuple(f"class {number}" for number in range(5))
