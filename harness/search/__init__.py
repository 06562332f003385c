"""What gradient-based methods on the shared space have in common.

Optimizers and their rates, the falling temperature, alternating updates, states of a supernet.
`parameters` imports no torch.
"""
