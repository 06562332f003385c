"""Whether what a method returns are numbers: a NaN must not pass for a result."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from harness.contracts import StepMetrics
from harness.trials.limits import NotFiniteError

__all__ = ["check_logits", "check_metrics", "check_reported"]


def check_metrics(metrics: StepMetrics, where: str) -> None:
    """Check what a search step has returned.

    Raises:
        NotFiniteError: the loss or the accuracy is no finite number.
        TypeError: it is no mapping with both of them.
    """
    for name in ("loss", "accuracy"):
        value = _number(metrics, name)
        if not math.isfinite(value):
            raise NotFiniteError(f"the {name} became {value} at {where}")


def check_logits(logits: Tensor, images: Tensor) -> None:
    """Check what `predict` has returned for `images`, (N, channels, height, width).

    The largest of NaN and numbers is no class that was predicted.

    Raises:
        NotFiniteError: a logit is NaN.
        ValueError: it is not one row of logits for each image.
    """
    if logits.ndim != 2 or logits.shape[0] != images.shape[0]:
        raise ValueError(
            f"predict returned logits of shape {tuple(logits.shape)} for {images.shape[0]} images"
        )
    if torch.isnan(logits).any():
        raise NotFiniteError("predict returned logits that are NaN")


def check_reported(
    reported: Mapping[str, float], allowed: Collection[str], who: str
) -> dict[str, float]:
    """Return the metrics that a method or a device tells of itself.

    Args:
        reported: numbers by the metric's name.
        allowed: the names that it may tell of.
        who: in words.

    Raises:
        NotFiniteError: a number is not finite.
        ValueError: a name is not among those.
    """
    for name, value in reported.items():
        if name not in allowed:
            raise ValueError(
                f"{who} reports the metric '{name}', which no plugin registers for it "
                f"(harness_register_metrics); there are: {', '.join(sorted(allowed)) or 'none'}"
            )
        if not math.isfinite(value):
            raise NotFiniteError(f"{who} reports {value} as its metric '{name}'")
    return {name: float(value) for name, value in reported.items()}


def _number(metrics: Any, name: str) -> float:
    try:
        return float(metrics[name])
    except (TypeError, KeyError, ValueError):
        raise TypeError(
            f"search_step returned {metrics!r:.80}; it must return a loss and an accuracy"
        ) from None
