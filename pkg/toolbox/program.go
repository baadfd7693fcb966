package toolbox

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// program reads a packed program and checks its digest and its size.
type program struct {
	packed   io.Closer
	unpacked *zstd.Decoder
	sum      hash.Hash
	read     int64 // bytes
	want     description
	arch     string
}

func (p *program) Read(to []byte) (int, error) {
	n, err := p.unpacked.Read(to)
	p.sum.Write(to[:n])
	p.read += int64(n)
	switch {
	case p.read > p.want.size:
		return 0, fmt.Errorf("toolbox for linux/%s: it has more than %d bytes", p.arch, p.want.size)
	case errors.Is(err, io.EOF):
		if digest := hex.EncodeToString(p.sum.Sum(nil)); digest != p.want.digest {
			return n, fmt.Errorf("toolbox for linux/%s: it is of another release: its SHA-256 is %s, not %s", p.arch, digest, p.want.digest)
		}
	case err != nil:
		return n, fmt.Errorf("toolbox for linux/%s: %w", p.arch, err)
	}
	return n, err
}

func (p *program) Close() error {
	p.unpacked.Close()
	return p.packed.Close()
}
