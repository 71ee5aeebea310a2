# One word for each habit; meson does the work. `make help` lists the words.
# Each works alone on a fresh Debian 12, as root.
MAKEFLAGS += --no-print-directory
BUILD ?= build
SECONDS ?= 60
HOURS ?= 1

.DEFAULT_GOAL := all
.PHONY: all deps build test demo demo-down bench lint format install fuzz soak clean help

all: build

$(BUILD)/build.ninja:
	@packaging/quietly meson setup $(BUILD)

## make             compile into build/
build: $(BUILD)/build.ninja
	@packaging/quietly ninja -C $(BUILD)

## make deps        install the Debian packages that building and testing need
deps:
	@packaging/install-deps

## make demo        three branches with equal addresses and a private server, real traffic (KEEP=1 leaves it up)
demo: deps build
	@demo/demo --build $(BUILD) $(if $(filter-out 0 no,$(KEEP)),--keep)

## make demo-down   take down what KEEP=1 left up
demo-down:
	@demo/demo --down

## make test        unit, packet and end-to-end tests; the former also with ASan and UBSan
test: deps
	@tests/run

## make bench       how fast is it
bench: deps build
	@if [ -x tests/bench/run ]; then tests/bench/run $(BUILD); \
	else echo "make bench: tests/bench/run is not there yet" >&2; exit 1; fi

## make lint        the house rules, checked
lint: deps
	@tests/lint/run

## make format      clang-format over all C files
format: deps
	@git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs clang-format -i

## make install     install into DESTDIR, /usr/local unless meson was told otherwise
install: build
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet

## make fuzz        each fuzz program for SECONDS=n (60)
fuzz: deps
	@tests/fuzz/run $(SECONDS)

## make soak        fuzzing, properties by new seeds and churn for HOURS=n (1; a fraction will do)
soak: deps build
	@tests/soak/run $(HOURS)

## make clean       remove all build folders
clean:
	@rm -rf build build-*

help:
	@sed -n 's/^## //p' Makefile
