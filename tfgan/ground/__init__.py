"""Basics of every module: files, pictures, errors, the console, how commands start and end."""
