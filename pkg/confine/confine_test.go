package confine

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// TestMain makes this test's executable the process that parses.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == Arg:
		if Serve() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	case len(os.Args) == 2 && os.Args[1] == attackArg:
		os.Exit(attack())
	}
	os.Exit(m.Run())
}

func startForTest(t *testing.T) *Parser {
	t.Helper()
	if raced {
		t.Skip("the filter does not permit what the race detector does")
	}
	p, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestAnswers(t *testing.T) {
	p := startForTest(t)
	script := "#!/bin/sh -e\n"
	facts, err := p.Program(program.File{Size: int64(len(script)), Chunks: []program.Chunk{{Data: []byte(script)}}})
	if err != nil || facts.Kind != program.Script || facts.Interpreter != "/bin/sh" || facts.Argument != "-e" {
		t.Errorf("%+v, %v", facts, err)
	}
	a, err := p.Account("app:7", []string{"extra"}, []byte("app:x:1000:1000::/:\n"), []byte("extra:x:2000:\n"))
	if err != nil || a.UID != 1000 || a.GID != 7 || len(a.Groups) != 1 || a.Groups[0] != 2000 {
		t.Errorf("%+v, %v", a, err)
	}
	paths, err := p.Paths([]byte("include /etc/ld.so.conf.d/*.conf\n/opt/\xff # it\n"), false)
	if err != nil || len(paths.Dirs) != 1 || paths.Dirs[0] != "/opt/\xff" || len(paths.Includes) != 1 {
		t.Errorf("%+v, %v", paths, err)
	}
}

// Much input is answered, and takes no more memory than the limit.
func TestLargeFile(t *testing.T) {
	p := startForTest(t)
	const size = 4 << 20
	for range 4 {
		facts, err := p.Program(program.File{Size: size, Chunks: []program.Chunk{{Data: bytes.Repeat([]byte("a"), size)}}})
		if err != nil || facts.Kind != program.Text {
			t.Fatalf("%+v, %v", facts, err)
		}
	}
}

// A process that has been taken over can answer anything; the parent believes nothing that could not be true.
func TestForgedAnswers(t *testing.T) {
	file := program.File{Size: 100}
	for _, text := range []string{
		``, `{}`, `[]`, `null`, `{"Program":{}}`, `{"Program":{"Kind":"x"}}`, `{"Account":{}}`, `{"Ready":true}`,
		`{"Program":{"Need":[{"Offset":-1,"Length":10}]}}`, `{"Program":{"Need":[{"Offset":0,"Length":101}]}}`,
		`{"Program":{"Need":[{"Offset":9223372036854775807,"Length":9223372036854775807}]}}`,
		`{"Program":{"Need":[` + strings.Repeat(`{"Offset":0,"Length":1},`, program.MaxNeeds) + `{"Offset":0,"Length":1}]}}`,
		`{"Program":{"Kind":"elf","Loader":"` + "AA==" + `"}}`,
		`{"Program":{"Kind":"elf","Loader":"!"}}`, `{"Program":{"Kind":"elf","Loader":7}}`,
		`{"Program":{"Kind":"elf","Loader":"` + strings.Repeat("AAAA", program.MaxName) + `"}}`,
		`{"Program":{"Kind":"elf","Arch":"` + strings.Repeat("a", 33) + `"}}`,
	} {
		if _, err := forged(text).Program(file); err == nil {
			t.Errorf("%.80s: no error", text)
		}
	}
	for _, text := range []string{`{"Account":{"UID":-1}}`, `{"Account":{"GID":4294967296}}`, `{"Account":{"Groups":[-1]}}`, `{"Program":{"Kind":"elf"}}`} {
		if _, err := forged(text).Account("", nil, nil, nil); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	for _, text := range []string{`{"Paths":{"Dirs":[""]}}`, `{"Paths":{"Dirs":["AA=="]}}`, `{"Paths":{"Includes":[` + strings.Repeat(`"YQ==",`, 256) + `"YQ=="]}}`, `{}`} {
		if _, err := forged(text).Paths(nil, false); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	endless := &Parser{in: nopCloser{io.Discard}, out: io.NopCloser(strings.NewReader("\xff\xff\xff\xff" + strings.Repeat("a", 100)))}
	if _, err := endless.Program(file); err == nil || !strings.Contains(err.Error(), "4294967295 bytes") {
		t.Errorf("a message of 4 GB: %v", err)
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// forged returns a parser whose process answers with a text.
func forged(text string) *Parser {
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	return &Parser{in: nopCloser{io.Discard}, out: io.NopCloser(bytes.NewReader(framed))}
}

// FuzzReceive reads what a process that was taken over could send.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}"))
	f.Add([]byte("\xff\xff\xff\xff{}"))
	f.Add([]byte("\x00\x00\x00\x3d{\"Program\":{\"Kind\":\"elf\",\"Loader\":\"L2xpYg==\",\"Needed\":[\"AA==\"]}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := program.File{Size: 1000}
		p := &Parser{in: nopCloser{io.Discard}, out: io.NopCloser(bytes.NewReader(data))}
		if facts, err := p.Program(file); err == nil {
			if err := facts.Check(file); err != nil {
				t.Error(err)
			}
		}
	})
}
