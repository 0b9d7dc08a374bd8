"""WGAN-GP in PyTorch, from the paper's algorithm 1, for `test_parity.py` and its recording.

The networks are the tutorial's without D's sigmoid. Weights, batches, latents and the points
between come from outside, so that both frameworks get the same.

Reference:
    Gulrajani et al., Improved Training of Wasserstein GANs, 2017.
"""

import torch
from tutorial_torch import get_weights, networks, set_weights


def train(g_weights, d_weights, batches, latents, ways, penalty, learning_rate):
    """Runs algorithm 1 in float64, with Adam's usual memory.

    Args:
        g_weights: the generator's initial weights as Keras lists them; sizes follow from them.
        d_weights: the critic's.
        batches: real images `(steps, critic steps, batch, pixels)` in [-1, 1].
        latents: for the critic's steps, `(steps, critic steps, batch, latent_size)`, and for the
            generator's, `(steps, batch, latent_size)`.
        ways: how far from real to fake the penalty's points are, `(steps, critic steps, batch)`.
        penalty: lambda, the penalty's weight.
        learning_rate: of both Adams.

    Returns:
        `(steps, 4)` the critic's last loss without its penalty, G's loss, and the mean scores of
        real images and of fakes; and the final weights of G and of the critic.
    """
    hidden_size, pixels = g_weights[-2].shape
    generator, critic = networks(latents[1].shape[-1], hidden_size, pixels)
    critic.chain = critic.chain[:-1]
    for network, weights in ((generator.double(), g_weights), (critic.double(), d_weights)):
        set_weights(network, weights)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=learning_rate)
    d_optimizer = torch.optim.Adam(critic.parameters(), lr=learning_rate)
    logs = []
    for minibatches, z_d, z_g, way in zip(
        *map(torch.from_numpy, (batches, *latents, ways)), strict=True
    ):
        for real, z, epsilon in zip(minibatches, z_d, way, strict=True):
            fake = generator(z).detach()
            between = (real + epsilon[:, None] * (fake - real)).requires_grad_()
            (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            scores = critic(real).mean()
            d_loss = critic(fake).mean() - scores
            penalised = d_loss + penalty * ((gradient.norm(dim=1) - 1) ** 2).mean()
            d_optimizer.zero_grad()
            penalised.backward()
            d_optimizer.step()
        fake_scores = critic(generator(z_g)).mean()
        g_optimizer.zero_grad()
        (-fake_scores).backward()
        g_optimizer.step()
        logs.append([v.item() for v in (d_loss, -fake_scores, scores, fake_scores)])
    return logs, get_weights(generator), get_weights(critic)
