"""The tutorial's PyTorch loop: as it is written, and with its data in memory.

Its log line and its pictures are left out, in its favour.
"""

from collections.abc import Iterator

import torch
from torch import nn

from benchmarks.contestants import harness


def networks(hidden_size: int, pixels: int) -> tuple[nn.Sequential, nn.Sequential]:
    """The tutorial's D and G."""
    discriminator = nn.Sequential(
        nn.Linear(pixels, hidden_size),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden_size, hidden_size),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden_size, 1),
        nn.Sigmoid(),
    )
    generator = nn.Sequential(
        nn.Linear(harness.LATENT_SIZE, hidden_size),
        nn.ReLU(),
        nn.Linear(hidden_size, hidden_size),
        nn.ReLU(),
        nn.Linear(hidden_size, pixels),
        nn.Tanh(),
    )
    return discriminator, generator


def batches_as_written(root: str, batch_size: int) -> torch.utils.data.DataLoader:
    """torchvision's MNIST in a DataLoader: image by image, through PIL."""
    try:
        import torchvision
    except RuntimeError:
        # A torchvision built with CUDA looks for these operators of its own, which it cannot
        # load beside a torch without. Only its MNIST and its transforms are needed here.
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
        import torchvision
    from torchvision import transforms

    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(mean=[0.5], std=[0.5])]
    )
    mnist = torchvision.datasets.MNIST(root, train=True, transform=transform, download=False)
    return torch.utils.data.DataLoader(
        mnist, batch_size, shuffle=True, drop_last=True, generator=torch.Generator("cpu")
    )


class InMemory:
    """Batches `(images,)` of a float tensor `(size, pixels)`, in a new order each time."""

    def __init__(self, images: torch.Tensor, batch_size: int):
        self._images, self._batch_size = images, batch_size

    def __len__(self) -> int:
        return len(self._images) // self._batch_size

    def __iter__(self) -> Iterator[tuple[torch.Tensor]]:
        order = torch.randperm(len(self._images))
        for index in range(len(self)):
            here = order[index * self._batch_size : (index + 1) * self._batch_size]
            yield (self._images[here],)


def main() -> None:
    """Trains without end."""
    flags = harness.flags("as_written", "in_memory").parse_args()
    torch.manual_seed(777)
    torch.set_default_device(device := harness.torch_device(flags.device))
    batch_size = flags.batch_size
    if flags.variant == "as_written":
        batches = batches_as_written(str(flags.images.parent), batch_size)
    else:
        batches = InMemory(torch.from_numpy(harness.load_unit(flags.images)).to(device), batch_size)
    report = harness.Reporter(len(batches))

    D, G = networks(flags.hidden_size, harness.pixels(flags.images))  # noqa: N806
    criterion = nn.BCELoss()
    d_optimizer = torch.optim.Adam(D.parameters(), lr=0.0002)
    g_optimizer = torch.optim.Adam(G.parameters(), lr=0.0002)

    def reset_grad() -> None:
        d_optimizer.zero_grad()
        g_optimizer.zero_grad()

    while True:
        for images, *_ in batches:
            images = images.reshape(batch_size, -1).to(device)
            real_labels = torch.ones(batch_size, 1)
            fake_labels = torch.zeros(batch_size, 1)

            d_loss_real = criterion(D(images), real_labels)
            z = torch.randn(batch_size, harness.LATENT_SIZE)
            d_loss_fake = criterion(D(G(z)), fake_labels)
            d_loss = d_loss_real + d_loss_fake
            reset_grad()
            d_loss.backward()
            d_optimizer.step()

            z = torch.randn(batch_size, harness.LATENT_SIZE)
            g_loss = criterion(D(G(z)), real_labels)
            reset_grad()
            g_loss.backward()
            g_optimizer.step()
            report.done()


if __name__ == "__main__":
    main()
