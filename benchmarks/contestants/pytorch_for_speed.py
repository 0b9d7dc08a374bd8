"""The same recipe in PyTorch, written for speed; with `--compile`, through torch.compile.

Data in memory; no gradients through G in D's step, none for D's weights in G's; losses on
logits; fused Adam.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import harness
from benchmarks.contestants.pytorch import InMemory, networks


def main() -> None:
    """Trains without end."""
    parser = harness.flags()
    parser.add_argument("--compile", action="store_true")
    flags = parser.parse_args()
    torch.manual_seed(777)
    torch.set_default_device(device := harness.torch_device(flags.device))
    batch_size = flags.batch_size
    unit_images = torch.from_numpy(harness.load_unit(flags.images)).to(device)
    batches = InMemory(unit_images, batch_size)
    report = harness.Reporter(len(batches))

    discriminator, generator = networks(flags.hidden_size, unit_images.shape[1])
    discriminator = nn.Sequential(*discriminator[:-1])  # logits
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.0002, fused=True)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.0002, fused=True)

    def d_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        logits = discriminator(torch.cat([real, fake]))
        real_logits, fake_logits = logits[:batch_size], logits[batch_size:]
        return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()

    def g_loss(z: torch.Tensor) -> torch.Tensor:
        return functional.softplus(-discriminator(generator(z))).mean()

    if flags.compile:
        d_loss, g_loss = torch.compile(d_loss), torch.compile(g_loss)
        generate = torch.compile(generator)
    else:
        generate = generator

    while True:
        for (real,) in batches:
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
            report.done()


if __name__ == "__main__":
    main()
