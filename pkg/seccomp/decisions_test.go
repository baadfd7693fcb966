//go:build linux && libseccomp

package seccomp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp/seccomptest"
)

// randomProfiles is the number of random profiles for each architecture.
const randomProfiles = 200

// A filter decides each call like the one that runc makes with libseccomp, for Docker's profiles
// and random ones, on the kernels of all architectures.
func TestLibseccompDecisions(t *testing.T) {
	for arch, known := range kernels(t) {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			names := namesOf(t, known)
			for _, file := range []string{"docker", "docker-admin", "docker-20"} {
				if !compare(t, file, dockers(t, file, known).of(names), known) {
					t.Errorf("libseccomp refuses %s", file)
				}
			}
			compared, n := 0, uint64(0)
			for ; compared < randomProfiles && n < 2*randomProfiles; n++ {
				if compare(t, fmt.Sprint("random ", n), randomProfile(n, names, known), known) {
					compared++
				}
			}
			if compared < randomProfiles {
				t.Errorf("%d of %d random profiles have a filter", compared, n)
			}
		})
	}
}

// dockers returns a default profile as Docker writes it to a bundle, for a kernel with these ABIs.
func dockers(t *testing.T, file string, known []seccomp.ABI) (p profile) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	p.Architectures = nil
	for _, a := range known {
		p.Architectures = append(p.Architectures, a.Name())
	}
	return p
}

// namesOf returns the names of calls that libseccomp knows in these ABIs.
func namesOf(t *testing.T, known []seccomp.ABI) (names []string) {
	t.Helper()
	for _, a := range known {
		for _, name := range callsOf(t, a) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	// Except on ppc64le, libseccomp confuses these two: they have the same pseudo number.
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "switch_endian" || name == "sys_debug_setcontext" })
}

// of returns p with only these names of calls, those that libseccomp knows.
func (p profile) of(names []string) profile {
	for i := range p.Syscalls {
		p.Syscalls[i].Names = slices.DeleteFunc(p.Syscalls[i].Names, func(name string) bool {
			_, known := slices.BinarySearch(names, name)
			return !known
		})
	}
	return p
}

// compare runs both filters of a profile on its calls. It returns false if either cannot be made.
func compare(t *testing.T, name string, p profile, known []seccomp.ABI) bool {
	t.Helper()
	big := known[0].Name() == "SCMP_ARCH_S390X"
	theirProgram, ourProgram := libseccompProgram(t, p, known), p.compiled(t, known)
	if theirProgram == nil || ourProgram == nil {
		return false
	}
	ours, err := seccomptest.Decider(ourProgram, big)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := seccomptest.Decider(theirProgram, big)
	if err != nil {
		t.Fatal(err)
	}
	model, newest := p.model(known), p.newest(known)
	for _, c := range p.calls(known) {
		got, want, theirs := ours(c), model.decide(c), theirs(c)
		if newest.exceeds(c) {
			want, theirs = enosys, enosys
		}
		switch {
		case got != want:
			t.Errorf("%s: %s: %#x, the profile says %#x; %s", name, c, got, want, p.about(c, known))
		case got != theirs && !model.ambiguous(c):
			t.Errorf("%s: %s: %#x, libseccomp has %#x; %s", name, c, got, theirs, p.about(c, known))
		default:
			continue
		}
		break
	}
	return true
}

// about returns the rules of the profile for a call, as JSON.
func (p profile) about(c seccomptest.Call, known []seccomp.ABI) string {
	short := profile{DefaultAction: p.DefaultAction, DefaultErrnoRet: p.DefaultErrnoRet, Architectures: p.Architectures}
	for _, a := range known {
		a.Each(func(number uint32, name string) {
			if number != c.Number || a.Audit() != c.ABI {
				return
			}
			names := []string{name}
			seccomp.Multiplexed(name, func(_ uint64, other string) { names = append(names, other) })
			p.each(func(e entry, name string, conditions []condition) {
				if slices.Contains(names, name) {
					short.Syscalls = append(short.Syscalls, entry{[]string{name}, e.Action, e.ErrnoRet, conditions})
				}
			})
		})
	}
	text, err := json.Marshal(short)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
