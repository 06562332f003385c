"""What gradient-based methods on the shared space have in common.

Optimizers, the falling temperature, alternating updates, micro-batches. `parameters` and `schedule`
import no torch.
"""
