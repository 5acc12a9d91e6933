# Built against musl: the binary needs nothing but itself, so the image holds nothing else.
FROM rust:1-alpine AS build
RUN apk add --no-cache musl-dev make gcc
WORKDIR /src
COPY Cargo.toml Cargo.lock rustfmt.toml ./
COPY src src
COPY benches benches
RUN cargo build --release --bin redis-server && mkdir /empty

FROM scratch
COPY --from=build /src/target/release/redis-server /usr/local/bin/redis-server
# The working directory, for files that are named without a folder; owned by whom the server runs as.
COPY --from=build --chown=999:999 /empty /data
WORKDIR /data
USER 999:999
EXPOSE 6379
# Inside a container every client comes from another address; who may reach it is decided by the
# ports that are published.
ENTRYPOINT ["/usr/local/bin/redis-server", "--protected-mode", "no"]
