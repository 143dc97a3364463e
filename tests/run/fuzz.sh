#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make fuzz [SEED=number] [SECONDS=number] [MACHINES=patterns] [CPU=model]: hostile
# guests, of one seed after the other, for as long as it is told, an hour if it
# is not; and hostile Launchers for a quarter of that. What they find says how to
# see it again.

set -eu
export SECONDS_OF_FUZZ="${SECONDS_OF_FUZZ:-3600}" SEED="${SEED:-$(date +%s)}"
export MACHINES="${MACHINES:-6.1}" TESTS="fuzz storm"
echo "From seed $SEED, for $SECONDS_OF_FUZZ s" >&2
exec "$(dirname "$0")/test-qemu.sh"
