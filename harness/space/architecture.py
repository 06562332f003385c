"""The architecture of a network that can be kept: plain data, from which the host builds it.

Whatever a search has arrived at, a supernet or the network derived from one, is a sum of operations
at each node. A file that holds such a description names operations of the search spaces and
numbers, all of them bounded, so that a stranger's file neither runs code nor asks for more memory
than it has weights for. Imports no torch.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.errors import UsageError
from harness.space.genotype import MOST_NODES, Genotype
from harness.space.spec import CELL_KINDS, CELLS, SPACES, CellKind, SearchSpace, edge_count

__all__ = [
    "BYPASS",
    "BackboneArchitecture",
    "BackboneName",
    "CellArchitecture",
    "ImageShape",
    "NetworkArchitecture",
    "Summand",
    "architecture_of",
    "cells_of",
]

BYPASS = "bypass"
"""What the channels take that the operations of an edge do not see, where they see only a part."""

OPERATIONS = frozenset(name for space in SPACES.values() for name in space.operations)

MOST_TERMS = 256  # of a node: four edges with eight operations are 32
MOST_CELLS = 64

Size = Annotated[int, Field(ge=1, le=4096)]
ImageShape = tuple[Annotated[int, Field(ge=1, le=4)], Size, Size]
"""Channels, height and width of the images that a network takes."""


class Summand(NamedTuple):
    """One summand of a node: weight x operation(input)."""

    input: int  # 0 and 1 are the outputs of the cells before, then the nodes of the cell
    operation: str
    weight: float


Node = Annotated[tuple[Summand, ...], Field(max_length=MOST_TERMS)]
Nodes = Annotated[tuple[Node, ...], Field(min_length=1, max_length=MOST_NODES)]


class CellArchitecture(BaseModel):
    """A network of cells whose nodes sum weighted operations.

    Attributes:
        image_shape: channels, height, width.
        classes: number of logits.
        channels: C, the width of a cell.
        affine: whether batch norm has a scale and a shift.
        share: the operations of an edge see 1/share of its channels (PC-DARTS), and `bypass` the
            rest; 1: they see all of them.
        cells: their kinds, from the first to the last.
        normal: for each node of a normal cell its summands.
        reduction: those of a reduction cell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: Literal["cells"] = "cells"
    image_shape: ImageShape
    classes: Annotated[int, Field(ge=1, le=100_000)]
    channels: Annotated[int, Field(ge=1, le=1024)]
    affine: bool
    share: Annotated[int, Field(ge=1, le=1024)] = 1
    cells: Annotated[tuple[CellKind, ...], Field(min_length=1, max_length=MOST_CELLS)] = CELLS
    normal: Nodes
    reduction: Nodes

    @property
    def space(self) -> SearchSpace:
        """The cells and nodes; the operations are those of its terms."""
        return SearchSpace("model", tuple(sorted(OPERATIONS)), self.cells, len(self.normal))

    @model_validator(mode="after")
    def _check_nodes(self) -> CellArchitecture:
        if self.channels % self.share:
            raise ValueError(f"share {self.share} does not divide the {self.channels} channels")
        if len(self.normal) != len(self.reduction):
            raise ValueError("both kinds of cell must have as many nodes")
        for kind in CELL_KINDS:
            for number, node in enumerate(getattr(self, kind)):
                _check_node(f"node {number} of the {kind} cell", number, node, self.share)
        return self


BackboneName = Literal["mobilenet_v3_small", "mobilenet_v3_large", "resnet18"]


class BackboneArchitecture(BaseModel):
    """A network of torchvision's with a last layer of its own.

    Attributes:
        image_shape: channels, one or three, height, width.
        classes: number of logits.
        backbone: torchvision's name of it.
        size: smaller images are enlarged to this height and width.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["backbone"] = "backbone"
    image_shape: ImageShape
    classes: Annotated[int, Field(ge=1, le=100_000)]
    backbone: BackboneName
    size: Annotated[int, Field(ge=32, le=1024)]

    @model_validator(mode="after")
    def _check_channels(self) -> BackboneArchitecture:
        if self.image_shape[0] not in {1, 3}:
            raise ValueError(f"a backbone takes one channel or three, not {self.image_shape[0]}")
        return self


NetworkArchitecture = Annotated[
    CellArchitecture | BackboneArchitecture, Field(discriminator="kind")
]
"""All that `architecture.json` of a model can describe."""


def _check_node(where: str, number: int, node: tuple[Summand, ...], share: int) -> None:
    known = OPERATIONS | {BYPASS} if share > 1 else OPERATIONS
    for term in node:
        if not 0 <= term.input < edge_count(number):
            raise ValueError(f"{where} has input {term.input} of {edge_count(number)}")
        if term.operation not in known:
            raise ValueError(f"{where} has the unknown operation {term.operation!r:.80}")
        if not math.isfinite(term.weight):
            raise ValueError(f"{where} has a weight that is not finite")
    if not any(term.operation != BYPASS for term in node):
        raise ValueError(f"{where} has no operation")


def cells_of(space: SearchSpace) -> tuple[CellKind, ...]:
    """Return the cells of a space whose networks can be described.

    Raises:
        UsageError: it has operations of its own, which no description can name.
    """
    if strange := [each for each in space.operations if each not in OPERATIONS]:
        raise UsageError(
            f"the space '{space.name}' has operations of its own, such as '{strange[0]}', which no "
            "model's file can name"
        )
    return space.cells


def architecture_of(  # noqa: PLR0913 - the shape of a network
    genotype: Genotype,
    *,
    image_shape: tuple[int, int, int],
    classes: int,
    channels: int,
    affine: bool = True,
    share: int = 1,
    cells: tuple[CellKind, ...] = CELLS,
) -> CellArchitecture:
    """Return the network of a genotype: two operations a node, each with weight 1."""

    def terms(kind: str) -> tuple[Node, ...]:
        nodes = []
        for edges in getattr(genotype, kind):
            node = [Summand(edge.input, edge.operation, 1.0) for edge in edges]
            if share > 1:
                node += [Summand(edge.input, BYPASS, 1.0) for edge in edges]
            nodes.append(tuple(node))
        return tuple(nodes)

    return CellArchitecture(
        image_shape=image_shape,
        classes=classes,
        channels=channels,
        affine=affine,
        share=share,
        cells=cells,
        normal=terms("normal"),
        reduction=terms("reduction"),
    )
