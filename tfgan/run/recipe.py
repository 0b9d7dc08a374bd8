"""`Recipe`: the options that say what is trained on what, and how it learns."""

import dataclasses

from tfgan.datasets.image_set import ImageSet
from tfgan.ground.errors import UserError
from tfgan.run.options import at_least, below_one, not_empty, not_negative, option, positive, seed

# The names in tfgan.losses.OBJECTIVES and so on: --help must not wait for TensorFlow.
LOSSES = (
    "non_saturating",
    "minimax",
    "hinge",
    "least_squares",
    "relativistic",
    "wasserstein",
)
SMOOTHED = ("non_saturating", "minimax", "least_squares")
NETWORKS = ("mlp", "maxout", "infogan", "conv", "conv_modulated", "resnet")
_NORMALISED = ("infogan", "conv")  # whose D has batch normalisation
OWN_NETWORKS = "own"  # what a run's networks are called that were given as `networks=`
AUGMENTATIONS = ("color", "translation", "cutout")
LATENTS = ("normal", "uniform", "uniform_sqrt3")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
SCHEDULES = ("constant", "linear", "cosine", "exponential")
ENDING_SCHEDULES = ("linear", "cosine")


def _divisor(value: float) -> str | None:
    return None if 1 <= value < 2 else "must be a number in [1, 2)"


def _augmentations(value: str) -> str | None:
    names = value.split(",") if value else []
    if set(names) <= set(AUGMENTATIONS) and len(names) == len(set(names)):
        return None
    return f"must be one or more of {','.join(AUGMENTATIONS)}, each once, separated by commas"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is trained on what, and how it learns. The defaults are the tutorial's recipe."""

    dataset: str = option(
        "mnist",
        "Image set to train on, by its TensorFlow Datasets name, such as mnist, fashion_mnist, "
        "kmnist, emnist/letters or cifar10; or stacked_mnist. The networks take their image size "
        "from it.",
        check=not_empty,
    )
    split: str = option(
        "train",
        "Part of the set to train on, in the syntax of TensorFlow Datasets. train[:50000] leaves "
        "out the last 10,000 images of MNIST, for validation. Of a streamed set "
        "(--cache_limit_mb), only whole splits are possible.",
        check=not_empty,
    )
    data_dir: str = option(
        "",
        "Folder of prepared image sets. Empty: the folder in the environment variable "
        "TFDS_DATA_DIR, else ~/tensorflow_datasets.",
        free=True,
    )
    manual_dir: str = option(
        "",
        "Folder with the set's original files, for a machine without internet. Their checksums "
        "must be those that TensorFlow Datasets has registered.",
        free=True,
    )
    cache_limit_mb: int = option(
        1024,
        "Stream an image set from its files if its decoded images take more memory than this, in "
        "MB (10^6 bytes). Streaming is slower, and shuffles within windows of half this size.",
        check=at_least(1),
    )
    batch_size: int = option(
        100,
        "Real images in each update of D, over all devices together. A larger batch takes less "
        "time per image, but an epoch then has fewer updates.",
        check=at_least(1),
    )
    network: str = option(
        "mlp",
        "Architecture of both networks. mlp: the tutorial's dense layers. maxout: the paper's "
        "experiments. infogan: convolutions, slower and sharper. conv: infogan, but D sees "
        "images in [-1, 1] instead of [0, 1], and batch normalisation averages over fewer steps. "
        "conv_modulated: conv, but D has no batch normalisation, and z also scales and shifts the "
        "channels after each of those in G. resnet: residual convolutions, one "
        "block for each halving of the image, from 16 x 16 to 128 x 128. The last four need image "
        "sides that are multiples of 4.",
        choices=NETWORKS,
        in_code=(OWN_NETWORKS,),
    )
    conditional: bool = option(
        False,
        "Give both networks the class of each image, so that you can choose what to draw: python "
        "-m tfgan.sample --label=7. Needs a set with labels; with --images, each sub-folder is a "
        "class.",
    )
    latent_size: int = option(
        64,
        "Length of z, the generator's input. A shorter z gives smoother interpolation, a longer "
        "one allows more variety.",
        check=at_least(1),
    )
    latents: str = option(
        "normal",
        "Distribution of each number in z. normal: N(0, 1). uniform: on [-1, 1]. uniform_sqrt3: on "
        "[-sqrt(3), sqrt(3)], which has variance 1.",
        choices=LATENTS,
    )
    hidden_size: int = option(
        256,
        "Units in each hidden layer. In maxout's D: the number of linear pieces, five for each "
        "unit. In infogan and conv: units of the dense layers; the convolutions have 1/16 and 1/8 "
        "as many channels. In resnet: units of D's dense layer; the convolutions have 1/16 as many "
        "channels at half the image's size, twice that at a quarter, and so on. More units draw "
        "finer strokes and take longer.",
        check=at_least(1),
    )
    precision: str = option(
        "float32",
        "Keras dtype policy of the layers. mixed_bfloat16 and mixed_float16 compute in 16 bits and "
        "keep weights, losses and exports in float32. For GPUs, and for CPUs with bfloat16 "
        "instructions.",
        choices=PRECISIONS,
    )
    spectral_norm: bool = option(
        False,
        "Divide each kernel of D by its largest singular value, which bounds D's slope.",
    )
    d_dropout: float = option(
        0.0,
        "Dropout rate of D's hidden layers. Use it if D memorises the training images; 0.3 helps "
        "the tutorial's D.",
        check=below_one,
    )
    d_input_dropout: float = option(
        0.0,
        "Dropout rate of D's input, the image.",
        check=below_one,
    )
    augment: str = option(
        "",
        "Augment every image that D sees, real and fake, at random: one or more of color, "
        "translation and cutout, separated by commas. Use it with a few thousand images or fewer, "
        "which D would memorise. Empty: none.",
        check=_augmentations,
    )
    loss: str = option(
        "non_saturating",
        "Objective. non_saturating: G maximises log D(G(z)). minimax: G minimises log(1 - "
        "D(G(z))), the paper's first form, whose gradient vanishes early in training. hinge. "
        "least_squares: LSGAN. relativistic: D compares each real image with a fake; use --r1 and "
        "--r2 with it. wasserstein: the difference of mean scores; use --gradient_penalty=10 and "
        "--d_steps=5 with it (WGAN-GP).",
        choices=LOSSES,
    )
    label_smoothing: float = option(
        0.0,
        "Lower the target of real images from 1 by this much, so that D does not become "
        "overconfident; 0.1 is usual.",
        check=below_one,
        only_with={"loss": SMOOTHED},
    )
    r1: float = option(
        0.0,
        "Weight g of the penalty g/2 |grad D(x)|^2 at real images, where D(x) is the logit. It "
        "helps training converge. Try 1 for MNIST, and more for larger images.",
        check=not_negative,
    )
    r2: float = option(
        0.0,
        "Weight of the same penalty at generated images.",
        check=not_negative,
    )
    gradient_penalty: float = option(
        0.0,
        "Weight of the penalty (|grad D(x)| - 1)^2 at points between real and generated images; "
        "10 in WGAN-GP. Needs a D without batch normalisation, so not --network=infogan or conv.",
        check=not_negative,
    )
    d_steps: int = option(
        1,
        "Updates of D before each update of G, each on its own --batch_size real images. An epoch "
        "is still one pass over the set, so it has fewer steps.",
        check=at_least(1),
    )
    pack: int = option(
        1,
        "Number of images that D judges together, stacked as channels (PacGAN). With 2 or more, D "
        "can tell when G's images are too much alike. --batch_size must be a multiple of it.",
        check=at_least(1),
    )
    updates: str = option(
        "alternating",
        "alternating: update D, then G with newly drawn latents, as in the paper's algorithm 1. "
        "simultaneous: update both from one batch of generated images, as in the paper's code; "
        "this is faster.",
        choices=("alternating", "simultaneous"),
    )
    ema: float = option(
        0.0,
        "Decay of the generator's moving average; 0.999 is usual. Samples and exports use the "
        "average, which varies less from step to step. 0: no average.",
        check=below_one,
    )
    optimizer: str = option(
        "adam",
        "Optimizer of both networks: adam, or sgd with momentum, as in the paper's code.",
        choices=("adam", "sgd"),
    )
    d_learning_rate: float = option(
        0.0002,
        "Learning rate of the discriminator. Lower it if D_loss falls to 0.",
        check=positive,
    )
    g_learning_rate: float = option(0.0002, "Learning rate of the generator.", check=positive)
    lr_schedule: str = option(
        "constant",
        "Schedule of both learning rates. linear and cosine reach --lr_end at the last step of "
        "--epochs. exponential divides by --lr_decay at each step, down to --lr_end.",
        choices=SCHEDULES,
    )
    lr_end: float = option(
        0.0,
        "Learning rate at the end of the schedule.",
        check=not_negative,
        only_with={"lr_schedule": SCHEDULES[1:]},
    )
    lr_decay: float = option(
        1.0,
        "Divisor of the exponential schedule at each step; 1.000004 in the paper's code.",
        check=_divisor,
        only_with={"lr_schedule": ("exponential",)},
    )
    beta_1: float = option(
        0.9,
        "Adam's decay for the mean of gradients. 0.5 is usual for GANs: each network then adapts "
        "faster to the other.",
        check=below_one,
        only_with={"optimizer": ("adam",)},
    )
    beta_2: float = option(
        0.999,
        "Adam's decay for the mean of squared gradients.",
        check=below_one,
        only_with={"optimizer": ("adam",)},
    )
    momentum: float = option(
        0.0,
        "Momentum of sgd; 0.5 in the paper's code.",
        check=below_one,
        only_with={"optimizer": ("sgd",)},
    )
    final_momentum: float = option(
        0.0,
        "Momentum that is reached after --momentum_epochs; 0.7 in the paper's code.",
        check=below_one,
        only_with={"optimizer": ("sgd",)},
    )
    momentum_epochs: int = option(
        0,
        "Epochs over which the momentum grows to --final_momentum; 250 in the paper's code. 0: "
        "the momentum is constant.",
        check=at_least(0),
        only_with={"optimizer": ("sgd",)},
    )
    seed: int = option(
        777,
        "Seed of every random number: initial weights, order of the images, latents, dropout. "
        "Change it to see how much results vary between runs.",
        check=seed,
    )

    @property
    def images_a_step(self) -> int:
        """Number of real images in a step: for all of D's updates, over all devices."""
        return self.batch_size * self.d_steps

    @property
    def image_set(self) -> ImageSet:
        """The training set."""
        return ImageSet(self.dataset, self.split, self.data_dir, self.manual_dir)

    def check_together(self) -> None:
        """Checks combinations of options.

        Raises:
            UserError: for the first wrong combination; the message names the flag.
        """
        if self.loss == "wasserstein" and not (
            self.gradient_penalty or self.r1 or self.spectral_norm
        ):
            raise UserError(
                "--loss=wasserstein: needs --gradient_penalty, such as 10, or --r1 or "
                "--spectral_norm; without them D's scores grow without bound"
            )
        if self.gradient_penalty and self.network in _NORMALISED:
            raise UserError(
                f"--gradient_penalty={self.gradient_penalty:g}: needs a D that judges each image "
                f"alone, and that of --network={self.network} has batch normalisation; use "
                "conv_modulated, mlp, maxout or resnet"
            )
        if self.d_steps > 1 and self.updates == "simultaneous":
            raise UserError(
                f"--d_steps={self.d_steps}: --updates=simultaneous updates each network once a step"
            )
        if self.batch_size % self.pack:
            raise UserError(
                f"--pack={self.pack}: --batch_size={self.batch_size} must be a multiple of it"
            )
        if self.final_momentum and not self.momentum_epochs:
            raise UserError(
                f"--final_momentum={self.final_momentum}: does nothing without --momentum_epochs"
            )
        if self.momentum_epochs and not self.final_momentum:
            raise UserError(
                f"--momentum_epochs={self.momentum_epochs}: needs --final_momentum, the momentum "
                f"to reach"
            )
        if self.lr_schedule == "exponential" and self.lr_decay == 1:
            raise UserError(
                "--lr_schedule=exponential: does nothing without --lr_decay, such as 1.000004"
            )
        if self.lr_end > min(self.d_learning_rate, self.g_learning_rate):
            raise UserError(
                f"--lr_end={self.lr_end}: must be at most --d_learning_rate="
                f"{self.d_learning_rate} and --g_learning_rate={self.g_learning_rate}"
            )
