# The tasks of the project, over the presets in CMakePresets.json. `make help` lists them.
PRESET ?= release
PREFIX ?= /usr/local
CONFIG ?= configs/quick.yaml
JOBS ?= $(shell nproc)
BUILD := build/$(PRESET)
PROGRAM := $(BUILD)/llama4rec

.DEFAULT_GOAL := help
.PHONY: help run test build all-targets configure dependencies bench soak format lint install clean

help:
	@echo 'make run      install what is missing, build, run the whole method on a quick profile, print the table'
	@echo 'make test     install what is missing, build everything, run every test but the long ones'
	@echo 'make build    build the program: $(PROGRAM)'
	@echo 'make bench    run the benchmarks'
	@echo 'make soak     run the long tests'
	@echo 'make format   format the sources'
	@echo 'make lint     check format, layers and clang-tidy; BASE=REVISION checks only what changed since'
	@echo 'make install  install the program and the library to PREFIX (default /usr/local), under DESTDIR where set'
	@echo 'make clean    remove build/'
	@echo
	@echo 'PRESET=release|debug|asan-ubsan|coverage chooses the build (default release); JOBS=N the parallel compilers.'

run: build
	@$(PROGRAM) run $(CONFIG)

build: configure
	@scripts/quietly.sh '$(BUILD)/build.log' cmake --build $(BUILD) -j $(JOBS) --target llama4rec

all-targets: configure
	@scripts/quietly.sh '$(BUILD)/build.log' cmake --build $(BUILD) -j $(JOBS)

configure: dependencies
	@mkdir -p $(BUILD)
	@scripts/quietly.sh '$(BUILD)/configure.log' cmake --preset $(PRESET)

dependencies:
	@scripts/install_dependencies.sh

test: all-targets
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS) -LE soak

soak: all-targets
	@ctest --test-dir $(BUILD) --output-on-failure -L soak --no-tests=error

bench: all-targets
	@set -e; for program in $(BUILD)/benchmarks/*_benchmark; do echo "== $$(basename $$program)"; $$program; done

format:
	@scripts/format.sh

lint:
	@scripts/install_dependencies.sh --ci
	@scripts/format.sh --check
	@scripts/check_layers.sh
	@scripts/lint.sh $(if $(BASE),--changed $(BASE))

install: all-targets
	@DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	@rm -rf build
