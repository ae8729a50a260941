# The server as an image: one static binary and the sample site, nothing else.
#
#   docker build -t otuserver .
#   docker run --rm -p 8000:8000 otuserver
#   docker run --rm -p 8000:8000 -v "$PWD/www:/www:ro" otuserver      a folder of yours
#   docker run --rm -p 8000:8000 otuserver --workers 4                any flag: see otuserver --help
#
# tests/docker.sh tries all of this.

FROM rust:1-bookworm AS build
WORKDIR /src

# Static, so that it runs from scratch. The explicit --target below keeps these flags away from
# procedural macros, which the compiler loads as shared objects and which cannot be static. Packed
# relocations take 200 KB less, and nothing unwinds: the tables for it would take 150 KB more.
ENV RUSTFLAGS="-C target-feature=+crt-static -C force-unwind-tables=no -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--no-eh-frame-hdr"
# The same of what is written in C, 300 KB less with -O2 instead of -O3: Zstandard compresses 1 to
# 4 % slower, and ciphers are written in assembler. Its decoder only verifies, in its smaller form.
ENV CFLAGS="-O2 -fno-asynchronous-unwind-tables -DHUF_FORCE_DECOMPRESS_X1=1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT=1"

# The dependencies are built first, with an empty program in place of ours: this layer stays
# cached until Cargo.toml or Cargo.lock change. (The benches are here because Cargo.toml names them.)
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir src benches \
 && for file in src/lib src/main $(sed -n '/^\[\[bench\]\]$/{n;s/^name = "\(.*\)"$/benches\/\1/p}' Cargo.toml); do \
        printf '//! Empty.\nfn main() {}\n' > "$file.rs"; \
    done \
 && cargo build --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')"

# Now our own code. Cargo goes by modification times, and a checkout may be older than the
# empty program: hence the touch.
COPY src src
RUN touch src/*.rs \
 && cargo build --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')" \
 && mv target/*/release/httpd /httpd

# Readable for everybody, whatever umask the checkout was made with.
COPY www /www
RUN chmod -R a+rX /www

FROM scratch
COPY --from=build /httpd /httpd
COPY --from=build /www /www
# nobody, as a number: an image from scratch has no /etc/passwd to look the name up in.
USER 65534:65534
ENV HTTPD_HOST=0.0.0.0 HTTPD_PORT=8000 HTTPD_DOCUMENT_ROOT=/www
EXPOSE 8000
# The server is asked by itself: the image has no shell and no curl.
HEALTHCHECK --interval=30s --timeout=6s --start-period=2s CMD ["/httpd", "healthcheck"]
ENTRYPOINT ["/httpd"]
