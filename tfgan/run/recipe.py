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
NETWORKS = ("mlp", "maxout", "infogan", "conv", "resnet")
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
    return f"must be some of {','.join(AUGMENTATIONS)}, each once, with commas between"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is trained on what, and how it learns. The defaults are the tutorial's recipe."""

    dataset: str = option(
        "mnist",
        "Image set to imitate, by its TensorFlow Datasets name: mnist, fashion_mnist, kmnist, "
        "emnist/letters, cifar10, ...; or stacked_mnist. The networks follow its image shape.",
        check=not_empty,
    )
    split: str = option(
        "train",
        "Part of the set to train on, as TensorFlow Datasets writes it: train[:50000] keeps the "
        "last 10,000 of MNIST for choosing a recipe. A streamed set has whole splits only.",
        check=not_empty,
    )
    data_dir: str = option(
        "",
        "Where prepared sets live. Empty: TFDS_DATA_DIR, else TFDS's own default in your home.",
        free=True,
    )
    manual_dir: str = option(
        "",
        "Folder with the set's original files, for a machine without internet; they are "
        "checked against the checksums that TFDS has registered.",
        free=True,
    )
    cache_limit_mb: int = option(
        1024,
        "A set that takes more memory than this, decoded, is streamed from its files instead: "
        "slower, and shuffled within windows of half this size. In MB (10^6 bytes).",
        check=at_least(1),
    )
    batch_size: int = option(
        100,
        "Real images in each of D's updates, over all devices together. Larger is faster per image "
        "and makes fewer updates.",
        check=at_least(1),
    )
    network: str = option(
        "mlp",
        "Kind of both networks: mlp, the tutorial's; maxout, those of the paper's experiments; "
        "infogan, convolutions, slower and sharper; conv, the same but for the range that D sees, "
        "[-1, 1] instead of infogan's [0, 1], and statistics of batch normalisation with a shorter "
        "memory; resnet, residual convolutions with a block for each "
        "halving of the image, for 16 x 16 up to 128 x 128. The latter three want image sides that "
        "are multiples of 4.",
        choices=NETWORKS,
        in_code=(OWN_NETWORKS,),
    )
    conditional: bool = option(
        False,
        "Tell both networks the class of each image, so that you choose what is drawn: python -m "
        "tfgan.sample --label=7. Needs a set with labels; of --images, sub-folders are classes.",
    )
    latent_size: int = option(
        64,
        "Numbers in z, the generator's input. Fewer make smoother walks, more leave room for "
        "variety.",
        check=at_least(1),
    )
    latents: str = option(
        "normal",
        "Distribution of each number in z: normal, N(0, 1); uniform, on [-1, 1]; uniform_sqrt3, "
        "on [-sqrt 3, sqrt 3], of variance 1 too.",
        choices=LATENTS,
    )
    hidden_size: int = option(
        256,
        "Units in each hidden layer of both networks; of maxout's D, linear pieces, five a unit; "
        "of infogan and conv, units of the dense layers: channels are 1/16 and 1/8 of it; "
        "of resnet, units of D's dense layer, whose 16th part are the channels at half the image's "
        "size, twice as many at a quarter, and so on. More draw finer strokes and cost time.",
        check=at_least(1),
    )
    precision: str = option(
        "float32",
        "Type that layers compute in, by its Keras policy: float32; mixed_bfloat16 or "
        "mixed_float16, 16 bits, with weights, losses and exports in float32. For GPUs, and for "
        "CPUs with bfloat16 instructions.",
        choices=PRECISIONS,
    )
    spectral_norm: bool = option(
        False,
        "Divide each kernel of the discriminator by its largest singular value, which bounds how "
        "steep it can get.",
    )
    d_dropout: float = option(
        0.0,
        "Share of each hidden layer's outputs that the discriminator drops in training. Against a "
        "discriminator that learns the images by heart; 0.3 helps the tutorial's.",
        check=below_one,
    )
    d_input_dropout: float = option(
        0.0,
        "Share of the image's numbers that the discriminator drops in training.",
        check=below_one,
    )
    augment: str = option(
        "",
        "Change all images that the discriminator judges at random, reals and fakes: some of "
        "color,translation,cutout. Against a discriminator that learns a few thousand images, or "
        "fewer, by heart. Empty: none.",
        check=_augmentations,
    )
    loss: str = option(
        "non_saturating",
        "Objective. non_saturating: G maximises log D(G(z)); minimax: G minimises "
        "log(1 - D(G(z))), the paper's first form, whose gradient vanishes early on; hinge; "
        "least_squares (LSGAN); relativistic: each real image is judged against a fake, which "
        "wants --r1 and --r2; wasserstein: the difference of mean scores, which wants "
        "--gradient_penalty=10 and --d_steps=5 (WGAN-GP).",
        choices=LOSSES,
    )
    label_smoothing: float = option(
        0.0,
        "Takes this off the label 1 of real images, so that the discriminator is never quite "
        "sure; 0.1 is usual.",
        check=below_one,
        only_with={"loss": SMOOTHED},
    )
    r1: float = option(
        0.0,
        "Weight g of the penalty g/2 |grad D(x)|^2 at real images, which lets training settle. "
        "Try 1 for MNIST; more for larger images.",
        check=not_negative,
    )
    r2: float = option(
        0.0,
        "Weight of the same penalty at fakes.",
        check=not_negative,
    )
    gradient_penalty: float = option(
        0.0,
        "Weight of the penalty (|grad D(x)| - 1)^2 at points between real images and fakes; 10 "
        "in WGAN-GP, whose D has no batch normalisation (--network=mlp or resnet).",
        check=not_negative,
    )
    d_steps: int = option(
        1,
        "Updates of D before each update of G, each on --batch_size real images of its own. An "
        "epoch stays one pass over the set, so it has fewer steps.",
        check=at_least(1),
    )
    pack: int = option(
        1,
        "Images that D judges together, as the channels of one (PacGAN). 2 or more lets D see "
        "fakes that are too much alike. --batch_size must be a multiple of it.",
        check=at_least(1),
    )
    updates: str = option(
        "alternating",
        "alternating: D's update, then G's on fakes of its own, as in algorithm 1; simultaneous: "
        "both from one batch of fakes, as in the code of 2014, cheaper.",
        choices=("alternating", "simultaneous"),
    )
    ema: float = option(
        0.0,
        "Decay of the generator's moving average; 0.999 is usual. Pictures of fixed latents and "
        "exports use the average, which is steadier than the last step. 0: none.",
        check=below_one,
    )
    optimizer: str = option(
        "adam",
        "How both networks follow their gradients: adam, or sgd, with momentum, as in 2014.",
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
        "How both rates go on from there: constant; linear or cosine, to --lr_end at the last "
        "step of --epochs; exponential, divided by --lr_decay each step, down to --lr_end.",
        choices=SCHEDULES,
    )
    lr_end: float = option(
        0.0,
        "Learning rate that the schedule ends at.",
        check=not_negative,
        only_with={"lr_schedule": SCHEDULES[1:]},
    )
    lr_decay: float = option(
        1.0,
        "What each step divides an exponential learning rate by; 1.000004 in 2014.",
        check=_divisor,
        only_with={"lr_schedule": ("exponential",)},
    )
    beta_1: float = option(
        0.9,
        "Adam's memory of gradients. 0.5 is usual for GANs: it adapts faster to the other network.",
        check=below_one,
        only_with={"optimizer": ("adam",)},
    )
    beta_2: float = option(
        0.999,
        "Adam's memory of squared gradients.",
        check=below_one,
        only_with={"optimizer": ("adam",)},
    )
    momentum: float = option(
        0.0,
        "Share of the last update that the next one keeps; 0.5 in 2014.",
        check=below_one,
        only_with={"optimizer": ("sgd",)},
    )
    final_momentum: float = option(
        0.0,
        "What the momentum grows to within --momentum_epochs; 0.7 in 2014.",
        check=below_one,
        only_with={"optimizer": ("sgd",)},
    )
    momentum_epochs: int = option(
        0,
        "Epochs until --final_momentum is reached; 250 in 2014. 0: the momentum stays.",
        check=at_least(0),
        only_with={"optimizer": ("sgd",)},
    )
    seed: int = option(
        777,
        "Decides every random number: weights, order of the images, latents, dropout. Change it "
        "to see how much of a result is luck.",
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
                "--loss=wasserstein: needs --gradient_penalty, such as 10 (or --r1 or "
                "--spectral_norm): nothing else keeps D's scores from growing without bound"
            )
        if self.d_steps > 1 and self.updates == "simultaneous":
            raise UserError(
                f"--d_steps={self.d_steps}: --updates=simultaneous has one update of each network"
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
                f"--momentum_epochs={self.momentum_epochs}: wants --final_momentum, what the "
                f"momentum grows to"
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
