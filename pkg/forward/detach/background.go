// Package detach runs the call of a program again, in a session of its own that outlives the terminal. The first
// process prints what the second one says until that is ready.
package detach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Arg is the first argument of a process in the background. The others are those of the call.
const Arg = "--docker-nsjoin-in-background"

// message is what the process in the background says, one JSON object a line on its standard output.
type message struct {
	Out    string `json:"out,omitempty"`    // for standard output
	Err    string `json:"err,omitempty"`    // for standard error
	Note   string `json:"note,omitempty"`   // for standard error, if that is a terminal
	Ready  bool   `json:"ready,omitempty"`  // the process goes on alone
	Failed int    `json:"failed,omitempty"` // the process ends with this exit status
}

// Output is where the first process prints.
type Output struct {
	Out, Err io.Writer
	Note     func(string)
}

// ErrEnded means that the process in the background ended without a word.
var ErrEnded = errors.New("the process in the background has ended")

// endsWithin is how long the process in the background may take to remove what it has made, if it is not wanted any more.
const endsWithin = 30 * time.Second

// Start runs this program with the arguments of the call, without the variables in unset, and prints what it says until
// it is ready. status is its exit status if it has failed. If ctx ends before, the process ends too, and Start waits for that.
func Start(ctx context.Context, args, unset []string, to Output) (status int, err error) {
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	says, stdout, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer says.Close()
	defer stdout.Close()
	// The process ends if this one does before it is ready.
	stdin, holds, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer holds.Close()
	defer stdin.Close()
	cmd := exec.Command(program, slices.Concat([]string{Arg}, args[1:])...)
	cmd.Args[0] = args[0]
	cmd.Env = without(os.Environ(), unset)
	cmd.Stdin, cmd.Stdout, cmd.SysProcAttr = stdin, stdout, apart()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start a process in the background: %w", err)
	}
	stdout.Close()
	stdin.Close()
	unwanted := func() {
		holds.Close()
		time.AfterFunc(endsWithin, func() { _ = cmd.Process.Kill() })
	}
	defer context.AfterFunc(ctx, unwanted)()
	messages := json.NewDecoder(says)
	for {
		var m message
		if err := messages.Decode(&m); err != nil {
			if ctx.Err() != nil {
				_ = cmd.Wait()
				return 0, context.Cause(ctx)
			}
			holds.Close()
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return 0, ErrEnded
		}
		if ctx.Err() != nil {
			if m.Ready { // and so does not notice that it is not wanted
				end(cmd.Process)
			}
			continue
		}
		_, _ = io.WriteString(to.Out, m.Out)
		_, _ = io.WriteString(to.Err, m.Err)
		switch {
		case m.Note != "":
			to.Note(m.Note)
		case m.Failed != 0:
			_ = cmd.Wait()
			return m.Failed, nil
		case m.Ready:
			return 0, cmd.Process.Release()
		}
	}
}

// without returns an environment without some variables.
func without(env, names []string) []string {
	return slices.DeleteFunc(env, func(assignment string) bool {
		name, _, _ := strings.Cut(assignment, "=")
		return slices.Contains(names, name)
	})
}

// Starter is the first process, as the one in the background sees it.
type Starter struct {
	mu   sync.Mutex
	gone bool // or not needed any more
}

// Connect returns the process that has started this one. ended is called if it ends before Ready.
func Connect(ended func()) *Starter {
	s := &Starter{}
	outlive()
	closeInherited()
	go s.await(os.Stdin, ended)
	return s
}

// await waits until the first process has ended.
func (s *Starter) await(stdin *os.File, ended func()) {
	_, _ = stdin.Read(make([]byte, 1))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone {
		ended()
	}
}

// Out and Err are standard output and standard error of the first process, Note prints at its terminal. After Ready they
// drop everything.
func (s *Starter) Out() io.Writer { return writer(func(text string) { _ = s.say(message{Out: text}) }) }

// Err is described at Out.
func (s *Starter) Err() io.Writer { return writer(func(text string) { _ = s.say(message{Err: text}) }) }

// Note is described at Out.
func (s *Starter) Note(text string) { _ = s.say(message{Note: text}) }

// Ready lets the first process end, and leaves the working directory, which can be unmounted then. An error means that the
// first process has ended before.
func (s *Starter) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.sayLast()
	if err == nil {
		err = dropOutput()
	}
	if err == nil {
		err = os.Chdir("/")
	}
	return err
}

// sayLast says that this process is ready. s.mu is held from before that until gone is set: the first process ends as soon
// as it has read it, which is no reason to end too.
func (s *Starter) sayLast() error {
	s.gone = true
	return json.NewEncoder(os.Stdout).Encode(message{Ready: true})
}

// Failed tells the first process the exit status.
func (s *Starter) Failed(status int) { _ = s.say(message{Failed: status}) }

func (s *Starter) say(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

type writer func(string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}
