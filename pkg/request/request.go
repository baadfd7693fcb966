// Package request holds what was asked: the one document that passes from the
// plugin, which speaks to the engine, to the helper, which speaks to the
// kernel. It is pure.
package request

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Version is of the document's form. Plugin and helper are built together, so
// another one means that they were mixed up.
const Version = 1

// maxSize bounds a request, in bytes: the kernel's own bound for arguments and
// environment is 6 MiB at most, and JSON may escape.
const maxSize = 64 << 20

// Terminal says whether the command gets a terminal of its own.
type Terminal string

// When the command gets a terminal.
const (
	TerminalAuto   Terminal = "auto"   // no option says: at the caller's terminal, with its input
	TerminalAlways Terminal = "always" // -t
	TerminalNever  Terminal = "never"  // -T, -t=false, or -i without -t
)

// Output is the form that a plan is printed in.
type Output string

// The forms of a printed plan; "" prints none and runs the command.
const (
	OutputNone Output = ""
	OutputText Output = "text"
	OutputJSON Output = "json"
)

// Request is what was asked.
type Request struct {
	Version int `json:"version"`
	// Base gives the kinds in Take.
	Base Source `json:"base"`
	Take ns.Set `json:"take"`
	// Overrides names the source of single kinds. It has priority over Base and Take.
	Overrides map[ns.Kind]Source `json:"overrides,omitempty"`
	// Command and its arguments; none means the user's login shell.
	Command Words `json:"command,omitempty"`
	// NotFoundHint is the hint when the command is not found; "" for none.
	NotFoundHint string `json:"notFoundHint,omitempty"`
	// CallerEnv is the environment of who called, for a command that runs as him.
	CallerEnv Words `json:"callerEnv"`
	Exec
	// TrustContainer runs a command that processes of a container could take over.
	TrustContainer bool     `json:"trustContainer,omitempty"`
	Terminal       Terminal `json:"terminal"`
	// DetachKeys are the bytes that, typed at a terminal, leave the command to
	// itself; none for no such keys.
	DetachKeys []byte `json:"detachKeys,omitempty"`
	DryRun     Output `json:"dryRun,omitempty"`
	// Inspect says that a plan is made to tell who a command would be, also where none could run
	// for now: in a container that is paused.
	Inspect bool `json:"inspect,omitempty"`
	// Survey asks for a survey.Survey as JSON in place of a command.
	Survey *Survey `json:"survey,omitempty"`
	// Via is the way to the engine's host and why it was chosen, for the plan.
	Via string `json:"via,omitempty"`
	// Call is "" where no container of the engine is made.
	Call Call `json:"call,omitempty"`
	// Client is nil where the helper is in the caller's own place.
	Client *Client `json:"client,omitempty"`
	// Audit is what the client asks of the records of the join.
	Audit audit.Request `json:"audit"`
}

// Survey asks who is in which namespaces.
type Survey struct {
	// Containers are the ones to find.
	Containers []Claim `json:"containers"`
	// Held asks for what keeps namespaces besides processes: mounts, descriptors.
	Held bool `json:"held,omitempty"`
}

// Claim is what the engine says of a container: its full ID, and the number of
// its first process, or 0 where the engine wasn't asked for that.
type Claim struct {
	ID  string `json:"id"`
	PID int    `json:"pid,omitempty"`
}

// Client is a caller that a helper in a container of the engine has: he may be on
// another machine. The helper's standard input is in frames then (package frame),
// and the host is the engine's: the process that started the helper's container.
type Client struct {
	Streams Streams `json:"streams"`
	// Null says which of its standard streams are the null device, and OneOutput that
	// its standard output and error are the same file, in which the order is kept.
	Null      [3]bool `json:"null"`
	OneOutput bool    `json:"oneOutput,omitempty"`
	// InputFile says that its standard input is a regular file: what the command does
	// not read of it is given back. InputWaits says that there is something to be read.
	InputFile  bool `json:"inputFile,omitempty"`
	InputWaits bool `json:"inputWaits,omitempty"`
	// Rows and Columns are the size of his terminal; 0 for none.
	Rows    uint16 `json:"rows,omitempty"`
	Columns uint16 `json:"columns,omitempty"`
}

// Streams is what is known of a caller's standard streams.
type Streams struct {
	// InputTerminal and OutputTerminal say that the stream is a terminal, ErrorsTerminal
	// that standard error is the same terminal as standard output.
	InputTerminal  bool `json:"inputTerminal,omitempty"`
	OutputTerminal bool `json:"outputTerminal,omitempty"`
	ErrorsTerminal bool `json:"errorsTerminal,omitempty"`
	// Foreground says that standard input is the caller's controlling terminal, and that
	// the caller is in the foreground there.
	Foreground bool `json:"foreground,omitempty"`
}

// Exec is what docker exec's options say of a command. They mean the same here.
type Exec struct {
	// User is NAME or UID, with or without :GROUP or :GID; "" is the container's.
	User string `json:"user,omitempty"`
	// Dir is the working directory; "" is the container's.
	Dir Word `json:"dir,omitempty"`
	// Env are assignments, and names of variables that are to be unset.
	Env Words `json:"env,omitempty"`
	// Privileged gives all capabilities. The seccomp filter stays, as with docker exec.
	Privileged bool `json:"privileged,omitempty"`
	// Detach starts the command and doesn't attend it.
	Detach bool `json:"detach,omitempty"`
	// Interactive passes the caller's standard input on.
	Interactive bool `json:"interactive,omitempty"`
}

// Source is where kind k comes from. A new one is not a place: where it is a copy,
// this says of what.
func (r *Request) Source(k ns.Kind) Source {
	if s, ok := r.Overrides[k]; ok && (s.From != FromNew || !ns.Copied(k)) {
		return s
	}
	if r.Take.Has(k) {
		return r.Base
	}
	return Host()
}

// New tells whether kind k is to be a new one.
func (r *Request) New(k ns.Kind) bool { return r.Overrides[k].From == FromNew }

// Write writes r as Read reads it.
func (r *Request) Write(w io.Writer) error {
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	return nil
}

// Read reads one request and refuses one of another version.
func Read(from io.Reader) (*Request, error) {
	var r Request
	text, err := io.ReadAll(io.LimitReader(from, maxSize))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("read request: version %d, this helper knows %d", r.Version, Version)
	}
	return &r, nil
}
