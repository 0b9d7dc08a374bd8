"""The flags for your own pictures, which become a set's name before a run is configured."""

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
    """A request to make pictures a set.

    Attributes:
        images: folder or archive; empty for the images of `known`.
        known: a set of TensorFlow Datasets.
        how: how each picture is prepared.
        holdout: share that is held out for evaluation, in [0, 1).
        name: name of the set, or empty.
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

    def _check_classes(self, image_set: ImageSet) -> None:
        """Makes sure that the prepared set of `images` has classes.

        Raises:
            UserError: if it has none.
        """
        from tfgan.datasets import sources
        from tfgan.datasets.own import writing

        builder = sources.prepare(image_set, say)
        if "label" not in builder.info.features:
            raise UserError(
                f"--images={self.images}: --conditional needs every picture in the sub-folder of "
                f"its class, and at least two of these; see {builder.data_path / writing.LIST}"
            )

    def for_run(self, config: TrainConfig) -> TrainConfig:
        """Prepares the set for a run, unless that was done before.

        Raises:
            UserError: before anything is prepared, if the run's networks do not support that size,
                or if it needs classes and there are no sub-folders.
        """
        from tfgan.cluster import strategies
        from tfgan.run import building, environment

        # Before TensorFlow reads anything, which would settle both.
        strategies.choose_devices(config.devices)
        environment.set_threads(config, None)
        side = self.how.image_size
        building.check_networks(config, (side, side, 3))
        if config.conditional and self.images:
            folders.check_classes(user_path(self.images, "--images"))
        image_set = self.prepare()
        if config.conditional and self.images:
            self._check_classes(image_set)
        return dataclasses.replace(config, dataset=image_set.name, manual_dir="")


def define_flags() -> None:
    """Defines the flags for preparing pictures as a set."""
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
    """The request of the parsed command line; None if it names a set that is ready.

    Args:
        name: name of the set, or empty.

    Raises:
        UserError: if flags conflict, or there is no such folder.
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
