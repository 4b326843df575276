#!/bin/sh
# deps.sh build|test - install the Debian packages that the build or the tests need and this machine lacks.
# NO_INSTALL=1 refuses and only says what is missing.
# SPDX-License-Identifier: Apache-2.0
set -eu
need='gcc libc6-dev make pkg-config libsqlite3-dev libnfc-dev libusb-1.0-0-dev libmbedtls-dev
      libinih-dev
      zlib1g-dev
      libjs-bootstrap5 libjs-chart.js
      libjansson-dev
      libmicrohttpd-dev
      libqrencode-dev
      libcurl4-gnutls-dev
      libargon2-dev
      gettext
      libncurses-dev
      libnanopb-dev
      nanopb
      protobuf-compiler
      python3-protobuf'
[ "${1:-build}" = build ] || need="$need libcmocka-dev libnfc-bin libnfc-examples libfreefare-bin libfreefare-dev
      libumockdev-dev umockdev tmux valgrind sqlite3 zbar-tools curl
      chromium fonts-wqy-microhei"

# The cash register of the tests; Node may have come from elsewhere than Debian.
if [ "${1:-build}" != build ] && ! { command -v node && command -v npm; } >/dev/null; then
    need="$need nodejs npm"
fi

if ! command -v dpkg-query >/dev/null; then
    echo "deps: this is no Debian; nothing was checked. Needed, by Debian's names:" $need >&2
    exit 0
fi
missing=
for p in $need; do
    dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ -n "${NO_INSTALL:-}" ]; then
    echo "deps: missing packages:$missing" >&2
    echo "deps: NO_INSTALL is set. Install them with: apt-get install$missing" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "deps: missing packages:$missing" >&2
        echo "deps: you are not root and there is no sudo; as root run: apt-get install$missing" >&2
        exit 1
    }
    sudo=sudo
fi
echo "deps: installing with apt-get:$missing"
$sudo apt-get -qq update
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing >/dev/null
