"""What every room stands on: files, pictures, errors, the console, how commands start and end."""
