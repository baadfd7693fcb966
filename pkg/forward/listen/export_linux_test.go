package listen

// Permit is for tests.
var Permit = permit
