// The toolbox is one program with many tools. A link's name chooses the tool, as does the first argument of
// toolbox itself.
package main

import (
	"fmt"
	"log"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/u-root/gobusybox/src/pkg/bb/bbmain"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func main() {
	args := os.Args
	// Only the name's last element counts. It is never looked up as a file, which could be a link of the container's.
	name := strings.TrimPrefix(path.Base(args[0]), "-") // a login shell's begins with a dash
	if name == "toolbox" && len(args) > 1 {
		args = args[1:]
		name = path.Base(args[0])
	}
	t := list.Find(name)
	if t == nil {
		fmt.Fprintf(os.Stderr, "toolbox: there is no tool named %q\n", name)
		os.Exit(127)
	}
	guard()
	tool.DefaultAction(syscall.SIGQUIT)
	if main := own(name); main != nil {
		os.Exit(tool.Finish(name, main(args[1:])))
	}
	args, done := front(name, separate(t, args[1:]))
	if done >= 0 {
		os.Exit(tool.Finish(name, done))
	}
	os.Args = append([]string{name}, args...)
	log.SetFlags(0)
	log.SetOutput(messages{name + ": "})
	_ = bbmain.Run(t.Command)
	os.Exit(tool.Finish(name, 0))
}

// messages writes what a command logs in the form of the other tools: "mkdir: ...", without the time.
type messages struct{ prefix string }

func (m messages) Write(b []byte) (int, error) {
	text := tool.Printable(strings.TrimSuffix(string(b), "\n")) + "\n"
	if !strings.HasPrefix(text, m.prefix) {
		text = m.prefix + text
	}
	if _, err := os.Stderr.WriteString(text); err != nil {
		return 0, err
	}
	return len(b), nil
}
