"""How tasks are posed: the order of images, transductive evaluation, augmentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.contracts import Episode, SearchBatch, SearchContext
from harness.data.images import MARGIN, crop_and_flip
from harness.errors import UnknownNameError, UsageError
from harness.experiment.budget import Budget
from harness.experiment.setting import FewShotSetting, FullTaskSetting, Recipe, parse_recipe
from harness.experiment.suite import SuiteEntry
from harness.loop.episode import MethodDriver, predict_together, run_episode

WAYS, SHOTS, QUERIES, STEPS = 3, 5, 2, 3


def make_episode() -> Episode:
    """Return an episode whose images are their own numbers, support and query apart."""
    support = np.arange(WAYS * SHOTS, dtype=np.float32).reshape(-1, 1, 1, 1)
    query = 100 + np.arange(WAYS * QUERIES, dtype=np.float32).reshape(-1, 1, 1, 1)
    return Episode(
        support_images=support,
        support_labels=np.arange(WAYS * SHOTS) % WAYS,
        query_images=query,
        query_labels=np.array([2, 0, 1, 1, 0, 2]),
    )


class Recorder:
    """A method that notes the images that it sees."""

    def __init__(self) -> None:
        self.steps: list[list[float]] = []
        self.together: list[list[float]] = []

    def build(self, context: SearchContext) -> None:
        pass

    def search_step(self, batches: Sequence[SearchBatch]) -> dict[str, float]:
        self.steps.append([float(each) for batch in batches for each in batch.weights.images])
        return {"loss": 0.0, "accuracy": 0.0}

    def predict(self, images: Tensor) -> Tensor:
        return torch.zeros(len(images), WAYS)

    def predict_together(self, images: Tensor) -> Tensor:
        self.together.append([float(each) for each in images])
        return torch.zeros(len(images), WAYS)


def make_context() -> SearchContext:
    return SearchContext(
        image_shape=(1, 1, 1),
        classes=WAYS,
        channels=1,
        budget=Budget(search_steps=STEPS),
        steps=STEPS,
        device=torch.device("cpu"),
        generator=torch.Generator(),
    )


def steps_of(seed: int, index: int) -> list[list[float]]:
    method = Recorder()
    driver = MethodDriver(seed, index)
    list(run_episode(driver, method, make_context(), make_episode(), 4))  # type: ignore[arg-type]
    return method.steps


def test_each_step_has_an_order_of_its_own() -> None:
    """Every step goes through all support images once, in another order; a seed repeats them."""
    steps = steps_of(0, 0)
    assert len(steps) == STEPS
    assert all(sorted(step) == list(range(WAYS * SHOTS)) for step in steps)
    assert steps[0] != steps[1] != steps[2]
    assert steps == steps_of(0, 0)
    assert steps != steps_of(1, 0)
    assert steps != steps_of(0, 1)


def test_images_judged_together_are_one_of_each_class() -> None:
    """Transductive groups have one image of each class, in the order of the episode."""
    method, driver = Recorder(), MethodDriver(0, 0)
    answers = list(
        predict_together(driver, method, make_episode(), torch.device("cpu"))  # type: ignore[arg-type]
    )
    assert method.together == [[100.0, 101.0, 102.0], [103.0, 104.0, 105.0]]
    assert [labels.tolist() for _, labels in answers] == [[2, 0, 1], [1, 0, 2]]


def test_a_method_that_cannot_is_named() -> None:
    """A method without `predict_together` cannot be judged transductively: a sentence says so."""

    class Alone:
        def predict(self, images: Tensor) -> Tensor:
            return torch.zeros(len(images), WAYS)

    with pytest.raises(UsageError, match="Alone has no predict_together"):
        MethodDriver(0).predict_together(Alone(), torch.zeros(1))  # type: ignore[arg-type]


def test_crops_come_out_of_a_margin_of_zeros() -> None:
    """Each image is shifted by up to four pixels, what comes in is zero, and half are mirrored."""
    images = 1 + np.arange(64, dtype=np.float32).reshape(1, 1, 8, 8)
    many = np.repeat(images, 200, axis=0)
    found = crop_and_flip(many, np.random.default_rng(0))
    assert found.shape == many.shape
    assert found.dtype == np.float32
    wide = np.pad(images[0, 0], MARGIN)
    windows = {
        wide[top : top + 8, left : left + 8].tobytes()
        for top in range(2 * MARGIN + 1)
        for left in range(2 * MARGIN + 1)
    }
    plain = [image[0].tobytes() in windows for image in found]
    mirrored = [np.ascontiguousarray(image[0][:, ::-1]).tobytes() in windows for image in found]
    assert all(a or b for a, b in zip(plain, mirrored, strict=True))
    assert 60 < sum(mirrored) < 140
    assert len({image.tobytes() for image in found}) > 100


def test_a_recipe_is_read_as_people_type_it() -> None:
    """Pairs replace the defaults; unknown keys and values out of range are refused by name."""
    recipe = parse_recipe("batch_size=64,weight_lr=0.025,schedule=cosine,augmentation=crop-flip")
    assert recipe == Recipe(
        batch_size=64, weight_lr=0.025, schedule="cosine", augmentation="crop-flip"
    )
    assert parse_recipe("") == Recipe()
    with pytest.raises(UnknownNameError, match="weight_lr"):
        parse_recipe("weights_lr=0.1")
    with pytest.raises(UsageError, match="'weight_lr' is"):
        parse_recipe("weight_lr=-1")


def test_a_setting_says_what_is_not_the_default() -> None:
    """Rates, batches and evaluation stand in the setting's words, the defaults do not."""
    assert str(FewShotSetting()) == "5-way 1-shot"
    entry = SuiteEntry(recipe="weight_lr=0.005", evaluation="transductive")
    assert str(entry.setting("few-shot")) == "5-way 1-shot, w 0.005, transductive"
    full = SuiteEntry(recipe="batch_size=64").setting("full-task")
    assert isinstance(full, FullTaskSetting)
    assert (full.batch_size, str(full)) == (64, "full task, batches of 64")


def test_a_full_task_of_table_4_has_391_steps_an_epoch() -> None:
    """Halves of 50,000 images in batches of 64 are the paper's 391 steps."""
    setting = SuiteEntry(recipe="batch_size=64").setting("full-task")
    assert -(-25_000 // setting.batch_size) == 391
