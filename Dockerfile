# syntax=docker/dockerfile:1
# One image for `meridian serve` and `meridian probe`.

FROM rust:1.91-bookworm AS build
WORKDIR /meridian
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY benches benches
COPY zones zones
COPY geoip geoip
# What was built before is kept beside the layers: a change builds only what follows from it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/meridian/target \
    cargo build --locked --release --bin meridian \
 && install -D target/release/meridian /built/meridian

FROM debian:bookworm-slim
# The capability is given here and not where it is built: not every builder copies it along. An
# ordinary user may then listen at ports below 1024. In one step, so that the image has one copy.
# The authorities are for monitors that speak TLS.
RUN --mount=type=bind,from=build,source=/built,target=/built \
    apt-get update && apt-get install --yes --no-install-recommends ca-certificates libcap2-bin \
 && install /built/meridian /usr/local/bin/meridian \
 && setcap cap_net_bind_service=+ep /usr/local/bin/meridian \
 && apt-get purge --yes --auto-remove libcap2-bin && rm -rf /var/lib/apt/lists/*
# An example to start from; mount your own over it.
COPY zones /etc/meridian/zones
COPY geoip /etc/meridian/geoip
# By number, so that whoever asks for "not root" sees it.
RUN install -d -o 953 -g 953 -m 0700 /var/lib/meridian
ENV STATE_DIRECTORY=/var/lib/meridian
VOLUME /var/lib/meridian
USER 953:953
EXPOSE 53/udp 53/tcp 8053/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["meridian"]
CMD ["serve", "--config", "/etc/meridian/zones/meridian.toml"]
