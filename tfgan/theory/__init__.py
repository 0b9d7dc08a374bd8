"""Densities that are known, on which each statement of the paper can be seen to hold."""
