"""The same recipe in PyTorch, written for speed; with `--compile`, through torch.compile.

Data in memory; no gradients through G in D's step, none for D's weights in G's; losses on
logits; fused Adam.
"""

import argparse
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import harness
from benchmarks.contestants.pytorch import InMemory, networks


def start() -> tuple[argparse.Namespace, InMemory]:
    """The flags, and flat images in [-1, 1] on the device that they ask for."""
    parser = harness.flags()
    parser.add_argument("--compile", action="store_true")
    flags = parser.parse_args()
    torch.manual_seed(777)
    torch.set_default_device(device := harness.torch_device(flags.device))
    images = torch.from_numpy(harness.load_unit(flags.images)).to(device)
    return flags, InMemory(images, flags.batch_size)


def train(
    flags: argparse.Namespace,
    batches: InMemory,
    discriminator: nn.Module,
    generator: nn.Module,
    d_loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizers: Sequence[torch.optim.Optimizer],
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """Trains without end. `d_loss` takes flat real images and fakes; the optimizers: D's, G's."""
    report = harness.Reporter(len(batches))
    d_optimizer, g_optimizer = optimizers
    latents = (flags.batch_size, harness.LATENT_SIZE)

    def g_loss(z: torch.Tensor) -> torch.Tensor:
        return functional.softplus(-discriminator(generator(z))).mean()

    generate = generator
    if flags.compile:
        d_loss, g_loss = torch.compile(d_loss), torch.compile(g_loss)
        generate = torch.compile(generator)

    while True:
        for (real,) in batches:
            with torch.no_grad():
                fake = generate(torch.randn(latents))
            d_optimizer.zero_grad()
            d_loss(real, fake).backward()
            d_optimizer.step()

            discriminator.requires_grad_(False)
            g_optimizer.zero_grad()
            g_loss(torch.randn(latents)).backward()
            g_optimizer.step()
            discriminator.requires_grad_(True)
            after_step()
            report.done()


def main() -> None:
    """Trains the tutorial's networks."""
    flags, batches = start()
    discriminator, generator = networks(flags.hidden_size, harness.pixels(flags.images))
    discriminator = nn.Sequential(*discriminator[:-1])  # logits
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=0.0002, fused=True)
        for network in (discriminator, generator)
    ]

    def d_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        real_logits, fake_logits = discriminator(torch.cat([real, fake])).split(flags.batch_size)
        return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()

    train(flags, batches, discriminator, generator, d_loss, optimizers)


if __name__ == "__main__":
    main()
