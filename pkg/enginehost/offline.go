package enginehost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/dataroot"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/offline"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// openFiles opens the files of the context's engine, which must be a local one that runs as root.
func (o *Options) openFiles(cli *dockercli.CLI) (*dataroot.Root, error) {
	socket, ok := cli.Socket()
	switch {
	case !ok:
		return nil, exit.Hint(fmt.Errorf("--no-engine: the engine at %s is not reached through a socket on this machine", cli.Address()),
			"run docker nsjoin on the engine's host")
	case os.Geteuid() != 0:
		return nil, exit.Hint(errors.New("--no-engine: reading the engine's files requires root"), "sudo docker nsjoin --no-engine …")
	}
	root, err := dataroot.Open(socket, o.dataRoot)
	if err != nil {
		return nil, fmt.Errorf("--no-engine: %w", err)
	}
	return root, nil
}

// offline returns an engine that answers from the engine's files and from the processes of this host.
func (h *Host) offline() *offline.Engine {
	return &offline.Engine{Files: h.files, FindPIDs: h.firstProcesses}
}

// firstProcesses finds and verifies the first processes of the containers that run here, by ID. claimed
// has the pids according to the engine's files. Each process is found by its shim. If that fails, because
// a process of another container has a directory of that name, the claimed process is verified instead.
func (h *Host) firstProcesses(ctx context.Context, claimed map[string]int) (map[string]int, error) {
	var claims []request.Claim
	for id := range claimed {
		claims = append(claims, request.Claim{ID: id})
	}
	first := make(map[string]int)
	if err := h.prove(ctx, claims, first); err != nil {
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
	return first, h.prove(ctx, claims, first)
}

// prove has the helper verify claims, and adds the processes that it verified to first.
func (h *Host) prove(ctx context.Context, claims []request.Claim, first map[string]int) error {
	r := &request.Request{Version: request.Version, Base: request.Host(), Survey: &request.Survey{Containers: claims}}
	out, _, err := h.Ask(ctx, r, engine.Spec{}, nil)
	if err != nil {
		return err
	}
	var found survey.Survey
	if err := json.Unmarshal(out, &found); err != nil {
		return fmt.Errorf("read the helper's survey: %w", err)
	}
	for _, c := range found.Containers {
		first[c.ID] = c.First
	}
	return nil
}
