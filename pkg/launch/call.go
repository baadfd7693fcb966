package launch

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// NewCall returns a random ID for a call.
func NewCall() request.Call {
	const size = 16
	id := make([]byte, size)
	_, _ = rand.Read(id) // never fails
	return request.Call(hex.EncodeToString(id))
}
