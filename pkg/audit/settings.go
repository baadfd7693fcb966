// Package audit defines the audit records of a join: their content, the settings that enable
// them, and their formats for journald and syslog. It does no I/O.
package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// SystemFile is the system-wide settings file on the engine's host. Users cannot override it. It
// is JSON with the names and values of Parse: {"audit": "journald"}.
const SystemFile = "/etc/docker/nsjoin.json"

// MaxSystemFile is the largest size of SystemFile, in bytes.
const MaxSystemFile = 64 << 10

// Destination is where records are written.
type Destination string

// The values of Destination.
const (
	Off      Destination = "off"
	Journald Destination = "journald"
	Syslog   Destination = "syslog"
)

// Settings says where records are written and what they contain. The zero value
// means no records.
type Settings struct {
	To Destination `json:"to,omitempty"`
	// Arguments includes the command's arguments. They may contain secrets.
	Arguments bool `json:"arguments,omitempty"`
}

// The names of the settings.
const (
	nameTo        = "audit"
	nameArguments = "auditArguments"
)

// Parse parses the settings in the Docker CLI's configuration file, under plugins.nsjoin. It
// ignores other names.
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

// ParseSystem parses SystemFile. It refuses unknown names: a typo must not disable
// records.
func ParseSystem(text []byte) (Settings, error) {
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil {
		return Settings{}, err
	}
	for name := range values {
		if name != nameTo && name != nameArguments {
			return Settings{}, fmt.Errorf("unknown setting %q: must be audit or auditArguments", name)
		}
	}
	if values[nameTo] == "" {
		return Settings{}, errors.New(`"audit" is missing: set it to journald, syslog or off`)
	}
	return Parse(values)
}

// Decision says how a join is recorded.
type Decision struct {
	Settings
	// Required means that SystemFile demands the records: if one cannot be written, the command
	// does not run.
	Required bool `json:"required,omitempty"`
}

// Decide combines the user's settings with those of SystemFile. If system is not nil, it alone
// decides. The result is nil for no records.
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

// String says where records are written and which settings demand them; "none" for nil.
func (d *Decision) String() string {
	if d == nil {
		return "none"
	}
	text := string(d.To)
	if d.Arguments {
		text += " with arguments"
	}
	if d.Required {
		return text + ", set in " + SystemFile
	}
	return text + ", set in the user's configuration"
}
