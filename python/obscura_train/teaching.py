"""Training a teacher, and what it answers to the training images: `--teacher-scores` of `train`."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .checkpoint import read_content, write_content
from .data import ImageSet
from .data.augment import cut_squares
from .errors import UserError
from .options import check_precision
from .progress import ProgressBar
from .schedule import triangular_factor
from .teacher import SMALLEST_SIDE, Teacher

KILOSTEP = 1024 * (1 + 1 / 0.15)  # by which rates are divided, for a loss summed over the batch in a momentum of 0.85 (arXiv:2404.00498, listing 4)
MOMENTUM, DECAY = 0.85, 1.02e-3  # decay: of a training image, as the rate is
BIAS_FACTOR = 64  # offsets of norms learn so much faster
WHITENING_BIAS_EPOCHS = 3
LOOKAHEAD_IMAGES, LOOKAHEAD_DECAY = 5120, 0.95 ** 10
SCORED_AT_ONCE = 500
NUMBERS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
FORMAT = "obscura_train teacher 2"


@dataclass(frozen=True)
class TeacherOptions:
    epochs: int = 9
    first_width: int = 64  # channels of the first group
    width: int = 192  # of the second
    last_width: int = 0  # of the third; 0: as the second
    depth: int = 2  # convolutions in each group
    batch: int = 512
    learning_rate: float = 11.5  # for a thousand images with their momentum, as in arXiv:2404.00498
    shift: int = 2  # pixels
    cutout: int = 0  # pixels
    precision: str = "float32"  # of convolutions
    label_smoothing: float = 0.1
    validation: int = 3000
    side: int = 32
    seed: int = 1
    threads: int = 0  # 0: as PyTorch likes

    def __post_init__(self):
        check_precision(self.precision)
        if min(self.epochs, self.first_width, self.width, self.batch) < 1 or self.depth < 2 or min(self.last_width, self.shift, self.cutout) < 0 or self.learning_rate <= 0:
            raise UserError("a teacher needs epochs, widths, batch and learning rate above 0, a depth from 2 up, and no negative shift or cutout")
        if not 0 <= self.label_smoothing < 1 or self.side < SMALLEST_SIDE:
            raise UserError(f"a teacher needs a label smoothing in [0, 1) and images of at least {SMALLEST_SIDE} pixels a side")

    @property
    def widths(self) -> tuple[int, int, int]:
        return self.first_width, self.width, self.last_width or self.width

    @property
    def rate(self) -> float:
        return self.learning_rate / KILOSTEP


class Teaching:
    """Trains on `training`, judges on `validation`; writes into `folder` teacher.pt after every epoch and scores.npy in the end."""

    def __init__(self, training: ImageSet, validation: ImageSet, options: TeacherOptions, folder: Path):
        self.options, self.folder = options, folder
        self.training, self.validation = training, validation
        self.planes = training.planes()
        self.steps = len(training) // options.batch
        if self.steps == 0:
            raise UserError(f"{len(training)} training images do not fill one batch of {options.batch}; give a smaller --batch")
        torch.manual_seed(options.seed)
        self.network = Teacher(training.class_count(), options.widths, options.depth)
        self.network.fit(self.planes[:5000])
        self.network.to(memory_format=torch.channels_last)
        self.optimiser = self._make_optimiser()
        self.slow = {name: value.clone() for name, value in self._averaged()}
        self.epoch = 0
        border = (options.shift, options.shift)
        self.padded = np.pad(self.planes, ((0, 0), (0, 0), border, border), mode="reflect")
        self.first_mirrored = np.random.default_rng(options.seed).random(len(training)) < 0.5
        folder.mkdir(parents=True, exist_ok=True)

    def _make_optimiser(self):
        offsets = [p for name, p in self.network.named_parameters() if p.requires_grad and ".norm" in name]
        others = [p for name, p in self.network.named_parameters() if p.requires_grad and ".norm" not in name]
        decay = DECAY * self.options.batch
        groups = [{"params": offsets, "factor": BIAS_FACTOR, "weight_decay": decay / BIAS_FACTOR}, {"params": others, "factor": 1, "weight_decay": decay}]
        return torch.optim.SGD(groups, self.options.rate, momentum=MOMENTUM, nesterov=True)

    def _averaged(self):
        return [(name, value) for name, value in self.network.state_dict().items() if value.dtype.is_floating_point and value.ndim > 0]

    def resume(self) -> None:
        """Go on after the last epoch that teacher.pt knows, exactly."""
        path = self.folder / "teacher.pt"
        content = read_content(path, FORMAT)
        if {**content["options"], "threads": 0} != {**asdict(self.options), "threads": 0}:
            raise UserError(f"{path} was made with other options ({content['options']}); resume with the same ones, or begin in another folder")
        self.network.load_state_dict(content["network"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.slow, self.epoch = content["slow"], content["epoch"]

    def run(self) -> None:
        bar = ProgressBar(self.options.epochs)
        while self.epoch < self.options.epochs:
            accuracy = self._train_epoch(bar)
            self.epoch += 1
            self._save()
            answers = self.scores(self.validation.planes())
            bar.message(f"epoch {self.epoch}/{self.options.epochs}  training {accuracy:.2f}%  validation {100 * (answers.argmax(1) == self.validation.labels).mean():.2f}%")
        bar.message(f"scoring {len(self.training)} training images")
        temporary = self.folder / "scores.part.npy"
        np.save(temporary, self.scores(self.planes))
        os.replace(temporary, self.folder / "scores.npy")

    def _train_epoch(self, bar: ProgressBar) -> float:
        options = self.options
        generator = np.random.default_rng((options.seed, self.epoch))
        self.network.train()
        self.network.white.bias.requires_grad = self.epoch < WHITENING_BIAS_EPOCHS
        order, right = generator.permutation(len(self.training)), 0.0
        for index in range(self.steps):
            step, total = self.epoch * self.steps + index, options.epochs * self.steps
            chosen = order[index * options.batch:(index + 1) * options.batch]
            for group in self.optimiser.param_groups:
                group["lr"] = options.rate * group["factor"] * triangular_factor(step / total)
            labels = torch.from_numpy(self.training.labels[chosen].astype(np.int64))
            logits = self._answer(torch.from_numpy(self._images(chosen, generator)).float())
            self.optimiser.zero_grad()
            F.cross_entropy(logits, labels, label_smoothing=options.label_smoothing, reduction="sum").backward()
            self.optimiser.step()
            if (step + 1) % max(1, LOOKAHEAD_IMAGES // options.batch) == 0:
                self._look_ahead((step + 1) / total)
            right += (logits.argmax(1) == labels).float().mean().item()
            bar.update(self.epoch + (index + 1) / self.steps, f"epoch {self.epoch + 1}  accuracy {100 * right / (index + 1):.1f}%")
        return 100 * right / self.steps

    def _images(self, chosen: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Moved by up to --shift pixels; mirrored in every other epoch, so that two epochs show both (Jordan, section 3.6)."""
        side, count = self.planes.shape[2:], len(chosen)
        tops, lefts = generator.integers(0, 2 * self.options.shift + 1, (2, count))
        images = np.stack([self.padded[i, :, y:y + side[0], x:x + side[1]] for i, y, x in zip(chosen, tops, lefts)])
        mirrored = self.first_mirrored[chosen] ^ (self.epoch % 2 == 1)
        images[mirrored] = images[mirrored, :, :, ::-1]
        if self.options.cutout:
            cut_squares(images, self.options.cutout, generator)
        return images

    def _answer(self, images):
        """Logits float32; convolutions, and what lies between them, in the chosen precision."""
        numbers = NUMBERS[self.options.precision]
        with torch.autocast("cpu", numbers, enabled=numbers != torch.float32):
            return self.network(images).float()

    @torch.no_grad()
    def _look_ahead(self, progress: float) -> None:
        """Weights go back towards their slow average, which follows ever more slowly (Zhang et al., arXiv:1907.08610)."""
        for name, value in self._averaged():
            self.slow[name].lerp_(value, 1 - LOOKAHEAD_DECAY * progress ** 3)
            value.copy_(self.slow[name])

    @torch.no_grad()
    def scores(self, planes: np.ndarray) -> np.ndarray:
        """float32 [n, classes]: the mean over the image and its mirror image, as they are (half the weight) and moved by a pixel along both diagonals."""
        self.network.eval()
        result, (height, width) = [], planes.shape[2:]
        for start in range(0, len(planes), SCORED_AT_ONCE):
            images = torch.from_numpy(planes[start:start + SCORED_AT_ONCE]).float()
            border = F.pad(images, (1, 1, 1, 1), "reflect")
            total = 0
            for offset, weight in ((1, 2), (0, 1), (2, 1)):
                view = border[:, :, offset:offset + height, offset:offset + width]
                total = total + weight * (self._answer(view) + self._answer(view.flip(3)))
            result.append(total / 8)
        return torch.cat(result).numpy()

    def _save(self) -> None:
        write_content(self.folder / "teacher.pt", {"format": FORMAT, "options": asdict(self.options), "network": self.network.state_dict(),
                                                   "optimiser": self.optimiser.state_dict(), "slow": self.slow, "epoch": self.epoch})
