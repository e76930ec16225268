#!/bin/sh
# Links the culm command statically against musl: it starts in a tenth of the time that a static
# glibc needs, whose start-up asks the processor what it is, which is slow on virtual machines.
# usage: build-culm.sh OUTPUT [compiler arguments and sources...]
output=$1
shift
command -v musl-gcc >/dev/null || {
    echo "musl-gcc is missing: install the Debian package musl-tools (make deps)" >&2
    exit 1
}
# Kernel headers lie with the distribution's own; musl's come first.
exec musl-gcc -static -o "$output" "$@" \
    -idirafter /usr/include -idirafter "/usr/include/$(gcc -print-multiarch)"
