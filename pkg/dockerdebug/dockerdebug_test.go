package dockerdebug_test

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/dockerdebug"
)

// globals counts --context and its value, and -D.
func globals(words []string) int {
	n := 0
	for n < len(words) && (words[n] == "-D" || words[n] == "--context") {
		if words[n] == "--context" {
			n++
		}
		n++
	}
	return min(n, len(words))
}

func TestTranslate(t *testing.T) {
	for _, row := range []struct {
		typed, want, err, warning string
	}{
		{typed: "debug web", want: "nsjoin debug web"},
		{typed: "-D --context debug debug web", want: "-D --context debug nsjoin debug web"},
		{typed: "debug -c ls web", want: "nsjoin debug --command ls web"},
		{typed: "debug web -c ls", want: "nsjoin debug --command ls web"},
		{typed: "debug --command=ls debug", want: "nsjoin debug --command ls debug"},
		{typed: "debug --command= web", want: "nsjoin debug --command  web"},
		{typed: "debug --host ssh://h web", want: "--host ssh://h nsjoin debug web"},
		{typed: "debug --shell bash web", want: "nsjoin debug web"},
		{typed: "debug --shell=zsh web", want: "nsjoin debug web", warning: "the toolbox has no zsh"},
		{typed: "debug --shell csh web", err: `--shell "csh": must be bash, fish, zsh or auto`},
		{typed: "debug", err: "which container or image?"},
		{typed: "", err: "which container or image?"},
		{typed: "debug web ls", err: `"ls": docker debug takes a container or an image only`},
		{typed: "debug --privileged web", err: "unknown flag: --privileged"},
		{typed: "__complete debug we", want: "__complete nsjoin debug we"},
		{typed: "__completeNoDesc --context a debug we", want: "__completeNoDesc --context a nsjoin debug we"},
		{typed: "__complete debug --shell bash --host tcp://h -c ls we", want: "__complete --host tcp://h nsjoin debug we"},
		{typed: "debug -it web", want: "nsjoin debug --interactive --tty web"},
		{typed: "__complete -D", want: "__complete -D nsjoin debug"},
	} {
		var words []string
		if row.typed != "" {
			words = strings.Split(row.typed, " ")
		}
		got, err := dockerdebug.Translate(words, globals)
		if row.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), row.err) {
				t.Errorf("%s: %+v, %v, want %s", row.typed, got, err, row.err)
			}
			continue
		}
		if err != nil || strings.Join(got.Words, " ") != row.want || !strings.HasPrefix(got.Warning, row.warning) || row.warning == "" && got.Warning != "" || got.Help != "" {
			t.Errorf("%s: %+v, %v, want %s", row.typed, got, err, row.want)
		}
	}
	for _, typed := range []string{"debug --help", "debug -h web", "help debug"} {
		got, err := dockerdebug.Translate(strings.Split(typed, " "), globals)
		if err != nil || !strings.HasPrefix(got.Help, "Usage:  docker debug [OPTIONS] CONTAINER|IMAGE\n") || !strings.Contains(got.Help, "--shell string") {
			t.Errorf("%s: %+v, %v", typed, got, err)
		}
	}
}

// The options that a shell completes are those of docker debug.
func TestCompletion(t *testing.T) {
	for typed, want := range map[string]string{
		"__complete debug --": "--command\n--help\n--host\n--interactive\n--shell\n--tty\n:4\n", "__complete debug --shell ": "auto\nbash\nfish\nzsh\n:4\n",
		"__complete debug -c x": ":4\n",
	} {
		if got, err := dockerdebug.Translate(strings.Split(typed, " "), globals); err != nil || got.Help != want {
			t.Errorf("%s: %+v, %v", typed, got, err)
		}
	}
}
