package request_test

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{
		"", "host", "private", "container:web", "container:", "pid:1", "pid:0", "pid:-1", "pid:+7", "pid:007", "pid:4294967297",
		"ns:/run/netns/blue", "ns:blue", "ns:", "web", "container:host", "host:", "private:x", "container:a:b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s, err := request.ParseSource(value)
		if err != nil {
			if !strings.Contains(err.Error(), strconv.Quote(value)) || !reflect.DeepEqual(s, request.Source{}) {
				t.Errorf("%q: %+v and %q, which doesn't name the value", value, s, err)
			}
			return
		}
		again := s.String()
		if s.From == request.FromContainer {
			again = "container:" + again
		}
		if read, err := request.ParseSource(again); err != nil || !reflect.DeepEqual(read, s) {
			t.Errorf("%q is %+v, and %q is %+v, %v", value, s, again, read, err)
		}
		if s.From != request.FromPID && again != value {
			t.Errorf("%q is written as %q", value, again)
		}
		if s.From == request.FromPID && s.PID <= 0 {
			t.Errorf("%q is process %d", value, s.PID)
		}
	})
}

func FuzzParseBase(f *testing.F) {
	for _, seed := range []string{"", "web", "host", "container:host", "pid:25", "pid:", "ns:/proc/1/ns/net", "private", "ls", "container:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		s, err := request.ParseBase(arg)
		switch {
		case err != nil && arg != "" && !strings.Contains(err.Error(), strconv.Quote(arg)):
			t.Errorf("%q: %q doesn't name it", arg, err)
		case err != nil:
		case s.From == request.FromPath || s.From == request.FromNew:
			t.Errorf("%q is %+v, which cannot be a base", arg, s)
		case s.From == request.FromContainer && (s.Name == "" || !strings.HasSuffix(arg, s.Name)):
			t.Errorf("%q is the container %q", arg, s.Name)
		}
	})
}

// A request that is read can be written, and is the same when read again.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"version":1}`, `{"version":2}`, `{`, ``, `null`, `[]`,
		`{"version":1,"base":{"from":"container","name":"web","pid":7,"container":{"id":"ab","env":["A=1"]}},"take":"net,pid","command":["ls","-l"]}`,
		`{"version":1,"base":{"from":"host"},"take":"","overrides":{"net":{"from":"ns","path":"/run/netns/blue"}},"terminal":"auto","detachKeys":"EBE="}`,
		`{"version":1,"overrides":{"vlan":{}}}`, `{"version":1,"take":"all"}`, `{"version":1,"client":{"rows":24,"columns":80}}`,
		`{"version":1,"survey":{"containers":[{"id":"ab","pid":3}],"held":true}}`, `{"version":1,"base":{"pid":1e99}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		r, err := request.Read(bytes.NewReader(document))
		if err != nil {
			if r != nil || !strings.HasPrefix(err.Error(), "read request: ") {
				t.Errorf("%q: %+v, %v", document, r, err)
			}
			return
		}
		if r.Version != request.Version {
			t.Errorf("%q: version %d is accepted", document, r.Version)
		}
		once := written(t, r)
		again, err := request.Read(bytes.NewReader(once))
		if err != nil {
			t.Fatalf("%q is written as %q, which isn't read: %v", document, once, err)
		}
		if twice := written(t, again); !bytes.Equal(once, twice) {
			t.Errorf("%q is written as %q, and that as %q", document, once, twice)
		}
	})
}

// Words and variables of a command are bytes, like file names, not only UTF-8.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"ls", "", "caf\xe9", "\xff\xfe", "日本", "a\"b\\c\n", "<&>", "\u2028", "\ufffd"} {
		f.Add(seed, "A="+seed)
	}
	f.Fuzz(func(t *testing.T, word, assignment string) {
		r := &request.Request{Version: request.Version, Command: []string{"cat", word}, CallerEnv: []string{assignment}}
		r.Env, r.Dir = []string{assignment}, request.Word(word)
		r.Base = request.Source{From: request.FromPath, Path: request.Word(word)}
		again, err := request.Read(bytes.NewReader(written(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.Command, r.Command) || !slices.Equal(again.CallerEnv, r.CallerEnv) || !slices.Equal(again.Env, r.Env) {
			t.Errorf("%q, %q, %q arrive as %q, %q, %q", r.Command, r.CallerEnv, r.Env, again.Command, again.CallerEnv, again.Env)
		}
		if again.Dir != r.Dir || again.Base.Path != r.Base.Path {
			t.Errorf("directory %q, namespace %q arrive as %q, %q", r.Dir, r.Base.Path, again.Dir, again.Base.Path)
		}
	})
}

func written(t *testing.T, r *request.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
