"""The objectives, as pure functions of logits.

With D(x) = sigmoid(logit), -log D = softplus(-logit) and -log(1 - D) = softplus(logit):
exact for any logit, where a logarithm of rounded probabilities would be clipped.

Every function takes logits `(batch, 1)` and returns one loss per example, `(batch, 1)`. The
training step takes their mean over the global batch.

How D(x) and D(G(z)) are logged for each loss:
    non_saturating, minimax: the sigmoid of the logit, D's probability that an image is real.
    hinge: D's output is a score. The optimal D returns 1 where real images are more likely, and -1
        elsewhere. Logged is its sigmoid, which is not a probability.
    least_squares: D's output itself estimates the probability, though it may leave [0, 1].
    wasserstein: D's output is a score up to a constant, logged as it is. Its mean over reals minus
        that over fakes estimates their Wasserstein distance, in units of D's slope.
    relativistic: D's output is a score up to a constant. Logged is the sigmoid of the image's score
        minus its partner's: the probability that the real image (for D(G(z)): the fake) is the
        more real one of its pair.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf


def discriminator_loss(
    real_logits: tf.Tensor, fake_logits: tf.Tensor, label_smoothing: float = 0.0
) -> tf.Tensor:
    """-log D(x) - log(1 - D(G(z))), in nats, in [0, inf): BCE against 1 plus BCE against 0.

    Its mean is -V(D, G) of equation 1 in Goodfellow et al. 2014, which D's step minimises. With
    label smoothing s, reals are held against 1 - s (one-sided: Salimans et al. 2016, 3.4).
    """
    loss = tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)
    # -(1 - s) log D - s log(1 - D) = -log D + s logit
    return loss + label_smoothing * real_logits if label_smoothing else loss


def non_saturating_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(G(z)), in [0, inf): strong gradient while D rejects fakes (section 3)."""
    return tf.nn.softplus(-fake_logits)


def minimax_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """log(1 - D(G(z))), in (-inf, 0]: G's part of equation 1, which saturates early on."""
    return -tf.nn.softplus(fake_logits)


def hinge_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) of scores (Lim & Ye 2017, Geometric GAN)."""
    return tf.nn.relu(1 - real_logits) + tf.nn.relu(1 + fake_logits)


def hinge_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-D(G(z)) of scores (Lim & Ye 2017)."""
    return -fake_logits


def least_squares_discriminator_loss(
    real_logits: tf.Tensor, fake_logits: tf.Tensor, label_smoothing: float = 0.0
) -> tf.Tensor:
    """(D(x) - 1)^2 / 2 + D(G(z))^2 / 2, D's output as it is (Mao et al. 2017, equation 9).

    With label smoothing s, reals are held against 1 - s.
    """
    target = 1 - label_smoothing
    return tf.square(real_logits - target) / 2 + tf.square(fake_logits) / 2


def least_squares_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """(D(G(z)) - 1)^2 / 2 (Mao et al. 2017, equation 9)."""
    return tf.square(fake_logits - 1) / 2


def wasserstein_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """D(G(z)) - D(x) of scores, in (-inf, inf) (Gulrajani et al. 2017, eq. 3, first part).

    The mean is minus the estimate of the Wasserstein distance, if D is 1-Lipschitz:
    `tfgan.penalties.penalty_between` keeps it near that.
    """
    return fake_logits - real_logits


def wasserstein_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-D(G(z)) of scores (Arjovsky et al. 2017, algorithm 1)."""
    return -fake_logits


def relativistic_loss(own_logits: tf.Tensor, other_logits: tf.Tensor) -> tf.Tensor:
    """-log sigmoid(own - other), in nats: the loss of an image against its partner.

    D's own is the real image, G's own is the fake one; the i-th real of a batch is paired with
    the i-th fake (Jolicoeur-Martineau 2019; RpGAN in Huang et al. 2024, R3GAN, equation 2).
    """
    return tf.nn.softplus(other_logits - own_logits)


def relativistic_probability(own_logits: tf.Tensor, other_logits: tf.Tensor) -> tf.Tensor:
    """sigmoid(own - other), the probability that an image is the more real of its pair."""
    return tf.sigmoid(own_logits - other_logits)


Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def _alone(function: Callable[[tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    """A function of one's own logits, which does not look at the others."""
    return lambda own_logits, other_logits: function(own_logits)


class Objective(NamedTuple):
    """What the two networks minimise, and how D(x) is logged.

    Attributes:
        discriminator: of real and fake logits.
        generator: of fake and real logits; the latter may be None unless `paired`.
        probability: of own and other logits; the latter may be None unless `paired`.
        paired: whether each image is judged against a partner of the same batch.
        up_to_constant: whether D's scores are known up to a constant only.
    """

    discriminator: Callable[..., tf.Tensor]
    generator: Callable[..., tf.Tensor]
    probability: Callable[..., tf.Tensor] = _alone(tf.sigmoid)
    paired: bool = False
    up_to_constant: bool = False

    def partners(self, judge: Callable[..., tf.Tensor], real: Any, *more: Any) -> tf.Tensor | None:
        """Logits of the real images that fakes are judged against; None unless `paired`."""
        return judge(real, *more) if self.paired else None


OBJECTIVES = {
    "non_saturating": Objective(discriminator_loss, _alone(non_saturating_generator_loss)),
    "minimax": Objective(discriminator_loss, _alone(minimax_generator_loss)),
    "hinge": Objective(hinge_discriminator_loss, _alone(hinge_generator_loss)),
    "least_squares": Objective(
        least_squares_discriminator_loss,
        _alone(least_squares_generator_loss),
        probability=_alone(tf.identity),
    ),
    "relativistic": Objective(
        relativistic_loss,
        relativistic_loss,
        relativistic_probability,
        paired=True,
        up_to_constant=True,
    ),
    "wasserstein": Objective(
        wasserstein_discriminator_loss,
        _alone(wasserstein_generator_loss),
        probability=_alone(tf.identity),
        up_to_constant=True,
    ),
}
SMOOTHED = ("non_saturating", "minimax", "least_squares")  # those whose D has labels to smooth


def get(name: str, label_smoothing: float = 0.0) -> Objective:
    """Looks an objective up by name.

    Args:
        name: one of `OBJECTIVES`.
        label_smoothing: how much lower than 1 the target of real images is, in [0, 1).

    Raises:
        ValueError: if there is none of that name, or it does not support label smoothing.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"loss={name!r} must be one of {', '.join(OBJECTIVES)}")
    objective = OBJECTIVES[name]
    if not label_smoothing:
        return objective
    if name not in SMOOTHED:
        raise ValueError(
            f"loss={name!r} does not support label smoothing; {', '.join(SMOOTHED)} do"
        )
    smoothed = functools.partial(objective.discriminator, label_smoothing=label_smoothing)
    return objective._replace(discriminator=smoothed)
