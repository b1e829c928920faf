# The commands a developer types. `make` alone lists them.

GO ?= go
FUZZ ?= 400000
CYCLES ?= 10000
CUTS ?= 5000
TORN ?= 2000
LIVES ?= 1000000
SEED ?= 1
EVENTS ?= 5000000
BROKERS ?= 50
AWAY ?= 3600000
SERVED ?= 600
ROUNDS ?= 3

.PHONY: help build check test race clients fuzz bench counts served peers scale openloop plots load torture kills cuts torn sim mallocs mutate brokers away

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## the binary, ./penstock
	$(GO) build -o penstock ./appliance/cmd/penstock

check: ## format, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

test: ## every test
	$(GO) test -count=1 -timeout 25m ./...

race: ## every test but the long ones, under the race detector
	$(GO) test -count=1 -race -short -timeout 15m ./...

clients: ## the wires' real clients, installed where they are missing, against the real binary
	appliance/e2e/clients/install.sh
	PENSTOCK_CLIENTS=all $(GO) test -count=1 -timeout 5m -v -run '^TestClient' ./appliance/e2e

# By count: go1.26 calls it a failure when time is over while an input is being tried (go.dev/issue/75804).
fuzz: ## FUZZ (400,000) inputs for each fuzz target, about a minute
	@for target in $$($(GO) test -list '^Fuzz' ./fuzz | grep '^Fuzz'); do \
		echo "$$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ)x -fuzzminimizetime 1x -parallel 2 ./fuzz || exit 1; \
	done

bench: ## micro benchmarks of every stage
	$(GO) test -run '^$$' -bench . -benchmem ./ring ./wire/... ./segstore ./appliance/...

counts: ## instructions of each stage beside benchmarks/counts/baseline.txt; RECORD=1 writes that anew; needs valgrind
	$(GO) run ./benchmarks/counts $(if $(RECORD),record,check)

served: ## SERVED (600) megabytes read from us and from Apache Kafka's own broker, in turns: what does it cost each?
	appliance/e2e/clients/install.sh
	PENSTOCK_SERVED=$(SERVED) PENSTOCK_CLIENTS=all $(GO) test -count=1 -timeout 20m -v -run '^TestServedBesideABroker$$' ./appliance/e2e

# With PLOTS=benchmarks/plots a run keeps its figures there, and draws them.
keep = $(if $(PLOTS),--plots $(PLOTS) --json $(PLOTS)/$(1).json)

peers: build ## ROUNDS (3) rounds of what an event costs here, at a bare server and at the peers, about ten minutes; ONLY='^(1|2)' for some
	$(GO) run ./benchmarks/peers --bin ./penstock --rounds $(ROUNDS) --only '$(ONLY)' $(call keep,peers)

scale: build ## the first event of 20 GB beside the last, 64 topics, 10,000 connections, reading beside nginx, and starting on it all, under ten minutes: PART=fill,spread,read,restart
	$(GO) run ./benchmarks/scale --bin ./penstock --rounds $(ROUNDS) --only '$(PART)' $(call keep,scale)

plots: ## benchmarks/plots drawn again from the figures that are kept there; the measures draw them with PLOTS=benchmarks/plots
	-$(GO) run ./benchmarks/peers --from benchmarks/plots/peers.json --plots benchmarks/plots
	-$(GO) run ./benchmarks/scale --from benchmarks/plots/scale.json --plots benchmarks/plots
	-$(GO) run ./benchmarks/load openloop --from benchmarks/plots/openloop.json --plots benchmarks/plots

load: build ## EVENTS (5 million) events through the real binary, read back and compared
	$(GO) build -o benchmarks/load/load ./benchmarks/load
	benchmarks/load/load self --bin ./penstock --events $(EVENTS) --seed $(SEED)

openloop: build ## ROUNDS (3) rounds of our latency at half of capacity beside a bare server's; writes openloop.html
	$(GO) build -o benchmarks/load/load ./benchmarks/load
	$(GO) build -o benchmarks/bare/bare ./benchmarks/bare
	benchmarks/load/load openloop --bin ./penstock --bare benchmarks/bare/bare --rounds $(ROUNDS) --html openloop.html $(call keep,openloop)

torture: kills cuts torn ## all of the long tortures with the real binary

kills: build ## CYCLES (10,000) kill -9 under load; nothing acknowledged may be lost
	$(GO) build -o benchmarks/load/load ./benchmarks/load
	benchmarks/load/load torture --bin ./penstock --cycles $(CYCLES) --seed $(SEED)

cuts: build ## CUTS (5,000) power cuts on ext4 and as many on xfs; needs root
	$(GO) build -o benchmarks/load/load ./benchmarks/load
	benchmarks/load/load torture --bin ./penstock --power shutdown --fs ext4 --cycles $(CUTS) --seed $(SEED)
	benchmarks/load/load torture --bin ./penstock --power shutdown --fs xfs --cycles $(CUTS) --seed $(SEED)

torn: build ## TORN (2,000) power cuts that tear and reorder sectors; needs root and FUSE
	$(GO) build -o benchmarks/load/load ./benchmarks/load
	$(GO) build -C benchmarks/fuseblk -o $(CURDIR)/fuseblk .
	benchmarks/load/load torture --bin ./penstock --power fuse --fuseblk ./fuseblk --cycles $(TORN) --seed $(SEED)

brokers: ## BROKERS (50) kill -9 of an Apache Kafka broker, and of the listeners before one; needs make clients
	PENSTOCK_CLIENTS=all PENSTOCK_BROKER_KILLS=$(BROKERS) PENSTOCK_LISTENER_KILLS=$(BROKERS) PENSTOCK_SEED=$(SEED) \
		$(GO) test -count=1 -timeout 120m -v -run '^(TestBrokerKills|TestThreeListeners)$$' ./appliance/e2e

away: ## AWAY (3.6 million) records while the broker is dead, and what a dead broker costs ingest; needs make clients
	PENSTOCK_CLIENTS=all PENSTOCK_AWAY=$(AWAY) PENSTOCK_AWAY_ROUNDS=3 $(GO) test -count=1 -timeout 60m -v -run '^TestBrokerAway' ./appliance/e2e

sim: ## LIVES (1 million) lives of the simulation, from a seed drawn by the clock
	PENSTOCK_SIM_LIVES=$(LIVES) PENSTOCK_SIM_BASE=$$(date +%s%N) $(GO) test -count=1 -timeout 120m -v -run '^TestSimulation$$' ./appliance/shard

mallocs: ## a million requests of one event and a million of 64 KiB against the process's own malloc counter
	PENSTOCK_BATCHES=1000000 $(GO) test -count=1 -timeout 60m -v -run TestMallocs ./appliance/e2e

mutate: ## faults put into segstore, ring and wire, one at a time; do the tests notice? (hours)
	$(GO) run ./benchmarks/mutate -min 90 ./ring ./wire ./segstore
