"""What runs a generator in a browser, by size of the file and time for 64 pictures.

`python -m benchmarks.browser --ort=node_modules/onnxruntime-web/dist` opens a page with the plain
JavaScript of `tfgan/web` and one with ONNX Runtime Web inside in headless Chromium, for the
tutorial's generator, InfoGAN's, and that of `--recipe=pictures` at 64 pixels a side. Needs
`pip install -e '.[browser]'`, chromium and chromedriver; for --ort also `npm install
onnxruntime-web` and `pip install tf2onnx`.
"""

import base64
import pathlib
import re
import shutil
import statistics
import tempfile
from collections.abc import Callable
from typing import Any

from absl import flags

from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path

REPEATS, SECONDS = 30, 30  # of each, whichever comes first
_ORT_FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")

_TIMER = f"""
const latents = Float32Array.from({{ length: 64 * 64 }}, () => 2 * Math.random() - 1);
const times = [];
const end = performance.now() + 1000 * {SECONDS};
while (times.length < {REPEATS} && performance.now() < end) {{
  const begin = performance.now();
  await draw(latents);
  times.push(performance.now() - begin);
}}
window.times = times;
"""

_ORT = """
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const ort = await import("data:text/javascript;base64,{library}");
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = bytes("{wasm}").buffer;
const session = await ort.InferenceSession.create(bytes("{model}"));
const draw = (z) => session.run({{ [session.inputNames[0]]: new ort.Tensor(z, [64, 64]) }});
"""


def _plain(generator: Any) -> str:
    from tfgan.exports import page
    from tfgan.web import html

    data = {"layers": page.describe(generator)}
    content = html.compose("", ("check",), data).decode()
    # The library alone: what comes after it wants a whole page, as the policy does.
    script = content[: content.index("/** A pixel in")]
    script = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", script)
    return script + "const draw = (z) => generate(z, 64);" + _TIMER + "</script>"


def _onnx_runtime(generator: Any, folder: pathlib.Path, ort: pathlib.Path) -> str:
    generator.export(str(folder / "model.onnx"), format="onnx", verbose=False)
    library, wasm = (ort / name for name in _ORT_FILES)
    names = {"library": library, "wasm": wasm, "model": folder / "model.onnx"}
    texts = {name: base64.b64encode(file.read_bytes()).decode() for name, file in names.items()}
    return '<script type="module">' + _ORT.format(**texts) + _TIMER + "</script>"


def measure(browser: Any, path: pathlib.Path) -> list[float]:
    """Milliseconds of each call in a page that leaves `window.times`."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(path.as_uri())
    WebDriverWait(browser, 120).until(lambda _: browser.execute_script("return window.times"))
    return browser.execute_script("return window.times")


def run(ort: str) -> None:
    """Prints a row for each network and each way to run it."""
    from selenium import webdriver

    from tfgan import networks

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver") or ""))
    print(f"Chromium {browser.capabilities['browserVersion']}")
    generators = {
        "mlp": networks.mlp_generator(),
        "infogan": networks.infogan_generator(),
        "resnet, 64 x 64 x 3": networks.resnet_generator(64, 512, (64, 64, 3)),
    }
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for network, generator in generators.items():
                pages = {"plain JavaScript": _plain(generator)}
                if ort:
                    content = _onnx_runtime(generator, folder, user_path(ort, "--ort"))
                    pages["ONNX Runtime Web"] = content
                for way, content in pages.items():
                    file = folder / "page.html"
                    file.write_text(content)
                    times = measure(browser, file)
                    print(
                        f"| {network} | {way} | {len(content) / 1e6:.1f} MB "
                        f"| {statistics.median(times):.1f} ms |",
                        flush=True,
                    )
    finally:
        browser.quit()


def _prepare() -> Callable[[], None]:
    ort = flags.FLAGS.ort
    missing = [name for name in _ORT_FILES if not (user_path(ort, "--ort") / name).is_file()]
    if ort and missing:
        raise UserError(f"--ort={ort}: lacks {', '.join(missing)}; give onnxruntime-web's dist/")
    return lambda: run(ort)


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_string("ort", "", "The folder dist/ of onnxruntime-web; empty leaves it out.")


if __name__ == "__main__":
    define_flags()
    cli.run(_prepare)
