package printable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

func TestText(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", ""},
		{"sleep 60", "sleep 60"},
		{`C:\temp "x"`, `C:\temp "x"`},
		{"Grüße, 世界 🐳", "Grüße, 世界 🐳"},
		{"a\nb\tc\rd", `a\nb\tc\rd`},
		{"\x1b[2J\x00\x7f", `\u001b[2J\u0000\u007f`},
		{"\u0085\u009b31m", `\u0085\u009b31m`}, // C1: CSI in one character
		{"\u202egpj.exe\u2066\u200f\u061c", `\u202egpj.exe\u2066\u200f\u061c`},
		{"ad\u200bmin\ufeff\u00ad", `ad\u200bmin\ufeff\u00ad`},
		{"a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"a\u00a0b\u3000c", `a\u00a0b\u3000c`},
		{"\u3164\u2800\ufe0f\u115f", `\u3164\u2800\ufe0f\u115f`},
		{"\ue000\U000e0001\U000e0100", `\ue000\udb40\udc01\udb40\udd00`},
		{"\xff\xc3(\xed\xa0\x80", `\xff\xc3(\xed\xa0\x80`}, // the last is a surrogate
		{"\ufffd", "\ufffd"},
	} {
		if got := printable.Text(row.text); got != row.want {
			t.Errorf("%q is printed as %q, want %q", row.text, got, row.want)
		}
		if got := printable.Lines(row.text); got != strings.ReplaceAll(row.want, `\n`, "\n") {
			t.Errorf("%q as lines is printed as %q", row.text, got)
		}
	}
}

// The result is printable UTF-8, stable under a second pass, and keeps the meaning of JSON.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b]0;title\a", "\u202e\u2066", "\xff\xfe", "a\nb", "\U000e0001", `\u001b`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := printable.Text(text)
		if !utf8.ValidString(got) {
			t.Errorf("%q is printed as %q", text, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q is printed with %U: %q", text, r, got)
			}
		}
		if again := printable.Text(got); again != got {
			t.Errorf("%q is printed as %q, and that as %q", text, got, again)
		}
		document, err := json.MarshalIndent([]string{text}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var before, after []string
		_ = json.Unmarshal(document, &before)
		if err := json.Unmarshal([]byte(printable.Lines(string(document))), &after); err != nil || before[0] != after[0] {
			t.Errorf("JSON of %q becomes %q, %v", text, after, err)
		}
	})
}
