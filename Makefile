# SPDX-License-Identifier: GPL-2.0

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build

.PHONY: all module launcher guests install clean help

all: module launcher

define goals
make             the module and the Launcher
make module      lg.ko: KVER=version, or KDIR=directory of another kernel's headers
make launcher    launcher/lguest
make guests      guests of our own, tests/guests/build/*.elf
make install     lg.ko, as root
make clean       away with what was made
endef

help::
	$(info $(goals))
	@:

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

launcher:
	$(MAKE) -C launcher

guests:
	$(MAKE) -C tests/guests

install: module
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	depmod -a $$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
		$(KDIR)/include/generated/utsrelease.h)

clean:
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(MAKE) -C launcher clean
	$(MAKE) -C tests/guests clean

-include tests/run/targets.mk
