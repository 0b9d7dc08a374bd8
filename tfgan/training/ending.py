"""What a run writes at its end: the generator, the GIF and the report."""

from tfgan import report
from tfgan.exports import saved_model
from tfgan.gan import GAN
from tfgan.ground.console import say
from tfgan.run import callbacks as run_callbacks
from tfgan.run.best import Best
from tfgan.run.run import Run
from tfgan.run.workdir import Workdir


def export(run: Run, gan: GAN, best: Best | None) -> None:
    """Writes the current SavedModels: the generator or the best, and the last one beside it."""
    workdir, config = run.workdir, run.config
    known = (int(gan.step.numpy()), config.latents, config.image_set.record(run.data.identity()))
    found = best if best and best.step else None
    if config.keep_best:
        workdir.record_best(found.record() if found else None)
        if not found:
            say(f"--keep_best={config.keep_best}: not scored yet; exporting the last generator")
    if gan.ema_generator is not None or found:
        saved_model.save_generator(workdir.raw_generator, gan.generator, *known)
    generator = found.generator if found else gan.sampler
    chosen = found.in_words() if found else ""
    saved_model.save_generator(workdir.generator, generator, *known, chosen)
    if found:
        say(f"Exported: the generator {chosen}")


def decorate(workdir: Workdir) -> None:
    """Writes the GIF and the report, if they are missing; a failure is only reported.

    It comes after the generator, which matters most.
    """
    made = saved_model.when_exported(workdir.generator)
    for file, write in (
        (workdir.training_gif, run_callbacks.save_training_gif),
        (workdir.report, report.write_report),
    ):
        try:
            if not file.exists() or file.stat().st_mtime < made:
                write(workdir)
        except Exception as error:  # whatever lies in the folder, the run has ended well
            said = " ".join(str(error).split()) or type(error).__name__
            say(f"Warning: {file} was not written: {said}")
