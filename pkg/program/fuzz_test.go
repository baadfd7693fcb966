package program_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
	"github.com/nsjoin/docker-nsjoin/pkg/program/programtest"
)

// FuzzParse parses any file, of which any parts are known. It must end, its facts must pass Check, and it must not
// ask for parts that it has.
func FuzzParse(f *testing.F) {
	f.Add([]byte("#!/bin/sh -e\r\n"), int64(0), int64(20))
	f.Add([]byte("\xef\xbb\xbf#!/bin/sh\n"), int64(0), int64(0))
	whole := programtest.ELF{Machine: 62, Loader: "/lib/ld.so", Needed: []string{"libc.so.6", "libm.so.6"}, RunPath: "/opt"}.Bytes()
	f.Add(whole, int64(-1), int64(len(whole)))
	f.Add(whole[:300], int64(250), int64(1<<40))
	small := make([]byte, 52)
	copy(small, "\x7fELF\x01\x02")
	f.Add(small, int64(-1), int64(-1))
	f.Fuzz(func(t *testing.T, content []byte, second, size int64) {
		file := program.File{Size: max(size, 0), Chunks: []program.Chunk{{Data: content}}}
		if second >= 0 && second < int64(len(content)) {
			file.Chunks = append(file.Chunks, program.Chunk{Offset: second, Data: content[second:]})
		}
		const rounds = 4
		for range rounds {
			facts := program.Parse(file)
			if err := facts.Check(file); err != nil {
				t.Fatalf("%v: %+v", err, facts)
			}
			if len(facts.Need) == 0 || facts.Need[0].Length > 1<<20 { // which is slow, and no different
				return
			}
			file.Chunks = append(file.Chunks, partsOf(content, facts.Need)...)
		}
	})
}

// partsOf returns parts of a content, with zeros behind its end.
func partsOf(content []byte, parts []program.Range) []program.Chunk {
	var chunks []program.Chunk
	for _, r := range parts {
		data := make([]byte, r.Length)
		if r.Offset < int64(len(content)) {
			copy(data, content[r.Offset:])
		}
		chunks = append(chunks, program.Chunk{Offset: r.Offset, Data: data})
	}
	return chunks
}

// FuzzAccount and FuzzPaths parse any content: the result must pass Check.
func FuzzAccount(f *testing.F) {
	f.Add("app:extra", "more", []byte("app:x:1000:1000::/:\n"), []byte("extra:x:1:app\n"))
	f.Add("0", "-1", []byte("root:x:99999999999999999999::\n::\n"), []byte(":::,,,\n"))
	f.Fuzz(func(t *testing.T, spec, extra string, passwd, group []byte) {
		if err := program.ParseAccount(spec, []string{extra}, passwd, group).Check(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzPaths(f *testing.F) {
	f.Add([]byte("include /etc/*.conf\n/lib=libc5\n#\n"), false)
	f.Add([]byte("/lib:/usr/lib\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, musl bool) {
		if err := program.ParsePaths(text, musl).Check(); err != nil {
			t.Error(err)
		}
	})
}
