//go:build !linux && !darwin

package peercred

func of(int) (uid uint32, known bool, err error) { return 0, false, nil }
