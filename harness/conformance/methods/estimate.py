"""What is estimated from shapes is what a trial counts."""

from __future__ import annotations

from harness.conformance.images import NoiseImages
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import BUDGET, SETTING, run
from harness.contracts import DatasetForm
from harness.estimate.planning import Search
from harness.estimate.work import estimate

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    selection = subject.selection
    search = Search(
        method=selection.name,
        params=selection.params,
        label=selection.label,
        dataset="noise",
        form=DatasetForm("few-shot", NoiseImages.image_shape),
        setting=SETTING,
        budget=BUDGET,
        seed=0,
        devices=(),
    )
    estimated = estimate(search)
    if estimated.error:
        raise BrokenRuleError(f"its estimate failed: {estimated.error}")
    counted = run(subject).session
    lowest, highest = estimated.lowest_bytes or 0, estimated.peak_bytes or 0
    if counted.peak_bytes is None or not lowest <= counted.peak_bytes <= highest:
        band = f"{highest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"
        raise BrokenRuleError(
            f"a trial counted {counted.peak_bytes or 0:,} bytes of peak memory, and {band} were "
            "estimated"
        )
    # What is stored may be one of several candidates, by their losses.
    if lowest == highest and counted.storage_bytes != estimated.storage_bytes:
        raise BrokenRuleError(
            f"a trial stores {counted.storage_bytes or 0:,} bytes, and "
            f"{estimated.storage_bytes or 0:,} were estimated"
        )


RULE = Rule(
    "estimate-equals-count",
    "peak memory and storage, estimated from shapes alone on torch's meta device, are what a trial "
    "counts, to the byte; where a method's choices depend on values, peak memory within the range",
    _check,
)
