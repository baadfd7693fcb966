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
		if err := setOptions(q, strings.Split(options, ",")); err != nil {
			return nil, err
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

// setOptions applies the options of docker run -v, which has at most one of each kind.
func setOptions(q *request.Mount, options []string) error {
	given := make(map[string]string)
	for _, option := range options {
		if err := setOption(q, option); err != nil {
			return err
		}
		kind := option
		switch option {
		case "ro", "readonly", "rw":
			kind = "ro or rw"
		case "cached", "delegated", "consistent":
			kind = "consistency"
		case "private", "rprivate", "slave", "rslave":
			kind = "propagation"
		}
		if other, twice := given[kind]; twice {
			return fmt.Errorf("%s and %s cannot be used together", other, option)
		}
		given[kind] = option
	}
	if q.NoCopy && q.Type != request.MountVolume {
		return errors.New("nocopy: only a volume gets a copy of the files at its target")
	}
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
	source, rest, err := cutSource(value)
	if err != nil {
		return nil, fmt.Errorf("--mount: %w", err)
	}
	var parsed opts.MountOpt
	if err := parsed.Set(rest); err != nil {
		return nil, fmt.Errorf("--mount: %w", err)
	}
	m := parsed.Value()[0]
	q := &request.Mount{Action: request.MountAttach, Type: request.MountType(m.Type), ReadOnly: m.ReadOnly}
	switch q.Type {
	case request.MountBind:
		err = setBind(q, source, &parsed)
	case request.MountVolume:
		err = setVolume(q, source, &parsed)
	case request.MountTmpfs:
		if source != "" {
			return nil, errors.New("--mount: type=tmpfs: a tmpfs has no source")
		}
		err = setTmpfs(q, longTmpfs(&parsed))
	default:
		err = fmt.Errorf("--mount: type=%s: bind, volume and tmpfs are supported", m.Type)
	}
	if err != nil {
		return nil, err
	}
	return q, setTarget(q, m.Target)
}

// cutSource takes the source out of a value of --mount. MountOpt, which parses the rest, does not get it: it would make a
// path of this machine of one that begins with a dot, and the engine's host may be another one.
func cutSource(value string) (source, rest string, err error) {
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return "", "", err
	}
	for i, field := range fields {
		key, text, ok := strings.Cut(field, "=")
		switch strings.ToLower(key) {
		case "source", "src":
			if ok {
				source, fields[i] = text, key+"=" // of several, the last one counts
			}
		}
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	err = w.Write(fields)
	w.Flush()
	return source, b.String(), err
}

// setBind applies what --mount says of a bind mount.
func setBind(q *request.Mount, source string, parsed *opts.MountOpt) error {
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
func setVolume(q *request.Mount, name string, parsed *opts.MountOpt) error {
	if q.Volume = name; name == "" {
		return errors.New("--mount: a volume without a name could not be found again: name one with src=")
	}
	v := parsed.Value()[0].VolumeOptions
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

// The options of docker run --tmpfs. tmpfsParameters are those of the file system that have a value, and tmpfsSwitches those
// that have none. tmpfsFlags are those of the mount. tmpfsOpposites undo one of these two, and tmpfsUsual name what holds
// without options.
var (
	tmpfsParameters = []string{"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}
	tmpfsSwitches   = []string{"sync", "dirsync", "mand"}
	tmpfsFlags      = []string{"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "strictatime"}
	tmpfsOpposites  = map[string]string{
		"rw": "ro", "suid": "nosuid", "dev": "nodev", "exec": "noexec", "atime": "noatime", "diratime": "nodiratime",
		"nostrictatime": "strictatime", "async": "sync", "nomand": "mand",
	}
	tmpfsUsual = []string{"defaults", "relatime", "norelatime", "private", "rprivate"}
)

// setTmpfs sorts the options of docker run --tmpfs into flags of the mount and parameters of the file system, and adds
// those that it has without options. Of options that exclude each other, the last one counts.
func setTmpfs(q *request.Mount, given []string) error {
	q.Flags = []string{"nosuid", "nodev", "noexec"}
	var switches []string
	set := map[string]string{"mode": "1777"}
	for _, option := range given {
		name, value, hasValue := strings.Cut(option, "=")
		switch undoes := tmpfsOpposites[option]; {
		case hasValue && value != "" && slices.Contains(tmpfsParameters, name):
			if !isTmpfsValue(name, value) {
				return fmt.Errorf("%s: tmpfs(5) has no such value of %s", option, name)
			}
			set[name] = value
		case undoes != "":
			isThat := func(have string) bool { return have == undoes }
			q.Flags, switches = slices.DeleteFunc(q.Flags, isThat), slices.DeleteFunc(switches, isThat)
		case slices.Contains(tmpfsFlags, option):
			q.Flags = addOnce(q.Flags, option)
		case slices.Contains(tmpfsSwitches, option):
			switches = addOnce(switches, option)
		case !slices.Contains(tmpfsUsual, option):
			return exit.Hint(fmt.Errorf("unknown option %q of a tmpfs", option),
				"known are %s=, %s, and their opposites", strings.Join(tmpfsParameters, "=, "), strings.Join(slices.Concat(tmpfsFlags, tmpfsSwitches), ", "))
		}
	}
	if slices.Contains(q.Flags, "strictatime") { // as mount(2) has it
		q.Flags = slices.DeleteFunc(q.Flags, func(have string) bool { return have == "noatime" })
	}
	for _, name := range tmpfsParameters {
		if value, ok := set[name]; ok {
			q.Options = append(q.Options, [2]string{name, value})
		}
	}
	for _, name := range switches {
		q.Options = append(q.Options, [2]string{name})
	}
	return nil
}

// isTmpfsValue reports whether a parameter can have a value, as far as the kernel does not say which one is wrong.
func isTmpfsValue(name, value string) bool {
	const bits, allBits = 32, 0o7777
	var err error
	switch name {
	case "mode":
		var mode uint64
		mode, err = strconv.ParseUint(value, 8, bits)
		return err == nil && mode <= allBits
	case "uid", "gid":
		_, err = strconv.ParseUint(value, 10, bits)
	case "size":
		_, err = strconv.ParseUint(strings.TrimRight(strings.TrimSuffix(value, "%"), "kKmMgGtTpPeE"), 0, 64)
	case "nr_inodes", "nr_blocks":
		_, err = strconv.ParseUint(strings.TrimRight(value, "kKmMgGtTpPeE"), 0, 64)
	}
	return err == nil
}

// addOnce adds an option to a list, unless it is there.
func addOnce(list []string, option string) []string {
	if slices.Contains(list, option) {
		return list
	}
	return append(list, option)
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
