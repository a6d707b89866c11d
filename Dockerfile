# Build stage: everything npm needs to build the program and its web app. The program brings its own Node (a package),
# so the image's Node only runs npm.
FROM node:26-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

# Run stage: Debian slim, no npm, not root.
FROM debian:bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates tzdata \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --home-dir /var/lib/tocsin --create-home tocsin \
  && mkdir -p /etc/tocsin /var/lib/tocsin/data \
  && chown -R tocsin:tocsin /var/lib/tocsin
WORKDIR /opt/tocsin
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
COPY --from=build /src/alert-rules ./alert-rules
COPY --from=build /src/package.json /src/LICENSE /src/README.md ./
USER tocsin
VOLUME /var/lib/tocsin/data
EXPOSE 9090
ENTRYPOINT ["/opt/tocsin/node_modules/.bin/node", "/opt/tocsin/dist/cli.js"]
CMD ["serve", "--config.file=/etc/tocsin/tocsin.yml", "--storage.tsdb.path=/var/lib/tocsin/data"]
