"""BibTeX of this package, and of the papers of the architectures by the model type in their config."""

from __future__ import annotations

_PAPERS = {
    "wav2vec2": """@inproceedings{baevski2020wav2vec,
  title = {wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations},
  author = {Baevski, Alexei and Zhou, Yuhao and Mohamed, Abdelrahman and Auli, Michael},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}""",
    "hubert": """@article{hsu2021hubert,
  title = {HuBERT: Self-Supervised Speech Representation Learning by Masked Prediction of Hidden Units},
  author = {Hsu, Wei-Ning and Bolte, Benjamin and Tsai, Yao-Hung Hubert and Lakhotia, Kushal and Salakhutdinov, Ruslan
            and Mohamed, Abdelrahman},
  journal = {IEEE/ACM Transactions on Audio, Speech, and Language Processing},
  volume = {29},
  year = {2021}
}""",
    "whisper": """@misc{radford2022whisper,
  title = {Robust Speech Recognition via Large-Scale Weak Supervision},
  author = {Radford, Alec and Kim, Jong Wook and Xu, Tao and Brockman, Greg and McLeavey, Christine
            and Sutskever, Ilya},
  year = {2022},
  eprint = {2212.04356},
  archivePrefix = {arXiv}
}""",
    "audio-spectrogram-transformer": """@inproceedings{gong2021ast,
  title = {AST: Audio Spectrogram Transformer},
  author = {Gong, Yuan and Chung, Yu-An and Glass, James},
  booktitle = {Interspeech},
  year = {2021}
}""",
}  # fmt: skip


def citation(model_type: str | None, version: str) -> str:
    """Return BibTeX of the paper of an architecture, if it is known, and of a version of this package."""
    own = "@software{audio_ft,\n  title = {audio_ft},\n  author = {{audio_ft contributors}},\n"
    own += f"  version = {{{version}}}\n}}"
    return "\n\n".join(filter(None, (_PAPERS.get(model_type or ""), own)))
