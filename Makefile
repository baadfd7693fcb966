# `make` lists the targets. A recipe of more than a few lines is a script in scripts/.

.DEFAULT_GOAL := help

# The test engines that make test and others start: variants of scripts/engine.
ENGINES ?= default 28-cgroup2

# Plugin, helper and tests are pure Go, whether or not a C compiler is installed.
export CGO_ENABLED := 0

# These tests of ./plugin need an engine; all others run without one. vet is part of make lint.
# TestSecurityPage reads these lines and the recipes: use at most one of these variables a line.
GOTEST  := $(CURDIR)/scripts/gotest
ENGINE  := ^Test(Script|Parity|Mix|State|HostTools|SeccompNotify|MountOfSilentFiles|HostViewOfSilentFiles|Debug(LeavesNothing|Options|InTmux)|View(OfContainers|PrefersTheContainersPrograms)|Hostile(Root|RootFindsNoOtherContainer|SessionOfTheCaller|FilterForgesSetsid|SocketIsNotOffered|Races|Table|Mount|Flood|StuckServers|Helpers|Holds|Threads|KeyQuota|View|ViewIsTraced))$$
CALLERS := ^Test(Breaks|LinkTerminalRestored|StrangeCaller|SeccompCalls)
LINK    := ^TestLink
SESSION := ^Test(Client|Terminal|Storm|Stream|ForwardNames|EachMemory|(Interrupted)?SilentFiles|KilledDebug|Hostile(RootWho|Terminal|Storm|Tracer|Forward|Each))
HOSTILE := ^TestHostile|^TestScript$$/^hostile
SSH     := ^TestSSH
RESTORE := ^Test(NoEngine|(Volumes|Forwards)AfterEngineRestart)
OLDCLI  := ^TestOldCLI
SHELLS  := ^TestShell$$
WINDOWS := ^TestWindows$$
LABELS  := ^TestLabels$$
NODES   := ^TestNodes$$
KILLED  := ^TestEachStorm$$
# All other tests of ./plugin.
ENGINELESS := -skip '$(ENGINE)|$(CALLERS)|$(LINK)|$(SESSION)|$(OLDCLI)|$(RESTORE)|$(SSH)|$(SHELLS)|$(WINDOWS)|$(LABELS)|$(NODES)|$(KILLED)' ./plugin
OTHERS  := $$(go list ./... | grep -v '/plugin$$')

.PHONY: help
help: ## list the targets (this list)
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: helper
helper: ## build the static helper that the plugin embeds, for this machine's architecture
	@scripts/helper

.PHONY: toolbox
toolbox: ## build the toolbox that the plugin embeds, for this machine's architecture
	@scripts/toolbox

.PHONY: build
build: helper toolbox ## build the plugin into build/docker-nsjoin
	go build -trimpath -buildvcs=false -ldflags "-s -w -funcalign=16 -X github.com/nsjoin/docker-nsjoin/plugin/metadata.Version=$$(scripts/version)" -o build/docker-nsjoin ./plugin

.PHONY: install
install: build ## install the plugin for your user, or for all users with PREFIX=/usr/local
	@scripts/install

.PHONY: install-debug
install-debug: install ## also make docker debug a command, docker nsjoin debug, unless docker has one
	@scripts/install --debug

.PHONY: uninstall
uninstall: ## remove what make install and install-debug installed (with the same PREFIX)
	@scripts/install --remove

.PHONY: demo
demo: build ## show how docker exec works in six steps, on containers of a test engine (as root)
	@scripts/engine run -- scripts/demo

.PHONY: cast
cast: build ## record docs/cast.svg, the picture in README.md, on a test engine (as root)
	@scripts/engine run 28-cgroup2 -- scripts/cast

.PHONY: test
test: test-intro build ## run all tests but the slow ones, those that need an engine on each of ENGINES (as root, 20 minutes)
	@scripts/references
	$(GOTEST) -timeout 20m $(OTHERS)
	cd plugin/toolbox && $(GOTEST) ./...
	$(GOTEST) $(ENGINELESS)
	@set -e; for engine in $(ENGINES); do \
		echo "script tests on engine $$engine" >&2; \
		scripts/engine run "$$engine" -- $(GOTEST) -timeout 30m -parallel 4 -run '$(ENGINE)' ./plugin; \
		cat "build/parity-$$engine.txt" >&2; \
	done

.PHONY: test-intro
test-intro:
	@printf '%s\n' \
		'make test runs all tests but the slow ones as root, which takes about 20 minutes on 2 cores. Without an engine: make check.' \
		'  1. the tests that need no engine' \
		'  2. the tests that need one, on each of these test engines: $(ENGINES)' \
		'     one after the other, since a container that traces others counts for all commands of the machine.' \
		'     default is the engine that docker reaches; if none answers, a private one is started in build/engine.' \
		'     28-cgroup2 is a private Engine 28 on cgroup v2, unpacked in build/cache. Each is stopped afterwards.' \
		'     Others: scripts/engine list, make test ENGINES=28-userns' >&2

.PHONY: check
check: helper build ## run lint and the tests that need no engine, of changed packages (as root, 2 minutes)
	@scripts/lint
	go test -vet=off $(OTHERS)
	go test -vet=off $(ENGINELESS)

.PHONY: callers
callers: build ## run the tests of unusual callers, old Docker CLIs, and engines that fail, hang or have ended (as root)
	@scripts/engine run $(firstword $(ENGINES)) -- $(GOTEST) -timeout 15m -run '$(CALLERS)' ./plugin
	@scripts/engine run cli-20 -- $(GOTEST) -run '$(OLDCLI)' ./plugin
	@for engine in restore 28-restore; do scripts/engine run "$$engine" -- $(GOTEST) -run '$(RESTORE)' ./plugin || exit; done
	@scripts/engine run policy -- $(GOTEST) -run '^TestScript$$/^policy$$' ./plugin
	@scripts/engine run swarm -- $(GOTEST) -run '^TestScript$$/^each-swarm$$' ./plugin
	@NSJOIN_TEST_VIA=engine scripts/engine run audit -- $(GOTEST) -run '^TestScript$$/^(audit.*|mount-driver)$$' ./plugin
	@scripts/engine run audit -- $(GOTEST) -run '^TestScript$$/^(audit-mount|mount-driver)$$' ./plugin

.PHONY: remote
remote: build ## run the engine tests with --via engine, and the tests over a slow link (as root)
	@set -e; for engine in $(ENGINES); do \
		echo "script tests by --via engine on engine $$engine" >&2; \
		NSJOIN_TEST_VIA=engine scripts/engine run "$$engine" -- $(GOTEST) -timeout 30m -run '$(ENGINE)' ./plugin; \
		NSJOIN_TEST_VIA=engine scripts/engine run "$$engine" -- $(GOTEST) -timeout 10m -run '^Test(StrangeCaller|SeccompCalls)' ./plugin; \
		NSJOIN_TEST_VIA=engine scripts/engine run "$$engine" -- $(GOTEST) -timeout 10m -v -run '$(LINK)' ./plugin; \
	done
	@[ -z "$(ENGINES)" ] || scripts/engine run ssh -- $(GOTEST) -timeout 10m -run '$(SSH)' ./plugin

.PHONY: hostile
hostile: build ## run all attacks: each kind of container on each kind of child, locally and with --via engine (as root)
	NSJOIN_TEST_HOSTILE=all $(GOTEST) -run '^TestHostile|^TestManyMounts' $(OTHERS)
	@set -e; for engine in $(ENGINES); do for way in auto engine; do \
		echo "attacks on engine $$engine by --via $$way" >&2; \
		NSJOIN_TEST_HOSTILE=all NSJOIN_TEST_VIA=$${way#auto} scripts/engine run "$$engine" -- \
			$(GOTEST) -timeout 40m -parallel 4 -run '$(HOSTILE)' ./plugin; \
	done; done

.PHONY: test-matrix
test-matrix: build ## run the script tests on all test engines and write docs/engines.md (as root, an hour)
	@scripts/matrix

.PHONY: session
session: build ## run the slow tests: clients that end, terminals, killed sessions, streams of 1 GiB (as root)
	@scripts/engine run -- $(GOTEST) -timeout 20m -v -run '$(SESSION)' ./plugin

.PHONY: storm
storm: build ## kill sessions at random points and with little memory, for a time of STORM (10m) (as root)
	@NSJOIN_TEST_STORM=$${STORM:-10m} scripts/engine run -- $(GOTEST) -timeout 60m -v -run '^TestStorm$$' ./plugin

.PHONY: swarm
swarm: build ## run docker nsjoin each on a swarm of three engines, of which some are cut off or hang (as root, 5 minutes)
	@scripts/swarm $(GOTEST) -timeout 15m -v -run '$(NODES)' ./plugin

.PHONY: each-storm
each-storm: build ## kill 300 calls (NSJOIN_TEST_EACH_CALLS) of docker nsjoin each at random points, locally and with --via engine (as root, 10 minutes)
	@for way in auto engine; do \
		NSJOIN_TEST_VIA=$${way#auto} scripts/engine run 28-cgroup2 -- $(GOTEST) -timeout 20m -v -run '$(KILLED)' ./plugin || exit; \
	done

.PHONY: short
short: build ## run a short form of each slow target, as CI does after make test (as root)
	@scripts/short

.PHONY: apparmor
apparmor: build ## test AppArmor labels in a virtual machine that enforces them (as root, on amd64)
	@scripts/labels

.PHONY: shells
shells: build ## test completion in bash, zsh and fish, which it installs (as root)
	@scripts/engine run -- scripts/shells $(GOTEST) -run '$(SHELLS)' ./plugin

.PHONY: clients
clients: build ## test Ansible, TRAMP, tmux, cron and others with docker nsjoin in place of docker exec (as root, 10 minutes)
	@scripts/engine run -- scripts/clients

.PHONY: forward
forward: build ## test curl, psql, redis-benchmark, dig, iperf3, wrk and ssh with docker nsjoin forward (as root)
	@scripts/engine run -- scripts/forward

.PHONY: fuzz
fuzz: helper ## run each fuzz test for a time of FUZZTIME (20s), JOBS (1) of them at a time
	@scripts/fuzz

.PHONY: bench
bench: build ## measure docker nsjoin, docker exec and nsenter on two engines, and write docs/benchmarks.* (as root, 8 minutes)
	@go build -o build/bench ./scripts/bench
	@scripts/engine run -- build/bench -save docs
	@scripts/engine run 28-cgroup2 -- build/bench -save docs -add -rows '^(docker nsjoin|nsjoin|through|.*(calls at once|through the engine))'
	@scripts/engine run ssh -- build/bench -save docs -add -as 'Over ssh, with 50 ms there and back' -rows 'over ssh'
	@go run ./scripts/bench -plot docs/benchmarks.json >docs/benchmarks.svg

.PHONY: bench-forward
bench-forward: build ## measure docker nsjoin forward beside a published port, socat, docker exec and ssh -L, and print it (as root, 5 minutes)
	@go build -o build/bench ./scripts/bench
	@scripts/engine run -- build/bench -rows '^forward|out of a port, through the engine'
	@scripts/engine run ssh -- build/bench -rows 'over ssh'

.PHONY: counts
counts: build ## count the page faults, system calls and processes of a call, and compare with docs/counts.json (as root)
	@scripts/engine run -- go run ./scripts/bench -counts docs/counts.json

.PHONY: plot
plot: helper ## draw docs/benchmarks.svg from docs/benchmarks.json
	@go run ./scripts/bench -plot docs/benchmarks.json >docs/benchmarks.svg

.PHONY: docs
docs: helper ## write the reference, the man pages and the picture of packages in docs/architecture.md
	@$(GOTEST) -run '^TestReference$$' ./plugin -update
	@go run ./scripts/layers -update docs/architecture.md

.PHONY: lint
lint: helper ## check the Go code, the scripts, go.mod, and the links and generated parts of the documents
	@scripts/lint

.PHONY: fmt
fmt: helper ## format the Go code
	@scripts/lint --fmt

.PHONY: cover
cover: helper ## run the tests that need no engine and print the coverage
	@rm -rf build/cover && mkdir -p build/cover
	$(GOTEST) -cover -coverpkg=./... $(OTHERS) -args -test.gocoverdir=$(CURDIR)/build/cover
	$(GOTEST) -cover -coverpkg=./... $(ENGINELESS) -args -test.gocoverdir=$(CURDIR)/build/cover
	@go tool covdata textfmt -i=build/cover -o build/cover/profile
	@go tool cover -func=build/cover/profile | tail -n 1

.PHONY: cross
cross: ## build a release in build/cross: all systems, SBOMs, deb, rpm, checksums
	@scripts/cross

.PHONY: foreign
foreign: helper ## test the helpers of the other architectures under qemu (as root)
	@scripts/foreign

.PHONY: seccomp
seccomp: ## compare the seccomp filters with those of libseccomp, which it installs (as root)
	@scripts/seccomp

.PHONY: windows
windows: helper ## test the plugin for Windows under Wine (as root, on amd64)
	@scripts/windows

.PHONY: reproducible
reproducible: ## build a release in two directories and compare the bytes (TARGETS=linux/amd64 for that one only)
	@scripts/reproducible

.PHONY: packages
packages: build ## test make install, deb and rpm in a private root: install, upgrade, remove (as root)
	@scripts/engine run -- scripts/try-install

.PHONY: licenses
licenses: helper ## write docs/licenses.md, the licenses of the linked modules
	@go run ./scripts/licenses >docs/licenses.md

.PHONY: vulncheck
vulncheck: helper ## look for known vulnerabilities in the linked modules
	@scripts/vulncheck

.PHONY: race
race: helper ## run the packages' tests with the race detector, which needs a C compiler (as root)
	@scripts/race

.PHONY: clean
clean: ## remove all build results
	@if ls -d build/engine/*/ >/dev/null 2>&1; then \
		echo "clean: build/engine holds a test engine, which may have mounts: scripts/engine down first" >&2; exit 1; fi
	rm -rf build pkg/payload/helpers/linux_* pkg/toolbox/programs/linux_* pkg/toolbox/programs/.linux_*
