package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Rights are what a container needs whose multiplexer starts helpers.
type Rights struct {
	// Caps is a set of capabilities, bit N for number N.
	Caps uint64
	// HostIPC and HostUTS are those of a Spec.
	HostIPC, HostUTS bool

	names []string
}

// Rights returns what the helper of s needs in a container that it shares. The error is why it needs one of its own.
func (s Spec) Rights() (Rights, error) {
	if err := s.needsOwn(); err != nil {
		return Rights{}, err
	}
	return Rights{Caps: capMask(s.Caps), HostIPC: s.HostIPC, HostUTS: s.HostUTS, names: s.Caps}, nil
}

// Cover reports whether a container with these rights serves helpers that need others.
func (r Rights) Cover(others Rights) bool {
	return others.Caps&^r.Caps == 0 && r.HostIPC == others.HostIPC && r.HostUTS == others.HostUTS
}

// With returns these rights with the capabilities of others.
func (r Rights) With(others Rights) Rights {
	r.Caps |= others.Caps
	r.names = slices.Concat(r.names, others.names)
	return r
}

// StartMultiplexer starts a container of the helper's own image with rights, whose first process starts helpers that drop
// their bounding set to what each needs. If the engine cannot, or an authorization plugin decides about each helper,
// the error is why; nothing is left then.
func (c *Connection) StartMultiplexer(ctx context.Context, call request.Call, rights Rights, warn func(string)) (*Helper, error) {
	st, err := c.newStarter(ctx, nil, warn)
	if err != nil {
		return nil, err
	}
	s := Spec{
		Call: call, Caps: uniqueCaps(append(slices.Clip(rights.names), setpcap)), HostIPC: rights.HostIPC, HostUTS: rights.HostUTS, many: true,
	}
	if err := s.checkEngine(st.engine.ClientVersion()); err != nil {
		return nil, err
	}
	if _, err := st.mayShare(ctx); err != nil {
		return nil, err
	}
	h, err := st.startWithOwnImage(ctx, s)
	if refused, ok := errors.AsType[*noOwnImageError](err); ok {
		err = refused.why
	}
	return h, err
}
