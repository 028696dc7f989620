"""Numba kernels: arrays in, arrays out; private, and validated by whoever calls them."""
