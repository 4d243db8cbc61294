"""Checkpoints: the network with its specification, and all a run needs to go on exactly where it stopped."""

import os
from dataclasses import asdict
from pathlib import Path

import torch

from .errors import UserError
from .networks import NetworkSpec, build

FORMAT = "obscura_train checkpoint 1"


def save_checkpoint(path: Path, spec: NetworkSpec, network, classes=(), run: dict | None = None) -> None:
    """`run` is the trainer's state."""
    write_content(path, {"format": FORMAT, "spec": asdict(spec), "network": network.state_dict(), "classes": list(classes), "run": run})


def write_content(path: Path, content: dict) -> None:
    """Written beside and renamed, so that an interruption leaves the old file whole."""
    temporary = path.with_name(path.name + ".part")
    torch.save(content, temporary)
    os.replace(temporary, path)


def read_checkpoint(path: Path) -> dict:
    """The content of save_checkpoint."""
    return read_content(path, FORMAT)


def read_content(path: Path, wanted: str) -> dict:
    """What write_content wrote, if that is of the wanted format; nothing in the file is executed."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"{path}: not a readable checkpoint ({type(error).__name__}: {str(error).splitlines()[0]})") from error
    if not isinstance(content, dict) or content.get("format") != wanted:
        raise UserError(f"{path}: not a checkpoint of this tool (expected format '{wanted}')")
    return content


def load_network(path: Path):
    """(spec, network in evaluation mode, class names): the averaged weights where a run keeps them."""
    content = read_checkpoint(path)
    spec = NetworkSpec(**content["spec"])
    network = build(spec)
    network.load_state_dict(content["network"])
    return spec, network.eval(), tuple(content["classes"])
