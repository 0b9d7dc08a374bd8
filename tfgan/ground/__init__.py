"""Basics: files, pictures, errors, the console, how commands start and end."""
