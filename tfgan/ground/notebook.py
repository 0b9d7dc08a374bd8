"""Output in a notebook's cell, in Jupyter, Colab or an editor."""

import sys
from typing import Any


def shell() -> Any:
    """The shell of the notebook that runs this process; None in a terminal, IPython's too."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython else None
    return found if hasattr(found, "kernel") else None


class Display:
    """One output of a cell, replaced by whatever is shown next; of another cell, a new one."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._cell: Any = None

    def show(self, content: Any) -> None:
        """Shows an object that IPython can; only where there is a `shell`."""
        from IPython.display import display

        cell = shell().execution_count
        if self._handle is None or cell != self._cell:
            self._handle, self._cell = display(content, display_id=True), cell
        else:
            self._handle.update(content)


class Line(Display):
    """A stream whose last line is shown, for a bar that draws itself anew."""

    def write(self, text: str) -> None:
        from IPython.display import Pretty

        if line := text.strip():
            self.show(Pretty(line))

    def flush(self) -> None:
        """Does nothing: what is written is shown."""
