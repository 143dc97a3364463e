#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make fuzz [SEED=number] [SECONDS=number] [MACHINES=patterns] [CPU=model]: runs
# hostile guests, one seed after the other, by default for an hour; then hostile
# Launchers for a quarter of that. What they find says how to see it again.

set -eu
export SECONDS_OF_FUZZ="${SECONDS_OF_FUZZ:-3600}" SEED="${SEED:-$(date +%s)}"
export MACHINES="${MACHINES:-6.1}" TESTS="fuzz storm"
echo "From seed $SEED, for $SECONDS_OF_FUZZ s" >&2
exec "$(dirname "$0")/test-qemu.sh"
