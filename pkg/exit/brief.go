package exit

// Brief returns err with the text of its reason alone, for a message that names the subject itself. What err wraps stays,
// such as a hint.
func Brief(err, reason error) error { return &brief{err, reason} }

type brief struct{ err, reason error }

func (b *brief) Error() string { return b.reason.Error() }

// Unwrap returns the whole error.
func (b *brief) Unwrap() error { return b.err }
