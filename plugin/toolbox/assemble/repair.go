package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
)

// repair makes the changes in the vendor directory. One that does not fit is an error: the module has changed.
func repair(vendor string) error {
	for _, r := range slices.Concat(repairs, interpreter, interpreterFiles, interpreterTraps, interpreterWords, interpreterValues, interpreterOptions, interpreterArrays, interpreterBuiltins, lineEditor, jqKeys) {
		path := filepath.Join(vendor, r.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Count(string(text), r.old) != 1 {
			return fmt.Errorf("%s has changed: the repair of %q in plugin/toolbox/assemble does not fit", r.file, r.old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), r.old, r.new, 1)), 0o600); err != nil {
			return err
		}
	}
	if err := checkOutput(vendor); err != nil {
		return err
	}
	// The shell's interpreter looks the user up for each cd, and commands do so too.
	return filepath.WalkDir(vendor, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), `"os/user"`) {
			return err
		}
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), `"os/user"`, `user "`+list.Own+`/plugin/toolbox/osuser"`)), 0o600)
	})
}

// checkOutput makes commands print to the standard output that remembers a failed write, and makes the registry return
// when a command has ended, so that the toolbox can look at it.
func checkOutput(vendor string) error {
	for _, file := range printing {
		path := filepath.Join(vendor, file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed := strings.NewReplacer("os.Stdout", "tool.Stdout", "fmt.Print", "tool.Print").Replace(string(text))
		if changed == string(text) || !strings.Contains(changed, "import (\n") {
			return fmt.Errorf("%s has changed: it no longer prints", file)
		}
		changed = strings.Replace(changed, "import (\n", "import (\n\t\""+list.Own+"/plugin/toolbox/tool\"\n", 1)
		for _, name := range []string{"fmt", "os"} {
			if !strings.Contains(changed, name+".") {
				changed = strings.Replace(changed, "\t\""+name+"\"\n", "", 1)
			}
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			return err
		}
	}
	return nil
}
