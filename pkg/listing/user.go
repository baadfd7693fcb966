package listing

import (
	"os/user"
	"strconv"
)

// userName returns a user's name on this host, or else the number.
func userName(uid uint32) string {
	number := userNumber(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

func userNumber(uid uint32) string {
	if uid == 0 {
		return "root"
	}
	return strconv.FormatUint(uint64(uid), 10)
}
