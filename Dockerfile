# One image for everything of ours: the worker, the migrations, the command line.
# A release names its base by digest: --build-arg RELEASE=1 --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.13.16-slim-trixie
FROM ${PYTHON_IMAGE} AS build
ARG PYTHON_IMAGE
ARG RELEASE=
RUN case "$RELEASE:$PYTHON_IMAGE" in :*|*@sha256:*) ;; *) echo "A release is built on PYTHON_IMAGE by digest." >&2; exit 1;; esac
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/build.txt requirements/run.txt requirements/
# The environment for running has no pip of its own; what is installed into it is checked against its hashes.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements/build.txt \
    && python -m venv --without-pip /opt/recourse \
    && /opt/build/bin/pip --python /opt/recourse/bin/python install \
        --require-hashes --no-deps --only-binary :all: -r requirements/run.txt
COPY pyproject.toml LICENSE README.md worker.py ./
COPY activities activities
COPY recourse recourse
COPY starter starter
COPY workflows workflows
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir wheels . \
    && /opt/build/bin/pip --python /opt/recourse/bin/python install --no-deps --no-index wheels/*.whl

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/recourse /opt/recourse
ENV PATH=/opt/recourse/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Tells the orders' workers of one build from those of another, where RECOURSE_DEPLOYMENT is set.
ARG RECOURSE_BUILD_ID=
ENV RECOURSE_BUILD_ID=$RECOURSE_BUILD_ID
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["recourse"]
CMD ["worker"]
