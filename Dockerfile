# Both images of Loads, for Docker and buildah:
#
#   docker build --target operator --tag loads-operator .
#   docker build --target agent --tag loads-agent .
#
# With --build-arg PROGRAMS=local nothing is compiled: the folder programs/ has loads and loads-operator, compiled for
# the C library of the base images. Docker needs BuildKit, its default since version 23, which skips the stages that are
# not asked for.
ARG RUST_BASE=docker.io/library/rust:1.95.0-bookworm
ARG OPERATOR_BASE=gcr.io/distroless/cc-debian12
ARG AGENT_BASE=docker.io/library/python:3.13-slim-bookworm
ARG PROGRAMS=build

FROM ${RUST_BASE} AS programs-build
WORKDIR /source
COPY . .
RUN cargo build --locked --release --package loads --package loads-operator \
 && mkdir /programs \
 && mv target/release/loads target/release/loads-operator /programs/

FROM scratch AS programs-local
COPY programs/ /programs/

FROM programs-${PROGRAMS} AS programs

# No shell: whoever gets into this container finds nothing but the two programs.
FROM ${OPERATOR_BASE} AS operator
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/loads-operator"]
COPY --from=programs /programs/loads-operator /programs/loads /usr/local/bin/

# What changes seldom comes first, so that a new program makes one new layer.
FROM ${AGENT_BASE} AS agent
RUN { command -v ab && command -v wrk && test -s /etc/ssl/certs/ca-certificates.crt; } >/dev/null \
 || { apt-get update \
   && apt-get install --yes --no-install-recommends apache2-utils ca-certificates wrk \
   && rm -rf /var/lib/apt/lists/*; }
RUN groupadd --gid 65532 nonroot \
 && useradd --uid 65532 --gid 65532 --create-home --shell /usr/sbin/nologin nonroot
COPY agent-image/python/requirements.txt agent-image/python/requirements-dev.txt /usr/src/loads/
RUN python3 -m venv /opt/loads \
 && /opt/loads/bin/pip install --no-cache-dir --requirement /usr/src/loads/requirements.txt
COPY agent-image/python/pyproject.toml /usr/src/loads/
COPY agent-image/python/src /usr/src/loads/src
# The build tool too in the version that the tests had.
RUN PIP_CONSTRAINT=/usr/src/loads/requirements-dev.txt \
    /opt/loads/bin/pip install --no-cache-dir --no-deps /usr/src/loads
ENV PATH=/opt/loads/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/loads"]
COPY --from=programs /programs/loads /usr/local/bin/
