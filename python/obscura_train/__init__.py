"""Training networks for encrypted inference with Obscura: quadratic activations, raster padding, range safety."""
