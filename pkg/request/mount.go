package request

// MountAction is what a Mount asks for.
type MountAction string

// The values of MountAction.
const (
	MountAttach MountAction = "mount"
	MountDetach MountAction = "umount"
	MountList   MountAction = "list"
)

// MountType is the type of a mount, as for docker run --mount.
type MountType string

// The values of MountType.
const (
	MountBind   MountType = "bind"
	MountVolume MountType = "volume"
	MountTmpfs  MountType = "tmpfs"
)

// Mount asks to mount something into the container of the request's base, to unmount it, or to list what was mounted
// this way, instead of running a command.
type Mount struct {
	Action MountAction `json:"action"`
	Type   MountType   `json:"type,omitempty"`
	// From is the container that Source is a path of; nil for the engine's host. For a volume it is the container that
	// keeps the engine from removing it.
	From *Source `json:"from,omitempty"`
	// Source is an absolute path, and Volume the name of a volume.
	Source Word   `json:"source,omitempty"`
	Volume string `json:"volume,omitempty"`
	// Target is an absolute path in the container.
	Target Word `json:"target,omitempty"`
	// ReadOnly applies to the mounts beneath Source too, which come along unless Single.
	ReadOnly bool `json:"readOnly,omitempty"`
	Single   bool `json:"single,omitempty"`
	// Slave means that what is mounted beneath Source later appears in the container too.
	Slave bool `json:"slave,omitempty"`
	// NoCopy means that a volume may be empty while the image has files at Target, which docker run would copy.
	NoCopy bool `json:"noCopy,omitempty"`
	// Mkdir makes Target, and its directories, if it is missing.
	Mkdir bool `json:"mkdir,omitempty"`
	// MapIDs shows the owner of Source as the container's root. Force does so even if that is root or a user of the
	// system.
	MapIDs bool `json:"mapIDs,omitempty"`
	Force  bool `json:"force,omitempty"`
	// Flags and Options are those of a tmpfs: the mount's flags, such as noexec, and parameters of the file system, whose
	// value is "" if they have none.
	Flags   []string    `json:"flags,omitempty"`
	Options [][2]string `json:"options,omitempty"`
	// Lazy detaches a mount that is in use.
	Lazy bool `json:"lazy,omitempty"`
	// By is who asks, as the client says.
	By string `json:"by,omitempty"`
	// Keeper is a random name of a call with --keep, which asks for one mount in each run of the container. It may ask again
	// if it has lost the answer.
	Keeper string `json:"keeper,omitempty"`
}

// MountOption returns a parameter of a file system as mount(8) has it.
func MountOption(o [2]string) string {
	if o[1] == "" {
		return o[0]
	}
	return o[0] + "=" + o[1]
}
