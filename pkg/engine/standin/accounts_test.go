package standin_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// What engine and runtime read the users from at the start must not become a FIFO after it was looked at: a mount that
// another container can change is not there.
func TestUsersFilesOfOtherContainers(t *testing.T) {
	volume := container.MountPoint{Type: mount.TypeVolume, Name: "etc", Source: "/volumes/etc", Destination: "/etc", RW: true}
	bind := func(source, at string) container.MountPoint {
		return container.MountPoint{Type: mount.TypeBind, Source: source, Destination: at, RW: true}
	}
	other := func(mounts ...container.MountPoint) []container.Summary {
		return []container.Summary{{ID: "other", Names: []string{"/app"}, Mounts: mounts}}
	}
	link := map[string]container.PathStat{"/etc/group": {Mode: os.ModeSymlink, LinkTarget: "/shared/group"}}
	for name, row := range map[string]struct {
		mount  container.MountPoint
		others []container.Summary
		state  string
		files  map[string]container.PathStat
		by     string // "" if it is kept
	}{
		"a volume of its own":              {mount: volume},
		"a volume of another's":            {mount: volume, others: other(container.MountPoint{Type: mount.TypeVolume, Name: "etc", Destination: "/x"}), by: "app"},
		"a FIFO there":                     {mount: volume, others: other(volume), files: map[string]container.PathStat{"/etc/passwd": {Mode: os.ModeNamedPipe}}, by: "app"},
		"a directory in a volume":          {mount: volume, others: other(bind("/volumes", "/x")), by: "app"},
		"another volume":                   {mount: volume, others: other(container.MountPoint{Type: mount.TypeVolume, Name: "etc2", Source: "/volumes/etc2"})},
		"the original, which runs":         {mount: volume, state: "running", by: "web"},
		"the original, which may run soon": {mount: volume, state: "restarting", by: "web"},
		"a file":                           {mount: bind("/srv/passwd", "/etc/passwd"), others: other(bind("/srv", "/x")), by: "app"},
		"a file that nobody has":           {mount: bind("/srv/passwd", "/etc/passwd"), others: other(bind("/srv/pass", "/x"))},
		"the host's":                       {mount: bind("/etc/passwd", "/etc/passwd"), others: other(bind("/etc", "/x"))},
		"what a link leads to":             {mount: bind("/srv/shared", "/shared"), others: other(bind("/srv", "/x")), files: link, by: "app"},
		"what no link leads to":            {mount: bind("/srv/shared", "/shared"), others: other(bind("/srv", "/x"))},
		"a directory below":                {mount: bind("/srv/nginx", "/etc/nginx"), others: other(bind("/srv", "/x"))},
	} {
		s := &simulated{more: []container.MountPoint{row.mount}, others: row.others, state: row.state, files: row.files}
		var warned []string
		made, err := s.copy(t.Context(), s.register(t), standin.Options{}, func(text string) { warned = append(warned, text) })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := "left out of the copy: " + row.mount.Destination + " (" + row.by + " has it too"
		if kept := !s.without(); kept == (row.by != "") || kept == slices.ContainsFunc(warned, func(w string) bool { return strings.HasPrefix(w, want) }) {
			t.Errorf("%s: kept %t, warned %q", name, kept, warned)
		}
		if err := made.Remove(t.Context(), s); err != nil || len(s.records()) > 0 {
			t.Errorf("%s: %v, records %q", name, err, s.records())
		}
	}
}

// The engine itself does not see what is mounted over the users' files.
func TestUsersFilesBeneathAMount(t *testing.T) {
	s := &simulated{
		more:    []container.MountPoint{{Type: mount.TypeVolume, Name: "etc", Destination: "/etc"}},
		beneath: container.PathStat{Mode: os.ModeNamedPipe},
	}
	_, err := s.copy(t.Context(), s.register(t), standin.Options{}, noWarning)
	if err == nil || !strings.Contains(err.Error(), "without its mount /etc: its /etc/passwd is not what it should be") || slices.Contains(s.done, "start") || len(s.records()) > 0 {
		t.Errorf("%v, done %q, records %q", err, s.done, s.records())
	}
}

// A file may change in a way that nobody knows of. Then the start has a limit of time.
func TestStartThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{hangs: true, more: []container.MountPoint{{Type: mount.TypeVolume, Name: "etc", Destination: "/etc"}}}
		_, err := s.copy(t.Context(), s.register(t), standin.Options{}, noWarning)
		failed, hinted := err.(*exit.Error) //nolint:errorlint // the hint is what is printed
		if err == nil || !strings.Contains(err.Error(), "has not started it within 1m0s: /etc/passwd or /etc/group, which are in its mount /etc, may have become a FIFO") || hinted && failed.Hint == "" {
			t.Errorf("%v", err)
		}
	})
}

// Podman's service says nothing about mounts of files, and makes a directory for a source that is gone.
func TestBindMountsOfPodman(t *testing.T) {
	const root = "/docker-nsjoin-c0ffee"
	s := &simulated{podman: true, files: map[string]container.PathStat{
		root + "/srv/engine": {Mode: os.ModeSocket}, root + "/srv/pipe": {Mode: os.ModeNamedPipe}, root + "/srv/files": {Mode: os.ModeDir},
		root + "/srv/flat": {Mode: os.ModeSymlink, LinkTarget: "/dev"},
	}, more: []container.MountPoint{
		{Type: mount.TypeVolume, Name: "plain", Destination: "/plain", RW: true},
		{Type: mount.TypeBind, Source: "/srv/a,src=/", Destination: "/comma"},
	}}
	var warned []string
	_, err := s.copy(t.Context(), s.register(t), standin.Options{}, func(text string) { warned = append(warned, text) })
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, m := range s.host.Mounts {
		have = append(have, m.Target)
	}
	if !slices.Equal(have, []string{"/data", "/files", "/tmpfs", "/other"}) || !slices.Equal(s.host.Binds, []string{"plain:/plain:nocopy,ro"}) || len(warned) != 4 {
		t.Errorf("mounts %q, volumes %q, warned %q", have, s.host.Binds, warned)
	}
}
