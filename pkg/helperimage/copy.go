package helperimage

import (
	"archive/tar"
	"compress/gzip"
	"io"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// CopiedProgram is the path of the helper in a container of another image.
func CopiedProgram(call request.Call) string { return helper.copied(call) }

// copied is the path of the part in a container of another image.
func (p Part) copied(call request.Call) string { return call.Directory() + p.path }

// Copy returns a tar archive with the helper for linux/arch and more, to unpack at the root of a container. The caller
// closes it.
func Copy(arch string, call request.Call, compress bool, more ...Part) (io.ReadCloser, error) {
	parts := append([]Part{helper}, more...)
	for _, part := range parts { // before the engine is asked to unpack anything
		if _, err := part.layer(arch); err != nil {
			return nil, err
		}
	}
	return stream(compress, func(w *tar.Writer) error {
		// With userns-remap the files don't belong to the helper's user, which may lack CAP_DAC_OVERRIDE.
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: call.Directory()[1:] + "/", Mode: 0o555}); err != nil {
			return err
		}
		for _, part := range parts {
			if err := part.addCopy(w, arch, call); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// addCopy adds the part's program to an archive.
func (p Part) addCopy(w *tar.Writer, arch string, call request.Call) error {
	program, size, err := p.open(arch)
	if err != nil {
		return err
	}
	defer program.Close()
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p.copied(call)[1:], Mode: 0o555, Size: size}); err != nil {
		return err
	}
	_, err = io.Copy(w, program)
	return err
}

// stream returns a tar archive that write fills while it is read, compressed for slow links or not.
func stream(compress bool, write func(*tar.Writer) error) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		var to io.Writer = in
		var z *gzip.Writer
		if compress {
			z, _ = gzip.NewWriterLevel(in, gzip.BestSpeed) // fails for unknown levels only
			to = z
		}
		w := tar.NewWriter(to)
		err := write(w)
		if err == nil {
			err = w.Close()
		}
		if err == nil && z != nil {
			err = z.Close()
		}
		in.CloseWithError(err)
	}()
	return out
}
