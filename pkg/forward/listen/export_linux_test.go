package listen

// For tests.
var (
	Permit  = permit
	Callers = callers
)
