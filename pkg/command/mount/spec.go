package mount

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/opts"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// parseShort parses SOURCE:TARGET[:OPTIONS] as docker run -v does, and TARGET[:OPTIONS] for a tmpfs as --tmpfs does.
// from says that SOURCE is a path in another container.
func parseShort(spec string, kind request.MountType, from bool) (*request.Mount, error) {
	q := &request.Mount{Action: request.MountAttach, Type: kind}
	if kind == request.MountTmpfs {
		target, options, given := strings.Cut(spec, ":")
		var list []string
		if given {
			list = strings.Split(options, ",")
		}
		if err := setTmpfs(q, list); err != nil {
			return nil, err
		}
		return q, setTarget(q, target)
	}
	source, rest, ok := strings.Cut(spec, ":")
	target, options, given := strings.Cut(rest, ":")
	if !ok || source == "" || target == "" {
		return nil, exit.Hint(fmt.Errorf("%q: must be SOURCE:TARGET or SOURCE:TARGET:OPTIONS", spec), "docker nsjoin mount --help has examples")
	}
	if len(source) == 1 && (rest[0] == '\\' || strings.HasPrefix(options, "/")) {
		return nil, exit.Hint(fmt.Errorf("%q: SOURCE is a path of Windows, which the engine's host does not have", spec), "name the path on the engine's host")
	}
	isPath := strings.ContainsRune(source, '/') || source == "." || source == ".." || from
	switch {
	case kind == "" && isPath, kind == request.MountBind:
		q.Type, q.Source = request.MountBind, request.Word(source)
	case isPath:
		return nil, fmt.Errorf("%q is not the name of a volume", source)
	default:
		q.Type, q.Volume = request.MountVolume, source
	}
	if given {
		for option := range strings.SplitSeq(options, ",") {
			if err := setOption(q, option); err != nil {
				return nil, err
			}
		}
	}
	return q, setTarget(q, target)
}

// setTarget sets the target, which must be absolute.
func setTarget(q *request.Mount, target string) error {
	if !path.IsAbs(target) {
		return fmt.Errorf("%q: the path in the container must be absolute", target)
	}
	q.Target = request.Word(path.Clean(target))
	return nil
}

// setOption applies an option of docker run -v.
func setOption(q *request.Mount, option string) error {
	switch option {
	case "ro", "readonly":
		q.ReadOnly = true
	case "rw", "private", "rprivate", "cached", "delegated", "consistent": // as without it
	case "slave", "rslave":
		q.Slave = true
	case "nocopy":
		q.NoCopy = true
	case "shared", "rshared":
		return fmt.Errorf("%s: what the container mounts there would appear on the host: only private and slave mounts are made", option)
	case "z", "Z":
		return exit.Hint(fmt.Errorf("%s: files on the host are not labelled again", option), "chcon -t container_file_t labels them for containers")
	default:
		return exit.Hint(fmt.Errorf("unknown option %q", option), "ro, rw, rprivate, rslave and nocopy are known")
	}
	return nil
}

// parseLong parses the value of --mount as docker run does.
func parseLong(value string) (*request.Mount, error) {
	var parsed opts.MountOpt
	if err := parsed.Set(value); err != nil {
		return nil, fmt.Errorf("--mount: %w", err)
	}
	m := parsed.Value()[0]
	q := &request.Mount{Action: request.MountAttach, Type: request.MountType(m.Type), ReadOnly: m.ReadOnly}
	var err error
	switch q.Type {
	case request.MountBind:
		err = setBind(q, &parsed, typedSource(value))
	case request.MountVolume:
		err = setVolume(q, &parsed)
	case request.MountTmpfs:
		err = setTmpfs(q, longTmpfs(&parsed))
	default:
		err = fmt.Errorf("--mount: type=%s: bind, volume and tmpfs are supported", m.Type)
	}
	if err != nil {
		return nil, err
	}
	return q, setTarget(q, m.Target)
}

// typedSource returns the source in the value of --mount as it was typed. MountOpt makes one that begins with a dot a path
// of this machine, which the engine's host may not be.
func typedSource(value string) (source string) {
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return ""
	}
	for _, field := range fields {
		switch key, text, _ := strings.Cut(field, "="); strings.ToLower(key) {
		case "source", "src":
			source = text
		}
	}
	return source
}

// setBind applies what --mount says of a bind mount.
func setBind(q *request.Mount, parsed *opts.MountOpt, source string) error {
	if source == "" {
		return exit.Hint(errors.New("--mount: a bind mount needs a source"), "name the directory or file of the engine's host with src=")
	}
	q.Source = request.Word(source)
	b := parsed.Value()[0].BindOptions
	if b == nil {
		return nil
	}
	if b.Propagation != "" {
		if err := setOption(q, string(b.Propagation)); err != nil {
			return err
		}
	}
	q.Single = b.NonRecursive
	if b.ReadOnlyNonRecursive {
		return errors.New("--mount: bind-recursive=writable: the mounts beneath a read-only one are read-only too")
	}
	return nil
}

// setVolume applies what --mount says of a volume.
func setVolume(q *request.Mount, parsed *opts.MountOpt) error {
	m := parsed.Value()[0]
	if q.Volume = m.Source; q.Volume == "" {
		return errors.New("--mount: a volume without a name could not be found again: name one with src=")
	}
	v := m.VolumeOptions
	if v == nil {
		return nil
	}
	driver := v.DriverConfig // MountOpt makes an empty one for every option of volumes
	if v.Subpath != "" || driver != nil && (driver.Name != "" || len(driver.Options) > 0) || len(v.Labels) > 0 {
		return exit.Hint(errors.New("--mount: volume-subpath, volume-driver, volume-opt and volume-label are not supported"),
			"docker volume create makes a volume with them")
	}
	q.NoCopy = v.NoCopy
	return nil
}

// longTmpfs returns what --mount says of a tmpfs as options of docker run --tmpfs.
func longTmpfs(parsed *opts.MountOpt) (options []string) {
	m := parsed.Value()[0]
	if m.ReadOnly {
		options = append(options, "ro")
	}
	if t := m.TmpfsOptions; t != nil {
		if t.SizeBytes > 0 {
			options = append(options, "size="+strconv.FormatInt(t.SizeBytes, 10))
		}
		if t.Mode != 0 {
			options = append(options, fmt.Sprintf("mode=%o", t.Mode))
		}
	}
	return options
}

// tmpfsParameters are those of the file system.
var tmpfsParameters = []string{"size", "mode", "uid", "gid", "nr_inodes"}

// setTmpfs sorts the options of docker run --tmpfs into flags of the mount and parameters of the file system, and adds
// those that it has without options.
func setTmpfs(q *request.Mount, given []string) error {
	q.Flags = []string{"nosuid", "nodev", "noexec"}
	set := map[string]string{"mode": "1777"}
	for _, option := range given {
		name, value, hasValue := strings.Cut(option, "=")
		positive := map[string]string{"suid": "nosuid", "dev": "nodev", "exec": "noexec", "rw": "ro"}[name]
		switch {
		case hasValue && slices.Contains(tmpfsParameters, name):
			set[name] = value
		case !hasValue && positive != "":
			q.Flags = slices.DeleteFunc(q.Flags, func(flag string) bool { return flag == positive })
		case !hasValue && slices.Contains([]string{"ro", "nosuid", "nodev", "noexec"}, name):
			if !slices.Contains(q.Flags, name) {
				q.Flags = append(q.Flags, name)
			}
		default:
			return exit.Hint(fmt.Errorf("unknown option %q of a tmpfs", option),
				"rw, ro, exec, noexec, suid, nosuid, dev, nodev, size=, mode=, uid=, gid= and nr_inodes= are known")
		}
	}
	for _, name := range tmpfsParameters {
		if value, ok := set[name]; ok {
			q.Options = append(q.Options, [2]string{name, value})
		}
	}
	return nil
}

// typeFlag is the value of --type.
type typeFlag struct{ kind *request.MountType }

func (f *typeFlag) String() string { return string(*f.kind) }
func (f *typeFlag) Type() string   { return "string" }

func (f *typeFlag) Set(value string) error {
	types := []request.MountType{request.MountBind, request.MountVolume, request.MountTmpfs}
	if *f.kind = request.MountType(value); !slices.Contains(types, *f.kind) {
		return errors.New("must be bind, volume or tmpfs")
	}
	return nil
}
