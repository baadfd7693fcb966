package program_test

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
	"github.com/nsjoin/docker-nsjoin/pkg/program/programtest"
)

// parse calls Parse as often as it needs more of a file, and checks each answer.
func parse(t *testing.T, content []byte) program.Facts {
	t.Helper()
	f := program.File{Size: int64(len(content))}
	const rounds = 4
	for range rounds {
		facts := program.Parse(f)
		if err := facts.Check(f); err != nil {
			t.Fatal(err)
		}
		if len(facts.Need) == 0 {
			return facts
		}
		for _, r := range facts.Need {
			f.Chunks = append(f.Chunks, program.Chunk{Offset: r.Offset, Data: content[r.Offset : r.Offset+r.Length]})
		}
	}
	t.Fatalf("it needs more after %d rounds", rounds)
	return program.Facts{}
}

func TestScripts(t *testing.T) {
	long := "#!/" + strings.Repeat("a", 300) + "\n"
	for _, row := range []struct {
		content string
		want    program.Facts
	}{
		{"#!/bin/sh\n", program.Facts{Kind: program.Script, Interpreter: "/bin/sh"}},
		{"#! \t/bin/sh \t -e  -x \n", program.Facts{Kind: program.Script, Interpreter: "/bin/sh", Argument: "-e  -x"}},
		{"#!/bin/sh", program.Facts{Kind: program.Script, Interpreter: "/bin/sh"}},
		{"#!/usr/bin/env bash\n", program.Facts{Kind: program.Script, Interpreter: "/usr/bin/env", Argument: "bash"}},
		{"#!/bin/sh\r\necho\r\n", program.Facts{Kind: program.Script, Interpreter: "/bin/sh", CR: true}},
		{"#!/bin/sh -e\r\n", program.Facts{Kind: program.Script, Interpreter: "/bin/sh", Argument: "-e", CR: true}},
		{"\xef\xbb\xbf#!/bin/sh\n", program.Facts{Kind: program.Script, Interpreter: "/bin/sh", BOM: true}},
		{"\n #!/bin/sh\n", program.Facts{Kind: program.Script, Interpreter: "/bin/sh", Blank: true}},
		{"#!\n", program.Facts{Kind: program.Script}},
		{"#!", program.Facts{Kind: program.Script}},
		{"#!/bin/\x00sh\n", program.Facts{Kind: program.Script, Interpreter: "/bin/"}},
		{long, program.Facts{Kind: program.Script, Interpreter: program.Name(long[2:256]), Long: true}},
		{"#!/bin/sh " + long, program.Facts{Kind: program.Script, Interpreter: "/bin/sh", Argument: program.Name(long[:246])}},
		{"", program.Facts{Kind: program.Empty}},
		{"echo hello\n", program.Facts{Kind: program.Text}},
		{"größe", program.Facts{Kind: program.Text}},
		{"a\x00b", program.Facts{Kind: program.Other}},
		{"\xff\xfe#\x00!\x00/\x00", program.Facts{Kind: program.Other}},
		{"MZ\x90\x00", program.Facts{Kind: program.Windows}},
		{"\xcf\xfa\xed\xfe\x07", program.Facts{Kind: program.MacOS}},
		{"\x7fELF", program.Facts{Kind: program.ELF, Malice: true}},
	} {
		got := parse(t, []byte(row.content))
		if got.Kind != row.want.Kind || got.Interpreter != row.want.Interpreter || got.Argument != row.want.Argument ||
			got.CR != row.want.CR || got.BOM != row.want.BOM || got.Blank != row.want.Blank || got.Long != row.want.Long || got.Malice != row.want.Malice {
			t.Errorf("%.40q: %+v, want %+v", row.content, got, row.want)
		}
	}
}

// The programs and libraries of this machine have the facts that debug/elf finds.
func TestFilesOfThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("its programs are not ELF files")
	}
	checked, dynamic := 0, 0
	for _, pattern := range []string{"/usr/bin/*", "/usr/lib/*/*.so*", "/usr/lib64/*.so*", "/usr/local/go/bin/*"} {
		files, _ := filepath.Glob(pattern)
		const each = 7 // enough of them
		for i := 0; i < len(files); i += each {
			content, err := os.ReadFile(files[i])
			if err != nil || !bytes.HasPrefix(content, []byte("\x7fELF")) {
				continue
			}
			if known, err := elf.NewFile(bytes.NewReader(content)); err == nil {
				checked++
				dynamic += compare(t, files[i], parse(t, content), known, content)
			}
		}
	}
	if checked < 20 || dynamic < 10 {
		t.Errorf("only %d files, %d of them dynamic", checked, dynamic)
	}
}

// compare compares facts with those of debug/elf. It returns 1 for a file that needs libraries, else 0.
func compare(t *testing.T, file string, got program.Facts, known *elf.File, content []byte) int {
	t.Helper()
	if got.Kind != program.ELF || got.Malice || got.Cut {
		t.Errorf("%s: %+v", file, got)
	}
	libraries, _ := known.DynString(elf.DT_NEEDED)
	var names []string
	for _, n := range got.Needed {
		names = append(names, string(n))
	}
	if !slices.Equal(names, libraries) {
		t.Errorf("%s: libraries %q, want %q", file, names, libraries)
	}
	run, _ := known.DynString(elf.DT_RUNPATH)
	if strings.Join(run, "") != string(got.RunPath) {
		t.Errorf("%s: run path %q, want %q", file, got.RunPath, run)
	}
	for _, p := range known.Progs {
		if p.Type == elf.PT_INTERP && string(content[p.Off:p.Off+p.Filesz-1]) != string(got.Loader) {
			t.Errorf("%s: loader %q", file, got.Loader)
		}
	}
	return min(len(libraries), 1)
}

// A file whose tables are far from its beginning is read in parts.
func TestDistantParts(t *testing.T) {
	for _, gap := range []int{0, 10, program.HeadSize, 5 << 20} {
		content := programtest.ELF{
			Machine: 183, Loader: "/lib/ld.so", Needed: []string{"liba.so", "libb.so.1"}, RunPath: "$ORIGIN:/opt", RPath: "/r", Gap: gap,
		}.Bytes()
		got := parse(t, content)
		if got.Arch != "arm64" || got.Loader != "/lib/ld.so" || len(got.Needed) != 2 || got.Needed[1] != "libb.so.1" ||
			got.RunPath != "$ORIGIN:/opt" || got.RPath != "/r" || got.Malice || got.Cut || got.Library {
			t.Errorf("gap %d: %+v", gap, got)
		}
		if got := parse(t, content[:len(content)-1]); !got.Cut {
			t.Errorf("gap %d, cut: %+v", gap, got)
		}
	}
}

func TestArchitectures(t *testing.T) {
	for _, row := range []struct {
		class, data byte
		machine     uint16
		want        string
	}{
		{2, 1, 62, "amd64"},
		{1, 1, 62, "machine 62"},
		{1, 1, 3, "386"},
		{2, 1, 183, "arm64"},
		{1, 1, 40, "arm"},
		{2, 1, 243, "riscv64"},
		{2, 1, 21, "ppc64le"},
		{2, 2, 21, "ppc64"},
		{2, 2, 22, "s390x"},
		{2, 1, 65535, "machine 65535"},
	} {
		header := make([]byte, 64)
		copy(header, "\x7fELF")
		header[4], header[5], header[16], header[18], header[19] = row.class, row.data, 2, byte(row.machine), byte(row.machine>>8)
		header[42], header[54] = 32, 56
		if row.data == 2 {
			header[16], header[17], header[18], header[19] = 0, 2, byte(row.machine>>8), byte(row.machine)
			header[42], header[43], header[54], header[55] = 0, 32, 0, 56
		}
		if got := parse(t, header); got.Arch != row.want || got.Malice || got.Object {
			t.Errorf("%+v: %+v", row, got)
		}
	}
}

func TestAccounts(t *testing.T) {
	passwd := "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:\nbad:x:-5:0::/:\nlarge:x:4294967299:0::/:\n"
	group := "root:x:0:\nextra:x:2000:app,other\nmore:x:2001:app\n"
	for _, row := range []struct {
		spec   string
		groups []string
		want   program.Account
	}{
		{"", nil, program.Account{}},
		{"app", nil, program.Account{UID: 1000, GID: 1001, Groups: []int{2000, 2001}}},
		{"app", []string{"root", "7"}, program.Account{UID: 1000, GID: 1001, Groups: []int{0, 7, 2000, 2001}}},
		{"app:extra", nil, program.Account{UID: 1000, GID: 2000}},
		{"1000", nil, program.Account{UID: 1000, GID: 1001, Groups: []int{2000, 2001}}},
		{"77:88", nil, program.Account{UID: 77, GID: 88}},
		{"nosuch", nil, program.Account{NoUser: true}},
		{"app:nosuch", nil, program.Account{NoGroup: true}},
		{"app", []string{"nosuch"}, program.Account{NoGroup: true}},
		{"-1", nil, program.Account{Invalid: true}},
		{"4294967296", nil, program.Account{Invalid: true}},
		{"bad", nil, program.Account{Invalid: true}},
	} {
		got := program.ParseAccount(row.spec, row.groups, []byte(passwd), []byte(group))
		if got.UID != row.want.UID || got.GID != row.want.GID || !slices.Equal(got.Groups, row.want.Groups) ||
			got.NoUser != row.want.NoUser || got.NoGroup != row.want.NoGroup || got.Invalid != row.want.Invalid || got.Check() != nil {
			t.Errorf("%q %q: %+v, want %+v", row.spec, row.groups, got, row.want)
		}
	}
	if got := program.ParseAccount("app", nil, nil, nil); !got.NoUser {
		t.Errorf("without files: %+v", got)
	}
	if got := program.ParseAccount("7", nil, nil, nil); got.UID != 7 || got.NoUser {
		t.Errorf("a number without files: %+v", got)
	}
	if got := program.ParseAccount("app", nil, bytes.Repeat([]byte("a"), 1<<17), nil); !got.Unreadable {
		t.Errorf("a line that is too long: %+v", got)
	}
}

func TestPaths(t *testing.T) {
	got := program.ParsePaths([]byte("# it\n/usr/local/lib # why\n\ninclude /etc/ld.so.conf.d/*.conf\nhwcap 1 nosegneg\n/opt/a=libc6\n/with\x00zero\n"), false)
	if len(got.Dirs) != 2 || got.Dirs[0] != "/usr/local/lib" || got.Dirs[1] != "/opt/a" || len(got.Includes) != 1 || got.Includes[0] != "/etc/ld.so.conf.d/*.conf" {
		t.Errorf("%+v", got)
	}
	if got := program.ParsePaths([]byte("/lib:/usr/lib\n/opt\n"), true); len(got.Dirs) != 3 || got.Dirs[2] != "/opt" {
		t.Errorf("musl: %+v", got)
	}
}
