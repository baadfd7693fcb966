package enginehost

import (
	"strings"
	"testing"
)

func TestHostEnvironmentIsClean(t *testing.T) {
	got := strings.Join(hostEnvironment([]string{"SECRET=1", "TERM=vt100", "PATH=/mine", "TERMINFO=/x", "COLORTERM=truecolor"}), " ")
	if want := "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root TERM=vt100 COLORTERM=truecolor"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
