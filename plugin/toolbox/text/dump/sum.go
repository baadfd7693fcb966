package dump

import (
	"crypto/md5"  //nolint:gosec // what md5sum is for
	"crypto/sha1" //nolint:gosec // what sha1sum is for
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Sum returns a tool that prints or checks digests.
func Sum(name string) tool.Tool {
	hashes := map[string]func() hash.Hash{
		"md5sum": md5.New, "sha1sum": sha1.New, "sha224sum": sha256.New224, "sha256sum": sha256.New,
		"sha384sum": sha512.New384, "sha512sum": sha512.New,
	}
	digest := func(in io.Reader) (string, error) {
		h := hashes[name]()
		_, err := io.Copy(h, in)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	return func(args []string) int {
		f := tool.Flags(name, "[-c] [FILE...]")
		check := f.BoolP("check", "c", false, "check the files of a list")
		quiet := f.Bool("quiet", false, "no word about files that are right")
		silent := f.BoolP("status", "s", false, "print nothing")
		binary := f.BoolP("binary", "b", false, "a * before names")
		f.BoolP("text", "t", false, "a space before names (the default)")
		if status, ok := tool.Parse(f, args); !ok {
			return status
		}
		if *check {
			return checkSums(name, f.Args(), digest, *quiet || *silent, *silent)
		}
		return tool.Inputs(name, f.Args(), func(in tool.Input) error {
			sum, err := digest(in)
			if err == nil {
				mark := " "
				if *binary {
					mark = "*"
				}
				tool.Printf("%s %s%s\n", sum, mark, tool.Printable(in.Name))
			}
			return err
		})
	}
}

func checkSums(name string, lists []string, digest func(io.Reader) (string, error), quiet, silent bool) int {
	failed := false
	status := tool.Inputs(name, lists, func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			want, path, ok := strings.Cut(string(line), " ")
			path = strings.TrimLeft(path, " *")
			if !ok || path == "" {
				return true
			}
			file, err := tool.Open(path)
			var sum string
			if err == nil {
				sum, err = digest(file)
				file.Close()
			}
			verdict := "OK"
			switch {
			case err != nil:
				verdict = "FAILED open or read"
			case sum != strings.ToLower(want):
				verdict = "FAILED"
			}
			failed = failed || verdict != "OK"
			if !silent && (!quiet || verdict != "OK") {
				tool.Printf("%s: %s\n", tool.Printable(path), verdict)
			}
			return true
		})
	})
	if failed {
		return 1
	}
	return status
}
