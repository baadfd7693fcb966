package history

import "testing"

func TestExpand(t *testing.T) {
	events := []string{"ls -l /tmp/a.txt", "echo one 'two three' four"}
	for line, want := range map[string]string{
		"!!": events[1], "!-2": events[0], "!1 -x": events[0] + " -x", "!l": events[0], "!?two?": events[1], "x !$": "x four", "x !^": "x one", "x !*": "x one 'two three' four",
		"x !!:2": "x 'two three'", "x !!:1-2": "x one 'two three'", "x !!:2*": "x 'two three' four", "x !!:1-": "x one 'two three'", "x !ls:$:h": "x /tmp", "x !ls:$:t:r": "x a",
		"!!:s/one/1/": "echo 1 'two three' four", "!!:gs/o/0/": "ech0 0ne 'tw0 three' f0ur", "^one^1": "echo 1 'two three' four",
		"echo !": "echo !", "echo '!!'": "echo '!!'", `echo \!!`: `echo \!!`, "[[ ! -f x ]]": "[[ ! -f x ]]", "echo $!": "echo $!", "a!=b": "a!=b", `echo "a!"`: `echo "a!"`, "ls [!a]*": "ls [!a]*",
		`echo "!!"`: `echo "` + events[1] + `"`, "echo ${!x}": "echo ${!x}",
	} {
		if got, _, _, err := Expand(line, events); got != want || err != nil {
			t.Errorf("%q is %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{"!nosuch", "!9", "!!:9", "!!:s/nosuch/x/", "^nosuch^x"} {
		if got, _, _, err := Expand(line, events); err == nil {
			t.Errorf("%q is %q", line, got)
		}
	}
	if got, changed, show, err := Expand("!ls:p", events); got != events[0] || !changed || !show || err != nil {
		t.Errorf("it is %q, %v, %v, %v", got, changed, show, err)
	}
	if got, _, _, err := Expand("!!", nil); err == nil {
		t.Errorf("without a line it is %q", got)
	}
}
