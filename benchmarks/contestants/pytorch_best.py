"""`--recipe=best` in PyTorch, written for speed; with `--compile`, through torch.compile.

Channels last, fused Adam, data in memory, no gradients that nobody needs. R1 is a gradient inside
of what is differentiated: `torch.func.grad`, which torch.compile sees through.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import harness
from benchmarks.contestants.pytorch import InMemory

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
    parser = harness.flags()
    parser.add_argument("--compile", action="store_true")
    flags = parser.parse_args()
    torch.manual_seed(777)
    torch.set_default_device(device := harness.torch_device(flags.device))
    batch_size = flags.batch_size
    images = torch.from_numpy(harness.load_unit(flags.images)).to(device)
    batches = InMemory(images, batch_size)
    report = harness.Reporter(len(batches))
    height, width, depth = shape = harness.image_shape(flags.images)

    discriminator, generator = networks(flags.hidden_size, shape)
    average = networks(flags.hidden_size, shape)[1]
    average.load_state_dict(generator.state_dict())
    options = {"lr": 0.002, "betas": (0.5, 0.999), "fused": True}
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **options)
    g_optimizer = torch.optim.Adam(generator.parameters(), **options)
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(each, EPOCHS * len(batches))
        for each in (d_optimizer, g_optimizer)
    ]

    def total(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = discriminator(x)
        return logits.sum(), logits

    def d_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        gradient, real_logits = torch.func.grad(total, has_aux=True)(real)
        r1 = gradient.square().sum((1, 2, 3)).mean() / 2
        fake_logits = discriminator(fake)
        losses = functional.softplus(-real_logits) + functional.softplus(fake_logits)
        return losses.mean() + r1

    def g_loss(z: torch.Tensor) -> torch.Tensor:
        return functional.softplus(-discriminator(generator(z))).mean()

    generate = generator
    if flags.compile:
        d_loss, g_loss = torch.compile(d_loss), torch.compile(g_loss)
        generate = torch.compile(generator)

    while True:
        for (flat,) in batches:
            real = flat.view(batch_size, height, width, depth).permute(0, 3, 1, 2)
            with torch.no_grad():
                fake = generate(torch.randn(batch_size, harness.LATENT_SIZE))
            d_optimizer.zero_grad()
            d_loss(real, fake).backward()
            d_optimizer.step()

            discriminator.requires_grad_(False)
            g_optimizer.zero_grad()
            g_loss(torch.randn(batch_size, harness.LATENT_SIZE)).backward()
            g_optimizer.step()
            discriminator.requires_grad_(True)
            with torch.no_grad():
                weights = list(average.parameters())
                torch._foreach_lerp_(weights, list(generator.parameters()), 1e-3)
            for schedule in schedules:
                schedule.step()
            report.done()


if __name__ == "__main__":
    main()
