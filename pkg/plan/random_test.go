package plan_test

import (
	"io/fs"
	"math/rand/v2"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func anySet(random *rand.Rand) ns.Set { return ns.Set(random.Uint32()) & ns.All() }

func anyOf[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

func oneIn(random *rand.Rand, n int) bool { return random.IntN(n) == 0 }

// anyProcess returns one of three processes, which share different kinds with the helper.
func anyProcess(random *rand.Rand) plan.Process {
	return anyOf(random,
		process(webPID, ns.All()),
		process(appPID, docker()),
		process(4300, ns.SetOf(ns.Net, ns.Time, ns.User)))
}

func anyRequest(random *rand.Rand) *request.Request {
	r := asked()
	r.Take = anySet(random)
	r.Terminal = anyOf(random, request.TerminalAuto, request.TerminalAlways, request.TerminalNever)
	r.Command = anyOf(random, nil, []string{"ls"}, []string{"ls", ""}, []string{"/bin/ls"}, []string{"ls", "-l"})
	if oneIn(random, 50) {
		r.Command = []string{""}
	}
	r.Exec = anyExec(random)
	r.DetachKeys = anyOf(random, nil, []byte{16, 17})
	r.Overrides = make(map[ns.Kind]request.Source)
	for _, k := range anySet(random).Kinds() {
		if oneIn(random, 3) {
			r.Overrides[k] = anyOf(random, source("app"), request.Host())
		}
	}
	return r
}

func anyExec(random *rand.Rand) request.Exec {
	e := request.Exec{
		Dir: anyOf(random, "", "", request.Word("/srv"), "/"), Privileged: oneIn(random, 3), Detach: oneIn(random, 4), Interactive: oneIn(random, 2),
		Env: anyOf(random, nil, []string{"A=1", "HOSTNAME"}, []string{"PATH=/opt", "TERM=foot"}, []string{"HOME="}),
	}
	if oneIn(random, 10) {
		e.User = "1000:1000"
	}
	if oneIn(random, 30) {
		e.Dir = "srv"
	}
	return e
}

// anyOverrides returns a process for each source in r.Overrides.
func anyOverrides(random *rand.Rand, r *request.Request) map[ns.Kind]plan.Process {
	found := make(map[ns.Kind]plan.Process)
	for _, k := range ns.Kinds() { // the order of a map would not depend on the seed alone
		s, ok := r.Overrides[k]
		if !ok {
			continue
		}
		found[k] = helper()
		if s != request.Host() {
			found[k] = anyProcess(random)
		}
	}
	return found
}

func anyObserved(random *rand.Rand) *plan.Observed {
	o := observed()
	o.Base = anyProcess(random)
	if oneIn(random, 10) {
		o.Base = helper()
	}
	if oneIn(random, 50) {
		delete(o.Base.Namespaces, anyOf(random, ns.Kinds()...)) // as of a zombie
	}
	o.Capabilities = plan.CapSet(random.Uint64())
	o.Streams.InputTerminal, o.Streams.OutputTerminal, o.Streams.Foreground = !oneIn(random, 3), oneIn(random, 2), oneIn(random, 2)
	o.Streams.ErrorsTerminal = oneIn(random, 2)
	o.SetgroupsDenied = oneIn(random, 2)
	if oneIn(random, 20) {
		o.TargetProcess = nil
		return o
	}
	s := o.TargetProcess
	s.Spec.UID, s.Spec.GID = random.Uint32(), random.Uint32()
	for _, set := range []*plan.CapSet{
		&s.Spec.Capabilities.Effective, &s.Spec.Capabilities.Permitted, &s.Spec.Capabilities.Bounding,
		&s.Spec.Capabilities.Inheritable, &s.Spec.Capabilities.Ambient,
	} {
		*set = plan.CapSet(random.Uint64())
	}
	s.Spec.NoNewPrivileges, s.Spec.Seccomp, s.Spec.Terminal = oneIn(random, 2), oneIn(random, 2), oneIn(random, 2)
	s.Filters = slices.Repeat([]plan.Filter{{Program: allowing(1)}}, random.IntN(4))
	s.ContainerID = anyOf(random, containerID, "")
	if oneIn(random, 20) {
		s.FiltersErr = fs.ErrPermission
	}
	if oneIn(random, 20) {
		s.AccountErr = fs.ErrPermission
	}
	return o
}
