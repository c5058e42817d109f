"""CNN, GRU and CRNN on log-mel spectrograms, trained from scratch: plain torch, and transformers' Auto classes.

transformers has no such networks. Importing this module registers them with its Auto classes, in this process only:

    from audio_ft.models.small import SmallForAudioClassification

    model = SmallForAudioClassification.from_pretrained("runs/first/model", trust_remote_code=False)
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoConfig, AutoModel, AutoModelForAudioClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput

# Time is halved in so many convolutional blocks, and joined by so many frames where there are none: 40 ms a frame.
HALVED, JOINED = 2, 4


class SmallConfig(PreTrainedConfig):
    """Describe a small network.

    Attributes:
        network: its name, cnn, gru or crnn.
        num_mel_bins: bands of the spectrogram.
        conv_dim: channels of each convolutional block; () for none. Each block halves the bands.
        num_hidden_layers: bidirectional recurrent (GRU) layers above them; 0 for none.
        hidden_size: width of the frames.
        classifier_proj_size: width of the frames that are averaged.
        dropout: of frames.
    """

    model_type = "audio_ft_small"

    network: str = "crnn"
    num_mel_bins: int = 64
    conv_dim: tuple[int, ...] = (16, 32, 64, 96)
    num_hidden_layers: int = 1
    hidden_size: int = 128
    classifier_proj_size: int = 128
    dropout: float = 0.2
    initializer_range: float = 0.02


class Block(nn.Module):
    """Convolve with a stride of two in bands, and in frames too if `halves`, and normalize over channels."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool) -> None:
        super().__init__()
        self.stride = 2 if halves else 1
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride=(2, self.stride), padding=1)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, image: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (batch, outputs, bands / 2, frames) of (batch, inputs, bands, frames), and the frames of each clip.

        Frames behind the end of a clip are zero before each convolution, as its own padding is, and the norm looks at
        one place only: so no clip depends on the padding of its batch.
        """
        image = self.norm(self.convolution(image).movedim(1, -1)).relu().movedim(-1, 1)
        lengths = -(-lengths // self.stride)
        return image * frames_of(lengths, image.shape[-1])[:, None, None], lengths


class SmallModel(PreTrainedModel):
    """Turn log-mel spectrograms into frames: convolutions, then recurrent layers, as the configuration says."""

    config_class = SmallConfig
    base_model_prefix = "encoder"
    main_input_name = "input_features"

    def __init__(self, config: SmallConfig) -> None:
        super().__init__(config)
        widths, bands = (1, *config.conv_dim), config.num_mel_bins
        self.blocks = nn.ModuleList()
        for place, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            self.blocks.append(Block(inputs, outputs, halves=place < HALVED))
            bands = -(-bands // 2)
        width = config.hidden_size
        self.joined = 1 if config.conv_dim else JOINED
        self.projection = nn.Linear(widths[-1] * bands * self.joined, width)
        self.dropout = nn.Dropout(config.dropout)
        layers = config.num_hidden_layers
        self.recurrent = nn.GRU(width, width // 2, layers, batch_first=True, bidirectional=True,
                                dropout=config.dropout if layers > 1 else 0.0) if layers else None  # fmt: skip
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep torch's own initialization, which suits layers of this size."""

    def forward(
        self, input_features: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutput:
        """Return frames (batch, frames, hidden_size) of log-mel spectrograms (batch, bands, frames).

        `attention_mask` (batch, frames) is 1 where a clip has frames. The mean of each band over the clip is taken off,
        and with it the voice's and the microphone's constant coloring.
        """
        frames = input_features.shape[-1]
        lengths = torch.full(input_features.shape[:1], frames, device=input_features.device)
        if attention_mask is not None:
            lengths = attention_mask.sum(-1)
        valid = frames_of(lengths, frames)[:, None]
        mean = (input_features * valid).sum(-1, keepdim=True) / lengths[:, None, None]
        image = ((input_features - mean) * valid)[:, None]
        for block in self.blocks:
            image, lengths = block(image, lengths)
        hidden = image.flatten(1, 2).transpose(1, 2)
        if self.joined > 1:
            hidden = nn.functional.pad(hidden, (0, 0, 0, -hidden.shape[1] % self.joined))
            hidden, lengths = hidden.unflatten(1, (-1, self.joined)).flatten(2), -(-lengths // self.joined)
        hidden = self.dropout(self.projection(hidden).relu())
        if self.recurrent is not None and attention_mask is None:
            hidden = self.recurrent(hidden)[0]  # which can be exported, unlike a packed sequence
        elif self.recurrent is not None:
            packed = pack_padded_sequence(hidden, lengths.cpu(), batch_first=True, enforce_sorted=False)
            hidden, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=hidden.shape[1])
        return BaseModelOutput(last_hidden_state=hidden, hidden_states=(hidden,))


class SmallForAudioClassification(PreTrainedModel):
    """Classify clips: a projection of each frame, their mean, and a linear layer, as transformers' encoders have it."""

    config_class = SmallConfig
    base_model_prefix = "encoder"
    main_input_name = "input_features"

    def __init__(self, config: SmallConfig) -> None:
        super().__init__(config)
        self.encoder = SmallModel(config)
        self.projector = nn.Linear(config.hidden_size, config.classifier_proj_size)
        self.classifier = nn.Linear(config.classifier_proj_size, int(config.num_labels or 1))
        self.post_init()

    _init_weights = SmallModel._init_weights

    def forward(
        self, input_features: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Any
    ) -> SequenceClassifierOutput:
        """Return logits (batch, labels) of log-mel spectrograms (batch, bands, frames); see `SmallModel`."""
        hidden = self.projector(self.encoder(input_features, attention_mask).last_hidden_state)
        lengths = torch.full(hidden.shape[:1], hidden.shape[1], device=hidden.device)
        if attention_mask is not None:
            lengths = -(-attention_mask.sum(-1) // JOINED)
        valid = frames_of(lengths, hidden.shape[1])[..., None]
        return SequenceClassifierOutput(logits=self.classifier((hidden * valid).sum(1) / lengths[:, None]))


def frames_of(lengths: torch.Tensor, frames: int) -> torch.Tensor:
    """Return which of `frames` belong to clips of these lengths, bool (batch, frames)."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


AutoConfig.register(SmallConfig.model_type, SmallConfig)
AutoModel.register(SmallConfig, SmallModel)
AutoModelForAudioClassification.register(SmallConfig, SmallForAudioClassification)
