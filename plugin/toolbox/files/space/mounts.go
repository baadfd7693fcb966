package space

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// mount is a line of mountinfo, in proc_pid_mountinfo(5).
type mount struct{ source, path, kind, options string }

func readMounts() ([]mount, error) {
	file, err := os.Open(tool.Proc("mountinfo"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var mounts []mount
	err = tool.Lines(file, func(line []byte) bool {
		before, after, ok := strings.Cut(string(line), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) >= 6 && len(rest) >= 2 {
			mounts = append(mounts, mount{unescape(rest[1]), unescape(fields[4]), rest[0], fields[5]})
		}
		return true
	})
	return mounts, err
}

// unescape replaces \040 and the like.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// mountOf returns the mount that a file is on.
func mountOf(mounts []mount, path string) (mount, error) {
	actual, err := filepath.EvalSymlinks(path)
	if err == nil {
		actual, err = filepath.Abs(actual)
	}
	if err != nil {
		return mount{}, err
	}
	best := mount{source: "-", kind: "-", path: actual}
	length := -1
	for _, m := range mounts {
		dir := strings.TrimSuffix(m.path, "/")
		if (actual == m.path || strings.HasPrefix(actual, dir+"/")) && len(dir) >= length {
			best, length = m, len(dir)
		}
	}
	return best, nil
}

// MountPoint returns where the mount is that a file is on.
func MountPoint(path string) (string, error) {
	mounts, err := readMounts()
	if err != nil {
		return "", err
	}
	m, err := mountOf(mounts, path)
	return m.path, err
}

// Mounts prints the mounts as mount without arguments does.
func Mounts() int {
	mounts, err := readMounts()
	if err != nil {
		return tool.Complain("mount", err)
	}
	for _, m := range mounts {
		tool.Printf("%s on %s type %s (%s)\n", tool.Printable(m.source), tool.Printable(m.path), m.kind, m.options)
	}
	return 0
}
