"""The default model: a Gaussian process over actions, pooled over the segment tree."""
