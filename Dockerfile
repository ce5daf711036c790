# The image of segment-replicator: `docker run IMAGE replicate --region sandbox` and every other command of the CLI.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY migrations migrations
COPY replicator replicator
# The wheel is what people install from PyPI, too. Only binary packages: nothing is compiled, so no compiler is needed.
RUN python3 -m venv --without-pip /opt/replicator \
    && python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /tmp/wheel . \
    && python3 -m pip --python /opt/replicator/bin/python install --no-cache-dir --only-binary :all: -c constraints.txt "$(echo /tmp/wheel/*.whl)[fleet]" \
    && find /opt/replicator -name tests -type d -path '*site-packages*' -prune -exec rm -rf {} +

FROM python:${PYTHON}-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="segment-replicator" \
      org.opencontainers.image.description="Keeps a relational database in step with a Twilio Segment workspace" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
# A number, for Kubernetes' runAsNonRoot; /data holds SQLite files and wants a volume, for all the rest may be read-only.
RUN groupadd --gid 10001 replicator \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin replicator \
    && install -d -o 10001 -g 10001 /data
COPY --from=build /opt/replicator /opt/replicator
ENV PATH=/opt/replicator/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# Where no run is due every day, give compose's or Kubernetes' own check another --within.
HEALTHCHECK --interval=60s --timeout=20s --start-period=10m CMD ["replicator", "health", "--within", "26"]
ENTRYPOINT ["replicator"]
CMD ["--help"]
