// Package request defines the request: the JSON document that the plugin, which talks to the
// engine, sends to the helper, which talks to the kernel. The package does no I/O of its own.
package request

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Version is the version of the document's format. Plugin and helper are built together, so
// a different version means that they do not belong together.
const Version = 1

// maxSize is the largest request, in bytes. The kernel limits arguments and environment to
// 6 MiB, which JSON's escapes can multiply.
const maxSize = 64 << 20

// Terminal says whether the command gets a new terminal.
type Terminal string

// The values of Terminal.
const (
	TerminalAuto   Terminal = "auto"   // no option given: if the caller is at a terminal
	TerminalAlways Terminal = "always" // -t
	TerminalNever  Terminal = "never"  // -T, -t=false, or -i without -t
)

// Output is the format in which a plan is printed.
type Output string

// The values of Output. With OutputNone the command runs.
const (
	OutputNone Output = ""
	OutputText Output = "text"
	OutputJSON Output = "json"
)

// Request is what the user asks for, completed by what the engine knows of the containers.
type Request struct {
	Version int `json:"version"`
	// Program is what the user typed to start docker nsjoin, for messages; "" for docker nsjoin.
	Program string `json:"program,omitempty"`
	// Base is the source of the kinds in Take.
	Base Source `json:"base"`
	Take ns.Set `json:"take"`
	// Overrides has the sources of single kinds. They have priority over Base and Take.
	Overrides map[ns.Kind]Source `json:"overrides,omitempty"`
	// Names says whose names the command sees; nil for those of its file system.
	Names *Names `json:"names,omitempty"`
	// Command is the command with its arguments; empty for the user's login shell.
	Command Words `json:"command,omitempty"`
	// NotFoundHint is the hint when the command is not found; "" for none.
	NotFoundHint string `json:"notFoundHint,omitempty"`
	// CallerEnv is the caller's environment, for a command that runs as the caller.
	CallerEnv Words `json:"callerEnv"`
	Exec
	// TrustContainer runs the command even if processes of a container could take it over.
	TrustContainer bool     `json:"trustContainer,omitempty"`
	Terminal       Terminal `json:"terminal"`
	// DetachKeys are the bytes that detach from the command when typed at a terminal; empty for
	// none.
	DetachKeys []byte `json:"detachKeys,omitempty"`
	DryRun     Output `json:"dryRun,omitempty"`
	// Inspect means that the plan only shows the identity that a command would have. It is
	// made even if no command can run, as in a paused container.
	Inspect bool `json:"inspect,omitempty"`
	// Paused means that the command also runs if the container is paused: beside the cgroup that is frozen.
	Paused bool `json:"paused,omitempty"`
	// Survey asks for a survey.Survey as JSON instead of running a command.
	Survey *Survey `json:"survey,omitempty"`
	// Forward asks for sockets of the container Base instead of running a command; NewForward makes such a request.
	Forward *Forward `json:"forward,omitempty"`
	// View is the command's own root directory; nil for the container's.
	View *View `json:"view,omitempty"`
	// Remove is the path of a file of Base's, alone in its directory, that is removed with that before the command runs: the
	// program that runs in a copy of a container, and that the original does not have. "" for none.
	Remove Word `json:"remove,omitempty"`
	// Mount asks for a mount instead of running a command.
	Mount *Mount `json:"mount,omitempty"`
	// Via is the way to the engine's host and why it was chosen, for printing the plan.
	Via string `json:"via,omitempty"`
	// Call is "" if the helper does not run in a container of the engine.
	Call Call `json:"call,omitempty"`
	// Client is nil if the helper replaces the caller's process.
	Client *Client `json:"client,omitempty"`
	// Audit has the client's settings of the audit records.
	Audit audit.Request `json:"audit"`
}

// Survey asks which processes are in which namespaces.
type Survey struct {
	// Containers are the containers to find.
	Containers []Claim `json:"containers"`
	// Held asks also for mounts and descriptors that keep namespaces alive.
	Held bool `json:"held,omitempty"`
}

// Claim is what the engine says about a container, to be verified: its full ID, and the pid of
// its first process, or 0 if the engine was not asked for that.
type Claim struct {
	ID  string `json:"id"`
	PID int    `json:"pid,omitempty"`
}

// Client describes the caller of a helper whose standard input consists of frames (package frame).
// Unless it is Local, the helper is in a container of the engine, and the host's namespaces are those
// of the process that started that container; the caller may be on another machine.
type Client struct {
	// Local means that the helper is a child of the caller's.
	Local   bool    `json:"local,omitempty"`
	Streams Streams `json:"streams"`
	// Null says which of its standard streams are the null device. OneOutput means that its
	// standard output and standard error are the same file, whose order of writes is kept.
	Null      [3]bool `json:"null"`
	OneOutput bool    `json:"oneOutput,omitempty"`
	// InputFile means that its standard input is a regular file, whose offset is set back to
	// what the command has read. InputWaits means that there is data to read.
	InputFile  bool `json:"inputFile,omitempty"`
	InputWaits bool `json:"inputWaits,omitempty"`
	// SmallWindow means that it sends input by frame.SmallWindow, since there are many helpers.
	SmallWindow bool `json:"smallWindow,omitempty"`
	// Rows and Columns are the size of its terminal; 0 for none.
	Rows    uint16 `json:"rows,omitempty"`
	Columns uint16 `json:"columns,omitempty"`
}

// Streams describes the caller's standard streams.
type Streams struct {
	// InputTerminal and OutputTerminal mean that the stream is a terminal, ErrorsTerminal
	// that standard error is the same terminal as standard output.
	InputTerminal  bool `json:"inputTerminal,omitempty"`
	OutputTerminal bool `json:"outputTerminal,omitempty"`
	ErrorsTerminal bool `json:"errorsTerminal,omitempty"`
	// Foreground means that standard input is the caller's controlling terminal and that
	// the caller is in its foreground process group.
	Foreground bool `json:"foreground,omitempty"`
}

// Exec has the options of docker exec, with the same meaning.
type Exec struct {
	// User is NAME or UID, optionally with :GROUP or :GID; "" for the container's.
	User string `json:"user,omitempty"`
	// Dir is the working directory; "" for the container's.
	Dir Word `json:"dir,omitempty"`
	// Env has assignments, and names of variables to unset.
	Env Words `json:"env,omitempty"`
	// Privileged grants all capabilities. The seccomp filter stays, as with docker exec.
	Privileged bool `json:"privileged,omitempty"`
	// Profile grants what a debugger needs beyond the container's rights.
	Profile Profile `json:"profile,omitempty"`
	// Detach starts the command and does not wait for it.
	Detach bool `json:"detach,omitempty"`
	// Interactive passes the caller's standard input on.
	Interactive bool `json:"interactive,omitempty"`
}

// Source returns the source of kind k. For a new namespace that is a copy it is the source of
// the original.
func (r *Request) Source(k ns.Kind) Source {
	if s, ok := r.Overrides[k]; ok && (s.From != FromNew || !ns.Copied(k)) {
		return s
	}
	if r.Take.Has(k) {
		return r.Base
	}
	return Host()
}

// IsRemote reports whether the helper runs in a container of the engine.
func (r *Request) IsRemote() bool { return r.Client != nil && !r.Client.Local }

// New reports whether a new namespace of kind k is made.
func (r *Request) New(k ns.Kind) bool { return r.Overrides[k].From == FromNew }

// Write writes r as JSON.
func (r *Request) Write(w io.Writer) error {
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	return nil
}

// Read reads a request that Write wrote. It refuses any other Version.
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
