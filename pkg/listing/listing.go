// Package listing lists the running containers with what a survey of the engine's host found: which of
// them share namespaces, and their guests.
package listing

import (
	"context"
	"errors"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// Lister lists the containers of an engine.
type Lister struct {
	Host    *enginehost.Host
	Engine  enginehost.Engine
	Command string // the subcommand that the user called, for the warning that the engine is silent
	Held    bool   // also find the namespaces that belong to no container, and what holds them
}

// NewLister makes a lister of the host's engine for command, ls or inspect.
func NewLister(host *enginehost.Host, command string) (*Lister, error) {
	client, err := host.Engine()
	if err != nil {
		return nil, err
	}
	return &Lister{Host: host, Engine: client, Command: command}, nil
}

// List holds the running containers, and what was found about them.
type List struct {
	Containers map[string]engine.Container // by ID
	Rows       []*survey.Row
	Held       []survey.Unowned
	Omitted    survey.Omitted
	Missing    []string // names of the containers that run according to the engine but were not found
}

// List asks the engine for its containers and the helper for their namespaces. The helper finds their
// first processes: asking the engine for each would take longer than everything else. The engine is asked
// only for those that the helper did not find. shortImages shortens the images as docker ps does.
func (l *Lister) List(ctx context.Context, shortImages bool) (*List, error) {
	answered := l.Host.WarnIfSilent(l.Command)
	all, err := engine.List(ctx, l.Engine, l.Host.Connection.HelperIDs)
	answered()
	if err != nil {
		return nil, err
	}
	list := &List{Containers: make(map[string]engine.Container)}
	for _, c := range all {
		list.Containers[c.ID] = c
	}
	if len(all) == 0 && !l.Held {
		return list, nil
	}
	found, local, err := l.find(ctx, all, list)
	if err != nil {
		return nil, err
	}
	if len(all) > 0 && len(list.Missing) == len(all) {
		err := errors.New("the engine's containers were not found on its host")
		if l.Host.LocalOnly() {
			err = exit.Hint(err, "the engine may be on another host: omit --via local")
		}
		return nil, err
	}
	names := make([]survey.Named, len(all))
	for i, c := range all {
		names[i] = survey.Named{ID: c.ID, Name: c.Name, Image: c.Image}
		if shortImages {
			names[i].Image = c.ShortImage()
		}
	}
	user := userName
	if !local {
		user = userNumber // users may have other names on this host
	}
	list.Rows, list.Omitted = survey.Report(found, names, user), found.Omitted
	if l.Held {
		more := 0
		list.Held, more = survey.UnownedNamespaces(found)
		list.Omitted.Namespaces += more
	}
	return list, nil
}

// Named returns the IDs of the containers that names mean.
func (l *List) Named(names []string) (map[string]bool, error) {
	var all []engine.Container
	for _, c := range l.Containers {
		all = append(all, c)
	}
	ids := make(map[string]bool)
	for _, name := range names {
		c, err := engine.Find(all, strings.TrimPrefix(name, "container:"))
		if err != nil {
			return nil, err
		}
		ids[c.ID] = true
	}
	return ids, nil
}
