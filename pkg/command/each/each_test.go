package each

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/job"
	"github.com/nsjoin/docker-nsjoin/pkg/lines"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// newTestCall makes a call whose output is written to out.
func newTestCall(t *testing.T, out io.Writer, names ...string) *call {
	t.Helper()
	c := &call{
		options: &options{}, cli: dockercli.New(exit.Plugin, nil, "", nil), template: &request.Request{}, stops: newStops(),
		printer: lines.NewPrinter(out, io.Discard, lines.Options{}, nil),
	}
	c.quiet = true
	for _, name := range names {
		c.targets = append(c.targets, newTarget(name))
	}
	c.outputs = newOutputs(c)
	t.Cleanup(c.outputs.watch())
	t.Cleanup(c.stops.cancel)
	return c
}

func newTarget(name string) target {
	id := fmt.Sprintf("%064x", name)
	return target{Chosen: selection.Chosen{Container: engine.Container{ID: id, Name: name}}, host: &host{Host: &enginehost.Host{}, watch: newWatch()}}
}

func label(name string) lines.Label { return lines.Label{Container: name} }

func TestStops(t *testing.T) {
	closed := func(c chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	s := newStops()
	s.begin(sigterm, otherFailed)
	s.begin(sigterm, outputLost)
	if n, cause := s.signal(); n != sigterm || cause != otherFailed || s.status() != 0 || !closed(s.stop) || closed(s.again) {
		t.Errorf("after a failure: %d, %q, status %d", n, cause, s.status())
	}
	s.begin(2, "")
	if n, cause := s.signal(); n != 2 || cause != "" || s.status() != 130 || !closed(s.again) || closed(s.kill) {
		t.Errorf("after ctrl-c: %d, %q, status %d", n, cause, s.status())
	}
	s.begin(sigterm, otherFailed)
	if closed(s.kill) {
		t.Error("a failure kills")
	}
	s.begin(2, "")
	s.begin(2, "")
	if !closed(s.kill) || s.status() != 130 {
		t.Error("the second ctrl-c does not kill")
	}
}

// The Docker CLI closes its socket at a signal that this process gets as well: that is one signal, which does not kill.
func TestSignalOfTheCLIToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, both := range []bool{true, false} {
			s := newStops()
			defer s.cancel()
			caught, closed, done := make(chan os.Signal, 8), make(chan struct{}), make(chan struct{})
			close(closed)
			go s.follow(caught, closed, func() bool { return false }, done)
			synctest.Wait()
			want := exit.Signalled(sigterm)
			if both {
				caught <- os.Interrupt
				want = exit.Signalled(2)
			}
			time.Sleep(time.Second)
			select {
			case <-s.kill:
				t.Error("it kills")
			default:
			}
			if s.status() != want {
				t.Errorf("status %d, want %d", s.status(), want)
			}
			close(done)
		}
	})
}

// What keeps someone waiting is left a second after the commands were told to end.
func TestStopsEndWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStops()
		defer s.cancel()
		time.AfterFunc(time.Minute, func() { s.begin(2, "") })
		began := time.Now()
		s.wait(make(chan struct{}))
		if waited := time.Since(began); waited != time.Minute+time.Second {
			t.Errorf("waited for %s", waited)
		}
	})
}

func TestSummaryStatus(t *testing.T) {
	for _, row := range []struct {
		name     string
		failures []result
		results  []result
		stop     int
		cause    string
		want     int
	}{
		{"all well", nil, []result{{label: label("a")}}, 0, "", 0},
		{"the highest", nil, []result{{label: label("a"), status: 3}, {label: label("b"), status: 2}}, 0, "", 3},
		{"those that another's failure ended do not count", nil, []result{
			{label: label("a"), status: 3}, {label: label("b"), status: 143, why: otherFailed, forced: true}, {label: label("c"), status: exit.Failed, why: notRun, forced: true},
		}, sigterm, otherFailed, 3},
		{"only those", nil, []result{{label: label("b"), status: exit.Failed, why: notRun, forced: true}}, 0, "", exit.Failed},
		{"a signal", nil, []result{{label: label("a"), status: 143}, {label: label("b"), status: exit.Failed, why: notRun, forced: true}}, 2, "", 130},
		{"an engine", []result{{label: lines.Label{Context: "x"}, status: exit.Failed, why: noAnswer}}, []result{{label: label("a"), status: 3}}, 0, "", exit.Failed},
	} {
		c := newTestCall(t, io.Discard)
		c.failures = row.failures
		if row.stop != 0 {
			c.stops.begin(row.stop, row.cause)
		}
		if got := exit.Status(c.summary(row.results)); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}

// The output of a command that has ended well may not have been written.
func TestLostOutput(t *testing.T) {
	c := newTestCall(t, fullDisk{})
	s := c.printer.Open(label("web"), 0)
	_, _ = io.WriteString(s.Stdout(), "text\n")
	s.Close()
	if got := exit.Status(c.summary([]result{{label: label("web")}})); got != exit.Failed {
		t.Errorf("status %d", got)
	}
	if _, cause := c.stops.signal(); cause != outputLost {
		t.Errorf("the others are ended for %q", cause)
	}
}

func TestSummaryText(t *testing.T) {
	cause := exit.Hint(errors.New("container \"x\" is paused"), "docker unpause %s", "x")
	c := newTestCall(t, io.Discard)
	f := failures{names: make(map[string][]string), hints: make(map[string]string), total: 9}
	lost := c.failure(exit.Hint(errors.New("node n1 does not answer"), "docker nsjoin each --help"))
	for _, name := range []string{"api.1", "api.2"} {
		lost.label = label(name)
		f.add(lost)
	}
	f.add(result{label: lines.Label{Context: "eu"}, why: noAnswer})
	f.add(result{label: lines.Label{Context: "us", Container: "b"}, status: 3})
	f.add(result{label: lines.Label{Context: "us", Container: "a"}, status: 3})
	for _, name := range []string{"web1", "web2"} {
		target := newTarget(name)
		text := strings.ReplaceAll(cause.Error(), "x", target.ID)
		r := c.failure(target.named(exit.Hint(errors.New(text), "docker unpause %s", target.ID)))
		r.label = target.label()
		f.add(r)
	}
	const want = `6 of 9 failed, 1 engine was not reached
  node n1 does not answer: api.1, api.2
  the engine does not answer: context eu
  exit status 3: us/a, us/b
  its container is paused: web1, web2
hint: docker nsjoin each --help
hint: docker unpause CONTAINER
`
	if got := f.count() + "\n" + f.text(); got != want {
		t.Errorf("%s", got)
	}
}

// Only the container itself can be gone: another one that an option names is a mistake.
func TestNotBegun(t *testing.T) {
	c := newTestCall(t, io.Discard)
	web := newTarget("web")
	for _, row := range []struct {
		err     error
		why     string
		stopped bool
	}{
		{&engine.NoContainerError{Name: web.ID}, "its container is gone", true},
		{&engine.NotRunningError{Name: web.ID, State: "has exited"}, "its container has exited", true},
		{&engine.NoContainerError{Name: "typo"}, `no such container: "typo"`, false},
		{&engine.NotRunningError{Name: "db", State: "has exited"}, `container "db" has exited`, false},
		{errors.New(`container "web" is paused`), "its container is paused", false},
	} {
		if r := c.notBegun(t.Context(), web, row.err); r.why != row.why || r.stopped != row.stopped || r.status != exit.Failed {
			t.Errorf("%v: %+v", row.err, r)
		}
	}
	web.host.watch.lose()
	if r := c.notBegun(t.Context(), web, errors.New("x")); r.why != noAnswer {
		t.Errorf("lost: %+v", r)
	}
}

// A name that no engine has is named beside the engines that have not answered.
func TestMissingNames(t *testing.T) {
	c := newTestCall(t, io.Discard)
	c.query.Names = []string{"web", "typo"}
	missing := map[string]int{"web": 1, "typo": 2}
	if err := c.checkFound(missing, 2); err == nil || !strings.Contains(err.Error(), "no running container: typo") {
		t.Errorf("%v", err)
	}
	c.failures = []result{{label: lines.Label{Context: "eu"}, status: exit.Failed, why: noAnswer}}
	if err := c.checkFound(missing, 2); err != nil || len(c.failures) != 2 || c.failures[1].label.Container != "typo" {
		t.Errorf("%v, %+v", err, c.failures)
	}
}

// An input from a pipe would wait for a group, and that group for another one, which waits for the input.
func TestGroupWithPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.Close()
	stdin := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = stdin }()
	c := newTestCall(t, io.Discard, "a", "b")
	c.template.Interactive, c.group = true, true
	if _, err := c.newInput(); err == nil || !strings.Contains(err.Error(), "--group") {
		t.Errorf("%v", err)
	}
}

// fakeHelper is a helper whose standard input may be stuck.
type fakeHelper struct {
	signals chan byte     // gets the signals that it is sent; nil for a stream that is full
	done    chan struct{} // closed when it has ended
	once    sync.Once
	status  int
}

func newFakeHelper(status int) *fakeHelper {
	return &fakeHelper{signals: make(chan byte, 8), done: make(chan struct{}), status: status}
}

func (h *fakeHelper) end() { h.once.Do(func() { close(h.done) }) }

func (h *fakeHelper) Write(b []byte) (int, error) {
	switch {
	case h.signals == nil:
		<-h.done
		return 0, io.ErrClosedPipe
	case frame.Kind(b[0]) == frame.Signal:
		h.signals <- b[len(b)-1]
	}
	return len(b), nil
}

func (h *fakeHelper) Output(_, stderr io.Writer) error {
	<-h.done
	return frame.NewWriter(stderr).Exit(h.status, 0)
}

func (h *fakeHelper) Wait() (int, error) {
	<-h.done
	return h.status, nil
}

func (h *fakeHelper) MayLeave() bool { return false }
func (h *fakeHelper) Close()         { h.end() }

func (c *call) testWait(web target, h *fakeHelper) result {
	s := c.printer.Open(web.label(), 0)
	return c.wait(web, begun{Job: job.Start(h, s.Stdout(), s.Stderr())}, s, nil, nil)
}

// A command that has ended by itself has not timed out, if both is so when somebody looks.
func TestEndedBeforeTheLimit(t *testing.T) {
	for range 100 {
		c := newTestCall(t, io.Discard)
		h := newFakeHelper(3)
		h.end()
		s := c.printer.Open(label("web"), 0)
		j := job.Start(h, s.Stdout(), s.Stderr())
		<-j.Done()
		late, slow := make(chan time.Time, 1), make(chan struct{})
		late <- time.Now()
		close(slow)
		if r := c.wait(newTarget("web"), begun{Job: j}, s, late, slow); r.status != 3 || r.why != "" {
			t.Fatalf("%+v", r)
		}
	}
}

// A helper that takes no signal keeps nobody from hanging up.
func TestStuckSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCall(t, io.Discard)
		h := newFakeHelper(0)
		h.signals = nil
		c.stops.begin(2, "")
		began := time.Now()
		c.testWait(newTarget("web"), h)
		if waited := time.Since(began); waited != grace+hangUp {
			t.Errorf("waited for %s", waited)
		}
	})
}

// What another command's failure ended has not failed itself, and ctrl-c after that is passed on.
func TestForcedEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCall(t, io.Discard)
		h := newFakeHelper(143)
		results := make(chan result, 1)
		go func() { results <- c.testWait(newTarget("web"), h) }()
		c.stops.begin(sigterm, otherFailed)
		if got := <-h.signals; got != sigterm {
			t.Errorf("signal %d", got)
		}
		c.stops.begin(2, "")
		if got := <-h.signals; got != 2 {
			t.Errorf("signal %d", got)
		}
		h.end()
		if r := <-results; r.status != 143 || r.why != otherFailed || !r.forced {
			t.Errorf("%+v", r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := newTestCall(t, io.Discard)
		h := newFakeHelper(3)
		h.end()
		synctest.Wait()
		if r := c.testWait(newTarget("web"), h); r.status != 3 || r.forced {
			t.Errorf("it has ended by itself: %+v", r)
		}
	})
}

// A command whose helper needs no engine outlasts it.
func TestLostEngine(t *testing.T) {
	for _, here := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newTestCall(t, io.Discard)
			web, h := newTarget("web"), newFakeHelper(0)
			web.host.watch.lose()
			time.AfterFunc(time.Minute, h.end)
			s := c.printer.Open(web.label(), 0)
			r := c.wait(web, begun{Job: job.Start(h, s.Stdout(), s.Stderr()), here: here}, s, nil, nil)
			if here != (r.why == "") {
				t.Errorf("here: %t, %+v", here, r)
			}
			h.end()
		})
	}
}

// hangingEngine lists a container and answers nothing else, also at a socket of this machine. Wine has no UNIX sockets.
func hangingEngine(t *testing.T, id string) {
	t.Helper()
	network, address := "unix", t.TempDir()+"/s"
	if runtime.GOOS == "windows" {
		network, address = "tcp", "127.0.0.1:0"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // a test's
		if strings.HasSuffix(r.URL.Path, "/containers/json") {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `[{"Id": %q, "Names": ["/web"], "State": "running"}]`, id)
			return
		}
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		close(ended)
		server.Close()
	})
	t.Setenv("DOCKER_HOST", network+"://"+listener.Addr().String())
	t.Setenv("DOCKER_API_VERSION", "1.41")
}

// An engine that hangs does not hang the call, whoever reaches it, and another try is in vain.
func TestHangingEngine(t *testing.T) {
	web := newTarget("web")
	hangingEngine(t, web.ID)
	cli := dockercli.New(exit.Plugin, nil, "", nil)
	o := &options{}
	o.Words = cli.Words
	o.addTo(&cobra.Command{})
	o.all, o.quiet, o.retry = true, true, 1<<30
	c, err := o.newCall(cli, []string{"true"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.hosts[0].watch.interval, c.hosts[0].watch.timeout = time.Millisecond, time.Millisecond
	if err := c.find(t.Context()); err != nil || len(c.targets) != 1 {
		t.Fatalf("%v, %+v", err, c.targets)
	}
	if err := c.run(t.Context()); exit.Status(err) != exit.Failed {
		t.Errorf("%v", err)
	}
}

// Two contexts of one engine would run each command twice.
func TestContextsOfOneEngine(t *testing.T) {
	hangingEngine(t, "")
	cli := dockercli.New(exit.Plugin, nil, "", nil)
	c := &call{options: &options{}, cli: cli}
	defer c.close()
	if err := c.open(cli, "eu"); err != nil {
		t.Fatal(err)
	}
	if err := c.distinct(); err != nil {
		t.Error(err)
	}
	if err := c.open(cli, "us"); err != nil {
		t.Fatal(err)
	}
	if err := c.distinct(); err == nil || !strings.Contains(err.Error(), `the contexts "eu" and "us" are the same engine`) {
		t.Errorf("%v", err)
	}
}

func TestMisuse(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{" -- true", "a container's name is empty"},
		{"/ -- true", "a container's name is empty"},
		{"container: -- true", "a container's name is empty"},
		{"--all --project= -- true", "--project is empty"},
		{"--all --service= -- true", "--service is empty"},
		{"--all --context= -- true", "--context is empty"},
		{"--all --context=a, -- true", "--context is empty"},
	} {
		cmd := New(dockercli.New(exit.Plugin, nil, "", nil))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(strings.Split(row.args, " "))
		if err := cmd.ExecuteContext(context.Background()); err == nil || err.Error() != row.want {
			t.Errorf("%s: %v, want %q", row.args, err, row.want)
		}
	}
}

func TestBrokenPipeIsNoLoss(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	c := newTestCall(t, w)
	s := c.printer.Open(label("web"), 0)
	_, _ = io.WriteString(s.Stdout(), "text\n")
	s.Close()
	if err := c.summary([]result{{label: label("web")}}); err != nil || !c.outputs.unread() {
		t.Errorf("%v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
