"""The data plane: one event loop that talks with devices, and knows the control plane only through `store`."""
