//go:build linux

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setFilter sets the filter of a tracepoint's event, perf_event_open(2), PERF_EVENT_IOC_SET_FILTER.
func setFilter(fd int, filter string) error {
	text, err := unix.BytePtrFromString(filter)
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_SET_FILTER, uintptr(unsafe.Pointer(text))); errno != 0 {
		return errno
	}
	return nil
}
