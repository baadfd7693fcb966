package completion

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
)

// usersOf returns the names in the /etc/passwd of a process's mount namespace, or none if it cannot be
// read, or if a file system there may not answer: a shell would wait for it. The container's root may have written that file: a name with characters that useradd(8) does not
// take is not offered to a shell.
func usersOf(pid int) []string {
	const (
		most    = 200
		maxSize = 1 << 20
		plain   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
	)
	if launch.SilentMount(pid) != "" {
		return nil
	}
	mounts, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/mnt")
	if err != nil {
		return nil
	}
	defer mounts.Close()
	root, err := inroot.OfNamespace(mounts)
	if err != nil {
		return nil
	}
	defer root.Close()
	passwd, err := inroot.OpenRegular(root, "/etc/passwd")
	if err != nil {
		return nil
	}
	defer passwd.Close()
	var names []string
	lines := bufio.NewScanner(io.LimitReader(passwd, maxSize))
	for lines.Scan() && len(names) < most {
		name, _, ok := strings.Cut(lines.Text(), ":")
		if ok && name != "" && strings.Trim(name, plain) == "" {
			names = append(names, name)
		}
	}
	return names
}
