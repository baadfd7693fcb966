package request_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func container(name string) request.Source {
	return request.Source{From: request.FromContainer, Name: name}
}

func file(path string) request.Source {
	return request.Source{From: request.FromPath, Path: request.Word(path)}
}

func private() request.Source { return request.Source{From: request.FromNew} }

func process(pid int) request.Source {
	return request.Source{From: request.FromPID, PID: pid}
}

func TestParseBase(t *testing.T) {
	for _, row := range []struct {
		arg  string
		want request.Source
	}{
		{"web", container("web")},
		{"2f7a", container("2f7a")},
		{"host", request.Host()},
		{"hosts", container("hosts")},
		{"HOST", container("HOST")},
		{"pid", container("pid")},
		{"container", container("container")},
		{"private", container("private")},
		{"ns:/run/netns/blue", container("ns:/run/netns/blue")},
		{"container:web", container("web")},
		{"container:host", container("host")},
		{"container:ls", container("ls")},
		{"container:pid:1", container("pid:1")},
		{"pid:1", process(1)},
		{"pid:2147483647", process(2147483647)},
	} {
		if got, err := request.ParseBase(row.arg); err != nil || got != row.want {
			t.Errorf("ParseBase(%q) = %+v, %v; want %+v", row.arg, got, err, row.want)
		}
	}
}

func TestParseBaseRefuses(t *testing.T) {
	for _, row := range []struct{ arg, message string }{
		{"", `the container's name is empty`},
		{"container:", `unknown source "container:": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"pid:", `"pid:": N in pid:N must be the number of a process`},
		{"pid:0", `"pid:0": N in pid:N must be the number of a process`},
		{"pid:-1", `"pid:-1": N in pid:N must be the number of a process`},
		{"pid:x", `"pid:x": N in pid:N must be the number of a process`},
		{"pid: 1", `"pid: 1": N in pid:N must be the number of a process`},
		{"pid:1\n", `"pid:1\n": N in pid:N must be the number of a process`},
		{"pid:1.5", `"pid:1.5": N in pid:N must be the number of a process`},
		{"pid:0x10", `"pid:0x10": N in pid:N must be the number of a process`},
		{"pid:2147483648", `"pid:2147483648": N in pid:N must be the number of a process`},
	} {
		refused(t, row.arg, row.message, request.ParseBase)
	}
}

func TestParseSource(t *testing.T) {
	for _, row := range []struct {
		value string
		want  request.Source
	}{
		{"host", request.Host()},
		{"container:web", container("web")},
		{"container:host", container("host")},
		{"pid:42", process(42)},
		{"ns:/run/netns/blue", file("/run/netns/blue")},
		{"ns:/proc/1/ns/net", file("/proc/1/ns/net")},
		{"ns:/a:b", file("/a:b")},
		{"ns:/", file("/")},
		{"private", private()},
		{"container:private", container("private")},
	} {
		if got, err := request.ParseSource(row.value); err != nil || got != row.want {
			t.Errorf("ParseSource(%q) = %+v, %v; want %+v", row.value, got, err, row.want)
		}
	}
}

func TestParseSourceRefuses(t *testing.T) {
	for _, row := range []struct{ value, message string }{
		{"", `unknown source "": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"web", `unknown source "web": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"container", `unknown source "container": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"container:", `unknown source "container:": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"Container:web", `unknown source "Container:web": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"bridge", `unknown source "bridge": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"host:", `unknown source "host:": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"\x1b[2J", `unknown source "\x1b[2J": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"pid", `"pid": N in pid:N must be the number of a process`},
		{"pid:0", `"pid:0": N in pid:N must be the number of a process`},
		{"ns", `"ns": PATH in ns:PATH must be absolute`},
		{"ns:", `"ns:": PATH in ns:PATH must be absolute`},
		{"ns:blue", `"ns:blue": PATH in ns:PATH must be absolute`},
		{"ns:./blue", `"ns:./blue": PATH in ns:PATH must be absolute`},
		{"/run/netns/blue", `unknown source "/run/netns/blue": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"private:", `unknown source "private:": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"Private", `unknown source "Private": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"shareable", `unknown source "shareable": must be one of container:NAME|host|pid:N|ns:PATH|private`},
		{"pid:self", `"pid:self": N in pid:N must be the number of a process`},
	} {
		refused(t, row.value, row.message, request.ParseSource)
	}
}

func refused(t *testing.T, arg, message string, parse func(string) (request.Source, error)) {
	t.Helper()
	got, err := parse(arg)
	if err == nil {
		t.Errorf("%q is accepted as %+v", arg, got)
		return
	}
	if err.Error() != message {
		t.Errorf("%q is refused with %s\nwant %s", arg, err, message)
	}
	if got != (request.Source{}) {
		t.Errorf("%q returns %+v with the error", arg, got)
	}
}

func TestSourceInMessages(t *testing.T) {
	for _, row := range []struct {
		source          request.Source
		plain, sentence string
	}{
		{request.Host(), "host", "the host"},
		{process(42), "pid:42", "pid:42"},
		{container("web"), "web", `"web"`},
		{container("host"), "host", `"host"`},
		{file("/run/netns/blue"), "ns:/run/netns/blue", "ns:/run/netns/blue"},
		{private(), "private", "private"},
		{container("a\nb"), "a\nb", `"a\nb"`},
	} {
		if got := row.source.String(); got != row.plain {
			t.Errorf("%+v: String is %q, want %q", row.source, got, row.plain)
		}
		if got := row.source.Quoted(); got != row.sentence {
			t.Errorf("%+v: Quoted is %q, want %q", row.source, got, row.sentence)
		}
	}
}
