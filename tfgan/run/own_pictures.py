"""The flags of your own pictures, which become an image set before a run is configured."""

import dataclasses

from absl import flags

from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import folders, picture
from tfgan.ground.console import say
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path
from tfgan.run.config import TrainConfig

_OTHERS = ("fit", "background", "channels", "holdout")


@dataclasses.dataclass(frozen=True)
class Request:
    """Pictures that are to become a set.

    Attributes:
        images: folder or archive; empty for those of `known`.
        known: a set of TensorFlow Datasets.
        how: what becomes of a picture.
        holdout: share held out for evaluation.
        name: of the set, or empty.
    """

    images: str
    known: ImageSet
    how: picture.Preparation
    holdout: float
    name: str = ""

    def prepare(self) -> ImageSet:
        """Prepares the set, unless that was done before."""
        from tfgan.datasets.own import picture_sources, preparing

        if self.images:
            source: picture_sources.Source = picture_sources.Folder(self.images)
        else:
            source = picture_sources.KnownSet(self.known, say)
        name = preparing.prepare(
            source, self.how, self.known.data_dir, self.name, self.holdout, say
        )
        return ImageSet(name, data_dir=self.known.data_dir)

    def for_run(self, config: TrainConfig) -> TrainConfig:
        """Prepares the set, unless that was done before, for a run that is to train on it.

        Raises:
            UserError: if the run's networks cannot have that size, or it needs classes and there
                are none, before anything is prepared.
        """
        from tfgan.run import building

        side = self.how.image_size
        building.check_networks(config, (side, side, 3))
        if config.conditional and self.images:
            folders.check_classes(user_path(self.images, "--images"))
        return dataclasses.replace(config, dataset=self.prepare().name, manual_dir="")


def define_flags() -> None:
    """Defines the flags that make pictures a set."""
    flags.DEFINE_string(
        "images",
        None,
        "Folder of pictures to train on, or a zip or tar archive of one, instead of --dataset. "
        "They are prepared once as an image set, whose name is printed. Sub-folders become "
        "classes.",
    )
    flags.DEFINE_integer(
        "image_size",
        None,
        "Resize the pictures of --images to squares of this many pixels a side; 64 if not given. "
        "With --dataset, prepare that set's pictures at this size.",
    )
    flags.DEFINE_enum(
        "fit",
        None,
        picture.FITS,
        "How to make a picture square: crop keeps the middle (the default), pad adds background, "
        "stretch changes the proportions.",
    )
    flags.DEFINE_string(
        "background",
        None,
        "Colour of transparent areas and of padding, in CSS notation; white if not given.",
    )
    flags.DEFINE_enum(
        "channels",
        None,
        picture.CHANNELS,
        "1: grey images. 3: colour images. auto (the default): grey if all pictures are.",
    )
    flags.DEFINE_float(
        "holdout",
        None,
        "Fraction of the pictures to hold out for evaluation, as the split test; 0.1 if not given. "
        "Identical pictures always land in the same split.",
    )


def from_flags(name: str = "") -> Request | None:
    """What the parsed command line asks for; None if it is about a set that is ready.

    Args:
        name: of the set, or empty.

    Raises:
        UserError: if the flags do not go together, or there is no such folder.
    """
    values = flags.FLAGS
    given = [key for key in _OTHERS if values[key].value is not None]
    if values.images is None and values.image_size is None:
        if given or name:
            flag = f"--{given[0]}={values[given[0]].value}" if given else f"--name={name}"
            raise UserError(f"{flag}: does nothing without --images or --image_size")
        return None
    if values.images is not None:
        if values["dataset"].present:
            raise UserError(
                f"--images={values.images}: and --dataset={values.dataset} both say what to train "
                f"on; give one of them"
            )
        folders.check(user_path(values.images, "--images"))
    options = {"image_size": values.image_size} | {key: values[key].value for key in _OTHERS}
    chosen = {key: value for key, value in options.items() if value is not None}
    holdout = chosen.pop("holdout", 0.1)
    if not 0 <= holdout < 1:
        raise UserError(f"--holdout={holdout}: must be a number in [0, 1)")
    known = ImageSet(values.dataset, data_dir=values.data_dir, manual_dir=values.manual_dir)
    return Request(values.images or "", known, picture.Preparation(**chosen), holdout, name)
