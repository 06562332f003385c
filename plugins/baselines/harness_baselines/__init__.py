"""The methods that On-NAS is compared with."""

from __future__ import annotations

from harness import hookimpl
from harness.hookspecs import Register

__all__ = ["harness_register_methods"]

# For targets that are functions which choose among classes: the stem of their parameters' model.
_PARAMETERS = {"evolution": "EvolutionSearch", "random_search": "RandomSearch"}

# name, class, summary; the parameters of a class are in its model of the same name.
_METHODS = (
    (
        "bias-only",
        "fixed_network:BiasOnly",
        "Control: a fixed network, whose biases and classifier adapt (TinyTL's rule)",
    ),
    ("darts", "darts:Darts", "DARTS: every operation trained at once (Liu et al., 2019)"),
    (
        "darts-minus",
        "relaxations:DartsMinus",
        "DARTS-: a skip connection that helps, and fades (Chu et al., 2021)",
    ),
    (
        "drnas",
        "relaxations:DrNas",
        "DrNAS: weights of operations are drawn from a Dirichlet (Chen et al., 2021)",
    ),
    (
        "evolution",
        "random_search:evolution",
        "regularized evolution: mutants share the budget, the best is kept (Real et al., 2019)",
    ),
    (
        "fairdarts",
        "relaxations:FairDarts",
        "Fair DARTS: each operation has a sigmoid of its own (Chu et al., 2020)",
    ),
    (
        "gdas",
        "relaxations:Gdas",
        "GDAS: one operation an edge is drawn and runs (Dong and Yang, 2019)",
    ),
    (
        "last-layer",
        "fixed_network:LastLayer",
        "Control: a fixed network, whose classifier alone adapts",
    ),
    (
        "metanas",
        "darts:MetaNas",
        "MetaNAS: DARTS with edge pairs and soft pruning (Elsken et al., 2020)",
    ),
    (
        "pcdarts",
        "pcdarts:PcDarts",
        "PC-DARTS: operations see a part of the channels (Xu et al., 2020)",
    ),
    (
        "proxylessnas",
        "proxylessnas:ProxylessNas",
        "ProxylessNAS: one or two sampled paths run (Cai et al., 2019)",
    ),
    (
        "random",
        "random_search:random_search",
        "Control: random architectures share the budget, the best is kept",
    ),
    (
        "random-alpha",
        "fixed_network:RandomAlpha",
        "Control: a random architecture on pretrained weights, only w adapts",
    ),
    (
        "sparse-update",
        "fixed_network:SparseUpdate",
        "Control: a fixed network, of whose last layers a part adapts (after Lin et al., 2022)",
    ),
    (
        "transfer",
        "transfer:Transfer",
        "Control: a network trained on ImageNet is fine-tuned, nothing is searched",
    ),
    (
        "weights-only",
        "fixed_network:WeightsOnly",
        "Control: the initial architecture is kept, only w adapts",
    ),
)


@hookimpl
def harness_register_methods(register: Register) -> None:
    """Register the baselines."""
    for name, target, summary in _METHODS:
        made = target.partition(":")[2]
        parameters = f"harness_baselines.parameters:{_PARAMETERS.get(made, made)}Parameters"
        register(name, f"harness_baselines.{target}", parameters=parameters, summary=summary)
