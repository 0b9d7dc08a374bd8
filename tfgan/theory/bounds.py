"""The bound that V(D, G) gives on the Jensen-Shannon divergence, in nats."""

import math

LOG_2, LOG_4 = math.log(2), math.log(4)


def bound(v: float) -> float:
    """The lower bound of JSD(p_data, p_g) that a discriminator with V(D, G) = v gives.

    At the optimal D, V(D, G) = -log 4 + 2 JSD(p_data, p_g) (theorem 1), and no D has a larger V.
    So any D gives a bound, log 2 - (BCE_real + BCE_fake) / 2, in [0, log 2] nats. A divergence is
    never negative, so 0 replaces the negative bound of a bad D.
    """
    return max(0.0, LOG_2 + v / 2)
