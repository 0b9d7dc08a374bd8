"""The matrix products that a step cannot avoid, and nothing else, by the BLAS of three libraries.

A convolution is the product of its patches, which are there for nothing.

No activation, loss, optimizer, random number or data: no way to train can be faster than the
fastest of these on the same cores. Each product has the layout that the step needs, and its
operands are as often shared as there: weights between the products, batches with none.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.contestants import harness


class Matrix(NamedTuple):
    """An operand: rows and columns as stored, and whether the product takes it transposed."""

    name: str
    rows: int
    columns: int
    transposed: bool = False


class Layer(NamedTuple):
    """A layer as a matrix: how many rows of an image it is multiplied by, and its two sizes."""

    rows: int
    inputs: int
    outputs: int


Product = tuple[Matrix, Matrix]


def step_products(batch: int, latent: int, hidden: int, pixels: int) -> list[Product]:
    """The 25 products of one step: D's update on reals and fakes together, then G's."""
    g = [Layer(1, latent, hidden), Layer(1, hidden, hidden), Layer(1, hidden, pixels)]
    d = [Layer(1, pixels, hidden), Layer(1, hidden, hidden), Layer(1, hidden, 1)]
    return [
        *_forward("fakes/g", batch, g),
        *_forward("both/d", 2 * batch, d),
        *_backward("both/d", 2 * batch, d, weights=True, inputs=False),
        *_forward("g_step/g", batch, g),
        *_forward("g_step/d", batch, d),
        *_backward("g_step/d", batch, d, weights=False, inputs=True),
        *_backward("g_step/g", batch, g, weights=True, inputs=False),
    ]


def best_products(
    batch: int, latent: int, hidden: int, image_shape: tuple[int, int, int]
) -> list[Product]:
    """Those of a step of `--recipe=best`: the networks of `tfgan.networks.infogan`, with R1."""
    height, width, depth = image_shape
    wide, small, middle = hidden // 8, height * width // 16, height * width // 4
    g = [
        Layer(1, latent, hidden),
        Layer(1, hidden, small * wide),
        Layer(small, wide, 16 * wide // 2),
        Layer(middle, wide // 2, 16 * depth),
    ]
    d = [
        Layer(middle, 16 * depth, wide // 2),
        Layer(small, 16 * wide // 2, wide),
        Layer(1, small * wide, hidden),
        Layer(1, hidden, 1),
    ]
    return [
        *_forward("fakes/g", batch, g),
        *_forward("fake/d", batch, d),
        *_backward("fake/d", batch, d, weights=True, inputs=False),
        *_forward("real/d", batch, d),
        *_backward("real/d", batch, d, weights=False, inputs=True),  # the gradient of the penalty
        *_forward("r1/d", batch, d),  # and its own: through that backward pass,
        *_backward("r1/d", batch, d, weights=True, inputs=False),
        *_backward("r1_real/d", batch, d, weights=True, inputs=False),  # and the forward pass
        *_forward("g_step/g", batch, g),
        *_forward("g_step/d", batch, d),
        *_backward("g_step/d", batch, d, weights=False, inputs=True),
        *_backward("g_step/g", batch, g, weights=True, inputs=False),
    ]


def _weight(prefix: str, layer: int, shape: tuple[int, int], transposed: bool = False) -> Matrix:
    return Matrix(f"{prefix[-1]}{layer} weight", *shape, transposed)


def _forward(prefix: str, batch: int, layers: list[Layer]) -> list[Product]:
    return [
        (
            Matrix(f"{prefix}{number} input", batch * layer.rows, layer.inputs),
            _weight(prefix, number, layer[1:]),
        )
        for number, layer in enumerate(layers)
    ]


def _backward(
    prefix: str, batch: int, layers: list[Layer], weights: bool, inputs: bool
) -> list[Product]:
    """Gradients from the last layer to the first.

    Args:
        prefix: names the pass.
        batch: images.
        layers: from the first to the last.
        weights: whether the weights' gradients are needed.
        inputs: whether the first layer's input needs one; those of the others are needed anyway.
    """
    products = []
    for number, layer in reversed(list(enumerate(layers))):
        rows = batch * layer.rows
        gradient = Matrix(f"{prefix}{number} gradient", rows, layer.outputs)
        if weights:
            x = Matrix(f"{prefix}{number} input", rows, layer.inputs, transposed=True)
            products.append((x, gradient))
        if number or inputs:
            products.append((gradient, _weight(prefix, number, layer[1:], transposed=True)))
    return products


def result_shape(product: Product) -> tuple[int, int]:
    """Rows and columns of a product."""
    left, right = product
    return (
        left.columns if left.transposed else left.rows,
        right.rows if right.transposed else right.columns,
    )


def flop(products: list[Product]) -> int:
    """Floating-point operations, a multiplication and an addition counted as two."""
    return sum(
        2 * left.rows * left.columns * result_shape((left, right))[1] for left, right in products
    )


def _arrays(products: list[Product]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    operands = {matrix.name: matrix for product in products for matrix in product}
    return {
        name: rng.standard_normal((matrix.rows, matrix.columns), np.float32)
        for name, matrix in operands.items()
    }


def _numpy_step(products: list[Product]) -> Callable[[], Any]:
    arrays = _arrays(products)

    def view(matrix: Matrix) -> np.ndarray:
        return arrays[matrix.name].T if matrix.transposed else arrays[matrix.name]

    work = [
        (view(left), view(right), np.empty(result_shape((left, right)), np.float32))
        for left, right in products
    ]

    def step() -> None:
        for left, right, out in work:
            np.matmul(left, right, out=out)

    return step


def _torch_step(products: list[Product]) -> Callable[[], Any]:
    import torch

    # On PyTorch's default device, as `torch.empty` is below.
    arrays = {name: torch.tensor(array) for name, array in _arrays(products).items()}

    def view(matrix: Matrix) -> torch.Tensor:
        return arrays[matrix.name].t() if matrix.transposed else arrays[matrix.name]

    work = [
        (view(left), view(right), torch.empty(result_shape((left, right))))
        for left, right in products
    ]

    def step() -> None:
        for left, right, out in work:
            torch.mm(left, right, out=out)

    return step


def _tensorflow_step(products: list[Product]) -> Callable[[], Any]:
    import tensorflow as tf

    # Tensors from outside the graph: constants would be multiplied while it is built.
    arrays = {name: tf.constant(array) for name, array in _arrays(products).items()}

    @tf.function(autograph=False, jit_compile=False)
    def step() -> list[tf.Tensor]:
        return [
            tf.matmul(
                arrays[left.name],
                arrays[right.name],
                transpose_a=left.transposed,
                transpose_b=right.transposed,
            )
            for left, right in products
        ]

    return step


# By library, `products -> step`.
STEPS = {"torch": _torch_step, "numpy": _numpy_step, "tensorflow": _tensorflow_step}


def main() -> None:
    """Multiplies without end."""
    flags = harness.flags(*STEPS).parse_args()
    sizes = (flags.batch_size, harness.LATENT_SIZE, flags.hidden_size)
    if flags.recipe == "best":
        products = best_products(*sizes, harness.image_shape(flags.images))
    else:
        products = step_products(*sizes, harness.pixels(flags.images))
    if flags.variant == "torch":
        import torch

        torch.set_default_device(harness.torch_device(flags.device))
    step = STEPS[flags.variant](products)
    report = harness.Reporter(len(np.load(flags.images, mmap_mode="r")) // flags.batch_size)
    while True:
        step()
        report.done()


if __name__ == "__main__":
    main()
