# Every target first brings what a fresh Debian with the Swift toolchain lacks (Scripts/dependencies).
.PHONY: help run build release test check long fuzz bench bench-fanout bench-growth bench-queries format clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 20

run: ## queries over a demo day and over a live Prometheus; says what to open
	@Scripts/dependencies build
	@Scripts/demo

build: ## everything, for debugging
	@Scripts/dependencies build
	swift build --build-tests

release: ## the executable, with Swift's library inside: .build/release/apus
	@Scripts/dependencies build
	Scripts/release

test: ## all tests
	@Scripts/dependencies build test
	@Scripts/test

check: ## format, warnings, imports, sanitizers, ten seconds of each fuzz target
	@Scripts/dependencies build test bench check
	@Scripts/check

long: ## by hand before work is called done: all tests with more rounds, a minute of each fuzz target
	@Scripts/dependencies build test
	@APUS_LONG=1 Scripts/test
	@Scripts/fuzz 60

TIME ?= 60
fuzz: ## fuzz targets, TIME (60) seconds each
	@Scripts/dependencies build
	@Scripts/fuzz $(TIME)

ROWS ?=
bench: ## all benchmarks, or those whose name contains a word of ROWS
	@Scripts/dependencies build bench
	@Scripts/bench $(ROWS)

SCALE ?= 0.2
bench-fanout: ## one querier over a hundred stores, and over four large ones
	@Scripts/dependencies build bench
	@Scripts/bench-fanout $(ROWS)

bench-queries: ## queries over the data set D at SCALE (0.2), beside Prometheus and VictoriaMetrics
	@Scripts/dependencies build bench
	@Scripts/bench-queries --scale $(SCALE) $(ROWS)

bench-growth: ## what queries cost by the sample over D at a quarter of SCALE (0.2), at SCALE and at four times that
	@Scripts/dependencies build bench
	@Scripts/bench-growth --scale $(SCALE) --picture docs/query-growth.svg $(ROWS)

format: ## lays out all Swift sources
	swift format format --in-place --parallel --recursive --configuration .swift-format \
	  Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

clean: ## removes what was built
	rm -rf .build Benchmarks/.build Fuzz/corpus
