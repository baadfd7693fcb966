package create

import (
	"crypto/rand"
	"errors"
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
	var create func(name string) error
	switch {
	case *dry:
		create = isNew
	case *directory:
		create = func(name string) error { return os.Mkdir(name, 0o700) }
	default:
		create = makeFile
	}
	name, err := temporary(template, create)
	if err != nil {
		if !*quiet {
			tool.Complain("mktemp", err)
		}
		return 1
	}
	tool.Println(name)
	return 0
}

// temporary makes something by a name for which a template stands, until there is none of that name yet.
func temporary(template string, create func(name string) error) (name string, err error) {
	end := strings.LastIndexByte(template, 'X') + 1
	start := end - (len(template[:end]) - len(strings.TrimRight(template[:end], "X")))
	if end-start < 3 {
		return "", errors.New("the template needs at least three X")
	}
	for range 100 {
		name = template[:start] + strings.ToLower(rand.Text())[:min(26, end-start)] + template[end:]
		if err = create(name); err == nil || !errors.Is(err, os.ErrExist) {
			break
		}
	}
	return name, err
}

// isNew returns an error if there is something of this name.
func isNew(name string) error {
	_, err := os.Lstat(name)
	switch {
	case err == nil:
		return os.ErrExist
	case errors.Is(err, os.ErrNotExist):
		return nil
	}
	return err
}

func makeFile(name string) error {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}
