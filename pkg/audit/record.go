package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Caller is who called.
type Caller struct {
	// Login and Session are the login uid and session that the kernel keeps, of
	// pam_loginuid(8); nil where none is set.
	Login   *uint32 `json:"login,omitempty"`
	Session *uint32 `json:"session,omitempty"`
	UID     int     `json:"uid"`
	EUID    int     `json:"euid"`
	// Terminal is the controlling terminal, such as /dev/pts/3; "" for none.
	Terminal string `json:"terminal,omitempty"`
	// Host is the machine's name; "" where that is the engine's host.
	Host string `json:"host,omitempty"`
}

// Request is what the client asks of the records, and its word for what they say.
type Request struct {
	Settings
	// Context and Endpoint are the Docker context and the engine's address.
	Context  string `json:"context,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	// Client is who called on the client's machine; nil where the helper has taken
	// the client's place and the kernel knows.
	Client *Caller `json:"client,omitempty"`
}

// Container is a container that gives namespaces.
type Container struct{ Name, ID string }

// Namespace is a namespace of the command's that is not the caller's.
type Namespace struct {
	Kind   string // net
	Link   string // net:[4026532281]; "" for a new one
	Source string // where it comes from: "container ID", "pid:42", "new"
}

// Join is what the records of one join say of it.
type Join struct {
	// ID is the join's own, the same in both records. Call names the helper's container.
	ID, Call string
	Way      string // how the helper was started: local, engine
	Request  Request
	// Caller is what the kernel says of the caller; nil where it calls through an engine.
	Caller     *Caller
	Target     string // the base
	Containers []Container
	Namespaces []Namespace
	// Who is whose identity the command has; UID, GID and HostUID are nil where it keeps
	// the caller's. HostUID is UID as the host has it.
	Who        string
	UID, GID   *uint32
	HostUID    *int64
	Privileged bool
	Terminal   bool
	Program    string
	Arguments  []string // nil where they are not recorded
}

// Reason is how a join ended.
type Reason string

// How a join ended.
const (
	Exited     Reason = "exited"   // the command, with a status
	Signaled   Reason = "signal"   // the command, by a signal
	Failed     Reason = "failed"   // the command did not run
	Detached   Reason = "detached" // -d: the command was left running
	DetachKeys Reason = "left"     // it was left running by the detach keys
	Killed     Reason = "killed"   // the helper was, and the command is ended
)

// End is how a join ended.
type End struct {
	Reason Reason
	Status int // docker nsjoin's exit status; not of Killed
	Signal int // the one that ended the command, or 0
	PID    int // the command's, on the engine's host; 0 where it did not run
	Took   time.Duration
	Error  string
}

// Field is a fact of a record. Its name is in lower case, as in syslog; in journald it
// is in capitals behind NSJOIN_.
type Field struct{ Name, Value string }

// Record is a record, its fields in an order in which those of a bounded size come first.
type Record struct {
	Event  string // begin, end
	Fields []Field
}

const begins, ends = "begin", "end"

// Begin is the record that is written before the join.
func (j *Join) Begin() Record {
	f := j.facts(begins)
	f.texts(j)
	if j.Arguments != nil {
		f.add("arguments", quoteAll(j.Arguments))
	}
	return Record{Event: begins, Fields: f}
}

// End is the record that is written after it. It repeats what Begin says, but for the
// arguments.
func (j *Join) End(e End) Record {
	f := j.facts(ends)
	f.add("reason", string(e.Reason))
	if e.Reason != Killed {
		f.add("status", strconv.Itoa(e.Status))
	}
	if e.Signal != 0 {
		f.add("signal", strconv.Itoa(e.Signal))
	}
	if e.PID != 0 {
		f.add("command_pid", strconv.Itoa(e.PID))
	}
	if e.Reason != Killed {
		f = append(f, Duration(e.Took))
	}
	f.texts(j)
	f.add("error", e.Error)
	return Record{Event: ends, Fields: f}
}

// Duration is how long the join took. The record of one that was Killed has none before
// who writes it adds it.
func Duration(took time.Duration) Field {
	return Field{"duration_usec", strconv.FormatInt(took.Microseconds(), 10)}
}

type fields []Field

// add adds a field, unless it is empty.
func (f *fields) add(name, value string) {
	if value != "" {
		*f = append(*f, Field{name, value})
	}
}

// facts are the fields whose size is bounded whatever the caller chooses.
func (j *Join) facts(event string) fields {
	var f fields
	f.add("event", event)
	f.add("id", j.ID)
	f.add("way", j.Way)
	if j.Caller != nil {
		f.caller("", j.Caller)
	}
	if c := j.Request.Client; c != nil {
		f.caller("claimed_", c)
	}
	var kinds []string
	for _, n := range j.Namespaces {
		kinds = append(kinds, n.Kind)
	}
	f.add("namespaces", strings.Join(kinds, ","))
	for _, c := range j.Containers {
		f.add("container_id", c.ID)
	}
	f.add("command_who", j.Who)
	if j.UID != nil && j.GID != nil {
		f.add("command_uid", number(j.UID))
		f.add("command_gid", number(j.GID))
	}
	if j.HostUID != nil {
		f.add("command_host_uid", strconv.FormatInt(*j.HostUID, 10))
	}
	f.add("privileged", yesNo(j.Privileged))
	f.add("terminal", yesNo(j.Terminal))
	return f
}

// texts are those that the caller chooses.
func (f *fields) texts(j *Join) {
	f.add("call", j.Call)
	for _, n := range j.Namespaces {
		f.add("ns_"+n.Kind, strings.TrimSpace(n.Link+" "+n.Source))
	}
	if c := j.Request.Client; c != nil {
		f.add("claimed_tty", c.Terminal)
		f.add("claimed_host", c.Host)
	}
	for _, c := range j.Containers {
		f.add("container", c.Name)
	}
	f.add("target", j.Target)
	f.add("context", j.Request.Context)
	f.add("endpoint", j.Request.Endpoint)
	f.add("program", j.Program)
}

// caller adds who called. A claim has other names than what the kernel says.
func (f *fields) caller(prefix string, c *Caller) {
	f.add(prefix+"login_uid", number(c.Login))
	f.add(prefix+"login_session", number(c.Session))
	f.add(prefix+"uid", strconv.Itoa(c.UID))
	f.add(prefix+"euid", strconv.Itoa(c.EUID))
	if prefix == "" {
		f.add("tty", c.Terminal)
	}
}

// Message is the record in a sentence, on one line of printable characters.
func (r Record) Message() string {
	value := func(name string) string {
		for _, f := range r.Fields {
			if f.Name == name {
				text, _ := quoteWithin(f.Value, maxText)
				return text
			}
		}
		return `""`
	}
	text := fmt.Sprintf("%s: %s in %s", r.Event, value("program"), value("target"))
	if r.Event == ends {
		text += ", " + value("reason") + ", status " + value("status")
	}
	return text
}

func number(n *uint32) string {
	if n == nil {
		return ""
	}
	return strconv.FormatUint(uint64(*n), 10)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
