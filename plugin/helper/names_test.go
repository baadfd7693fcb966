//go:build linux

package main_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// namesOfProcess is a request for a command on the host in the network of a process, with names.
func namesOfProcess(pid int, command string) *request.Request {
	hosts, _ := names.Hosts([]names.Host{{Address: "192.0.2.1", Names: []string{"db"}}})
	process := request.Source{From: request.FromPID, PID: pid}
	return &request.Request{
		Base: process, Take: ns.SetOf(ns.Net), Command: []string{"sh", "-c", command},
		Names: &request.Names{Source: process, Made: request.MadeNames{
			Resolv: names.Resolv{Servers: []string{"192.0.2.53"}, Search: []string{"."}, Options: []string{"x"}}, Hosts: hosts, Hostname: "web\n",
		}},
	}
}

// TestNames mounts files about names and a /sys for a command. The host's mounts and files stay as they are.
func TestNames(t *testing.T) {
	pid := isolated(t, ns.SetOf(ns.Net))
	before := mountsHere(t)
	old := syscall.Umask(0o077) // which the files do not have
	defer syscall.Umask(old)
	got := runJoined(t, namesOfProcess(pid, "cat /etc/resolv.conf /etc/hosts /etc/hostname; ls /sys/class/net; stat -c %a /etc/hosts; "+
		"touch /etc/hosts 2>&1 | grep -c Read-only; ls -d /proc/$$; umask"))
	hosts, _ := names.Hosts([]names.Host{{Address: "192.0.2.1", Names: []string{"db"}}})
	want := "nameserver 192.0.2.53\noptions x\n" + hosts + "web\nlo\n444\n1\n/proc/"
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n0077\n") {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if after := mountsHere(t); after != before {
		t.Errorf("mounts before\n%s\nafter\n%s", before, after)
	}
	if text, err := os.ReadFile("/etc/hosts"); err != nil || strings.Contains(string(text), "192.0.2.1") {
		t.Errorf("%q, %v", text, err)
	}
}

// TestNamesForMounts mounts them for a command in another process's mounts, which do not change.
func TestNamesForMounts(t *testing.T) {
	// It has no mount of this machine's engines, which go when their directories are removed.
	pid := rooted(t, ns.SetOf(ns.Net, ns.Mnt, ns.PID), "mkdir sys && touch etc/hostname etc/hosts etc/resolv.conf")
	r := namesOfProcess(pid, "cat /etc/hostname; readlink /proc/self/ns/mnt")
	r.Take, r.Dir = ns.All(), "/"
	before := readFile(t, fmt.Sprintf("/proc/%d/mountinfo", pid))
	got := strings.Fields(runJoined(t, r))
	if len(got) != 2 || got[0] != "web" || got[1] == linkOf(t, pid, ns.Mnt) || got[1] == linkOf(t, os.Getpid(), ns.Mnt) {
		t.Errorf("%q", got)
	}
	if after := readFile(t, fmt.Sprintf("/proc/%d/mountinfo", pid)); after != before {
		t.Errorf("mounts of the process before\n%s\nafter\n%s", before, after)
	}
}

// mountsHere returns the mounts of this process on the paths that names are about.
func mountsHere(t *testing.T) string {
	t.Helper()
	var list []string
	for line := range strings.Lines(readFile(t, "/proc/self/mountinfo")) {
		fields := strings.Fields(line)
		for _, path := range []string{"/etc", "/sys", "/proc", "/run/nscd"} {
			if strings.HasPrefix(fields[4], path) {
				list = append(list, line)
			}
		}
	}
	return strings.Join(list, "")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
