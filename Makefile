# SPDX-License-Identifier: GPL-2.0

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build

.PHONY: all module launcher guests install dkms-install dkms-remove deb clean help

all: module launcher

define goals
make             the module and the Launcher
make module      lg.ko: KVER=version, or KDIR=directory of another kernel's headers
make launcher    launcher/lguest
make guests      guests of our own, tests/guests/build/*.elf
make install     lg.ko, as root
make dkms-install  lg.ko by DKMS, as root, also for kernels to come; and dkms-remove
make deb         the packages lguest and lguest-dkms for Debian and Ubuntu, in build/deb
make clean       remove what was built
endef

help::
	$(info $(goals))
	@:

module:
	@[ -e $(KDIR) ] || { echo "No $(KDIR): install linux-headers-$(KVER), or" \
		"say KVER= or KDIR=; make run needs neither" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

launcher:
	$(MAKE) -C launcher

guests:
	$(MAKE) -C tests/guests

install: module
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) -a \
		$$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
			$(KDIR)/include/generated/utsrelease.h)

dkms-install dkms-remove:
	KVER=$(KVER) tools/dkms.sh $(@:dkms-%=%)

deb:
	tools/deb.sh

clean:
	rm -rf build
	$(MAKE) -C launcher clean
	$(MAKE) -C tests/guests clean
	[ ! -e $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean

-include tests/run/targets.mk
