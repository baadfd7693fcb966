package launch

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// NewCall is a number that no other call has.
func NewCall() request.Call {
	const size = 16
	number := make([]byte, size)
	_, _ = rand.Read(number) // it never fails
	return request.Call(hex.EncodeToString(number))
}
