"""Where the work goes: devices, several processes, and what their replicas share."""
