package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/dataroot"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// noEngine is what the flags say of an engine that does not answer.
type noEngine struct {
	wanted   bool
	dataRoot string
}

func (n *noEngine) addTo(flags *pflag.FlagSet) {
	flags.BoolVar(&n.wanted, "no-engine", false, "Do without an engine that does not answer: find containers by its files (as root, on its host)")
	flags.StringVar(&n.dataRoot, "data-root", "", "Directory of the engine's files, for --no-engine, where it cannot be found")
}

// check refuses what contradicts the flags, and says which way is left.
func (n *noEngine) check(via *launch.Via) error {
	switch {
	case !n.wanted && n.dataRoot != "":
		return usage(errors.New("--data-root is for --no-engine, which is not given"))
	case !n.wanted:
		return nil
	case *via == launch.Engine:
		return usage(errors.New("--no-engine and --via engine exclude each other"))
	}
	*via = launch.Local
	return nil
}

// why is what a plan says of the way.
func (n *noEngine) why(root *dataroot.Root) string {
	return "the engine was not asked (--no-engine): its files are in " + root.Path
}

// open opens the files of the context's engine, which is a local one of root's.
func (n *noEngine) open(cli *dockerCLI) (*dataroot.Root, error) {
	socket, ok := strings.CutPrefix(cli.endpoint, "unix://")
	switch {
	case !ok:
		return nil, exit.Hint(fmt.Errorf("--no-engine: the engine at %s is not on a socket of this machine", withoutPassword(cli.endpoint)),
			"run docker nsjoin on the engine's host")
	case os.Geteuid() != 0:
		return nil, exit.Hint(errors.New("--no-engine: reading the engine's files takes root"), "sudo docker nsjoin --no-engine …")
	}
	root, err := dataroot.Open(socket, n.dataRoot)
	if err != nil {
		return nil, fmt.Errorf("--no-engine: %w", err)
	}
	return root, nil
}

// offline answers by the engine's files and the processes of this host.
func (n *noEngine) offline(root *dataroot.Root, connection *engine.Connection) *engine.Offline {
	a := asker{connection: connection, via: launch.Local}
	return &engine.Offline{Files: root, FindPIDs: a.firstProcesses}
}

// firstProcesses are the proven first processes of the containers that run here, by ID. Each is
// looked for by its shim; where that finds none, because a process of another container has a
// directory of that name, what is claimed is proved.
func (a asker) firstProcesses(ctx context.Context, claimed map[string]int) (map[string]int, error) {
	var claims []request.Claim
	for id := range claimed {
		claims = append(claims, request.Claim{ID: id})
	}
	first := make(map[string]int)
	if err := a.prove(ctx, claims, first); err != nil {
		return nil, err
	}
	claims = nil
	for id, pid := range claimed {
		if first[id] == 0 && pid > 0 {
			claims = append(claims, request.Claim{ID: id, PID: pid})
		}
	}
	if len(claims) == 0 {
		return first, nil
	}
	return first, a.prove(ctx, claims, first)
}

// prove adds the first processes that the helper proves.
func (a asker) prove(ctx context.Context, claims []request.Claim, first map[string]int) error {
	r := &request.Request{Version: request.Version, Base: request.Host(), Survey: &request.Survey{Containers: claims}}
	out, _, err := a.ask(ctx, r, engine.Spec{}, nil)
	if err != nil {
		return err
	}
	var found survey.Survey
	if err := json.Unmarshal(out, &found); err != nil {
		return fmt.Errorf("read survey: %w", err)
	}
	for _, c := range found.Containers {
		first[c.ID] = c.First
	}
	return nil
}

// silentFor is how long an engine may keep silent before the user is told.
const silentFor = 3 * time.Second

// tellSilence tells at a terminal that a local engine does not answer, and what works without it.
// What waits goes on. command is what the user called, "" to tell nothing. stop is called when the engine has answered.
func (c *dockerCLI) tellSilence(command string) (stop func()) {
	if command == "" || !strings.HasPrefix(c.endpoint, "unix://") || !isTerminal(os.Stderr) {
		return func() {}
	}
	sudo := ""
	if os.Geteuid() != 0 {
		sudo = "sudo "
	}
	timer := time.AfterFunc(silentFor, func() {
		fmt.Fprintf(os.Stderr, "docker nsjoin: the engine at %s has not answered for %d seconds: still waiting; without it: %s%s --no-engine …\n",
			c.endpoint, int(silentFor.Seconds()), sudo, command)
	})
	return func() { timer.Stop() }
}
