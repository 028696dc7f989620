"""Gaussians on the segment tree: exact solves by message passing, and joint draws."""
