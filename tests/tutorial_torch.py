"""The tutorial's PyTorch loop, written from its text, for `test_parity.py` and its recording.

Its networks, losses, optimizers and order of updates are the tutorial's; only the weights,
batches, latents and labels come from outside, so that both frameworks get the same.
"""

import torch
from torch import nn


class Told(nn.Module):
    """A chain of layers; with classes, of an `nn.Embedding` of the class beside the input."""

    def __init__(self, chain: nn.Module, classes: int):
        super().__init__()
        self.embedding = nn.Embedding(classes, classes) if classes else None
        self.chain = chain

    def forward(self, x, labels=None):
        beside = [] if self.embedding is None else [self.embedding(labels)]
        return self.chain(torch.cat([x, *beside], dim=1))


def networks(
    latent_size: int, hidden_size: int, pixels: int, classes: int = 0
) -> tuple[nn.Module, nn.Module]:
    """The tutorial's G and D; D ends in a sigmoid."""
    generator = nn.Sequential(
        nn.Linear(latent_size + classes, hidden_size),
        nn.ReLU(),
        nn.Linear(hidden_size, hidden_size),
        nn.ReLU(),
        nn.Linear(hidden_size, pixels),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Linear(pixels + classes, hidden_size),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden_size, hidden_size),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden_size, 1),
        nn.Sigmoid(),
    )
    return Told(generator, classes), Told(discriminator, classes)


def _as_keras(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """A weight of one framework as the other has it: kernels are `(in, out)` in Keras."""
    return tensor.T if tensor.ndim == 2 and "embedding" not in name else tensor


def set_weights(network: nn.Module, weights: list) -> None:
    """Copies embedding, kernels and biases in, in the order in which Keras lists them."""
    with torch.no_grad():
        for (name, parameter), value in zip(network.named_parameters(), weights, strict=True):
            parameter.copy_(_as_keras(name, torch.from_numpy(value)))


def get_weights(network: nn.Module) -> list:
    """The inverse of `set_weights`."""
    return [
        _as_keras(name, parameter.detach()).numpy().copy()
        for name, parameter in network.named_parameters()
    ]


def train(g_weights, d_weights, batches, latents, g_loss, learning_rate, dtype, labels=None):
    """Runs the tutorial's loop.

    Args:
        g_weights: the generator's initial weights as Keras lists them; sizes follow from them.
        d_weights: the discriminator's.
        batches: real images `(steps, batch, pixels)` in [-1, 1].
        latents: `(steps, 2, batch, latent_size)`, the discriminator's draw first.
        g_loss: "non_saturating" or "minimax".
        learning_rate: of both Adams.
        dtype: torch.float32 or torch.float64.
        labels: `(steps, batch)` of the real images and of the fakes of that step, for the
            conditional game; their embeddings are the first weights.

    Returns:
        `(steps, 4)` D_loss, G_loss, D(x), D(G(z)), and the final weights of G and of D.
    """
    classes = 0 if labels is None else len(g_weights[0])
    hidden_size, pixels = g_weights[-2].shape
    generator, discriminator = networks(latents.shape[-1], hidden_size, pixels, classes)
    generator.to(dtype)
    discriminator.to(dtype)
    set_weights(generator, g_weights)
    set_weights(discriminator, d_weights)
    criterion = nn.BCELoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=learning_rate)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=learning_rate)
    logs = []
    told = [None] * len(batches) if labels is None else torch.from_numpy(labels)
    for real, (z_d, z_g), y in zip(
        torch.from_numpy(batches), torch.from_numpy(latents), told, strict=True
    ):
        ones = torch.ones(len(real), 1, dtype=dtype)
        zeros = torch.zeros(len(real), 1, dtype=dtype)

        outputs = discriminator(real, y)
        d_real = outputs
        fakes = discriminator(generator(z_d, y), y)
        d_loss = criterion(outputs, ones) + criterion(fakes, zeros)
        d_optimizer.zero_grad()
        g_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()

        outputs = discriminator(generator(z_g, y), y)
        loss = -criterion(outputs, zeros) if g_loss == "minimax" else criterion(outputs, ones)
        d_optimizer.zero_grad()
        g_optimizer.zero_grad()
        loss.backward()
        g_optimizer.step()
        logs.append([v.item() for v in (d_loss, loss, d_real.mean(), outputs.mean())])
    return logs, get_weights(generator), get_weights(discriminator)
