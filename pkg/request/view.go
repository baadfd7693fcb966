package request

// View asks for a root directory of the command's own: the entries of the container's root directory, and the
// toolbox beside them; or a tree of tools. The container does not change.
type View struct {
	// Tools are the names of the toolbox's programs. Each is a link to the one program. Without names there is no
	// toolbox.
	Tools Words `json:"tools"`
	// Hide is an entry of the container's root directory that the view leaves out; "" for none.
	Hide string `json:"hide,omitempty"`
	// Program is the descriptor from which the helper reads the toolbox's program, if it is started locally.
	Program int `json:"program,omitempty"`
	// ProgramPath is the program's file in the helper's own container, if Program is 0.
	ProgramPath Word `json:"programPath,omitempty"`
	// Tree is a directory of the helper's own container, such as / if that was made from an image with tools. It
	// becomes the command's root directory, and the container's root directory is at /target; "" for neither.
	Tree Word `json:"tree,omitempty"`
	// Host means that the command has the host's root directory, with that of the container Base at /target. Then there
	// is no toolbox.
	Host bool `json:"host,omitempty"`
	// Files are programs of the client's machine, beside those of the toolbox. They replace tools of the same name.
	Files []File `json:"files,omitempty"`
	// Content is the descriptor from which the helper reads the files' content, one after another, if it is started
	// locally. From a client, the content follows the request.
	Content int `json:"content,omitempty"`
	// HostDir is a directory of the engine's host whose programs are there in place of Files; "" for none. It is an
	// absolute path.
	HostDir Word `json:"hostDir,omitempty"`
	// OwnDirs are directories of the helper's own container whose programs are there in place of Files: those in the
	// PATH of the image that it was made from.
	OwnDirs Words `json:"ownDirs,omitempty"`
}

// File is a program, or a link to another one in the same directory.
type File struct {
	Name Word  `json:"name"`
	Size int64 `json:"size,omitempty"` // in bytes; 0 for a link
	Link Word  `json:"link,omitempty"` // the other one's name; "" for a program
}

// The limits of Files.
const (
	MaxFiles     = 4096
	MaxFileBytes = 64 << 20 // all of them together
)

// ContentSize returns the size of the files' content in bytes.
func (v *View) ContentSize() (total int64) {
	if v == nil {
		return 0
	}
	for _, f := range v.Files {
		total += f.Size
	}
	return total
}
