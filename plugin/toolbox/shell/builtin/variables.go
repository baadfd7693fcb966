package builtin

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/printf"
)

// Printf is printf -v NAME FORMAT [ARG...]. It sets the variable, and returns the status.
func (c *Call) Printf() int {
	_, name, err := c.option("v")
	if err != nil || len(c.Args) == 0 {
		return c.fail(misused, "usage: printf [-v NAME] FORMAT [ARG...]")
	}
	if !hook.ValidName(name) {
		return c.fail(misused, "`%s': not a valid identifier", name)
	}
	var out bytes.Buffer
	status := printf.Print(&out, c.Stderr, c.Args)
	c.Shell.Set(name, out.String())
	return status
}

// Variables prints all variables as set does, which can be read by a shell.
func (c *Call) Variables() int {
	all := maps.Collect(c.Env.Each)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch v := all[name]; {
		case !v.IsSet():
		case v.Kind == expand.String:
			fmt.Fprintf(c.Stdout, "%s=%s\n", name, hook.Word(v.Str))
		case v.Kind == expand.Indexed:
			fmt.Fprintf(c.Stdout, "%s=%s\n", name, hook.List(v))
		}
	}
	return 0
}

// Umask prints or sets the mask, and returns the status.
func (c *Call) Umask() int {
	symbolic, reusable := false, false
	for {
		letter, _, _ := c.option("")
		if letter == 0 {
			break
		}
		switch letter {
		case 'S':
			symbolic = true
		case 'p':
			reusable = true
		default:
			return c.fail(misused, "-%c: invalid option", letter)
		}
	}
	old := unix.Umask(0)
	unix.Umask(old)
	if len(c.Args) == 0 {
		text := fmt.Sprintf("%04o", old)
		if symbolic {
			text = rights(^old)
		}
		if reusable {
			text = "umask " + map[bool]string{true: "-S "}[symbolic] + text
		}
		fmt.Fprintln(c.Stdout, text)
		return 0
	}
	text := c.Args[0]
	if strings.Trim(text, "01234567") == "" {
		mask, err := permissions.Parse(text, 0, 0)
		if err != nil || mask > 0o777 {
			return c.fail(1, "%s: octal number out of range", text)
		}
		unix.Umask(int(mask))
		return 0
	}
	allowed, err := permissions.Parse(text, uint32(^old&0o777), 0)
	if err != nil {
		return c.fail(1, "%v", err)
	}
	unix.Umask(int(^allowed & 0o777))
	return 0
}

// rights writes permissions as umask -S does.
func rights(mode int) string {
	var parts []string
	for i, who := range []string{"u", "g", "o"} {
		text := []byte(who + "=")
		for j, letter := range []byte("rwx") {
			if mode&(1<<(8-3*i-j)) != 0 {
				text = append(text, letter)
			}
		}
		parts = append(parts, string(text))
	}
	return strings.Join(parts, ",")
}
