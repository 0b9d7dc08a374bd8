"""The parts of the HTML pages."""
