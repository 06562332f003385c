"""`estimate.json`: what `harness estimate --output` leaves, and how it is read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.results.estimates import EstimateRow
from harness.runtime.files import made_folder, write_whole

__all__ = ["ESTIMATE_FILE", "ESTIMATE_SCHEMA", "SavedEstimate", "save_estimate"]

ESTIMATE_FILE = "estimate.json"
ESTIMATE_SCHEMA: Literal[1] = 1


class SavedEstimate(BaseModel):
    """The rows of one estimate, with the suite that they were asked for by.

    It is read strictly: a key that is not known, or a number that is none, is refused.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True
    )

    schema_version: Literal[1] = Field(default=ESTIMATE_SCHEMA, alias="schema")
    suite: str | None = Field(description="its name or path; null where options said what for")
    dataset_map: dict[str, str] = Field(
        default={}, description="for a data set of the suite, the label of what stands in for it"
    )
    rows: Annotated[tuple[EstimateRow, ...], Field(description="predicted, one a search")]


def save_estimate(
    folder: Path,
    rows: Sequence[EstimateRow],
    suite: str | None = None,
    dataset_map: Mapping[str, str] | None = None,
) -> Path:
    """Write `estimate.json` into a folder, which is made if need be, and return its path.

    Raises:
        RunFolderError: it cannot be written.
    """
    saved = SavedEstimate(suite=suite, dataset_map=dict(dataset_map or {}), rows=tuple(rows))
    path = made_folder(folder) / ESTIMATE_FILE
    write_whole(path, saved.model_dump_json(by_alias=True, indent=1) + "\n")
    return path
