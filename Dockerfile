# docker build --tag tfgan .
# docker run --volume tfgan-data:/data --volume tfgan-runs:/tfgan/runs tfgan
FROM python:3.12-slim

# Debian keeps only the newest version of a package, so no version can be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /tfgan
COPY pyproject.toml constraints.txt Makefile README.md LICENSE ./
COPY flags flags
COPY tfgan tfgan
# `make train` uses this environment instead of creating its own.
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --constraint constraints.txt --editable . \
    && touch .venv/installed
ENV PATH=/tfgan/.venv/bin:$PATH TFDS_DATA_DIR=/data

RUN useradd --uid 1000 --create-home tfgan \
    && install --directory --owner=1000 /data runs
USER 1000
VOLUME ["/data", "/tfgan/runs"]
CMD ["make", "train"]
