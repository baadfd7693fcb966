package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Mktemp makes a file or directory with a new name.
func Mktemp(args []string) int {
	f := tool.Flags("mktemp", "[-dqtu] [-p DIR] [TEMPLATE]")
	directory := f.BoolP("directory", "d", false, "a directory")
	dry := f.BoolP("dry-run", "u", false, "a name only")
	quiet := f.BoolP("quiet", "q", false, "no messages")
	inTemporary := f.BoolP("t", "t", false, "the template is a name in the directory for temporary files")
	dir := f.StringP("tmpdir", "p", "", "the directory")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	template := "tmp.XXXXXXXXXX"
	if f.NArg() > 0 {
		template = f.Arg(0)
	}
	if *dir != "" || *inTemporary || f.NArg() == 0 {
		if *dir == "" {
			*dir = os.TempDir()
		}
		template = filepath.Join(*dir, template)
	}
	end := strings.LastIndexByte(template, 'X') + 1
	start := end - (len(template[:end]) - len(strings.TrimRight(template[:end], "X")))
	err := errors.New("the template needs at least three X")
	if end-start >= 3 {
		for range 100 {
			name := template[:start] + strings.ToLower(rand.Text())[:min(26, end-start)] + template[end:]
			switch {
			case *dry:
				_, err = os.Lstat(name)
				if errors.Is(err, os.ErrNotExist) {
					err = nil
				} else if err == nil {
					err = os.ErrExist
				}
			case *directory:
				err = os.Mkdir(name, 0o700)
			default:
				var file *os.File
				if file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
					file.Close()
				}
			}
			if err == nil {
				fmt.Println(name)
				return 0
			}
			if !errors.Is(err, os.ErrExist) {
				break
			}
		}
	}
	if !*quiet {
		tool.Complain("mktemp", err)
	}
	return 1
}
