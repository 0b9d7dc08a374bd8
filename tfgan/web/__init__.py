"""Pages that open in a browser: what they are composed of."""
