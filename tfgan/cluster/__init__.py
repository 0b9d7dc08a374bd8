"""Devices, several processes, and what their replicas share."""
