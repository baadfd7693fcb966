//go:build !unix

package programs

import "os"

func statAt(path string) (info, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return info{}, err
	}
	return infoOf(st), nil
}

func statOf(f *os.File) (info, error) {
	st, err := f.Stat()
	if err != nil {
		return info{}, err
	}
	return infoOf(st), nil
}

// infoOf returns what a file is. It says of none that it is the same as another one, and of all that they may be executed.
func infoOf(st os.FileInfo) info {
	return info{
		regular: st.Mode().IsRegular(), link: st.Mode()&os.ModeSymlink != 0, dir: st.IsDir(), executable: true, size: st.Size(),
	}
}

func open(path string, links following) (*os.File, error) {
	if links == noLink && hasLink(path) {
		return nil, &os.PathError{Op: "open", Path: path, Err: ErrLink}
	}
	return os.Open(path)
}
