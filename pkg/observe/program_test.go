//go:build linux

package observe

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// elfFile returns an ELF file with one program header, PT_INTERP with the loader name.
func elfFile(long bool, order binary.AppendByteOrder, name string) []byte {
	class, data := byte(1), byte(1)
	if order.String() == binary.BigEndian.String() {
		data = 2
	}
	word := func(b []byte, n uint64) []byte { return order.AppendUint32(b, uint32(n)) }
	size, header, flags := uint64(52), uint16(32), 4
	if long {
		class, size, header, flags = 2, 64, 56, 8
		word = order.AppendUint64
	}
	b := append([]byte("\x7fELF"), class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 3), 62), 1)
	b = word(word(word(b, 0), size), 0)
	b = order.AppendUint32(b, 0)
	for _, n := range []uint16{uint16(size), header, 1, 0, 0, 0} {
		b = order.AppendUint16(b, n)
	}
	b = order.AppendUint32(b, 3)
	if long {
		b = order.AppendUint32(b, 4)
	}
	at := size + uint64(header)
	b = word(word(word(b, at), 0), 0)
	b = word(word(b, uint64(len(name)+1)), uint64(len(name)+1))
	b = append(b, make([]byte, flags)...)
	for uint64(len(b)) < at {
		b = append(b, 0)
	}
	return append(append(b[:at], name...), make([]byte, 64)...)
}

func TestMissingInterpreter(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("sh", []byte("\x7fELF"), 0o755)
	for name, text := range map[string]string{
		"good": "#!/sh\n", "bad": "#!/no/such -x\n", "outer": "#!/bad\n", "relative": "#! ./nosuch\t-x\n", "text": "text", "empty": "",
		"none": "#!\n", "long": "#!/" + strings.Repeat("x", 5000), "itself": "#!/itself\n", "windows": "#!/sh\r\n", "out": "#!../../no\n",
	} {
		write(name, []byte(text), 0o755)
	}
	write("plain", nil, 0o644)
	write("unexecutable", []byte("#!/plain\n"), 0o755)
	for name, long := range map[string]bool{"32": false, "64": true} {
		write("little"+name, elfFile(long, binary.LittleEndian, "/lib/ld.so"), 0o755)
		write("big"+name, elfFile(long, binary.BigEndian, "/lib/ld.so"), 0o755)
		write("well"+name, elfFile(long, binary.LittleEndian, "/sh"), 0o755)
	}
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	const none = ": no such file or directory"
	for paths, want := range map[string]string{
		"/good": "", "/text": "", "/empty": "", "/none": "", "/nosuch": "", "/itself": "", "/": "", "/plain": "", "/sh": "",
		"/bad":                 `interpreter "/no/such" of /bad` + none,
		"/outer":               `interpreter "/no/such" of /bad` + none,
		"/relative":            `interpreter "./nosuch" of /relative` + none,
		"/out":                 `interpreter "../../no" of /out` + none,
		"/windows":             `interpreter "/sh\r" of /windows` + none,
		"/unexecutable":        `interpreter "/plain" of /unexecutable: permission denied`,
		"/nosuch /plain /bad":  `interpreter "/no/such" of /bad` + none,
		"bad":                  `interpreter "/no/such" of /bad` + none,
		"/good /bad":           "", // the kernel executes the first
		"/little32":            `loader "/lib/ld.so" of /little32` + none,
		"/little64":            `loader "/lib/ld.so" of /little64` + none,
		"/big32":               `loader "/lib/ld.so" of /big32` + none,
		"/big64":               `loader "/lib/ld.so" of /big64` + none,
		"/well32":              "",
		"/well64":              "",
		"/../../../../../good": "",
	} {
		got := ""
		if err := missingInterpreter(root, "/", strings.Fields(paths)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", paths, got, want)
		}
	}
	if err := missingInterpreter(root, "/", []string{"/long"}); err == nil || len(err.Error()) > 400 {
		t.Errorf("an endless first line: %v", err)
	}
}

// Whatever the headers contain, reading stays within the limits.
func TestRandomHeaders(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	file := filepath.Join(t.TempDir(), "elf")
	for i := range 20000 {
		b := elfFile(i%2 == 0, binary.LittleEndian, "/lib/ld.so")
		for range 1 + random.IntN(8) {
			b[4+random.IntN(116)] = byte(random.IntN(256))
		}
		if name := loader(strings.NewReader(string(b)), b[:random.IntN(len(b))]); len(name) > maxHeaders {
			t.Fatalf("%s: %d bytes", file, len(name))
		}
	}
}
