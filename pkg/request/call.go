package request

// Call identifies one call through the engine: 128 random bits in hexadecimal. It is part of the
// name, the label and the file names of the helper's container, so that no image can predict them.
type Call string
