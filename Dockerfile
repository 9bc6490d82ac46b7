# The gateway, its libraries and Python: no compiler, no shell script. docs/operate.md has how to run it.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv --without-pip /app
# The locked packages, each by its hash; wheels only, for nothing is compiled here.
COPY requirements/run.txt requirements/run.txt
RUN python -m pip --python /app install --no-cache-dir --no-deps --require-hashes \
    --only-binary :all: -r requirements/run.txt
COPY . .
RUN python -m pip --python /app install --no-cache-dir --no-deps --no-index --no-build-isolation . && \
    python -m pip --python /app uninstall --yes \
    hatchling packaging pathspec pluggy tomlkit trove-classifiers

FROM python:3.13-slim
RUN install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    GATEWAY_DATA_DIR=/data \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_PORT=8080 \
    GATEWAY_LOG_FORMAT=json
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['GATEWAY_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["getatext-gateway"]
CMD ["serve"]
