"""Learning rates over a run, as factors of the peak rate."""

import math

FINAL_FACTOR = 0.002
ONE_CYCLE_RISE = 0.1  # part of the run
COSINE_RISE_STEPS = 200  # a short rise protects a warm start from its first, noisy steps


TRIANGLE_PEAK, TRIANGLE_FIRST, TRIANGLE_LAST = 0.23, 0.2, 0.07  # the peak's place in the run; first and last factor


def triangular_factor(progress: float) -> float:
    """0 <= progress < 1: up to 1 and down again, in straight lines."""
    if progress < TRIANGLE_PEAK:
        return TRIANGLE_FIRST + (1 - TRIANGLE_FIRST) * progress / TRIANGLE_PEAK
    return 1 + (TRIANGLE_LAST - 1) * (progress - TRIANGLE_PEAK) / (1 - TRIANGLE_PEAK)


def _cosine(progress: float) -> float:
    return FINAL_FACTOR + (1 - FINAL_FACTOR) * 0.5 * (1 + math.cos(math.pi * progress))


def rate_factor(schedule: str, step: int, total: int) -> float:
    """schedule is one of options.SCHEDULES; 0 <= step < total."""
    if schedule == "constant":
        return 1.0
    if schedule == "one-cycle":
        rise = ONE_CYCLE_RISE * total
        return 0.1 + 0.9 * step / rise if step < rise else _cosine((step - rise) / (total - rise))
    return min(1.0, (step + 1) / COSINE_RISE_STEPS) * _cosine(step / total)
