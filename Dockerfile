# One image with all programs of swarm-operator as commands in the PATH: operator, router, e2b-local, kubectl-swarm.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" -t swarm-operator:0.1.0 .
#
# NODE_IMAGE needs Node 24 at /usr/local/bin/node and npm; only that one file of it gets into the image. BASE_IMAGE needs
# glibc, libstdc++, bash and the usual small tools: agents of e2b-local run in it.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
# The list of contents takes its name from the directory.
WORKDIR /swarm-operator
COPY package.json package-lock.json .npmrc ./
# Both secrets are for networks with a registry or certificates of their own, and stay out of every layer:
#   docker build --secret id=npmrc,src="$HOME/.npmrc" --secret id=ca-certificates,src=/etc/ssl/certs/ca-certificates.crt …
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca-certificates,target=/run/secrets/ca.crt \
    if [ -s /run/secrets/ca.crt ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca.crt; fi; \
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY tsconfig.json tsconfig.build.json ./
COPY operator operator
COPY src src
COPY dev/e2b-local dev/e2b-local
# What nothing reads at run time goes: types, source maps, texts for people. Licences stay. A package that
# is needed and was not installed fails `npm sbom`.
RUN node_modules/.bin/tsc -p tsconfig.build.json --outDir /image/app \
    && npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
    && npm pkg delete bin scripts devDependencies \
    && npm sbom --sbom-format=cyclonedx --sbom-type=application > /tmp/packages.json \
    && node -p 'const sbom = require("/tmp/packages.json"), { node: version } = process.versions; \
        sbom.components.push({ "bom-ref": `node@${version}`, type: "platform", name: "node", version, purl: `pkg:generic/node@${version}`, \
          cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*` }); \
        JSON.stringify(sbom, null, 2)' > /image/app/sbom.cdx.json \
    && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.md' \
        -o -name '*.test.js' -o -name '*.tsbuildinfo' \) \
      ! -iname 'license*' -delete \
    && rm -rf node_modules/.bin node_modules/.cache node_modules/.package-lock.json \
    && find node_modules -type d -empty -delete \
    && mv node_modules package.json /image/app/ \
    && mkdir -p /image/usr/local/bin /image/etc/ssl/certs \
    && cp /usr/local/bin/node /image/usr/local/bin/node \
    && node -p 'require("node:tls").rootCertificates.join("\n")' > /image/etc/ssl/certs/ca-certificates.crt \
    && for command in operator router kubectl-swarm; do ln -s "/app/operator/$command.js" "/image/usr/local/bin/$command"; done \
    && ln -s /app/dev/e2b-local/main.js /image/usr/local/bin/e2b-local \
    && chmod -R u=rwX,go=rX /image \
    && chmod 0755 /image/app/operator/operator.js /image/app/operator/router.js /image/app/operator/kubectl-swarm.js /image/app/dev/e2b-local/main.js

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="swarm-operator" \
      org.opencontainers.image.description="Kubernetes operator that runs fleets of AI agents in E2B sandboxes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN echo 'swarm:x:65532:' >> /etc/group && echo 'swarm:x:65532:65532:swarm-operator:/tmp:/usr/sbin/nologin' >> /etc/passwd
COPY --from=build /image/ /
# Nothing writes outside /tmp, so the root file system may be read-only.
ENV NODE_ENV=production HOME=/tmp
USER 65532:65532
WORKDIR /app
CMD ["operator", "--help"]
