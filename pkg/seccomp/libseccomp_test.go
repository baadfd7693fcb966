//go:build linux && libseccomp

package seccomp_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// libseccompVariable is the variable with the path of the program that scripts/seccomp builds from
// testdata/libseccomp.c.
const libseccompVariable = "NSJOIN_TEST_LIBSECCOMP"

// libseccompNames maps the architectures' names in a profile to libseccomp's.
var libseccompNames = map[string]string{
	"SCMP_ARCH_X86_64": "x86_64", "SCMP_ARCH_X86": "x86", "SCMP_ARCH_X32": "x32", "SCMP_ARCH_AARCH64": "aarch64", "SCMP_ARCH_ARM": "arm",
	"SCMP_ARCH_PPC64LE": "ppc64le", "SCMP_ARCH_RISCV64": "riscv64", "SCMP_ARCH_S390X": "s390x",
}

// kernels returns the ABIs of the kernels of all architectures, each as abis returns them there.
func kernels(t *testing.T) map[string][]seccomp.ABI {
	t.Helper()
	table := func(name string) string {
		text, err := os.ReadFile(filepath.Join("syscalls", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	arm := seccomp.NewABI("SCMP_ARCH_ARM", 0x40000028, table("arm"), false, false, false)
	all := map[string][]seccomp.ABI{
		"amd64": {
			seccomp.NewABI("SCMP_ARCH_X86_64", 0xc000003e, table("amd64"), true, false, false),
			seccomp.NewABI("SCMP_ARCH_X32", 0xc000003e, table("amd64"), false, false, true),
			seccomp.NewABI("SCMP_ARCH_X86", 0x40000003, table("386"), false, false, false),
		},
		"arm64":   {seccomp.NewABI("SCMP_ARCH_AARCH64", 0xc00000b7, table("arm64"), true, false, false), arm},
		"arm":     {arm},
		"ppc64le": {seccomp.NewABI("SCMP_ARCH_PPC64LE", 0xc0000015, table("ppc64le"), true, false, false)},
		"riscv64": {seccomp.NewABI("SCMP_ARCH_RISCV64", 0xc00000f3, table("riscv64"), true, false, false)},
		"s390x":   {seccomp.NewABI("SCMP_ARCH_S390X", 0x80000016, table("s390x"), true, true, false)},
	}
	if !slices.Equal(all[runtime.GOARCH], seccomp.OwnABIs()) {
		t.Fatalf("%s: %+v", runtime.GOARCH, seccomp.OwnABIs())
	}
	return all
}

// libseccomp runs the program. refused means that a rule contradicts another one, or that the
// program did not finish in time.
func libseccomp(t *testing.T, input string, args ...string) (out []byte, refused bool) {
	t.Helper()
	program := os.Getenv(libseccompVariable)
	if program == "" {
		t.Fatal("this test needs libseccomp: make seccomp")
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	const contradiction = 3
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && (status.ExitStatus() == contradiction || status.Signal() == syscall.SIGVTALRM) {
		return nil, true
	}
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, errs.String(), input)
	}
	return out, false
}

// callsOf returns the calls of an ABI that libseccomp knows.
func callsOf(t *testing.T, a seccomp.ABI) map[uint32]string {
	t.Helper()
	calls := make(map[uint32]string)
	out, _ := libseccomp(t, "", "calls", libseccompNames[a.Name()])
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var number uint32
		var name string
		if _, err := fmt.Sscan(lines.Text(), &number, &name); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if number&0x40000000 != 0 == (a.Name() == "SCMP_ARCH_X32") {
			calls[number] = name
		}
	}
	if len(calls) < 200 {
		t.Fatalf("%s has %d calls", a.Name(), len(calls))
	}
	return calls
}

// The tables of calls are the same as libseccomp's, except for newer calls.
func TestLibseccompTables(t *testing.T) {
	for arch, list := range kernels(t) {
		for _, a := range list {
			t.Run(arch+"/"+a.Name(), func(t *testing.T) { compareTable(t, a) })
		}
	}
}

func compareTable(t *testing.T, a seccomp.ABI) {
	t.Helper()
	theirs := callsOf(t, a)
	names, ours := make(map[string]bool), make(map[uint32]string)
	a.Each(func(number uint32, name string) {
		if ours[number] != "" {
			t.Errorf("%d is %s and %s here", number, ours[number], name)
		}
		ours[number] = name
	})
	for number, name := range theirs {
		names[name] = true
		if ours[number] != name {
			t.Errorf("%d is %s to libseccomp and %q here", number, name, ours[number])
		}
	}
	for number, name := range ours {
		if theirs[number] == "" && names[name] {
			t.Errorf("%s is %d here", name, number)
		}
	}
}

// libseccompProgram returns the program that libseccomp makes for a kernel with these ABIs; nil if it
// refuses the profile, as runc does then.
func libseccompProgram(t *testing.T, p profile, known []seccomp.ABI) []seccomp.Instruction {
	t.Helper()
	var in strings.Builder
	level := 1
	if p.rules() > 32 { // as in runc
		level = 2
	}
	fmt.Fprintf(&in, "optimize %d\ndefault %x\n", level, p.defaultAction())
	for i, a := range known {
		if i == 0 || slices.Contains(p.Architectures, a.Name()) {
			fmt.Fprintf(&in, "arch %s\n", libseccompNames[a.Name()])
		}
	}
	p.each(func(e entry, name string, conditions []condition) {
		if e.action() == p.defaultAction() {
			return
		}
		fmt.Fprintf(&in, "rule %x %s", e.action(), name)
		for _, c := range conditions {
			fmt.Fprintf(&in, " %d %d %x %x", c.Index, operators[c.Op], c.Value, c.ValueTwo)
		}
		fmt.Fprintln(&in)
	})
	order := binary.ByteOrder(binary.LittleEndian)
	if known[0].Name() == "SCMP_ARCH_S390X" {
		order = binary.BigEndian
	}
	text, refused := libseccomp(t, in.String(), "filter")
	if refused {
		return nil
	}
	program := make([]seccomp.Instruction, len(text)/8)
	if err := binary.Read(bytes.NewReader(text), order, program); err != nil {
		t.Fatal(err)
	}
	if order == binary.BigEndian && runtime.GOARCH != "s390x" {
		fixReturns(program)
	}
	if forgetsNumber(program) {
		return nil
	}
	return program
}

// forgetsNumber reports whether a program compares the ABI instead of the call's number. libseccomp makes
// such a program if an ABI lacks the first call of a profile.
func forgetsNumber(program []seccomp.Instruction) bool {
	const loads, equal = 0x20, 0x15
	for i, in := range program {
		if in.Code != equal || in.K < 0x40000000 || in.K == ^uint32(0) {
			continue
		}
		if to := program[i+1+int(in.Jt)]; to.Code == equal && to.K < 0x40000000 {
			return true
		}
	}
	return len(program) == 0 || program[0].Code != loads
}

// fixReturns converts return values that libseccomp leaves in this machine's byte order in a
// program for the other byte order.
func fixReturns(program []seccomp.Instruction) {
	const returns = 0x06
	for i, in := range program {
		_, known := actionNames[in.K&0xffff0000]
		if in.Code == returns && (!known || in.K > 0 && in.K < 0x10000) {
			program[i].K = bits.ReverseBytes32(in.K)
		}
	}
}
