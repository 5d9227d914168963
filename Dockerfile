# syntax=docker/dockerfile:1

# Inglenook in a container: see deploy/README.md. Models and everything else it keeps lie in the volume /data.

FROM python:3.11-slim-bookworm AS build

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

# An image runs on many machines: llama.cpp is compiled for any processor with AVX2, not for this one.
ENV CMAKE_ARGS="-DLLAVA_BUILD=OFF -DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON"
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/inglenook \
    && awk '/^pip==/ { inside = 1 } inside { print } inside && !/\\$/ { exit }' requirements.lock >pip.lock \
    && /opt/inglenook/bin/pip install --no-cache-dir --require-hashes -r pip.lock \
    && /opt/inglenook/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY engines engines
COPY knowledge knowledge
RUN /opt/inglenook/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libgomp1 tesseract-ocr tesseract-ocr-eng tesseract-ocr-chi-sim tesseract-ocr-osd \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home inglenook \
    && install --directory --owner=inglenook --group=inglenook --mode=0700 /data

COPY --from=build /opt/inglenook /opt/inglenook
ENV PATH=/opt/inglenook/bin:$PATH \
    INGLENOOK_DATA_DIR=/data \
    PYTHONUNBUFFERED=1
USER 10001
VOLUME /data
HEALTHCHECK --interval=1m --timeout=10s --start-period=3m CMD ["inglenook", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["inglenook"]
CMD ["run"]
