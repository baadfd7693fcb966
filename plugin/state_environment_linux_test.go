//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// titleVariable makes the test program overwrite its environment, as programs do that show their state in
// ps.
const titleVariable = "NSJOIN_TEST_TITLE"

// Package initialization runs before the tests.
var _ = showTitle()

func showTitle() error {
	if os.Getenv(titleVariable) == "" {
		return nil
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	start, _ := strconv.ParseInt(fields[50-3], 10, 64)
	end, _ := strconv.ParseInt(fields[51-3], 10, 64)
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	title := append([]byte("nginx: master process /usr/sbin/nginx\x00LEFT=over"), make([]byte, end-start)...)
	if _, err := mem.WriteAt(title[:end-start], start); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}

func testOverwrittenEnvironment(t *testing.T) {
	c := newCaller(t)
	web := c.containerWithProgram(t, "/title", testProgram(t), "-e", titleVariable+"=1", "-e", "SECRET=kept")
	eventually(t, "it has overwritten it", func() bool { return docker(t, "logs", web) == "ready" })
	pid := "pid:" + initOf(t, web)
	want := "HOME=/root\nLEFT=over\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	got := c.says(t, "nsjoin", pid, "sh", "-c", "env | grep -v -e ^PWD= -e ^SHLVL= | sort")
	if got != want {
		t.Errorf("the environment is\n%s\nwant\n%s", got, want)
	}
	if got := c.says(t, "nsjoin", "-e", "PATH=/bin", pid, "sh", "-c", "echo $PATH"); got != "/bin" {
		t.Errorf("PATH is %s", got)
	}
}
