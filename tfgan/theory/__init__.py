"""GANs on known densities, where each statement of the paper can be checked."""
