"""A running average of the weights: steadier and more accurate than the last step's."""

import copy

import torch


class WeightAverage:
    """`network` is a copy whose parameters follow the trained ones and whose statistics follow theirs."""

    def __init__(self, network: torch.nn.Module, decay: float):
        self.network = copy.deepcopy(network).eval()
        self.decay, self.steps = decay, 0
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)

    @torch.no_grad()
    def update(self, network: torch.nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9))  # follow quickly at the start
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)
        for mine, theirs in zip(self.network.buffers(), network.buffers()):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)

    def state(self) -> dict:
        return {"network": self.network.state_dict(), "steps": self.steps}

    def load(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.steps = state["steps"]
