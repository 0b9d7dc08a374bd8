"""The objectives of Goodfellow et al. 2014, as pure functions of logits.

With D(x) = sigmoid(logit), -log D = softplus(-logit) and -log(1 - D) = softplus(logit):
exact for any logit, where a logarithm of rounded probabilities would be clipped.

Every function takes logits `(batch, 1)` and returns one loss an example, `(batch, 1)`, in
nats; the training step takes their mean over the global batch.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(x) - log(1 - D(G(z))), in [0, inf): BCE against 1 plus BCE against 0.

    Its mean is -V(D, G) of equation 1, which D's step minimises.
    """
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def non_saturating_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(G(z)), in [0, inf): strong gradient while D tells fakes apart (section 3)."""
    return tf.nn.softplus(-fake_logits)


def minimax_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """log(1 - D(G(z))), in (-inf, 0]: G's part of equation 1, which saturates early on."""
    return -tf.nn.softplus(fake_logits)


class Objective(NamedTuple):
    """What the two networks minimise."""

    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]


OBJECTIVES = {
    "non_saturating": Objective(discriminator_loss, non_saturating_generator_loss),
    "minimax": Objective(discriminator_loss, minimax_generator_loss),
}


def get(name: str) -> Objective:
    """Looks an objective up by name.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"loss={name!r} must be one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
