"""The network of an architecture that can be kept, and how a search's network becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.space.architecture import BYPASS, CellArchitecture, Summand, architecture_of, cells_of
from harness.space.batch_norm import BatchNorm
from harness.space.cell import Cell, CellInputs, edge_stride
from harness.space.genotype import Genotype
from harness.space.mixing import Mixing
from harness.space.operations import build_operation
from harness.space.spec import CELL_INPUTS, CELL_KINDS, CellKind
from harness.space.supernet import CellNetwork, DiscreteNetwork, Supernet

__all__ = [
    "DeployedNetwork",
    "of_discrete",
    "of_genotype",
    "of_supernet",
    "shuffle_channels",
]

State = Mapping[str, Tensor]


Run = Callable[[nn.Module, Tensor], Tensor]


def _directly(operation: nn.Module, x: Tensor) -> Tensor:
    output: Tensor = operation(x)
    return output


class DeployedNetwork(CellNetwork):
    """An ordinary network: each node is a sum of operations with fixed weights."""

    def __init__(self, architecture: CellArchitecture) -> None:
        """Build it, drawing the weights from torch's global generator."""
        nodes = {"normal": architecture.normal, "reduction": architecture.reduction}

        def build_cell(kind: CellKind, after_reduction: bool) -> DeployedCell:
            return DeployedCell(kind, nodes[kind], architecture, after_reduction=after_reduction)

        super().__init__(
            architecture.image_shape[0],
            architecture.classes,
            architecture.channels,
            build_cell,
            affine=architecture.affine,
            space=architecture.space,
        )

    def run_by(self, run: Run) -> None:
        """Have operations run by a function of the operation and its input."""
        for cell in self.cells:
            cast(DeployedCell, cell).run = run

    def last_layer(self) -> nn.Module:
        """Return the layer that tells the classes apart."""
        return self.head

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, H, W)."""
        newer = older = self.stem(images)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return self.classify(newer)


class DeployedCell(nn.Module):
    """A cell whose nodes each sum their terms, as `CellArchitecture` lists them."""

    def __init__(
        self,
        kind: CellKind,
        nodes: Sequence[Sequence[Summand]],
        architecture: CellArchitecture,
        *,
        after_reduction: bool,
    ) -> None:
        """Build a cell whose inputs have 3C channels."""
        super().__init__()
        channels, affine = architecture.channels, architecture.affine
        self.kind, self.terms, self.share = kind, nodes, architecture.share
        self.seen = channels // self.share
        self.run: Run = _directly
        self.inputs = CellInputs(
            len(nodes) * channels, channels, after_reduction=after_reduction, affine=affine
        )
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                build_operation(
                    term.operation, self.seen, edge_stride(kind, term.input), affine=affine
                )
                for term in node
                if term.operation != BYPASS
            )
            for node in nodes
        )

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Return (N, 3C, H, W), in a reduction cell with half of that height and width."""
        states = [self.run(self.inputs.older, older), self.run(self.inputs.newer, newer)]
        for terms, operations in zip(self.terms, self.nodes, strict=True):
            states.append(self._node(terms, list(cast(nn.ModuleList, operations)), states))
        return torch.cat(states[CELL_INPUTS:], dim=1)

    def _node(
        self, terms: Sequence[Summand], operations: Sequence[nn.Module], states: Sequence[Tensor]
    ) -> Tensor:
        """Return the value of a node, (N, C, H', W')."""
        of_operations = [term for term in terms if term.operation != BYPASS]
        inputs = [states[term.input][:, : self.seen] for term in of_operations]
        outputs = [self.run(operation, x) for operation, x in zip(operations, inputs, strict=True)]
        mixed = _weighted(outputs, of_operations)
        if self.share == 1:
            return mixed
        passing = [term for term in terms if term.operation == BYPASS]
        rest = [self._bypass(term.input, states[term.input][:, self.seen :]) for term in passing]
        bypass = _weighted(rest, passing)
        return shuffle_channels(torch.cat([mixed, bypass], dim=1), self.share)

    def _bypass(self, edge: int, rest: Tensor) -> Tensor:
        """Return the rest unchanged, where the edge has stride 2 its 2x2 maxima."""
        if edge_stride(self.kind, edge) == 1:
            return rest
        return functional.max_pool2d(rest, kernel_size=2, ceil_mode=True)


def _weighted(outputs: Sequence[Tensor], terms: Sequence[Summand]) -> Tensor:
    """Return the sum of what the terms give, each times its weight."""
    pairs = zip(outputs, terms, strict=True)
    scaled = [output if term.weight == 1 else output * term.weight for output, term in pairs]
    total = scaled[0]
    for each in scaled[1:]:
        total = total + each
    return total


def shuffle_channels(features: Tensor, groups: int) -> Tensor:
    """Deal the channels out: with C = g x m, channel i of group j becomes channel i x g + j.

    Each part that the operations of the next edge see then holds channels of every group.

    Args:
        features: (N, C, H, W).
        groups: g, which divides C.
    """
    images, channels, height, width = features.shape
    split = features.reshape(images, groups, channels // groups, height, width)
    return split.transpose(1, 2).reshape(features.shape)  # from (N, C/g, g, H, W)


# From the network of a search


def of_supernet(
    net: Supernet, mixing: Mixing, image_shape: tuple[int, int, int]
) -> tuple[CellArchitecture, dict[str, Tensor]]:
    """Return a supernet as it predicts with `mixing`: every operation that has a weight.

    A supernet whose nodes sum otherwise than `Cell`, or a cell that sees a part of its channels,
    gives another network: who keeps one compares what both predict.

    Returns:
        The architecture, and its tensors by the names of `DeployedNetwork`; they are not copies.
    """
    nodes = {
        kind: [
            _terms_of(node.weights.detach().tolist(), net.space.operations)
            for node in mixing.cells[net.space.cells.index(kind)]
        ]
        for kind in CELL_KINDS
    }
    architecture = CellArchitecture(
        image_shape=image_shape,
        classes=net.head.out_features,
        channels=_width(net),
        affine=_has_biases(net),
        share=_share(net),
        cells=cells_of(net.space),
        normal=tuple(nodes["normal"]),
        reduction=tuple(nodes["reduction"]),
    )
    return architecture, _tensors(net, architecture)


def of_genotype(
    net: Supernet, genotype: Genotype, image_shape: tuple[int, int, int]
) -> tuple[CellArchitecture, dict[str, Tensor]]:
    """Return the network of a genotype with the weights that the supernet has learned for it.

    Batch norm gets a scale and a shift, 1 and 0 at first. Operations that saw a part of the
    channels in the search do so here, too.

    Returns:
        The architecture, and its tensors by the names of `DeployedNetwork`, running statistics of
        the supernet included.
    """
    architecture = architecture_of(
        genotype,
        image_shape=image_shape,
        classes=net.head.out_features,
        channels=_width(net),
        share=_share(net),
        cells=cells_of(net.space),
    )
    return architecture, _tensors(net, architecture)


def of_discrete(
    network: DiscreteNetwork, genotype: Genotype, image_shape: tuple[int, int, int]
) -> tuple[CellArchitecture, dict[str, Tensor]]:
    """Return a discrete network: architecture and tensors, which have the same names there."""
    architecture = architecture_of(
        genotype,
        image_shape=image_shape,
        classes=network.head.out_features,
        channels=_width(network),
        cells=cells_of(network.space),
    )
    return architecture, dict(network.state_dict())


def _terms_of(weights: Sequence[Sequence[float]], operations: Sequence[str]) -> tuple[Summand, ...]:
    """Return what has a weight, of (edges, operations) or, with a bypass, (edges, operations + 1).

    Operations that only give zeros are left out.
    """
    names = [*operations, BYPASS]
    return tuple(
        Summand(edge, name, weight)
        for edge, row in enumerate(weights)
        for name, weight in zip(names, row, strict=False)
        if weight != 0 and name != "none"
    )


def _width(net: CellNetwork) -> int:
    return net.head.in_features // net.space.nodes


def _has_biases(net: Supernet) -> bool:
    """Tell whether a method has given the batch norms biases, which the search has none of."""
    return any(isinstance(each, BatchNorm) and each.bias is not None for each in net.modules())


def _share(net: Supernet) -> int:
    """Return which part of its channels the operations of a cell see: 1/share."""
    cells = [each for each in net.cells if isinstance(each, Cell)]
    return cells[0].share if cells else 1


def _tensors(net: Supernet, architecture: CellArchitecture) -> dict[str, Tensor]:
    """Return the supernet's tensors under the names that the deployed network has for them."""
    found = dict(net.named_parameters()) | dict(net.named_buffers())
    named = {}
    with torch.device("meta"):
        wanted = DeployedNetwork(architecture).state_dict()
    sources = dict(_sources(architecture))
    for name, like in wanted.items():
        head, _, rest = name.partition(".nodes.")
        if rest:
            node, place, last = rest.split(".", 2)
            source = f"{head}.nodes.{sources[head, int(node), int(place)]}.{last}"
        else:
            source = name
        named[name] = found[source].detach() if source in found else _neutral(name, like, net)
    return named


def _sources(architecture: CellArchitecture) -> Iterator[tuple[tuple[str, int, int], str]]:
    """Give for each operation of each cell where the supernet has it: `node.edge.operation`."""
    for cell, kind in enumerate(architecture.cells):
        for node, terms in enumerate(getattr(architecture, kind)):
            operations = [term for term in terms if term.operation != BYPASS]
            for place, term in enumerate(operations):
                yield (f"cells.{cell}", node, place), f"{node}.{term.input}.{term.operation}"


def _neutral(name: str, like: Tensor, net: Supernet) -> Tensor:
    """Return the scale or the shift of a batch norm that had none in the search.

    Raises:
        KeyError: it is something else, which the supernet lacks.
    """
    if like.dim() != 1 or not name.endswith((".weight", ".bias")):
        raise KeyError(name)
    value = 1.0 if name.endswith(".weight") else 0.0
    return torch.full(like.shape, value, device=net.head.weight.device)
