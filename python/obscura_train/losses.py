"""What is minimised: agreement with the label, with a teacher, or both."""

import torch
import torch.nn.functional as F

from .options import TrainOptions


def task_loss(logits: torch.Tensor, labels: torch.Tensor, teacher_logits: torch.Tensor | None, options: TrainOptions) -> torch.Tensor:
    """Mean over images.  logits [N, classes]; teacher_logits the same, or None."""
    hard = F.cross_entropy(logits, labels, label_smoothing=options.label_smoothing)
    if teacher_logits is None or options.distill == 0:
        return hard
    t = options.temperature
    soft = F.kl_div(F.log_softmax(logits / t, 1), F.log_softmax(teacher_logits / t, 1), log_target=True, reduction="batchmean")
    return (1 - options.distill) * hard + options.distill * t * t * soft  # t^2 keeps the gradients' size
