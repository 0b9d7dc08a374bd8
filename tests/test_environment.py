import pytest
import tensorflow as tf

from tfgan import TrainConfig, UserError
from tfgan.run import environment


def test_other_threads_in_a_process_that_runs_already(capsys):
    tf.zeros(1)  # TensorFlow has taken its threads now
    other = environment.threads() + 1
    recorded = {"environment": {"intra_op_threads": other}}
    environment.set_threads(TrainConfig(), recorded)
    assert f"Warning: the run had {other} threads" in capsys.readouterr().out
    with pytest.raises(UserError, match=f"^--threads={other}: TensorFlow already runs"):
        environment.set_threads(TrainConfig(threads=other), None)
    environment.set_threads(TrainConfig(threads=environment.threads()), recorded)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("threads", ["two", -1, True, None, 1.5])
def test_edited_thread_count_is_passed_over(threads, capsys):
    environment.set_threads(TrainConfig(), {"environment": {"intra_op_threads": threads}})
    assert capsys.readouterr().out == ""
