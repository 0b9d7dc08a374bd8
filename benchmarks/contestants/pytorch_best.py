"""`--recipe=best` in PyTorch, written for speed; with `--compile`, through torch.compile.

Channels last, fused Adam, data in memory, no gradients that nobody needs. R1 is a gradient inside
of what is differentiated: `torch.func.grad`, which torch.compile sees through.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import harness
from benchmarks.contestants.pytorch_for_speed import start, train

EPOCHS = 40


def networks(hidden: int, shape: tuple[int, int, int]) -> tuple[nn.Module, nn.Module]:
    """D and G, as `tfgan.networks.infogan` has them. D's running statistics are never used."""
    height, width, depth = shape
    wide, small = hidden // 8, (height // 4, width // 4)
    features = small[0] * small[1] * wide
    relu = nn.LeakyReLU(0.2)
    discriminator = nn.Sequential(
        nn.Conv2d(depth, wide // 2, 4, 2, 1),
        relu,
        nn.Conv2d(wide // 2, wide, 4, 2, 1),
        nn.BatchNorm2d(wide, 1e-3, track_running_stats=False),
        relu,
        nn.Flatten(),
        nn.Linear(features, hidden),
        nn.BatchNorm1d(hidden, 1e-3, track_running_stats=False),
        relu,
        nn.Linear(hidden, 1),
    )
    generator = nn.Sequential(
        nn.Linear(harness.LATENT_SIZE, hidden),
        nn.BatchNorm1d(hidden, 1e-3, 1e-3),
        relu,
        nn.Linear(hidden, features),
        nn.BatchNorm1d(features, 1e-3, 1e-3),
        relu,
        nn.Unflatten(1, (wide, *small)),
        nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1),
        nn.BatchNorm2d(wide // 2, 1e-3, 1e-3),
        relu,
        nn.ConvTranspose2d(wide // 2, depth, 4, 2, 1),
        nn.Tanh(),
    )
    for network in (discriminator, generator):
        network.to(memory_format=torch.channels_last)
    return discriminator, generator


def main() -> None:
    """Trains without end."""
    flags, batches = start()
    height, width, depth = shape = harness.image_shape(flags.images)
    discriminator, generator = networks(flags.hidden_size, shape)
    average = networks(flags.hidden_size, shape)[1]
    average.load_state_dict(generator.state_dict())
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=0.002, betas=(0.5, 0.999), fused=True)
        for network in (discriminator, generator)
    ]
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(batches))
        for optimizer in optimizers
    ]

    def total(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = discriminator(x)
        return logits.sum(), logits

    def d_loss(flat: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        real = flat.view(-1, height, width, depth).permute(0, 3, 1, 2)
        gradient, real_logits = torch.func.grad(total, has_aux=True)(real)
        r1 = gradient.square().sum((1, 2, 3)).mean() / 2
        losses = functional.softplus(-real_logits) + functional.softplus(discriminator(fake))
        return losses.mean() + r1

    def after_step() -> None:
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1e-3)
        for schedule in schedules:
            schedule.step()

    train(flags, batches, discriminator, generator, d_loss, optimizers, after_step)


if __name__ == "__main__":
    main()
