package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Caller identifies the caller.
type Caller struct {
	// Login and Session are the kernel's login uid and audit session, pam_loginuid(8); nil if
	// they are not set.
	Login   *uint32 `json:"login,omitempty"`
	Session *uint32 `json:"session,omitempty"`
	UID     int     `json:"uid"`
	EUID    int     `json:"euid"`
	// Terminal is the controlling terminal, such as /dev/pts/3; "" for none.
	Terminal string `json:"terminal,omitempty"`
	// Host is the name of the caller's machine; "" for the engine's host.
	Host string `json:"host,omitempty"`
}

// Request has the client's settings for records, and its claims about the caller.
type Request struct {
	Settings
	// Context and Endpoint are the Docker context and the engine's address.
	Context  string `json:"context,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	// Client is the caller on the client's machine; nil if the helper runs locally and the kernel
	// knows the caller.
	Client *Caller `json:"client,omitempty"`
}

// Container is a container whose namespaces are joined.
type Container struct{ Name, ID string }

// Namespace is a namespace that the command does not share with the caller.
type Namespace struct {
	Kind   string // net
	Link   string // net:[4026532281]; "" for a new one
	Source string // where it comes from: "container ID", "pid:42", "new"
}

// Join is the content of the records of one join.
type Join struct {
	// ID identifies the join in both records. Call identifies the helper's container.
	ID, Call string
	Way      string // how the helper was started: local, engine
	Request  Request
	// Caller is the caller according to the kernel; nil if it calls through an engine.
	Caller     *Caller
	Target     string // the base
	Containers []Container
	Namespaces []Namespace
	// Who says whose identity the command has. UID, GID and HostUID are nil if it keeps the
	// caller's. HostUID is UID in the host's user namespace.
	Who        string
	UID, GID   *uint32
	HostUID    *int64
	Privileged bool
	Profile    string // "" without one
	Terminal   bool
	Program    string
	Arguments  []string // nil if they are not recorded
}

// Reason says how a join ended.
type Reason string

// The values of Reason.
const (
	Exited     Reason = "exited"   // the command exited
	Signaled   Reason = "signal"   // a signal terminated the command
	Failed     Reason = "failed"   // the command did not run
	Detached   Reason = "detached" // -d: the command runs on
	DetachKeys Reason = "left"     // the detach keys were typed: the command runs on
	Killed     Reason = "killed"   // the helper was killed, and the command with it
)

// End describes the end of a join.
type End struct {
	Reason Reason
	Status int // docker nsjoin's exit status; unused for Killed
	Signal int // the signal that terminated the command, or 0
	PID    int // of the command, on the engine's host; 0 if it did not run
	Took   time.Duration
	Error  string
}

// Field is a field of a record. Its name is in lower case, as written to syslog; journald gets
// it in upper case with the prefix NSJOIN_.
type Field struct{ Name, Value string }

// Record is an audit record. Fields of bounded size come first.
type Record struct {
	Event  string // begin, end
	Fields []Field
}

const begins, ends = "begin", "end"

// Begin returns the record that is written before the join.
func (j *Join) Begin() Record {
	f := j.facts(begins)
	f.texts(j)
	if j.Arguments != nil {
		f.add("arguments", quoteAll(j.Arguments))
	}
	return Record{Event: begins, Fields: f}
}

// End returns the record that is written after the join. It repeats the fields of Begin, except the
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

// Duration returns the field for the duration of the join. The End of a Killed join lacks it: its
// writer appends it.
func Duration(took time.Duration) Field {
	return Field{"duration_usec", strconv.FormatInt(took.Microseconds(), 10)}
}

type fields []Field

// add adds a field unless its value is empty.
func (f *fields) add(name, value string) {
	if value != "" {
		*f = append(*f, Field{name, value})
	}
}

// facts returns the fields of bounded size.
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
	if j.Profile != "" {
		f.add("profile", j.Profile)
	}
	f.add("terminal", yesNo(j.Terminal))
	return f
}

// texts adds the fields whose values the caller chooses.
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

// caller adds the fields of a caller. prefix distinguishes a claim from what the kernel says.
func (f *fields) caller(prefix string, c *Caller) {
	f.add(prefix+"login_uid", number(c.Login))
	f.add(prefix+"login_session", number(c.Session))
	f.add(prefix+"uid", strconv.Itoa(c.UID))
	f.add(prefix+"euid", strconv.Itoa(c.EUID))
	if prefix == "" {
		f.add("tty", c.Terminal)
	}
}

// Message summarizes the record in one line of printable characters.
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
