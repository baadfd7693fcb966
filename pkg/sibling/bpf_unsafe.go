//go:build linux

package sibling

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attachTypes are the places of a group where the kernel calls a BPF program, enum bpf_attach_type of
// include/uapi/linux/bpf.h. A kernel refuses those that it does not know.
var attachTypes = []uint32{
	0, 1, 2, 3, // packets in and out, sockets, socket operations
	deviceType,
	8, 9, 10, 11, 12, 13, 14, 15, // addresses
	18,             // sysctl
	19, 20, 21, 22, // addresses, socket options
	29, 30, 31, 32, 34, // names of peers and sockets, their release
	lsmType,
	49, 50, 51, 52, 53, // UNIX sockets
}

const (
	deviceType = 6
	lsmType    = 43
)

// Flags of include/uapi/linux/bpf.h.
const (
	flagOverride = 1 << 0
	flagMulti    = 1 << 1
	queryEffect  = 1 << 0
	mostPrograms = 64 // BPF_CGROUP_MAX_PROGS of the kernel
)

// copyPrograms attaches the BPF programs of a group, whose directory is open as from, to another one. It fails if the
// kernel would not call the same programs for both then.
func copyPrograms(from, to int) error {
	for _, kind := range attachTypes {
		ids, flags, err := query(from, kind, 0)
		if errors.Is(err, unix.EINVAL) && kind != deviceType {
			continue // this kernel does not have it
		}
		if err != nil {
			return fmt.Errorf("read the rules for devices: %w", err)
		}
		for _, id := range ids {
			if err := attach(to, kind, id, flags&(flagOverride|flagMulti)); err != nil {
				return fmt.Errorf("take the rules for devices over: %w", err)
			}
		}
		effect := uint32(queryEffect)
		if kind == lsmType {
			effect = 0 // the kernel has no such query for it
		}
		want, _, err := query(from, kind, effect)
		if err != nil {
			return fmt.Errorf("read the rules for devices: %w", err)
		}
		if got, _, err := query(to, kind, effect); err != nil || !slices.Equal(got, want) {
			return errors.New("the rules for devices are not the same")
		}
	}
	return nil
}

// query returns the IDs of the programs that are attached to a group, or with queryEffect those that the kernel calls.
func query(group int, kind, flags uint32) (ids []uint32, attached uint32, err error) {
	ids = make([]uint32, mostPrograms)
	attr := struct {
		group, kind, flags, attached uint32
		ids                          uint64
		count, _                     uint32
	}{group: uint32(group), kind: kind, flags: flags, ids: uint64(uintptr(unsafe.Pointer(&ids[0]))), count: mostPrograms}
	_, err = bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(ids)
	return ids[:min(attr.count, mostPrograms)], attr.attached, err
}

// attach attaches a program to a group.
func attach(group int, kind, id, flags uint32) error {
	byID := struct{ id, next, flags uint32 }{id: id}
	program, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&byID), unsafe.Sizeof(byID))
	if err != nil {
		return err
	}
	defer unix.Close(program)
	attr := struct{ group, program, kind, flags uint32 }{uint32(group), uint32(program), kind, flags}
	_, err = bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// bpf calls bpf(2).
func bpf(command uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(attr), size)
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
