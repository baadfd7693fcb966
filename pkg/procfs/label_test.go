//go:build linux

package procfs_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

func TestParseLabel(t *testing.T) {
	for text, want := range map[string]procfs.Label{
		"docker-default (enforce)\n":                 {AppArmor: "docker-default", Mode: "enforce"},
		"/usr/sbin/d//null-/bin/sh (complain)\n":     {AppArmor: "/usr/sbin/d//null-/bin/sh", Mode: "complain"},
		"of two words (enforce)\n":                   {AppArmor: "of two words", Mode: "enforce"},
		"web (new) (kill)\n":                         {AppArmor: "web (new)", Mode: "kill"}, // used to be read as "web"
		"web (enforce) (unconfined)\n":               {AppArmor: "web (enforce)", Mode: "unconfined"},
		"a//&b (mixed)\n":                            {AppArmor: "a//&b", Mode: "mixed"},
		":lxd-c1:docker-default (enforce)\n":         {AppArmor: ":lxd-c1:docker-default", Mode: "enforce"},
		"lxd-c1//&:lxd-c1:unconfined (enforce)\n":    {AppArmor: "lxd-c1//&:lxd-c1:unconfined", Mode: "enforce"},
		"unconfined\n":                               {AppArmor: "unconfined"},
		"system_u:system_r:container_t:s0:c1,c2\x00": {SELinux: "system_u:system_r:container_t:s0:c1,c2"},
		"unconfined_u:unconfined_r:unconfined_t:s0":  {SELinux: "unconfined_u:unconfined_r:unconfined_t:s0"},
		"": {},
	} {
		if got := procfs.ParseLabel(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

func TestLabelFrom(t *testing.T) {
	for name, row := range map[string]struct {
		own, first string // attr/apparmor/current and attr/current: the text, or the name of an error
		want       procfs.Label
		err        error
	}{
		"AppArmor":                       {"web (enforce)\n", "web (enforce)\n", procfs.Label{AppArmor: "web", Mode: "enforce"}, nil},
		"AppArmor behind another module": {"web (enforce)\n", "_", procfs.Label{AppArmor: "web", Mode: "enforce"}, nil},
		"AppArmor of another namespace":  {"---\n", "---\n", procfs.Label{AppArmor: "---"}, nil},
		"AppArmor before 5.8":            {"ENOENT", "web (enforce)\n", procfs.Label{AppArmor: "web", Mode: "enforce"}, nil},
		"SELinux":                        {"EINVAL", "a:b:c:s0\x00", procfs.Label{SELinux: "a:b:c:s0"}, nil},
		"neither":                        {"EINVAL", "EINVAL", procfs.Label{}, nil},
		"no module at all":               {"ENOENT", "ENOENT", procfs.Label{}, nil},
		"one that may not be read":       {"EACCES", "EINVAL", procfs.Label{}, unix.EACCES},
		"a process that has ended":       {"ESRCH", "ESRCH", procfs.Label{}, unix.ESRCH},
	} {
		got, err := procfs.LabelFrom(func(file string) (string, error) {
			text := row.first
			if file == "attr/apparmor/current" {
				text = row.own
			}
			for _, errno := range []unix.Errno{unix.ENOENT, unix.EINVAL, unix.EACCES, unix.ESRCH} {
				if text == unix.ErrnoName(errno) {
					return "", errno
				}
			}
			return text, nil
		})
		if got != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, err, row.want, row.err)
		}
	}
	if _, err := procfs.OwnLabel(); err != nil {
		t.Errorf("with this kernel: %v", err)
	}
}

func TestConfined(t *testing.T) {
	for label, want := range map[procfs.Label]bool{
		{AppArmor: "web", Mode: "enforce"}:        true,
		{AppArmor: "a//&b", Mode: "mixed"}:        true,
		{AppArmor: "web", Mode: "complain"}:       true,
		{AppArmor: "firefox", Mode: "unconfined"}: false,
		{AppArmor: "unconfined"}:                  false,
		{SELinux: "a:b:c:s0"}:                     false,
		{}:                                        false,
	} {
		if got := label.Confined(); got != want {
			t.Errorf("%+v: %v", label, got)
		}
	}
}
