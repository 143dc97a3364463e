#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test: everything. KTAP on standard output, and in the end how many
# passed and failed. Each stage leaves a stream of results in build/*.results,
# and what its machine said in build/*.log.

. "$(dirname "$0")/lib.sh"
. "$run/host.sh"

export ALL_STAGES=1
mkdir -p "$out"
for stage in style kunit build qemu run bench seam bochs; do
	"$run/test-$stage.sh" || say "test-$stage.sh failed"
done
ALL_STAGES=
# shellcheck disable=SC2046 # a list of words
report style kunit build $(stages) run bench seam bochs
