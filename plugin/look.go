package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// lister is what is asked of the engine.
type lister interface {
	engine.Lister
	engine.Inspector
	engine.Eventer
}

// looker looks who is in which namespaces.
type looker struct {
	asker
	client  lister
	silence func() (stop func()) // tells that the engine keeps silent
	held    bool                 // what namespaces of no container are held by is looked for too
}

// newLooker's looker is closed when it is not needed any more.
func newLooker(cli *dockerCLI, via launch.Via, n noEngine, command string) (l *looker, closed func(), err error) {
	if err := n.check(&via); err != nil {
		return nil, nil, err
	}
	connection, err := cli.Engine()
	if err != nil {
		return nil, nil, err
	}
	l = &looker{asker: asker{connection: connection, via: via}}
	if n.wanted {
		root, err := n.open(cli)
		if err != nil {
			return nil, nil, err
		}
		l.client, l.silence = n.offline(root, connection), func() func() { return func() {} }
		return l, root.Close, nil
	}
	l.silence = func() func() { return cli.tellSilence(command) }
	if l.client, err = connection.Client(); err != nil {
		return nil, nil, err
	}
	return l, func() {}, nil
}

// inspector asks for single containers.
func (l *looker) inspector() engine.Inspector {
	if offline, ok := l.client.(*engine.Offline); ok {
		return offline
	}
	return l.connection
}

// listing is the running containers, and what was found of them.
type listing struct {
	containers map[string]engine.Container // by ID
	rows       []*survey.Row
	held       []survey.Unowned
	cut        survey.Omitted
	missing    []string // names of those that the engine says run, but that weren't found
}

// look asks the engine for its containers and the helper for their namespaces.
// Their first processes are found by the helper: asking the engine for each takes
// longer than all the rest. It is asked for those that weren't found.
func (l *looker) look(ctx context.Context, short bool) (*listing, error) {
	answered := l.silence()
	all, err := engine.List(ctx, l.client, l.connection.HelperIDs)
	answered()
	if err != nil {
		return nil, err
	}
	list := &listing{containers: make(map[string]engine.Container)}
	for _, c := range all {
		list.containers[c.ID] = c
	}
	if len(all) == 0 && !l.held {
		return list, nil
	}
	found, way, err := l.find(ctx, all, list)
	if err != nil {
		return nil, err
	}
	if len(all) > 0 && len(list.missing) == len(all) {
		err := errors.New("the engine's containers were not found on its host")
		if l.via == launch.Local {
			err = exit.Hint(err, "the engine may be on another host than this: leave --via local out")
		}
		return nil, err
	}
	names := make([]survey.Named, len(all))
	for i, c := range all {
		names[i] = survey.Named{ID: c.ID, Name: c.Name, Image: c.Image}
		if short {
			names[i].Image = shortImage(c.Image)
		}
	}
	user := userName
	if way != launch.Local {
		user = userNumber // his name is of another host
	}
	list.rows, list.cut = survey.Report(found, names, user), found.Omitted
	if l.held {
		more := 0
		list.held, more = survey.UnownedNamespaces(found)
		list.cut.Namespaces += more
	}
	return list, nil
}

// find looks for the containers, again if need be, and notes which are missing.
func (l *looker) find(ctx context.Context, all []engine.Container, list *listing) (*survey.Survey, launch.Via, error) {
	image := "" // of the helper's container, if one is made: any
	claims := make([]request.Claim, len(all))
	for i, c := range all {
		claims[i].ID, image = c.ID, c.ImageID
	}
	found, way, err := l.survey(ctx, claims, image)
	if err != nil {
		return nil, way, err
	}
	lost := notFound(found, claims)
	if len(lost) == 0 {
		return found, way, nil
	}
	pids, err := engine.PIDs(ctx, l.client, lost)
	if err != nil {
		return nil, way, err
	}
	found, way, err = l.lookAgain(ctx, found, claims, pids, image)
	if err != nil {
		return nil, way, err
	}
	for _, id := range notFound(found, claims) {
		if pids[id] != 0 { // else it has stopped meanwhile
			list.missing = append(list.missing, list.containers[id].Name)
		}
	}
	return found, way, nil
}

// shortImage shortens the ID of an image, as docker ps does where it has no name.
func shortImage(image string) string {
	digest, ok := strings.CutPrefix(image, "sha256:")
	if !ok {
		return image
	}
	return digest[:min(shownID, len(digest))]
}

// lookAgain looks with the engine's word of where first processes are. Where none
// was found at all the engine's processes may be none of this machine's.
func (l *looker) lookAgain(
	ctx context.Context, found *survey.Survey, claims []request.Claim, pids map[string]int, image string,
) (*survey.Survey, launch.Via, error) {
	none := len(found.Containers) == 0
	for i := range claims {
		claims[i].PID = pids[claims[i].ID]
	}
	found, way, err := l.survey(ctx, claims, image)
	if err != nil || way != launch.Local || l.via != launch.Auto || !none || len(found.Containers) > 0 {
		return found, way, err
	}
	l.via = launch.Engine
	return l.survey(ctx, claims, image)
}

// surveyCaps are what looking at other processes takes.
var surveyCaps = []string{"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"}

func (l *looker) survey(ctx context.Context, claims []request.Claim, image string) (*survey.Survey, launch.Via, error) {
	r := &request.Request{
		Version: request.Version, Base: request.Host(), Survey: &request.Survey{Containers: claims, Held: l.held},
	}
	out, way, err := l.ask(ctx, r, engine.Spec{Image: image, Caps: surveyCaps}, nil)
	if err != nil {
		return nil, way, err
	}
	var found survey.Survey
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, way, fmt.Errorf("read survey: %w", err)
	}
	return &found, way, nil
}

// notFound are the IDs of the claims that a survey has no container for.
func notFound(found *survey.Survey, claims []request.Claim) []string {
	have := make(map[string]bool)
	for _, c := range found.Containers {
		have[c.ID] = true
	}
	var ids []string
	for _, c := range claims {
		if !have[c.ID] {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
