# syntax=docker/dockerfile:1
# The image of the daemon. Python's minor version is pinned; its patches arrive with a rebuild.

FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# Dependencies first: they change rarely, and this layer is the slow one.
WORKDIR /src
# requirements-alerts.lock adds Apprise, for TRIMTAB_ALERTS__URLS.
ARG LOCK=requirements.lock
COPY requirements.lock requirements-alerts.lock requirements-build.lock ./
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes --no-deps -r requirements-build.lock
RUN python -m venv --without-pip /opt/trimtab \
    && pip --python /opt/trimtab/bin/python install --no-compile --require-hashes --no-deps -r $LOCK

COPY pyproject.toml README.md LICENSE ./
COPY bot bot
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && pip --python /opt/trimtab/bin/python install --no-compile --no-deps /tmp/wheel/*.whl

# Compiled here, because nothing can be written where it runs. Unchecked: the sources cannot change there either.
RUN /opt/trimtab/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/trimtab/lib


FROM python:3.13-slim

LABEL org.opencontainers.image.title="Trimtab" \
      org.opencontainers.image.description="Keeps a portfolio's net exposure at its target weights with futures" \
      org.opencontainers.image.licenses="MIT"

# The data folder exists with its owner, so that a new volume takes both over.
RUN groupadd --gid 10001 trimtab \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin trimtab \
    && install -d -o 10001 -g 10001 -m 0700 /data

COPY --from=build /opt/trimtab /opt/trimtab

# Inside the container it listens on every interface; who reaches it is decided by what is published.
ENV PATH=/opt/trimtab/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRIMTAB_DATA_DIR=/data \
    TRIMTAB_HTTP__HOST=0.0.0.0

USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM

# The port follows the configuration, the address does not: the server answers to this name.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('TRIMTAB_HTTP__PORT') or 8080}/healthz\", timeout=4)"]

ENTRYPOINT ["trimtab"]
CMD ["run"]
