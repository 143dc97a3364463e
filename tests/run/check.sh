#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make check [KVER=version] [KDIR=directory]: what a change has to pass before it is
# sent, in minutes. It checks the style and the Launcher's messages, compiles the module for the kernel at hand,
# runs KUnit in User Mode Linux, and a smoke test on the first of Debian's kernels:
# like make test, but less of everything.

. "$(dirname "$0")/lib.sh"
. "$run/host.sh"
. "$run/stages.sh"

export HOST=here TESTS=smoke
set -- style launcher build kunit "qemu-${hosts%% *}"
run_stages "$@"
report "$@"
