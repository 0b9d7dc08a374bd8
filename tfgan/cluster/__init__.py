"""Devices and processes of a run, and what replicas share."""
