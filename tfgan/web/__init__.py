"""The parts of pages for a browser."""
