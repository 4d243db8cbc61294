"""Training networks for encrypted inference with Obscura: quadratic activations, cyclic padding, range safety."""
