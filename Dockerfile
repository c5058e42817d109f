# audio_ft on a processor or, with a CUDA base, on NVIDIA devices. docs/guides/deployment.md has the commands.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

# Extras of pyproject.toml, such as "[demo,lora]".
ARG EXTRAS=""
# An index of PyTorch's own builds; without one, torch brings the CUDA libraries (gigabytes) wherever it runs.
ARG TORCH_INDEX=""

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# CUDA images come without Python. The base decides which version its packages have.
# hadolint ignore=DL3008
RUN if ! python3 -m venv --help > /dev/null 2>&1; then \
      apt-get update \
      && apt-get install --yes --no-install-recommends python3 python3-venv \
      && rm -rf /var/lib/apt/lists/*; \
    fi

# The tested versions; audio and video decoders are inside the packages.
RUN --mount=type=bind,target=/source,rw \
    python3 -m venv /opt/audio_ft \
    && /opt/audio_ft/bin/pip install --no-cache-dir --constraint /source/constraints.txt \
         ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} "/source${EXTRAS}"

# Any user may write there, so that --user works: checkpoints and cleaned recordings outlast the container.
RUN useradd --uid 10001 --create-home --home-dir /home/audio_ft audio_ft \
    && mkdir --mode=1777 /cache /work
ENV PATH=/opt/audio_ft/bin:${PATH} \
    AUDIO_FT_CACHE=/cache/audio_ft \
    HF_HOME=/cache/huggingface \
    MPLCONFIGDIR=/cache/matplotlib \
    NUMBA_CACHE_DIR=/cache/numba
VOLUME /cache
WORKDIR /work
USER 10001
EXPOSE 7860
ENTRYPOINT ["audio-ft"]
CMD ["--help"]
