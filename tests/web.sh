#!/bin/sh
# web.sh BUILD - the pages of head office: what can be said without a browser, then flows in Chromium.
# SPDX-License-Identifier: Apache-2.0
cd "$(dirname "$0")/.." || exit 2
node tests/web/words.mjs
