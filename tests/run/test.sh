#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test: runs everything. Writes KTAP to standard output, and in the end how
# many passed and failed. Each stage leaves a stream of results in build/*.results,
# and what its machine said in build/*.log.

. "$(dirname "$0")/lib.sh"
. "$run/host.sh"
. "$run/stages.sh"

# shellcheck disable=SC2046 # a list of words
set -- style launcher kunit build $(stages) run power deb bench seam bochs pcid-1
run_stages "$@"
report "$@"
