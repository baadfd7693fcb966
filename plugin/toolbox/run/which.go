package run

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Which prints where the programs of these names are. It fails if one is not found.
func Which(args []string) int {
	f := tool.Flags("which", "[-a] NAME...")
	all := f.BoolP("all", "a", false, "each program of the name in PATH")
	silent := f.BoolP("silent", "s", false, "print nothing")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	status := 0
	if f.NArg() == 0 {
		status = 1
	}
	for _, name := range f.Args() {
		list := places(name)
		if len(list) == 0 {
			status = 1
		} else if !*all {
			list = list[:1]
		}
		for _, path := range list {
			if !*silent {
				tool.Println(tool.Shown(path))
			}
		}
	}
	return status
}

// places returns the programs of a name in the directories of PATH. A name with a slash is a path.
func places(name string) (list []string) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			list = append(list, path)
		}
	}
	return list
}
