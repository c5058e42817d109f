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
    "wavlm": """@article{chen2022wavlm,
  title = {WavLM: Large-Scale Self-Supervised Pre-Training for Full Stack Speech Processing},
  author = {Chen, Sanyuan and Wang, Chengyi and Chen, Zhengyang and Wu, Yu and Liu, Shujie and others},
  journal = {IEEE Journal of Selected Topics in Signal Processing},
  volume = {16},
  number = {6},
  year = {2022}
}""",
    "unispeech-sat": """@inproceedings{chen2022unispeechsat,
  title = {UniSpeech-SAT: Universal Speech Representation Learning with Speaker Aware Pre-Training},
  author = {Chen, Sanyuan and Wu, Yu and Wang, Chengyi and Chen, Zhengyang and Chen, Zhuo and others},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year = {2022}
}""",
    "data2vec-audio": """@inproceedings{baevski2022data2vec,
  title = {data2vec: A General Framework for Self-supervised Learning in Speech, Vision and Language},
  author = {Baevski, Alexei and Hsu, Wei-Ning and Xu, Qiantong and Babu, Arun and Gu, Jiatao and Auli, Michael},
  booktitle = {International Conference on Machine Learning},
  year = {2022}
}""",
    # w2v-BERT 2.0, whose paper is that of the translation system it was trained for.
    "wav2vec2-bert": """@misc{seamless2023,
  title = {Seamless: Multilingual Expressive and Streaming Speech Translation},
  author = {{Seamless Communication} and others},
  year = {2023},
  eprint = {2312.05187},
  archivePrefix = {arXiv}
}""",
}  # fmt: skip


def citation(model_type: str | None, version: str) -> str:
    """Return BibTeX of the paper of an architecture, if it is known, and of a version of this package."""
    own = "@software{audio_ft,\n  title = {audio_ft},\n  author = {{audio_ft contributors}},\n"
    own += f"  version = {{{version}}}\n}}"
    return "\n\n".join(filter(None, (_PAPERS.get(model_type or ""), own)))
