"""The tutorial's PyTorch loop, written from its text, for `test_parity.py` and its recording.

Its networks, losses, optimizers and order of updates are the tutorial's; only the weights,
batches and latents come from outside, so that both frameworks get the same.
"""

import torch
from torch import nn


def networks(latent_size: int, hidden_size: int, pixels: int) -> tuple[nn.Module, nn.Module]:
    """The tutorial's G and D; D ends in a sigmoid."""
    generator = nn.Sequential(
        nn.Linear(latent_size, hidden_size),
        nn.ReLU(),
        nn.Linear(hidden_size, hidden_size),
        nn.ReLU(),
        nn.Linear(hidden_size, pixels),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Linear(pixels, hidden_size),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden_size, hidden_size),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden_size, 1),
        nn.Sigmoid(),
    )
    return generator, discriminator


def set_weights(network: nn.Module, weights: list) -> None:
    """Copies kernels `(in, out)` and biases in, in the order in which Keras lists them."""
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), weights, strict=True):
            tensor = torch.from_numpy(value)
            parameter.copy_(tensor.T if tensor.ndim == 2 else tensor)


def get_weights(network: nn.Module) -> list:
    """The inverse of `set_weights`."""
    values = [parameter.detach() for parameter in network.parameters()]
    return [(value.T if value.ndim == 2 else value).numpy().copy() for value in values]


def train(g_weights, d_weights, batches, latents, g_loss, learning_rate, dtype):
    """Runs the tutorial's loop.

    Args:
        g_weights: the generator's initial weights as Keras lists them; sizes follow from them.
        d_weights: the discriminator's.
        batches: real images `(steps, batch, pixels)` in [-1, 1].
        latents: `(steps, 2, batch, latent_size)`, the discriminator's draw first.
        g_loss: "non_saturating" or "minimax".
        learning_rate: of both Adams.
        dtype: torch.float32 or torch.float64.

    Returns:
        `(steps, 4)` D_loss, G_loss, D(x), D(G(z)), and the final weights of G and of D.
    """
    latent_size, hidden_size = g_weights[0].shape
    generator, discriminator = networks(latent_size, hidden_size, d_weights[0].shape[0])
    generator.to(dtype)
    discriminator.to(dtype)
    set_weights(generator, g_weights)
    set_weights(discriminator, d_weights)
    criterion = nn.BCELoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=learning_rate)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=learning_rate)
    logs = []
    for real, (z_d, z_g) in zip(torch.from_numpy(batches), torch.from_numpy(latents), strict=True):
        ones = torch.ones(len(real), 1, dtype=dtype)
        zeros = torch.zeros(len(real), 1, dtype=dtype)

        outputs = discriminator(real)
        d_real = outputs
        d_loss = criterion(outputs, ones) + criterion(discriminator(generator(z_d)), zeros)
        d_optimizer.zero_grad()
        g_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()

        outputs = discriminator(generator(z_g))
        loss = -criterion(outputs, zeros) if g_loss == "minimax" else criterion(outputs, ones)
        d_optimizer.zero_grad()
        g_optimizer.zero_grad()
        loss.backward()
        g_optimizer.step()
        logs.append([v.item() for v in (d_loss, loss, d_real.mean(), outputs.mean())])
    return logs, get_weights(generator), get_weights(discriminator)
