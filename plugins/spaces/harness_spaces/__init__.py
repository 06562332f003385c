"""Search spaces, a table of accuracies, black-box searches that ask it, and zero-cost scores."""

from __future__ import annotations

from harness import hookimpl
from harness.hookspecs import Register

__all__ = [
    "harness_register_datasets",
    "harness_register_scores",
    "harness_register_searches",
    "harness_register_spaces",
]

_SPACES = (
    (
        "metanas",
        "harness.space.spec:metanas",
        "four cells of three nodes, seven operations an edge (Elsken et al., 2020); the default",
    ),
    (
        "darts-operations",
        "harness.space.spec:darts_operations",
        "the same cells with the eight operations of DARTS (Liu et al., 2019)",
    ),
    (
        "nasbench201",
        "harness_spaces.nasbench201:NasBench201",
        "one cell of six edges, five operations an edge (Dong and Yang, 2020); no supernet",
    ),
)

# name, class, the model of its parameters, summary
_SEARCHES = (
    (
        "random",
        "moves:RandomArchitectures",
        "SearchedByParameters",
        "Control: architectures at random",
    ),
    (
        "evolution",
        "moves:Evolution",
        "EvolutionParameters",
        "regularized evolution: mutations, and the oldest dies (Real et al., 2019)",
    ),
    (
        "local-search",
        "moves:LocalSearch",
        "SearchedByParameters",
        "climbs to the best neighbour, then starts anew (White et al., 2021)",
    ),
    (
        "reinforce",
        "moves:Reinforce",
        "ReinforceParameters",
        "a policy gradient, without a network (after Zoph and Le, 2017)",
    ),
    (
        "predictor",
        "predictor:PredictorSearch",
        "PredictorParameters",
        "a Gaussian process says which to ask for next (after White et al., 2021)",
    ),
    (
        "nsga2",
        "nsga2:Nsga2",
        "Nsga2Parameters",
        "looks for a front: NSGA-II (Deb et al., 2002), by pymoo; the extra `fronts`",
    ),
)

_SCORES = (
    ("flops", "flops", "Control: multiplications of a network, counted"),
    ("grad-norm", "grad_norm", "norms of the loss's gradients (Abdelfattah et al., 2021)"),
    ("naswot", "naswot", "how alike images' patterns of ReLUs are (Mellor et al., 2021)"),
    ("parameters", "parameters", "Control: parameters of a network, counted"),
    ("snip", "snip", "weights times their gradients of the loss (Lee et al., 2019)"),
    ("synflow", "synflow", "weights times their gradients of the output (Tanaka et al., 2020)"),
    ("zen", "zen", "how much noise in noise changes the features (Lin et al., 2021)"),
)


@hookimpl
def harness_register_spaces(register: Register) -> None:
    """Register the spaces that all methods share, and NAS-Bench-201."""
    for name, target, summary in _SPACES:
        register(name, target, summary=summary)


@hookimpl
def harness_register_datasets(register: Register) -> None:
    """Register the table of accuracies, which a person has to give."""
    register(
        "nasbench201",
        "harness_spaces.table:NasBench201Table",
        parameters="harness_spaces.parameters:NasBench201TableParameters",
        summary="accuracies of all architectures of the space nasbench201, a table; not shipped",
    )


@hookimpl
def harness_register_searches(register: Register) -> None:
    """Register the black-box searches."""
    for name, target, model, summary in _SEARCHES:
        parameters = f"harness_spaces.parameters:{model}"
        register(name, f"harness_spaces.{target}", parameters=parameters, summary=summary)


@hookimpl
def harness_register_scores(register: Register) -> None:
    """Register zero-cost scores, and the counts that they are compared with."""
    for name, function, summary in _SCORES:
        register(name, f"harness.scores.zero_cost:{function}", summary=summary)
