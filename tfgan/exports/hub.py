"""The YAML header of a model card, which the Hugging Face Hub reads.

It is written without the Hub's library, which is an extra. The tests read it with that library.
"""

import json
from typing import Any, NamedTuple

import numpy as np

from tfgan.exports.formats import Trained
from tfgan.networks import labelled

LIBRARY = "keras"  # by the Hub's list of libraries; `tf-keras` there is Keras 2
TASK = "unconditional-image-generation"  # by the Hub's list of tasks
# The names of data sets on the Hub, where they are another set's than here.
_DATASETS = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "mnist": "ylecun/mnist",
}


class Scores(NamedTuple):
    """The scores of a generator.

    Attributes:
        protocol: the name of the protocol.
        means: the mean of each metric.
        labels: the name of each metric in tables, if it is known.
    """

    protocol: str
    means: dict[str, float]
    labels: dict[str, str]


def front_matter(trained: Trained, scores: Scores | None) -> str:
    """The metadata of a model repository, between two lines of dashes.

    A conditional generator has no `pipeline_tag`: the Hub has no task for images of a class.
    There is no `license`, which only the author of the weights can choose.

    Args:
        trained: the generator.
        scores: its scores, if there are any.

    Reference:
        https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    conditional = labelled.classes_of(trained.generator) > 0
    name = str(trained.config["dataset"])
    known = _DATASETS.get(name)
    content: dict[str, Any] = {"library_name": LIBRARY}
    if not conditional:
        content["pipeline_tag"] = TASK
    content["tags"] = ["tfgan", "gan", "image-generation"]
    content["tags"] += ["class-conditional"] if conditional else []
    if known:
        content["datasets"] = [known]
    if scores:
        result = {
            "task": {"type": "image-generation" if conditional else TASK},
            "dataset": {"type": known or name, "name": name},
            "metrics": [
                {
                    "type": metric,
                    "name": f"{scores.labels.get(metric, metric)}, {scores.protocol}",
                    "value": mean,
                }
                for metric, mean in scores.means.items()
            ],
        }
        content["model-index"] = [{"name": f"tfgan-{name}", "results": [result]}]
    return "\n".join(["---", *_yaml(content), "---", ""])


def _yaml(value: Any) -> list[str]:
    """Lines of YAML: blocks of keys and dashes, with JSON for all other values."""
    if isinstance(value, dict):
        lines = []
        for key, each in value.items():
            inner = _yaml(each)
            nested = isinstance(each, dict | list)
            lines += [f"{key}:", *(f"  {line}" for line in inner)] if nested else []
            lines += [] if nested else [f"{key}: {inner[0]}"]
        return lines
    if isinstance(value, list):
        return [
            f"{'  ' if index else '- '}{line}"
            for each in value
            for index, line in enumerate(_yaml(each))
        ]
    if isinstance(value, float):  # YAML 1.1 takes 5e-05 for a string
        return [np.format_float_positional(value, precision=4, fractional=False, trim="0")]
    return [json.dumps(value, ensure_ascii=False)]
