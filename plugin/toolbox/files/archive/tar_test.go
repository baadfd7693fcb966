package archive

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestTarOptions(t *testing.T) {
	for _, row := range []struct {
		args   string
		status int
		magic  string // of the archive
	}{
		{"cfz x.tgz d", 0, "\x1f\x8b"},
		{"czf x.tgz d", 0, "\x1f\x8b"},
		{"cf x.tgz d", 0, "d/"},
		{"caf x.tgz d", 0, "\x1f\x8b"},
		{"caf x.zst d", 0, "\x28\xb5"},
		{"cjf x.tbz d", 2, "old"},
		{"cJf x.txz d", 0, "\xfd7zXZ"},
		{"caf x.tar.xz d", 0, "\xfd7zXZ"},
		{"caf x.bz2 d", 2, "old"},
		{"cf", 2, ""},
		{"cf x -C d f -C .. d", 0, "f\x00"},
		{"cf x -C . d --sort=size", 2, "old"},
	} {
		tooltest.Tree(t, "d/", "d/f")
		words := strings.Fields(row.args)
		if len(words) > 1 {
			if err := os.WriteFile(words[1], []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, status := tooltest.Call(t, "", Tar, words...); status != row.status {
			t.Errorf("tar %s: status %d, want %d", row.args, status, row.status)
		}
		if len(words) > 1 {
			if text, err := os.ReadFile(words[1]); err != nil || !bytes.HasPrefix(text, []byte(row.magic)) {
				t.Errorf("tar %s makes %.10q, %v", row.args, text, err)
			}
		}
	}
}

// Archives of git begin with a global header, which is no file.
func TestTarSkipsGlobalHeaders(t *testing.T) {
	tooltest.Tree(t)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "1234"}},
		{Typeflag: tar.TypeReg, Name: "f", Mode: 0o600},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a.tar", archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, status := tooltest.Call(t, "", Tar, "tf", "a.tar"); text != "f\n" || status != 0 {
		t.Errorf("tar tf prints %q, status %d", text, status)
	}
	if _, status := tooltest.Call(t, "", Tar, "xf", "a.tar"); status != 0 || tooltest.Left() != "a.tar f" {
		t.Errorf("tar xf: status %d, left is %q", status, tooltest.Left())
	}
}

// GNU tar's sparse files (bsdtar and docker save write them too) are unpacked with their holes.
func TestTarUnpacksSparseFiles(t *testing.T) {
	tooltest.Tree(t)
	header := make([]byte, 512)
	put := func(at int, text string) { copy(header[at:], text) }
	put(0, "sparse")
	put(100, "0000600\x00")
	put(108, "0000000\x00")
	put(116, "0000000\x00")
	put(124, "00000000004\x00") // stored bytes
	put(136, "00000000000\x00")
	put(156, "S")
	put(257, "ustar  \x00")
	put(386, "00000001000\x0000000000004\x00") // at 512, 4 bytes
	put(483, "00000001004\x00")                // the real size
	put(148, "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	put(148, strings.Repeat("0", 6-len(octal(sum)))+octal(sum)+"\x00 ")
	data := make([]byte, 512*3)
	copy(data, "text")
	if err := os.WriteFile("a.tar", append(header, data...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, status := tooltest.Call(t, "", Tar, "xf", "a.tar"); status != 0 {
		t.Fatalf("status %d", status)
	}
	if text, err := os.ReadFile("sparse"); err != nil || string(text) != strings.Repeat("\x00", 512)+"text" {
		t.Errorf("the file has %q, %v", text, err)
	}
}

func octal(n int) (text string) {
	for ; n > 0; n /= 8 {
		text = string(rune('0'+n%8)) + text
	}
	return text
}

// A file is not removed for a hard link to itself, as tar writes it for a file that is named twice, nor for one that
// can't be made.
func TestTarLinksAFileToItself(t *testing.T) {
	tooltest.Tree(t, "d/", "d/f")
	if err := os.Link("d/f", "g"); err != nil {
		t.Fatal(err)
	}
	if _, status := tooltest.Call(t, "", Tar, "cf", "a.tar", "d", "d/f"); status != 0 {
		t.Fatalf("status %d", status)
	}
	if _, status := tooltest.Call(t, "", Tar, "xf", "a.tar"); status != 0 || tooltest.Left() != "a.tar d d/f g" {
		t.Errorf("status %d, left is %q", status, tooltest.Left())
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: "g", Linkname: "nosuch"}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := os.WriteFile("a.tar", archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, status := tooltest.Call(t, "", Tar, "xf", "a.tar"); status == 0 || tooltest.Left() != "a.tar d d/f g" {
		t.Errorf("status %d, left is %q", status, tooltest.Left())
	}
}

func TestTarNamesAndExclusions(t *testing.T) {
	for args, want := range map[string]string{
		"cf a.tar .":                  "./ ./.h ./d/ ./d/f ./d/x/ ./d/x/y",
		"cf a.tar d":                  "d/ d/f d/x/ d/x/y",
		"cf a.tar d/":                 "d/ d/f d/x/ d/x/y",
		"cf a.tar --exclude=x d":      "d/ d/f",
		"cf a.tar --exclude=f d .h":   "d/ d/x/ d/x/y .h",
		"cf a.tar -C d .":             "./ ./f ./x/ ./x/y",
		"cf a.tar DIR/d/ --exclude=x": "DIR/d/ DIR/d/f",
		"cf a.tar -C d x f":           "x/ x/y f",
	} {
		tooltest.Tree(t, "d/", "d/f", "d/x/", "d/x/y", ".h")
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		args, want = strings.ReplaceAll(args, "DIR", dir), strings.ReplaceAll(want, "DIR", dir[1:])
		_, status := tooltest.Call(t, "", Tar, strings.Fields(args)...)
		text, _ := tooltest.Call(t, "", Tar, "tf", "a.tar")
		if got := strings.Join(strings.Fields(text), " "); got != want || status != 0 {
			t.Errorf("tar %s has %q, want %q, status %d", args, got, want, status)
		}
	}
}
