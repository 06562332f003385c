"""Whether what a method returns are numbers: a NaN must not pass for a result."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from harness.contracts import StepMetrics
from harness.trials.limits import NotFiniteError

__all__ = ["check_logits", "check_metrics"]


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


def _number(metrics: Any, name: str) -> float:
    try:
        return float(metrics[name])
    except (TypeError, KeyError, ValueError):
        raise TypeError(
            f"search_step returned {metrics!r:.80}; it must return a loss and an accuracy"
        ) from None
