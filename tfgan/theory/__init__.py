"""Known densities, on which the paper's statements can be checked."""
