package engine_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

func TestHelperRunsFromItsOwnImage(t *testing.T) {
	for _, id := range []string{"own ID", "own manifest"} {
		c := &fakeEngine{images: []string{"image of web", id}, received: make(chan []byte, 1)}
		s := newTestSpec(t, func(web *container.InspectResponse, _ *request.Request) {
			web.Config.Volumes = map[string]struct{}{"/data": {}}
		})
		h, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, []byte("request"), noWarning(t))
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if got := string(<-c.received); got != "request" {
			t.Errorf("on standard input comes %q", got)
		}
		if status, err := h.Wait(); err != nil || status != 42 {
			t.Errorf("status %d, %v", status, err)
		}
		config, host := c.configs[0], c.hostConfigs[0]
		for name, ok := range map[string]bool{
			"image":       config.Image == id && len(c.configs) == 1 && c.loaded == 0,
			"entrypoint":  slices.Equal(config.Entrypoint, []string{helperimage.Program}) && slices.Equal(config.Cmd, []string{"frames"}),
			"environment": !slices.Contains(config.Env, "SECRET"),
			"root":        host.ReadonlyRootfs,
			"mounts":      len(host.Mounts) == 0,
			"copy":        c.copied == nil,
			"wait":        c.until == container.WaitConditionNextExit,
			"name":        c.names[len(c.names)-1] == "docker-nsjoin-c0ffee",
		} {
			if !ok {
				t.Errorf("%s: %s: %+v, %+v", id, name, config, host)
			}
		}
	}
}

// The engine decides which of the IDs a loaded image has. It is of the engine's architecture, which is not
// this machine's here.
func TestOwnImageIsLoadedOnce(t *testing.T) {
	for _, id := range []string{"s390x ID", "s390x manifest"} {
		c, r := &fakeEngine{images: []string{"image of web"}, loads: id}, newRegister(t)
		var messages []string
		for range 2 {
			messages = append(messages, call(t, c, r, engine.Keep{}, nil)...)
		}
		if c.loaded != 1 || len(c.configs) != 2 || c.configs[1].Image != id || c.copied != nil {
			t.Errorf("%s: loaded %d times, created %+v", id, c.loaded, c.configs)
		}
		if want := []string{"load the image docker-nsjoin/helper:s390x, s390x ID"}; !slices.Equal(messages, want) {
			t.Errorf("%s: debug messages %q, want %q", id, messages, want)
		}
		if got := imageRecords(t, r); len(got) != 1 || !strings.HasPrefix(got[0], "s390x-") {
			t.Errorf("%s: recorded %q", id, got)
		}
	}
}

// A user who waits for a program to be sent sees what it is and how far that is.
func TestSendingIsShown(t *testing.T) {
	for loads, want := range map[string]string{"s390x ID": "sending the toolbox to the engine, ", "": "sending the toolbox to the engine, sent 9B, end"} {
		var shown []string
		f := files
		f.Copy = func(string, request.Call, bool, ...helperimage.Part) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("a program")), nil
		}
		f.Sending = func(what string, far func() string) (end func()) {
			shown = append(shown, what)
			return func() { shown = append(shown, "sent "+far(), "end") }
		}
		c, r := &fakeEngine{images: []string{"image of web"}, loads: loads}, newRegister(t)
		r.Debug = nil
		s := newTestSpec(t, nil)
		s.More = []helperimage.Part{helperimage.Toolbox}
		h, err := engine.StartHelper(t.Context(), c, r, f, engine.Keep{}, s, nil, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
		if got := strings.Join(shown, ", "); !strings.Contains(got, want) || !strings.HasSuffix(got, "end") {
			t.Errorf("%q: %q", loads, got)
		}
	}
}

// Where no image may be loaded, the helper is copied into a container of another one, and only docker --debug
// says so.
func TestImageThatCantBeLoaded(t *testing.T) {
	for want, c := range map[string]*fakeEngine{
		"authorization denied by plugin nothing: not for you": {},
		"no space left on device":                             {loads: "s390x ID", loadError: "no space left on device"},
		"create the helper's container: ":                     {loads: "another ID"}, // removed at once
	} {
		c.images = []string{"image of web"}
		r := newRegister(t)
		said := debugMessages(&r)
		h, err := engine.StartHelper(t.Context(), c, r, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
		messages := said()
		last := messages[len(messages)-1]
		if c.configs[0].Image != "image of web" || c.copied == nil || !strings.Contains(last, want) || !strings.HasSuffix(last, ": the helper is copied into a container of another image") {
			t.Errorf("created from %q, debug messages %q", c.configs[0].Image, messages)
		}
	}
}

// Capabilities that the engine can't grant don't make it load the image a second time.
func TestImageIsNotLoadedAgainForLessCapabilities(t *testing.T) {
	c := &fakeEngine{loads: "s390x ID", lacksCaps: true}
	s := newTestSpec(t, func(_ *container.InspectResponse, r *request.Request) { r.Privileged = true })
	h, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	if c.loaded != 1 || c.started != "helper2" {
		t.Errorf("loaded %d times, started %s", c.loaded, c.started)
	}
}

// An image that this user loaded is removed when another is loaded, by its ID and without force, if no version
// has used it for a week.
func TestOldImagesAreRemoved(t *testing.T) {
	const day = 24 * time.Hour
	c, r := &fakeEngine{images: []string{"image of web", "old ID", "busy manifest", "foreign ID", "other ID"}, loads: "s390x ID"}, newRegister(t)
	r.Debug = func(string) {}
	elsewhere := r
	elsewhere.Endpoint = "tcp://elsewhere"
	paths := []string{addImageRecord(t, r, "old"), addImageRecord(t, r, "busy"), addImageRecord(t, elsewhere, "other"), addImageRecord(t, r, "gone")}
	for i, age := range []time.Duration{8 * day, 6 * day, 9 * day, 100 * day} {
		setAge(t, paths[i], age)
	}
	call(t, c, r, engine.Keep{}, nil)
	if !slices.Equal(c.gone, []string{"old ID"}) {
		t.Errorf("removed %q", c.gone)
	}
	got := imageRecords(t, r)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], "-")
	}
	if slices.Sort(got); !slices.Equal(got, []string{"busy", "other", "s390x"}) {
		t.Errorf("recorded %q", got)
	}
}

// A container uses the image: the engine refuses, and the next call tries again.
func TestOldImageInUseStays(t *testing.T) {
	c, r := &fakeEngine{images: []string{"old ID"}, loads: "s390x ID", fails: map[string]error{"remove image": errors.New("in use")}}, newRegister(t)
	setAge(t, addImageRecord(t, r, "old"), 1000*time.Hour)
	call(t, c, r, engine.Keep{}, nil)
	if got := imageRecords(t, r); len(got) != 2 {
		t.Errorf("recorded %q", got)
	}
}

// Use is noted once a day, and only of an image that this user has loaded.
func TestUsedImageIsNotOld(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	for _, record := range []bool{false, true} {
		if record {
			name := addImageRecord(t, r, "own")
			setAge(t, name, 1000*time.Hour)
			defer func() {
				if info, err := os.Stat(name); err != nil || time.Since(info.ModTime()) > time.Hour {
					t.Errorf("the record is of %v, %v", info, err)
				}
			}()
		}
		if messages := call(t, c, r, engine.Keep{}, nil); len(messages) > 0 {
			t.Errorf("debug messages %q", messages)
		}
		if got := imageRecords(t, r); len(got) > 0 != record {
			t.Errorf("recorded %q", got)
		}
	}
}

// imageRecords lists the names of the records of images.
func imageRecords(t *testing.T, r engine.Register) []string {
	t.Helper()
	list, err := r.State.Lasting().List(state.Image)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// addImageRecord loads an image of that name on an engine without it and returns the path of its record.
func addImageRecord(t *testing.T, r engine.Register, name string) string {
	t.Helper()
	loading := engine.Files{
		Image: func(string, ...helperimage.Part) (*helperimage.Image, error) {
			return &helperimage.Image{ID: name + " ID", Manifest: name + " manifest", Name: "docker-nsjoin/helper:" + name}, nil
		},
		Copy: files.Copy,
	}
	debug := r.Debug
	defer func() { r.Debug = debug }()
	r.Debug = func(string) {}
	h, err := engine.StartHelper(t.Context(), &fakeEngine{loads: name + " ID"}, r, loading, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	if _, err := h.Wait(); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(r.State.Config, "docker-nsjoin", "image."+name+"-*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("records %q, %v, on %s", found, err, runtime.GOARCH)
	}
	return found[0]
}

// setAge makes a file older.
func setAge(t *testing.T, path string, age time.Duration) {
	t.Helper()
	changed := time.Now().Add(-age)
	if err := os.Chtimes(path, changed, changed); err != nil {
		t.Fatal(err)
	}
}

// Calls that find no image at the same time load it one after another, so that only the first one has to. One that was
// killed holds up no other.
func TestLoadingWaitsForOthers(t *testing.T) {
	r, own := newRegister(t), &helperimage.Image{ID: "own ID", Name: "docker-nsjoin/helper:own"}
	first, waited := r.BeginLoading(t.Context(), own, files)
	if first == nil || waited {
		t.Fatalf("%v, %t", first, waited)
	}
	elsewhere := r
	elsewhere.Endpoint = "tcp://elsewhere"
	if other, waited := elsewhere.BeginLoading(t.Context(), own, files); other == nil || waited {
		t.Errorf("another engine: %v, %t", other, waited)
	}
	var loading atomic.Int32
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			record, _ := r.BeginLoading(t.Context(), own, files)
			if loading.Add(1) > 1 || record == nil {
				t.Errorf("two at a time, or %v", record)
			}
			loading.Add(-1)
			record.Remove()
		})
	}
	first.Release() // as the kernel does when the process is killed
	all.Wait()
	first, _ = r.BeginLoading(t.Context(), own, files)
	ended, waits := make(chan bool), make(chan struct{})
	shows := files
	shows.Sending = func(string, func() string) (end func()) {
		close(waits)
		return func() {}
	}
	go func() {
		record, waited := r.BeginLoading(t.Context(), own, shows)
		record.Remove()
		ended <- waited
	}()
	select {
	case <-ended:
		t.Error("it has not waited")
	case <-waits:
		first.Remove()
		if !<-ended {
			t.Error("it does not say that it has waited")
		}
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if record, _ := r.BeginLoading(late, own, files); record != nil {
		t.Error("it has not noticed the end of the context")
	}
}

// A call that was stopped while it loads the image holds up no other for long, and the user sees what the other waits for.
func TestLoadingDoesNotWaitForever(t *testing.T) {
	r, own := newRegister(t), &helperimage.Image{ID: "own ID", Name: "docker-nsjoin/helper:own"}
	stopped, _ := r.BeginLoading(t.Context(), own, files)
	defer stopped.Remove()
	defer engine.SetLoadingTimeout(100 * time.Millisecond)()
	var messages, shown []string
	r.Debug = func(text string) { messages = append(messages, text) }
	f := files
	f.Sending = func(what string, _ func() string) (end func()) {
		shown = append(shown, what)
		return func() { shown = append(shown, "end") }
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	record, waited := r.BeginLoading(ctx, own, f)
	if record != nil || !waited || ctx.Err() != nil {
		t.Errorf("%v, waited: %t, %v", record, waited, ctx.Err())
	}
	if want := []string{"another call has been loading the helper's image for 100ms: this one loads it, too"}; !slices.Equal(messages, want) {
		t.Errorf("debug messages %q", messages)
	}
	if want := []string{"waiting for another call that sends the helper to the engine", "end"}; !slices.Equal(shown, want) {
		t.Errorf("shown %q", shown)
	}
}
