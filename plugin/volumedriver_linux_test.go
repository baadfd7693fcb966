//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// driverVariable turns the test program into a volume driver: see TestVolumeDriver.
const driverVariable = "NSJOIN_TEST_VOLUME_DRIVER"

// TestVolumeDriver is not a test: a script runs it beside an engine, in that engine's mount namespace. It serves the volume
// driver protocol, https://docs.docker.com/engine/extend/plugins_volume/, at the socket DIR/driver.sock, until the engine
// ends. Each volume is a tmpfs that is mounted as long as a container of the engine uses it. DIR/calls has a line for each
// call that changes something. The variable's value is PID:DIR, with the engine's process.
func TestVolumeDriver(t *testing.T) {
	number, dir, ok := strings.Cut(os.Getenv(driverVariable), ":")
	if !ok {
		return
	}
	pid, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "driver.sock"))
	if err != nil {
		t.Fatal(err)
	}
	calls, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	d := &volumeDriver{dir: dir, calls: calls, users: make(map[string]map[string]bool)}
	go func() { _ = http.Serve(socket, d) }()
	for ended := []unix.PollFd{{Fd: int32(engine), Events: unix.POLLIN}}; ended[0].Revents == 0; {
		_, _ = unix.Poll(ended, -1)
	}
}

type volumeDriver struct {
	dir   string
	calls *os.File
	mu    sync.Mutex
	users map[string]map[string]bool // of each volume that was made, the IDs of what has it mounted
}

type driverVolume struct {
	Name       string
	Mountpoint string
}

// driverAnswer is any answer of the protocol.
type driverAnswer struct {
	Implements   []string          `json:",omitempty"`
	Volume       *driverVolume     `json:",omitempty"`
	Volumes      []driverVolume    `json:",omitempty"`
	Mountpoint   string            `json:",omitempty"`
	Capabilities map[string]string `json:",omitempty"`
	Err          string
}

func (d *volumeDriver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var asked struct{ Name, ID string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	answer := &driverAnswer{}
	if err := d.do(r.URL.Path, asked.Name, asked.ID, answer); err != nil {
		answer.Err = err.Error()
	}
	w.Header().Set("Content-Type", "application/vnd.docker.plugins.v1.2+json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (d *volumeDriver) do(what, name, id string, answer *driverAnswer) (err error) {
	at := filepath.Join(d.dir, "volumes", name)
	users, exists := d.users[name]
	note := func(result string) { _, _ = fmt.Fprintln(d.calls, filepath.Ext(what)[1:], name, result) }
	switch what {
	case "/Plugin.Activate":
		answer.Implements = []string{"VolumeDriver"}
		return nil
	case "/VolumeDriver.Capabilities":
		answer.Capabilities = map[string]string{"Scope": "local"}
		return nil
	case "/VolumeDriver.List":
		for name := range d.users {
			answer.Volumes = append(answer.Volumes, driverVolume{Name: name})
		}
		return nil
	case "/VolumeDriver.Create":
		if !exists {
			d.users[name] = make(map[string]bool)
			note("made")
		}
		return os.MkdirAll(at, 0o755)
	}
	if !exists {
		return fmt.Errorf("no volume %s", name)
	}
	switch what {
	case "/VolumeDriver.Get":
		answer.Volume = &driverVolume{Name: name, Mountpoint: at}
	case "/VolumeDriver.Path":
		answer.Mountpoint = at
	case "/VolumeDriver.Mount":
		if _, broken := os.Stat(filepath.Join(d.dir, "broken")); broken == nil {
			note("failed")
			return fmt.Errorf("the disk of %s is broken", name)
		}
		if answer.Mountpoint = at; len(users) == 0 {
			err = unix.Mount(name, at, "tmpfs", 0, "")
		}
		users[id] = true
		note(fmt.Sprint(len(users)))
	case "/VolumeDriver.Unmount":
		if delete(users, id); len(users) == 0 {
			err = unix.Unmount(at, unix.MNT_DETACH)
		}
		note(fmt.Sprint(len(users)))
	case "/VolumeDriver.Remove":
		delete(d.users, name)
		note("removed")
	}
	return err
}
