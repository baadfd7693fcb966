// Package composedir finds the name of the Compose project of a directory, as Compose does:
// https://docs.docker.com/compose/how-tos/project-name/
package composedir

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The variables that Compose reads, from its environment or from a file .env beside the Compose file:
// https://docs.docker.com/compose/how-tos/environment-variables/envvars/
const (
	nameVariable      = "COMPOSE_PROJECT_NAME"
	fileVariable      = "COMPOSE_FILE"
	separatorVariable = "COMPOSE_PATH_SEPARATOR"
)

// names are the names of Compose files, in Compose's order.
func names() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
}

// ErrNone says that there is no Compose file.
var ErrNone = errors.New("no Compose file in this directory or above it")

// Project returns the name of the project that Compose would use in the directory. environment returns a variable's
// value, "" if it is not set. What is not set there, Compose takes from .env in the directory, and the project's name also
// from .env beside the Compose file.
func Project(dir string, environment func(string) string) (string, error) {
	if name := environment(nameVariable); name != "" {
		return normal(name), nil
	}
	here, err := readDotEnv(dir)
	if err != nil {
		return "", err
	}
	if name := here[nameVariable]; name != "" {
		return normal(name), nil
	}
	files, err := find(dir, func(variable string) string { return cmp.Or(environment(variable), here[variable]) })
	if err != nil {
		return "", err
	}
	top := filepath.Dir(files[0])
	beside, err := readDotEnv(top)
	if err != nil {
		return "", err
	}
	if name := beside[nameVariable]; name != "" {
		return normal(name), nil
	}
	for _, file := range slices.Backward(files) { // the last one has precedence
		name, err := nameIn(file)
		if err != nil || name != "" {
			return normal(name), err
		}
	}
	if name := normal(filepath.Base(top)); name != "" {
		return name, nil
	}
	return "", fmt.Errorf("the directory %s gives no project name", top)
}

// find returns the absolute paths of the Compose files: at least one.
func find(dir string, variable func(string) string) ([]string, error) {
	if list := variable(fileVariable); list != "" {
		var files []string
		for name := range strings.SplitSeq(list, cmp.Or(variable(separatorVariable), string(os.PathListSeparator))) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(dir, name)
			}
			files = append(files, name)
		}
		return files, nil
	}
	for {
		for _, name := range names() {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
				return []string{filepath.Join(dir, name)}, nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, ErrNone
		}
		dir = parent
	}
}

// maxFile is how much of a file is read, in bytes.
const maxFile = 4 << 20

// lines calls visit with each line of a regular file until it returns false.
func lines(file string, visit func(string) bool) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	scanner := bufio.NewScanner(io.LimitReader(f, maxFile))
	scanner.Buffer(nil, maxFile)
	for scanner.Scan() {
		if !visit(scanner.Text()) {
			return nil
		}
	}
	return scanner.Err()
}

// readDotEnv returns the variables of Compose in the file .env of a directory, which may not exist. A value that contains
// variables is not evaluated: it would be another project's.
func readDotEnv(dir string) (map[string]string, error) {
	file := filepath.Join(dir, ".env")
	values := make(map[string]string)
	err := lines(file, func(line string) bool {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		key, value, ok := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); ok && slices.Contains([]string{nameVariable, fileVariable, separatorVariable}, key) {
			values[key] = scalar(value)
		}
		return true
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for key, value := range values {
		if strings.Contains(value, "$") {
			return nil, fmt.Errorf("%s in %s contains variables: name the project with --project", key, file)
		}
	}
	return values, err
}

// nameIn returns the top-level element name of a Compose file; "" if it has none. A name that contains variables is
// not evaluated.
func nameIn(file string) (name string, err error) {
	err = lines(file, func(line string) bool {
		value, ok := strings.CutPrefix(line, "name:")
		if ok {
			name = scalar(value)
		}
		return !ok
	})
	if err == nil && strings.Contains(name, "$") {
		return "", fmt.Errorf("the project's name in %s contains variables: name it with --project", file)
	}
	return name, err
}

// scalar returns a plain or quoted value on one line, without a comment.
func scalar(value string) string {
	value = strings.TrimSpace(value)
	for _, quote := range []string{`"`, `'`} {
		if rest, ok := strings.CutPrefix(value, quote); ok {
			value, _, _ = strings.Cut(rest, quote)
			return value
		}
	}
	if strings.HasPrefix(value, "#") {
		return ""
	}
	value, _, _ = strings.Cut(value, " #")
	return strings.TrimSpace(value)
}

// normal returns a project's name as Compose makes it of any text.
func normal(text string) string {
	kept := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(text))
	return strings.TrimLeft(kept, "_-")
}
