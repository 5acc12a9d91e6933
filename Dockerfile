# One static binary, and a static shell beside it for health checks and commands in shell form.
FROM rust:1-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends busybox-static make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
COPY benches benches
COPY packaging packaging
RUN packaging/rootfs.sh /rootfs

FROM scratch
COPY --from=build /rootfs /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Inside a container every client comes from another address; who may reach it is decided by the
# ports that are published. A configuration file or argument still has the last word.
ENV REDSTART_DEFAULTS="protected-mode no"
VOLUME /data
WORKDIR /data
EXPOSE 6379
# Gives /data to the user redis and becomes that user.
ENTRYPOINT ["docker-entrypoint"]
CMD ["redis-server"]
