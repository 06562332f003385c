"""Claims of the On-NAS paper, a TOML file each; `harness claim onnas` checks them."""

from __future__ import annotations

__all__ = ["CLAIMS"]

CLAIMS = {
    "memory-darts": "17.0 times less memory than DARTS: miniImageNet 5-way 5-shot",
    "memory-metanas": "21.0 times less memory than MetaNAS: miniImageNet 5-way 5-shot",
    "memory-pcdarts": "7.0 times less memory than PC-DARTS: miniImageNet 5-way 5-shot",
    "memory-proxylessnas": "9.2 times less memory than ProxylessNAS: miniImageNet 5-way 5-shot",
    "memory-darts-1-shot": "10.2 times less memory than DARTS: miniImageNet 5-way 1-shot",
    "memory-darts-omniglot": "20.5 times less memory than DARTS: Omniglot 20-way 5-shot",
    "memory-darts-cifar10": "11.9 times less memory than DARTS: CIFAR-10",
    "memory-pcdarts-cifar10": "3.7 times less memory than PC-DARTS: CIFAR-10",
    "figure9-operations": "figure 9: 14.7 times less memory by operations",
    "figure9-edge-pairs": "figure 9: 1.1 times less memory by edge pairs",
    "figure9-step-by-step": "figure 9: 1.3 times less memory by step by step",
    "figure9-together": "figure 9: 21.3 times less memory by together",
    "q2-memory": "two operations need 1.8 times less memory than seven",
    "q2-memory-one-pass": "two operations need 1.8 times less memory than seven: one pass",
    "q2-time": "two operations take 1.3 times less time than seven on the Jetson Nano",
    "time-darts": "at most 4.7 times DARTS's time on the Jetson Nano: Omniglot 5-shot",
    "accuracy-darts-miniimagenet-5-shot": (
        "+0.93 points of accuracy over DARTS: miniImageNet 5-shot"
    ),
    "accuracy-metanas-miniimagenet-5-shot": (
        "+1.33 points of accuracy over MetaNAS: miniImageNet 5-shot"
    ),
    "accuracy-pcdarts-miniimagenet-5-shot": (
        "+3.66 points of accuracy over PC-DARTS: miniImageNet 5-shot"
    ),
    "accuracy-proxylessnas-miniimagenet-5-shot": (
        "+1.33 points of accuracy over ProxylessNAS: miniImageNet 5-shot"
    ),
    "q2-accuracy-miniimagenet-5-shot": (
        "+1.31 points of accuracy by two operations over seven: miniImageNet 5-shot"
    ),
    "accuracy-darts-miniimagenet-1-shot": (
        "+1.13 points of accuracy over DARTS: miniImageNet 1-shot"
    ),
    "accuracy-metanas-miniimagenet-1-shot": (
        "+0.00 points of accuracy over MetaNAS: miniImageNet 1-shot"
    ),
    "accuracy-pcdarts-miniimagenet-1-shot": (
        "+4.07 points of accuracy over PC-DARTS: miniImageNet 1-shot"
    ),
    "accuracy-proxylessnas-miniimagenet-1-shot": (
        "+5.61 points of accuracy over ProxylessNAS: miniImageNet 1-shot"
    ),
    "q2-accuracy-miniimagenet-1-shot": (
        "-1.60 points of accuracy by two operations over seven: miniImageNet 1-shot"
    ),
    "accuracy-darts-omniglot-5-shot": "+0.16 points of accuracy over DARTS: Omniglot 5-shot",
    "accuracy-metanas-omniglot-5-shot": "+0.15 points of accuracy over MetaNAS: Omniglot 5-shot",
    "accuracy-pcdarts-omniglot-5-shot": "+8.86 points of accuracy over PC-DARTS: Omniglot 5-shot",
    "accuracy-proxylessnas-omniglot-5-shot": (
        "+2.90 points of accuracy over ProxylessNAS: Omniglot 5-shot"
    ),
    "q2-accuracy-omniglot-5-shot": (
        "+0.31 points of accuracy by two operations over seven: Omniglot 5-shot"
    ),
    "accuracy-darts-omniglot-1-shot": "+3.12 points of accuracy over DARTS: Omniglot 1-shot",
    "accuracy-metanas-omniglot-1-shot": "+4.60 points of accuracy over MetaNAS: Omniglot 1-shot",
    "accuracy-pcdarts-omniglot-1-shot": "+21.10 points of accuracy over PC-DARTS: Omniglot 1-shot",
    "accuracy-proxylessnas-omniglot-1-shot": (
        "-1.61 points of accuracy over ProxylessNAS: Omniglot 1-shot"
    ),
    "q2-accuracy-omniglot-1-shot": (
        "-2.20 points of accuracy by two operations over seven: Omniglot 1-shot"
    ),
    "accuracy-darts-cifar10": "-1.44 points of accuracy over DARTS: CIFAR-10, five operations",
    "accuracy-pcdarts-cifar10": "+3.63 points of accuracy over PC-DARTS: CIFAR-10",
    "fits-miniimagenet-5-shot": "the Jetson Nano holds On-NAS alone: miniImageNet 5-shot",
    "fits-miniimagenet-1-shot": "the Jetson Nano holds On-NAS and PC-DARTS: miniImageNet 1-shot",
    "fits-omniglot-5-shot": "the Jetson Nano holds all five methods: Omniglot 5-shot",
    "fits-omniglot-1-shot": "the Jetson Nano holds all five methods: Omniglot 1-shot",
    "fits-cifar10": "of four searches of CIFAR-10 the Jetson Nano holds the two of On-NAS",
    "storage": "the meta cell stores 4.3 times less than the four cells",
    "storage-large": "20 cells of 7 nodes and 256 channels fold into 128 MB",
    "exact-step-by-step": "step-by-step back-propagation is exact",
    "exact-repeated": (
        "step-by-step back-propagation is exact: forward again for each phase, five parts"
    ),
    "coefficients": "figure 7: both coefficients against none, 0.14 nats",
    "published-spread": "the published deviation of 0.11 points over three seeds",
    "published-margin": "the published data show 1.33 points more than MetaNAS",
    "published-1-shot": "the published 46.8 % of 1-shot learning, in parts of one image",
    "published-code": "the published accuracies come from the procedure that the paper describes",
    "published-figure12": "figure 12: mechanisms save memory on full tasks",
}
"""For the name of each claim, without that of its method, what it says in a line."""
