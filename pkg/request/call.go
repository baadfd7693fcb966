package request

// Call identifies one call through the engine: 128 random bits in hexadecimal. It is part of the
// name, the label and the file names of the helper's container, so that no image can predict them.
type Call string

// Directory is the directory of the call's programs at the root of its helper's container, if that has another
// image. An image's author could make files and volumes with any name that can be predicted.
func (c Call) Directory() string { return "/docker-nsjoin-" + string(c) }
