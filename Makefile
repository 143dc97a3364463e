# SPDX-License-Identifier: GPL-2.0

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build

.PHONY: all module launcher guests install clean

all: module launcher

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
