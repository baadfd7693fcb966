package launch

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// HostProc returns where the mounts of process pid have a procfs of this machine's, such as by -v /proc:/host/proc or
// -v /:/host; "" for nowhere. It shows the processes of this machine, whatever pid namespace pid is in.
func HostProc(pid int) (string, error) {
	dir, err := procfs.Open(os.Getpid())
	if err != nil {
		return "", err
	}
	defer dir.Close()
	here, err := procfs.ReadMounts(dir, maxMounts)
	if err != nil {
		return "", err
	}
	var devices []string
	for _, m := range here {
		if m.Type == "proc" {
			devices = append(devices, m.Device)
		}
	}
	namespace, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/mnt")
	if err != nil {
		return "", err
	}
	defer namespace.Close()
	f, err := inroot.MountsOfNamespace(namespace) // the process may hide some by chroot(2)
	if err != nil {
		return "", err
	}
	defer f.Close()
	list, err := procfs.ReadMountsAgain(f, maxMounts)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(list, func(m procfs.Mount) bool {
		process := strings.TrimPrefix(m.Root, "/") // or other files of /proc, such as /proc/sys
		return m.Type == "proc" && slices.Contains(devices, m.Device) && (process == "" || process[0] >= '0' && process[0] <= '9')
	})
	if at < 0 {
		return "", nil
	}
	return list[at].Path, nil
}
