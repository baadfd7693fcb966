//go:build linux

// Package dialer makes, connects and binds sockets in a running container, for a client that forwards connections.
package dialer

import (
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// Dialer makes sockets in a container's network, and connects and binds UNIX sockets in its file system. All methods may
// be called at the same time. Descriptors that they return are close-on-exec and non-blocking, were checked, and belong to the
// caller. Errors wrap a unix.Errno where the kernel refused.
type Dialer struct {
	// Plan is that of the sockets of TCP and UDP, and Seen what it was made from.
	Plan *plan.Plan
	Seen *observe.Observation

	request *request.Request
	process *observe.Process // the container's first one
	threads *join.Sockets    // nil before Start
	cookie  uint64           // of the container's network; 0 if the kernel has none
	ended   chan struct{}
	end     sync.Once
	err     error // why it ended, set before ended is closed; nil if the first process has ended

	unix unixSide
}

// New observes and plans what r, a request of request.NewForward, needs. Nothing is joined yet.
func New(r *request.Request) (*Dialer, error) {
	inet := netRequest(r)
	seen, err := observe.Observe(inet)
	if err != nil {
		return nil, err
	}
	p, err := plan.New(inet, &seen.Facts)
	if err != nil {
		return nil, err
	}
	process := seen.Processes[r.Base.PID]
	if process == nil {
		return nil, fmt.Errorf("sockets of %s: it is no container", r.Base.Quoted())
	}
	seen.Settle()
	d := &Dialer{Plan: p, Seen: seen, request: r, process: process, ended: make(chan struct{})}
	d.unix.init()
	return d, nil
}

// netRequest returns the part of r that is about the network.
func netRequest(r *request.Request) *request.Request {
	inet := request.NewForward(r.Base, "", false)
	inet.Names = r.Names
	return with(inet, r)
}

// unixRequest returns the part of r that is about UNIX sockets.
func unixRequest(r *request.Request) *request.Request {
	whole := request.NewForward(r.Base, r.User, true)
	whole.Names = nil
	return with(whole, r)
}

// with adds what all parts have in common.
func with(part, r *request.Request) *request.Request {
	part.Program, part.Via, part.Call, part.Client, part.Audit = r.Program, r.Via, r.Call, r.Client, r.Audit
	return part
}

// Print prints the plans: that of sockets of TCP and UDP and, if the request is for UNIX sockets too, that of one of these.
func (d *Dialer) Print(w io.Writer, form request.Output) error {
	plans := []*plan.Plan{d.Plan}
	if d.request.Forward.Unix {
		p, err := d.unixPlan()
		if err != nil {
			return err
		}
		plans = append(plans, p.plan)
	}
	return plan.PrintAll(w, form, plans)
}

// Start starts the thread that makes sockets.
func (d *Dialer) Start() error {
	var err error
	if d.threads, err = join.StartSockets(d.Plan, held(d.Seen)); err != nil {
		return d.Seen.Explain(netRequest(d.request), err)
	}
	d.cookie, err = d.readCookie()
	if err != nil {
		d.threads.Close()
		return err
	}
	go d.awaitEnd()
	return nil
}

// held returns the open files that plans made from seen need.
func held(seen *observe.Observation) join.Held {
	h := join.Held{
		Sources: make(map[int]join.Source), Paths: seen.Paths, Cgroups: seen.Cgroups, Into: seen.CgroupDir,
		TakeBack: seen.MoveToOwnFreezer, Stuck: seen.Stuck,
	}
	for pid, source := range seen.Processes {
		h.Sources[pid] = join.Source{Pidfd: source.SetnsPidfd(), Namespaces: source.Namespaces}
	}
	return h
}

// awaitEnd ends the dialer when the container's first process ends.
func (d *Dialer) awaitEnd() {
	for {
		fds := []unix.PollFd{{Fd: int32(d.process.Pidfd.Fd()), Events: unix.POLLIN}}
		if n, _ := unix.Poll(fds, -1); n > 0 {
			d.fail(nil)
			return
		}
	}
}

// fail ends the dialer; nil says that the container's first process has ended.
func (d *Dialer) fail(err error) {
	d.end.Do(func() {
		d.err = err
		close(d.ended)
	})
}

// Ended is closed when the container's first process has ended, or when a process of the container has tried to pass
// something else than a socket. Err then says which: nil for the first. The caller then calls Close.
func (d *Dialer) Ended() <-chan struct{} { return d.ended }

// Err returns why the dialer has ended.
func (d *Dialer) Err() error {
	<-d.ended
	return d.err
}

// Socket makes a socket in the container's network namespace, neither bound nor connected. family is unix.AF_INET or
// unix.AF_INET6, typ unix.SOCK_STREAM or unix.SOCK_DGRAM without flags. What is done with the socket later is done there too,
// whoever does it, with the rights of whoever does it.
func (d *Dialer) Socket(family, typ, protocol int) (fd int, err error) {
	fds, err := d.Sockets(family, typ, protocol, 1)
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// Sockets is Socket for n sockets. It returns those that could be made if there is at least one.
func (d *Dialer) Sockets(family, typ, protocol, n int) ([]int, error) {
	if family != unix.AF_INET && family != unix.AF_INET6 || typ != unix.SOCK_STREAM && typ != unix.SOCK_DGRAM {
		return nil, fmt.Errorf("make a socket in the network of %q: %w", d.Plan.Target, unix.EPROTONOSUPPORT)
	}
	return d.threads.Make(family, typ, protocol, n)
}

// Listening returns the sockets of the container's network that wait for connections, with or without their programs, which
// take much longer to find.
func (d *Dialer) Listening(programs bool) ([]message.Waiting, error) {
	list, err := d.Seen.Listening(d.process.PID, programs)
	if err != nil {
		return nil, fmt.Errorf("list the sockets of %q: %w", d.Plan.Target, err)
	}
	return list, nil
}

// Names returns the container's files about names, made from what the engine says.
func (d *Dialer) Names() message.Names {
	n := d.Plan.Names
	return message.Names{Resolv: []byte(n.Text(names.ResolvConf)), Hosts: []byte(n.Text(names.HostsFile))}
}

// Close ends the processes that still connect, removes the files of bound sockets, and ends the dialer's thread. It takes
// up to two seconds. Call it once; nothing may be called afterwards.
func (d *Dialer) Close() {
	d.unix.closing.Store(true)
	d.unix.waitForAll()
	d.unix.removeAll()
	d.threads.Close()
}
