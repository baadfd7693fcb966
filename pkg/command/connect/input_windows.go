package connect

import "os"

// input is standard input.
type input struct{ file *os.File }

func newInput(f *os.File) *input { return &input{f} }

func (in *input) Read(b []byte) (int, error) { return in.file.Read(b) }

// end does nothing: a read of a pipe or a console that waits cannot be ended.
func (in *input) end() {}

// ends reports whether the reader ends after end.
func (in *input) ends() bool { return isRegular(in.file) }

// reading is about inputs that are not regular.
func (in *input) reading() uint64 { return 0 }
