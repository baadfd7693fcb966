// Package nodes finds the engine of a node of a swarm: the context whose engine says that it is that node, or the
// address that the user's template makes of the node's name.
//
// Which node an engine is, is what the engine says, and a node's name is what the node says. So the user confirms each
// pair of a node and an engine once, and what is sent there depends on the task's container being there.
package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/swarm"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Finder finds the engines of nodes.
type Finder struct {
	CLI      *dockercli.CLI
	Manager  *dockercli.CLI // of the manager; it is a node itself
	Contexts []string       // that the user named for nodes; nil for all
	Template string         // of an address, such as ssh://{{.Hostname}}; "" for none
	State    state.Dir
	// Confirm asks the user whether a node is the engine of a context.
	Confirm func(node, hostname, context, address string) (bool, error)

	confirms sync.Mutex    // one question at a time
	slots    chan struct{} // has the engines that are being asked
	asked    sync.Once
	found    map[string][]string // contexts, by node ID
	silent   []string            // contexts that were not reached
	askError error
}

// How long the engine of a context may take to say which node it is, and how many are asked at the same time: some of
// them by an ssh(1) process each.
const (
	askTimeout = 15 * time.Second
	maxAsked   = 64
)

// file is the name of the file with the pairs that the user has confirmed.
const file = "nodes.json"

// pair is a node and the engine that the user has confirmed for it.
type pair struct {
	Context   string    `json:"context"`
	Address   string    `json:"address"`
	Confirmed time.Time `json:"confirmed"`
}

// Engine returns the CLI that reaches the engine of a task's node, and the name of its context. It is safe for concurrent
// use.
func (f *Finder) Engine(ctx context.Context, t swarm.Task) (*dockercli.CLI, string, error) {
	f.asked.Do(func() {
		f.slots = make(chan struct{}, maxAsked)
		f.found, f.askError = f.ask(ctx)
	})
	if f.askError != nil {
		return nil, "", f.askError
	}
	contexts := f.found[t.NodeID]
	if slices.Contains(contexts, "") {
		return f.Manager, "", nil // the manager's own node
	}
	switch len(contexts) {
	case 0:
		return f.byTemplate(ctx, t)
	case 1:
	default:
		return nil, "", exit.Hint(fmt.Errorf("the engines of the contexts %s say that they are the same node, %s", strings.Join(contexts, " and "), t.NodeID),
			"choose the contexts with docker nsjoin each --context; docker context rm removes one that is not used")
	}
	cli, err := f.CLI.In(contexts[0])
	if err != nil {
		return nil, "", err
	}
	if err := f.confirm(t, cli, contexts[0]); err != nil {
		return nil, "", err
	}
	return cli, contexts[0], nil
}

// ask asks the engines of all contexts which node they are. The manager's own is "".
func (f *Finder) ask(ctx context.Context) (map[string][]string, error) {
	names := f.Contexts
	if names == nil {
		var err error
		if names, err = f.CLI.Contexts(); err != nil {
			return nil, err
		}
	}
	found := make(map[string][]string)
	own, err := f.Manager.Context()
	if err != nil {
		return nil, err
	}
	id, err := f.nodeID(ctx, f.Manager)
	if err != nil {
		return nil, err
	}
	found[id] = []string{""}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, name := range names {
		if name == own {
			continue
		}
		all.Go(func() {
			id := ""
			cli, err := f.CLI.In(name)
			if err == nil {
				id, err = f.nodeID(ctx, cli)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				f.silent = append(f.silent, name)
				f.CLI.Debug(fmt.Sprintf("context %s: ask which node it is: %v", name, err))
			case id != "":
				found[id] = append(found[id], name)
			}
		})
	}
	all.Wait()
	for _, list := range found {
		slices.Sort(list)
	}
	slices.Sort(f.silent)
	return found, nil
}

func (f *Finder) nodeID(ctx context.Context, cli *dockercli.CLI) (string, error) {
	f.slots <- struct{}{}
	defer func() { <-f.slots }()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	connection, err := cli.Engine()
	if err != nil {
		return "", err
	}
	client, err := connection.Client()
	if err != nil {
		return "", err
	}
	return swarm.NodeID(ctx, client)
}

// hostname matches the names that DNS allows. It never begins with "-", which ssh(1) would take for an option.
var hostname = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)
})

// byTemplate returns the engine at the address that the template makes of the node's name, if the user has confirmed that
// address and it says that it is that node.
func (f *Finder) byTemplate(ctx context.Context, t swarm.Task) (*dockercli.CLI, string, error) {
	if f.Template == "" {
		silent := ""
		if len(f.silent) > 0 {
			silent = "; not reached: " + strings.Join(f.silent, ", ")
		}
		return nil, "", exit.Hint(fmt.Errorf("no context has the engine of node %s (%s)%s", t.NodeID, t.Hostname, silent),
			"make one with docker context create, or use --node-context 'ssh://{{.Hostname}}'")
	}
	if len(t.Hostname) > 253 || !hostname().MatchString(t.Hostname) {
		return nil, "", fmt.Errorf("node %s calls itself %q, which is no name of a host", t.NodeID, t.Hostname)
	}
	parsed, err := template.New("").Option("missingkey=error").Parse(f.Template)
	if err != nil {
		return nil, "", fmt.Errorf("--node-context: %w", err)
	}
	var address strings.Builder
	if err := parsed.Execute(&address, struct{ Hostname, ID string }{t.Hostname, t.NodeID}); err != nil {
		return nil, "", fmt.Errorf("--node-context: %w", err)
	}
	cli, err := f.CLI.At(address.String())
	if err != nil {
		return nil, "", err
	}
	if err := f.confirm(t, cli, ""); err != nil { // before ssh(1) offers the user's keys to whom the node has named
		return nil, "", err
	}
	id, err := f.nodeID(ctx, cli)
	if err != nil {
		return nil, "", fmt.Errorf("node %s at %s: %w", t.NodeID, address.String(), err)
	}
	if id != t.NodeID {
		return nil, "", fmt.Errorf("the engine at %s is node %q, not %s", address.String(), id, t.NodeID)
	}
	return cli, t.Hostname, nil
}

// confirm checks that the user has confirmed that a context, or the address of cli if context is "", has the engine of a
// task's node. If the user names the context for this call, that confirms it.
func (f *Finder) confirm(t swarm.Task, cli *dockercli.CLI, context string) error {
	if f.Contexts != nil && context != "" {
		return nil
	}
	connection, err := cli.Engine()
	if err != nil {
		return err
	}
	address := connection.Endpoint()
	f.confirms.Lock()
	defer f.confirms.Unlock()
	pairs := make(map[string]pair)
	text, err := f.State.Lasting().ReadFile(file)
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &pairs)
	}
	if err != nil {
		return fmt.Errorf("read the confirmed nodes: %w", err)
	}
	if known := pairs[t.NodeID]; known.Context == context && known.Address == address {
		return nil
	}
	yes, err := f.Confirm(t.NodeID, t.Hostname, context, address)
	if err != nil {
		return err
	}
	if !yes {
		return errors.New("not confirmed")
	}
	pairs[t.NodeID] = pair{context, address, time.Now().UTC()}
	if text, err = json.MarshalIndent(pairs, "", "  "); err != nil {
		return err
	}
	return f.State.Lasting().WriteFile(file, text)
}
