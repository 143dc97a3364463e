#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make check [KVER=version] [KDIR=directory]: what a change has to pass before it is
# sent, in minutes: its style, whether the module compiles for the kernel at hand,
# KUnit in User Mode Linux, and a smoke test on the first of Debian's kernels. As
# make test, with less of everything.

. "$(dirname "$0")/lib.sh"
. "$run/host.sh"
. "$run/stages.sh"

export HOST=here TESTS=smoke
set -- style build kunit "qemu-${hosts%% *}"
run_stages "$@"
report "$@"
