// Package argv0 reads the name that a program was started by. It imports next to nothing, so that package
// metadata can use it before other packages are initialized.
package argv0

import "runtime"

// Base returns the file name of a program's path, on Windows in lower case and without .exe.
func Base(path string) string { return base(path, runtime.GOOS == "windows") }

func base(path string, windows bool) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' || windows && (path[i] == '\\' || path[i] == ':') {
			path = path[i+1:]
			break
		}
	}
	if !windows {
		return path
	}
	name := []byte(path)
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
	const suffix = ".exe"
	if n := len(name) - len(suffix); n >= 0 && string(name[n:]) == suffix {
		name = name[:n]
	}
	return string(name)
}
