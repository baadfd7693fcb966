package request

// Call is the number of one call through the engine: 128 random bits in hexadecimal.
// The name, the label and the files of the helper's container have it, so that no image
// can foresee them.
type Call string
