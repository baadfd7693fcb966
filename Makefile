# `make` lists the targets. What takes more than two lines is a script in scripts/.

.DEFAULT_GOAL := help

# The test engines that the script tests run against, by scripts/engine's names.
ENGINES ?= default 28-cgroup2

# Everything here is pure Go, the tests too, whether or not there is a C compiler.
export CGO_ENABLED := 0

# Of plugin's tests these need an engine; everything else runs without one. vet is part of `make lint`.
GOTEST  := go test -count=1 -vet=off
ENGINE  := ^Test(Script|Parity|Mix|State|HostTools|SeccompNotify|Hostile(Root|Races|Table|Helpers|Holds|Threads|KeyQuota))$$
CALLERS := ^Test(Breaks|LinkTerminalRestored|StrangeCaller|SeccompCalls)
LINK    := ^TestLink
SESSION := ^Test(Client|Terminal|Storm|Stream|Hostile(RootWho|Terminal|Storm|Tracer))
HOSTILE := ^TestHostile|^TestScript$$/^hostile
SSH     := ^TestSSH
RESTORE := ^TestNoEngine
OLDCLI  := ^TestOldCLI
SHELLS  := ^TestShell$$
WINDOWS := ^TestWindows$$
LABELS  := ^TestLabels$$
# What none of these is.
ENGINELESS := -skip '$(ENGINE)|$(CALLERS)|$(LINK)|$(SESSION)|$(OLDCLI)|$(RESTORE)|$(SSH)|$(SHELLS)|$(WINDOWS)|$(LABELS)' ./plugin
OTHERS  := $$(go list ./... | grep -v '/plugin$$')

.PHONY: help
help: ## list the targets (this text)
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: helper
helper: ## build the static helper that the plugin embeds, for this architecture
	@scripts/helper

.PHONY: build
build: helper ## build the plugin into build/docker-nsjoin
	go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$$(scripts/version)" -o build/docker-nsjoin ./plugin

.PHONY: install
install: build ## install the plugin for you, or for all with PREFIX=/usr/local
	@scripts/install

.PHONY: uninstall
uninstall: ## remove what make install put there (same PREFIX)
	@scripts/install --remove

.PHONY: demo
demo: build ## show the six steps on containers of a test engine (as root)
	@scripts/engine run -- scripts/demo

.PHONY: test
test: build ## run all tests, the script tests on each test engine (as root)
	$(GOTEST) $(OTHERS)
	$(GOTEST) $(ENGINELESS)
	@set -e; for engine in $(ENGINES); do \
		echo "script tests on engine $$engine" >&2; \
		scripts/engine run "$$engine" -- $(GOTEST) -timeout 20m -run '$(ENGINE)' ./plugin; \
		cat "build/parity-$$engine.txt" >&2; \
	done

.PHONY: callers
callers: build ## run the tests of unusual callers, old CLIs, engines that break, hang or are gone (as root)
	@scripts/engine run $(firstword $(ENGINES)) -- $(GOTEST) -timeout 15m -run '$(CALLERS)' ./plugin
	@scripts/engine run cli-20 -- $(GOTEST) -run '$(OLDCLI)' ./plugin
	@for engine in restore 28-restore; do scripts/engine run "$$engine" -- $(GOTEST) -run '$(RESTORE)' ./plugin || exit; done
	@scripts/engine run policy -- $(GOTEST) -run '^TestScript$$/^policy$$' ./plugin
	@NSJOIN_TEST_VIA=engine scripts/engine run audit -- $(GOTEST) -run '^TestScript$$/^audit' ./plugin

.PHONY: remote
remote: build ## run the script tests once more by --via engine, and those of a slow link (as root)
	@set -e; for engine in $(ENGINES); do \
		echo "script tests by --via engine on engine $$engine" >&2; \
		NSJOIN_TEST_VIA=engine scripts/engine run "$$engine" -- $(GOTEST) -timeout 30m -run '$(ENGINE)' ./plugin; \
		NSJOIN_TEST_VIA=engine scripts/engine run "$$engine" -- $(GOTEST) -timeout 10m -run '^Test(StrangeCaller|SeccompCalls)' ./plugin; \
		NSJOIN_TEST_VIA=engine scripts/engine run "$$engine" -- $(GOTEST) -timeout 10m -v -run '$(LINK)' ./plugin; \
	done
	@[ -z "$(ENGINES)" ] || scripts/engine run ssh -- $(GOTEST) -timeout 10m -run '$(SSH)' ./plugin

.PHONY: hostile
hostile: build ## run all attacks, of every kind of container on every kind of child, by both ways (as root)
	$(GOTEST) -run '^TestHostile' $(OTHERS)
	@set -e; for engine in $(ENGINES); do for way in auto engine; do \
		echo "attacks on engine $$engine by --via $$way" >&2; \
		NSJOIN_TEST_HOSTILE=all NSJOIN_TEST_VIA=$${way#auto} scripts/engine run "$$engine" -- \
			$(GOTEST) -timeout 20m -parallel 4 -run '$(HOSTILE)' ./plugin; \
	done; done

.PHONY: test-matrix
test-matrix: build ## run the script tests on every test engine, write docs/engines.md (as root, an hour)
	@scripts/matrix

.PHONY: session
session: build ## run the slow tests: clients that end, terminals, a storm of killed sessions, 1 GiB (as root)
	@scripts/engine run -- $(GOTEST) -timeout 20m -v -run '$(SESSION)' ./plugin

.PHONY: storm
storm: build ## end sessions at random for STORM (10m) with little memory (as root)
	@NSJOIN_TEST_STORM=$${STORM:-10m} scripts/engine run -- $(GOTEST) -timeout 60m -v -run '^TestStorm$$' ./plugin

.PHONY: short
short: build ## run a short form of each long target, as CI does after make test (as root)
	@JOBS=2 scripts/fuzz
	@scripts/race
	@$(MAKE) --no-print-directory callers
	@$(MAKE) --no-print-directory session
	@STORM=20s $(MAKE) --no-print-directory storm
	@$(MAKE) --no-print-directory packages
	@$(MAKE) --no-print-directory foreign
	@$(MAKE) --no-print-directory seccomp
	@SHARED=1 TARGETS=linux/$$(go env GOARCH) scripts/reproducible
	@scripts/matrix 28-userns/local
	@scripts/engine run -- go run ./scripts/bench -rounds 0.1 -rows '^(docker nsjoin|the )'

.PHONY: apparmor
apparmor: build ## try the labels of AppArmor, enforced, in a virtual machine (as root, on amd64)
	@scripts/labels

.PHONY: shells
shells: build ## try completion in bash, zsh and fish, which it installs, on the test engine (as root)
	@scripts/engine run -- scripts/shells $(GOTEST) -run '$(SHELLS)' ./plugin

.PHONY: clients
clients: build ## use it as Ansible, TRAMP, tmux, cron and others use docker exec (as root, 10 minutes)
	@scripts/engine run -- scripts/clients

.PHONY: fuzz
fuzz: helper ## run each fuzz test for FUZZTIME (20s), JOBS (1) at a time
	@scripts/fuzz

.PHONY: bench
bench: build ## measure beside docker exec and nsenter, write docs/benchmarks.md (as root, 5 minutes)
	@go build -o build/bench ./scripts/bench
	@scripts/engine run -- build/bench -save docs

.PHONY: plot
plot: helper ## draw docs/benchmarks.json as docs/benchmarks.svg
	@go run ./scripts/bench -plot docs/benchmarks.json >docs/benchmarks.svg

.PHONY: docs
docs: helper ## write the reference and the man pages of the commands
	@$(GOTEST) -run '^TestReference$$' ./plugin -update

.PHONY: lint
lint: helper ## check the Go code, the scripts and go.mod
	@scripts/lint

.PHONY: fmt
fmt: helper ## format the Go code
	@scripts/lint --fmt

.PHONY: cover
cover: helper ## run the tests that need no engine, print how much of the code they reach
	@rm -rf build/cover && mkdir -p build/cover
	$(GOTEST) -cover -coverpkg=./... $(OTHERS) -args -test.gocoverdir=$(CURDIR)/build/cover
	$(GOTEST) -cover -coverpkg=./... $(ENGINELESS) -args -test.gocoverdir=$(CURDIR)/build/cover
	@go tool covdata textfmt -i=build/cover -o build/cover/profile
	@go tool cover -func=build/cover/profile | tail -n 1

.PHONY: cross
cross: ## make a release in build/cross: every system, SBOMs, deb, rpm, checksums
	@scripts/cross

.PHONY: foreign
foreign: helper ## run the helpers of the other architectures, by qemu (as root)
	@scripts/foreign

.PHONY: seccomp
seccomp: ## compare our seccomp filters with those of libseccomp, which it installs (as root)
	@scripts/seccomp

.PHONY: windows
windows: helper ## run the plugin for Windows, by Wine: its tests, and script tests (as root, on amd64)
	@scripts/windows

.PHONY: reproducible
reproducible: ## make a release in two directories and compare (TARGETS=linux/amd64 for less)
	@scripts/reproducible

.PHONY: packages
packages: build ## try make install, deb and rpm: install, upgrade, remove, in a private root (as root)
	@scripts/engine run -- scripts/try-install

.PHONY: licenses
licenses: helper ## write docs/licenses.md, the licenses of what is linked in
	@go run ./scripts/licenses >docs/licenses.md

.PHONY: vulncheck
vulncheck: helper ## look for known vulnerabilities in what is linked in
	@scripts/vulncheck

.PHONY: race
race: helper ## run the packages' tests with the race detector, which takes a C compiler (as root)
	@scripts/race

.PHONY: clean
clean: ## remove everything that was built
	@if ls -d build/engine/*/ >/dev/null 2>&1; then \
		echo "clean: a test engine is in build/engine, maybe with mounts: first scripts/engine down" >&2; exit 1; fi
	rm -rf build pkg/payload/helpers/linux_*
