package audit_test

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

func TestParseUserSettings(t *testing.T) {
	for _, row := range []struct {
		values map[string]string
		want   audit.Settings
		err    string
	}{
		{nil, audit.Settings{}, ""},
		{map[string]string{"other": "x"}, audit.Settings{}, ""},
		{map[string]string{"audit": "journald"}, audit.Settings{To: audit.Journald}, ""},
		{map[string]string{"audit": "syslog", "auditArguments": "true"}, audit.Settings{To: audit.Syslog, Arguments: true}, ""},
		{map[string]string{"audit": "off"}, audit.Settings{To: audit.Off}, ""},
		{map[string]string{"audit": ""}, audit.Settings{}, `"audit": "" is not one of journald, syslog, off`},
		{map[string]string{"audit": "Journald"}, audit.Settings{}, `"audit": "Journald" is not one of journald, syslog, off`},
		{map[string]string{"auditArguments": "maybe"}, audit.Settings{}, `"auditArguments": "maybe" is not true or false`},
	} {
		got, err := audit.Parse(row.values)
		if text(err) != row.err || err == nil && got != row.want {
			t.Errorf("%v: %+v, %v, want %+v, %q", row.values, got, err, row.want, row.err)
		}
	}
}

// An invalid file is an error, never the same as no records.
func TestSystemFileIsStrict(t *testing.T) {
	for file, want := range map[string]string{
		`{"audit": "journald"}`: "",
		`{"audit": "off"}`:      "",
		`{"audit": "syslog", "auditArguments": "true"}` + "\n": "",
		``:                               "unexpected end of JSON input",
		`{}`:                             `"audit" is missing: set it to journald, syslog or off`,
		`null`:                           `"audit" is missing: set it to journald, syslog or off`,
		`{"audit": ""}`:                  `"audit" is missing: set it to journald, syslog or off`,
		`{"audit": "jornald"}`:           `"audit": "jornald" is not one of`,
		`{"Audit": "journald"}`:          `unknown setting "Audit": must be audit or auditArguments`,
		`{"audit": "off", "audti": "x"}`: `unknown setting "audti": must be audit or auditArguments`,
		`{"audit": true}`:                "cannot unmarshal bool",
		`{"audit": "journald"} {}`:       "invalid character",
		`{"audit": "journald"`:           "unexpected end of JSON input",
		`["journald"]`:                   "cannot unmarshal array",
	} {
		_, err := audit.ParseSystem([]byte(file))
		if want == "" && err != nil || !strings.Contains(text(err), want) {
			t.Errorf("%s: error %q, want %q", file, text(err), want)
		}
	}
}

func TestSystemFileOverridesTheUser(t *testing.T) {
	user := audit.Settings{To: audit.Syslog, Arguments: true}
	for _, row := range []struct {
		name   string
		user   audit.Settings
		system *audit.Settings
		want   string
	}{
		{"nothing is asked for", audit.Settings{}, nil, "none"},
		{"the user's off", audit.Settings{To: audit.Off}, nil, "none"},
		{"the user's alone", user, nil, "syslog with arguments, set in the user's configuration"},
		{"both", user, &audit.Settings{To: audit.Journald}, "journald, set in /etc/docker/nsjoin.json"},
		{"the user's off is overridden", audit.Settings{To: audit.Off}, &audit.Settings{To: audit.Journald}, "journald, set in /etc/docker/nsjoin.json"},
		{"the system's off", user, &audit.Settings{To: audit.Off}, "none"},
	} {
		d := audit.Decide(row.user, row.system)
		if d.String() != row.want {
			t.Errorf("%s: %s, want %s", row.name, d, row.want)
		}
		if d != nil && d.Required != (row.system != nil) {
			t.Errorf("%s: required is %t", row.name, d.Required)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
