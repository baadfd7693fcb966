package launch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// The archive has one directory at the root of the helper container. Its name contains the call's random
// ID: an image's author could make files and volumes with any name that can be predicted.
const (
	directory   = "docker-nsjoin-"
	helperFile  = "/docker-nsjoin-helper"
	requestFile = "/docker-nsjoin-request"
)

// Args returns the command line of the helper in the archive of a call.
func Args(call request.Call) []string {
	dir := "/" + directory + string(call)
	return []string{dir + helperFile, dir + requestFile}
}

// Archive returns a tar archive with the helper for arch and the request, compressed for slow links. The
// request must have a call ID.
func Archive(r *request.Request, arch string, compress bool) (io.Reader, error) {
	helper, size, err := payload.Helper(arch)
	if err != nil {
		return nil, err
	}
	dir := directory + string(r.Call)
	var document, head, tail bytes.Buffer
	if err := r.Write(&document); err != nil {
		return nil, err
	}
	// With userns-remap the files don't belong to the helper's user, which may lack CAP_DAC_OVERRIDE.
	begin := tar.NewWriter(&head)
	err = begin.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o555})
	if err == nil {
		err = begin.WriteHeader(&tar.Header{Name: dir + helperFile, Mode: 0o555, Size: size})
	}
	const block = 512
	tail.Write(make([]byte, (block-size%block)%block))
	w := tar.NewWriter(&tail)
	if err == nil {
		err = w.WriteHeader(&tar.Header{Name: dir + requestFile, Mode: 0o400, Size: int64(document.Len())})
	}
	if err == nil {
		_, err = document.WriteTo(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("make the helper's archive: %w", err)
	}
	archive := io.MultiReader(&head, helper, &tail)
	if compress {
		return gzipReader(archive), nil
	}
	return archive, nil
}

// gzipReader compresses the archive as it is read.
func gzipReader(archive io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		z, err := gzip.NewWriterLevel(in, gzip.BestSpeed)
		if err == nil {
			_, err = io.Copy(z, archive)
		}
		if err == nil {
			err = z.Close()
		}
		in.CloseWithError(err)
	}()
	return out
}
