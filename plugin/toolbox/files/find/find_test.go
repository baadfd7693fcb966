package find

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestFindPrintf(t *testing.T) {
	tooltest.Tree(t, "d/", "d/e/", "d/e/f")
	text, status := tooltest.Call(t, "", Find, "d", "-name", "f", "-printf", `%p %P %H %f %h %d %s %y %m\n`)
	if text != "d/e/f e/f d f d/e 2 5 f 600\n" || status != 0 {
		t.Errorf("it prints %q, status %d", text, status)
	}
	if text, _ := tooltest.Call(t, "", Find, "d", "-type", "f", "-newermt", "1 hour ago", "!", "-newermt", "tomorrow"); text != "d/e/f\n" {
		t.Errorf("-newermt finds %q", text)
	}
}

func TestFindRefusesWhatItDoesNotKnow(t *testing.T) {
	tooltest.Tree(t, "a")
	for _, args := range []string{"-fprint x", "-printf %Z", "-printf \\q", "-printf %", "-newermt nonsense", "-regextype nonsense"} {
		if text, status := tooltest.Call(t, "", Find, append([]string{"."}, strings.Fields(args)...)...); status != 1 || text != "" {
			t.Errorf("find %s prints %q, status %d", args, text, status)
		}
	}
}

func TestFindActsWhereItHasLooked(t *testing.T) {
	script := "mv d moved; ln -s keep d"
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"d", "-name", "f", "-exec", "sh", "-c", script, ";", "-delete"}, "d keep keep/f moved"},
		{[]string{"d", "-name", "f", "-exec", "sh", "-c", script, ";", "-execdir", "mv", "{}", "g", ";"}, "d keep keep/f moved moved/g"},
		{[]string{"d", "-name", "d", "-exec", "sh", "-c", script, ";", "-o", "-name", "f", "-execdir", "rm", "{}", ";"}, "d keep keep/f moved moved/f"},
	} {
		tooltest.Tree(t, "d/", "d/f", "keep/", "keep/f")
		if _, _ = tooltest.Call(t, "", Find, row.args...); tooltest.Left() != row.want {
			t.Errorf("find %q: left is %q, want %q", row.args, tooltest.Left(), row.want)
		}
	}
}
