package argv0

import "testing"

func TestBase(t *testing.T) {
	for _, row := range []struct {
		path    string
		windows bool
		want    string
	}{
		{"nsjoin", false, "nsjoin"},
		{"/usr/local/bin/nsjoin", false, "nsjoin"},
		{"../NSJoin.exe", false, "NSJoin.exe"},
		{`a\nsjoin`, false, `a\nsjoin`},
		{"", false, ""},
		{`C:\Program Files\NSJOIN.EXE`, true, "nsjoin"},
		{"c:nsjoin.exe", true, "nsjoin"},
		{"bin/nsjoin", true, "nsjoin"},
		{".exe", true, ""},
		{"exe", true, "exe"},
	} {
		if got := base(row.path, row.windows); got != row.want {
			t.Errorf("base(%q), windows %v = %q, want %q", row.path, row.windows, got, row.want)
		}
	}
}
