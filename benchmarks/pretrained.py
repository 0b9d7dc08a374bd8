"""Puts a run's generator into the package, and its page into the docs.

python -m tfgan.train --recipe=best_conditional
python -m tfgan.evaluate --quick --workdir=runs/best_conditional
python -m benchmarks.pretrained --workdir=runs/best_conditional --name=mnist

writes `tfgan/exports/{name}.keras` and `{name}.json`, and `docs/{name}.html`; with `--page` that
page alone, of the generator that is in the package, after a change to what pages show.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable

from absl import flags

from tfgan.exports import exporting, page, pretrained
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file
from tfgan.run import recipes
from tfgan.run.config import TrainConfig
from tfgan.run.workdir import Workdir

ROOT = pathlib.Path(__file__).parent.parent
MOST_BYTES = 2_000_000
_KEPT = ("tfgan", "python", "tensorflow", "keras", "numpy", "devices", "intra_op_threads")


def write_page(file: pathlib.Path, name: str) -> None:
    """Writes the page of a generator in the package."""
    generator, data = pretrained.pretrained(name), pretrained.record(name)["data"]
    page.write_page(file, generator, None, data)


def _prepare() -> Callable[[], None]:
    workdir, name = flags.FLAGS.workdir, flags.FLAGS.name
    in_docs = ROOT / "docs" / f"{name}.html"
    if flags.FLAGS.page:
        return lambda: write_page(in_docs, name)
    evaluated = Workdir(workdir).evaluation / "evaluation.json"
    if not evaluated.is_file():
        raise UserError(f"{evaluated}: is missing; evaluate the run first")
    row = json.loads(evaluated.read_text())["rows"]["generator"]
    recipe = flags.FLAGS.recipe
    config = TrainConfig.from_recorded(Workdir(workdir).existing_run()["config"]).deciding()
    expected = TrainConfig(**recipes.options(recipe)).deciding()
    others = [name for name in config if config[name] != expected[name]]
    if others := [name for name in others if name not in ("seed", "threads")]:
        raise UserError(
            f"--workdir={workdir}: is no run of --recipe={recipe}, which has another "
            f"{', '.join(others)}"
        )

    def work() -> None:
        trained = exporting.trained_generator(workdir, "auto", print)
        file = ROOT / "tfgan" / "exports" / f"{name}.keras"
        trained.generator.save(file)
        content = file.read_bytes()
        if len(content) > MOST_BYTES:
            raise UserError(f"{file}: {len(content):,} bytes; at most {MOST_BYTES:,}")
        environment = trained.workdir.existing_run()["environment"]
        command = f"python -m tfgan.train --recipe={recipe}"
        known = {
            "command": f"{command} --seed={trained.config['seed']} "
            f"--threads={environment['intra_op_threads']}",
            "step": trained.step,
            "scores": {metric: value["mean"] for metric, value in row.items()},
            "environment": {each: environment[each] for each in _KEPT},
            "sha256": hashlib.sha256(content).hexdigest(),
            "data": trained.data,
        }
        write_file(file.with_suffix(".json"), (json.dumps(known, indent=2) + "\n").encode())
        write_page(in_docs, name)

    return work


def main() -> None:
    """Entry point."""
    flags.DEFINE_string("workdir", "runs/best_conditional", "The run.")
    flags.DEFINE_string("recipe", "best_conditional", "What it was trained by.")
    flags.DEFINE_string("name", "mnist", "What the generator is called.")
    flags.DEFINE_boolean("page", False, "Write the page alone, of the generator in the package.")
    cli.run(_prepare)


if __name__ == "__main__":
    main()
