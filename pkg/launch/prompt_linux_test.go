package launch

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileSystemsThatAnswer(t *testing.T) {
	for _, row := range []struct {
		path, system string
		isHere, want bool // isHere: this machine has mounted it, too
	}{
		{"/", "ext4 /dev/vda rw", false, true},
		{"/data", "tmpfs tmpfs rw", false, true},
		{"/", "fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0", true, true},
		{"/", "fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0", false, false}, // the mounter chooses the name
		{"/data", "fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0", true, false},
		{"/", "aufs none rw,si=1", true, true},
		{"/", "aufs none rw,si=1", false, false},
		{"/data", "ecryptfs /home rw", true, true},
		{"/data", "ecryptfs /silent rw", false, false},
		{"/host/proc/sys/fs/binfmt_misc", "autofs systemd-1 rw,fd=29", true, true},
		{"/host/proc/sys/fs/binfmt_misc", "autofs systemd-1 rw,fd=29", false, false},
		{"/data", "autofs systemd-1 rw,fd=29", true, false},
		{"/rootfs/proc/fs/nfsd", "nfsd nfsd rw", false, true},
		{"/rootfs/run/rpc_pipefs", "rpc_pipefs sunrpc rw", false, true},
		{"/rootfs/dev/binderfs", "binder binder rw", false, true},
		{"/", "fuse silent rw", true, false},
		{"/", "fuse silent rw", false, false},
		{"/data", "fuse.sshfs host:/ rw", false, false},
		{"/data", "nfs4 server:/ rw,hard", false, false},
		{"/", "overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B,upperdir=/x", false, true},
		{"/", "overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/mnt/remote,upperdir=/x", false, false},
		{"/", "overlay overlay rw,lowerdir=l/A:l/B,upperdir=c/diff", false, true},
		{"/", "overlay overlay rw,lowerdir=12/fs:11/fs,upperdir=13/fs", false, true},
		{"/", "overlay overlay rw,lowerdir=x/fs", false, false},
		{"/", "overlay overlay rw,lowerdir+=/var/lib/containers/storage/overlay/l/A,lowerdir+=/stargz/snapshots/2/fs", false, false},
		{"/", "overlay overlay rw,lowerdir+=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/2/fs", false, true},
		{"/", "overlay overlay rw", false, false},
	} {
		if got := answers(row.path, strings.Fields(row.system), func() bool { return row.isHere }); got != row.want {
			t.Errorf("%s on %s, here: %t: %t", row.system, row.path, row.isHere, got)
		}
	}
}

func TestMountedHere(t *testing.T) {
	var st unix.Stat_t
	if err := unix.Stat("/proc", &st); err != nil {
		t.Fatal(err)
	}
	if proc := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)); !isMountedHere(proc) || isMountedHere(proc+"0000") {
		t.Error(proc)
	}
}

// A process that has called chroot(2) does not show what is mounted outside of its root directory; if that is on another
// file system than the namespace's root directory, or is in the middle of one.
func TestSilentMountAfterChroot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	for _, row := range []struct{ name, mount, want string }{
		{"directory", "", ""},
		{"directory, silent", "mount -t overlay -o lowerdir=/a:/b over /silent", "overlay at /silent"},
		{"mount point", "mount --rbind /in /in", ""},
		{"mount point, silent", "mount -t overlay -o lowerdir=/a:/b over /silent && mount --rbind /in /in", "overlay at /silent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if found := SilentMount(chrooted(t, cmp.Or(row.mount, "true"))); found != row.want {
				t.Errorf("%q, want %q", found, row.want)
			}
		})
	}
}

// chrooted starts a process whose root directory is /in of a mount namespace with little else, after a shell command there.
func chrooted(t *testing.T, mount string) int {
	t.Helper()
	cmd := exec.Command("unshare", "-m", "sh", "-c", `mount -t tmpfs none /mnt && cd /mnt && mkdir a b silent in old &&
		for to in . in; do for dir in /bin /sbin /lib* /usr; do mkdir -p $to$dir && mount --bind $dir $to$dir || exit; done; done &&
		mkdir proc && mount --bind /proc proc && pivot_root . old && umount -l old && `+mount+` && echo ready && exec chroot /in cat`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, &errs)
		}
	})
	buf := make([]byte, 10)
	for _, said := range []string{"ready\n", "x"} { // cat runs
		if said == "x" {
			if _, err := in.Write([]byte(said)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := out.Read(buf); string(buf[:n]) != said {
			t.Fatalf("%q, %v", buf[:n], err)
		}
	}
	return cmd.Process.Pid
}
