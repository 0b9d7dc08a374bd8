"""What training costs, beside its peers and beside the arithmetic it cannot avoid."""

from collections.abc import Iterable

from absl import flags

from tfgan.ground.errors import UserError


def check_known(flag: str, names: Iterable[str]) -> None:
    """Makes sure that a flag, a list, holds nothing but some of `names`.

    Raises:
        UserError: if it does.
    """
    given = flags.FLAGS[flag].value
    if unknown := [name for name in given if name not in names]:
        raise UserError(
            f"--{flag}={','.join(given)}: unknown: {', '.join(unknown)}; must be of "
            f"{', '.join(names)}"
        )
