# One image for everything of ours: the worker, the migrations, the command line.
FROM python:3.13.16-slim-trixie AS build
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

FROM python:3.13.16-slim-trixie
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
