package builtin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
)

// mapping is a call of mapfile.
type mapping struct {
	delimiter  byte
	trim       bool
	most, skip int // lines
	origin     int // the index of the first line, if the array is kept; -1: it is not
	file       *os.File
}

// Mapfile reads lines into an array, and returns its status.
func (c *Call) Mapfile() int {
	m := &mapping{delimiter: '\n', origin: -1, file: c.Stdin}
	for {
		letter, value, err := c.option("dnsuOcC")
		if err == nil && letter != 0 {
			err = m.take(letter, value, c.Shell.Files)
		}
		if err != nil {
			return c.fail(misused, "%v", err)
		}
		if letter == 0 {
			break
		}
	}
	name := "MAPFILE"
	if len(c.Args) > 0 {
		name = c.Args[0]
	}
	if !hook.ValidName(name) || len(c.Args) > 1 {
		return c.fail(1, "`%s': not a valid identifier", strings.Join(c.Args, " "))
	}
	if m.file == nil {
		return c.fail(1, "0: Bad file descriptor")
	}
	list, err := m.read()
	if err != nil {
		return c.fail(1, "%v", err)
	}
	if m.origin >= 0 {
		old := c.Env.Get(name).List
		for len(old) < m.origin {
			old = append(old, "")
		}
		list = slices.Concat(old[:m.origin], list, old[min(len(old), m.origin+len(list)):])
	}
	c.Shell.SetList(name, list)
	return 0
}

// take takes an option.
func (m *mapping) take(letter byte, value string, files hook.Files) (err error) {
	switch letter {
	case 't':
		m.trim = true
	case 'd':
		if m.delimiter = 0; value != "" {
			m.delimiter = value[0]
		}
	case 'n':
		m.most, err = strconv.Atoi(value)
	case 's':
		m.skip, err = strconv.Atoi(value)
	case 'O':
		m.origin, err = strconv.Atoi(value)
	case 'u':
		m.file, err = files.Reader(value)
	default:
		err = fmt.Errorf("-%c is not supported here", letter)
	}
	return err
}

func (m *mapping) read() (list []string, err error) {
	for r := bufio.NewReader(m.file); m.most == 0 || len(list) < m.most; {
		line, err := r.ReadString(m.delimiter)
		switch {
		case line == "" && errors.Is(err, io.EOF):
			return list, nil
		case line == "" && err != nil:
			return nil, err
		}
		if m.skip--; m.skip >= 0 {
			continue
		}
		if m.trim {
			line = strings.TrimSuffix(line, string(m.delimiter))
		}
		list = append(list, line)
	}
	return list, nil
}
