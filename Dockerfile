FROM rust:1-bookworm AS build
WORKDIR /meridian
COPY . .
RUN cargo build --locked --release --bin meridian

FROM debian:bookworm-slim
COPY --from=build /meridian/target/release/meridian /usr/local/bin/meridian
# An ordinary user may then listen at ports below 1024, if the container has the capability.
# The authorities are for monitors that speak TLS.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates libcap2-bin \
 && setcap cap_net_bind_service=+ep /usr/local/bin/meridian \
 && apt-get purge --yes --auto-remove libcap2-bin && rm -rf /var/lib/apt/lists/*
RUN install -d -o nobody -m 0700 /var/lib/meridian
ENV STATE_DIRECTORY=/var/lib/meridian
USER nobody
STOPSIGNAL SIGTERM
ENTRYPOINT ["meridian"]
CMD ["serve", "--config", "/etc/meridian/zones/meridian.toml"]
