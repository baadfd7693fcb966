package attributes

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/remove"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// What chown -R and chmod -R do is done to the files that they have found.
func TestRecursionFollowsNoDirectoryThatIsSwapped(t *testing.T) {
	tooltest.Tree(t, "d/", "d/f", "keep/", "keep/f")
	status := all("chmod", []string{"d"}, true, false, func(e *walk.File) error {
		if e.Name != "f" {
			return nil
		}
		return errors.Join(os.Rename("d", "moved"), os.Symlink("keep", "d"), e.Chmod(0o640, false), e.Chown(os.Getuid(), os.Getgid(), false))
	})
	kept, err := os.Stat("keep/f")
	changed, err2 := os.Stat("moved/f")
	if err := errors.Join(err, err2); err != nil || status != 0 || kept.Mode().Perm() != 0o600 || changed.Mode().Perm() != 0o640 {
		t.Errorf("status %d, %v, %v, %v", status, kept, changed, err)
	}
	if err := walk.Argument("d").Chmod(0o700, false); err == nil {
		t.Error("the mode of a link's target is changed")
	}
}

// A container that swaps a directory with a link all the time gains nothing either.
func TestRemovalAgainstARace(t *testing.T) {
	tooltest.Tree(t, "keep/", "keep/secret", "x/")
	if err := os.Symlink("../keep", "x/link"); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, "top/d", unix.AT_FDCWD, "x/link", unix.RENAME_EXCHANGE)
			}
		}
	}()
	for range 200 {
		_ = os.MkdirAll("top/d/e", 0o700)
		for _, name := range []string{"top/d/f", "top/d/e/f"} {
			if file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o600); err == nil {
				file.Close()
			}
		}
		_, _ = tooltest.Call(t, "", func(args []string) int {
			return all("", args, true, true, func(f *walk.File) error { return f.Chmod(0o700, f.Link()) })
		}, "top")
		_, _ = tooltest.Call(t, "", remove.Rm, "-rf", "top")
	}
	close(stop)
	<-ended
	if info, err := os.Stat("keep/secret"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("it is %v, %v", info, err)
	}
}
