package plan

import (
	"fmt"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// Forward says that a plan ends with sockets, not with a command.
type Forward struct {
	// Unix means that a process with the identity of a command in the container connects or binds one UNIX socket.
	// Otherwise a thread of the helper, in the container's network alone, makes sockets of TCP and UDP.
	Unix bool `json:"unix,omitempty"`
	// Path is the UNIX socket's; "" in a plan for any. It begins with / or, for an abstract name, with @. Type is
	// SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM.
	Path   string `json:"path,omitempty"`
	Type   int    `json:"type,omitempty"`
	Listen bool   `json:"listen,omitempty"`
}

// newForward makes the plan for a request of sockets.
func newForward(r *request.Request, o *Observed) (*Plan, error) {
	rows, err := namespaces(r, o)
	if err != nil {
		return nil, err
	}
	p := &Plan{Target: r.Base.String(), Via: r.Via, Namespaces: rows, Remote: r.Client != nil, Forward: &Forward{Unix: r.Forward.Unix}}
	p.Audit = audit.Decide(r.Audit.Settings, o.Audit)
	if !p.Forward.Unix {
		for i := range rows {
			// A helper in a container is not in the host's other namespaces, and does not need them.
			rows[i].Join = rows[i].Join && rows[i].Kind == ns.Net
		}
		p.Identity = Identity{Who: p.hostIdentity()}
		p.Names = madeNames(r, o)
		p.Steps = append(joins(rows), Step{Op: OpSockets})
		return p, nil
	}
	if !p.foreign(o) {
		return nil, fmt.Errorf("UNIX sockets of %s: it has the host's file system", r.Base.Quoted())
	}
	if p.Identity, err = p.containerIdentity(r, o); err != nil {
		return nil, fmt.Errorf("identity of %s: %w", r.Base.Quoted(), err)
	}
	if err := p.orderSocketFilter(o.TargetProcess); err != nil {
		return nil, err
	}
	p.Identity.Container.Capabilities.exec(p.Identity.Container.UID)
	p.Steps = steps(p, false, nil, nil)
	return p, nil
}

// madeNames returns the container's files about names, made from what the engine says.
func madeNames(r *request.Request, o *Observed) *Names {
	if r.Names == nil {
		return nil
	}
	n := &Names{Of: r.Names.Source.Name, LeftOut: slices.Clone(r.Names.Made.Notes)}
	for _, path := range []string{names.ResolvConf, names.HostsFile} {
		text, why := madeName(path, &r.Names.Made, o)
		if why != "" {
			n.leaveOut(path, why)
			continue
		}
		n.Files = append(n.Files, NameFile{Path: path, Text: text})
	}
	return n
}

// Text returns the text of a file; "" if it could not be made.
func (n *Names) Text(path string) string {
	if n != nil {
		for _, f := range n.Files {
			if f.Path == path {
				return f.Text
			}
		}
	}
	return ""
}

// For returns the plan for one UNIX socket, made from a plan for any.
func (p *Plan) For(f Forward) *Plan {
	socket := *p
	f.Unix = true
	socket.Forward = &f
	socket.Steps = slices.Clone(p.Steps)
	socket.Steps[len(socket.Steps)-1].Op = f.op()
	return &socket
}

// socket names the socket.
func (f *Forward) socket() string {
	if f == nil || f.Path == "" {
		return "a UNIX socket"
	}
	return "UNIX socket " + QuoteArg(f.Path)
}

func (f *Forward) op() Op {
	if f.Listen {
		return OpListenUnix
	}
	return OpConnectUnix
}

// Arguments of socket(2).
const (
	unixFamily = 1           // AF_UNIX
	streamType = 1 | 0x80000 // SOCK_STREAM, SOCK_CLOEXEC
)

// orderSocketFilter refuses a filter that forbids what the process does after it is loaded. Unlike a command's it is not
// loaded later then: the capabilities that loading requires would stay, since nothing is executed.
func (p *Plan) orderSocketFilter(s *TargetProcess) error {
	c := p.Identity.Container
	list := evaluator(c.Filters)
	call := forbiddenBefore(list, c.NoNewPrivileges)
	if call == "" && !list.Decide(seccomp.Call{Name: "socket", Arguments: [6]uint64{unixFamily, streamType}}).Allows() {
		call = "socket"
	}
	if call == "" {
		return nil
	}
	return exit.Hint(fmt.Errorf("UNIX sockets of %q: %s forbids %s(2)", p.Target, s.itsFilter(), call),
		"ports are forwarded all the same, since that needs no process in the container")
}

// exec makes the sets those that a program without file capabilities has after execve(2), capabilities(7). Permitted is not
// widened.
func (c *Capabilities) exec(uid uint32) {
	if uid != 0 {
		c.Permitted, c.Effective = c.Ambient, c.Ambient
	}
}

// summary is the first line of a printed plan.
func (p *Plan) summary() string {
	switch {
	case p.Forward == nil:
		return fmt.Sprintf("run %s in %s", quoteArgs(p.Command.Args), p.Target)
	case p.Forward.Unix:
		return fmt.Sprintf("connect UNIX sockets in %s", p.Target)
	}
	return fmt.Sprintf("make sockets in the network of %s", p.Target)
}
