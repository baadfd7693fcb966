//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// scriptWithin is how long a script waits for one thing.
	scriptWithin = time.Minute
	// scriptTakes is how long a script may take.
	scriptTakes = 8 * time.Minute
)

// TestScript runs the scripts in testdata/script. Each specifies a part of the behaviour: the real
// Docker CLI calls the installed plugin on the engine of scripts/engine. Besides testscript's own
// commands, scripts have these:
//
//	container NAME [OPTION...] [-- COMMAND...]
//	    run a container and set $NAME to its name
//	network NAME [OPTION...]
//	    create a network and set $NAME to its name
//	volume NAME
//	    set $NAME to the name of a volume, which is removed after the containers that are run later
//	image NAME DIR [CHANGE...]
//	    import a directory as an image, with changes as in a Dockerfile, and set $NAME to its name
//	exits STATUS COMMAND...
//	    run a command, which must end with this exit status
//	same ARGUMENT...
//	    run docker exec and docker nsjoin with these arguments; status and output must be the same
//	answer [--net BASE] CONTAINER PID COMMAND...
//	    run the helper as if the engine had answered that the container's PID is a number,
//	    file:NAME or pid-of:CONTAINER; the container is the base, or with --net the source of
//	    the network; the helper must refuse
//	filters CONTAINER
//	    the seccomp filters of docker exec and docker nsjoin must be the same
//	profile CONTAINER
//	    the filter compiled from the container's profile must decide as the runtime's
//	terminal FILE COMMAND...
//	    run the command at a terminal of 33 lines and 111 columns; of the lines of FILE,
//	    "> text" is typed, "< text" is waited for, and "! text" is run by another shell
//	journald
//	    listen instead of journald, for commands run by "exec audited COMMAND...", which have
//	    $AUDIT/etc as /etc/docker
//	records N FILE
//	    wait for N records and write them to FILE, one field a line
//	alone
//	    on a line of its own: no other script runs at the same time
//	until COMMAND...
//	    repeat the command until it succeeds
//
// and these conditions:
//
//	[via:engine] docker nsjoin is called with --via engine. Without [local] it has no other way
//	[local] joining from here works: as root, on the engine's host, by its socket
//	[host] the tests or the helper are root on the engine's host
//	[engine:rootless] the engine's user is not root
//	[engine:userns] containers have their own user namespace
//	[engine:podman] the engine is Podman's service
//	[engine:swarm] the engine is for this test alone, and may become a swarm
//	[engine:audit] /etc/docker and /run/systemd of its host are in $NSJOIN_TEST_AUDIT
//	[engine:mounts] it has a mount namespace of its own
//	[engine:policy] an authorization plugin forbids helper containers
//	[engine:foreign] its docker exec is not Docker's with runc
//	[login] the kernel keeps a login UID
//	[logged-in] the tests have a login UID
func TestScript(t *testing.T) { runScripts(t, "script") }

// TestShell runs the scripts in testdata/shells, which test completion in real shells. They need
// what scripts/shells installs.
func TestShell(t *testing.T) { runScripts(t, "shells") }

// TestWindows runs the scripts in testdata/windows with the plugin for Windows, whose path
// scripts/windows puts into NSJOIN_TEST_PLUGIN.
func TestWindows(t *testing.T) {
	if os.Getenv("NSJOIN_TEST_PLUGIN") == "" {
		t.Fatal("this test needs the plugin for Windows: make windows")
	}
	runScripts(t, "windows")
}

func runScripts(t *testing.T, dir string) {
	t.Helper()
	engine := engineOfTest(t)
	params := testscript.Params{
		Dir:                 filepath.Join("testdata", dir),
		RequireExplicitExec: true,
		Setup:               engine.setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"alone":     alone,
			"container": container,
			"network":   network,
			"volume":    volume,
			"image":     image,
			"exits":     exits,
			"same":      same,
			"answer":    answer,
			"filters":   filters,
			"profile":   profile,
			"terminal":  terminal,
			"until":     until,
			"journald":  journald,
			"records":   records,
		},
		Condition: engine.condition,
	}
	alone, beside := inGroups(t, params.Dir)
	params.Dir = ""
	if params.Files = alone; len(alone) > 0 {
		testscript.RunT(oneByOne{t}, params)
	}
	params.Files = beside
	testscript.Run(t, params)
}

// runsAlone is a line of a script that says so, with or without a condition.
var runsAlone = regexp.MustCompile(`(?m)^(\[.*\] *)?alone$`)

// inGroups returns the scripts of a directory that run alone, and those that run beside each other: containers with
// SYS_PTRACE count for commands in every other container. Those alone are first, for nothing waits for them then.
func inGroups(t *testing.T, dir string) (alone, beside []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if runsAlone.Match(text) {
			alone = append(alone, file)
		} else {
			beside = append(beside, file)
		}
	}
	return alone, beside
}

// oneByOne is a test whose scripts run one after the other.
type oneByOne struct{ *testing.T }

func (oneByOne) Parallel() {}

func (oneByOne) Verbose() bool { return testing.Verbose() }

func (o oneByOne) Run(name string, script func(testscript.T)) {
	o.T.Run(name, func(t *testing.T) { script(oneByOne{t}) })
}
