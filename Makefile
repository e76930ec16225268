# The front door: meson and ninja do the work, in build/.
#
#   make            build, and leave the command as ./culm
#   make run        install what is missing, build, and run the sample job under Culm
#   make test       install what is missing, build, and run every test
#   make bench      measure against native
#   make install    PREFIX=/usr/local, DESTDIR=
#   make check-style, make clean, make deps
PREFIX ?= /usr/local
BUILD ?= build
# What a run needs. Plain `ninja -C build` builds the tests' programs too.
PARTS = tools/culm pal/host/linux/culm-pal libos/libculm.so
# Debian's own python3 and tools, whatever else lies in front of them in PATH.
export PATH := /usr/bin:/bin:/usr/sbin:/sbin:$(PATH)

.PHONY: all deps deps-build run test bench install docs check-style clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD) $(PARTS)
	ln -sfn $(BUILD)/tools/culm culm

# A build directory that meson did not finish is begun anew.
$(BUILD)/build.ninja:
	rm -rf $(BUILD)
	meson setup $(BUILD)

deps:
	tools/install-deps
deps-build:
	tools/install-deps build

run: deps-build
	$(MAKE) --no-print-directory all
	./culm run python3 test/apps/job.py

# What was not installed when meson looked first, it must look for again.
test: deps
	[ ! -f $(BUILD)/build.ninja ] || meson setup --reconfigure $(BUILD) >$(BUILD)/reconfigure.log
	$(MAKE) --no-print-directory all
	ninja -C $(BUILD)
	test/run-all

bench:
	$(MAKE) --no-print-directory all
	bench/run

install: all
	meson configure $(BUILD) --prefix $(abspath $(PREFIX))
	meson install -C $(BUILD)

# The page of system calls comes from the rows of the table.
docs: all
	{ sed -n '1,/^<!-- table -->/p' docs/system-calls.md; ./culm syscalls --markdown; } >$(BUILD)/page
	mv $(BUILD)/page docs/system-calls.md

check-style:
	tools/check-style

clean:
	rm -rf $(BUILD) culm test/out
