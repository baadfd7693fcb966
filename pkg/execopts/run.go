package execopts

import (
	"context"
	"errors"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Check checks the flags that do not depend on the request, and sets the detach keys of the Docker CLI's
// configuration. Call it before Apply.
func (o *Options) Check(cli *dockercli.CLI) error {
	config, err := cli.Config()
	if err != nil {
		return err
	}
	if err := o.detachKeys.setDefault(config.DetachKeys); err != nil {
		return err
	}
	return o.Host.Check()
}

// ErrPrinted is the error of a Resolver that has printed what --dry-run asks for.
var ErrPrinted = errors.New("printed")

// Resolver has the engine resolve the names in a request.
type Resolver func(context.Context, *enginehost.Host, *request.Request) (engine.Answers, error)

// Run resolves the names in r and runs its command.
func (o *Options) Run(ctx context.Context, cli *dockercli.CLI, r *request.Request, resolve Resolver) error {
	host, err := enginehost.Open(cli, o.Host)
	if err != nil {
		return err
	}
	defer host.Close()
	if r.Audit, err = AuditOf(cli); err != nil {
		return err
	}
	host.Prepare(r)
	answers, err := resolve(ctx, host, r)
	switch {
	case errors.Is(err, ErrPrinted):
		return nil
	case err != nil:
		return err
	}
	return host.Run(ctx, r, answers, o.helperImage)
}

// Resolve is the Resolver for containers that run.
func Resolve(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	answered := host.WarnIfSilent("")
	defer answered()
	return Named{Host: host}.Resolve(ctx, r)
}

// Named is a host that also resolves SERVICE@PROJECT, the only container of a Compose service, as the name of a container.
type Named struct{ *enginehost.Host }

// Resolve is Resolve of the host.
func (n Named) Resolve(ctx context.Context, r *request.Request) (engine.Answers, error) {
	typed, err := findServices(ctx, n.Host, r)
	if err != nil {
		return nil, err
	}
	answers, err := n.Host.Resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	for name, id := range typed { // messages name what the user typed
		answers[name] = answers[id]
		r.Rename(id, name)
	}
	return answers, nil
}

// findServices replaces every SERVICE@PROJECT in r by the ID of its container. It returns the IDs by what the user typed.
func findServices(ctx context.Context, host *enginehost.Host, r *request.Request) (map[string]string, error) {
	names := slices.DeleteFunc(r.Containers(), func(name string) bool { return !selection.IsService(name) })
	if len(names) == 0 {
		return nil, nil
	}
	client, err := host.Engine()
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string)
	for _, name := range names {
		if ids[name], err = selection.OneOf(ctx, client, name, selection.Here); err != nil {
			return nil, err
		}
		r.Rename(name, ids[name])
	}
	return ids, nil
}
