package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
)

// repair makes the changes in the vendor directory. One that does not fit is an error: the module has changed.
func repair(vendor string) error {
	for _, r := range repairs {
		path := filepath.Join(vendor, r.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Count(string(text), r.old) != 1 {
			return fmt.Errorf("%s has changed: the repair in assemble/repair.go does not fit", r.file)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), r.old, r.new, 1)), 0o600); err != nil {
			return err
		}
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
