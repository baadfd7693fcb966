// Package confine parses hostile files in a second process of the plugin, which has given up its rights before it
// reads them. If a file exploits a parser, the process can use processor time and memory within its limits, and say
// something wrong about the file, which comes from the same attacker. What it says is bounded and validated.
//
// On Linux the process has no capabilities, no_new_privs, another user if it was root, limits, and a seccomp filter
// that permits reading its request, writing its answer and what Go's runtime needs, but no other file, process,
// socket or signal. Elsewhere it has limits, and another user if it was root; on Windows it has the caller's rights.
package confine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// Arg is the private argument that makes the plugin this process.
const Arg = "docker-nsjoin-parse"

// Limits of the protocol, in bytes, and of the time that an answer takes.
const (
	maxRequest = 32 << 20
	maxAnswer  = 1 << 20
	timeout    = 10 * time.Second
)

// question asks about one file, or about two that belong together.
type question struct {
	Program *program.File `json:",omitempty"`
	Account *account      `json:",omitempty"`
	Paths   *paths        `json:",omitempty"`
}

type account struct {
	Spec          string
	Groups        []string
	Passwd, Group []byte
}

type paths struct {
	Text []byte
	Musl bool
}

// answer has what was asked for.
type answer struct {
	Ready   bool             `json:",omitempty"` // the first answer, to no question
	Failed  string           `json:",omitempty"` // why the process could not give up its rights
	Program *program.Facts   `json:",omitempty"`
	Account *program.Account `json:",omitempty"`
	Paths   *program.Paths   `json:",omitempty"`
}

// Parser is the parent's side of the process.
type Parser struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

// Start starts the process, and returns once it has given up its rights.
func Start() (*Parser, error) {
	p, err := start()
	if err != nil {
		return nil, fmt.Errorf("start the process that reads the container's files: %w", err)
	}
	first, err := p.receive()
	switch {
	case err == nil && first.Failed != "":
		err = errors.New(first.Failed)
	case err == nil && !first.Ready:
		err = errors.New("it is not ready")
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("the process that reads the container's files cannot give up its rights: %w", err)
	}
	return p, nil
}

func start() (*Parser, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Parser{cmd: exec.Command(self, Arg)}
	p.cmd.Dir = os.TempDir()
	p.cmd.Env = environment()
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// Close ends the process.
func (p *Parser) Close() {
	p.in.Close()
	_ = p.cmd.Process.Kill() // it has nothing to finish
	_ = p.cmd.Wait()
}

// PID returns the process's number.
func (p *Parser) PID() int { return p.cmd.Process.Pid }

// Program returns the facts about a program's file.
func (p *Parser) Program(f program.File) (program.Facts, error) {
	a, err := p.ask(question{Program: &f})
	if err == nil && a.Program == nil {
		err = errNoAnswer
	}
	if err == nil {
		err = a.Program.Check(f)
	}
	if err != nil {
		return program.Facts{}, fmt.Errorf("parse a program: %w", err)
	}
	return *a.Program, nil
}

// Account finds a user as program.ParseAccount does.
func (p *Parser) Account(spec string, groups []string, passwd, group []byte) (program.Account, error) {
	a, err := p.ask(question{Account: &account{spec, groups, passwd, group}})
	if err == nil && a.Account == nil {
		err = errNoAnswer
	}
	if err == nil {
		err = a.Account.Check()
	}
	if err != nil {
		return program.Account{}, fmt.Errorf("parse /etc/passwd and /etc/group: %w", err)
	}
	return *a.Account, nil
}

// Paths reads the configuration of a dynamic loader as program.ParsePaths does.
func (p *Parser) Paths(text []byte, musl bool) (program.Paths, error) {
	a, err := p.ask(question{Paths: &paths{text, musl}})
	if err == nil && a.Paths == nil {
		err = errNoAnswer
	}
	if err == nil {
		err = a.Paths.Check()
	}
	if err != nil {
		return program.Paths{}, fmt.Errorf("parse the loader's configuration: %w", err)
	}
	return *a.Paths, nil
}

var errNoAnswer = errors.New("the process answered something else")

// ask sends a question and receives the answer. A process that takes too long is killed.
func (p *Parser) ask(q question) (answer, error) {
	late := time.AfterFunc(timeout, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if err := send(p.in, q, maxRequest); err != nil {
		return answer{}, err
	}
	return p.receive()
}

func (p *Parser) receive() (answer, error) {
	var a answer
	err := receive(p.out, &a, maxAnswer)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the process has ended")
	}
	return a, err
}

// send writes a value in JSON after its length.
func send(w io.Writer, value any, limit int) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if len(text) > limit {
		return fmt.Errorf("a message of %d bytes", len(text))
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)) //nolint:gosec // below limit
	return err
}

// receive reads what send writes.
func receive(r io.Reader, value any, limit int) error {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if int64(n) > int64(limit) {
		return fmt.Errorf("a message of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}
