// Package audit says what is recorded of a join, who decides whether it is, and the
// forms in which journald and syslog take a record. It is pure.
package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// SystemFile is the file of the engine's host that a user cannot override. It is
// JSON: {"audit": "journald"}, with the names and values of Parse.
const SystemFile = "/etc/docker/nsjoin.json"

// MaxSystemFile bounds it, in bytes.
const MaxSystemFile = 64 << 10

// Destination is where records are written.
type Destination string

// Where records are written.
const (
	Off      Destination = " off"
	Journald Destination = " journald"
	Syslog   Destination = " syslog"
)

// Settings says whether, where and how fully records are written. The zero value
// asks for none.
type Settings struct {
	To Destination `json:"to,omitempty"`
	// Arguments has the command's arguments recorded as well. They may hold secrets.
	Arguments bool `json:"arguments,omitempty"`
}

// The names of the settings.
const (
	nameTo        = "audit"
	nameArguments = "auditArguments"
)

// Parse reads the settings among the values of the Docker CLI's configuration file
// below plugins, nsjoin. It takes no notice of other names.
func Parse(values map[string]string) (Settings, error) {
	var s Settings
	switch to, given := values[nameTo]; {
	case Destination(to) == Journald || Destination(to) == Syslog || Destination(to) == Off:
		s.To = Destination(to)
	case given:
		return s, fmt.Errorf("%q: %q is not one of journald, syslog, off", nameTo, to)
	}
	if text, given := values[nameArguments]; given {
		var err error
		if s.Arguments, err = strconv.ParseBool(text); err != nil {
			return s, fmt.Errorf("%q: %q is not true or false", nameArguments, text)
		}
	}
	return s, nil
}

// ParseSystem reads a system-wide file. It refuses everything that it does not know:
// a misspelt name must not turn records off.
func ParseSystem(text []byte) (Settings, error) {
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil {
		return Settings{}, err
	}
	for name := range values {
		if name != nameTo && name != nameArguments {
			return Settings{}, fmt.Errorf("unknown name %q", name)
		}
	}
	if values[nameTo] == "" {
		return Settings{}, errors.New(`"audit" is missing`)
	}
	return Parse(values)
}

// Decision is what is decided about the records of a join.
type Decision struct {
	Settings
	// Required says that the system-wide file asks for them: a command whose record
	// cannot be written does not run.
	Required bool `json:"required,omitempty"`
}

// Decide decides by what the user's configuration asks for and what the system-wide
// file says, which is nil where there is none and else decides alone. No records are nil.
func Decide(user Settings, system *Settings) *Decision {
	d := Decision{Settings: user}
	if system != nil {
		d = Decision{Settings: *system, Required: true}
	}
	if d.To == "" || d.To == Off {
		return nil
	}
	return &d
}

// String says where records are written and who asks for it. A nil one is none.
func (d *Decision) String() string {
	if d == nil {
		return "none"
	}
	text := string(d.To)
	if d.Arguments {
		text += " with arguments"
	}
	if d.Required {
		return text + ", by " + SystemFile
	}
	return text + ", by the user's configuration"
}
