// The toolbox is one program with many tools. A link's name chooses the tool, as does the first argument of
// toolbox itself.
package main

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/u-root/gobusybox/src/pkg/bb/bbmain"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
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
	if main := own(name); main != nil {
		os.Exit(main(args[1:]))
	}
	args, done := front(name, separate(t, args[1:]))
	if done >= 0 {
		os.Exit(done)
	}
	os.Args = append([]string{name}, args...)
	_ = bbmain.Run(t.Command)
}
