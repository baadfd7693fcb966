package dockercli

import "testing"

func TestNoPasswordIsRecorded(t *testing.T) {
	for endpoint, want := range map[string]string{
		"unix:///var/run/docker.sock": "unix:///var/run/docker.sock",
		"npipe:////./pipe/docker":     "npipe:////./pipe/docker",
		"ssh://me@host:2222":          "ssh://me@host:2222",
		"tcp://me:secret@host:2376":   "tcp://me:xxxxx@host:2376",
		"\x00":                        "",
		"":                            "",
	} {
		if got := withoutPassword(endpoint); got != want {
			t.Errorf("%q: %q, want %q", endpoint, got, want)
		}
	}
}
